/* When a leader is replaced, and what is told about it: see failover.h. How it is done is in
 * promote.c and follow.c. */
#include "router/cluster/failover.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "router/cluster/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    PATH_ROOM = 4096,
    LEADS_MS = 5000,  /* for a promoted server to be seen leading */
    PROMPT_MS = 1000, /* a follower that lags so little stops and starts at once */
    REST_MS = 1000,   /* after an operation: probes look first */
};

static void on_report(const struct operation_report *report, void *context);

/* --- finding servers --- */

static int index_of_slot(const struct cluster *cluster, int slot)
{
    for (unsigned i = 0; i < cluster->count; i++) {
        if ((int)cluster->servers[i]->slot == slot)
            return (int)i;
    }
    return -1;
}

static int index_of_name(const struct cluster *cluster, const char *name)
{
    for (unsigned i = 0; i < cluster->count; i++) {
        if (strcmp(cluster->servers[i]->name, name) == 0)
            return (int)i;
    }
    return -1;
}

static bool is_place_of(const struct server *server, const struct replication_channel *channel)
{
    if (channel->master_server_id != 0 && server->seen)
        return channel->master_server_id == server->last.server_id;
    return channel->master_port == server->place.port &&
           (strcasecmp(channel->master_host, server->place.host) == 0 ||
            strcmp(channel->master_host, server->place.ip) == 0);
}

static const struct replication_channel *channel_to(const struct server *server,
                                                    const struct server *leader)
{
    for (unsigned i = 0; server->seen && i < server->last.channel_count; i++) {
        if (is_place_of(leader, &server->last.channels[i]))
            return &server->last.channels[i];
    }
    return NULL;
}

/* The leader now, or the last one; after a start without one, whom most followers replicate from.
 */
static int leader_index(const struct cluster *cluster)
{
    int found = index_of_slot(cluster, cluster->leader_slot >= 0 ? cluster->leader_slot
                                                                 : cluster->leader_last_slot);
    unsigned most = 0;

    for (unsigned i = 0; cluster->leader_last_slot < 0 && i < cluster->count; i++) {
        unsigned followers = 0;

        for (unsigned k = 0; k < cluster->count; k++) {
            if (k != i && cluster->servers[k]->reachable &&
                channel_to(cluster->servers[k], cluster->servers[i]) != NULL)
                followers++;
        }
        if (followers > most) {
            most = followers;
            found = (int)i;
        }
    }
    return found;
}

/* --- health --- */

static void witness_add(struct leader_signs *signs, const struct server *server,
                        const struct server *leader, uint64_t now_ms)
{
    const struct replication_channel *channel = channel_to(server, leader);

    if (!server->reachable || channel == NULL)
        return;
    signs->witnesses[signs->witness_count++] =
        (struct witness){.name = server->name,
                         .unheard_ms = now_ms - server->heard_ms,
                         .heartbeat_period_ms = channel->heartbeat_period_ms,
                         .disconnected = !channel->io_running};
}

static void health_judge(struct cluster *cluster, int index)
{
    struct failover *failover = &cluster->failover;
    const struct server *leader = cluster->servers[index];
    uint64_t now_ms = clock_now_ms();
    struct leader_signs signs = {.name = leader->name,
                                 .answers = leader->reachable,
                                 .silent_ms = now_ms - leader->answered_ms,
                                 .down_why = leader->down_why};

    for (unsigned i = 0; i < cluster->count; i++) {
        if ((int)i != index)
            witness_add(&signs, cluster->servers[i], leader, now_ms);
    }
    failover->health = leader_judge(&signs, failover->settings.after_ms, failover->why);
}

static void health_log(struct failover *failover)
{
    if (failover->settings.mode == FAILOVER_OFF || strcmp(failover->why, failover->logged) == 0)
        return;
    snprintf(failover->logged, sizeof(failover->logged), "%s", failover->why);
    if (failover->health >= LEADER_CUT)
        log_warn("failover: %s", failover->why);
}

/* --- orders --- */

