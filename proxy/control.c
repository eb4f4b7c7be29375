/* The control thread: see control.h.
 *
 *     cluster --topology, accounts--> control --mail, a reference each--> workers
 *     cluster --positions board rose--> control --wake-up--> workers with sessions that wait
 *     workers --reread accounts, suspect a server--> control --> cluster */
#include "proxy/control.h"

#include "proxy/admin.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/control_tables.h"
#include "proxy/net/tls.h"
#include "proxy/passwords.h"
#include "proxy/worker.h"
#include "router/cluster/cluster.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- what the workers get --- */

static void on_topology(struct topology *topology, void *context)
{
    struct control *control = context;
    for (unsigned i = 0; i < control->worker_count; i++)
        worker_send_topology(control->workers[i], topology_ref(topology));
    topology_unref(control->topology);
    control->topology = topology;
}

static void on_accounts(struct accounts *accounts, void *context)
{
    struct control *control = context;
    for (unsigned i = 0; i < control->worker_count; i++)
        worker_send_accounts(control->workers[i], accounts_ref(accounts));
    accounts_unref(control->accounts);
    control->accounts = accounts;
    passwords_sweep(control->shared.passwords, accounts);
}

static void on_catalogue(struct catalogue *catalogue, void *context)
{
    struct control *control = context;
    for (unsigned i = 0; i < control->worker_count; i++)
        worker_send_catalogue(control->workers[i], catalogue_ref(catalogue));
    catalogue_unref(control->catalogue);
    control->catalogue = catalogue;
}

static uint64_t on_routines(void *context)
{
    struct control *control = context;
    return atomic_fetch_add(&control->shared.routine_changes, 1) + 1;
}

static void on_confirmed(void *context)
{
    struct control *control = context;
    for (unsigned i = 0; i < control->worker_count; i++)
        worker_send_confirmed(control->workers[i]);
}

/* --- what the workers ask for --- */

enum request_kind {
    REQUEST_ACCOUNTS,
    REQUEST_ACCOUNTS_CHANGED,
    REQUEST_SUSPECT,
    REQUEST_CATALOGUE,
    REQUEST_ROUTINES
};

struct request {
    struct mail mail;
    enum request_kind kind;
    uint64_t what; /* a slot, or a count of changes */
};

static void fulfil(struct cluster *cluster, const struct request *request)
{
    switch (request->kind) {
    case REQUEST_ACCOUNTS: cluster_reread_accounts(cluster); break;
    case REQUEST_ACCOUNTS_CHANGED: cluster_accounts_changed(cluster, request->what); break;
    case REQUEST_CATALOGUE: cluster_catalogue_changed(cluster, request->what); break;
    case REQUEST_ROUTINES: cluster_routines_changed(cluster, request->what); break;
    case REQUEST_SUSPECT: cluster_suspect(cluster, (unsigned)request->what); break;
    }
}

static void take_request(struct mail *mail, void *receiver)
{
    struct control *control = receiver;
    struct request *request = list_object(mail, struct request, mail);
    if (control->cluster)
        fulfil(control->cluster, request);
    free(request);
}

static void post_request(struct control *control, enum request_kind kind, uint64_t what)
{
    struct request *request = memory_zalloc(sizeof(*request));
    request->mail.deliver = take_request;
    request->kind = kind;
    request->what = what;
    mailbox_post(&control->mailbox, &request->mail);
}

static void ask_accounts(void *context)
{
    post_request(context, REQUEST_ACCOUNTS, 0);
}

static void tell_accounts_changed(void *context, uint64_t changes)
{
    post_request(context, REQUEST_ACCOUNTS_CHANGED, changes);
}

static void tell_suspect(void *context, unsigned slot)
{
    post_request(context, REQUEST_SUSPECT, slot);
}

static void tell_catalogue_changed(void *context, uint64_t changes)
{
    post_request(context, REQUEST_CATALOGUE, changes);
}

static void tell_routines_changed(void *context, uint64_t changes)
{
    post_request(context, REQUEST_ROUTINES, changes);
}

static bool visit_worker(void *context, unsigned index,
                         void (*visit)(struct worker *worker, void *content), void *content)
{
    struct control *control = context;
    if (index >= control->worker_count)
        return false;
    worker_send_visit(control->workers[index], visit, content);
    return true;
}

