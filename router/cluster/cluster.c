/* The owner of everything that watches the servers: one probe each, one confirmer for each
 * reachable follower, the leader's notes for lag, and the verdict of roles.c over all of it.
 *
 *     probe answered --> roles_decide --> confirmers start and stop, log --+
 *     position rose  --> lag                                               +--> flush: tell the
 * workers accounts read  ------------------------------------------------------+
 *
 * What is to be told is collected and told once, just before the loop sleeps (flush). */
#include "router/cluster/cluster.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "router/cluster/state.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void cluster_decide(struct cluster *cluster);

void cluster_login_of(const struct server *server, struct service_login *login)
{
    const struct server_place *place = &server->place;

    memset(login, 0, sizeof(*login));
    if (place->unix_path[0] != '\0')
        login->unix_path = place->unix_path;
    else
        login->host = place->ip;
    login->port = place->port;
    login->user = server->cluster->user;
    login->password = server->cluster->password;
    login->tls = server->cluster->tls;
    login->proxy_header = server->cluster->proxy_header;
    /* The library compares the certificate with the host that it is given. */
    if (login->tls.verify && login->host != NULL)
        login->host = place->host;
    login->timeout_ms = probe_timeout_ms(server->cluster->probe_interval_ms);
}

static struct server *server_by_slot(const struct cluster *cluster, int slot)
{
    for (unsigned i = 0; i < cluster->count; i++) {
        if ((int)cluster->servers[i]->slot == slot)
            return cluster->servers[i];
    }
    return NULL;
}

/* --- positions and lag --- */

static void on_confirmed(void *context)
{
    struct server *server = context;
    bool had = server->verdict.cause != CAUSE_UNCONFIRMED;

    server->lag_stale = true;
    server->cluster->confirmed_dirty = true;
    if (had != confirm_has_position(server->confirm))
        server->cluster->roles_dirty = true;
}

static void follow_start(struct server *server)
{
    struct service_login login;
    struct confirm_settings settings = {
        .positions = server->cluster->positions,
        .slot = server->slot,
        .name = server->name,
        .login = &login,
        .changed = on_confirmed,
        .context = server,
    };
    const struct gtid_vector *leader = lag_newest(&server->cluster->lag);

    cluster_login_of(server, &login);
    server->confirm = confirm_start(server->cluster->loop, &settings);
    if (leader != NULL)
        confirm_expect(server->confirm, leader);
}

static void follow_stop(struct server *server)
{
    if (server->confirm == NULL)
        return;
    confirm_free(server->confirm);
    server->confirm = NULL;
    server->cluster->confirmed_dirty = true; /* the column is empty: let waiters look again */
}

/* Nothing is polled where nothing is applied: a waiting MASTER_GTID_WAIT holds up SET GLOBAL
 * gtid_slave_pos, which people use on a stopped follower (measured on 10.11). */
static void follow_adjust(struct server *server)
{
    bool wanted = server->reachable && server->verdict.role == ROLE_FOLLOWER &&
                  server->verdict.cause != CAUSE_STOPPED;

    if (!wanted)
        follow_stop(server);
    else if (server->confirm == NULL)
        follow_start(server);
}

/* --- the log --- */

static void log_reach(struct server *server)
{
    if (server->reachable && !server->up_logged) {
        log_info("server %s (%s) is up: version %s, server id %u", server->name,
                 server->address_text, server->last.version, server->last.server_id);
        server->up_logged = true;
        server->down_logged[0] = '\0';
    } else if (!server->reachable && server->probed &&
               strcmp(server->down_logged, server->down_why) != 0) {
        log_warn("server %s (%s) is down: %s; nothing is sent to it until a probe is answered",
                 server->name, server->address_text, server->down_why);
        server->up_logged = false;
        snprintf(server->down_logged, sizeof(server->down_logged), "%s", server->down_why);
    }
}

