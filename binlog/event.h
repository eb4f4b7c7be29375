/* One event of a binary log: its header, its kind and its fields. Pure: bytes in, a struct out.
 *
 *     | timestamp 4 | type 1 | server 4 | length 4 | end position 4 | flags 2 | body ... | crc 4 |
 *
 * Nothing is copied: spans point into the bytes that were handed in (or, for compressed events,
 * into the scratch buffer), and live as long as those.
 * Sources: MariaDB sql/log_event.h and sql/log_event.cc; MySQL libs/mysql/binlog/event. */
#ifndef CAUSEWAY_BINLOG_EVENT_H
#define CAUSEWAY_BINLOG_EVENT_H

#include "binlog/binlog_error.h"
#include "binlog/checksum.h"
#include "binlog/gtid.h"
#include "proxy/base/buf.h"

enum {
    EVENT_HEADER_BYTES = 19,
    EVENT_SERVER_VERSION_MAX = 51,     /* with its NUL */
    EVENT_MAX_BYTES_DEFAULT = 1 << 30, /* the servers' own limit on max_allowed_packet */
    EVENT_UUID_BYTES = 16,
    EVENT_XID_DATA_MAX = 128, /* gtrid and bqual together; XIDDATASIZE in sql/handler.h */
};

/* X(name, number, text, payload): the number on the wire, the name that mariadb-binlog prints, and
 * the member of struct binlog_event's union that holds the fields. Numbers from 160 on are
 * MariaDB's own, 33 to 42 (but for 38) MySQL's. */
