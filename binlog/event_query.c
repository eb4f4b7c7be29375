/* QUERY and its relatives: the statement and the session state that it ran under.
 * Source: MariaDB sql/log_event.cc, Query_log_event (the Q_..._CODE variables);
 * MySQL libs/mysql/binlog/event/statement_events.h. */
#include "binlog/event_parsers.h"

enum {
    QUERY_FIXED_BYTES = 13,
    LOAD_QUERY_FIXED_BYTES = 26,
    UPDATED_DBS_UNKNOWN = 254, /* more databases than are listed */
};

enum {
    STATUS_FLAGS2 = 0,
    STATUS_SQL_MODE = 1,
    STATUS_CATALOG_OLD = 2,
    STATUS_AUTO_INCREMENT = 3,
    STATUS_CHARSET = 4,
    STATUS_TIME_ZONE = 5,
    STATUS_CATALOG = 6,
    STATUS_LC_TIME_NAMES = 7,
    STATUS_CHARSET_DATABASE = 8,
    STATUS_TABLE_MAP_FOR_UPDATE = 9,
    STATUS_MASTER_DATA_WRITTEN = 10,
    STATUS_INVOKER = 11,
    STATUS_UPDATED_DBS = 12,
    STATUS_MICROSECONDS = 13,
    STATUS_EXPLICIT_DEFAULTS_TS = 16,
    STATUS_DDL_XID = 17,
    STATUS_DEFAULT_COLLATION_UTF8MB4 = 18,
    STATUS_REQUIRE_PRIMARY_KEY = 19,
    STATUS_DEFAULT_TABLE_ENCRYPTION = 20,
    STATUS_MARIADB_MICROSECONDS = 128,
    STATUS_MARIADB_XID = 129,
    STATUS_MARIADB_GTID_FLAGS = 130,
};

static struct span text_take(struct cursor *vars)
{
    return cursor_take(vars, cursor_u8(vars));
}

static void updated_dbs_skip(struct cursor *vars)
{
    uint8_t count = cursor_u8(vars);

    if (count == UPDATED_DBS_UNKNOWN)
        return;
    for (uint8_t i = 0; i < count && !vars->is_short; i++) {
        while (cursor_u8(vars) != 0)
            ;
    }
}

static void gtid_flags_skip(struct cursor *vars)
{
    if ((cursor_u8(vars) & (EVENT_GTID_COMMIT_ALTER | EVENT_GTID_ROLLBACK_ALTER)) != 0)
        cursor_u64(vars);
}

static void charset_take(struct cursor *vars, struct event_query_status *status)
{
    status->charset_client = cursor_u16(vars);
    status->collation_connection = cursor_u16(vars);
    status->collation_server = cursor_u16(vars);
}

/* One variable that only MySQL, or only MariaDB, writes. False: not known. */
static bool status_take_rare(uint8_t code, struct cursor *vars, struct event_query_status *status)
{
    switch (code) {
    case STATUS_UPDATED_DBS: updated_dbs_skip(vars); return true;
    case STATUS_EXPLICIT_DEFAULTS_TS:
        status->explicit_defaults_ts = cursor_u8(vars) != 0;
        status->has |= EVENT_QUERY_EXPLICIT_DEFAULTS_TS;
        return true;
    case STATUS_DEFAULT_COLLATION_UTF8MB4:
        status->default_collation_utf8mb4 = cursor_u16(vars);
        status->has |= EVENT_QUERY_DEFAULT_COLLATION_UTF8MB4;
        return true;
    case STATUS_REQUIRE_PRIMARY_KEY:
        status->require_primary_key = cursor_u8(vars) != 0;
        status->has |= EVENT_QUERY_REQUIRE_PRIMARY_KEY;
        return true;
    case STATUS_DEFAULT_TABLE_ENCRYPTION:
        status->default_table_encryption = cursor_u8(vars) != 0;
        status->has |= EVENT_QUERY_DEFAULT_TABLE_ENCRYPTION;
        return true;
    case STATUS_MARIADB_GTID_FLAGS: gtid_flags_skip(vars); return true;
    case STATUS_MICROSECONDS:
    case STATUS_MARIADB_MICROSECONDS:
        status->microseconds = cursor_u24(vars);
        status->has |= EVENT_QUERY_MICROSECONDS;
        return true;
    case STATUS_DDL_XID:
    case STATUS_MARIADB_XID:
        status->xid = cursor_u64(vars);
        status->has |= EVENT_QUERY_XID;
        return true;
    default: return false;
    }
}

