/* Connector/C's non-blocking API under libev: every _start or _cont call says what it waits for;
 * the io watcher and the one timer bring the answer to the matching _cont. Source: MariaDB
 * knowledge base "Using the Non-blocking Library". */
#include "binlog/stream/service_conn.h"

#include "binlog/stream/service_tls.h"
#include "proxy/base/clock.h"
#include "proxy/base/memory.h"
#include "proxy/proto/proxy_header.h"

#include <assert.h>
#include <errmsg.h>
#include <errno.h>
#include <fcntl.h>
#include <mysql.h>

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    STACK_BYTES =
        256 * 1024, /* of the library's coroutine: plugins are loaded and TLS runs on it */
    LIBRARY_TIMEOUT_S = 86400, /* our own deadlines are shorter */
    ABORT_STEPS_MAX = 32,      /* _cont calls that a pending operation may need to give up */
    CLIENT_ERROR_FIRST = 2000, /* errors of the client library: CR_MIN_ERROR .. */
    CLIENT_ERROR_LAST = 2999,
    MARIADB_CLIENT_ERROR_FIRST = 5000, /* .. and CER_MIN_ERROR */
};

enum conn_state { CONN_OPENING, CONN_IDLE, CONN_QUERYING, CONN_STORING, CONN_LOST };

struct service_conn {
    struct ev_loop *loop;
    enum conn_state state;
    MYSQL mysql;
    struct ev_io io;
    struct ev_timer timer;
    bool pending;     /* a _start call has not come to its end */
    bool settled;     /* it came to its end at once: `done` is called from the loop */
    bool in_callback; /* freeing waits until the callback has returned */
    bool closed;      /* service_conn_close was called within a callback */
    bool timed_out;   /* by our own deadline */
    uint64_t deadline_ms;
    uint32_t timeout_ms;
    MYSQL *opened; /* results of the _start/_cont calls */
    int query_failed;
    MYSQL_RES *result;
    struct service_login login; /* must live as long as the opening */
    struct buf proxy_header;    /* likewise */
    char *sql;                  /* must live as long as the query */
    char text[256];
    service_done done;
    service_lost lost;
    void *context;
};

/* --- logins --- */

static char *text_or_null(const char *text)
{
    return text != NULL ? memory_strdup(text) : NULL;
}

void service_login_copy(struct service_login *copy, const struct service_login *login)
{
    *copy = *login;
    copy->host = text_or_null(login->host);
    copy->unix_path = text_or_null(login->unix_path);
    copy->user = memory_strdup(login->user);
    copy->password = memory_strdup(login->password);
    copy->tls.ca = text_or_null(login->tls.ca);
    copy->tls.cert = text_or_null(login->tls.cert);
    copy->tls.key = text_or_null(login->tls.key);
}

void service_login_clear(struct service_login *login)
{
    if (login->password != NULL)
        memory_wipe((char *)login->password, strlen(login->password));
    free((char *)login->password);
    free((char *)login->user);
    free((char *)login->unix_path);
    free((char *)login->host);
    free((char *)login->tls.ca);
    free((char *)login->tls.cert);
    free((char *)login->tls.key);
    memset(login, 0, sizeof(*login));
}

static bool text_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool service_login_same(const struct service_login *a, const struct service_login *b)
{
    return text_same(a->host, b->host) && a->port == b->port &&
           text_same(a->unix_path, b->unix_path) && text_same(a->user, b->user) &&
           text_same(a->password, b->password) && a->tls.wanted == b->tls.wanted &&
           a->tls.verify == b->tls.verify && text_same(a->tls.ca, b->tls.ca) &&
           a->proxy_header == b->proxy_header && text_same(a->tls.cert, b->tls.cert) &&
           text_same(a->tls.key, b->tls.key);
}

/* --- the library's calls --- */

static int connect_start(struct service_conn *conn)
{
    return mysql_real_connect_start(&conn->opened, &conn->mysql, conn->login.host, conn->login.user,
                                    conn->login.password, NULL, conn->login.port,
                                    conn->login.unix_path, 0);
}

