/* The leader's log and what it is good for: lag by arrival, new domains, changed accounts. Where
 * there is none to follow, lag comes from the probes alone.
 *
 *     leader_log --transactions--> lag_log --+--> lag of each follower --> board, max_lag
 *     probes -----positions------> lag ------+
 *     log_peek --what is older---> lag_log */
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "router/cluster/state.h"

#include <stdlib.h>

/* While somebody lags, lag grows without anything happening: so often it is worked out. */
static const double tick_s = 0.1;

/* --- lag --- */

static const struct server *leader_of(const struct cluster *cluster)
{
    for (unsigned i = 0; i < cluster->count; i++) {
        if ((int)cluster->servers[i]->slot == cluster->leader_slot)
            return cluster->servers[i];
    }
    return NULL;
}

/* Both sources are right as far as they know: neither says more than there is. */
static uint32_t lag_ms_of(const struct cluster *cluster, const struct gtid_vector *confirmed,
                          const struct lag_found *found, bool leader_answers)
{
    uint32_t probed_ms = lag_of(&cluster->lag, confirmed, clock_now_ms(), leader_answers);
    uint64_t logged_ms = found->lag_us / 1000;

    if (!lag_log_known(&cluster->lag_log))
        return probed_ms;
    if (probed_ms != UINT32_MAX && probed_ms > logged_ms)
        return probed_ms;
    return logged_ms < UINT32_MAX ? (uint32_t)logged_ms : UINT32_MAX - 1;
}

static uint64_t sequence_difference(const struct gtid_vector *leader,
                                    const struct gtid_vector *confirmed)
{
    uint64_t sum = 0;

    if (leader == NULL)
        return UINT64_MAX;
    for (uint32_t i = 0; i < leader->count; i++) {
        uint64_t seq = gtid_vector_seq(confirmed, leader->slots[i].domain);

        sum += leader->slots[i].seq > seq ? leader->slots[i].seq - seq : 0;
    }
    return sum;
}

bool cluster_log_followed(const struct cluster *cluster)
{
    struct leader_log_view view;

    if (cluster->log == NULL)
        return false;
    leader_log_view(cluster->log, &view);
    return view.state == LEADER_LOG_FOLLOWING;
}

/* --- what is older than the stream --- */

static void on_peek_found(const struct gtid *gtid, uint64_t us, void *context)
{
    struct cluster *cluster = context;

    lag_log_seed(&cluster->lag_log, gtid->domain, gtid->seq, us);
    cluster_lag_update_all(cluster);
    cluster->roles_dirty = true;
}

static void on_peek_end(void *context)
{
    struct cluster *cluster = context;

    log_peek_free(cluster->peek);
    cluster->peek = NULL;
}

/* Once an incarnation of the follower. */
static void peek_consider(struct cluster *cluster, struct server *server,
                          const struct gtid_vector *confirmed)
{
    const struct server *leader = leader_of(cluster);
    uint32_t generation = positions_generation(cluster->positions, server->slot);
    struct service_login login;
    struct log_peek_settings settings = {
        .login = &login,
        .position = confirmed,
        .domains = cluster->lag_log.count,
        .found = on_peek_found,
        .ended = on_peek_end,
        .context = cluster,
    };

    if (cluster->peek != NULL || server->peeked_generation == generation || leader == NULL ||
        !cluster_log_followed(cluster))
        return;
    server->peeked_generation = generation;
    cluster_login_of(leader, &login);
    cluster->peek = log_peek_start(cluster->loop, &settings);
}

void cluster_lag_update(struct cluster *cluster, struct server *server)
{
    const struct server *leader = leader_of(cluster);
    bool answers = leader != NULL && leader->reachable;
    uint64_t until_us = answers ? clock_now_us() : cluster->lag.answered_ms * 1000u;
    struct gtid_vector confirmed;
    struct lag_found found;

    server->lag_stale = false;
    if (server->confirm == NULL || !confirm_has_position(server->confirm)) {
        positions_set_lag_ms(cluster->positions, server->slot, UINT32_MAX);
        positions_set_lag_transactions(cluster->positions, server->slot, UINT64_MAX);
        return;
    }
    positions_read(cluster->positions, server->slot, &confirmed);
    lag_log_find(&cluster->lag_log, &confirmed, until_us, &found);
    if (found.older)
        peek_consider(cluster, server, &confirmed);
    positions_set_lag_ms(cluster->positions, server->slot,
                         lag_ms_of(cluster, &confirmed, &found, answers));
    positions_set_lag_transactions(
        cluster->positions, server->slot,
        cluster_log_followed(cluster) ? found.transactions
                                      : sequence_difference(lag_newest(&cluster->lag), &confirmed));
}

void cluster_lag_update_all(struct cluster *cluster)
{
    for (unsigned i = 0; i < cluster->count; i++)
        cluster_lag_update(cluster, cluster->servers[i]);
}

/* --- the tick --- */

/* Did a follower's lag pass the limit, one way or the other? roles.c has the last word. */
static bool limit_passed(const struct cluster *cluster, const struct server *server)
{
    uint32_t lag_ms = positions_lag_ms(cluster->positions, server->slot);

    if (lag_ms == UINT32_MAX || server->verdict.role != ROLE_FOLLOWER)
        return false;
    return server->verdict.cause == CAUSE_LAG
               ? lag_ms <= cluster->max_lag_ms
               : lag_ms > cluster->max_lag_ms && server->verdict.in_rotation;
}

