/* Reading the accounts; the states are drawn in the header. */
#include "router/cluster/accounts_read.h"

#include "proxy/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    ANSWER_MS = 5000,
    DIGEST_TEXT_MAX = 128,
};

enum reader_state { READER_IDLE, READER_OPENING, READER_DIGEST, READER_ROWS };

/* The two places that accounts can be read from, best first. */
struct source {
    const char *digest_sql;
    const char *rows_sql; /* columns in the order of enum column */
};

#define DIGEST_SQL(columns, table)                                                                 \
    "SELECT CONCAT_WS('/', COUNT(*),"                                                              \
    " BIT_XOR(CAST(CONV(LEFT(MD5(CONCAT_WS('\\0', " columns ")), 16), 16, 10) AS UNSIGNED)),"      \
    " BIT_XOR(CAST(CONV(RIGHT(MD5(CONCAT_WS('\\0', " columns ")), 16), 16, 10) AS UNSIGNED)),"     \
    " @@global.skip_name_resolve), @@global.skip_name_resolve FROM " table

static const struct source sources[] = {
    {
        .digest_sql = DIGEST_SQL("User, Host, Priv", "mysql.global_priv"),
        .rows_sql = "SELECT User, Host, IFNULL(JSON_VALUE(Priv, '$.plugin'), ''),"
                    " IFNULL(JSON_VALUE(Priv, '$.authentication_string'), ''),"
                    " IFNULL(JSON_VALUE(Priv, '$.account_locked'), 0),"
                    " IFNULL(JSON_VALUE(Priv, '$.is_role'), 0),"
                    " IFNULL(JSON_VALUE(Priv, '$.ssl_type'), 0),"
                    " IFNULL(JSON_VALUE(Priv, '$.ssl_cipher'), ''),"
                    " IFNULL(JSON_VALUE(Priv, '$.x509_issuer'), ''),"
                    " IFNULL(JSON_VALUE(Priv, '$.x509_subject'), ''),"
                    " IFNULL(JSON_QUERY(Priv, '$.auth_or'), ''),"
                    " IFNULL(JSON_VALUE(Priv, '$.max_user_connections'), 0), MD5(Priv)"
                    " FROM mysql.global_priv",
    },
    {
        .digest_sql = DIGEST_SQL("User, Host, plugin, authentication_string, is_role, ssl_type,"
                                 " ssl_cipher, x509_issuer, x509_subject, max_user_connections,"
                                 " max_connections, max_questions, max_updates, default_role,"
                                 " Super_priv",
                                 "mysql.user"),
        .rows_sql = "SELECT User, Host, plugin, authentication_string, 0, is_role = 'Y',"
                    " FIELD(ssl_type, 'ANY', 'X509', 'SPECIFIED'), ssl_cipher, x509_issuer,"
                    " x509_subject, '', max_user_connections, CONCAT_WS('/', max_connections,"
                    " max_questions, max_updates, default_role, Super_priv) FROM mysql.user",
    },
};

enum { SOURCES = sizeof(sources) / sizeof(sources[0]) };

enum column {
    COLUMN_USER,
    COLUMN_HOST,
    COLUMN_PLUGIN,
    COLUMN_HASH,
    COLUMN_LOCKED,
    COLUMN_IS_ROLE,
    COLUMN_TLS,
    COLUMN_TLS_CIPHER,
    COLUMN_TLS_ISSUER,
    COLUMN_TLS_SUBJECT,
    COLUMN_AUTH_OR,
    COLUMN_USER_CONNECTIONS,
    COLUMN_REST,
};

struct accounts_reader {
    struct ev_loop *loop;
    enum reader_state state;
    bool has_target;
    struct service_login login;
    struct service_conn *conn;
    unsigned source;               /* index of the one that may be read */
    char digest[DIGEST_TEXT_MAX];  /* of the rows read last */
    char reading[DIGEST_TEXT_MAX]; /* of the rows being read */
    bool name_resolve;
    accounts_read_done done;
    void *context;
};

static void conn_drop(struct accounts_reader *reader)
{
    service_conn_close(reader->conn);
    reader->conn = NULL;
    reader->source = 0;
}

static void run_end(struct accounts_reader *reader, struct accounts *accounts, const char *error)
{
    reader->state = READER_IDLE;
    reader->done(accounts, error, reader->context);
}

static void run_failed(struct accounts_reader *reader, const struct service_reply *reply)
{
    char error[256];

    snprintf(error, sizeof(error), "%s", reply->text); /* outlives the connection */
    conn_drop(reader);
    run_end(reader, NULL, error);
}

static bool cell_set(const struct service_reply *reply, enum column column)
{
    char text[32];

    service_reply_text(reply, (int)column, text, sizeof(text));
    return text[0] != '\0' && text[0] != '0' && text[0] != '-' && strcasecmp(text, "false") != 0;
}

/* What is not known counts as the strictest. */
static enum account_tls cell_tls(const struct service_reply *reply)
{
    uint64_t type = service_reply_number(reply, COLUMN_TLS);

