/* Lending server connections, and waiting for one: see lend.h. */
#include "proxy/lend.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/leaving.h"
#include "proxy/parting.h"
#include "proxy/proto/command.h"
#include "proxy/worker.h"

#include <stdlib.h>

enum {
    /* A place that comes free goes to the oldest of all who wait, but rather to one of its own
     * worker, which can use the connection as it is, when that one came at most so much later. */
    ORDER_SLACK_US = 50000,
    VERIFY_AFTER_MS = 5000, /* a connection without work for so long is asked whether it lives */
};

static bool transactional(const struct worker *worker)
{
    return worker->config->policy.pooling == POOLING_TRANSACTION;
}

static unsigned limit_of(const struct worker *worker)
{
    return worker->config->policy.max_server_connections;
}

/* --- what may be taken --- */

/* A connection that its session can do without: of that identity (NULL: any), as guarded as that.
 */
static struct backend *find_lent(struct worker *worker, unsigned slot,
                                 const struct identity *identity, bool guarded, enum keep keep)
{
    if (!transactional(worker))
        return NULL;
    list_for_each (node, &worker->pool.lent[slot]) {
        struct backend *backend = list_object(node, struct backend, node);
        if (identity &&
            (backend->guarded != guarded || !identity_equal(backend->identity, identity)))
            continue;
        if (session_keeps(backend->owner, backend) == keep)
            return backend;
    }
    return NULL;
}

/* Away from its session, which goes on without. */
static void take_back(struct backend *backend)
{
    struct session *session = backend->owner;
    if (keep_has_warnings(session, backend))
        session->aftermath.lost = true;
    list_remove(&backend->node);
    session_part(session, backend);
}

/* One that nobody needs leaves; `heir` as in leaving.h. False: there is none. */
static bool retire_spare(struct worker *worker, unsigned slot, struct place_ticket *heir)
{
    struct backend *backend = pool_spare(worker, slot);
    if (!backend) {
        backend = find_lent(worker, slot, NULL, false, KEEP_NOT);
        if (!backend)
            return false;
        take_back(backend);
    }
    leaving_begin(backend, heir, "its place is needed");
    return true;
}

/* --- taking it --- */

static struct backend **place_for(struct session *session, bool guarded)
{
    return guarded ? &session->reader : &session->leader;
}

/* A connection that is new to the session. What it has been used for since its set-up needs a reset
 * first; a schema is kept by that, and so is what an init_connect has set at its login. */
static enum step take(struct session *session, struct backend *backend, bool used)
{
    *place_for(session, backend->guarded) = backend;
    backend_adopt(backend, &session_backend_events, session);
    backend->vars_version = 0;
    backend->anew = true;
    backend->reused = true;
    if ((used && backend->has_init_connect) || (backend->has_schema && !session->vars.schema)) {
        session->running = backend;
        session_enter(session, SESSION_WAIT_SERVER);
        backend_reset(backend);
        return STEP_WAIT;
    }
    backend->stale_answers = !used;
    backend->needs_reset = used || session->was_reset;
    if (used)
        backend->serial = ++session->worker->pool.next_serial;
    return session_use(session, backend);
}

static enum step take_over(struct session *session, struct backend *backend)
{
    take_back(backend);
    session->worker->counters.server_lends++;
    return take(session, backend, !backend->spotless);
}

static enum step take_idle(struct session *session, struct backend *backend)
{
    return take(session, backend, false);
}

/* The place is taken already. */
static enum step open_new(struct session *session, const struct topology_server *server,
                          bool guarded)
{
    struct backend **place = place_for(session, guarded);
    *place = backend_open_placed(session->worker, server, session->identity, guarded,
                                 &session_backend_events, session);
    (*place)->needs_reset = session->was_reset;
    /* Once the password turns out to be expired, the server takes no schema any more. */
    if (!guarded && session->command.code == COM_CONNECT && session->vars.schema) {
        (*place)->login_schema = memory_strdup(session->vars.schema);
        backend_note_schema(*place, session->vars.schema);
    }
    session->running = *place;
    session_enter(session, SESSION_WAIT_SERVER);
    return STEP_WAIT;
}

