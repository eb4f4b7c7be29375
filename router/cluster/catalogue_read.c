/* Reading the catalogue; the states are drawn in the header. */
#include "router/cluster/catalogue_read.h"

#include "proxy/base/memory.h"

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

struct catalogue_reader {
    struct ev_loop *loop;
    struct service_login login;
    struct service_conn *conn;
    struct catalogue *reading; /* NULL: idle */
    bool blind;
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

    reader->reading = NULL;
    if (error != NULL) {
        catalogue_unref(catalogue);
        catalogue = NULL;
    }
    reader->done(catalogue, reader->blind, reader->defaults, error, reader->context);
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

static void on_triggers(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct catalogue_reader *reader = context;

    (void)conn;
    if (!reply_taken(reader, reply))
        return;
    while (service_reply_next(reply))
        catalogue_add_trigger(reader->reading, service_reply_cell(reply, 0),
                              service_reply_cell(reply, 1), service_reply_cell(reply, 2));
    catalogue_finish(reader->reading);
    run_end(reader, NULL);
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