/* Goes on with what is pending; `events` are MYSQL_WAIT_ flags. */
static int pending_continue(struct service_conn *conn, int events)
{
    switch (conn->state) {
    case CONN_OPENING: return mysql_real_connect_cont(&conn->opened, &conn->mysql, events);
    case CONN_QUERYING: return mysql_real_query_cont(&conn->query_failed, &conn->mysql, events);
    case CONN_STORING: return mysql_store_result_cont(&conn->result, &conn->mysql, events);
    case CONN_IDLE:
    case CONN_LOST: break;
    }
    return 0;
}

/* Makes a pending operation end now, without waiting for the server. The library frees what it
 * holds on its own stack only when it is let run to an error. */
static void pending_abort(struct service_conn *conn)
{
    int fd;

    if (!conn->pending)
        return;
    fd = mysql_get_socket(&conn->mysql);
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
    for (int steps = 0; steps < ABORT_STEPS_MAX; steps++) {
        if (pending_continue(conn, MYSQL_WAIT_TIMEOUT) == 0)
            break;
    }
    conn->pending = false;
}

static void watchers_stop(struct service_conn *conn)
{
    ev_io_stop(conn->loop, &conn->io);
    ev_timer_stop(conn->loop, &conn->timer);
}

/* --- ends --- */

static void conn_free(struct service_conn *conn)
{
    int fd = mysql_get_socket(&conn->mysql);

    watchers_stop(conn);
    pending_abort(conn);
    if (conn->state == CONN_LOST && fd >= 0)
        shutdown(fd, SHUT_RDWR); /* mysql_close says goodbye on it: that must not block */
    if (conn->result != NULL)
        mysql_free_result(conn->result);
    mysql_close(&conn->mysql);
    buf_free(&conn->proxy_header);
    service_login_clear(&conn->login);
    free(conn->sql);
    free(conn);
}

void service_conn_close(struct service_conn *conn)
{
    if (conn == NULL || conn->closed)
        return;
    if (conn->in_callback) {
        conn->closed = true;
        watchers_stop(conn);
        return;
    }
    conn_free(conn);
}

static bool error_is_client_side(unsigned error)
{
    return (error >= CLIENT_ERROR_FIRST && error <= CLIENT_ERROR_LAST) ||
           error >= MARIADB_CLIENT_ERROR_FIRST;
}

/* The library names a failed connect(2) by number: "Can't connect to server on '10.0.0.1' (111)".
 */
static const char *connect_error_words(const char *text)
{
    const char *open = strrchr(text, '(');
    int number = 0;

    if (open == NULL)
        return NULL;
    for (open++; *open >= '0' && *open <= '9' && number < 10000; open++)
        number = number * 10 + (*open - '0');
    if (*open != ')' || number == 0)
        return NULL;
    return strerrordesc_np(number);
}

/* The library's words; the number of the last errno that it appends is as good as chance. */
static void error_words(struct service_conn *conn, unsigned error)
{
    const char *text = mysql_error(&conn->mysql);
    const char *words = NULL;
    const char *tail = strstr(text, ", system error: ");

    if (conn->state == CONN_OPENING && error_is_client_side(error))
        words = connect_error_words(text);
    if (words != NULL)
        snprintf(conn->text, sizeof(conn->text), "%s", words);
    else
        snprintf(conn->text, sizeof(conn->text), "error %u: %.*s", error,
                 tail != NULL ? (int)(tail - text) : (int)strlen(text), text);
}

static void reply_fill_error(struct service_conn *conn, struct service_reply *reply)
{
    if (conn->timed_out) {
        reply->error = CR_SERVER_LOST;
        snprintf(conn->text, sizeof(conn->text), "no answer within %u ms", conn->timeout_ms);
    } else {
        reply->error = mysql_errno(&conn->mysql);
        if (reply->error == 0)
            reply->error = CR_UNKNOWN_ERROR;
        error_words(conn, reply->error);
    }
    reply->text = conn->text;
    reply->lost =
        conn->state == CONN_OPENING || conn->timed_out || error_is_client_side(reply->error);
}

