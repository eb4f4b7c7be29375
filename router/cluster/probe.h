/* The probe of one server: every interval, over a connection that is kept, its role, its positions
 * and its replication channels are asked. A server that doesn't answer in time, refuses, or ends
 * the connection is reported at once and asked again at the next interval.
 *
 *     WAITING --interval, probe_now--> (OPENING -->) VARIABLES --> FILTERS --> CHANNELS --> WAITING
 *        ^                                 |              |            |           |
 *        +------------------- failure: the connection is dropped ------+-----------+ */
#ifndef CAUSEWAY_ROUTER_CLUSTER_PROBE_H
#define CAUSEWAY_ROUTER_CLUSTER_PROBE_H

#include "binlog/stream/service_conn.h"
#include "router/cluster/defaults.h"
#include "router/cluster/elect.h"
#include "router/cluster/roles.h"

struct probe_result {
    bool answered;
    char why[WHY_MAX]; /* when it was not */
    uint32_t latency_us;
    bool read_only;
    bool log_bin;
    bool skip_name_resolve;
    uint32_t server_id;
    uint32_t domain;
    char version[SERVER_VERSION_MAX];
    char hostname[128];
    char tracked_variables[1024];
    char defaults[DEFAULTS_MAX]; /* defaults_expression */
    bool committed_isolation;    /* tx_isolation is READ COMMITTED or below */
    bool skips_errors;
    bool parallel;             /* slave_parallel_threads > 0 */
    char history[HISTORY_MAX]; /* @@gtid_binlog_state */
    char log_filter[WHY_MAX];  /* Binlog_Do_DB or Binlog_Ignore_DB; "" for none, or not known */
    struct gtid_vector binlog_pos;
    struct gtid_vector slave_pos; /* this one and the one above may be cut … */
    bool slave_pos_whole;         /* … this one is not */
    bool channels_known;          /* false: SLAVE MONITOR is missing */
    unsigned channel_count;
    struct replication_channel channels[CHANNELS_MAX];
};

struct probe;

struct probe_settings {
    const struct service_login *login; /* copied; its timeout_ms is ignored */
    uint32_t interval_ms;
    /* Just before the positions are asked. */
    void (*asking)(void *context);
    /* The end of one probe. May call probe_free. */
    void (*done)(const struct probe_result *result, void *context);
    void *context;
};

/* The first probe starts at once. */
struct probe *probe_start(struct ev_loop *loop, const struct probe_settings *settings);
/* Probes now; when one is under way, once more after it. */
void probe_now(struct probe *probe);
void probe_set_interval(struct probe *probe, uint32_t interval_ms);
/* NULL is allowed. */
void probe_free(struct probe *probe);

/* How long a server may take to connect or to answer. */
uint32_t probe_timeout_ms(uint32_t interval_ms);

#endif
