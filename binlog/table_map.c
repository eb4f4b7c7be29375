/* TABLE_MAP: types, their metadata, and the optional fields behind them (table_metadata.c). */
#include "binlog/table_map.h"

#include "binlog/cursor.h"
#include "binlog/decimal.h"
#include "binlog/table_metadata.h"
#include "proxy/base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TABLES_MAX = 65536,
    DECIMALS_MAX = 6,
    BITS_MAX = 64,
    ENUM_BYTES_MAX = 2,
    SET_BYTES_MAX = 8,
    BLOB_LEN_BYTES_MAX = 4,
    STRING_TYPE_BITS = 0x30, /* of the metadata's first byte: inverted, they are bits 8, 9 of the
                                length */
};

void table_map_free(struct table_map *table)
{
    if (table == NULL)
        return;
    free(table->columns);
    free(table->bytes);
    free(table);
}

/* --- types --- */

/* CHAR, ENUM and SET: the true type and a length share two bytes. Source: MariaDB sql/field.cc,
 * Field_string::save_field_metadata. */
static bool string_metadata_take(struct cursor *metadata, struct table_column *column)
{
    uint8_t first = cursor_u8(metadata);
    uint8_t second = cursor_u8(metadata);

    column->max_bytes = second;
    column->type = first;
    if ((first & STRING_TYPE_BITS) != STRING_TYPE_BITS) {
        column->type = first | STRING_TYPE_BITS;
        column->max_bytes =
            (uint16_t)(second | ((first & STRING_TYPE_BITS) ^ STRING_TYPE_BITS) << 4);
    }
    column->len_bytes = second;
    switch (column->type) {
    case COLUMN_ENUM: return second >= 1 && second <= ENUM_BYTES_MAX;
    case COLUMN_SET: return second >= 1 && second <= SET_BYTES_MAX;
    case COLUMN_VAR_STRING: column->type = COLUMN_STRING; break;
    default: break;
    }
    column->len_bytes = 0;
    return column->type == COLUMN_STRING;
}

static bool bit_metadata_take(struct cursor *metadata, struct table_column *column)
{
    uint8_t odd_bits = cursor_u8(metadata);
    uint8_t bytes = cursor_u8(metadata);

    column->bits = (uint16_t)(bytes * 8 + odd_bits);
    return odd_bits < 8 && column->bits >= 1 && column->bits <= BITS_MAX;
}

static bool decimal_metadata_take(struct cursor *metadata, struct table_column *column)
{
    column->precision = cursor_u8(metadata);
    column->scale = cursor_u8(metadata);
    return decimal_bytes(column->precision, column->scale) > 0;
}

static bool blob_metadata_take(struct cursor *metadata, struct table_column *column)
{
    column->len_bytes = cursor_u8(metadata);
    return column->len_bytes >= 1 && column->len_bytes <= BLOB_LEN_BYTES_MAX;
}

static bool size_metadata_take(struct cursor *metadata, uint8_t size)
{
    return cursor_u8(metadata) == size;
}

static bool decimals_metadata_take(struct cursor *metadata, struct table_column *column)
{
    column->scale = cursor_u8(metadata);
    return column->scale <= DECIMALS_MAX;
}

/* False: the metadata is out of range. A type that isn't known gets none: what can't be read is
 * told when rows are read. */
static bool column_metadata_take(struct cursor *metadata, struct table_column *column)
{
    switch (column->type) {
    case COLUMN_FLOAT: return size_metadata_take(metadata, sizeof(float));
    case COLUMN_DOUBLE: return size_metadata_take(metadata, sizeof(double));
    case COLUMN_TINY_BLOB:
    case COLUMN_MEDIUM_BLOB:
    case COLUMN_LONG_BLOB: column->type = COLUMN_BLOB; return blob_metadata_take(metadata, column);
    case COLUMN_BLOB:
    case COLUMN_BLOB_COMPRESSED:
    case COLUMN_JSON:
    case COLUMN_VECTOR:
    case COLUMN_GEOMETRY: return blob_metadata_take(metadata, column);
    case COLUMN_VARCHAR:
    case COLUMN_VAR_STRING:
    case COLUMN_VARCHAR_COMPRESSED: column->max_bytes = cursor_u16(metadata); return true;
    case COLUMN_STRING:
    case COLUMN_ENUM:
    case COLUMN_SET: return string_metadata_take(metadata, column);
    case COLUMN_BIT: return bit_metadata_take(metadata, column);
    case COLUMN_DECIMAL: return decimal_metadata_take(metadata, column);
    case COLUMN_TIME2:
    case COLUMN_DATETIME2:
    case COLUMN_TIMESTAMP2: return decimals_metadata_take(metadata, column);
    default: return true;
    }
}