static void log_verdict(const struct server *server, const struct role_verdict *verdict)
{
    const struct role_verdict *old = &server->verdict;

    if (verdict->in_rotation && !old->in_rotation)
        log_line(verdict->why[0] ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
                 "server %s is a follower and serves reads%s%s", server->name,
                 verdict->why[0] ? "; " : "", verdict->why);
    else if (verdict->partial && !old->partial)
        log_warn("server %s: %s", server->name, verdict->why);
    else if (verdict->cause == old->cause || verdict->cause == CAUSE_DOWN ||
             verdict->cause == CAUSE_NONE || verdict->cause == CAUSE_UNCONFIRMED)
        return; /* said before, said by log_reach, or about to pass */
    else
        log_warn("server %s serves no reads: %s", server->name, verdict->why);
}

static void log_oddities(struct server *server, const struct role_verdict *verdict)
{
    if (verdict->writable_follower && !server->writable_logged)
        log_warn("server %s follows but read_only is off: whoever writes there directly breaks it",
                 server->name);
    if (server->reachable && !server->last.channels_known && !server->denied_logged)
        log_error("server %s: SHOW ALL SLAVES STATUS is denied, so its role can't be told; grant "
                  "SLAVE MONITOR to the service account",
                  server->name);
    server->writable_logged = verdict->writable_follower;
    server->denied_logged = server->reachable && !server->last.channels_known;
}

static void log_trouble(struct cluster *cluster, const struct roles *roles)
{
    if (strcmp(cluster->trouble_logged, roles->trouble) == 0)
        return;
    snprintf(cluster->trouble_logged, sizeof(cluster->trouble_logged), "%s", roles->trouble);
    if (roles->trouble[0] == '\0')
        return;
    if (roles->split)
        log_error("SEVERAL LEADERS: %s; set read_only on those that must not be written to",
                  roles->trouble);
    else if (cluster->leader_last_slot >= 0)
        log_error("no leader: %s; writes wait, reads go on", roles->trouble);
}

/* --- the verdict --- */

static void view_fill(const struct server *server, struct server_view *view)
{
    const struct cluster *cluster = server->cluster;

    *view = (struct server_view){
        .name = server->name,
        .host = server->place.host[0] != '\0' ? server->place.host : NULL,
        .ip = server->place.ip[0] != '\0' ? server->place.ip : NULL,
        .port = server->place.port,
        .drained = server->drained,
        .seen = server->seen,
        .reachable = server->reachable,
        .read_only = server->last.read_only,
        .channels_known = server->last.channels_known,
        .server_id = server->last.server_id,
        .channel_count = server->last.channel_count,
        .channels = server->last.channels,
        .log_filter = server->last.log_filter,
        .skips_errors = server->last.skips_errors,
        .parallel = server->last.parallel,
        .domain_count = server->last.slave_pos.count,
        .confirmed = server->confirm != NULL && confirm_has_position(server->confirm),
        .promoted = failover_promoted(cluster, server),
        .superseded = failover_superseded(cluster, server),
        .lagged = server->verdict.cause == CAUSE_LAG,
    };
    view->lag_ms = positions_lag_ms(server->cluster->positions, server->slot);
    snprintf(view->down_why, sizeof(view->down_why), "%s",
             server->probed ? server->down_why : "not probed yet");
}

/* Another server leads, or none: what was noted of the old one's log says nothing of the new one.
 */
static void leader_change(struct cluster *cluster, const struct server *leader)
{
    const struct server *before = server_by_slot(cluster, cluster->leader_last_slot);

    cluster->leader_slot = leader != NULL ? (int)leader->slot : -1;
    if (leader == NULL || cluster->leader_slot == cluster->leader_last_slot) {
        if (leader != NULL) {
            cluster->epoch++; /* it may have come up with less than it had: all is checked anew */
            log_info("leader is %s again, epoch %llu", leader->name,
                     (unsigned long long)cluster->epoch);
        }
        return;
    }
    cluster->leader_last_slot = cluster->leader_slot;
    cluster->epoch++;
    cluster->binlog_logged = false;
    log_info("leader is %s (before: %s), epoch %llu", leader->name,
             before != NULL ? before->name : "none", (unsigned long long)cluster->epoch);
    lag_clear(&cluster->lag);
    cluster_log_stop(cluster);
    for (unsigned i = 0; i < cluster->count; i++)
        follow_stop(cluster->servers[i]); /* positions of another history: confirmed anew */
}

static void defaults_note(struct cluster *cluster, const char *defaults)
{
    if (strcmp(cluster->defaults, defaults) == 0)
        return;
    snprintf(cluster->defaults, sizeof(cluster->defaults), "%s", defaults);
    cluster->defaults_version++;
}

