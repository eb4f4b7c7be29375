/* Long polls of @@gtid_slave_pos; the states are drawn in the header. The first connection reads
 * the position and then polls the first domain; each further domain opens one of its own. */
#include "binlog/stream/confirm.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    POLL_SECONDS = 5,
    ANSWER_MS = 3000,    /* beyond the poll's own time */
    RETRY_FIRST_MS = 50, /* doubles up to .. */
    RETRY_LAST_MS = 1000,
};

struct poll {
    struct confirm *confirm;
    struct service_conn *conn; /* NULL: not opened, or being given up */
    bool has_domain;           /* the first connection may have to wait for one to be known */
    uint32_t domain;
    struct gtid_vector last; /* what this connection's last answer said: its next can't be lower */
};

struct confirm {
    struct ev_loop *loop;
    struct positions *positions;
    unsigned slot;
    char *name;
    struct service_login login; /* strings are owned */
    void (*changed)(void *context);
    void *context;
    struct ev_timer retry;
    uint32_t retry_ms;
    bool has_position;
    char trouble[256];           /* why it could not be read, as logged last */
    bool room_logged;            /* "too many domains" was said */
    struct gtid_vector known;    /* the highest of all answers of this incarnation */
    struct gtid_vector expected; /* domains of the leader */
    unsigned poll_count;
    struct poll polls[GTID_DOMAINS_MAX];
};

static void poll_open(struct poll *poll);
static void poll_ask(struct poll *poll);
static void polls_spread(struct confirm *confirm);

/* --- incarnations --- */

static void polls_close(struct confirm *confirm)
{
    for (unsigned i = 0; i < confirm->poll_count; i++) {
        service_conn_close(confirm->polls[i].conn);
        confirm->polls[i] = (struct poll){.confirm = confirm};
    }
    confirm->poll_count = 0;
}

static void incarnation_end(struct confirm *confirm)
{
    polls_close(confirm);
    ev_timer_stop(confirm->loop, &confirm->retry);
    confirm->has_position = false;
    confirm->known.count = 0;
    positions_forget(confirm->positions, confirm->slot);
}

/* Everything begins again after a while. The caller must not touch its poll any more. */
static void incarnation_restart(struct confirm *confirm, uint32_t after_ms)
{
    bool had_position = confirm->has_position;

    incarnation_end(confirm);
    ev_now_update(confirm->loop);
    ev_timer_set(&confirm->retry, (double)after_ms / 1000.0, 0.);
    ev_timer_start(confirm->loop, &confirm->retry);
    if (had_position)
        confirm->changed(confirm->context);
}

static void incarnation_lost(struct confirm *confirm, const char *why)
{
    uint32_t after_ms = confirm->retry_ms;

    if (confirm->has_position)
        log_info("server %s: the position poll was lost (%s); its position is unknown until it is "
                 "read again",
                 confirm->name, why);
    else if (strcmp(confirm->trouble, why) != 0)
        log_warn("server %s: its position can't be read (%s); tried again every second",
                 confirm->name, why);
    snprintf(confirm->trouble, sizeof(confirm->trouble), "%s", confirm->has_position ? "" : why);
    confirm->retry_ms = after_ms * 2 < RETRY_LAST_MS ? after_ms * 2 : RETRY_LAST_MS;
    incarnation_restart(confirm, after_ms);
}

void confirm_restart(struct confirm *confirm, const char *why)
{
    log_warn("server %s: %s; a new incarnation starts and its position is read again",
             confirm->name, why);
    incarnation_restart(confirm, 0);
}

static void on_retry(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct confirm *confirm = timer->data;

    (void)loop;
    (void)events;
    assert(confirm->poll_count == 0);
    confirm->poll_count = 1;
    poll_open(&confirm->polls[0]);
}

/* --- answers --- */

/* Puts an answer on the board. False when the poll is gone: a lower value, or the callee freed us.
 */
static bool answer_take(struct poll *poll, struct span text)
{
    struct confirm *confirm = poll->confirm;
    struct gtid_vector seen;
    bool first = !confirm->has_position;
    int left_out;
    int rose;

    left_out = text.data == NULL ? -EINVAL : gtid_vector_parse_part(text, &seen);
    if (left_out < 0) {
        incarnation_lost(confirm, "@@gtid_slave_pos could not be understood");
        return false;
    }
    if (!left_out && !gtid_vector_covers(&seen, &poll->last)) {
        confirm_restart(confirm, "@@gtid_slave_pos went back");
        return false;
    }
    poll->last = seen;
    gtid_vector_merge(&confirm->known, &seen);
    confirm->has_position = true;
    confirm->retry_ms = RETRY_FIRST_MS;
    rose = positions_confirm(confirm->positions, confirm->slot, &seen);
    if (rose < 0 && !confirm->room_logged) {
        confirm->room_logged = true;
        log_warn(
            "server %s: more than %d replication domains; reads that need the others go to the "
            "leader",
            confirm->name, GTID_DOMAINS_MAX);
    }
    if (first || rose != 0)
        confirm->changed(confirm->context);
    return true;
}