/* --- the event --- */

static int map_fail(const struct binlog_event *event, const struct table_map *table,
                    const uint8_t *at, struct binlog_error *error, const char *what)
{
    size_t skipped = (size_t)(event->body.data - event->raw.data) + (size_t)(at - table->bytes);

    return binlog_error_set(error, BINLOG_DAMAGED, event->offset + (event->is_inner ? 0 : skipped),
                            "Table_map event: %s", what);
}

/* Points into the table's own copy what points into the event. */
static struct span span_move(struct span span, const struct binlog_event *event,
                             const struct table_map *table)
{
    return span_of(table->bytes + (span.data - event->body.data), span.len);
}

static int columns_parse(const struct binlog_event *event, struct table_map *table,
                         struct cursor *body, struct binlog_error *error)
{
    uint64_t count = cursor_lenenc(body);
    struct span types;
    struct cursor metadata;
    struct span nullable;

    if (count > TABLE_COLUMNS_MAX)
        return map_fail(event, table, body->at, error, "more columns than a table can have");
    types = cursor_take(body, count);
    metadata = cursor_of(cursor_take(body, cursor_lenenc(body)));
    nullable = cursor_take(body, (count + 7) / 8);
    if (body->is_short)
        return map_fail(event, table, body->at, error, "it is too short for its columns");
    table->column_count = (uint32_t)count;
    table->columns = memory_zalloc((count > 0 ? count : 1) * sizeof(table->columns[0]));
    for (uint32_t i = 0; i < table->column_count; i++) {
        struct table_column *column = &table->columns[i];

        column->type = types.data[i];
        column->is_nullable = (nullable.data[i / 8] >> i % 8 & 1) != 0;
        if (!column_metadata_take(&metadata, column) || metadata.is_short)
            return map_fail(event, table, metadata.at, error, "a column's metadata is wrong");
    }
    if (cursor_left(&metadata) > 0)
        return map_fail(event, table, metadata.at, error, "there is metadata of no column");
    return 0;
}

static int table_fill(const struct binlog_event *event, struct table_map *table,
                      struct binlog_error *error)
{
    const struct event_table_map *map = &event->table_map;
    struct cursor body = cursor_of(span_move(map->columns, event, table));
    const uint8_t *wrong_at;
    int result;

    table->id = map->table_id;
    table->flags = map->flags;
    table->schema = span_move(map->schema, event, table);
    table->name = span_move(map->table, event, table);
    result = columns_parse(event, table, &body, error);
    if (result < 0)
        return result;
    wrong_at = table_metadata_parse(table, &body, map->is_mariadb);
    if (wrong_at != NULL)
        return map_fail(event, table, wrong_at, error, "its optional metadata is wrong");
    return 0;
}

struct table_map *table_map_parse(const struct binlog_event *event, struct binlog_error *error)
{
    struct table_map *table = memory_zalloc(sizeof(*table));

    table->bytes = memory_zalloc(event->body.len > 0 ? event->body.len : 1);
    memcpy(table->bytes, event->body.data, event->body.len);
    if (table_fill(event, table, error) < 0) {
        table_map_free(table);
        return NULL;
    }
    return table;
}

/* --- for who prints --- */

int table_column_is_text(const struct table_column *column)
{
    switch (column->type) {
    case COLUMN_ENUM:
    case COLUMN_SET: return 1;
    case COLUMN_STRING:
    case COLUMN_VARCHAR:
    case COLUMN_VAR_STRING:
    case COLUMN_VARCHAR_COMPRESSED:
    case COLUMN_BLOB:
    case COLUMN_BLOB_COMPRESSED:
        if (column->collation == 0)
            return -1;
        return column->collation != COLLATION_BINARY;
    default: return 0;
    }
}

struct span table_column_value(const struct table_column *column, uint32_t at)
{
    struct cursor values = cursor_of(column->values);
    struct span value = cursor_take(&values, cursor_lenenc(&values));

    for (uint32_t i = 0; i < at; i++)
        value = cursor_take(&values, cursor_lenenc(&values));
    return value;
}

