/* Which server runs the command: what the session's state fixes first, then router/select. */
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/kill.h"
#include "proxy/own_answer.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/reading_trx.h"
#include "proxy/session_catalogue.h"
#include "proxy/worker.h"
#include "router/select.h"

#include <strings.h>

/* Where the last statement ran that left warnings or errors, or left none where there had been
 * some. */
static struct backend *diagnosed_connection(const struct session *session)
{
    if (session->leader && session->leader->serial == session->diagnosed_serial)
        return session->leader;
    if (session->reader && session->reader->serial == session->diagnosed_serial)
        return session->reader;
    return session->running;
}

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
    if (command->previous && command->flags & CLASS_DIAGNOSTICS)
        return diagnosed_connection(session);
    if ((command->previous || command->unknown) && session->running)
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

/* No new connection can be made for it: it reads where it has one. */
static bool keeps_connections(const struct session *session)
{
    return session->outdated || session->identity->relayed;
}

static uint64_t unreachable_slots(const struct session *session)
{
    const struct topology *topology = session->worker->topology;
    if (!keeps_connections(session) || !session->reader)
        return 0;
    uint64_t reachable = UINT64_C(1) << session->reader->slot;
    if (topology->leader >= 0)
        reachable |= UINT64_C(1) << topology->servers[topology->leader].slot;
    return ~reachable;
}

/* What keeps a session on its leader. */
static bool leader_only(const struct session *session)
{
    const struct command *command = &session->command;
    return command->to_leader || command->catalogued || !command->read ||
           session->sticky & STICKY_READS || session->vars.leader_only ||
           session->vars.looks_back || session->vars.schema_dropped ||
           session->vars.again.len > 0 || session->too_many_domains ||
           (session->leader && session->leader->expired) ||
           (keeps_connections(session) && !session->reader) ||
           !(session->status & SERVER_STATUS_AUTOCOMMIT) ||
           (in_server_schema(session) && !command->requested);
}

/* On the leader it may read without locks: what it shows must not lie before what was seen. */
static bool reads_plainly(const struct session *session)
{
    const struct command *command = &session->command;
    bool runs = command->code == COM_QUERY || command->code == COM_STMT_EXECUTE ||
                command->code == COM_STMT_BULK_EXECUTE;
    uint32_t plain = CLASS_PLAIN_READ;
    if (session->vars.isolation == ISOLATION_COMMITTED ||
        (session->vars.isolation == ISOLATION_DEFAULT &&
         session->worker->topology->committed_isolation))
        plain |= CLASS_SEMI_READ;
    return runs && (command->flags & plain || command->streamed) && !command->previous;
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
    if (command->forced < 0 || leader_only(session) ||
        unreachable_slots(session) >> command->forced & 1)
        return -1;
    return topology_by_slot(session->worker->topology, (unsigned)command->forced);
}

int session_pick_reader(struct session *session)
{
    struct worker *worker = session->worker;
    const struct topology *topology = worker->topology;
    struct route_request request = {
        .read = true,
        .forced = -1,
        .consistency = CONSISTENCY_EVENTUAL,
        .policy = &worker->config->policy,
        .requirement = session_requirement(session),
        .proof = &session->command.proof,
        .busy = worker->busy,
        .random = worker_random(worker),
    };
    struct route route = route_decide(topology, worker->shared->positions, &request);
    session_settle(session);
    return route.kind == ROUTE_SERVER && route.server != topology->leader ? route.server : -1;
}

static struct route decide(struct session *session, struct requirement *requirement)
{
    struct worker *worker = session->worker;
    struct command *command = &session->command;
    struct route_request request = {
        .read = !leader_only(session),
        .plain = reads_plainly(session) || command->moves_trx,
        .forced = forced_server(session),
        .consistency = session_consistency(session),
        .policy = &worker->config->policy,
        .requirement = requirement,
        .proof = &command->proof,
        .excluded_slots = command->excluded_slots | unreachable_slots(session),
        .waited = command->waited,
        .bound_failed = command->bound_failed,
        .shown_failed = command->shown_failed,
        .busy = worker->busy,
        .random = worker_random(worker),
    };
    if (command->code == COM_CONNECT)
        return route_login(session, &request);
    return route_decide(worker->topology, worker->shared->positions, &request);
}

/* --- what the leader is asked --- */