static bool reply_bad(struct confirm *confirm, const struct service_reply *reply)
{
    if (reply->error == 0)
        return false;
    incarnation_lost(confirm, reply->text);
    return true;
}

static void on_poll_answer(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct poll *poll = context;

    (void)conn;
    if (reply_bad(poll->confirm, reply))
        return;
    service_reply_next(reply);
    if (!answer_take(poll, service_reply_cell(reply, 1)))
        return;
    polls_spread(poll->confirm);
    poll_ask(poll);
}

static void poll_ask(struct poll *poll)
{
    char sql[160];
    uint32_t server = 1; /* the server compares sequences only, any id will do */
    uint64_t next = gtid_vector_seq(&poll->confirm->known, poll->domain) + 1;

    snprintf(sql, sizeof(sql),
             "SELECT MASTER_GTID_WAIT('%" PRIu32 "-%" PRIu32 "-%" PRIu64 "', %d), @@gtid_slave_pos",
             poll->domain, server, next, POLL_SECONDS);
    service_conn_query(poll->conn, sql, POLL_SECONDS * 1000 + ANSWER_MS, on_poll_answer);
}

static void on_first_answer(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct poll *poll = context;

    (void)conn;
    if (reply_bad(poll->confirm, reply))
        return;
    service_reply_next(reply);
    if (!answer_take(poll, service_reply_cell(reply, 0)))
        return;
    polls_spread(poll->confirm);
    if (poll->has_domain && service_conn_idle(poll->conn))
        poll_ask(poll);
}

static void on_opened(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct poll *poll = context;

    if (reply_bad(poll->confirm, reply))
        return;
    service_conn_query(conn, "SELECT @@gtid_slave_pos", ANSWER_MS, on_first_answer);
}

static void on_lost(struct service_conn *conn, void *context)
{
    struct poll *poll = context;

    (void)conn;
    incarnation_lost(poll->confirm, "the server closed the connection");
}

static void poll_open(struct poll *poll)
{
    struct confirm *confirm = poll->confirm;

    poll->conn = service_conn_open(confirm->loop, &confirm->login, on_opened, on_lost, poll);
}

/* --- domains --- */

static bool domain_polled(const struct confirm *confirm, uint32_t domain)
{
    for (unsigned i = 0; i < confirm->poll_count; i++) {
        if (confirm->polls[i].has_domain && confirm->polls[i].domain == domain)
            return true;
    }
    return false;
}

static void domain_poll(struct confirm *confirm, uint32_t domain)
{
    struct poll *poll;

    if (domain_polled(confirm, domain))
        return;
    if (!confirm->polls[0].has_domain) {
        poll = &confirm->polls[0];
        poll->has_domain = true;
        poll->domain = domain;
        /* Idle since its first read found no domain; within its own answer the caller goes on. */
        return;
    }
    if (confirm->poll_count == GTID_DOMAINS_MAX)
        return;
    poll = &confirm->polls[confirm->poll_count++];
    poll->has_domain = true;
    poll->domain = domain;
    poll_open(poll);
}

/* A poll for each domain that the follower or the leader has. Only once a position was read. */
static void polls_spread(struct confirm *confirm)
{
    if (!confirm->has_position)
        return;
    for (uint32_t i = 0; i < confirm->known.count; i++)
        domain_poll(confirm, confirm->known.slots[i].domain);
    for (uint32_t i = 0; i < confirm->expected.count; i++)
        domain_poll(confirm, confirm->expected.slots[i].domain);
}

void confirm_expect(struct confirm *confirm, const struct gtid_vector *leader)
{
    bool waited = confirm->has_position && !confirm->polls[0].has_domain;

    gtid_vector_merge(&confirm->expected, leader);
    polls_spread(confirm);
    if (waited && confirm->polls[0].has_domain && service_conn_idle(confirm->polls[0].conn))
        poll_ask(&confirm->polls[0]);
}

/* --- life --- */

bool confirm_has_position(const struct confirm *confirm)
{
    return confirm->has_position;
}

struct confirm *confirm_start(struct ev_loop *loop, const struct confirm_settings *settings)
{
    struct confirm *confirm = memory_zalloc(sizeof(*confirm));

    confirm->loop = loop;
    confirm->positions = settings->positions;
    confirm->slot = settings->slot;
    confirm->name = memory_strdup(settings->name);
    service_login_copy(&confirm->login, settings->login);
    confirm->changed = settings->changed;
    confirm->context = settings->context;
    confirm->retry_ms = RETRY_FIRST_MS;
    ev_init(&confirm->retry, on_retry);
    confirm->retry.data = confirm;
    for (unsigned i = 0; i < GTID_DOMAINS_MAX; i++)
        confirm->polls[i].confirm = confirm;
    incarnation_restart(confirm, 0);
    return confirm;
}

void confirm_free(struct confirm *confirm)
{
    if (confirm == NULL)
        return;
    incarnation_end(confirm);
    service_login_clear(&confirm->login);
    free(confirm->name);
    free(confirm);
}