#define EVENT_TYPES(X)                                                                             \
    X(EVENT_UNKNOWN, 0, "Unknown", OPAQUE)                                                         \
    X(EVENT_START_V3, 1, "Start_v3", OPAQUE)                                                       \
    X(EVENT_QUERY, 2, "Query", QUERY)                                                              \
    X(EVENT_STOP, 3, "Stop", NOTHING)                                                              \
    X(EVENT_ROTATE, 4, "Rotate", ROTATE)                                                           \
    X(EVENT_INTVAR, 5, "Intvar", INTVAR)                                                           \
    X(EVENT_APPEND_BLOCK, 9, "Append_block", LOAD_BLOCK)                                           \
    X(EVENT_DELETE_FILE, 11, "Delete_file", LOAD_BLOCK)                                            \
    X(EVENT_RAND, 13, "RAND", RAND)                                                                \
    X(EVENT_USER_VAR, 14, "User var", USER_VAR)                                                    \
    X(EVENT_FORMAT_DESCRIPTION, 15, "Format_desc", FORMAT)                                         \
    X(EVENT_XID, 16, "Xid", XID)                                                                   \
    X(EVENT_BEGIN_LOAD_QUERY, 17, "Begin_load_query", LOAD_BLOCK)                                  \
    X(EVENT_EXECUTE_LOAD_QUERY, 18, "Execute_load_query", QUERY)                                   \
    X(EVENT_TABLE_MAP, 19, "Table_map", TABLE_MAP)                                                 \
    X(EVENT_WRITE_ROWS_V1, 23, "Write_rows_v1", ROWS)                                              \
    X(EVENT_UPDATE_ROWS_V1, 24, "Update_rows_v1", ROWS)                                            \
    X(EVENT_DELETE_ROWS_V1, 25, "Delete_rows_v1", ROWS)                                            \
    X(EVENT_INCIDENT, 26, "Incident", INCIDENT)                                                    \
    X(EVENT_HEARTBEAT, 27, "Heartbeat", HEARTBEAT)                                                 \
    X(EVENT_IGNORABLE, 28, "Ignorable", OPAQUE)                                                    \
    X(EVENT_ROWS_QUERY, 29, "Rows_query", TEXT)                                                    \
    X(EVENT_WRITE_ROWS, 30, "Write_rows", ROWS)                                                    \
    X(EVENT_UPDATE_ROWS, 31, "Update_rows", ROWS)                                                  \
    X(EVENT_DELETE_ROWS, 32, "Delete_rows", ROWS)                                                  \
    X(EVENT_MYSQL_GTID, 33, "Gtid", MYSQL_GTID)                                                    \
    X(EVENT_ANONYMOUS_GTID, 34, "Anonymous_Gtid", MYSQL_GTID)                                      \
    X(EVENT_PREVIOUS_GTIDS, 35, "Previous_gtids", PREVIOUS_GTIDS)                                  \
    X(EVENT_TRANSACTION_CONTEXT, 36, "Transaction_context", OPAQUE)                                \
    X(EVENT_VIEW_CHANGE, 37, "View_change", OPAQUE)                                                \
    X(EVENT_XA_PREPARE, 38, "XA_prepare", XA_PREPARE)                                              \
    X(EVENT_PARTIAL_UPDATE_ROWS, 39, "Update_rows_partial", ROWS)                                  \
    X(EVENT_TRANSACTION_PAYLOAD, 40, "Transaction_payload", PAYLOAD)                               \
    X(EVENT_HEARTBEAT_V2, 41, "Heartbeat_v2", HEARTBEAT)                                           \
    X(EVENT_MYSQL_GTID_TAGGED, 42, "Gtid_tagged", UNREADABLE)                                      \
    X(EVENT_ANNOTATE_ROWS, 160, "Annotate_rows", TEXT)                                             \
    X(EVENT_BINLOG_CHECKPOINT, 161, "Binlog_checkpoint", CHECKPOINT)                               \
    X(EVENT_GTID, 162, "Gtid", GTID)                                                               \
    X(EVENT_GTID_LIST, 163, "Gtid_list", GTID_LIST)                                                \
    X(EVENT_START_ENCRYPTION, 164, "Start_encryption", ENCRYPTION)                                 \
    X(EVENT_QUERY_COMPRESSED, 165, "Query_compressed", QUERY)                                      \
    X(EVENT_WRITE_ROWS_COMPRESSED_V1, 166, "Write_rows_compressed_v1", ROWS)                       \
    X(EVENT_UPDATE_ROWS_COMPRESSED_V1, 167, "Update_rows_compressed_v1", ROWS)                     \
    X(EVENT_DELETE_ROWS_COMPRESSED_V1, 168, "Delete_rows_compressed_v1", ROWS)                     \
    X(EVENT_WRITE_ROWS_COMPRESSED, 169, "Write_rows_compressed", ROWS)                             \
    X(EVENT_UPDATE_ROWS_COMPRESSED, 170, "Update_rows_compressed", ROWS)                           \
    X(EVENT_DELETE_ROWS_COMPRESSED, 171, "Delete_rows_compressed", ROWS)

enum event_type {
#define X(name, number, text, payload) name = (number),
    EVENT_TYPES(X)
#undef X
};

/* Which member of the union is filled. */
enum event_payload {
    EVENT_PAYLOAD_NOTHING,    /* no fields: STOP */
    EVENT_PAYLOAD_OPAQUE,     /* ignorable, or of no use to Causeway: only header and body */
    EVENT_PAYLOAD_UNREADABLE, /* never in an event that was returned: an error instead */
    EVENT_PAYLOAD_FORMAT,
    EVENT_PAYLOAD_ROTATE,
    EVENT_PAYLOAD_HEARTBEAT,
    EVENT_PAYLOAD_CHECKPOINT,
    EVENT_PAYLOAD_GTID,
    EVENT_PAYLOAD_GTID_LIST,
    EVENT_PAYLOAD_MYSQL_GTID,
    EVENT_PAYLOAD_PREVIOUS_GTIDS,
    EVENT_PAYLOAD_QUERY,
    EVENT_PAYLOAD_XID,
    EVENT_PAYLOAD_XA_PREPARE,
    EVENT_PAYLOAD_INTVAR,
    EVENT_PAYLOAD_RAND,
    EVENT_PAYLOAD_USER_VAR,
    EVENT_PAYLOAD_TEXT,
    EVENT_PAYLOAD_TABLE_MAP,
    EVENT_PAYLOAD_ROWS,
    EVENT_PAYLOAD_LOAD_BLOCK,
    EVENT_PAYLOAD_INCIDENT,
    EVENT_PAYLOAD_ENCRYPTION,
    EVENT_PAYLOAD_PAYLOAD,
};

