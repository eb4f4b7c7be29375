/* The catalogue of the cluster: when it is read, and who is told. Now and then by itself; at once
 * when the leader's log, or a client's statement that passed, may have changed it. With it come the
 * values that the leader's sessions begin with, which a SET GLOBAL has changed. While views and
 * tables are in doubt all reads are the leader's, so they come first: changes of routines, which
 * put nothing else in doubt, wait a moment, and for each other. */
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "router/cluster/state.h"

#include <stdio.h>

/* Reads may take a fifth of the time: it is long on a server with very many tables. */
enum { PERIOD_MS = 30000, REST_MIN_MS = 5, REST_FACTOR = 5 };
/* … those for routines alone much less. */
enum { ROUTINES_REST_MIN_MS = 200, ROUTINES_REST_FACTOR = 20 };

static void hand_out(struct cluster *cluster)
{
    cluster->events.catalogue(catalogue_ref(cluster->catalogue), cluster->events.context);
}

static void take(struct cluster *cluster, struct catalogue *catalogue)
{
    const struct catalogue *old = cluster->catalogue;
    bool same = old != NULL && old->tables.count == catalogue->tables.count &&
                catalogue_digest(old) == catalogue_digest(catalogue);

    catalogue->changes = cluster->catalogue_changes;
    catalogue->routine_changes = cluster->routine_changes;
    catalogue->generation = same ? old->generation : (old != NULL ? old->generation : 0) + 1;
    if (!same && (catalogue->tables.count > 0 || old != NULL))
        log_line(
            old == NULL ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
            "catalogue: %zu tables and views whose reads are the leader's, or whose triggers set "
            "variables",
            catalogue->tables.count);
    same = same && old->changes == catalogue->changes &&
           old->routine_changes == catalogue->routine_changes;
    catalogue_unref(cluster->catalogue);
    cluster->catalogue = catalogue;
    if (!same)
        hand_out(cluster);
}

/* What could not be read is no reason to keep all reads on the leader for ever. */
static void give_up(struct cluster *cluster)
{
    take(cluster,
         cluster->catalogue != NULL ? catalogue_copy(cluster->catalogue) : catalogue_new());
}

static void note_sight(struct cluster *cluster, bool blind, const char *error)
{
    const char *text = error != NULL ? error
                       : blind
                           ? "the service account needs SELECT, SHOW VIEW ON *.* to see them all"
                           : "";

    if (strcmp(cluster->catalogue_error_logged, text) != 0 && text[0] != '\0')
        log_warn("which views call functions, and which tables are MEMORY tables, is not known: %s",
                 text);
    snprintf(cluster->catalogue_error_logged, sizeof(cluster->catalogue_error_logged), "%s", text);
}

static void note_routines(struct cluster *cluster, const char *hidden)
{
    if (strcmp(cluster->routines_hidden_logged, hidden) != 0 && hidden[0] != '\0')
        log_warn(
            "what stored routines leave on their connections is not known, so who runs one keeps "
            "its own (the service account needs SELECT ON mysql.proc): %s",
            hidden);
    snprintf(cluster->routines_hidden_logged, sizeof(cluster->routines_hidden_logged), "%s",
             hidden);
}

/* Routines of another server, or ones whose changes are not told, may be others by now. */
static void doubt_routines(const struct cluster *cluster, struct catalogue *catalogue)
{
    catalogue->routines.known =
        catalogue->routines.known && cluster->catalogue_of_leader && cluster->log_followed;
}

static void note_rest(struct cluster *cluster)
{
    bool routines = cluster->catalogue_for_routines;
    uint64_t began_ms = routines ? cluster->routines_began_ms : cluster->catalogue_began_ms;
    uint64_t min_ms = routines ? ROUTINES_REST_MIN_MS : REST_MIN_MS;
    uint64_t factor = routines ? ROUTINES_REST_FACTOR : REST_FACTOR;
    uint64_t rest_ms = (clock_now_ms() - began_ms) * factor;

    rest_ms = rest_ms > min_ms ? rest_ms : min_ms;
    *(routines ? &cluster->routines_rest_ms : &cluster->catalogue_rest_ms) = rest_ms;
}

static void on_read(struct catalogue *catalogue, const struct catalogue_sight *sight,
                    const char *error, void *context)
{
    struct cluster *cluster = context;

    note_rest(cluster);
    note_sight(cluster, sight->blind, error);
    if (error == NULL)
        note_routines(cluster, sight->routines_hidden);
    /* before the catalogue, whose count of changes is for both */
    if (catalogue != NULL && cluster->catalogue_of_leader)
        cluster_take_defaults(cluster, sight->defaults);
    if (catalogue != NULL) {
        doubt_routines(cluster, catalogue);
        take(cluster, catalogue);
    } else {
        give_up(cluster);
    }
    if (cluster->catalogue_again)
        cluster_catalogue_changed(cluster, cluster->catalogue_changes_next);
    else if (cluster->routine_changes_next > cluster->routine_changes)
        cluster_routines_changed(cluster, cluster->routine_changes_next);
}

