/* What the console shows: see control_tables.h. Rows of sessions and counters are gathered by a
 * visit to each worker, one after the other; the last one brings them home. */
#include "proxy/control_tables.h"

#include "proxy/base/clock.h"
#include "proxy/base/memory.h"
#include "proxy/session.h"

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
}

void control_table_servers(void *context, struct admin_table *out)
{
    static const char *const columns[] = {"name",      "address",    "role",   "state",
                                          "weight",    "latency_us", "lag_ms", "connections",
                                          "server_id", "version",    "why"};
    struct control *control = context;
    const struct topology *topology = control->topology;
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
        admin_table_number(out, atomic_load(&control->shared.server_connections[server->slot]));
        admin_table_number(out, server->server_id);
        admin_table_text(out, server->version);
        admin_table_text(out, server->why);
    }
}

void control_table_positions(void *context, struct admin_table *out)
{
    static const char *const columns[] = {"name", "role", "position", "incarnation", "lag_ms"};
    struct control *control = context;
    const struct topology *topology = control->topology;
    admin_table_columns(out, sizeof(columns) / sizeof(columns[0]), columns);
    for (unsigned i = 0; i < topology->count; i++) {
        const struct topology_server *server = &topology->servers[i];
        struct gtid_vector position = {0};
        const struct gtid_vector *leader = cluster_leader_position(control->cluster);
        char text[GTID_DOMAINS_MAX * GTID_TEXT_MAX];
        if (server->role == ROLE_LEADER && leader)
            position = *leader;
        else
            positions_read(control->shared.positions, server->slot, &position);
        gtid_vector_print(&position, text, sizeof(text));
        admin_table_text(out, server->name);
        admin_table_text(out, role_name(server->role));
        admin_table_text(out, text);
        admin_table_number(out, positions_generation(control->shared.positions, server->slot) / 2);
        add_lag(control, out, server);
    }
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
    const struct topology_server *pin = worker_server(worker, session->pin);
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
    admin_table_text(out, session->sticky ? "yes" : "no");
    admin_table_text(out, vector);
    admin_table_number(out, session->statements_run);
    admin_table_number(out, (now_ms - session->connected_ms) / 1000);
    admin_table_number(out, worker->index);
}

static void collect_sessions(struct worker *worker, struct collection *collection)
{
    static const char *const columns[] = {
        "id",         "user",      "host",           "schema",      "state",
        "running_on", "pinned_to", "in_transaction", "leader_only", "position",
        "statements", "seconds",   "worker"};
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

/* Home again, in the control thread. */
static void deliver(struct mail *mail, void *receiver)
{
    (void)receiver;
    struct collection *collection = list_object(mail, struct collection, mail);
    if (collection->topic == ADMIN_SESSIONS)
        admin_table_append_all(collection->out, &collection->rows);
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