void cluster_take_defaults(struct cluster *cluster, const char *defaults)
{
    struct server *leader = server_by_slot(cluster, cluster->leader_slot);

    if (leader == NULL)
        return;
    snprintf(leader->last.defaults, sizeof(leader->last.defaults), "%s", defaults);
    defaults_note(cluster, defaults);
    cluster_publish(cluster);
}

static void leader_note(struct cluster *cluster)
{
    const struct server *leader = server_by_slot(cluster, cluster->leader_slot);

    if (leader == NULL)
        return;
    /* A MariaDB 10 says in its greeting that it is a MySQL 5.5.5, for old replicas' sake. */
    bool prefixed =
        strncmp(leader->last.version, "10.", 3) == 0 && strstr(leader->last.version, "MariaDB");
    snprintf(cluster->version, sizeof(cluster->version), "%s%.80s", prefixed ? "5.5.5-" : "",
             leader->last.version);
    snprintf(cluster->tracked_variables, sizeof(cluster->tracked_variables), "%s",
             leader->last.tracked_variables);
    cluster->committed_isolation = leader->last.committed_isolation;
    defaults_note(cluster, leader->last.defaults);
    if (!leader->last.log_bin && !cluster->binlog_logged) {
        log_error("leader %s has no binary log: nothing can be known of what followers have",
                  leader->name);
        cluster->binlog_logged = true;
    }
}

static void verdicts_find(const struct cluster *cluster, struct roles *roles)
{
    struct server_view views[POSITIONS_SERVERS_MAX];
    int previous = -1;

    for (unsigned i = 0; i < cluster->count; i++) {
        view_fill(cluster->servers[i], &views[i]);
        if (cluster->leader_last_slot == (int)cluster->servers[i]->slot)
            previous = (int)i;
    }
    roles_decide(views, cluster->count, previous, cluster->max_lag_ms, roles);
}

static int leader_slot_of(const struct cluster *cluster, const struct roles *roles)
{
    return roles->leader >= 0 ? (int)cluster->servers[roles->leader]->slot : -1;
}

static void cluster_decide(struct cluster *cluster)
{
    struct roles roles;

    cluster_lag_update_all(cluster);
    verdicts_find(cluster, &roles);
    log_trouble(cluster, &roles);
    if (leader_slot_of(cluster, &roles) != cluster->leader_slot) {
        leader_change(cluster, server_by_slot(cluster, leader_slot_of(cluster, &roles)));
        verdicts_find(cluster, &roles); /* with the followers' positions forgotten */
    }
    leader_note(cluster);
    for (unsigned i = 0; i < cluster->count; i++) {
        struct server *server = cluster->servers[i];

        log_reach(server);
        log_verdict(server, &roles.servers[i]);
        log_oddities(server, &roles.servers[i]);
        server->verdict = roles.servers[i];
        follow_adjust(server);
    }
    cluster->roles_dirty = false;
    cluster_log_adjust(cluster);
    cluster_publish(cluster);
    failover_check(cluster);
}

/* --- probes --- */

static void on_asking(void *context)
{
    struct server *server = context;
    struct positions *positions = server->cluster->positions;

    server->before_generation = positions_generation(positions, server->slot);
    positions_read(positions, server->slot, &server->before);
}

/* A position that was confirmed before the probe was sent can't be missing from its answer. */
static void regression_check(struct server *server)
{
    if (server->confirm == NULL || !server->last.slave_pos_whole ||
        server->before_generation !=
            positions_generation(server->cluster->positions, server->slot) ||
        gtid_vector_covers(&server->last.slave_pos, &server->before))
        return;
    confirm_restart(server->confirm, "@@gtid_slave_pos is lower than what was confirmed");
}

static void latency_smooth(struct server *server, uint32_t latency_us)
{
    if (server->latency_us == 0)
        server->latency_us = latency_us;
    else
        server->latency_us = server->latency_us - server->latency_us / 4 + latency_us / 4;
}