/* struct event_header.flags */
enum {
    EVENT_FLAG_IN_USE = 0x0001, /* on a format description: the log is open, or its server died */
    EVENT_FLAG_THREAD_SPECIFIC = 0x0004,
    EVENT_FLAG_SUPPRESS_USE = 0x0008,
    EVENT_FLAG_ARTIFICIAL = 0x0020, /* made for the stream, not in the file */
    EVENT_FLAG_RELAY_LOG = 0x0040,
    EVENT_FLAG_IGNORABLE = 0x0080, /* who does not know the type may skip the event */
    EVENT_FLAG_NO_FILTER = 0x0100,
    EVENT_FLAG_SKIP_REPLICATION = 0x8000,
};

struct event_header {
    uint32_t timestamp; /* seconds since 1970, UTC, the start of the statement */
    uint8_t type;       /* enum event_type, or a number that isn't known */
    uint32_t server_id;
    uint32_t len_bytes; /* of the whole event, header and checksum too */
    uint32_t end_pos;   /* low 32 bits of the position behind the event; 0: artificial */
    uint16_t flags;     /* EVENT_FLAG_... */
};

/* What a format description says of the events behind it. */
struct event_format {
    uint16_t binlog_version; /* 4 */
    char server_version[EVENT_SERVER_VERSION_MAX];
    uint32_t created; /* seconds since 1970; not 0: the first log since the server's start */
    uint8_t header_bytes;
    uint8_t checksum; /* enum binlog_checksum: of the events behind this one */
    bool is_mariadb;
    bool in_use; /* the log is being written, or its server died while it wrote */
    uint8_t post_header_count;
    uint8_t post_header_bytes[256]; /* [type]: the fixed part behind the header; 0: not said */
};

/* --- the fields, one struct a payload --- */

struct event_rotate {
    uint64_t position;
    struct span file;
};

struct event_heartbeat {
    struct span file;  /* the log that the sender stands in */
    uint64_t position; /* there; v1: the low 32 bits, from the header */
};

struct event_checkpoint {
    struct span file; /* crash recovery would begin here */
};

/* An XA transaction's name. `data` holds gtrid, then bqual. */
struct event_xid_name {
    uint32_t format_id;
    uint8_t gtrid_len;
    uint8_t bqual_len;
    struct span data;
};

/* struct event_gtid.flags; sql/log_event.h, Gtid_log_event */
enum {
    EVENT_GTID_STANDALONE = 0x01, /* one QUERY follows and ends it (DDL): no XID or COMMIT comes */
    EVENT_GTID_GROUP_COMMIT = 0x02,
    EVENT_GTID_TRANSACTIONAL = 0x04,
    EVENT_GTID_ALLOW_PARALLEL = 0x08,
    EVENT_GTID_WAITED = 0x10,
    EVENT_GTID_DDL = 0x20,
    EVENT_GTID_PREPARED_XA = 0x40,
    EVENT_GTID_COMPLETED_XA = 0x80,
};

/* struct event_gtid.extra_flags */
enum {
    EVENT_GTID_EXTRA_ENGINES = 0x01,
    EVENT_GTID_START_ALTER = 0x02,
    EVENT_GTID_COMMIT_ALTER = 0x04,
    EVENT_GTID_ROLLBACK_ALTER = 0x08,
};

/* MariaDB's GTID event opens a transaction. */
struct event_gtid {
    struct gtid gtid; /* its server is the header's */
    uint8_t flags;
    uint8_t extra_flags;
    uint64_t commit_id;        /* with EVENT_GTID_GROUP_COMMIT, else 0 */
    struct event_xid_name xid; /* with PREPARED_XA or COMPLETED_XA */
    uint64_t start_alter_seq;  /* with COMMIT_ALTER or ROLLBACK_ALTER: its START_ALTER's */
};