/* --- waiting --- */

void lend_cancel(struct session *session)
{
    struct place_ticket *ticket = session->ticket;
    if (!ticket)
        return;
    session->ticket = NULL;
    ticket->owner = NULL;
    if (places_leave(session->worker->shared->places, ticket))
        free(ticket);
}

/* The session has left the queue with a place, or for a connection that needs none. */
static struct session *leave_queue(struct place_ticket *ticket)
{
    struct session *session = ticket->owner;
    session->ticket = NULL;
    session_disarm(session);
    free(ticket);
    return session;
}

/* A place of that server has been taken for the session, which is out of the queue. */
static void start_with_place(struct session *session, unsigned slot, bool guarded)
{
    struct worker *worker = session->worker;
    const struct topology_server *server = worker_server(worker, (int)slot);
    struct backend *own = *place_for(session, guarded);
    if (server && !own) {
        open_new(session, server, guarded);
        return;
    }
    /* It had to yield its own, which nobody has taken; or the server is gone. */
    places_give_back(worker->shared->places, slot, limit_of(worker));
    session_enter(session, SESSION_ROUTE);
    session_run(session);
}

void lend_granted(struct worker *worker, struct place_ticket *ticket)
{
    unsigned slot = ticket->slot;
    bool guarded = ticket->guarded;
    if (ticket->owner) {
        start_with_place(leave_queue(ticket), slot, guarded);
        return;
    }
    places_give_back(worker->shared->places, slot, limit_of(worker));
    free(ticket);
}

static void on_granted(struct mail *mail, void *receiver)
{
    lend_granted(receiver, list_object(mail, struct place_ticket, mail));
}

/* A way round the workers, one after the other, until nobody waits. */
struct search {
    unsigned slot;
    unsigned origin;
    unsigned next;
};

static void serve_slot(struct worker *worker, unsigned slot);

static void search_next(struct worker *worker, struct search *search);

static void search_here(struct worker *worker, void *context)
{
    struct search *search = context;
    serve_slot(worker, search->slot);
    search_next(worker, search);
}

static void search_next(struct worker *worker, struct search *search)
{
    if (search->next == search->origin)
        search->next++;
    if (places_waiting(worker->shared->places, search->slot) == 0 ||
        !worker->requests.visit(worker->requests.context, search->next++, search_here, search))
        free(search);
}

static void search_others(struct worker *worker, unsigned slot)
{
    struct search *search = memory_zalloc(sizeof(*search));
    search->slot = slot;
    search->origin = worker->index;
    search_next(worker, search);
}

static enum step refuse_full(struct session *session, const struct topology_server *server)
{
    const struct policy *policy = &session->worker->config->policy;
    session->worker->counters.place_timeouts++;
    return session_refuse(session, 1040, "08004",
                          "Too many connections: all %u of Causeway to %s are in use "
                          "(max_server_connections), and none came free within pool_wait = %u ms",
                          policy->max_server_connections, server ? server->name : "this server",
                          policy->pool_wait_ms);
}

/* A session that keeps its leader connection does not wait for a second one: two that hold what the
 * other waits for would wait for ever. */
static bool reads_on_leader_instead(struct session *session, bool guarded)
{
    struct command *command = &session->command;
    struct backend *leader = session->leader;
    if (!guarded || !leader || command->requested || command->code == COM_CONNECT ||
        session_keeps(session, leader) != KEEP_ON)
        return false;
    command->to_leader = true;
    command->forced = -1;
    session_enter(session, SESSION_ROUTE);
    return true;
}