static void order_server(const struct server *server, struct operation_server *out)
{
    struct service_login login;

    cluster_login_of(server, &login);
    service_login_copy(&out->login, &login);
    out->login.timeout_ms = probe_timeout_ms(server->cluster->probe_interval_ms);
    snprintf(out->name, sizeof(out->name), "%s", server->name);
    snprintf(out->address, sizeof(out->address), "%s", server->address_text);
    snprintf(out->host, sizeof(out->host), "%s", server->place.host);
    out->port = server->place.port;
    out->slot = server->slot;
    out->server_id = server->last.server_id;
    out->reachable = server->reachable;
    out->promotable = server->promotable;
}

static struct operation_order *order_new(const struct cluster *cluster, enum operation_kind kind,
                                         int target)
{
    const struct failover *failover = &cluster->failover;
    struct operation_order *order = operation_order_new(kind);

    order->count = cluster->count;
    for (unsigned i = 0; i < cluster->count; i++)
        order_server(cluster->servers[i], &order->servers[i]);
    order->leader = leader_index(cluster);
    order->target = target;
    failover_settings_copy(&order->settings, &failover->settings);
    if (order->leader >= 0 && failover->history_slot == (int)order->servers[order->leader].slot)
        snprintf(order->leader_history, sizeof(order->leader_history), "%s", failover->history);
    return order;
}

static bool begin(struct cluster *cluster, enum operation_kind kind, int target)
{
    struct failover *failover = &cluster->failover;

    failover->operation =
        operation_start(order_new(cluster, kind, target), &failover->mailbox, on_report, cluster);
    snprintf(failover->step, sizeof(failover->step), "begin");
    if (failover->operation == NULL)
        snprintf(failover->result, sizeof(failover->result), "no thread could be made");
    else
        log_info("%s begins%s%s", operation_kind_name(kind), target >= 0 ? ": " : "",
                 target >= 0 ? cluster->servers[target]->name : "");
    return failover->operation != NULL;
}

/* --- the promoted server --- */

bool failover_promoted(const struct cluster *cluster, const struct server *server)
{
    return cluster->failover.promoted_slot == (int)server->slot;
}

/* Whether `history` has something that this server wrote since it was promoted. */
static bool wrote_since(const struct failover *failover, const char *history, uint32_t server_id)
{
    struct span rest = span_text(history);
    struct gtid gtid;

    while (gtid_list_next(&rest, &gtid) == 1) {
        if (gtid.server == server_id &&
            gtid.seq > history_last(failover->promoted_from, gtid.domain, gtid.server))
            return true;
    }
    return false;
}

/* The promoted one may be away for a moment: an old leader that is back is none all the same. One
 * that somebody else promoted after it has its writes. */
bool failover_superseded(const struct cluster *cluster, const struct server *server)
{
    const struct failover *failover = &cluster->failover;
    int index = index_of_slot(cluster, failover->promoted_slot);
    const struct server *promoted = index >= 0 ? cluster->servers[index] : NULL;

    return promoted != NULL && promoted != server && promoted->seen && server->seen &&
           failover->settings.mode == FAILOVER_AUTO &&
           wrote_since(failover, promoted->last.history, promoted->last.server_id) &&
           !wrote_since(failover, server->last.history, promoted->last.server_id);
}

static void state_path(const struct failover_settings *settings, char path[PATH_ROOM])
{
    snprintf(path, PATH_ROOM, "%s/leader", settings->state_dir != NULL ? settings->state_dir : "");
}

/* What the Causeway before has written: a hint, of which nothing is taken that the servers deny. */
static void promoted_load(struct cluster *cluster)
{
    struct failover *failover = &cluster->failover;
    char path[PATH_ROOM];
    char name[SERVER_NAME_MAX + 1] = "";
    FILE *file;

    state_path(&failover->settings, path);
    file = failover->settings.state_dir != NULL ? fopen(path, "re") : NULL;
    if (file == NULL)
        return;
    if (fgets(name, sizeof(name), file) != NULL &&
        fgets(failover->promoted_from, sizeof(failover->promoted_from), file) != NULL) {
        name[strcspn(name, "\n")] = '\0';
        failover->promoted_from[strcspn(failover->promoted_from, "\n")] = '\0';
        int index = index_of_name(cluster, name);
        failover->promoted_slot = index >= 0 ? (int)cluster->servers[index]->slot : -1;
    }
    fclose(file);
}

