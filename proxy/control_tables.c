/* What the console shows: see control_tables.h. Rows of sessions and counters are gathered by a
 * visit to each worker, one after the other; the last one brings them home. */
#include "proxy/control_tables.h"

#include "proxy/base/clock.h"
#include "proxy/base/memory.h"
#include "proxy/metrics_text.h"
#include "proxy/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *role_name(enum server_role role)
{
    switch (role) {
    case ROLE_LEADER: return "leader";
    case ROLE_FOLLOWER: return "follower";
    case ROLE_UNKNOWN: break;
    }
    return "unknown";
}

static const char *state_name(const struct topology_server *server)
{
    if (!server->reachable)
        return "down";
    if (server->drained)
        return "drained";
    if (server->role == ROLE_LEADER)
        return "writes";
    return server->in_rotation ? "reads" : "out of rotation";
}

static void add_lag(struct control *control, struct admin_table *out,
                    const struct topology_server *server)
{
    uint32_t lag_ms = positions_lag_ms(control->shared.positions, server->slot);
    if (server->role != ROLE_FOLLOWER || lag_ms == UINT32_MAX)
        admin_table_text(out, NULL);
    else
        admin_table_number(out, lag_ms);
    uint64_t transactions = positions_lag_transactions(control->shared.positions, server->slot);
    if (server->role != ROLE_FOLLOWER || transactions == UINT64_MAX)
        admin_table_text(out, NULL);
    else
        admin_table_number(out, transactions);
}

/* How the leader's log is followed, and when its newest transaction was committed. */
static void add_log(struct admin_table *out, const struct topology_server *server,
                    const struct leader_log_view *view)
{
    if (server->role != ROLE_LEADER || !view) {
        admin_table_text(out, NULL);
        admin_table_text(out, NULL);
        return;
    }
    char committed[32] = "";
    struct tm time;
    time_t seconds = (time_t)view->committed_s;
    if (seconds > 0 && gmtime_r(&seconds, &time))
        strftime(committed, sizeof(committed), "%Y-%m-%d %H:%M:%S", &time);
    admin_table_text(out, committed[0] ? committed : NULL);
    if (view->state == LEADER_LOG_FOLLOWING)
        admin_table_printf(out, "followed as server id %" PRIu32, view->server_id);
    else
        admin_table_printf(out, "%s%s%s", leader_log_state_name(view->state),
                           view->why[0] ? ": " : "", view->why);
}

void control_table_servers(void *context, struct admin_table *out)
{
    static const char *const columns[] = {
        "name",   "address",          "role",        "state",     "weight",  "latency_us",
        "lag_ms", "lag_transactions", "connections", "server_id", "version", "why"};
    struct control *control = context;
    const struct topology *topology = control->topology;
    struct leader_log_view view;
    cluster_leader_log(control->cluster, &view); /* lag as of now */
    admin_table_columns(out, sizeof(columns) / sizeof(columns[0]), columns);
    for (unsigned i = 0; i < topology->count; i++) {
        const struct topology_server *server = &topology->servers[i];
        admin_table_text(out, server->name);
        admin_table_text(out, server->address_text);
        admin_table_text(out, role_name(server->role));
        admin_table_text(out, state_name(server));
        admin_table_number(out, server->weight);
        admin_table_number(out, server->latency_us);
        add_lag(control, out, server);
        admin_table_number(out, places_open(control->shared.places, server->slot) +
                                    places_own(control->shared.places, server->slot));
        admin_table_number(out, server->server_id);
        admin_table_text(out, server->version);
        admin_table_text(out, server->why);
    }
}

void control_table_positions(void *context, struct admin_table *out)
{
    static const char *const columns[] = {"name",        "role",   "position",
                                          "incarnation", "lag_ms", "lag_transactions",
                                          "committed",   "log"};
    struct control *control = context;
    const struct topology *topology = control->topology;
    struct leader_log_view view;
    bool logged = cluster_leader_log(control->cluster, &view);
    admin_table_columns(out, sizeof(columns) / sizeof(columns[0]), columns);
    for (unsigned i = 0; i < topology->count; i++) {
        const struct topology_server *server = &topology->servers[i];
        struct gtid_vector position = {0};
        const struct gtid_vector *leader = cluster_leader_position(control->cluster);
        char text[GTID_DOMAINS_MAX * GTID_TEXT_MAX];
        if (server->role != ROLE_LEADER)
            positions_read(control->shared.positions, server->slot, &position);
        else if (leader)
            position = *leader;
        if (server->role == ROLE_LEADER && logged)
            gtid_vector_merge(&position, &view.position);
        gtid_vector_print(&position, text, sizeof(text));
        admin_table_text(out, server->name);
        admin_table_text(out, role_name(server->role));
        admin_table_text(out, text);
        admin_table_number(out, positions_generation(control->shared.positions, server->slot) / 2);
        add_lag(control, out, server);
        add_log(out, server, logged ? &view : NULL);
    }
}