/* The new leader does not have what this session was told of: it hears so, once. */
static void tell_lost(struct session *session, const struct gtid_vector *lost)
{
    struct worker *worker = session->worker;
    const struct topology *topology = worker->topology;
    char text[GTID_DOMAINS_MAX * GTID_TEXT_MAX];
    const char *leader = topology->leader < 0 ? "?" : topology->servers[topology->leader].name;
    gtid_vector_print(lost, text, sizeof(text));
    worker->counters.lost_writes++;
    if (worker->config->policy.lost_write == LOST_WRITE_ERROR)
        session_refuse(session, 1105, "HY000",
                       "Lost: what this session wrote, saw or named in a token up to %s is not in "
                       "the log of leader %s; this statement was not run, the next one will be",
                       text, leader);
    else
        session_log(session, LOG_LEVEL_WARN,
                    "what it wrote, saw or named in a token up to %s is not in the log of leader "
                    "%s: lost",
                    text, leader);
}

/* The vector against the log of the leader, when it was not checked against this one before. False:
 * something of it is lost. */
static bool check_history(struct session *session, struct requirement *requirement,
                          const struct bound_answer *answer, struct gtid_vector *lost)
{
    uint64_t epoch = session->worker->topology->epoch;
    bool told = requirement->used; /* not of what others with this key once did */
    lost->count = 0;
    if (!requirement_enter_epoch(requirement, epoch))
        return true;
    if (requirement_check(requirement, epoch, answer->state, &answer->position, lost) < 0)
        session_log(session, LOG_LEVEL_ERROR, "the leader's @@gtid_binlog_state is malformed");
    return lost->count == 0 || !told;
}

/* What is asked of a leader that another worker knows to be replaced counts for nothing: then the
 * requirement is of a later epoch than this worker's. */
static void on_position(struct bound_waiter *waiter, const struct bound_answer *answer)
{
    struct session *session = list_object(waiter, struct session, bound_waiter);
    struct command *command = &session->command;
    struct gtid_vector lost = {.count = 0};
    bool whole = true;
    if (answer) {
        struct requirement *requirement = session_requirement(session);
        uint64_t before = requirement->epoch;
        whole = check_history(session, requirement, answer, &lost);
        /* The check counts as something seen, which this answer covers too. */
        if (requirement->epoch != before && command->asked_seen + 1 == requirement->seen)
            command->asked_seen++;
        bool current = requirement->epoch == session->worker->topology->epoch;
        if (current)
            requirement_bound(requirement, &answer->position, command->asked_seen);
        command->bound_failed = !current;
        command->proof.bound_fetched = current;
        command->proof.epoch = requirement->epoch;
        session_settle(session);
    } else {
        command->bound_failed = true;
    }
    session_disarm(session);
    if (!whole)
        tell_lost(session, &lost);
    if (session->state == SESSION_WAIT_BOUND)
        session_enter(session, SESSION_ROUTE);
    session_run(session);
}

static void on_shown(struct bound_waiter *waiter, const struct bound_answer *answer)
{
    struct session *session = list_object(waiter, struct session, bound_waiter);
    struct command *command = &session->command;
    if (answer) {
        struct requirement *requirement = session_requirement(session);
        bool current = requirement->epoch == session->worker->topology->epoch;
        if (current)
            requirement_shown(requirement, command->asked_seen);
        command->shown_failed = !current;
        command->proof.shown_fetched = current;
        command->proof.epoch = requirement->epoch;
        session_settle(session);
    } else if (session->worker->topology->leader >= 0) {
        /* Without a leader there will be one to wait for; else a broken connection may be new. */
        command->shown_failed = command->shown_retried;
        command->shown_retried = true;
    }
    session_wake(session, SESSION_ROUTE);
}

enum step session_ask_position(struct session *session)
{
    struct worker *worker = session->worker;
    session->bound_waiter.answered = on_position;
    session_enter(session, SESSION_WAIT_BOUND);
    /* A read has other ways to go; a token, or what must be compared with a new leader's history,
     * has none. */
    bool only_way = session->command.own || session->command.checks_history;
    session_arm(session, only_way ? worker->config->policy.leader_wait_ms
                                  : worker->config->policy.causal_timeout_ms);
    bound_ask(&worker->bound, &session->bound_waiter);
    return STEP_WAIT;
}

/* It is the leader's commits, or semi-sync's followers, that this waits for: as long as for a
 * leader. */
static enum step ask_shown(struct session *session)
{
    struct worker *worker = session->worker;
    session->bound_waiter.answered = on_shown;
    session_enter(session, SESSION_WAIT_SHOWN);
    session_arm(session, worker->config->policy.leader_wait_ms);
    bound_ask(&worker->shown, &session->bound_waiter);
    return STEP_WAIT;
}

/* --- waiting --- */

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

