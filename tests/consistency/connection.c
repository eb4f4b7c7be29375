/* A client's connections: opened when needed, told whose they are, read to the end. */
#include "tests/consistency/record.h"

#include <errmsg.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/memory.h"

bool client_has_twin(const struct client *client)
{
    enum identity identity = client->shared->options.identity;
    return identity == IDENTITY_KEY || identity == IDENTITY_ACCOUNT;
}

static bool is_lost(unsigned error)
{
    return error == CR_SERVER_GONE_ERROR || error == CR_SERVER_LOST ||
           error == CR_CONN_HOST_ERROR || error == CR_SERVER_LOST_EXTENDED ||
           error == CR_COMMANDS_OUT_OF_SYNC || error == 1927 /* ER_CONNECTION_KILLED */;
}

static void statements_close(struct connection *connection)
{
    for (unsigned i = 0; i < connection->statement_count; i++)
        mysql_stmt_close(connection->statements[i].handle);
    connection->statement_count = 0;
}

void connection_close(struct connection *connection)
{
    if (!connection->mysql)
        return;
    statements_close(connection);
    mysql_close(connection->mysql);
    connection->mysql = NULL;
}

/* The comment in front of a statement: the key where this connection names it so, and the hint. */
static size_t prefix_put(const struct client *client, const struct connection *connection,
                         const char *hint, char *out, size_t room)
{
    bool key = client->shared->options.identity == IDENTITY_KEY && connection->key_in_comment;
    int len = 0;
    if (key && hint)
        len = snprintf(out, room, "/* causeway key=u%u %s */ ", client->user, hint);
    else if (key)
        len = snprintf(out, room, "/* causeway key=u%u */ ", client->user);
    else if (hint)
        len = snprintf(out, room, "/* causeway %s */ ", hint);
    return (size_t)len;
}

static void take_row(MYSQL_ROW row, const unsigned long *lengths, unsigned columns,
                     struct reply *reply)
{
    const char *first = row[0] ? row[0] : "";
    size_t len = row[0] ? lengths[0] : 0;
    if (len >= sizeof(reply->text))
        len = sizeof(reply->text) - 1;
    memcpy(reply->text, first, len);
    reply->text[len] = '\0';
    reply->value = strtoll(reply->text, NULL, 10);
    reply->second = columns > 2 && row[1] ? strtoll(row[1], NULL, 10) : 0;
    if (columns > 1)
        snprintf(reply->server, sizeof(reply->server), "%s",
                 row[columns - 1] ? row[columns - 1] : "-");
    reply->has_row = true;
}

/* Everything that answers one COM_QUERY. */
static unsigned read_results(MYSQL *mysql, struct reply *reply)
{
    for (;;) {
        MYSQL_RES *result = mysql_store_result(mysql);
        if (result) {
            MYSQL_ROW row = mysql_fetch_row(result);
            if (row)
                take_row(row, mysql_fetch_lengths(result), mysql_num_fields(result), reply);
            mysql_free_result(result);
        } else if (mysql_field_count(mysql) > 0) {
            return mysql_errno(mysql);
        } else {
            reply->affected = mysql_affected_rows(mysql);
        }
        int more = mysql_next_result(mysql);
        if (more > 0)
            return mysql_errno(mysql);
        if (more < 0)
            return 0;
    }
}

static void reply_clear(struct reply *reply)
{
    reply->error = 0;
    reply->affected = 0;
    reply->has_row = false;
    reply->value = 0;
    reply->second = 0;
    reply->text[0] = '\0';
    reply->server[0] = '-';
    reply->server[1] = '\0';
}

static void run(struct connection *connection, const char *sql, size_t len, struct reply *reply)
{
    reply_clear(reply);
    if (!connection->mysql) {
        reply->error = CR_SERVER_GONE_ERROR;
        return;
    }
    if (mysql_real_query(connection->mysql, sql, (unsigned long)len) != 0)
        reply->error = mysql_errno(connection->mysql);
    else
        reply->error = read_results(connection->mysql, reply);
    if (is_lost(reply->error))
        connection_close(connection);
}

void connection_query(struct client *client, struct connection *connection, const char *hint,
                      struct reply *reply, const char *format, ...)
{
    char sql[SQL_MAX_BYTES];
    size_t at = prefix_put(client, connection, hint, sql, sizeof(sql));
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(sql + at, sizeof(sql) - at, format, arguments);
    va_end(arguments);
    if (len < 0 || at + (size_t)len >= sizeof(sql)) {
        fprintf(stderr, "a statement is longer than %d bytes: %s\n", SQL_MAX_BYTES, format);
        exit(2);
    }
    run(connection, sql, at + (size_t)len, reply);
}