/* --- keys --- */

enum { KEYS_SHOWN_MAX = 10000 };

struct key_listing {
    const struct topology *topology;
    struct admin_table *out;
};

static void add_key(const struct key_row *row, void *context)
{
    const struct key_listing *listing = context;
    const struct requirement *requirement = row->requirement;
    int pin =
        requirement->pin < 0 ? -1 : topology_by_slot(listing->topology, (unsigned)requirement->pin);
    char vector[256];
    gtid_vector_print(&requirement->vector, vector, sizeof(vector));
    admin_table_span(listing->out, span_of(row->name.data + 1, row->name.len - 1));
    admin_table_text(listing->out, row->name.data[0] == 'u' ? "account" : "named");
    admin_table_text(listing->out, pin < 0 ? NULL : listing->topology->servers[pin].name);
    admin_table_text(listing->out, vector);
    admin_table_number(listing->out, row->references);
}

void control_table_keys(void *context, struct admin_table *out)
{
    static const char *const columns[] = {"key", "kind", "pinned_to", "position", "held_by"};
    struct control *control = context;
    struct key_listing listing = {control->topology, out};
    struct gtid_vector floor;
    char text[256];
    admin_table_columns(out, sizeof(columns) / sizeof(columns[0]), columns);
    keys_each(control->shared.keys, KEYS_SHOWN_MAX, add_key, &listing);
    if (!keys_floor(control->shared.keys, &floor))
        return;
    gtid_vector_print(&floor, text, sizeof(text));
    const char *const all_others[] = {NULL, "all others", NULL, text, "0"};
    admin_table_row(out, 5, all_others);
}

void control_table_failover(void *context, struct admin_table *out)
{
    static const char *const modes[] = {"off", "manual", "auto"};
    static const char *const columns[] = {"failover", "leader", "health", "operation",
                                          "step",     "why",    "last"};
    struct control *control = context;
    struct failover_view view;
    cluster_failover_view(control->cluster, &view);
    const char *const row[] = {modes[view.mode],
                               view.leader,
                               leader_health_name(view.health),
                               view.operation,
                               view.step,
                               view.why[0] ? view.why : NULL,
                               view.result[0] ? view.result : NULL};
    admin_table_columns(out, sizeof(columns) / sizeof(columns[0]), columns);
    admin_table_row(out, sizeof(row) / sizeof(row[0]), row);
}

void control_operate(void *context, enum admin_verb verb, const char *server, admin_done done,
                     void *done_context)
{
    struct control *control = context;
    enum operation_kind kind = verb == ADMIN_DO_SWITCHOVER ? OPERATION_SWITCHOVER
                               : verb == ADMIN_DO_FAILOVER ? OPERATION_FAILOVER
                                                           : OPERATION_FOLLOW;
    cluster_operate(control->cluster, kind, server, done, done_context);
}

int control_drain(void *context, const char *server, bool drained)
{
    struct control *control = context;
    return cluster_drain(control->cluster, server, drained);
}

/* --- what the workers have --- */

struct collection {
    struct mail mail;
    struct control *control;
    enum admin_topic topic;
    struct admin_table *out; /* the console's; touched in the control thread alone */
    struct admin_table rows; /* of the workers */
    struct counters sum;
    struct pool_counts pools[POSITIONS_SERVERS_MAX]; /* by slot */
    unsigned next_worker;
    void (*done)(void *done_context);
    void *done_context;
};

static void visit_next(struct collection *collection);

static const char *server_name(const struct worker *worker, const struct backend *backend)
{
    const struct topology_server *server =
        backend ? worker_server(worker, (int)backend->slot) : NULL;
    return server ? server->name : NULL;
}

static void add_session(struct admin_table *out, const struct session *session, uint64_t now_ms)
{
    const struct worker *worker = session->worker;
    const struct topology_server *pin = worker_server(worker, session->requirement.pin);
    char vector[256];
    gtid_vector_print(&session->requirement.vector, vector, sizeof(vector));
    admin_table_number(out, session->id);
    admin_table_text(out, session->identity ? session->identity->user : NULL);
    admin_table_text(out, session->peer);
    admin_table_text(out, session->vars.schema);
    admin_table_text(out, session_state_name(session->state));
    admin_table_text(out, session->state > SESSION_COMMAND ? server_name(worker, session->running)
                                                           : NULL);
    admin_table_text(out, pin ? pin->name : NULL);
    admin_table_text(out, session->trx ? "yes" : "no");
    admin_table_text(out, session->sticky & STICKY_READS ? "yes" : "no");
    admin_table_text(out, vector);
    struct span key = session_key_name(session);
    if (key.data)
        admin_table_span(out, key);
    else
        admin_table_text(out, NULL);
    admin_table_number(out, session->statements_run);
    admin_table_number(out, (now_ms - session->connected_ms) / 1000);
    admin_table_number(out, worker->index);
}

