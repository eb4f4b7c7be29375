/* Probing one server; the states are drawn in the header. */
#include "router/cluster/probe.h"

#include "proxy/base/clock.h"
#include "proxy/base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    TIMEOUT_MIN_MS = 1000,
    GAP_MIN_MS = 50,                     /* between two probes, however many ask for one */
    ERROR_ACCESS_DENIED_SPECIFIC = 1227, /* ER_SPECIFIC_ACCESS_DENIED_ERROR */
};

enum probe_state { PROBE_WAITING, PROBE_OPENING, PROBE_VARIABLES, PROBE_FILTERS, PROBE_CHANNELS };

struct probe {
    struct ev_loop *loop;
    enum probe_state state;
    struct service_login login;
    uint32_t interval_ms;
    struct ev_timer timer;
    struct service_conn *conn;
    uint64_t began_ms;
    uint64_t asked_us;
    bool again;   /* probe_now came while one was under way */
    bool telling; /* in `done`: freeing waits until it has returned */
    bool freed;
    void (*asking)(void *context);
    void (*done)(const struct probe_result *result, void *context);
    void *context;
    struct probe_result result;
};

/* Settings that leave transactions of the leader's log out, or change them. (Replicate_Ignore_
 * Server_Ids is for rings: what it leaves out came from here.) */
static const char *const channel_filters[] = {
    "Replicate_Do_DB",         "Replicate_Ignore_DB",         "Replicate_Do_Table",
    "Replicate_Ignore_Table",  "Replicate_Wild_Do_Table",     "Replicate_Wild_Ignore_Table",
    "Replicate_Do_Domain_Ids", "Replicate_Ignore_Domain_Ids", "Replicate_Rewrite_DB",
};
static const char *const log_filters[] = {"Binlog_Do_DB", "Binlog_Ignore_DB"};

/* In the order of enum variable. */
static const char variables_begin[] =
    "SELECT @@global.read_only, @@global.server_id, @@version, @@global.gtid_binlog_pos,"
    " @@global.gtid_slave_pos, @@global.gtid_domain_id, @@global.log_bin,"
    " @@global.skip_name_resolve, @@global.session_track_system_variables, @@hostname,"
    " @@global.slave_skip_errors, @@global.slave_parallel_threads,"
    " @@global.tx_isolation IN ('READ-COMMITTED', 'READ-UNCOMMITTED'),"
    " @@global.gtid_binlog_state, ";

enum variable {
    VARIABLE_READ_ONLY,
    VARIABLE_SERVER_ID,
    VARIABLE_VERSION,
    VARIABLE_GTID_BINLOG_POS,
    VARIABLE_GTID_SLAVE_POS,
    VARIABLE_GTID_DOMAIN_ID,
    VARIABLE_LOG_BIN,
    VARIABLE_SKIP_NAME_RESOLVE,
    VARIABLE_TRACKED,
    VARIABLE_HOSTNAME,
    VARIABLE_SKIP_ERRORS,
    VARIABLE_PARALLEL_THREADS,
    VARIABLE_COMMITTED,
    VARIABLE_HISTORY,
    VARIABLE_DEFAULTS,
};

uint32_t probe_timeout_ms(uint32_t interval_ms)
{
    return interval_ms * 2 > TIMEOUT_MIN_MS ? interval_ms * 2 : TIMEOUT_MIN_MS;
}

/* --- the end of a probe --- */

static void timer_set(struct probe *probe, uint32_t after_ms)
{
    ev_timer_stop(probe->loop, &probe->timer);
    ev_now_update(probe->loop);
    ev_timer_set(&probe->timer, (double)after_ms / 1000.0, 0.);
    ev_timer_start(probe->loop, &probe->timer);
}

/* How long until the next probe may begin. */
static uint32_t gap_left_ms(const struct probe *probe)
{
    uint64_t passed_ms = clock_now_ms() - probe->began_ms;

    return passed_ms < GAP_MIN_MS ? (uint32_t)(GAP_MIN_MS - passed_ms) : 0;
}

static void probe_end(struct probe *probe)
{
    uint32_t after_ms =
        probe->again && probe->result.answered ? gap_left_ms(probe) : probe->interval_ms;

    probe->state = PROBE_WAITING;
    probe->again = false;
    timer_set(probe, after_ms);
    probe->telling = true;
    probe->done(&probe->result, probe->context);
    probe->telling = false;
    if (probe->freed)
        probe_free(probe);
}

static void probe_failed(struct probe *probe, const char *why)
{
    service_conn_close(probe->conn);
    probe->conn = NULL;
    probe->result.answered = false;
    snprintf(probe->result.why, sizeof(probe->result.why), "%s", why);
    probe_end(probe);
}

/* --- answers --- */