/* --- the cluster --- */

static struct cluster_server_settings *server_settings(const struct config *config)
{
    struct cluster_server_settings *servers =
        memory_zalloc(config->server_count * sizeof(*servers));
    for (size_t i = 0; i < config->server_count; i++)
        servers[i] = (struct cluster_server_settings){
            .name = config->servers[i].name,
            .address = config->servers[i].address,
            .weight = config->servers[i].weight,
            .promotable = (enum promotable)config->servers[i].promotable};
    return servers;
}

static struct service_tls service_tls(const struct config *config)
{
    return (struct service_tls){.wanted = config->server_tls != SERVER_TLS_OFF,
                                .verify = config->server_tls == SERVER_TLS_VERIFY,
                                .ca = config->server_paths[TLS_FILE_CA],
                                .cert = config->server_paths[TLS_FILE_CERT],
                                .key = config->server_paths[TLS_FILE_KEY]};
}

/* Without an account of its own, followers log in to their leader as the service account. */
static struct failover_settings failover_settings(const struct config *config)
{
    bool own = config->replication_user != NULL;
    return (struct failover_settings){
        .mode = config->failover,
        .after_ms = config->failover_after_ms,
        .fence_required = config->fence != 0,
        .fence_command = config->fence_command,
        .quorum = config->quorum != 0,
        .switchover_timeout_ms = config->switchover_timeout_ms,
        .auto_increment_gap = config->auto_increment_gap,
        .state_dir = config->state_path,
        .config_path = config->path,
        .replication_user = own ? config->replication_user : config->cluster_user,
        .replication_password = own ? config->replication_password : config->cluster_password};
}

static struct cluster_settings cluster_settings(const struct config *config,
                                                const struct cluster_server_settings *servers)
{
    return (struct cluster_settings){.user = config->cluster_user,
                                     .password = config->cluster_password,
                                     .probe_interval_ms = config->probe_interval_ms,
                                     .max_lag_ms = config->policy.max_lag_ms,
                                     .log_server_id = config->log_server_id,
                                     .tls = service_tls(config),
                                     .proxy_header = config->send_proxy_protocol,
                                     .failover = failover_settings(config),
                                     .count = config->server_count,
                                     .servers = servers};
}

static void start_cluster(struct control *control)
{
    struct cluster_server_settings *servers = server_settings(control->config);
    struct cluster_settings settings = cluster_settings(control->config, servers);
    struct cluster_events events = {.topology = on_topology,
                                    .accounts = on_accounts,
                                    .catalogue = on_catalogue,
                                    .routines = on_routines,
                                    .count_leader_users = control_count_leader_users,
                                    .confirmed = on_confirmed,
                                    .context = control};
    control->cluster = cluster_start(control->loop, control->shared.positions, &settings, &events);
    free(servers);
}

/* --- reload --- */

static void say(struct buf *report, const char *line)
{
    if (report)
        buf_printf(report, "%s\n", line);
}

static void adopt_config(struct control *control, struct config *config, struct buf *report)
{
    char keys[256];
    config_restart_keys(control->config, config, keys, sizeof(keys));
    if (keys[0]) {
        log_warn("proxy.ini: %s take effect at the next start only", keys);
        if (report)
            buf_printf(report, "%s take effect at the next start only\n", keys);
    }
    struct cluster_server_settings *servers = server_settings(config);
    struct cluster_settings settings = cluster_settings(config, servers);
    for (unsigned i = 0; i < control->worker_count; i++)
        worker_send_config(control->workers[i], config_ref(config));
    config_unref(control->config);
    control->config = config;
    log_set_level((enum log_level)config->log_level);
    cluster_reconfigure(control->cluster, &settings);
    admin_reconfigure(control->admin, config);
    free(servers);
}

int control_reload(void *context, struct buf *report)
{
    struct control *control = context;
    struct config_errors errors = {0};
    struct config *config = config_load(control->config->path, &errors);
    for (size_t i = 0; i < errors.count; i++) {
        log_error("%s", errors.lines[i]);
        say(report, errors.lines[i]);
    }
    config_errors_free(&errors);
    if (!config) {
        log_error("%s was not taken over; the old configuration goes on", control->config->path);
        return -EINVAL;
    }
    adopt_config(control, config, report);
    log_info("%s was read again and is in force", config->path);
    return 0;
}