static void on_tick(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct cluster *cluster = timer->data;
    bool lagging = false;

    (void)loop;
    (void)events;
    for (unsigned i = 0; i < cluster->count; i++) {
        struct server *server = cluster->servers[i];
        uint32_t lag_ms;

        cluster_lag_update(cluster, server);
        lag_ms = positions_lag_ms(cluster->positions, server->slot);
        lagging = lagging || (lag_ms > 0 && lag_ms != UINT32_MAX);
        if (limit_passed(cluster, server))
            cluster->roles_dirty = true;
    }
    if (lagging)
        cluster_log_tick(cluster);
}

void cluster_log_tick(struct cluster *cluster)
{
    if (ev_is_active(&cluster->tick))
        return;
    ev_now_update(cluster->loop);
    ev_timer_set(&cluster->tick, tick_s, 0.);
    ev_timer_start(cluster->loop, &cluster->tick);
}

/* --- the stream --- */

static bool server_id_taken(uint32_t server_id, void *context)
{
    const struct cluster *cluster = context;

    for (unsigned i = 0; i < cluster->count; i++) {
        if (cluster->servers[i]->last.server_id == server_id)
            return true;
    }
    return false;
}

static void domains_expect(struct cluster *cluster, const struct gtid_vector *position)
{
    for (unsigned i = 0; i < cluster->count; i++) {
        if (cluster->servers[i]->confirm != NULL)
            confirm_expect(cluster->servers[i]->confirm, position);
    }
}

static void on_based(const struct gtid_vector *position, uint64_t now_us, void *context)
{
    struct cluster *cluster = context;

    lag_log_base(&cluster->lag_log, position, now_us);
    domains_expect(cluster, position);
    for (unsigned i = 0; i < cluster->count; i++)
        cluster->servers[i]->peeked_generation = 0;
    cluster_log_tick(cluster);
}

static void on_transaction(const struct gtid *gtid, uint64_t at_us, void *context)
{
    struct cluster *cluster = context;
    unsigned domains = cluster->lag_log.count;

    lag_log_add(&cluster->lag_log, gtid, at_us);
    cluster->domain_new = cluster->domain_new || cluster->lag_log.count > domains;
}

static void on_moved(void *context)
{
    struct cluster *cluster = context;
    struct leader_log_view view;

    cluster_log_tick(cluster);
    if (!cluster->domain_new)
        return;
    cluster->domain_new = false;
    leader_log_view(cluster->log, &view);
    domains_expect(cluster, &view.position);
}

static void on_accounts_changed(void *context)
{
    cluster_accounts_changed(context, 0);
}

static void on_catalogue_changed(void *context)
{
    cluster_catalogue_changed(context, 0);
}

static void on_routines_changed(void *context)
{
    struct cluster *cluster = context;

    cluster_routines_changed(cluster, cluster->events.routines(cluster->events.context));
}

/* Changes of routines while nobody tells of them may have been any. */
static void note_followed(struct cluster *cluster)
{
    struct leader_log_view view;
    bool followed = false;

    if (cluster->log != NULL) {
        leader_log_view(cluster->log, &view);
        followed = view.state == LEADER_LOG_FOLLOWING;
    }
    if (followed == cluster->log_followed)
        return;
    cluster->log_followed = followed;
    on_routines_changed(cluster);
}

static void on_state_changed(void *context)
{
    cluster_log_tick(context);
    note_followed(context);
}

void cluster_log_stop(struct cluster *cluster)
{
    log_peek_free(cluster->peek);
    cluster->peek = NULL;
    leader_log_free(cluster->log);
    cluster->log = NULL;
    lag_log_clear(&cluster->lag_log);
    cluster->domain_new = false;
}

/* While there is no leader the last one's log is tried again: it may come back. */
void cluster_log_adjust(struct cluster *cluster)
{
    const struct server *leader = leader_of(cluster);
    struct service_login login;
    struct leader_log_settings settings = {
        .login = &login,
        .server_id = cluster->log_server_id,
        .server_id_taken = server_id_taken,
        .based = on_based,
        .transaction = on_transaction,
        .moved = on_moved,
        .accounts_changed = on_accounts_changed,
        .catalogue_changed = on_catalogue_changed,
        .routines_changed = on_routines_changed,
        .state_changed = on_state_changed,
        .context = cluster,
    };

    if (leader == NULL || (cluster->log != NULL && cluster->log_slot == cluster->leader_slot))
        return;
    cluster_log_stop(cluster);
    cluster_login_of(leader, &login);
    settings.name = leader->name;
    cluster->log_slot = cluster->leader_slot;
    cluster->log = leader_log_start(cluster->loop, &settings);
    cluster->log_followed = false;
    on_routines_changed(cluster);
}

void cluster_log_start(struct cluster *cluster)
{
    ev_timer_init(&cluster->tick, on_tick, 0., 0.);
    cluster->tick.data = cluster;
}

void cluster_log_end(struct cluster *cluster)
{
    cluster_log_stop(cluster);
    ev_timer_stop(cluster->loop, &cluster->tick);
}

bool cluster_leader_log(struct cluster *cluster, struct leader_log_view *view)
{
    cluster_lag_update_all(cluster);
    if (cluster->log == NULL)
        return false;
    leader_log_view(cluster->log, view);
    return true;
}