/* The server's text goes on with the statement that failed: that is the users' data, not for our
 * log. */
static void statement_cut(char *error)
{
    char *statement = strstr(error, ". Default database:");

    if (statement != NULL)
        *statement = '\0';
}

/* The first of those columns that is not empty, as "Column = value". */
static void filter_read(const struct service_reply *reply, const char *const *columns, size_t count,
                        char out[WHY_MAX])
{
    char value[WHY_MAX / 2];

    for (size_t i = 0; i < count && out[0] == '\0'; i++) {
        service_reply_text(reply, service_reply_column(reply, columns[i]), value, sizeof(value));
        if (value[0] != '\0')
            snprintf(out, WHY_MAX, "%s = %s", columns[i], value);
    }
}

/* The row of a follower's channel; names of the columns: MariaDB, SHOW ALL SLAVES STATUS. */
static void channel_read(const struct service_reply *reply, struct replication_channel *channel)
{
    char text[32];

    memset(channel, 0, sizeof(*channel));
    service_reply_text(reply, service_reply_column(reply, "Slave_IO_Running"), text, sizeof(text));
    channel->io_running = strcasecmp(text, "Yes") == 0;
    service_reply_text(reply, service_reply_column(reply, "Slave_SQL_Running"), text, sizeof(text));
    channel->sql_running = strcasecmp(text, "Yes") == 0;
    channel->master_server_id =
        (uint32_t)service_reply_number(reply, service_reply_column(reply, "Master_Server_Id"));
    channel->master_port =
        (unsigned)service_reply_number(reply, service_reply_column(reply, "Master_Port"));
    channel->io_errno =
        (unsigned)service_reply_number(reply, service_reply_column(reply, "Last_IO_Errno"));
    channel->sql_errno =
        (unsigned)service_reply_number(reply, service_reply_column(reply, "Last_SQL_Errno"));
    channel->heartbeats =
        service_reply_number(reply, service_reply_column(reply, "Slave_received_heartbeats"));
    channel->read_bytes =
        service_reply_number(reply, service_reply_column(reply, "Read_Master_Log_Pos"));
    service_reply_text(reply, service_reply_column(reply, "Slave_heartbeat_period"), text,
                       sizeof(text));
    channel->heartbeat_period_ms = (uint32_t)(strtod(text, NULL) * 1000.);
    service_reply_text(reply, service_reply_column(reply, "Master_Host"), channel->master_host,
                       sizeof(channel->master_host));
    service_reply_text(reply, service_reply_column(reply, "Last_IO_Error"), channel->io_error,
                       sizeof(channel->io_error));
    service_reply_text(reply, service_reply_column(reply, "Last_SQL_Error"), channel->sql_error,
                       sizeof(channel->sql_error));
    statement_cut(channel->sql_error);
    filter_read(reply, channel_filters, sizeof(channel_filters) / sizeof(channel_filters[0]),
                channel->filter);
}

static void on_channels(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct probe *probe = context;
    struct probe_result *result = &probe->result;

    (void)conn;
    if (reply->error != 0 && (reply->lost || reply->error != ERROR_ACCESS_DENIED_SPECIFIC)) {
        probe_failed(probe, reply->text);
        return;
    }
    result->channels_known = reply->error == 0;
    while (result->channel_count < CHANNELS_MAX && service_reply_next(reply))
        channel_read(reply, &result->channels[result->channel_count++]);
    result->answered = true;
    probe_end(probe);
}

/* Without the grant (BINLOG MONITOR) nothing is known of them. */
static void on_filters(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct probe *probe = context;

    if (reply->error != 0 && (reply->lost || reply->error != ERROR_ACCESS_DENIED_SPECIFIC)) {
        probe_failed(probe, reply->text);
        return;
    }
    if (reply->error == 0 && service_reply_next(reply))
        filter_read(reply, log_filters, sizeof(log_filters) / sizeof(log_filters[0]),
                    probe->result.log_filter);
    probe->state = PROBE_CHANNELS;
    service_conn_query(conn, "SHOW ALL SLAVES STATUS", probe_timeout_ms(probe->interval_ms),
                       on_channels);
}

static bool reply_on(const struct service_reply *reply, enum variable variable)
{
    char text[32];

    service_reply_text(reply, (int)variable, text, sizeof(text));
    return text[0] != '\0' && strcmp(text, "0") != 0 && strcasecmp(text, "OFF") != 0;
}