static void on_hangup(struct ev_loop *loop, struct ev_signal *watcher, int events)
{
    (void)loop;
    (void)events;
    control_reload(watcher->data, NULL);
}

static void on_terminate(struct ev_loop *loop, struct ev_signal *watcher, int events)
{
    (void)events;
    ((struct control *)watcher->data)->stopping = true;
    log_info("signal %d: no new clients; open transactions have %u ms to finish", watcher->signum,
             ((struct control *)watcher->data)->config->drain_ms);
    ev_break(loop, EVBREAK_ALL);
}

/* --- start and end --- */

/* An address that another process listens on would be shared with SO_REUSEPORT: look first. */
static int check_free(const char *address)
{
    int fd = listener_bind(address, 0666, false);
    if (fd < 0) {
        log_error("can't listen on %s: %s", address, strerror(-fd));
        return fd;
    }
    close(fd);
    return 0;
}

static int bind_all(const struct config *config, int fds[], bool first, unsigned *count)
{
    *count = 0;
    for (size_t i = 0; i < config->listen_count; i++) {
        const char *address = config->listen[i].text;
        bool local = strncmp(address, "unix:", 5) == 0;
        if (local && !first)
            continue;
        int fd = listener_bind(address, 0666, !local);
        if (fd < 0) {
            log_error("can't listen on %s: %s", address, strerror(-fd));
            return fd;
        }
        fds[(*count)++] = fd;
    }
    return 0;
}

static int start_workers(struct control *control)
{
    struct worker_requests requests = {
        ask_accounts,          tell_accounts_changed, tell_suspect, tell_catalogue_changed,
        tell_routines_changed, visit_worker,          control};
    const struct config *config = control->config;
    for (size_t i = 0; i < config->listen_count; i++)
        if (check_free(config->listen[i].text) < 0)
            return -1;
    control->workers = memory_zalloc(config->threads * sizeof(struct worker *));
    for (unsigned i = 0; i < config->threads; i++) {
        int fds[LISTENERS_MAX];
        unsigned count;
        if (bind_all(config, fds, i == 0, &count) < 0)
            return -1;
        control->workers[i] =
            worker_start(i, &control->shared, &requests, config_ref(control->config),
                         topology_ref(control->topology), accounts_ref(control->accounts),
                         catalogue_ref(control->catalogue), fds, count);
        if (!control->workers[i])
            return -1;
        control->worker_count++;
    }
    return 0;
}

/* Waits for the first look at every server, so that the first client meets a known cluster. */
static void on_first_wait_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)timer;
    (void)events;
    ev_break(loop, EVBREAK_ONE);
}

static void on_first_check(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
    (void)events;
    struct control *control = prepare->data;
    if (control->topology->leader >= 0 && control->accounts->count > 0 &&
        control->catalogue->generation > 0)
        ev_break(loop, EVBREAK_ONE);
}

static void wait_for_cluster(struct control *control)
{
    struct ev_timer timer;
    struct ev_prepare check;
    ev_timer_init(&timer, on_first_wait_over, control->config->connect_timeout_ms / 1000., 0.);
    ev_prepare_init(&check, on_first_check);
    check.data = control;
    ev_timer_start(control->loop, &timer);
    ev_prepare_start(control->loop, &check);
    ev_run(control->loop, 0);
    ev_prepare_stop(control->loop, &check);
    ev_timer_stop(control->loop, &timer);
    if (control->topology->leader < 0)
        log_warn("no leader was found yet; clients wait for one up to leader_wait");
}

static void watch_signal(struct control *control, struct ev_signal *watcher, int number,
                         void (*handler)(struct ev_loop *, struct ev_signal *, int))
{
    ev_signal_init(watcher, handler, number);
    watcher->data = control;
    ev_signal_start(control->loop, watcher);
}

/* As many descriptors as the system lets us have: two server connections a client. */
static void raise_descriptor_limit(const struct config *config)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    rlim_t wanted = 3 * (rlim_t)config->max_clients + 256;
    if (limit.rlim_cur < wanted)
        log_warn("the limit of open files is %llu; max_clients = %u may need %llu",
                 (unsigned long long)limit.rlim_cur, config->max_clients,
                 (unsigned long long)wanted);
}

