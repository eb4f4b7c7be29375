/* Session state as SET statements.
 * Source: MariaDB sql/log_event_client.cc, Query_log_event::print_query_header. */
#include "binlog/print/sql_session.h"

#include "binlog/print/charset.h"
#include "binlog/print/literal.h"

#include <ctype.h>
#include <inttypes.h>

enum { COLLATION_UTF8MB4 = 45 };

/* Bits of flags2, and the variable that each stands for. autocommit is not among them: the replay
 * frames its transactions itself, and setting it would commit.
 * Source: MariaDB sql/sql_priv.h, OPTIONS_WRITTEN_TO_BIN_LOG; measured on 10.11. */
static const struct {
    uint32_t bit;
    bool is_off; /* the bit says that the variable is 0 */
    bool is_mariadb;
    const char *variable;
} options[] = {
    {1U << 26, true, false, "foreign_key_checks"},
    {1U << 27, true, false, "unique_checks"},
    {1U << 14, false, false, "sql_auto_is_null"},
    {1U << 15, true, true, "check_constraint_checks"},
    {1U << 28, false, true, "sql_if_exists"},
    {1U << 24, false, true, "explicit_defaults_for_timestamp"},
    {1U << 30, false, true, "system_versioning_insert_history"},
};

void sql_session_free(struct sql_session *session)
{
    buf_free(&session->schema);
    buf_free(&session->time_zone);
}

static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= 0x80)
            return false;
    }
    return true;
}

static void set_charset(struct sql_session *session, uint16_t client, uint16_t connection,
                        uint16_t server, struct buf *out)
{
    char name[CHARSET_NAME_MAX];

    session->known |= EVENT_QUERY_CHARSET;
    session->status.charset_client = client;
    session->status.collation_connection = connection;
    session->status.collation_server = server;
    if (collation_charset(client, name)) /* the client splits statements by the same charset */
        buf_printf(out, "/*!\\C %s */" SQL_END, name);
    buf_append_text(out, "SET @@session.character_set_client=");
    if (collation_charset(client, name))
        buf_append_text(out, name);
    else
        buf_printf(out, "%u", client);
    buf_printf(out, ",@@session.collation_connection=%u,@@session.collation_server=%u" SQL_END,
               connection, server);
}

void sql_session_speak_utf8(struct sql_session *session, struct buf *out)
{
    char name[CHARSET_NAME_MAX];
    uint16_t server = session->status.collation_server;
    bool knows = (session->known & EVENT_QUERY_CHARSET) != 0;

    if (knows && collation_charset(session->status.charset_client, name) &&
        strncmp(name, "utf8", 4) == 0)
        return;
    set_charset(session, COLLATION_UTF8MB4, COLLATION_UTF8MB4, knows ? server : COLLATION_UTF8MB4,
                out);
}

static void use_schema(struct sql_session *session, const struct binlog_event *event,
                       struct buf *out)
{
    struct span schema = event->query.schema;

    if (schema.len == 0 || (event->header.flags & EVENT_FLAG_SUPPRESS_USE) ||
        (session->knows_schema && span_equal(buf_span(&session->schema), schema)))
        return;
    if (!is_ascii(schema))
        sql_session_speak_utf8(session, out);
    session->knows_schema = true;
    session->schema.len = 0;
    buf_append_span(&session->schema, schema);
    buf_append_text(out, "USE ");
    literal_name(out, schema);
    buf_append_text(out, SQL_END);
}

static void set_options(struct sql_session *session, const struct event_query_status *status,
                        struct buf *out)
{
    uint32_t before = session->status.flags2;
    bool knows = (session->known & EVENT_QUERY_FLAGS2) != 0;
    const char *comma = "SET ";

    if (!(status->has & EVENT_QUERY_FLAGS2))
        return;
    session->known |= EVENT_QUERY_FLAGS2;
    session->status.flags2 = status->flags2;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        bool is_set = (status->flags2 & options[i].bit) != 0;

        if ((options[i].is_mariadb && !session->is_mariadb) ||
            (knows && ((before ^ status->flags2) & options[i].bit) == 0))
            continue;
        buf_printf(out, "%s@@session.%s=%d", comma, options[i].variable,
                   is_set != options[i].is_off);
        comma = ", ";
    }
    if (comma[0] == ',')
        buf_append_text(out, SQL_END);
}

static int set_time_zone(struct sql_session *session, const struct binlog_event *event,
                         struct buf *out, struct binlog_error *error)
{
    struct span zone = event->query.status.time_zone;

    if ((session->known & EVENT_QUERY_TIME_ZONE) && span_equal(buf_span(&session->time_zone), zone))
        return 0;
    for (size_t i = 0; i < zone.len; i++) {
        if (!isalnum(zone.data[i]) && !strchr("+-:_/", zone.data[i]))
            return binlog_error_set(error, BINLOG_DAMAGED, event->offset,
                                    "a statement's time zone is no name");
    }
    session->known |= EVENT_QUERY_TIME_ZONE;
    session->time_zone.len = 0;
    buf_append_span(&session->time_zone, zone);
    buf_append_text(out, "SET @@session.time_zone='");
    buf_append_span(out, zone);
    buf_append_text(out, "'" SQL_END);
    return 0;
}

/* True when the status says it and the session doesn't have it. */
static bool wants(const struct sql_session *session, const struct event_query_status *status,
                  uint32_t what, bool is_same)
{
    return (status->has & what) && !((session->known & what) && is_same);
}