static enum step wait_for(struct session *session, const struct route *route)
{
    struct worker *worker = session->worker;
    struct command *command = &session->command;
    switch (route->kind) {
    case ROUTE_BOUND: return session_ask_position(session);
    case ROUTE_SHOWN: return ask_shown(session);
    case ROUTE_WAIT:
        return hold(session, SESSION_WAIT_POSITION, &worker->causal_waiters,
                    &command->position_until_ms, worker->config->policy.causal_timeout_ms);
    case ROUTE_WAIT_LEADER:
        return hold(session, SESSION_WAIT_LEADER, &worker->leader_waiters,
                    &command->leader_until_ms, worker->config->policy.leader_wait_ms);
    case ROUTE_SERVER:
    case ROUTE_NONE: break;
    }
    return session_refuse(session, 1290, "HY000", "%s", route->why);
}

/* --- the step --- */

static enum step take_server(struct session *session, const struct route *route)
{
    struct command *command = &session->command;
    const struct topology_server *server = &session->worker->topology->servers[route->server];
    command->target = route->server;
    command->move = route->move;
    command->read_generation =
        route->generation ? route->generation
                          : positions_generation(session->worker->shared->positions, server->slot);
    session_enter(session, SESSION_ATTACH);
    return STEP_MORE;
}

/* On the connection that must run it: in a transaction the leader's plain reads must not go back in
 * time either. */
static struct route route_fixed(const struct session *session, const struct backend *fixed,
                                const struct requirement *requirement)
{
    const struct command *command = &session->command;
    if (fixed->guarded || !reads_plainly(session) ||
        session_consistency(session) == CONSISTENCY_EVENTUAL ||
        requirement_leader_shows(requirement, &command->proof))
        return (struct route){.kind = ROUTE_SERVER};
    if (!command->shown_failed)
        return (struct route){.kind = ROUTE_SHOWN};
    return (struct route){.kind = ROUTE_NONE,
                          .why = "the leader does not show yet what this session has already seen"};
}

static enum step use_fixed(struct session *session, struct backend *fixed)
{
    session->running = fixed;
    session->command.read_generation =
        positions_generation(session->worker->shared->positions, fixed->slot);
    session_enter(session, SESSION_PRELUDE);
    return STEP_MORE;
}

/* Before anything is decided: is what the requirement says still of this leader's history? */
static bool must_check_history(const struct session *session, struct requirement *requirement)
{
    const struct topology *topology = session->worker->topology;
    const struct command *command = &session->command;
    return topology->leader >= 0 && command->code != COM_CONNECT && !command->bound_failed &&
           requirement_enter_epoch(requirement, topology->epoch);
}

/* What was asked of another leader, or of this one in an earlier life, proves nothing. */
static void enter_epoch(struct command *command, uint64_t epoch)
{
    if (command->asked_epoch == epoch)
        return;
    command->asked_epoch = epoch;
    command->bound_failed = false;
    command->shown_failed = false;
    command->proof = (struct proof){0};
}

static struct route route_for(struct session *session, struct backend *fixed)
{
    struct command *command = &session->command;
    enter_epoch(command, session->worker->topology->epoch);
    session_join_key(session);
    struct requirement *requirement = session_requirement(session);
    struct route route = {.kind = ROUTE_BOUND};
    command->proof.strong = session_consistency(session) == CONSISTENCY_STRONG;
    command->proof.seen = requirement->seen;
    command->asked_seen = requirement->seen;
    command->checks_history = must_check_history(session, requirement);
    if (!command->checks_history)
        route = command->own ? (struct route){.kind = ROUTE_NONE}
                : fixed      ? route_fixed(session, fixed, requirement)
                             : decide(session, requirement);
    session_settle(session);
    return route;
}

enum step step_route(struct session *session)
{
    struct worker *worker = session->worker;
    if (session->command.killed)
        return kill_refused(session);
    catalogue_keep_settings(session);
    catalogue_begin(session);
    struct backend *fixed = fixed_connection(session);
    bool in_trx = session->trx || session->command.moves_trx;
    if (in_trx && reading_trx_moves(session, leader_only(session), diagnosed_connection(session))) {
        session->command.moves_trx = session->command.to_leader = true;
        fixed = NULL;
    } else if (session->command.previous && (!fixed || session->aftermath.lost) &&
               keep_answer(session))
        return session->state == SESSION_CLOSED ? STEP_WAIT : STEP_MORE;
    else if (!fixed && keep_refuse_counts(session))
        return session->state == SESSION_CLOSED ? STEP_WAIT : STEP_MORE;
    struct route route = route_for(session, fixed);
    if (route.kind == ROUTE_WAIT) {
        /* Say that somebody waits, then look once more: a rise in between wakes nobody otherwise.
         */
        atomic_store(&worker->watching, true);
        atomic_thread_fence(memory_order_seq_cst); /* pairs with worker_send_confirmed */
        route = route_for(session, fixed);
    }
    if (session->command.own && route.kind == ROUTE_NONE)
        return own_answer(session);
    if (route.kind != ROUTE_SERVER)
        return wait_for(session, &route);
    return fixed ? use_fixed(session, fixed) : take_server(session, &route);
}