static void stop_all(struct control *control)
{
    for (unsigned i = 0; i < control->worker_count; i++)
        worker_send_drain(control->workers[i]);
    for (unsigned i = 0; i < control->worker_count; i++)
        worker_join(control->workers[i]);
    /* Their threads are over: mail that is still on its way visits nobody any more. */
    unsigned count = control->worker_count;
    control->worker_count = 0;
    for (unsigned i = 0; i < count; i++)
        worker_free(control->workers[i]);
    free(control->workers);
    admin_stop(control->admin);
    metrics_stop(control->metrics);
    cluster_stop(control->cluster);
    control->cluster = NULL;
    mailbox_close(&control->mailbox);
    topology_unref(control->topology);
    accounts_unref(control->accounts);
    catalogue_unref(control->catalogue);
    positions_free(control->shared.positions);
    keys_free(control->shared.keys);
    passwords_free(control->shared.passwords);
    places_free(control->shared.places);
    for (size_t i = 0; i < control->config->listen_count; i++)
        if (strncmp(control->config->listen[i].text, "unix:", 5) == 0)
            unlink(control->config->listen[i].text + 5);
    config_unref(control->config);
    ev_loop_destroy(control->loop);
}

static int start_metrics(struct control *control)
{
    struct metrics_source source = {control_metrics, control};
    if (!control->config->http)
        return 0;
    int error = metrics_start(&control->metrics, control->loop, control->config->http, &source);
    if (error)
        log_error("can't listen on HTTP address %s: %s", control->config->http, strerror(-error));
    return error;
}

static int serve(struct control *control)
{
    struct admin_source source = {.context = control,
                                  .servers = control_table_servers,
                                  .positions = control_table_positions,
                                  .keys = control_table_keys,
                                  .failover = control_table_failover,
                                  .operate = control_operate,
                                  .reload = control_reload,
                                  .drain = control_drain,
                                  .collect = control_collect};
    start_cluster(control);
    wait_for_cluster(control);
    if (control->stopping)
        return 0;
    if (start_workers(control))
        return 1;
    int error = admin_start(&control->admin, control->loop, control->config, &source);
    if (error) {
        log_error("can't listen on console address %s: %s", control->config->console,
                  strerror(-error));
        return 1;
    }
    if (start_metrics(control))
        return 1;
    for (size_t i = 0; i < control->config->listen_count; i++)
        log_info("listening on %s", control->config->listen[i].text);
    log_info("causeway %s is ready: %u workers", CAUSEWAY_VERSION, control->worker_count);
    ev_run(control->loop, 0);
    return 0;
}

int control_run(struct config *config)
{
    struct control control = {.config = config};
    struct ev_signal hangup;
    struct ev_signal terminate;
    struct ev_signal interrupt;
    log_set_level((enum log_level)config->log_level);
    raise_descriptor_limit(config);
    signal(SIGPIPE, SIG_IGN);
    control.loop = ev_loop_new(EVFLAG_AUTO);
    control.shared.positions = positions_new();
    control.shared.keys = keys_new();
    control.shared.passwords = passwords_new();
    control.shared.places = places_new();
    control.topology = topology_new(0);
    control.topology->leader = -1;
    control.accounts = accounts_new();
    accounts_finish(control.accounts);
    control.catalogue = catalogue_new();
    atomic_init(&control.shared.catalogue_changes, 1); /* nothing is known yet */
    atomic_init(&control.shared.routine_changes, 1);
    mailbox_init(&control.mailbox, control.loop, &control);
    control.shared.control = &control.mailbox;
    watch_signal(&control, &hangup, SIGHUP, on_hangup);
    watch_signal(&control, &terminate, SIGTERM, on_terminate);
    watch_signal(&control, &interrupt, SIGINT, on_terminate);
    int status = serve(&control);
    ev_signal_stop(control.loop, &hangup);
    ev_signal_stop(control.loop, &terminate);
    ev_signal_stop(control.loop, &interrupt);
    stop_all(&control);
    if (status == 0)
        log_info("causeway has stopped");
    return status;
}
