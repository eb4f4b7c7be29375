/* Reading the catalogue; the states are drawn in the header. */
#include "router/cluster/catalogue_read.h"

#include "proxy/base/memory.h"
#include "router/classify.h"

#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_MS = 10000 };

#define OF_USERS " TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')"

static const char rights_end[] =
    ", COALESCE(SUM(PRIVILEGE_TYPE <> 'TRIGGER'), 0),"
    " COALESCE(SUM(PRIVILEGE_TYPE = 'TRIGGER'), 0)"
    " FROM information_schema.USER_PRIVILEGES WHERE"
    " PRIVILEGE_TYPE IN ('SELECT', 'SHOW VIEW', 'TRIGGER') AND GRANTEE ="
    " CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''',"
    " SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";

/* MEMORY: a restarted follower has them empty, and logs that it emptied them (measured). The others
 * hold rows that are somewhere else. */
static const char tables_sql[] = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES"
                                 " WHERE ENGINE IN ('MEMORY', 'FEDERATED', 'CONNECT', 'SPIDER')"
                                 " AND" OF_USERS;

static const char views_sql[] =
    "SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE" OF_USERS;

static const char triggers_sql[] =
    "SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, ACTION_STATEMENT"
    " FROM information_schema.TRIGGERS WHERE"
    " TRIGGER_SCHEMA NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')";

/* A tenth of what information_schema.ROUTINES takes (measured). Other servers than MariaDB have
 * none: there, nothing is known of routines. */
static const char routines_sql[] =
    "SELECT db, name, type, body_utf8, sql_mode FROM mysql.proc WHERE"
    " db NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')";

static const char settings_sql[] = "SELECT VARIABLE_NAME FROM information_schema.SYSTEM_VARIABLES";

struct catalogue_reader {
    struct ev_loop *loop;
    struct service_login login;
    struct service_conn *conn;
    struct catalogue *reading; /* NULL: idle */
    bool blind;
    bool packaged; /* there are packages, whose routines have the same names as others */
    char routines_hidden[256];
    char defaults[DEFAULTS_MAX];
    catalogue_read_done done;
    void *context;
};

static void conn_drop(struct catalogue_reader *reader)
{
    service_conn_close(reader->conn);
    reader->conn = NULL;
}

static void run_end(struct catalogue_reader *reader, const char *error)
{
    struct catalogue *catalogue = reader->reading;
    struct catalogue_sight sight = {reader->blind, reader->routines_hidden, reader->defaults};

    reader->reading = NULL;
    if (error != NULL) {
        catalogue_unref(catalogue);
        catalogue = NULL;
    }
    reader->done(catalogue, &sight, error, reader->context);
}

/* True when the reply is one to go on with. */
static bool reply_taken(struct catalogue_reader *reader, const struct service_reply *reply)
{
    char error[256];

    if (reply->error == 0)
        return true;
    snprintf(error, sizeof(error), "%s", reply->text); /* outlives the connection */
    conn_drop(reader);
    run_end(reader, error);
    return false;
}

static void finish(struct catalogue_reader *reader)
{
    bool known = reader->routines_hidden[0] == '\0' && !reader->packaged;

    catalogue_finish(reader->reading, known);
    run_end(reader, NULL);
}

static void on_settings(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct catalogue_reader *reader = context;

    (void)conn;
    if (!reply_taken(reader, reply))
        return;
    while (service_reply_next(reply))
        catalogue_add_setting(reader->reading, service_reply_cell(reply, 0));
    finish(reader);
}

static bool cell_has(struct span cell, const char *word)
{
    return memmem(cell.data, cell.len, word, strlen(word)) != NULL;
}

/* Names of packages hide others, and Oracle's manner of writing is not judged. */
static void take_routine(struct catalogue_reader *reader, const struct service_reply *reply)
{
    struct span type = service_reply_cell(reply, 2);
    struct span mode = service_reply_cell(reply, 4);
    struct span body = service_reply_cell(reply, 3);
    bool function = span_equal(type, span_text("FUNCTION"));
    unsigned lex_mode = (cell_has(mode, "ANSI_QUOTES") ? LEX_ANSI_QUOTES : 0u) |
                        (cell_has(mode, "NO_BACKSLASH_ESCAPES") ? LEX_NO_BACKSLASH_ESCAPES : 0u);

    if (!function && !span_equal(type, span_text("PROCEDURE"))) {
        reader->packaged = true;
        return;
    }
    if (cell_has(mode, "ORACLE"))
        body = (struct span){0};
    catalogue_add_routine(reader->reading, function, service_reply_cell(reply, 0),
                          service_reply_cell(reply, 1), body, lex_mode);
}