/* Others have made it a follower since. */
static void promoted_check(struct cluster *cluster)
{
    struct failover *failover = &cluster->failover;
    int index = index_of_slot(cluster, failover->promoted_slot);
    const struct server *server = index >= 0 ? cluster->servers[index] : NULL;

    if (server != NULL && server->reachable && server->seen && failover->operation == NULL &&
        failover->leads_slot < 0 && server->last.channel_count > 0)
        failover->promoted_slot = -1;
}

/* --- what it does on its own --- */

/* It led once in this history, and came back: nobody else may be made to follow, or be stopped from
 * accepting writes, unasked. */
static bool led_before(const struct cluster *cluster, const struct server *server)
{
    const struct failover *failover = &cluster->failover;
    struct span rest = span_text(failover->history);
    struct gtid gtid;

    if (failover->history_slot != cluster->leader_slot)
        return false;
    while (gtid_list_next(&rest, &gtid) == 1) {
        if (gtid.server == server->last.server_id)
            return true;
    }
    return false;
}

/* It follows a configured server that neither leads nor follows the leader itself. */
static bool left_behind(const struct cluster *cluster, const struct server *server)
{
    for (unsigned i = 0; i < cluster->count; i++) {
        const struct server *other = cluster->servers[i];

        if (other != server && channel_to(server, other) != NULL)
            return (int)other->slot != cluster->leader_slot &&
                   (!other->reachable || other->verdict.role != ROLE_FOLLOWER ||
                    led_before(cluster, other));
    }
    return false;
}

/* It follows the leader, and would notice its silence too late. */
static bool hears_too_seldom(const struct cluster *cluster, const struct server *server)
{
    const struct server *leader = cluster->servers[index_of_slot(cluster, cluster->leader_slot)];
    const struct replication_channel *channel = channel_to(server, leader);

    return channel != NULL && channel->io_running && channel->sql_running &&
           server->last.channel_count == 1 &&
           positions_lag_ms(cluster->positions, server->slot) < PROMPT_MS &&
           channel->heartbeat_period_ms > failover_heartbeat_ms(&cluster->failover.settings);
}

static bool must_rejoin(const struct cluster *cluster, const struct server *server)
{
    if (!server->reachable || !server->last.channels_known ||
        (int)server->slot == cluster->leader_slot || server->rejoin_failed)
        return false;
    return server->last.channel_count == 0
               ? led_before(cluster, server)
               : left_behind(cluster, server) || server->verdict.writable_follower ||
                     hears_too_seldom(cluster, server);
}

static void rejoin_check(struct cluster *cluster)
{
    for (unsigned i = 0; i < cluster->count && cluster->leader_slot >= 0; i++) {
        if (must_rejoin(cluster, cluster->servers[i])) {
            cluster->servers[i]->rejoin_failed = true; /* until it is otherwise, or down */
            begin(cluster, OPERATION_FOLLOW, (int)i);
            return;
        }
    }
}

static bool everyone_probed(const struct cluster *cluster)
{
    for (unsigned i = 0; i < cluster->count; i++) {
        if (!cluster->servers[i]->probed)
            return false;
    }
    return true;
}

static void act(struct cluster *cluster)
{
    struct failover *failover = &cluster->failover;

    if (!everyone_probed(cluster))
        return;
    /* Whom a server shall follow is another question then. */
    if (failover->operation != NULL && failover->health == LEADER_LOST &&
        operation_kind_of(failover->operation) == OPERATION_FOLLOW)
        operation_stop(failover->operation);
    if (failover->operation != NULL || failover->settings.mode != FAILOVER_AUTO ||
        failover->leads_slot >= 0 || clock_now_ms() < failover->rest_until_ms)
        return;
    if (failover->health == LEADER_LOST)
        begin(cluster, OPERATION_FAILOVER, -1);
    else
        rejoin_check(cluster);
}

/* --- what operations tell --- */

static void barrier_set(struct cluster *cluster, enum barrier barrier)
{
    cluster->failover.barrier = barrier;
    cluster_publish(cluster);
}