static void leader_position_note(struct cluster *cluster, const struct server *server)
{
    const struct gtid_vector *position = &server->last.binlog_pos;

    snprintf(cluster->failover.history, sizeof(cluster->failover.history), "%s",
             server->last.history);
    cluster->failover.history_slot = (int)server->slot;
    lag_note(&cluster->lag, position, clock_now_ms());
    for (unsigned i = 0; i < cluster->count; i++) {
        if (cluster->servers[i]->confirm != NULL)
            confirm_expect(cluster->servers[i]->confirm, position);
    }
}

/* Whether a follower has heard from its leader since the probe before. */
static void heard_note(struct server *server, const struct probe_result *result)
{
    const struct replication_channel *old = server->last.channels;
    const struct replication_channel *new = result->channels;

    if (!server->seen || result->channel_count == 0 || server->last.channel_count == 0 ||
        old->heartbeats != new->heartbeats || old->read_bytes != new->read_bytes ||
        (new->io_running && !old->io_running))
        server->heard_ms = clock_now_ms();
    if (server->last.channel_count != result->channel_count)
        server->rejoin_failed = false;
}

static void on_probed(const struct probe_result *result, void *context)
{
    struct server *server = context;
    struct cluster *cluster = server->cluster;

    server->probed = true;
    server->reachable = result->answered;
    if (result->answered) {
        heard_note(server, result);
        server->answered_ms = clock_now_ms();
        server->seen = true;
        if (strcmp(server->last.defaults, result->defaults) != 0)
            cluster->defaults_version++;
        server->last = *result;
        latency_smooth(server, result->latency_us);
        regression_check(server);
        if (cluster->leader_slot == (int)server->slot)
            leader_position_note(cluster, server);
    } else {
        snprintf(server->down_why, sizeof(server->down_why), "%s", result->why);
        server->rejoin_failed = false;
    }
    cluster_decide(cluster);
    /* a leader that was found just now has not been noted above */
    if (result->answered && cluster->leader_slot == (int)server->slot && cluster->lag.count == 0)
        leader_position_note(cluster, server);
    if (result->answered) {
        cluster_accounts_check(cluster, server);
        cluster_catalogue_check(cluster, server);
    }
}

void cluster_suspect(struct cluster *cluster, unsigned slot)
{
    struct server *server = server_by_slot(cluster, (int)slot);

    if (server != NULL && server->probe != NULL)
        probe_now(server->probe);
}

/* --- servers come and go --- */

static void probe_restart(struct server *server)
{
    struct service_login login;
    struct probe_settings settings = {
        .login = &login,
        .interval_ms = server->cluster->probe_interval_ms,
        .asking = on_asking,
        .done = on_probed,
        .context = server,
    };

    probe_free(server->probe);
    server->probe = NULL;
    if (server->place.address_len == 0) {
        snprintf(server->down_why, sizeof(server->down_why), "%s (tried again at a reload)",
                 server->place.error);
        server->probed = true;
        return;
    }
    cluster_login_of(server, &login);
    server->probe = probe_start(server->cluster->loop, &settings);
}

static unsigned slot_take(struct cluster *cluster)
{
    /* In turn, so that a slot that was just given up is not soon another server's. */
    for (;;) {
        unsigned slot = cluster->slot_next++ % POSITIONS_SERVERS_MAX;

        if (server_by_slot(cluster, (int)slot) == NULL)
            return slot;
    }
}

static struct server *server_new(struct cluster *cluster,
                                 const struct cluster_server_settings *settings)
{
    struct server *server = memory_zalloc(sizeof(*server));

    server->cluster = cluster;
    snprintf(server->name, sizeof(server->name), "%s", settings->name);
    snprintf(server->address_text, sizeof(server->address_text), "%s", settings->address);
    server->weight = settings->weight;
    server->promotable = settings->promotable;
    server->answered_ms = server->heard_ms = clock_now_ms();
    server->slot = slot_take(cluster);
    positions_forget(cluster->positions, server->slot);
    (void)server_place_parse(settings->address,
                             &server->place); /* probe_restart says what is wrong */
    return server;
}

static void server_free(struct server *server)
{
    follow_stop(server);
    probe_free(server->probe);
    positions_forget(server->cluster->positions, server->slot);
    free(server);
}