static bool variables_read(const struct service_reply *reply, struct probe_result *result)
{
    result->read_only = reply_on(reply, VARIABLE_READ_ONLY);
    result->log_bin = reply_on(reply, VARIABLE_LOG_BIN);
    result->skip_name_resolve = reply_on(reply, VARIABLE_SKIP_NAME_RESOLVE);
    result->server_id = (uint32_t)service_reply_number(reply, VARIABLE_SERVER_ID);
    result->domain = (uint32_t)service_reply_number(reply, VARIABLE_GTID_DOMAIN_ID);
    service_reply_text(reply, VARIABLE_VERSION, result->version, sizeof(result->version));
    result->skips_errors = reply_on(reply, VARIABLE_SKIP_ERRORS);
    result->committed_isolation = reply_on(reply, VARIABLE_COMMITTED);
    result->parallel = reply_on(reply, VARIABLE_PARALLEL_THREADS);
    service_reply_text(reply, VARIABLE_HOSTNAME, result->hostname, sizeof(result->hostname));
    service_reply_text(reply, VARIABLE_TRACKED, result->tracked_variables,
                       sizeof(result->tracked_variables));
    service_reply_text(reply, VARIABLE_DEFAULTS, result->defaults, sizeof(result->defaults));
    service_reply_text(reply, VARIABLE_HISTORY, result->history, sizeof(result->history));
    int binlog = gtid_vector_parse_part(service_reply_cell(reply, VARIABLE_GTID_BINLOG_POS),
                                        &result->binlog_pos);
    int slave = gtid_vector_parse_part(service_reply_cell(reply, VARIABLE_GTID_SLAVE_POS),
                                       &result->slave_pos);
    result->slave_pos_whole = slave == 0;
    return binlog >= 0 && slave >= 0;
}

static void on_variables(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct probe *probe = context;

    if (reply->error != 0) {
        probe_failed(probe, reply->text);
        return;
    }
    probe->result.latency_us = (uint32_t)(clock_now_us() - probe->asked_us);
    if (!service_reply_next(reply) || !variables_read(reply, &probe->result)) {
        probe_failed(probe, "its positions could not be understood");
        return;
    }
    probe->state = PROBE_FILTERS;
    service_conn_query(conn, "SHOW MASTER STATUS", probe_timeout_ms(probe->interval_ms),
                       on_filters);
}

/* --- asking --- */

static void variables_ask(struct probe *probe)
{
    char sql[2048];

    probe->state = PROBE_VARIABLES;
    if (probe->asking != NULL)
        probe->asking(probe->context);
    probe->asked_us = clock_now_us();
    snprintf(sql, sizeof(sql), "%s%s", variables_begin, defaults_expression);
    service_conn_query(probe->conn, sql, probe_timeout_ms(probe->interval_ms), on_variables);
}

static void on_opened(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct probe *probe = context;

    (void)conn;
    if (reply->error != 0)
        probe_failed(probe, reply->text);
    else
        variables_ask(probe);
}

/* Between two probes the server ended the connection: a crash is noticed here first. */
static void on_lost(struct service_conn *conn, void *context)
{
    struct probe *probe = context;

    service_conn_close(conn);
    probe->conn = NULL;
    probe_now(probe);
}

static void probe_begin(struct probe *probe)
{
    assert(probe->state == PROBE_WAITING);
    ev_timer_stop(probe->loop, &probe->timer);
    probe->began_ms = clock_now_ms();
    memset(&probe->result, 0, sizeof(probe->result));
    if (probe->conn != NULL) {
        variables_ask(probe);
        return;
    }
    probe->state = PROBE_OPENING;
    probe->login.timeout_ms = probe_timeout_ms(probe->interval_ms);
    probe->conn = service_conn_open(probe->loop, &probe->login, on_opened, on_lost, probe);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    probe_begin(timer->data);
}

void probe_now(struct probe *probe)
{
    uint32_t after_ms = gap_left_ms(probe);

    if (probe->state != PROBE_WAITING)
        probe->again = true;
    else if (ev_timer_remaining(probe->loop, &probe->timer) * 1000 > after_ms)
        timer_set(probe, after_ms);
}

void probe_set_interval(struct probe *probe, uint32_t interval_ms)
{
    probe->interval_ms = interval_ms;
}

struct probe *probe_start(struct ev_loop *loop, const struct probe_settings *settings)
{
    struct probe *probe = memory_zalloc(sizeof(*probe));

    probe->loop = loop;
    probe->interval_ms = settings->interval_ms;
    probe->asking = settings->asking;
    probe->done = settings->done;
    probe->context = settings->context;
    service_login_copy(&probe->login, settings->login);
    ev_init(&probe->timer, on_timer);
    probe->timer.data = probe;
    timer_set(probe, 0);
    return probe;
}

void probe_free(struct probe *probe)
{
    if (probe == NULL)
        return;
    ev_timer_stop(probe->loop, &probe->timer);
    if (probe->telling) {
        probe->freed = true;
        return;
    }
    service_conn_close(probe->conn);
    service_login_clear(&probe->login);
    free(probe);
}