/* --- prepared statements --- */

static MYSQL_STMT *statement_prepare(struct connection *connection, const char *sql)
{
    for (unsigned i = 0; i < connection->statement_count; i++)
        if (strcmp(connection->statements[i].sql, sql) == 0)
            return connection->statements[i].handle;
    if (connection->statement_count == STATEMENTS_MAX)
        statements_close(connection);
    MYSQL_STMT *handle = mysql_stmt_init(connection->mysql);
    if (mysql_stmt_prepare(handle, sql, strlen(sql)) != 0) {
        unsigned error = mysql_stmt_errno(handle);
        mysql_stmt_close(handle);
        if (is_lost(error))
            connection_close(connection);
        return NULL;
    }
    struct statement *statement = &connection->statements[connection->statement_count++];
    statement->handle = handle;
    snprintf(statement->sql, sizeof(statement->sql), "%s", sql);
    return handle;
}

/* One row of a number and, where there are two columns, a server. */
static unsigned fetch_row(MYSQL_STMT *handle, struct reply *reply)
{
    unsigned long server_len = 0;
    my_bool is_null[2] = {0, 0};
    MYSQL_BIND results[2];
    memset(results, 0, sizeof(results));
    results[0].buffer_type = MYSQL_TYPE_LONGLONG;
    results[0].buffer = &reply->value;
    results[0].is_null = &is_null[0];
    results[1].buffer_type = MYSQL_TYPE_STRING;
    results[1].buffer = reply->server;
    results[1].buffer_length = sizeof(reply->server) - 1;
    results[1].length = &server_len;
    results[1].is_null = &is_null[1];
    if (mysql_stmt_bind_result(handle, results) != 0 || mysql_stmt_store_result(handle) != 0)
        return mysql_stmt_errno(handle);
    int fetched = mysql_stmt_fetch(handle);
    if (fetched == 1)
        return mysql_stmt_errno(handle);
    reply->has_row = fetched == 0;
    if (reply->has_row && server_len < sizeof(reply->server))
        reply->server[server_len] = '\0';
    mysql_stmt_free_result(handle);
    return 0;
}

static unsigned execute(MYSQL_STMT *handle, const int64_t *arguments, unsigned argument_count,
                        struct reply *reply)
{
    enum { PARAMETERS_MAX = 4 };
    MYSQL_BIND parameters[PARAMETERS_MAX];
    int64_t values[PARAMETERS_MAX];
    memset(parameters, 0, sizeof(parameters));
    for (unsigned i = 0; i < argument_count && i < PARAMETERS_MAX; i++) {
        values[i] = arguments[i];
        parameters[i].buffer_type = MYSQL_TYPE_LONGLONG;
        parameters[i].buffer = &values[i];
    }
    if (mysql_stmt_bind_param(handle, parameters) != 0 || mysql_stmt_execute(handle) != 0)
        return mysql_stmt_errno(handle);
    if (mysql_stmt_field_count(handle) > 0)
        return fetch_row(handle, reply);
    reply->affected = mysql_stmt_affected_rows(handle);
    return 0;
}

void connection_execute(struct client *client, struct connection *connection, const char *sql,
                        const int64_t *arguments, unsigned argument_count, struct reply *reply)
{
    char text[SQL_MAX_BYTES];
    size_t at = prefix_put(client, connection, NULL, text, sizeof(text));
    snprintf(text + at, sizeof(text) - at, "%s", sql);
    reply_clear(reply);
    if (!connection->mysql) {
        reply->error = CR_SERVER_GONE_ERROR;
        return;
    }
    MYSQL_STMT *handle = statement_prepare(connection, text);
    if (!handle) {
        reply->error = connection->mysql ? mysql_errno(connection->mysql) : CR_SERVER_GONE_ERROR;
        return;
    }
    reply->error = execute(handle, arguments, argument_count, reply);
    if (is_lost(reply->error))
        connection_close(connection);
}

/* --- opening --- */

/* Keys are declared in each of the three forms in turn. */
static void declare(struct client *client, struct connection *connection)
{
    struct reply reply;
    if (client->shared->options.identity != IDENTITY_KEY || connection->key_in_comment ||
        connection->number % 3 == 2)
        return;
    connection_query(client, connection, NULL, &reply, "SET @causeway_key='u%u'", client->user);
    if (reply.error)
        history_error(client, connection, now_ns(), "declare", reply.error);
}