static void idle_watch(struct service_conn *conn)
{
    ev_io_stop(conn->loop, &conn->io);
    ev_io_set(&conn->io, mysql_get_socket(&conn->mysql), EV_READ);
    ev_io_start(conn->loop, &conn->io);
}

/* What was pending is over: tells whoever asked. The connection may be freed on return. */
static void conn_finish(struct service_conn *conn, bool failed)
{
    struct service_reply reply = {.text = ""};
    service_done done = conn->done;

    watchers_stop(conn);
    if (failed)
        reply_fill_error(conn, &reply);
    conn->state = reply.lost ? CONN_LOST : CONN_IDLE;
    free(conn->sql);
    conn->sql = NULL;
    reply.result = conn->result;
    reply.columns = conn->result != NULL ? mysql_num_fields(conn->result) : 0;
    conn->result = NULL;
    conn->done = NULL;
    conn->in_callback = true;
    done(conn, &reply, conn->context);
    conn->in_callback = false;
    if (reply.result != NULL)
        mysql_free_result(reply.result);
    if (conn->closed)
        conn_free(conn);
    else if (conn->state == CONN_IDLE)
        idle_watch(conn);
}

/* --- waiting --- */

/* The library leaves its socket blocking. In the clear it receives without waiting all the same;
 * TLS reads the socket itself, and would stop the whole thread (seen). */
static void socket_set_nonblocking(struct service_conn *conn)
{
    int fd = mysql_get_socket(&conn->mysql);
    int flags = fd >= 0 ? fcntl(fd, F_GETFL) : -1;

    if (flags >= 0 && (flags & O_NONBLOCK) == 0)
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static void conn_wait(struct service_conn *conn, int waiting)
{
    uint64_t now_ms = clock_now_ms();
    uint64_t left_ms = conn->deadline_ms > now_ms ? conn->deadline_ms - now_ms : 0;
    int events = 0;

    if (conn->login.tls.wanted)
        socket_set_nonblocking(conn);
    if ((waiting & MYSQL_WAIT_TIMEOUT) != 0) {
        uint64_t library_ms = mysql_get_timeout_value_ms(&conn->mysql);
        if (library_ms < left_ms)
            left_ms = library_ms;
    }
    if ((waiting & (MYSQL_WAIT_READ | MYSQL_WAIT_EXCEPT)) != 0)
        events |= EV_READ;
    if ((waiting & MYSQL_WAIT_WRITE) != 0)
        events |= EV_WRITE;
    ev_io_stop(conn->loop, &conn->io);
    if (events != 0) {
        ev_io_set(&conn->io, mysql_get_socket(&conn->mysql), events);
        ev_io_start(conn->loop, &conn->io);
    }
    ev_timer_stop(conn->loop, &conn->timer);
    ev_now_update(conn->loop);
    ev_timer_set(&conn->timer, (double)left_ms / 1000.0, 0.);
    ev_timer_start(conn->loop, &conn->timer);
}

/* Runs from one library call to the next until one waits. True when all of it is over. */
static bool conn_run(struct service_conn *conn, int waiting, bool *failed)
{
    *failed = false;
    conn->pending = waiting != 0;
    if (waiting == 0 && conn->state == CONN_QUERYING && conn->query_failed == 0) {
        conn->state = CONN_STORING;
        waiting = mysql_store_result_start(&conn->result, &conn->mysql);
        conn->pending = waiting != 0;
    }
    if (waiting != 0) {
        conn_wait(conn, waiting);
        return false;
    }
    switch (conn->state) {
    case CONN_OPENING: *failed = conn->opened == NULL; break;
    case CONN_QUERYING: *failed = true; break;
    case CONN_STORING: *failed = conn->result == NULL && mysql_errno(&conn->mysql) != 0; break;
    case CONN_IDLE:
    case CONN_LOST: assert(false);
    }
    return true;
}

static void conn_step(struct service_conn *conn, int waiting)
{
    bool failed;

    if (conn_run(conn, waiting, &failed))
        conn_finish(conn, failed);
}

/* After a _start call: the answer must not come from within the caller's own call. */
static void conn_first_step(struct service_conn *conn, int waiting)
{
    bool failed;

    conn->settled = conn_run(conn, waiting, &failed);
    if (conn->settled)
        ev_feed_event(conn->loop, &conn->timer, EV_TIMER);
}

static void conn_settle(struct service_conn *conn)
{
    bool failed;

    conn->settled = false;
    if (conn->state == CONN_OPENING)
        failed = conn->opened == NULL;
    else
        failed =
            conn->query_failed != 0 || (conn->result == NULL && mysql_errno(&conn->mysql) != 0);
    conn_finish(conn, failed);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct service_conn *conn = timer->data;

    (void)loop;
    (void)events;
    if (conn->settled) {
        conn_settle(conn);
        return;
    }
    if (clock_now_ms() < conn->deadline_ms) {
        conn_step(conn, pending_continue(conn, MYSQL_WAIT_TIMEOUT));
        return;
    }
    conn->timed_out = true;
    pending_abort(conn);
    conn_finish(conn, true);
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct service_conn *conn = io->data;
    int ready = 0;

    (void)loop;
    if (conn->state == CONN_IDLE) { /* nothing was asked: it is the end, or a notice of it */
        watchers_stop(conn);
        conn->state = CONN_LOST;
        if (conn->lost != NULL)
            conn->lost(conn, conn->context); /* may free it */
        return;
    }
    if ((events & EV_READ) != 0)
        ready |= MYSQL_WAIT_READ;
    if ((events & EV_WRITE) != 0)
        ready |= MYSQL_WAIT_WRITE;
    conn_step(conn, pending_continue(conn, ready));
}

/* --- the calls of the header --- */

static void options_set(struct service_conn *conn)
{
    MYSQL *mysql = &conn->mysql;
    size_t stack_bytes = STACK_BYTES;
    unsigned timeout_s = LIBRARY_TIMEOUT_S;
    unsigned off = 0;
    my_bool no = 0;
    unsigned protocol = conn->login.host != NULL ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;

    mysql_options(mysql, MYSQL_OPT_NONBLOCK, &stack_bytes);
    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
    mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
    mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout_s);
    mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
    mysql_options(mysql, MYSQL_OPT_RECONNECT, &no);
    mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(mysql, MARIADB_OPT_RESTRICTED_AUTH, "mysql_native_password,client_ed25519");
    mysql_options4(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "causeway");
}