static void catalog_take(uint8_t code, struct cursor *vars, struct event_query_status *status)
{
    status->catalog = text_take(vars);
    if (code == STATUS_CATALOG_OLD)
        cursor_u8(vars); /* its NUL */
    status->has |= EVENT_QUERY_CATALOG;
}

/* One variable. False: not known, and so is its length. */
static bool status_take(uint8_t code, struct cursor *vars, struct event_query_status *status)
{
    switch (code) {
    case STATUS_FLAGS2:
        status->flags2 = cursor_u32(vars);
        status->has |= EVENT_QUERY_FLAGS2;
        return true;
    case STATUS_SQL_MODE:
        status->sql_mode = cursor_u64(vars);
        status->has |= EVENT_QUERY_SQL_MODE;
        return true;
    case STATUS_CATALOG_OLD:
    case STATUS_CATALOG: catalog_take(code, vars, status); return true;
    case STATUS_AUTO_INCREMENT:
        status->auto_increment_increment = cursor_u16(vars);
        status->auto_increment_offset = cursor_u16(vars);
        status->has |= EVENT_QUERY_AUTO_INCREMENT;
        return true;
    case STATUS_CHARSET:
        charset_take(vars, status);
        status->has |= EVENT_QUERY_CHARSET;
        return true;
    case STATUS_TIME_ZONE:
        status->time_zone = text_take(vars);
        status->has |= EVENT_QUERY_TIME_ZONE;
        return true;
    case STATUS_LC_TIME_NAMES:
        status->lc_time_names = cursor_u16(vars);
        status->has |= EVENT_QUERY_LC_TIME_NAMES;
        return true;
    case STATUS_CHARSET_DATABASE:
        status->charset_database = cursor_u16(vars);
        status->has |= EVENT_QUERY_CHARSET_DATABASE;
        return true;
    case STATUS_TABLE_MAP_FOR_UPDATE: cursor_u64(vars); return true;
    case STATUS_MASTER_DATA_WRITTEN: cursor_u32(vars); return true;
    case STATUS_INVOKER:
        status->invoker_user = text_take(vars);
        status->invoker_host = text_take(vars);
        status->has |= EVENT_QUERY_INVOKER;
        return true;
    default: return status_take_rare(code, vars, status);
    }
}

/* False: a variable is cut. */
static bool status_parse(struct span bytes, struct event_query_status *status)
{
    struct cursor vars = cursor_of(bytes);

    while (cursor_left(&vars) > 0) {
        const uint8_t *start = vars.at;

        if (!status_take(cursor_u8(&vars), &vars, status)) {
            status->unknown = span_of(start, (size_t)(vars.end - start));
            break;
        }
    }
    return !vars.is_short;
}

static void load_fields_take(struct cursor *body, struct event_query *query)
{
    query->is_load = true;
    query->load_file_id = cursor_u32(body);
    query->load_name_start = cursor_u32(body);
    query->load_name_end = cursor_u32(body);
    query->load_duplicates = cursor_u8(body);
}

static int query_check(const struct event_parse *parse, struct span status)
{
    struct event_query *query = &parse->event->query;

    if (!status_parse(status, &query->status))
        return event_parse_fail(parse, BINLOG_DAMAGED, "its status variables are cut");
    if (query->is_load &&
        (query->load_name_start > query->load_name_end || query->load_name_end > query->text.len))
        return event_parse_fail(parse, BINLOG_DAMAGED, "its file name is not in its text");
    return 0;
}

int event_parse_query(struct event_parse *parse)
{
    struct event_query *query = &parse->event->query;
    struct cursor *body = &parse->body;
    struct span status;
    uint8_t schema_len;
    uint16_t status_len;
    int result;

    *query = (struct event_query){.is_load = false};
    query->thread_id = cursor_u32(body);
    query->exec_seconds = cursor_u32(body);
    schema_len = cursor_u8(body);
    query->error_code = cursor_u16(body);
    status_len = cursor_u16(body);
    if (parse->event->header.type == EVENT_EXECUTE_LOAD_QUERY)
        load_fields_take(body, query);
    event_parse_skip_post_header(parse,
                                 query->is_load ? LOAD_QUERY_FIXED_BYTES : QUERY_FIXED_BYTES);
    status = cursor_take(body, status_len);
    query->schema = cursor_take(body, schema_len);
    cursor_u8(body); /* the schema's NUL */
    if (body->is_short)
        return 0;
    if (parse->event->header.type == EVENT_QUERY_COMPRESSED) {
        result = event_parse_inflate(parse);
        if (result < 0)
            return result;
    }
    query->text = cursor_rest(body);
    return query_check(parse, status);
}
