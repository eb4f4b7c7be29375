/* The accounts of the cluster: when they are read, and who is told. */
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "router/cluster/state.h"

#include <stdio.h>

/* A failed login asks for a reread. Rereads may take a tenth of the time, and no login waits longer
 * than a second for the next: */
enum { REREAD_INTERVAL_MIN_MS = 50, REREAD_INTERVAL_MAX_MS = 1000, REREAD_REST = 10 };
/* Looks for a change of which the log has told: */
enum { CHANGE_TRIES = 2 };

static void accounts_hand_out(struct cluster *cluster)
{
    if (cluster->accounts == NULL)
        cluster->accounts = accounts_new(); /* nothing could be read yet: nobody matches */
    cluster->events.accounts(accounts_ref(cluster->accounts), cluster->events.context);
}

static void found_to_hold(struct cluster *cluster, uint64_t changes)
{
    if (cluster->accounts != NULL && changes > atomic_load(&cluster->accounts->changes))
        atomic_store(&cluster->accounts->changes, changes);
}

/* Whoever waits for what is newer waits in vain. */
static void answer_with_what_there_is(struct cluster *cluster)
{
    found_to_hold(cluster, cluster->accounts_changes_next);
    cluster->answer_now = true;
}

static void accounts_take(struct cluster *cluster, struct accounts *accounts)
{
    bool first = cluster->accounts_generation == 0;

    atomic_store(&accounts->changes, cluster->accounts_changes);
    accounts->generation = ++cluster->accounts_generation;
    accounts_unref(cluster->accounts);
    cluster->accounts = accounts;
    log_info("accounts: %zu %s", accounts->count, first ? "read" : "after a change");
    accounts_hand_out(cluster);
}

static void error_note(struct cluster *cluster, const char *error)
{
    if (strcmp(cluster->accounts_error_logged, error) == 0)
        return;
    snprintf(cluster->accounts_error_logged, sizeof(cluster->accounts_error_logged), "%s", error);
    if (error[0] != '\0')
        log_error(
            "accounts can't be read: %s; logins are judged by what was read before (the service "
            "account needs SELECT ON mysql.global_priv)",
            error);
}

static void reread_rest(struct cluster *cluster)
{
    uint64_t rest_ms = (clock_now_ms() - cluster->reread_ms) * REREAD_REST;
    if (rest_ms < REREAD_INTERVAL_MIN_MS)
        rest_ms = REREAD_INTERVAL_MIN_MS;
    cluster->reread_rest_ms = rest_ms < REREAD_INTERVAL_MAX_MS ? rest_ms : REREAD_INTERVAL_MAX_MS;
}

static void reread_later(struct cluster *cluster, uint64_t wait_ms)
{
    if (ev_is_active(&cluster->reread_due))
        return;
    ev_timer_set(&cluster->reread_due, (double)wait_ms / 1000., 0.);
    ev_timer_start(cluster->loop, &cluster->reread_due);
}

/* The log tells of a change a moment before the server shows it. */
static void change_look_again(struct cluster *cluster, bool found)
{
    if (cluster->reread_again || (!found && cluster->reread_tries > 0))
        reread_later(cluster, REREAD_INTERVAL_MIN_MS);
    if (!cluster->reread_again)
        cluster->reread_tries = found || cluster->reread_tries == 0 ? 0 : cluster->reread_tries - 1;
    cluster->reread_again = false;
}

void cluster_accounts_changed(struct cluster *cluster, uint64_t changes)
{
    if (changes > cluster->accounts_changes_next)
        cluster->accounts_changes_next = changes;
    cluster->reread_tries = CHANGE_TRIES;
    if (accounts_reader_busy(cluster->reader))
        cluster->reread_again = true;
    else
        cluster_reread_accounts(cluster);
}

static void on_read(struct accounts *accounts, const char *error, void *context)
{
    struct cluster *cluster = context;
    bool wanted = cluster->reread_wanted;

    cluster->reread_wanted = false;
    if (wanted)
        reread_rest(cluster);
    error_note(cluster, error != NULL ? error : "");
    change_look_again(cluster, accounts != NULL);
    found_to_hold(cluster,
                  error != NULL ? cluster->accounts_changes_next : cluster->accounts_changes);
    if (accounts != NULL)
        accounts_take(cluster, accounts);
    else if (wanted)
        cluster->answer_now = true;
}

static void on_reread_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    cluster_reread_accounts(timer->data);
}

void cluster_accounts_start(struct cluster *cluster)
{
    ev_timer_init(&cluster->reread_due, on_reread_due, 0., 0.);
    cluster->reread_due.data = cluster;
    cluster->reader = accounts_reader_new(cluster->loop, on_read, cluster);
}

const struct server *cluster_reading_server(const struct cluster *cluster)
{
    const struct server *any = NULL;

    for (unsigned i = 0; i < cluster->count; i++) {
        const struct server *server = cluster->servers[i];

        if (!server->reachable)
            continue;
        if (cluster->leader_slot == (int)server->slot)
            return server;
        if (any == NULL ||
            (any->verdict.role != ROLE_FOLLOWER && server->verdict.role == ROLE_FOLLOWER))
            any = server;
    }
    return any;
}

static void accounts_run(struct cluster *cluster, const struct server *server)
{
    struct service_login login;

    if (!accounts_reader_busy(cluster->reader))
        cluster->accounts_changes = cluster->accounts_changes_next;
    cluster_login_of(server, &login);
    accounts_reader_target(cluster->reader, &login);
    accounts_reader_run(cluster->reader);
}

void cluster_accounts_check(struct cluster *cluster, const struct server *server)
{
    /* before everybody has been asked who leads, a follower's accounts would be read for nothing */
    if (cluster_reading_server(cluster) == server &&
        (cluster->started || cluster->leader_slot >= 0))
        accounts_run(cluster, server);
}

void cluster_reread_accounts(struct cluster *cluster)
{
    const struct server *server = cluster_reading_server(cluster);
    uint64_t now_ms = clock_now_ms();

    if (accounts_reader_busy(cluster->reader)) {
        cluster->reread_wanted = true;
        return;
    }
    if (server == NULL) {
        answer_with_what_there_is(cluster);
        return;
    }
    uint64_t since_ms = now_ms - cluster->reread_ms;
    if (cluster->reread_ms && since_ms < cluster->reread_rest_ms) {
        /* Too soon: whoever asks waits, for an account made a moment ago is there to be found. */
        reread_later(cluster, cluster->reread_rest_ms - since_ms);
        return;
    }
    cluster->reread_ms = now_ms;
    cluster->reread_wanted = true;
    accounts_run(cluster, server);
}

void cluster_accounts_flush(struct cluster *cluster)
{
    if (!cluster->answer_now)
        return;
    cluster->answer_now = false;
    accounts_hand_out(cluster);
}

void cluster_accounts_stop(struct cluster *cluster)
{
    ev_timer_stop(cluster->loop, &cluster->reread_due);
    accounts_reader_free(cluster->reader);
    accounts_unref(cluster->accounts);
}