static void tls_set(struct service_conn *conn)
{
    const struct service_tls *tls = &conn->login.tls;
    my_bool yes = 1;

    if (!tls->wanted)
        return;
    mysql_options(&conn->mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
    mysql_options(&conn->mysql, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
    if (tls->cert != NULL) {
        mysql_options(&conn->mysql, MYSQL_OPT_SSL_CERT, tls->cert);
        mysql_options(&conn->mysql, MYSQL_OPT_SSL_KEY, tls->key != NULL ? tls->key : tls->cert);
    }
    if (!tls->verify)
        return;
    mysql_options(&conn->mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
    if (tls->ca != NULL)
        mysql_options(&conn->mysql, MYSQL_OPT_SSL_CA, tls->ca);
}

/* Behind a front that insists on a header; the server itself takes the connection as it comes. */
static void proxy_header_set(struct service_conn *conn)
{
    if (!conn->login.proxy_header)
        return;
    proxy_header_build(&conn->proxy_header, NULL);
    /* The library keeps the pointer. */
    mysql_optionsv(&conn->mysql, MARIADB_OPT_PROXY_HEADER, conn->proxy_header.data,
                   conn->proxy_header.len);
}

static void deadline_set(struct service_conn *conn, uint32_t timeout_ms)
{
    conn->timed_out = false;
    conn->timeout_ms = timeout_ms;
    conn->deadline_ms = clock_now_ms() + timeout_ms;
}

struct service_conn *service_conn_open(struct ev_loop *loop, const struct service_login *login,
                                       service_done done, service_lost lost, void *context)
{
    struct service_conn *conn = memory_zalloc(sizeof(*conn));

    assert((login->host != NULL) != (login->unix_path != NULL));
    if (mysql_init(&conn->mysql) == NULL)
        abort(); /* out of memory: as everywhere */
    conn->loop = loop;
    conn->state = CONN_OPENING;
    conn->done = done;
    conn->lost = lost;
    conn->context = context;
    service_login_copy(&conn->login, login);
    ev_init(&conn->io, on_io);
    conn->io.data = conn;
    ev_init(&conn->timer, on_timer);
    conn->timer.data = conn;
    options_set(conn);
    tls_set(conn);
    proxy_header_set(conn);
    deadline_set(conn, login->timeout_ms);
    conn_first_step(conn, connect_start(conn));
    return conn;
}

void service_conn_query(struct service_conn *conn, const char *sql, uint32_t timeout_ms,
                        service_done done)
{
    int waiting;

    assert(conn->state == CONN_IDLE && !conn->closed);
    ev_io_stop(conn->loop, &conn->io);
    conn->state = CONN_QUERYING;
    conn->done = done;
    conn->sql = memory_strdup(sql);
    deadline_set(conn, timeout_ms);
    if (conn->login.tls.wanted)
        socket_set_nonblocking(conn);
    waiting = mysql_real_query_start(&conn->query_failed, &conn->mysql, conn->sql,
                                     (unsigned long)strlen(conn->sql));
    conn_first_step(conn, waiting);
}

bool service_conn_idle(const struct service_conn *conn)
{
    return conn->state == CONN_IDLE && !conn->closed;
}

int service_conn_take_socket(struct service_conn *conn)
{
    int fd;

    assert(service_conn_idle(conn));
    fd = fcntl(mysql_get_socket(&conn->mysql), F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    watchers_stop(conn);
    conn->state = CONN_LOST;
    return fd;
}

struct ssl_st *service_conn_take_tls(struct service_conn *conn)
{
    assert(conn->state == CONN_LOST);
    return service_tls_take(&conn->mysql);
}

unsigned long service_conn_id(const struct service_conn *conn)
{
    if (conn->state == CONN_OPENING || conn->state == CONN_LOST)
        return 0;
    return mysql_thread_id((MYSQL *)&conn->mysql);
}

/* --- rows --- */

bool service_reply_next(struct service_reply *reply)
{
    if (reply->result == NULL)
        return false;
    reply->row = mysql_fetch_row(reply->result);
    if (reply->row == NULL)
        return false;
    reply->lengths = mysql_fetch_lengths(reply->result);
    return true;
}

struct span service_reply_cell(const struct service_reply *reply, int column)
{
    if (reply->row == NULL || column < 0 || (unsigned)column >= reply->columns ||
        reply->row[column] == NULL)
        return span_of(NULL, 0);
    return span_of(reply->row[column], reply->lengths[column]);
}

int service_reply_column(const struct service_reply *reply, const char *name)
{
    const MYSQL_FIELD *fields = reply->result != NULL ? mysql_fetch_fields(reply->result) : NULL;

    for (unsigned i = 0; fields != NULL && i < reply->columns; i++) {
        if (strcasecmp(fields[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

void service_reply_text(const struct service_reply *reply, int column, char *out, size_t size)
{
    struct span cell = service_reply_cell(reply, column);
    size_t len = cell.len < size - 1 ? cell.len : size - 1;

    if (len > 0)
        memcpy(out, cell.data, len);
    out[len] = '\0';
}

uint64_t service_reply_number(const struct service_reply *reply, int column)
{
    struct span cell = service_reply_cell(reply, column);
    uint64_t number = 0;

    for (size_t i = 0; i < cell.len; i++) {
        if (cell.data[i] < '0' || cell.data[i] > '9' || number > UINT64_MAX / 10 - 1)
            return 0;
        number = number * 10 + (uint64_t)(cell.data[i] - '0');
    }
    return number;
}
