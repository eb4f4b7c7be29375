/* A control connection to one server: Connector/C's non-blocking calls driven by one libev loop.
 *
 *     OPENING --login done--> IDLE --service_conn_query--> QUERYING --> STORING --> IDLE
 *        |                     |                              |            |
 *        +------ error, time-out, end of connection ----------+------------+--> LOST
 *
 * Each opening and each query ends in exactly one call of its `done`, never from within the call
 * that started it. service_conn_close may be called at any time, from within a callback too; no
 * callback comes after it. One thread. The process must ignore SIGPIPE. */
#ifndef CAUSEWAY_BINLOG_STREAM_SERVICE_CONN_H
#define CAUSEWAY_BINLOG_STREAM_SERVICE_CONN_H

#include "proxy/base/bytes.h"

#include <ev.h>

struct service_conn;

/* TLS as the library does it; the paths are PEM files, or NULL. */
struct service_tls {
    bool wanted; /* else the connection is in the clear */
    bool verify; /* the certificate must hold, and name the host */
    const char *ca;
    const char *cert;
    const char *key;
};

struct service_login {
    const char
        *host; /* a numeric address (a name would be looked up, and block); NULL: unix_path */
    unsigned port;
    const char *unix_path; /* NULL: host */
    const char *user;
    const char *password;
    uint32_t timeout_ms; /* for connecting and logging in together */
    struct service_tls tls;
    bool proxy_header; /* the connection begins with a PROXY header of its own (LOCAL) */
};

/* The answer to an opening or a query. Everything in it is gone after the callback. */
struct service_reply {
    unsigned error;   /* 0, or the number of the server's or the client library's error */
    const char *text; /* in words, without secrets; "" when there is no error */
    bool lost;        /* the connection is of no more use: close it */
    void *result;     /* private */
    char **row;
    unsigned long *lengths;
    unsigned columns;
};

/* A login with strings of its own, and its end. */
void service_login_copy(struct service_login *copy, const struct service_login *login);
void service_login_clear(struct service_login *login);
/* Whether both lead to the same server as the same account by the same means. */
bool service_login_same(const struct service_login *a, const struct service_login *b);

typedef void (*service_done)(struct service_conn *conn, struct service_reply *reply, void *context);
/* The server ended an idle connection, or said something unasked. Close it. */
typedef void (*service_lost)(struct service_conn *conn, void *context);

/* Copies what it is given. `lost` may be NULL. Only plugins that never show the password are
 * allowed (mysql_native_password, client_ed25519), and LOAD DATA LOCAL is off. */
struct service_conn *service_conn_open(struct ev_loop *loop, const struct service_login *login,
                                       service_done done, service_lost lost, void *context);
/* One query at a time, only on an IDLE connection (within `done` it is one, unless `lost`). A query
 * that isn't answered within `timeout_ms` loses the connection. */
void service_conn_query(struct service_conn *conn, const char *sql, uint32_t timeout_ms,
                        service_done done);
/* True when a query may be started. */
bool service_conn_idle(const struct service_conn *conn);
/* Numeric id of the connection on the server, 0 when it is not open. */
unsigned long service_conn_id(const struct service_conn *conn);
/* The socket of an IDLE connection (within `done` too), for a protocol that the library doesn't
 * speak: a descriptor of its own, which the caller closes. The connection is LOST to all else from
 * now on, and must be kept until the socket is of no more use: closing it shuts the socket down.
 * Negative errno. */
int service_conn_take_socket(struct service_conn *conn);
/* After service_conn_take_socket: the state of its TLS, for tls_adopt(); a reference of the
 * caller's own. NULL: it is in the clear. */
struct ssl_st *service_conn_take_tls(struct service_conn *conn);
/* NULL is allowed. */
void service_conn_close(struct service_conn *conn);

/* Moves to the next row; false when there is none. */
bool service_reply_next(struct service_reply *reply);
/* A cell of the row; data is NULL for SQL's NULL and for a column that isn't there. */
struct span service_reply_cell(const struct service_reply *reply, int column);
/* The number of the column with that name, -1 when there is none. */
int service_reply_column(const struct service_reply *reply, const char *name);
/* A cell as text, cut at `size`; empty for NULL. */
void service_reply_text(const struct service_reply *reply, int column, char *out, size_t size);
/* A cell as a number; 0 for NULL or what isn't one. */
uint64_t service_reply_number(const struct service_reply *reply, int column);

#endif