static void set_numbers(struct sql_session *session, const struct event_query_status *status,
                        struct buf *out)
{
    struct event_query_status *has = &session->status;

    if (wants(session, status, EVENT_QUERY_SQL_MODE, has->sql_mode == status->sql_mode))
        buf_printf(out, "SET @@session.sql_mode=%" PRIu64 SQL_END, status->sql_mode);
    if (wants(session, status, EVENT_QUERY_AUTO_INCREMENT,
              has->auto_increment_increment == status->auto_increment_increment &&
                  has->auto_increment_offset == status->auto_increment_offset))
        buf_printf(
            out,
            "SET @@session.auto_increment_increment=%u, @@session.auto_increment_offset=%u" SQL_END,
            status->auto_increment_increment, status->auto_increment_offset);
    if (wants(session, status, EVENT_QUERY_LC_TIME_NAMES,
              has->lc_time_names == status->lc_time_names))
        buf_printf(out, "SET @@session.lc_time_names=%u" SQL_END, status->lc_time_names);
    if (wants(session, status, EVENT_QUERY_CHARSET_DATABASE,
              has->charset_database == status->charset_database))
        buf_printf(out, "SET @@session.collation_database=%u" SQL_END, status->charset_database);
    else if (!(status->has & EVENT_QUERY_CHARSET_DATABASE) &&
             (session->known & EVENT_QUERY_CHARSET_DATABASE))
        buf_append_text(out, "SET @@session.collation_database=DEFAULT" SQL_END);
    if (!(status->has & EVENT_QUERY_CHARSET_DATABASE))
        session->known &= ~(uint32_t)EVENT_QUERY_CHARSET_DATABASE;
    if (status->has & EVENT_QUERY_SQL_MODE)
        has->sql_mode = status->sql_mode;
    if (status->has & EVENT_QUERY_AUTO_INCREMENT) {
        has->auto_increment_increment = status->auto_increment_increment;
        has->auto_increment_offset = status->auto_increment_offset;
    }
    if (status->has & EVENT_QUERY_LC_TIME_NAMES)
        has->lc_time_names = status->lc_time_names;
    if (status->has & EVENT_QUERY_CHARSET_DATABASE)
        has->charset_database = status->charset_database;
    session->known |= status->has & (EVENT_QUERY_SQL_MODE | EVENT_QUERY_AUTO_INCREMENT |
                                     EVENT_QUERY_LC_TIME_NAMES | EVENT_QUERY_CHARSET_DATABASE);
}

/* What the server leaves out when it is 0 or the default must not stay from the statement before:
 * the two are logged only where they matter. */
static struct event_query_status with_defaults(const struct event_query_status *from)
{
    struct event_query_status status = *from;

    if (!(status.has & EVENT_QUERY_AUTO_INCREMENT)) {
        status.auto_increment_increment = 1;
        status.auto_increment_offset = 1;
    }
    if (!(status.has & EVENT_QUERY_LC_TIME_NAMES))
        status.lc_time_names = 0;
    status.has |= EVENT_QUERY_AUTO_INCREMENT | EVENT_QUERY_LC_TIME_NAMES;
    return status;
}

int sql_session_set(struct sql_session *session, const struct binlog_event *event, struct buf *out,
                    struct binlog_error *error)
{
    struct event_query_status status = with_defaults(&event->query.status);
    int result = 0;

    use_schema(session, event, out);
    buf_printf(out, "SET TIMESTAMP=%" PRIu32, event->header.timestamp);
    if (status.has & EVENT_QUERY_MICROSECONDS)
        buf_printf(out, ".%06" PRIu32, status.microseconds);
    buf_append_text(out, SQL_END);
    if (event->query.thread_id != 0 && event->query.thread_id != session->thread_id) {
        session->thread_id = event->query.thread_id;
        buf_printf(out, "SET @@session.pseudo_thread_id=%" PRIu32 SQL_END, session->thread_id);
    }
    set_options(session, &status, out);
    set_numbers(session, &status, out);
    if (wants(session, &status, EVENT_QUERY_CHARSET,
              session->status.charset_client == status.charset_client &&
                  session->status.collation_connection == status.collation_connection &&
                  session->status.collation_server == status.collation_server))
        set_charset(session, status.charset_client, status.collation_connection,
                    status.collation_server, out);
    if (status.has & EVENT_QUERY_TIME_ZONE)
        result = set_time_zone(session, event, out, error);
    return result;
}

static void string_value(const struct event_user_var *var, struct buf *out)
{
    char name[COLLATION_NAME_MAX];
    char charset[CHARSET_NAME_MAX];

    if (collation_charset(var->collation, charset))
        buf_printf(out, "_%s ", charset);
    literal_hex(out, var->value);
    if (collation_name(var->collation, name))
        buf_printf(out, " COLLATE `%s`", name);
}

int sql_session_user_var(struct sql_session *session, const struct binlog_event *event,
                         struct buf *out, struct binlog_error *error)
{
    const struct event_user_var *var = &event->user_var;

    if (!is_ascii(var->name))
        sql_session_speak_utf8(session, out);
    buf_append_text(out, "SET @");
    literal_name(out, var->name);
    buf_append_text(out, ":=");
    if (var->is_null)
        buf_append_text(out, "NULL");
    else if (var->type == EVENT_USER_VAR_STRING)
        string_value(var, out);
    else if (event_user_var_text(var, out) != 0)
        return binlog_error_set(error, BINLOG_DAMAGED, event->offset,
                                "a user variable's value is damaged");
    buf_append_text(out, SQL_END);
    return 0;
}