/* MariaDB's GTID list: for each domain and server the last GTID before this log. A domain's most
 * recent one stands last among its entries. */
struct event_gtid_list {
    uint32_t count;
    uint8_t flags; /* high four bits of the count on the wire, shifted down */
    struct span entries;
};

/* MySQL's GTID and ANONYMOUS_GTID (all zero but the commit order) */
struct event_mysql_gtid {
    bool is_anonymous;
    uint8_t flags; /* 1: may have been logged as statements */
    uint8_t uuid[EVENT_UUID_BYTES];
    uint64_t seq; /* "GNO" */
    bool has_logical_clock;
    int64_t last_committed;
    int64_t sequence_number;
    uint64_t immediate_commit_us; /* microseconds since 1970; 0: not in the event */
    uint64_t original_commit_us;
    uint64_t transaction_len_bytes;    /* 0: not in the event */
    uint32_t immediate_server_version; /* 80034; 0: not in the event */
    uint32_t original_server_version;
};

struct event_previous_gtids {
    struct span set; /* gtid_set_decode() reads it */
};

/* struct event_query_status.has */
enum {
    EVENT_QUERY_FLAGS2 = 1 << 0,
    EVENT_QUERY_SQL_MODE = 1 << 1,
    EVENT_QUERY_CATALOG = 1 << 2,
    EVENT_QUERY_AUTO_INCREMENT = 1 << 3,
    EVENT_QUERY_CHARSET = 1 << 4,
    EVENT_QUERY_TIME_ZONE = 1 << 5,
    EVENT_QUERY_LC_TIME_NAMES = 1 << 6,
    EVENT_QUERY_CHARSET_DATABASE = 1 << 7,
    EVENT_QUERY_INVOKER = 1 << 8,
    EVENT_QUERY_MICROSECONDS = 1 << 9,
    EVENT_QUERY_XID = 1 << 10,
    EVENT_QUERY_DEFAULT_COLLATION_UTF8MB4 = 1 << 11,
    EVENT_QUERY_EXPLICIT_DEFAULTS_TS = 1 << 12,
    EVENT_QUERY_REQUIRE_PRIMARY_KEY = 1 << 13,
    EVENT_QUERY_DEFAULT_TABLE_ENCRYPTION = 1 << 14,
};

/* struct event_query_status.flags2: session options. Source: sql/sql_priv.h (OPTION_...); some are
 * MariaDB's alone, as 10.11 writes them. */
enum {
    EVENT_OPTION_AUTO_IS_NULL = 1 << 14,
    EVENT_OPTION_NO_CHECK_CONSTRAINTS = 1 << 15,
    EVENT_OPTION_NOT_AUTOCOMMIT = 1 << 19,
    EVENT_OPTION_NO_FOREIGN_KEY_CHECKS = 1 << 26,
    EVENT_OPTION_RELAXED_UNIQUE_CHECKS = 1 << 27,
    EVENT_OPTION_EXPLICIT_DEFAULTS_TS = 1 << 24,
    EVENT_OPTION_IF_EXISTS = 1 << 28,
    EVENT_OPTION_INSERT_HISTORY = 1 << 30,
};

/* The session state that a statement ran under; only what `has` names is filled. */
struct event_query_status {
    uint32_t has; /* EVENT_QUERY_... */
    uint32_t flags2;
    uint64_t sql_mode;
    struct span catalog;
    uint16_t auto_increment_increment;
    uint16_t auto_increment_offset;
    uint16_t charset_client; /* collation ids */
    uint16_t collation_connection;
    uint16_t collation_server;
    uint16_t charset_database;
    struct span time_zone;
    uint16_t lc_time_names;
    struct span invoker_user;
    struct span invoker_host;
    uint32_t microseconds; /* of the header's timestamp */
    uint64_t xid;          /* MySQL: ddl_xid; MariaDB: of a DDL */
    uint16_t default_collation_utf8mb4;
    bool explicit_defaults_ts;
    bool require_primary_key;
    bool default_table_encryption;
    struct span unknown; /* from the first variable on that isn't known; empty: all were */
};