static void run(struct cluster *cluster, const struct server *server, bool for_routines)
{
    struct service_login login;
    uint64_t now_ms = clock_now_ms();

    cluster->catalogue_again = false;
    cluster->catalogue_of_leader = cluster->leader_slot == (int)server->slot;
    cluster->catalogue_changes = cluster->catalogue_changes_next;
    cluster->routine_changes = cluster->routine_changes_next;
    cluster->catalogue_for_routines = for_routines;
    *(for_routines ? &cluster->routines_began_ms : &cluster->catalogue_began_ms) = now_ms;
    cluster_login_of(server, &login);
    catalogue_reader_run(cluster->catalogue_reader, &login);
}

static void on_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct cluster *cluster = timer->data;

    (void)loop;
    (void)events;
    cluster_catalogue_changed(cluster, cluster->catalogue_changes_next);
}

/* No server answers. */
static void give_up_unread(struct cluster *cluster)
{
    cluster->catalogue_changes = cluster->catalogue_changes_next;
    cluster->routine_changes = cluster->routine_changes_next;
    give_up(cluster);
}

void cluster_catalogue_changed(struct cluster *cluster, uint64_t changes)
{
    const struct server *server = cluster_reading_server(cluster);
    uint64_t since_ms = clock_now_ms() - cluster->catalogue_began_ms;

    if (changes > cluster->catalogue_changes_next)
        cluster->catalogue_changes_next = changes;
    if (catalogue_reader_busy(cluster->catalogue_reader)) {
        cluster->catalogue_again = true;
    } else if (server == NULL) {
        give_up_unread(cluster);
    } else if (cluster->catalogue != NULL && since_ms < cluster->catalogue_rest_ms) {
        if (ev_is_active(&cluster->catalogue_due))
            return;
        ev_timer_set(&cluster->catalogue_due,
                     (double)(cluster->catalogue_rest_ms - since_ms) / 1000., 0.);
        ev_timer_start(cluster->loop, &cluster->catalogue_due);
    } else {
        run(cluster, server, false);
    }
}

static void on_routines_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct cluster *cluster = timer->data;
    const struct server *server = cluster_reading_server(cluster);

    (void)loop;
    (void)events;
    if (catalogue_reader_busy(cluster->catalogue_reader) ||
        cluster->routine_changes >= cluster->routine_changes_next)
        return; /* the end of the run under way looks again */
    if (server == NULL)
        give_up_unread(cluster);
    else
        run(cluster, server, true);
}

void cluster_routines_changed(struct cluster *cluster, uint64_t changes)
{
    if (changes > cluster->routine_changes_next)
        cluster->routine_changes_next = changes;
    if (catalogue_reader_busy(cluster->catalogue_reader) || ev_is_active(&cluster->routines_due))
        return;
    ev_timer_set(&cluster->routines_due, (double)cluster->routines_rest_ms / 1000., 0.);
    ev_timer_start(cluster->loop, &cluster->routines_due);
}

void cluster_catalogue_check(struct cluster *cluster, const struct server *server)
{
    uint64_t since_ms = clock_now_ms() - cluster->catalogue_began_ms;
    uint64_t period_ms =
        cluster->catalogue_rest_ms > PERIOD_MS ? cluster->catalogue_rest_ms : PERIOD_MS;
    bool due = cluster->catalogue == NULL || since_ms >= period_ms;

    if (due && cluster_reading_server(cluster) == server &&
        (cluster->started || cluster->leader_slot >= 0) &&
        !catalogue_reader_busy(cluster->catalogue_reader))
        run(cluster, server, false);
}

void cluster_catalogue_start(struct cluster *cluster)
{
    ev_timer_init(&cluster->catalogue_due, on_due, 0., 0.);
    cluster->catalogue_due.data = cluster;
    ev_timer_init(&cluster->routines_due, on_routines_due, 0., 0.);
    cluster->routines_due.data = cluster;
    cluster->routines_rest_ms = ROUTINES_REST_MIN_MS;
    cluster->routine_changes_next = 1;
    cluster->catalogue_changes_next = 1; /* before the first is read, nothing is known */
    cluster->catalogue_reader = catalogue_reader_new(cluster->loop, on_read, cluster);
}

void cluster_catalogue_stop(struct cluster *cluster)
{
    ev_timer_stop(cluster->loop, &cluster->catalogue_due);
    ev_timer_stop(cluster->loop, &cluster->routines_due);
    catalogue_reader_free(cluster->catalogue_reader);
    catalogue_unref(cluster->catalogue);
}