static const char *integer_name(uint8_t type)
{
    switch (type) {
    case COLUMN_TINY: return "tinyint";
    case COLUMN_SHORT: return "smallint";
    case COLUMN_INT24: return "mediumint";
    case COLUMN_LONG: return "int";
    case COLUMN_LONGLONG: return "bigint";
    case COLUMN_FLOAT: return "float";
    case COLUMN_DOUBLE: return "double";
    default: return NULL;
    }
}

static const char *temporal_name(uint8_t type)
{
    switch (type) {
    case COLUMN_TIME:
    case COLUMN_TIME2: return "time";
    case COLUMN_DATETIME:
    case COLUMN_DATETIME2: return "datetime";
    case COLUMN_TIMESTAMP:
    case COLUMN_TIMESTAMP2: return "timestamp";
    default: return NULL;
    }
}

static const char *plain_name(const struct table_column *column)
{
    bool is_binary = column->collation == COLLATION_BINARY;

    switch (column->type) {
    case COLUMN_YEAR: return "year";
    case COLUMN_DATE:
    case COLUMN_NEWDATE: return "date";
    case COLUMN_ENUM: return "enum";
    case COLUMN_SET: return "set";
    case COLUMN_JSON: return "json";
    case COLUMN_GEOMETRY: return "geometry";
    case COLUMN_VECTOR: return "vector";
    case COLUMN_BLOB:
    case COLUMN_BLOB_COMPRESSED: return table_column_is_text(column) == 1 ? "text" : "blob";
    case COLUMN_STRING: return is_binary ? "binary" : "char";
    case COLUMN_VARCHAR:
    case COLUMN_VAR_STRING:
    case COLUMN_VARCHAR_COMPRESSED: return is_binary ? "varbinary" : "varchar";
    default: return "unknown";
    }
}

void table_column_type_print(const struct table_map *table, uint32_t at, char *out, size_t size)
{
    const struct table_column *column = &table->columns[at];
    const char *sign = column->is_unsigned ? " unsigned" : "";

    if (integer_name(column->type) != NULL)
        snprintf(out, size, "%s%s", integer_name(column->type), sign);
    else if (column->type == COLUMN_DECIMAL)
        snprintf(out, size, "decimal(%u,%u)%s", column->precision, column->scale, sign);
    else if (column->type == COLUMN_BIT)
        snprintf(out, size, "bit(%u)", column->bits);
    else if (temporal_name(column->type) != NULL && column->scale > 0)
        snprintf(out, size, "%s(%u)", temporal_name(column->type), column->scale);
    else if (temporal_name(column->type) != NULL)
        snprintf(out, size, "%s", temporal_name(column->type));
    else if (column->max_bytes > 0 && column->type != COLUMN_ENUM && column->type != COLUMN_SET)
        snprintf(out, size, "%s(%u)", plain_name(column), column->max_bytes);
    else
        snprintf(out, size, "%s", plain_name(column));
}

/* --- registry --- */

/* The place of `id`, or where it belongs. */
static size_t registry_place(const struct table_registry *registry, uint64_t id)
{
    size_t low = 0;
    size_t high = registry->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (registry->tables[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool registry_make_room(struct table_registry *registry)
{
    if (registry->count == TABLES_MAX)
        return false;
    if (registry->count == registry->cap) {
        registry->cap = registry->cap > 0 ? registry->cap * 2 : 16;
        registry->tables =
            memory_resize(registry->tables, registry->cap * sizeof(struct table_map *));
    }
    return true;
}

bool table_registry_put(struct table_registry *registry, struct table_map *table)
{
    size_t at = registry_place(registry, table->id);

    if (at < registry->count && registry->tables[at]->id == table->id) {
        table_map_free(registry->tables[at]);
        registry->tables[at] = table;
        return true;
    }
    if (!registry_make_room(registry)) {
        table_map_free(table);
        return false;
    }
    memmove(&registry->tables[at + 1], &registry->tables[at],
            (registry->count - at) * sizeof(struct table_map *));
    registry->tables[at] = table;
    registry->count++;
    return true;
}

const struct table_map *table_registry_find(const struct table_registry *registry, uint64_t id)
{
    size_t at = registry_place(registry, id);

    if (at < registry->count && registry->tables[at]->id == id)
        return registry->tables[at];
    return NULL;
}

void table_registry_clear(struct table_registry *registry)
{
    for (size_t i = 0; i < registry->count; i++)
        table_map_free(registry->tables[i]);
    registry->count = 0;
}

void table_registry_free(struct table_registry *registry)
{
    table_registry_clear(registry);
    free(registry->tables);
    *registry = (struct table_registry){.count = 0};
}