static void all_probe(const struct cluster *cluster)
{
    for (unsigned i = 0; i < cluster->count; i++) {
        if (cluster->servers[i]->probe != NULL)
            probe_now(cluster->servers[i]->probe);
    }
}

/* The barrier falls as soon as the promoted server is seen to lead. */
static void leads_check(struct cluster *cluster)
{
    struct failover *failover = &cluster->failover;

    if (failover->leads_slot < 0)
        return;
    if (cluster->leader_slot != failover->leads_slot && clock_now_ms() < failover->leads_until_ms) {
        all_probe(cluster);
        return;
    }
    failover->leads_slot = -1;
    barrier_set(cluster, BARRIER_NONE);
}

static void operation_ended(struct cluster *cluster, const struct operation_report *report)
{
    struct failover *failover = &cluster->failover;
    struct failover_request request = failover->request;
    struct failover_request next = failover->next;
    enum operation_kind kind = operation_kind_of(failover->operation);

    failover->operation = NULL;
    failover->request.done = failover->next.done = NULL;
    /* a failover that may be due now comes first */
    failover->rest_until_ms =
        clock_now_ms() + (kind == OPERATION_FOLLOW && !report->succeeded ? 0 : REST_MS);
    if (report->succeeded)
        log_info("%s: %s", operation_kind_name(kind), report->text);
    else if (request.done != NULL || strcmp(failover->result, report->text) != 0)
        log_error("%s: %s", operation_kind_name(kind), report->text);
    snprintf(failover->result, sizeof(failover->result), "%s: %s", operation_kind_name(kind),
             report->text);
    if (failover->leads_slot < 0 && failover->barrier != BARRIER_NONE)
        barrier_set(cluster, BARRIER_NONE);
    if (request.done != NULL)
        request.done(report->succeeded, report->text, request.context);
    if (next.done != NULL)
        cluster_operate(cluster, next.kind, next.server, next.done, next.context);
    all_probe(cluster);
}

static void on_report(const struct operation_report *report, void *context)
{
    struct cluster *cluster = context;
    struct failover *failover = &cluster->failover;

    switch (report->news) {
    case NEWS_STEP:
        snprintf(failover->step, sizeof(failover->step), "%s", report->step);
        log_info("%s: %s", operation_kind_name(operation_kind_of(failover->operation)),
                 report->step);
        break;
    case NEWS_BARRIER: barrier_set(cluster, report->barrier); break;
    case NEWS_COUNT: cluster->events.count_leader_users(cluster->events.context); break;
    case NEWS_LEADS:
        failover->leads_slot = failover->promoted_slot = (int)report->slot;
        snprintf(failover->promoted_from, sizeof(failover->promoted_from), "%s", report->text);
        failover->leads_until_ms = clock_now_ms() + LEADS_MS;
        all_probe(cluster);
        break;
    case NEWS_DONE: operation_ended(cluster, report); break;
    }
}

void cluster_leader_used(struct cluster *cluster, unsigned users)
{
    if (cluster->failover.operation != NULL)
        operation_leader_used(cluster->failover.operation, users);
}

/* --- what a person asks for --- */

static const char *refusal(const struct cluster *cluster, enum operation_kind kind, int target)
{
    const struct failover *failover = &cluster->failover;

    if (failover->settings.mode == FAILOVER_OFF)
        return "failover = off: Causeway only follows what others do";
    if (failover->operation != NULL)
        return "another operation is under way: SHOW FAILOVER";
    if (leader_index(cluster) < 0)
        return "no leader is known";
    if (kind != OPERATION_FAILOVER && cluster->leader_slot < 0)
        return "there is no leader: FAILOVER promotes a follower";
    if (kind == OPERATION_FAILOVER && cluster->leader_slot >= 0)
        return "the leader is well: SWITCHOVER TO hands over without a loss";
    if (kind == OPERATION_FAILOVER && failover->health == LEADER_CUT)
        return "a follower still hears from the leader: it is not lost";
    if (target >= 0 && (int)cluster->servers[target]->slot == cluster->leader_slot)
        return "that server leads already";
    return NULL;
}