static enum step wait_for_place(struct session *session, const struct topology_server *server,
                                bool guarded)
{
    struct worker *worker = session->worker;
    struct command *command = &session->command;
    unsigned slot = server->slot;
    uint64_t now_us = clock_now_us();
    uint64_t now_ms = now_us / 1000;
    if (reads_on_leader_instead(session, guarded))
        return STEP_MORE;
    if (!command->place_until_ms) {
        command->place_until_ms = now_ms + worker->config->policy.pool_wait_ms;
        worker->counters.place_waits++;
    }
    struct place_ticket *ticket = memory_zalloc(sizeof(*ticket));
    *ticket = (struct place_ticket){.mail = {.deliver = on_granted},
                                    .mailbox = &worker->mailbox,
                                    .owner = session,
                                    .worker = worker->index,
                                    .slot = slot,
                                    .guarded = guarded,
                                    .since_us = now_us};
    list_init(&ticket->node);
    bool first = places_waiting(worker->shared->places, slot) == 0;
    if (places_take_or_queue(worker->shared->places, ticket, limit_of(worker))) {
        free(ticket);
        start_with_place(session, slot, guarded);
        return STEP_WAIT;
    }
    session->ticket = ticket;
    session_enter(session, SESSION_WAIT_PLACE);
    session_arm(session, command->place_until_ms > now_ms
                             ? (uint32_t)(command->place_until_ms - now_ms)
                             : 0);
    lend_wake(worker, slot);
    if (first)
        search_others(worker, slot);
    return STEP_WAIT;
}

void lend_timed_out(struct session *session)
{
    const struct topology_server *server =
        worker_server(session->worker, (int)session->ticket->slot);
    lend_cancel(session);
    refuse_full(session, server);
    session_run(session);
}

/* --- acquiring --- */

enum step lend_acquire(struct session *session, const struct topology_server *server, bool guarded)
{
    struct worker *worker = session->worker;
    struct places *places = worker->shared->places;
    unsigned slot = server->slot;
    struct backend *backend = NULL;
    if (places_waiting(places, slot) > 0)
        return wait_for_place(session, server, guarded);
    if (*place_for(session, guarded)) /* nobody waits for it any more */
        return session_use(session, *place_for(session, guarded));
    backend = pool_take(worker, slot, session->identity, guarded);
    if (backend)
        return take_idle(session, backend);
    if (places_take(places, slot, limit_of(worker)))
        return open_new(session, server, guarded);
    backend = find_lent(worker, slot, session->identity, guarded, KEEP_NOT);
    /* A reset does not run init_connect again: a login needs a connection of its own. */
    bool login = session->command.code == COM_CONNECT && !guarded;
    if (backend && !(login && backend->has_init_connect))
        return take_over(session, backend);
    return wait_for_place(session, server, guarded);
}

bool lend_must_yield(struct session *session, struct backend *backend)
{
    struct worker *worker = session->worker;
    if (!transactional(worker) || places_waiting(worker->shared->places, backend->slot) == 0 ||
        session_keeps(session, backend) == KEEP_ON)
        return false;
    lend_wake(worker, backend->slot);
    return true;
}

/* --- giving away --- */

bool lend_use(struct backend *backend)
{
    bool stood_long =
        backend->idle_since_ms && clock_now_ms() - backend->idle_since_ms >= VERIFY_AFTER_MS;
    list_remove(&backend->node);
    backend->idle_since_ms = 0;
    return stood_long;
}

static void offer(struct session *session, struct backend *backend, uint64_t now_ms)
{
    struct worker *worker = session->worker;
    if (!backend || !list_empty(&backend->node) || backend->state != BACKEND_READY)
        return;
    backend->idle_since_ms = now_ms;
    if (session_keeps(session, backend) == KEEP_ON)
        return;
    list_append(&worker->pool.lent[backend->slot], &backend->node);
    if (places_waiting(worker->shared->places, backend->slot) > 0)
        lend_wake(worker, backend->slot);
}

void lend_offer(struct session *session)
{
    if (!transactional(session->worker))
        return;
    uint64_t now_ms = clock_now_ms();
    offer(session, session->leader, now_ms);
    offer(session, session->reader, now_ms);
}

void lend_wake(struct worker *worker, unsigned slot)
{
    worker->pool.serving |= UINT64_C(1) << slot;
}