/* QUERY, QUERY_COMPRESSED (inflated) and EXECUTE_LOAD_QUERY. */
struct event_query {
    uint32_t thread_id;
    uint32_t exec_seconds;
    uint16_t error_code; /* what the statement ended with on the leader; 0: well */
    struct span schema;  /* the default database */
    struct span text;
    struct event_query_status status;
    bool is_load;            /* EXECUTE_LOAD_QUERY: the next four hold */
    uint8_t load_duplicates; /* 0 error, 1 ignore, 2 replace */
    uint32_t load_file_id;
    /* text[start..end) gives way to " LOCAL INFILE 'name' [REPLACE|IGNORE] INTO" */
    uint32_t load_name_start;
    uint32_t load_name_end;
};

struct event_xid {
    uint64_t xid;
};

/* XA PREPARE, or with `one_phase` XA COMMIT ... ONE PHASE. */
struct event_xa_prepare {
    bool one_phase;
    struct event_xid_name xid;
};

enum { EVENT_INTVAR_LAST_INSERT_ID = 1, EVENT_INTVAR_INSERT_ID = 2 };

struct event_intvar {
    uint8_t type; /* EVENT_INTVAR_... */
    uint64_t value;
};

struct event_rand {
    uint64_t seed1;
    uint64_t seed2;
};

/* struct event_user_var.type: Item_result in sql/item.h */
enum {
    EVENT_USER_VAR_STRING = 0,
    EVENT_USER_VAR_REAL = 1,
    EVENT_USER_VAR_INT = 2,
    EVENT_USER_VAR_DECIMAL = 4,
};

struct event_user_var {
    struct span name;
    bool is_null; /* then nothing below is filled */
    uint8_t type;
    bool is_unsigned; /* INT */
    uint32_t collation;
    struct span value; /* STRING: its bytes; others: as on the wire, see event_user_var_text() */
};

struct event_text {
    struct span text; /* ANNOTATE_ROWS, ROWS_QUERY: the statement whose rows follow */
};

/* Unparsed; binlog/table_map.h reads the columns. */
struct event_table_map {
    uint64_t table_id;
    uint16_t flags;
    struct span schema;
    struct span table;
    struct span columns; /* from the count of columns on */
    bool is_mariadb;     /* its server: some fields are laid out otherwise than by MySQL */
};

enum event_rows_kind { EVENT_ROWS_WRITE, EVENT_ROWS_UPDATE, EVENT_ROWS_DELETE };

/* struct event_rows.flags */
enum {
    EVENT_ROWS_STATEMENT_END = 0x01, /* table ids end their life here */
    EVENT_ROWS_NO_FOREIGN_KEY_CHECKS = 0x02,
    EVENT_ROWS_RELAXED_UNIQUE_CHECKS = 0x04,
    EVENT_ROWS_COMPLETE_ROWS = 0x08,
    EVENT_ROWS_NO_CHECK_CONSTRAINTS = 0x80, /* MariaDB */
};

struct table_map;

/* Any rows event, inflated if it was compressed. binlog/row.h reads the rows. */
struct event_rows {
    enum event_rows_kind kind;
    bool is_partial; /* PARTIAL_UPDATE_ROWS: JSON columns may hold differences */
    uint64_t table_id;
    uint16_t flags;
    struct span extra; /* v2's extra data: NDB info, partition ids */
    uint32_t column_count;
    /* Bitmaps, a bit a column, first column in the lowest bit: which columns the images hold. WRITE
     * has only `after`, DELETE only `before`; the other one is empty. */
    struct span columns_before;
    struct span columns_after;
    struct span rows;
    /* Filled by binlog/decoder.h, NULL from event_parse(): the columns. NULL as well in the event
     * without rows that only ends a statement. Valid as long as the event is. */
    const struct table_map *table;
};