/* What Causeway does on its own soon ends, and was not asked for. */
static bool can_wait(const struct failover *failover)
{
    return failover->operation != NULL && failover->request.done == NULL &&
           failover->next.done == NULL &&
           operation_kind_of(failover->operation) == OPERATION_FOLLOW;
}

void cluster_operate(struct cluster *cluster, enum operation_kind kind, const char *name,
                     failover_done done, void *context)
{
    struct failover *failover = &cluster->failover;
    int target = name[0] != '\0' ? index_of_name(cluster, name) : -1;
    struct failover_request request = {.kind = kind, .done = done, .context = context};
    const char *why;

    snprintf(request.server, sizeof(request.server), "%s", name);
    if (target < 0 && name[0] != '\0') {
        done(false, "there is no such server; SHOW SERVERS lists them", context);
        return;
    }
    if (can_wait(failover)) {
        failover->next = request;
        return;
    }
    why = refusal(cluster, kind, target);
    if (why == NULL && !begin(cluster, kind, target))
        why = failover->result;
    if (why != NULL)
        done(false, why, context);
    else
        failover->request = request;
}

void cluster_failover_view(const struct cluster *cluster, struct failover_view *view)
{
    const struct failover *failover = &cluster->failover;
    int leader = leader_index(cluster);

    *view = (struct failover_view){
        .mode = (enum failover_mode)failover->settings.mode,
        .health = failover->health,
        .leader = leader >= 0 ? cluster->servers[leader]->name : NULL,
        .why = failover->why,
        .result = failover->result,
    };
    if (failover->operation != NULL) {
        view->operation = operation_kind_name(operation_kind_of(failover->operation));
        view->step = failover->step;
    }
}

/* --- life --- */

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    failover_check(timer->data);
}

/* A silent leader is judged when its time is over, not at the next probe. */
static void timer_adjust(struct cluster *cluster)
{
    struct failover *failover = &cluster->failover;
    bool waits = failover->health != LEADER_WELL || failover->leads_slot >= 0;

    if (waits && !ev_is_active(&failover->timer)) {
        failover->timer.repeat = 0.05;
        ev_timer_again(cluster->loop, &failover->timer);
    } else if (!waits) {
        ev_timer_stop(cluster->loop, &failover->timer);
    }
}

void failover_check(struct cluster *cluster)
{
    struct failover *failover = &cluster->failover;
    int index = leader_index(cluster);

    if (index >= 0) {
        health_judge(cluster, index);
        health_log(failover);
    }
    leads_check(cluster);
    promoted_check(cluster);
    timer_adjust(cluster);
    act(cluster);
}

void failover_configure(struct cluster *cluster, const struct failover_settings *settings)
{
    failover_settings_clear(&cluster->failover.settings);
    failover_settings_copy(&cluster->failover.settings, settings);
}

void failover_forget(struct cluster *cluster, unsigned slot)
{
    struct failover *failover = &cluster->failover;

    if (failover->promoted_slot == (int)slot)
        failover->promoted_slot = -1;
    if (failover->history_slot == (int)slot)
        failover->history_slot = -1;
    if (failover->leads_slot == (int)slot)
        failover->leads_until_ms = 0; /* the barrier falls */
}

void failover_recall(struct cluster *cluster)
{
    promoted_load(cluster);
}

void failover_start(struct cluster *cluster)
{
    struct failover *failover = &cluster->failover;

    failover->leads_slot = -1;
    failover->promoted_slot = -1;
    failover->history_slot = -1;
    mailbox_init(&failover->mailbox, cluster->loop, cluster);
    ev_init(&failover->timer, on_timer);
    failover->timer.data = cluster;
}

void failover_stop(struct cluster *cluster)
{
    struct failover *failover = &cluster->failover;

    operation_cancel(failover->operation);
    mailbox_close(&failover->mailbox);
    ev_timer_stop(cluster->loop, &failover->timer);
    if (failover->request.done != NULL)
        failover->request.done(false, "Causeway is stopping", failover->request.context);
    if (failover->next.done != NULL)
        failover->next.done(false, "Causeway is stopping", failover->next.context);
    failover_settings_clear(&failover->settings);
}