static void collect_sessions(struct worker *worker, struct collection *collection)
{
    static const char *const columns[] = {
        "id",         "user",       "host",           "schema",      "state",
        "running_on", "pinned_to",  "in_transaction", "leader_only", "position",
        "key",        "statements", "seconds",        "worker"};
    uint64_t now_ms = clock_now_ms();
    if (collection->rows.column_count == 0)
        admin_table_columns(&collection->rows, sizeof(columns) / sizeof(columns[0]), columns);
    list_for_each (node, &worker->sessions)
        add_session(&collection->rows, list_object(node, struct session, node), now_ms);
}

static void collect_counters(struct worker *worker, struct collection *collection)
{
#define X(name, text) collection->sum.name += worker->counters.name;
    COUNTERS(X)
#undef X
}

static void visit(struct worker *worker, void *context)
{
    struct collection *collection = context;
    if (collection->topic == ADMIN_SESSIONS)
        collect_sessions(worker, collection);
    else if (collection->topic == ADMIN_POOLS)
        pool_count(&worker->pool, collection->pools);
    else
        collect_counters(worker, collection);
    visit_next(collection);
}

static void finish_counters(struct collection *collection)
{
    static const char *const columns[] = {"name", "value", "what"};
    struct admin_table *out = collection->out;
    admin_table_columns(out, 3, columns);
    admin_table_text(out, "clients");
    admin_table_number(out, atomic_load(&collection->control->shared.clients));
    admin_table_text(out, "clients connected now");
#define X(counter, description)                                                                    \
    admin_table_text(out, #counter);                                                               \
    admin_table_number(out, collection->sum.counter);                                              \
    admin_table_text(out, description);
    COUNTERS(X)
#undef X
}

/* What is neither of the other kinds is in use, or is being made ready. The numbers are not of one
 * moment. */
static void add_pool(const struct collection *collection, const struct topology_server *server)
{
    const struct control *control = collection->control;
    const struct pool_counts *counts = &collection->pools[server->slot];
    struct admin_table *out = collection->out;
    uint64_t open = places_open(control->shared.places, server->slot);
    uint64_t rest = counts->idle + counts->lent + counts->leaving;
    admin_table_text(out, server->name);
    admin_table_number(out, control->config->policy.max_server_connections);
    admin_table_number(out, open);
    admin_table_number(out, open > rest ? open - rest : 0);
    admin_table_number(out, counts->lent);
    admin_table_number(out, counts->idle);
    admin_table_number(out, counts->leaving);
    admin_table_number(out, places_waiting(control->shared.places, server->slot));
    admin_table_number(out, places_own(control->shared.places, server->slot));
}

static void finish_pools(struct collection *collection)
{
    static const char *const columns[] = {"server", "limit",   "open",    "in_use", "lent",
                                          "idle",   "leaving", "waiting", "own"};
    const struct topology *topology = collection->control->topology;
    admin_table_columns(collection->out, sizeof(columns) / sizeof(columns[0]), columns);
    for (unsigned i = 0; i < topology->count; i++)
        add_pool(collection, &topology->servers[i]);
}

/* Home again, in the control thread. */
static void deliver(struct mail *mail, void *receiver)
{
    (void)receiver;
    struct collection *collection = list_object(mail, struct collection, mail);
    if (collection->topic == ADMIN_SESSIONS)
        admin_table_append_all(collection->out, &collection->rows);
    else if (collection->topic == ADMIN_POOLS)
        finish_pools(collection);
    else
        finish_counters(collection);
    collection->done(collection->done_context);
    admin_table_free(&collection->rows);
    free(collection);
}

static void visit_next(struct collection *collection)
{
    struct control *control = collection->control;
    if (collection->next_worker < control->worker_count)
        worker_send_visit(control->workers[collection->next_worker++], visit, collection);
    else
        mailbox_post(&control->mailbox, &collection->mail);
}

void control_collect(void *context, enum admin_topic topic, struct admin_table *out,
                     void (*done)(void *done_context), void *done_context)
{
    struct collection *collection = memory_zalloc(sizeof(*collection));
    collection->mail.deliver = deliver;
    collection->control = context;
    collection->topic = topic;
    collection->out = out;
    collection->done = done;
    collection->done_context = done_context;
    visit_next(collection);
}

/* --- what the metrics show --- */

struct metrics_collection {
    struct mail mail;
    struct control *control;
    enum metrics_page page;
    struct buf *out;
    struct metrics_view view;
    struct pool_counts pools[POSITIONS_SERVERS_MAX]; /* by slot */
    unsigned next_worker;
    void (*done)(void *done_context);
    void *done_context;
};

static void metrics_server_fill(struct control *control, const struct topology_server *server,
                                struct metrics_server *out)
{
    const struct positions *positions = control->shared.positions;
    snprintf(out->name, sizeof(out->name), "%s", server->name);
    snprintf(out->address, sizeof(out->address), "%s", server->address_text);
    snprintf(out->version, sizeof(out->version), "%s", server->version);
    snprintf(out->why, sizeof(out->why), "%s", server->why);
    out->role = role_name(server->role);
    out->state = state_name(server);
    out->reachable = server->reachable;
    out->in_rotation = server->in_rotation;
    out->drained = server->drained;
    out->latency_us = server->latency_us;
    out->connections = places_open(control->shared.places, server->slot) +
                       places_own(control->shared.places, server->slot);
    out->incarnation = positions_generation(positions, server->slot) / 2;
    out->waiting = places_waiting(control->shared.places, server->slot);
    out->lag_ms = UINT32_MAX;
    out->lag_transactions = UINT64_MAX;
    positions_read(positions, server->slot, &out->position);
    if (server->role != ROLE_FOLLOWER)
        return;
    out->lag_ms = positions_lag_ms(positions, server->slot);
    out->lag_transactions = positions_lag_transactions(positions, server->slot);
}

static void metrics_fill(struct control *control, const struct pool_counts pools[],
                         struct metrics_view *view)
{
    const struct topology *topology = control->topology;
    const struct gtid_vector *probed = cluster_leader_position(control->cluster);
    view->clients = atomic_load(&control->shared.clients);
    view->epoch = topology->epoch;
    view->log_known = cluster_leader_log(control->cluster, &view->log);
    if (probed)
        view->leader_position = *probed;
    if (probed && view->log_known)
        gtid_vector_merge(&view->leader_position, &view->log.position);
    for (unsigned i = 0; i < topology->count && i < POSITIONS_SERVERS_MAX; i++) {
        struct metrics_server *server = &view->servers[view->server_count++];
        metrics_server_fill(control, &topology->servers[i], server);
        server->pool = pools[topology->servers[i].slot];
        if (topology->leader == (int)i)
            server->position = view->leader_position;
    }
}

static void metrics_deliver(struct mail *mail, void *receiver)
{
    struct metrics_collection *collection = list_object(mail, struct metrics_collection, mail);
    struct control *control = receiver;
    if (control->cluster) {
        metrics_fill(control, collection->pools, &collection->view);
        metrics_write(&collection->view, collection->page, collection->out);
    }
    collection->done(collection->done_context);
    free(collection);
}

static void metrics_visit_next(struct metrics_collection *collection);

static void metrics_visit(struct worker *worker, void *context)
{
    struct metrics_collection *collection = context;
#define X(name, text) collection->view.counters.name += worker->counters.name;
    COUNTERS(X)
#undef X
    list_for_each (node, &worker->sessions) {
        unsigned state = list_object(node, struct session, node)->state;
        if (state < METRICS_STATES_MAX)
            collection->view.sessions[state]++;
    }
    pool_count(&worker->pool, collection->pools);
    metrics_visit_next(collection);
}

static void metrics_visit_next(struct metrics_collection *collection)
{
    struct control *control = collection->control;
    if (collection->next_worker < control->worker_count)
        worker_send_visit(control->workers[collection->next_worker++], metrics_visit, collection);
    else
        mailbox_post(&control->mailbox, &collection->mail);
}

void control_metrics(void *context, enum metrics_page page, struct buf *out,
                     void (*done)(void *done_context), void *done_context)
{
    struct metrics_collection *collection = memory_zalloc(sizeof(*collection));
    collection->mail.deliver = metrics_deliver;
    collection->control = context;
    collection->page = page;
    collection->out = out;
    collection->done = done;
    collection->done_context = done_context;
#define X(state, step)                                                                             \
    collection->view.session_states[SESSION_##state] = session_state_name(SESSION_##state);
    SESSION_STATES(X)
#undef X
    metrics_visit_next(collection);
}