    return type <= ACCOUNT_TLS_SPECIFIED ? (enum account_tls)type : ACCOUNT_TLS_SPECIFIED;
}

static void row_add(struct accounts *accounts, const struct service_reply *reply)
{
    char user[256];
    char host[512];
    char cipher[256];
    char issuer[1024];
    char subject[1024];
    struct account account = {.user = user,
                              .host = host,
                              .tls_cipher = cipher,
                              .tls_issuer = issuer,
                              .tls_subject = subject};

    service_reply_text(reply, COLUMN_USER, user, sizeof(user));
    service_reply_text(reply, COLUMN_HOST, host, sizeof(host));
    account.locked = cell_set(reply, COLUMN_LOCKED);
    account.is_role = cell_set(reply, COLUMN_IS_ROLE);
    account.tls = cell_tls(reply);
    service_reply_text(reply, COLUMN_TLS_CIPHER, cipher, sizeof(cipher));
    service_reply_text(reply, COLUMN_TLS_ISSUER, issuer, sizeof(issuer));
    service_reply_text(reply, COLUMN_TLS_SUBJECT, subject, sizeof(subject));
    account.limited = cell_set(reply, COLUMN_USER_CONNECTIONS);
    (void)account_fill(&account, service_reply_cell(reply, COLUMN_PLUGIN),
                       service_reply_cell(reply, COLUMN_HASH),
                       service_reply_cell(reply, COLUMN_AUTH_OR));
    account_add_digest(&account, service_reply_cell(reply, COLUMN_REST));
    accounts_add(accounts, &account);
    account_clear(&account);
    memory_wipe(&account, sizeof(account));
}

static void on_rows(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct accounts_reader *reader = context;
    struct accounts *accounts;

    (void)conn;
    if (reply->error != 0) {
        run_failed(reader, reply);
        return;
    }
    accounts = accounts_new();
    accounts->name_resolve = reader->name_resolve;
    while (service_reply_next(reply))
        row_add(accounts, reply);
    accounts_finish(accounts);
    memcpy(reader->digest, reader->reading, sizeof(reader->digest));
    run_end(reader, accounts, NULL);
}

static void digest_ask(struct accounts_reader *reader);

static void on_digest(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct accounts_reader *reader = context;

    if (reply->error != 0 && !reply->lost && reader->source + 1 < SOURCES) {
        reader->source++;
        digest_ask(reader);
        return;
    }
    if (reply->error != 0) {
        run_failed(reader, reply);
        return;
    }
    service_reply_next(reply);
    service_reply_text(reply, 0, reader->reading, sizeof(reader->reading));
    reader->name_resolve = service_reply_number(reply, 1) == 0;
    if (strcmp(reader->reading, reader->digest) == 0) {
        run_end(reader, NULL, NULL);
        return;
    }
    reader->state = READER_ROWS;
    service_conn_query(conn, sources[reader->source].rows_sql, ANSWER_MS, on_rows);
}

static void digest_ask(struct accounts_reader *reader)
{
    reader->state = READER_DIGEST;
    service_conn_query(reader->conn, sources[reader->source].digest_sql, ANSWER_MS, on_digest);
}

static void on_opened(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct accounts_reader *reader = context;

    (void)conn;
    if (reply->error != 0)
        run_failed(reader, reply);
    else
        digest_ask(reader);
}

static void on_lost(struct service_conn *conn, void *context)
{
    (void)conn;
    conn_drop(context); /* idle: the next run opens another */
}

struct accounts_reader *accounts_reader_new(struct ev_loop *loop, accounts_read_done done,
                                            void *context)
{
    struct accounts_reader *reader = memory_zalloc(sizeof(*reader));

    reader->loop = loop;
    reader->done = done;
    reader->context = context;
    return reader;
}

void accounts_reader_target(struct accounts_reader *reader, const struct service_login *login)
{
    bool was_busy = accounts_reader_busy(reader);

    if (reader->has_target && service_login_same(&reader->login, login))
        return;
    conn_drop(reader);
    service_login_clear(&reader->login);
    service_login_copy(&reader->login, login);
    reader->has_target = true;
    if (was_busy)
        run_end(reader, NULL, NULL);
}

bool accounts_reader_busy(const struct accounts_reader *reader)
{
    return reader->state != READER_IDLE;
}

void accounts_reader_run(struct accounts_reader *reader)
{
    if (accounts_reader_busy(reader) || !reader->has_target)
        return;
    if (reader->conn != NULL) {
        digest_ask(reader);
        return;
    }
    reader->state = READER_OPENING;
    reader->login.timeout_ms = ANSWER_MS;
    reader->conn = service_conn_open(reader->loop, &reader->login, on_opened, on_lost, reader);
}

void accounts_reader_free(struct accounts_reader *reader)
{
    if (reader == NULL)
        return;
    conn_drop(reader);
    service_login_clear(&reader->login);
    free(reader);
}