/* What must be asked first: as many as there are to be served. */
static void ask_some(struct worker *worker, unsigned slot)
{
    struct backend *backend;
    unsigned waiting = places_waiting(worker->shared->places, slot);
    while (worker->pool.parting < waiting &&
           (backend = find_lent(worker, slot, NULL, false, KEEP_ASK)) != NULL)
        parting_ask(backend);
}

static bool has_spare(struct worker *worker, unsigned slot)
{
    return !list_empty(&worker->pool.idle[slot]) ||
           find_lent(worker, slot, NULL, false, KEEP_NOT) != NULL;
}

/* Serves one that waits from this worker's own; when there is none that fits, another leaves for
 * it. */
static void serve_one(struct worker *worker, struct place_ticket *ticket)
{
    unsigned slot = ticket->slot;
    bool guarded = ticket->guarded;
    struct session *session = ticket->owner;
    struct backend *idle = NULL;
    struct backend *lent = NULL;
    if (*place_for(session, guarded) == NULL) { /* else it had to yield, but nobody has taken it */
        idle = pool_take(worker, slot, session->identity, guarded);
        if (!idle)
            lent = find_lent(worker, slot, session->identity, guarded, KEEP_NOT);
        if (!idle && !lent && retire_spare(worker, slot, ticket))
            return;
    }
    session = leave_queue(ticket);
    if (idle)
        take_idle(session, idle);
    else if (lent)
        take_over(session, lent);
    else
        session_enter(session, SESSION_ROUTE);
    session_run(session);
}

static void serve_slot(struct worker *worker, unsigned slot)
{
    struct places *places = worker->shared->places;
    while (places_waiting(places, slot) > 0) {
        if (!has_spare(worker, slot)) {
            ask_some(worker, slot);
            return;
        }
        struct place_ticket *ticket = places_claim(places, slot, worker->index, ORDER_SLACK_US);
        if (ticket)
            serve_one(worker, ticket);
        else if (places_waiting(places, slot) > worker->pool.leaving_unclaimed[slot])
            retire_spare(worker, slot, NULL);
        else
            return;
    }
}

void lend_serve(struct worker *worker)
{
    uint64_t slots = worker->pool.serving;
    worker->pool.serving = 0;
    for (unsigned slot = 0; slots >> slot; slot++)
        if (slots >> slot & 1)
            serve_slot(worker, slot);
}

/* --- now and then --- */

static void expire_lent(struct worker *worker, unsigned slot, uint64_t now_ms)
{
    list_for_each_safe (node, &worker->pool.lent[slot]) {
        struct backend *backend = list_object(node, struct backend, node);
        if (now_ms - backend->idle_since_ms <= worker->config->idle_server_timeout_ms ||
            session_keeps(backend->owner, backend) != KEEP_NOT)
            continue;
        take_back(backend);
        leaving_begin(backend, NULL, "idle for idle_server_timeout");
    }
}

void lend_tick(struct worker *worker, uint64_t now_ms)
{
    struct places *places = worker->shared->places;
    for (unsigned slot = 0; slot < POSITIONS_SERVERS_MAX; slot++) {
        expire_lent(worker, slot, now_ms);
        while (places_open(places, slot) >
                   limit_of(worker) + worker->pool.leaving_unclaimed[slot] &&
               retire_spare(worker, slot, NULL))
            ;
        if (places_waiting(places, slot) > 0)
            lend_wake(worker, slot);
    }
}

void lend_review(struct worker *worker)
{
    const struct topology *topology = worker->topology;
    for (unsigned slot = 0; slot < POSITIONS_SERVERS_MAX; slot++)
        places_review(worker->shared->places, slot, limit_of(worker));
    list_for_each_safe (node, &worker->sessions) {
        struct session *session = list_object(node, struct session, node);
        if (session->state != SESSION_WAIT_PLACE)
            continue;
        const struct topology_server *server = worker_server(worker, (int)session->ticket->slot);
        int leader = topology->leader;
        bool leads = server && server - topology->servers == leader;
        if (server && server->reachable && leads != session->ticket->guarded)
            continue;
        lend_cancel(session);
        session_wake(session, SESSION_ROUTE);
    }
}
