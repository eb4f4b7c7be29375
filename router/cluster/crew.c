/* Blocking calls over service_conn: see crew.h. */
#include "router/cluster/crew.h"

#include "proxy/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SQL_MAX = 16384, ERROR_LOST = 2013 };

struct crew {
    struct ev_loop *loop;
    unsigned count;
    struct service_conn **conns;
    char why[256];
    /* the call under way */
    bool answered;
    unsigned error;
    bool lost;
    void (*each)(const struct service_reply *row, void *context);
    void *context;
};

struct first_cell {
    char *out;
    size_t size;
    bool seen;
};

static void on_answer(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct crew *crew = context;

    (void)conn;
    crew->error = reply->error;
    crew->lost = reply->lost;
    snprintf(crew->why, sizeof(crew->why), "%s", reply->text);
    while (reply->error == 0 && crew->each != NULL && service_reply_next(reply))
        crew->each(reply, crew->context);
    crew->answered = true;
    /* an answer that was there at once comes before the loop's turn, which would then sleep */
    ev_break(crew->loop, EVBREAK_ONE);
}

static void on_expired(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)timer;
    (void)events;
    ev_break(loop, EVBREAK_ONE);
}

static unsigned answer_await(struct crew *crew, unsigned member)
{
    while (!crew->answered)
        ev_run(crew->loop, EVRUN_ONCE);
    if (crew->error != 0 && crew->lost)
        crew_close(crew, member);
    return crew->error;
}

static unsigned query(struct crew *crew, unsigned member, uint32_t timeout_ms, const char *sql)
{
    if (!crew_is_open(crew, member)) {
        snprintf(crew->why, sizeof(crew->why), "its connection is lost");
        return ERROR_LOST;
    }
    crew->answered = false;
    service_conn_query(crew->conns[member], sql, timeout_ms, on_answer);
    return answer_await(crew, member);
}

struct crew *crew_new(unsigned count)
{
    struct crew *crew = memory_zalloc(sizeof(*crew));

    crew->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOSIGMASK);
    crew->count = count;
    crew->conns = memory_zalloc(count * sizeof(struct service_conn *));
    return crew;
}

void crew_free(struct crew *crew)
{
    for (unsigned i = 0; i < crew->count; i++)
        service_conn_close(crew->conns[i]);
    free(crew->conns);
    ev_loop_destroy(crew->loop);
    free(crew);
}

struct ev_loop *crew_loop(struct crew *crew)
{
    return crew->loop;
}

bool crew_is_open(const struct crew *crew, unsigned member)
{
    return crew->conns[member] != NULL && service_conn_idle(crew->conns[member]);
}

void crew_close(struct crew *crew, unsigned member)
{
    service_conn_close(crew->conns[member]);
    crew->conns[member] = NULL;
}

unsigned crew_open(struct crew *crew, unsigned member, const struct service_login *login)
{
    if (crew_is_open(crew, member))
        return 0;
    crew_close(crew, member);
    crew->each = NULL;
    crew->answered = false;
    crew->conns[member] = service_conn_open(crew->loop, login, on_answer, NULL, crew);
    if (answer_await(crew, member) != 0) {
        crew_close(crew, member);
        return crew->error;
    }
    /* texts below are quoted with backslashes, and a statement of ours waits for no lock for ever
     */
    return query(crew, member, login->timeout_ms,
                 "SET SESSION sql_mode = '', lock_wait_timeout = 5, innodb_lock_wait_timeout = 5,"
                 " wait_timeout = 3600");
}

unsigned crew_run(struct crew *crew, unsigned member, uint32_t timeout_ms, const char *format, ...)
{
    char sql[SQL_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    crew->each = NULL;
    unsigned error = query(crew, member, timeout_ms, sql);
    memory_wipe(sql, sizeof(sql));
    return error;
}

static void cell_take(const struct service_reply *row, void *context)
{
    struct first_cell *cell = context;

    if (!cell->seen)
        service_reply_text(row, 0, cell->out, cell->size);
    cell->seen = true;
}

unsigned crew_text(struct crew *crew, unsigned member, uint32_t timeout_ms, char *out, size_t size,
                   const char *format, ...)
{
    char sql[SQL_MAX];
    struct first_cell cell = {.out = out, .size = size};
    va_list args;

    va_start(args, format);
    vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    out[0] = '\0';
    return crew_rows(crew, member, timeout_ms, cell_take, &cell, sql);
}

unsigned crew_rows(struct crew *crew, unsigned member, uint32_t timeout_ms,
                   void (*each)(const struct service_reply *row, void *context), void *context,
                   const char *sql)
{
    crew->each = each;
    crew->context = context;
    return query(crew, member, timeout_ms, sql);
}

const char *crew_why(const struct crew *crew)
{
    return crew->why;
}

void crew_wait(struct crew *crew, const bool *flag, uint32_t timeout_ms)
{
    struct ev_timer timer;

    ev_now_update(crew->loop);
    ev_timer_init(&timer, on_expired, timeout_ms / 1000., 0.);
    ev_timer_start(crew->loop, &timer);
    while (!*flag && ev_is_active(&timer))
        ev_run(crew->loop, EVRUN_ONCE);
    ev_timer_stop(crew->loop, &timer);
}