/* BEGIN_LOAD_QUERY, APPEND_BLOCK, DELETE_FILE */
struct event_load_block {
    uint32_t file_id;
    struct span data;
};

struct event_incident {
    uint16_t number; /* 1: events were lost */
    struct span message;
};

/* Behind this event everything is encrypted: the decoder refuses it (BINLOG_UNSUPPORTED). */
struct event_encryption {
    uint8_t scheme;
    uint32_t key_version;
};

enum { EVENT_COMPRESSION_ZSTD = 0, EVENT_COMPRESSION_NONE = 255 };

/* MySQL: a whole transaction's events, compressed. */
struct event_transaction_payload {
    uint8_t compression;
    uint64_t plain_len_bytes; /* 0: not said */
    struct span data;
};

struct binlog_event {
    struct event_header header;
    uint64_t offset; /* of its first byte, as the caller counts; see `is_inner` */
    bool is_inner; /* stood in a TRANSACTION_PAYLOAD: header.end_pos and `offset` are that one's */
    enum event_payload payload;
    struct span raw;  /* header, body and checksum as they came */
    struct span body; /* as it came, without header and checksum */
    union {
        struct event_format format;
        struct event_rotate rotate;
        struct event_heartbeat heartbeat;
        struct event_checkpoint checkpoint;
        struct event_gtid gtid;
        struct event_gtid_list gtid_list;
        struct event_mysql_gtid mysql_gtid;
        struct event_previous_gtids previous_gtids;
        struct event_query query;
        struct event_xid xid;
        struct event_xa_prepare xa_prepare;
        struct event_intvar intvar;
        struct event_rand rand;
        struct event_user_var user_var;
        struct event_text text;
        struct event_table_map table_map;
        struct event_rows rows;
        struct event_load_block load_block;
        struct event_incident incident;
        struct event_encryption encryption;
        struct event_transaction_payload transaction_payload;
    };
};

/* "Query"; NULL for a number that isn't known. */
const char *event_type_name(uint8_t type);

/* The header alone. The caller has EVENT_HEADER_BYTES bytes. Nothing is judged. */
struct event_header event_header_parse(const uint8_t *bytes);

/* What holds before a format description was seen: version 4, checksum BINLOG_CHECKSUM_UNKNOWN. */
void event_format_init(struct event_format *format);

struct event_context {
    const struct event_format *format; /* of the last format description, or event_format_init's */
    uint64_t offset;                   /* of the first byte, for errors */
    bool is_inner;                     /* inside a TRANSACTION_PAYLOAD: there are no checksums */
    size_t inflate_max_bytes;          /* a compressed event larger than that is BINLOG_TOO_BIG */
    struct buf *scratch; /* inflated bytes go here (what it held is lost); the caller frees it */
};

/* `bytes` is exactly one event, as it stands in a file, or in a network packet behind the 00 byte.
 * Verifies length and checksum and fills `event`. It keeps no state: a format description's own
 * fields are in event->format, for the caller to hand in with the next. Most callers want
 * binlog/decoder.h, which does.
 * 0; BINLOG_DAMAGED; BINLOG_UNSUPPORTED for a type that isn't known and not flagged ignorable, and
 * for a tagged GTID; BINLOG_TOO_BIG. */
int event_parse(const struct event_context *context, struct span bytes, struct binlog_event *event,
                struct binlog_error *error);

/* Entry `at` < list->count. */
struct gtid event_gtid_list_at(const struct event_gtid_list *list, uint32_t at);

/* Appends a user variable's value as a number in SQL ("-5", "1.5e0", "12.50"); for STRING nothing:
 * its bytes are in `value`. BINLOG_DAMAGED when the bytes aren't of that type. */
int event_user_var_text(const struct event_user_var *var, struct buf *out);

#endif