/* Without the right to see them, all else is known. */
static void on_routines(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct catalogue_reader *reader = context;

    if (reply->error != 0 && !reply->lost) {
        snprintf(reader->routines_hidden, sizeof(reader->routines_hidden), "%s", reply->text);
        finish(reader);
        return;
    }
    if (!reply_taken(reader, reply))
        return;
    while (service_reply_next(reply))
        take_routine(reader, reply);
    service_conn_query(conn, settings_sql, ANSWER_MS, on_settings);
}

static void on_triggers(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct catalogue_reader *reader = context;

    if (!reply_taken(reader, reply))
        return;
    while (service_reply_next(reply))
        catalogue_add_trigger(reader->reading, service_reply_cell(reply, 0),
                              service_reply_cell(reply, 1), service_reply_cell(reply, 2));
    service_conn_query(conn, routines_sql, ANSWER_MS, on_routines);
}

static void on_views(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct catalogue_reader *reader = context;

    if (!reply_taken(reader, reply))
        return;
    while (service_reply_next(reply))
        catalogue_add_view(reader->reading, service_reply_cell(reply, 0),
                           service_reply_cell(reply, 1), service_reply_cell(reply, 2));
    service_conn_query(conn, triggers_sql, ANSWER_MS, on_triggers);
}

static void on_tables(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct catalogue_reader *reader = context;

    if (!reply_taken(reader, reply))
        return;
    while (service_reply_next(reply))
        catalogue_add(reader->reading, CATALOGUE_LEADERS, service_reply_cell(reply, 0),
                      service_reply_cell(reply, 1));
    service_conn_query(conn, views_sql, ANSWER_MS, on_views);
}

static void on_rights(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct catalogue_reader *reader = context;

    if (!reply_taken(reader, reply))
        return;
    bool row = service_reply_next(reply);
    reader->blind = !row || service_reply_number(reply, 1) < 2;
    reader->reading->hides_triggers = !row || service_reply_number(reply, 2) < 1;
    service_reply_text(reply, 0, reader->defaults, sizeof(reader->defaults));
    service_conn_query(conn, tables_sql, ANSWER_MS, on_tables);
}

static void rights_ask(struct catalogue_reader *reader)
{
    char sql[2048];

    snprintf(sql, sizeof(sql), "SELECT %s%s", defaults_expression, rights_end);
    service_conn_query(reader->conn, sql, ANSWER_MS, on_rights);
}

static void on_opened(struct service_conn *conn, struct service_reply *reply, void *context)
{
    (void)conn;
    if (reply_taken(context, reply))
        rights_ask(context);
}

static void on_lost(struct service_conn *conn, void *context)
{
    (void)conn;
    conn_drop(context); /* idle: the next run opens another */
}

struct catalogue_reader *catalogue_reader_new(struct ev_loop *loop, catalogue_read_done done,
                                              void *context)
{
    struct catalogue_reader *reader = memory_zalloc(sizeof(*reader));

    reader->loop = loop;
    reader->done = done;
    reader->context = context;
    return reader;
}

bool catalogue_reader_busy(const struct catalogue_reader *reader)
{
    return reader->reading != NULL;
}

void catalogue_reader_run(struct catalogue_reader *reader, const struct service_login *login)
{
    reader->reading = catalogue_new();
    reader->packaged = false;
    reader->routines_hidden[0] = '\0';
    if (reader->conn != NULL && service_login_same(&reader->login, login)) {
        rights_ask(reader);
        return;
    }
    conn_drop(reader);
    service_login_clear(&reader->login);
    service_login_copy(&reader->login, login);
    reader->login.timeout_ms = ANSWER_MS;
    reader->conn = service_conn_open(reader->loop, &reader->login, on_opened, on_lost, reader);
}

void catalogue_reader_free(struct catalogue_reader *reader)
{
    if (reader == NULL)
        return;
    conn_drop(reader);
    service_login_clear(&reader->login);
    catalogue_unref(reader->reading);
    free(reader);
}