/* Takes the server of that name and address out of the old list, NULL when there is none. */
static struct server *server_keep(struct server **old, unsigned old_count,
                                  const struct cluster_server_settings *settings)
{
    for (unsigned i = 0; i < old_count; i++) {
        struct server *server = old[i];

        if (server == NULL || strcmp(server->name, settings->name) != 0 ||
            strcmp(server->address_text, settings->address) != 0 || server->place.address_len == 0)
            continue;
        old[i] = NULL;
        server->weight = settings->weight;
        server->promotable = settings->promotable;
        return server;
    }
    return NULL;
}

static char *text_or_null(const char *text)
{
    return text != NULL ? memory_strdup(text) : NULL;
}

static void tls_clear(struct service_tls *tls)
{
    free((char *)tls->ca);
    free((char *)tls->cert);
    free((char *)tls->key);
    memset(tls, 0, sizeof(*tls));
}

/* True when it is other than before. */
static bool tls_copy(struct cluster *cluster, const struct service_tls *tls)
{
    const struct service_login old = {.tls = cluster->tls};
    const struct service_login new = {.tls = *tls};

    if (service_login_same(&old, &new))
        return false;
    tls_clear(&cluster->tls);
    cluster->tls = *tls;
    cluster->tls.ca = text_or_null(tls->ca);
    cluster->tls.cert = text_or_null(tls->cert);
    cluster->tls.key = text_or_null(tls->key);
    return true;
}

/* Returns true when user, password or TLS are others than before. */
static bool settings_copy(struct cluster *cluster, const struct cluster_settings *settings)
{
    bool login_changed = cluster->user == NULL || strcmp(cluster->user, settings->user) != 0 ||
                         strcmp(cluster->password, settings->password) != 0;

    if (login_changed) {
        if (cluster->password != NULL)
            memory_wipe(cluster->password, strlen(cluster->password));
        free(cluster->user);
        free(cluster->password);
        cluster->user = memory_strdup(settings->user);
        cluster->password = memory_strdup(settings->password);
    }
    login_changed |= tls_copy(cluster, &settings->tls);
    login_changed |= cluster->proxy_header != settings->proxy_header;
    cluster->proxy_header = settings->proxy_header;
    if (login_changed || cluster->log_server_id != settings->log_server_id)
        cluster_log_stop(cluster); /* cluster_decide starts it again */
    cluster->log_server_id = settings->log_server_id;
    failover_configure(cluster, &settings->failover);
    cluster->probe_interval_ms = settings->probe_interval_ms;
    cluster->max_lag_ms = settings->max_lag_ms;
    return login_changed;
}

static void servers_replace(struct cluster *cluster, const struct cluster_settings *settings)
{
    struct server *kept[POSITIONS_SERVERS_MAX] = {NULL};
    struct server *old[POSITIONS_SERVERS_MAX];
    unsigned old_count = cluster->count;
    unsigned count = 0;

    memcpy(old, cluster->servers, sizeof(old));
    for (size_t i = 0; i < settings->count && i < POSITIONS_SERVERS_MAX; i++)
        kept[i] = server_keep(old, old_count, &settings->servers[i]);
    for (unsigned i = 0; i < old_count; i++) {
        if (old[i] == NULL)
            continue;
        if (cluster->leader_slot == (int)old[i]->slot)
            cluster->leader_slot = -1;
        if (cluster->leader_last_slot == (int)old[i]->slot)
            cluster->leader_last_slot = -1;
        failover_forget(cluster, old[i]->slot);
        if (old[i]->place.address_len > 0)
            log_info("server %s (%s) is no longer configured: it is dropped", old[i]->name,
                     old[i]->address_text);
        if (cluster->log != NULL && cluster->log_slot == (int)old[i]->slot)
            cluster_log_stop(cluster);
        server_free(old[i]);
    }
    /* server_new looks at the list for free slots: it must hold the kept ones before */
    cluster->count = 0;
    for (size_t i = 0; i < POSITIONS_SERVERS_MAX; i++) {
        if (kept[i] != NULL)
            cluster->servers[cluster->count++] = kept[i];
    }
    for (size_t i = 0; i < settings->count && i < POSITIONS_SERVERS_MAX; i++) {
        if (kept[i] == NULL) {
            kept[i] = server_new(cluster, &settings->servers[i]);
            cluster->servers[cluster->count++] = kept[i];
        }
        count++;
    }
    memcpy(cluster->servers, kept, sizeof(kept));
    cluster->count = count;
    if (settings->count > POSITIONS_SERVERS_MAX)
        log_error("%zu servers are configured, only the first %d are used", settings->count,
                  POSITIONS_SERVERS_MAX);
}

