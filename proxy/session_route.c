/* Which server runs the command: what the session's state fixes first, then router/select. */
#include "proxy/base/clock.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/session.h"
#include "proxy/worker.h"
#include "router/select.h"

#include <strings.h>

/* The connection that must run the command, whatever the router would say; NULL: free to choose. */
static struct backend *fixed_connection(const struct session *session)
{
    const struct command *command = &session->command;
    /* A cursor is where it was opened, whatever transaction has begun since. */
    if (command->previous && session->running &&
        (command->code == COM_STMT_FETCH || command->code == COM_STMT_RESET))
        return session->running;
    if (session->trx)
        return session->trx;
    if (command->previous && session->running)
        return session->running;
    return NULL;
}

/* Unqualified names then mean tables that describe one server (PROCESSLIST, user …), which the
 * classifier, knowing no schema, takes for any other. */
static bool in_server_schema(const struct session *session)
{
    static const char *const names[] = {"mysql", "sys", "performance_schema", "information_schema"};
    const char *schema = session->vars.schema;
    for (size_t i = 0; schema && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasecmp(schema, names[i]) == 0)
            return true;
    return false;
}

/* What keeps a session on its leader. */
static bool leader_only(const struct session *session)
{
    const struct command *command = &session->command;
    return command->to_leader || !command->read || session->sticky || session->vars.leader_only ||
           session->vars.schema_dropped || session->too_many_domains ||
           !(session->status & SERVER_STATUS_AUTOCOMMIT) ||
           (in_server_schema(session) && !command->requested);
}

static enum consistency consistency_of(const struct session *session)
{
    return session->command.consistency >= 0 ? (enum consistency)session->command.consistency
                                             : session->worker->config->policy.consistency;
}

/* A login needs any server that the session may work with: the leader, or else a follower. */
static struct route route_login(struct session *session, struct route_request *request)
{
    struct worker *worker = session->worker;
    const struct topology *topology = worker->topology;
    if (topology->leader >= 0 &&
        !(request->excluded_slots >> topology->servers[topology->leader].slot & 1))
        return (struct route){.kind = ROUTE_SERVER, .server = topology->leader};
    request->read = true;
    request->consistency = CONSISTENCY_EVENTUAL;
    return route_decide(topology, worker->shared->positions, request);
}

/* Index of the server that a rule or hint names, -1: none, or one that is gone. */
static int forced_server(const struct session *session)
{
    const struct command *command = &session->command;
    if (command->forced < 0 || leader_only(session))
        return -1;
    return topology_by_slot(session->worker->topology, (unsigned)command->forced);
}

static struct route decide(struct session *session)
{
    struct worker *worker = session->worker;
    struct command *command = &session->command;
    struct route_request request = {
        .read = !leader_only(session),
        .forced = forced_server(session),
        .consistency = consistency_of(session),
        .policy = &worker->config->policy,
        .requirement = &session->requirement,
        .pin = session->pin,
        .excluded_slots = command->excluded_slots,
        .waited = command->waited,
        .bound_failed = command->bound_failed,
        .busy = worker->busy,
        .random = worker_random(worker),
    };
    if (command->code == COM_CONNECT)
        return route_login(session, &request);
    return route_decide(worker->topology, worker->shared->positions, &request);
}

static void on_bound(struct bound_waiter *waiter, const struct gtid_vector *position)
{
    struct session *session = list_object(waiter, struct session, bound_waiter);
    if (position)
        requirement_bound(&session->requirement, position);
    else
        session->command.bound_failed = true;
    session_wake(session, SESSION_ROUTE);
}

/* However often it is woken, a command has one causal_timeout and one leader_wait. */
static enum step hold(struct session *session, enum session_state state, struct list *waiters,
                      uint64_t *until_ms, uint32_t timeout_ms)
{
    uint64_t now_ms = clock_now_ms();
    bool first = *until_ms == 0;
    if (first)
        *until_ms = now_ms + timeout_ms;
    session_enter(session, state);
    list_append(waiters, &session->wait_node);
    session_arm(session, *until_ms > now_ms ? (uint32_t)(*until_ms - now_ms) : 0);
    if (first && state == SESSION_WAIT_POSITION)
        session->worker->counters.causal_waits++;
    else if (first)
        session->worker->counters.leader_waits++;
    return STEP_WAIT;
}

static enum step fetch_bound(struct session *session)
{
    struct worker *worker = session->worker;
    session->bound_waiter.answered = on_bound;
    session_enter(session, SESSION_WAIT_BOUND);
    session_arm(session, worker->config->policy.causal_timeout_ms);
    bound_ask(&worker->bound, &session->bound_waiter);
    return STEP_WAIT;
}

static enum step take_server(struct session *session, const struct route *route)
{
    struct command *command = &session->command;
    const struct topology_server *server = &session->worker->topology->servers[route->server];
    command->target = route->server;
    command->move = route->move;
    command->read_generation =
        positions_generation(session->worker->shared->positions, server->slot);
    session_enter(session, SESSION_ATTACH);
    return STEP_MORE;
}

enum step step_route(struct session *session)
{
    struct worker *worker = session->worker;
    struct backend *fixed = fixed_connection(session);
    if (fixed) {
        session->running = fixed;
        session->command.read_generation =
            positions_generation(worker->shared->positions, fixed->slot);
        session_enter(session, SESSION_PRELUDE);
        return STEP_MORE;
    }
    struct route route = decide(session);
    if (route.kind == ROUTE_WAIT) {
        /* Say that somebody waits, then look once more: a rise in between wakes nobody otherwise.
         */
        atomic_store(&worker->watching, true);
        atomic_thread_fence(memory_order_seq_cst); /* pairs with worker_send_confirmed */
        route = decide(session);
    }
    switch (route.kind) {
    case ROUTE_SERVER: return take_server(session, &route);
    case ROUTE_BOUND: return fetch_bound(session);
    case ROUTE_WAIT:
        return hold(session, SESSION_WAIT_POSITION, &worker->causal_waiters,
                    &session->command.position_until_ms, worker->config->policy.causal_timeout_ms);
    case ROUTE_WAIT_LEADER:
        return hold(session, SESSION_WAIT_LEADER, &worker->leader_waiters,
                    &session->command.leader_until_ms, worker->config->policy.leader_wait_ms);
    case ROUTE_NONE: break;
    }
    return session_refuse(session, 1290, "HY000", "%s", route.why);
}