static void options_set(struct client *client, struct connection *connection)
{
    unsigned connect_s = 10, read_s = 30;
    mysql_options(connection->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options(connection->mysql, MYSQL_OPT_READ_TIMEOUT, &read_s);
    mysql_options(connection->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (client->shared->options.identity == IDENTITY_KEY && connection->number % 3 == 2) {
        char key[16];
        snprintf(key, sizeof(key), "u%u", client->user);
        mysql_options4(connection->mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "causeway_key", key);
    }
}

static bool connection_open(struct client *client, struct connection *connection)
{
    const struct options *options = &client->shared->options;
    unsigned turn = client->number + (options->connections > 1 ? client->opened : 0);
    unsigned port = options->ports[turn % options->port_count];
    *connection = (struct connection){
        .number = client->number * 1000000 + client->opened++, .port = port, .domain = -1};
    connection->key_in_comment = connection->number % 3 == 1;
    connection->mysql = mysql_init(NULL);
    options_set(client, connection);
    char account[16];
    snprintf(account, sizeof(account), "h%u", client->user);
    const char *user = options->identity == IDENTITY_ACCOUNT ? account : options->user;
    if (mysql_real_connect(connection->mysql, options->host, user, options->password, "demo", port,
                           NULL, CLIENT_MULTI_STATEMENTS)) {
        declare(client, connection);
        return connection->mysql != NULL;
    }
    history_error(client, connection, now_ns(), "connect", mysql_errno(connection->mysql));
    connection_close(connection);
    return false;
}

static bool token_hand_over(struct client *client, struct connection *from, struct connection *to)
{
    struct reply reply;
    uint64_t start = now_ns();
    connection_query(client, from, NULL, &reply, "SELECT @@causeway_token");
    if (!reply.error)
        connection_query(client, to, NULL, &reply, "SET @@causeway_token='%s'", reply.text);
    if (reply.error)
        history_error(client, to, start, "token", reply.error);
    return !reply.error;
}

/* What the client has seen goes along to the connection that it uses next. Where that fails,
 * because the last connection broke, it is somebody new from now on. */
static void token_follow(struct client *client, struct connection *connection)
{
    struct connection *last = client->last < 0 ? NULL : &client->connections[client->last];
    if (!last || client->last_number == connection->number)
        return;
    bool there = last != connection && last->mysql && last->number == client->last_number;
    if (!there || !token_hand_over(client, last, connection))
        client->user += client->shared->options.clients;
}

struct connection *client_connection_at(struct client *client, unsigned index)
{
    struct connection *connection = &client->connections[index];
    if (!connection->mysql && !connection_open(client, connection)) {
        client_pause(client, 20000);
        return NULL;
    }
    if (client->shared->options.identity == IDENTITY_TOKEN)
        token_follow(client, connection);
    client->last = (int)index;
    client->last_number = connection->number;
    return connection->mysql ? connection : NULL;
}

/* Now and then a connection ends and another takes its place. */
struct connection *client_connection(struct client *client)
{
    const struct options *options = &client->shared->options;
    unsigned index = client_random(client, options->connections);
    struct connection *connection = &client->connections[index];
    /* The one used last holds what the next one's token must say. */
    bool carries = options->identity == IDENTITY_TOKEN && client->last == (int)index;
    if (!options->plain && !carries && client_random(client, 2000) == 0)
        connection_close(connection);
    return client_connection_at(client, index);
}

void connection_reset(struct client *client, struct connection *connection)
{
    if (!connection->mysql)
        return;
    uint64_t start = now_ns();
    statements_close(connection);
    connection->domain = -1;
    if (mysql_reset_connection(connection->mysql) != 0) {
        unsigned error = mysql_errno(connection->mysql);
        history_error(client, connection, start, "reset", error);
        if (is_lost(error))
            connection_close(connection);
        return;
    }
    declare(client, connection);
}

void connection_domain(struct client *client, struct connection *connection, unsigned domain)
{
    struct reply reply;
    if (!client->shared->options.domains || connection->domain == (int)domain)
        return;
    uint64_t start = now_ns();
    connection_query(client, connection, NULL, &reply, "SET SESSION gtid_domain_id=%u", domain);
    if (reply.error)
        history_error(client, connection, start, "domain", reply.error);
    else
        connection->domain = (int)domain;
}
