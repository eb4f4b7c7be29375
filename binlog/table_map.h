/* The columns of a table as a TABLE_MAP event describes them. The log tells types always; names,
 * signs, charsets and values only as far as the server was told to
 * (binlog_row_metadata = NO_LOG | MINIMAL | FULL).
 * Source: MariaDB sql/log_event.h, Table_map_log_event; MySQL libs/mysql/binlog/event/rows_event.h
 */
#ifndef CAUSEWAY_BINLOG_TABLE_MAP_H
#define CAUSEWAY_BINLOG_TABLE_MAP_H

#include "binlog/event.h"

/* X(name, number): enum_field_types of the servers (include/mysql_com.h, field_types.h). */
#define COLUMN_TYPES(X)                                                                            \
    X(COLUMN_DECIMAL_OLD, 0)                                                                       \
    X(COLUMN_TINY, 1)                                                                              \
    X(COLUMN_SHORT, 2)                                                                             \
    X(COLUMN_LONG, 3)                                                                              \
    X(COLUMN_FLOAT, 4)                                                                             \
    X(COLUMN_DOUBLE, 5)                                                                            \
    X(COLUMN_NULL, 6)                                                                              \
    X(COLUMN_TIMESTAMP, 7)                                                                         \
    X(COLUMN_LONGLONG, 8)                                                                          \
    X(COLUMN_INT24, 9)                                                                             \
    X(COLUMN_DATE, 10)                                                                             \
    X(COLUMN_TIME, 11)                                                                             \
    X(COLUMN_DATETIME, 12)                                                                         \
    X(COLUMN_YEAR, 13)                                                                             \
    X(COLUMN_NEWDATE, 14)                                                                          \
    X(COLUMN_VARCHAR, 15)                                                                          \
    X(COLUMN_BIT, 16)                                                                              \
    X(COLUMN_TIMESTAMP2, 17)                                                                       \
    X(COLUMN_DATETIME2, 18)                                                                        \
    X(COLUMN_TIME2, 19)                                                                            \
    X(COLUMN_TYPED_ARRAY, 20)                                                                      \
    X(COLUMN_BLOB_COMPRESSED, 140)                                                                 \
    X(COLUMN_VARCHAR_COMPRESSED, 141)                                                              \
    X(COLUMN_VECTOR, 242)                                                                          \
    X(COLUMN_JSON, 245)                                                                            \
    X(COLUMN_DECIMAL, 246)                                                                         \
    X(COLUMN_ENUM, 247)                                                                            \
    X(COLUMN_SET, 248)                                                                             \
    X(COLUMN_TINY_BLOB, 249)                                                                       \
    X(COLUMN_MEDIUM_BLOB, 250)                                                                     \
    X(COLUMN_LONG_BLOB, 251)                                                                       \
    X(COLUMN_BLOB, 252)                                                                            \
    X(COLUMN_VAR_STRING, 253)                                                                      \
    X(COLUMN_STRING, 254)                                                                          \
    X(COLUMN_GEOMETRY, 255)

enum column_type {
#define X(name, number) name = (number),
    COLUMN_TYPES(X)
#undef X
};

enum {
    COLLATION_BINARY = 63,
    TABLE_COLUMNS_MAX = 4096,
};

struct table_column {
    /* The true type: CHAR, ENUM and SET, which all travel as STRING, are told apart here. All blobs
     * are COLUMN_BLOB. */
    uint8_t type;
    bool is_nullable;
    bool is_unsigned; /* numbers, where table_map.has_signedness */
    bool is_primary_key;
    bool is_invisible;   /* MySQL; never set where the log doesn't say */
    uint8_t len_bytes;   /* blobs, JSON, geometry: of the length prefix; ENUM, SET: of the value */
    uint8_t precision;   /* DECIMAL */
    uint8_t scale;       /* DECIMAL digits behind the point; TIME2...: digits of a fraction */
    uint16_t max_bytes;  /* CHAR and VARCHAR: the most that a value takes */
    uint16_t bits;       /* BIT */
    uint16_t key_prefix; /* characters of it in the primary key; 0: all */
    uint32_t collation;  /* id; 0: not told; COLLATION_BINARY: bytes, not text */
    uint32_t geometry_type; /* 0 geometry, 1 point, ...; where table_map.has_geometry */
    struct span name;       /* empty where not told */
    struct span values;     /* ENUM, SET: packed texts, see table_column_value(); empty: not told */
    uint32_t value_count;   /* how many */
};

struct table_map {
    uint64_t id;
    uint16_t flags;
    struct span schema;
    struct span name;
    uint32_t column_count;
    struct table_column *columns;
    bool has_signedness;
    bool has_collations; /* of text columns */
    bool has_names;
    bool has_values; /* ENUM and SET texts */
    bool has_primary_key;
    bool has_geometry;
    uint8_t *bytes; /* what the spans point into; owned */
};

/* Reads a TABLE_MAP event. A new table, or NULL and `error` (code, byte). All is copied: the table
 * outlives the event. table_map_free() it. */
struct table_map *table_map_parse(const struct binlog_event *event, struct binlog_error *error);
void table_map_free(struct table_map *table); /* NULL allowed */

/* 1: text; 0: bytes; -1: the log does not tell (CHAR and BLOB without a collation). */
int table_column_is_text(const struct table_column *column);

/* The text of ENUM value or SET member `at` < column->value_count. */
struct span table_column_value(const struct table_column *column, uint32_t at);

/* The column's type as SQL would write it, without length of text: "int unsigned", "decimal(10,2)",
 * "varchar(80)", "datetime(6)". NUL-terminated, cut at `size`. */
void table_column_type_print(const struct table_map *table, uint32_t at, char *out, size_t size);

/* --- the tables that a statement's rows events speak of --- */

struct table_registry {
    struct table_map **tables; /* sorted by id, owned */
    size_t count;
    size_t cap;
};

/* Takes ownership of `table`; one with the same id is replaced. False (and `table` freed) when
 * there is no room: a statement with more than 65536 tables is no statement. */
bool table_registry_put(struct table_registry *registry, struct table_map *table);
/* NULL: not there. */
const struct table_map *table_registry_find(const struct table_registry *registry, uint64_t id);
/* Frees all; usable again. */
void table_registry_clear(struct table_registry *registry);
void table_registry_free(struct table_registry *registry);

#endif