static void servers_configure(struct cluster *cluster, const struct cluster_settings *settings)
{
    bool login_changed = settings_copy(cluster, settings);

    servers_replace(cluster, settings);
    for (unsigned i = 0; i < cluster->count; i++) {
        struct server *server = cluster->servers[i];

        if (login_changed)
            follow_stop(server);
        if (login_changed || server->probe == NULL)
            probe_restart(server);
        else
            probe_set_interval(server->probe, cluster->probe_interval_ms);
    }
    cluster->roles_dirty = true;
}

/* --- life --- */

/* Works out the lag of those whose position rose; one that caught up comes back into rotation. */
static void lag_flush(struct cluster *cluster)
{
    for (unsigned i = 0; i < cluster->count; i++) {
        struct server *server = cluster->servers[i];

        if (!server->lag_stale)
            continue;
        cluster_lag_update(cluster, server);
        if (server->verdict.cause == CAUSE_LAG &&
            positions_lag_ms(cluster->positions, server->slot) <= cluster->max_lag_ms)
            cluster->roles_dirty = true;
    }
}

static void on_flush(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
    struct cluster *cluster = prepare->data;

    (void)loop;
    (void)events;
    if (cluster->confirmed_dirty)
        lag_flush(cluster);
    if (cluster->roles_dirty)
        cluster_decide(cluster);
    if (cluster->confirmed_dirty) {
        cluster->confirmed_dirty = false;
        cluster->events.confirmed(cluster->events.context);
    }
    cluster_accounts_flush(cluster);
}

struct cluster *cluster_start(struct ev_loop *loop, struct positions *positions,
                              const struct cluster_settings *settings,
                              const struct cluster_events *events)
{
    struct cluster *cluster = memory_zalloc(sizeof(*cluster));

    cluster->loop = loop;
    cluster->positions = positions;
    cluster->events = *events;
    cluster->leader_slot = -1;
    cluster->leader_last_slot = -1;
    ev_prepare_init(&cluster->flush, on_flush);
    cluster->flush.data = cluster;
    ev_prepare_start(loop, &cluster->flush);
    ev_unref(loop); /* it alone does not keep the loop running */
    cluster_accounts_start(cluster);
    cluster_catalogue_start(cluster);
    cluster_log_start(cluster);
    failover_start(cluster);
    servers_configure(cluster, settings);
    failover_recall(cluster);
    return cluster;
}

void cluster_reconfigure(struct cluster *cluster, const struct cluster_settings *settings)
{
    servers_configure(cluster, settings);
    cluster_decide(cluster);
}

int cluster_drain(struct cluster *cluster, const char *name, bool drained)
{
    for (unsigned i = 0; i < cluster->count; i++) {
        struct server *server = cluster->servers[i];

        if (strcmp(server->name, name) != 0)
            continue;
        if (server->drained != drained)
            log_info("server %s is %s by request", name, drained ? "drained" : "resumed");
        server->drained = drained;
        cluster_decide(cluster);
        return 0;
    }
    return -ENOENT;
}

const struct gtid_vector *cluster_leader_position(const struct cluster *cluster)
{
    return cluster->leader_slot >= 0 ? lag_newest(&cluster->lag) : NULL;
}

void cluster_stop(struct cluster *cluster)
{
    if (cluster == NULL)
        return;
    failover_stop(cluster);
    cluster_accounts_stop(cluster);
    cluster_catalogue_stop(cluster);
    cluster_log_end(cluster);
    for (unsigned i = 0; i < cluster->count; i++)
        server_free(cluster->servers[i]);
    ev_ref(cluster->loop);
    ev_prepare_stop(cluster->loop, &cluster->flush);
    topology_unref(cluster->published);
    memory_wipe(cluster->password, strlen(cluster->password));
    free(cluster->password);
    tls_clear(&cluster->tls);
    free(cluster->user);
    free(cluster);
}
