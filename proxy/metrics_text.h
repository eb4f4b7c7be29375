/* What /metrics and the status page say, written from plain numbers. Pure.
 * Source of the form: Prometheus, "Exposition formats", text format 0.0.4. */
#ifndef CAUSEWAY_PROXY_METRICS_TEXT_H
#define CAUSEWAY_PROXY_METRICS_TEXT_H

#include "binlog/positions.h"
#include "binlog/stream/leader_log.h"
#include "proxy/base/buf.h"
#include "proxy/counters.h"

enum { METRICS_STATES_MAX = 64, METRICS_TEXT_MAX = 256 };

enum metrics_page { METRICS_PROMETHEUS, METRICS_STATUS };

struct metrics_server {
    char name[METRICS_TEXT_MAX];
    char address[METRICS_TEXT_MAX];
    char version[METRICS_TEXT_MAX];
    char why[METRICS_TEXT_MAX];
    const char *role;  /* leader, follower, unknown */
    const char *state; /* in words, as the console has it */
    bool reachable;
    bool in_rotation;
    bool drained;
    uint32_t latency_us;
    uint32_t lag_ms;           /* UINT32_MAX: not known */
    uint64_t lag_transactions; /* UINT64_MAX: not known */
    uint32_t connections;
    uint32_t waiting; /* statements, for a connection */
    struct pool_counts pool;
    uint32_t incarnation;
    struct gtid_vector position;
};

struct metrics_view {
    uint64_t clients;
    uint64_t epoch;
    struct counters counters;
    const char *session_states[METRICS_STATES_MAX]; /* their names; NULL behind the last */
    uint64_t sessions[METRICS_STATES_MAX];
    bool log_known; /* the leader's log is, or is to be, followed */
    struct leader_log_view log;
    struct gtid_vector leader_position;
    unsigned server_count;
    struct metrics_server servers[POSITIONS_SERVERS_MAX];
};

void metrics_write(const struct metrics_view *view, enum metrics_page page, struct buf *out);
/* The MIME type of a page. */
const char *metrics_content_type(enum metrics_page page);

#endif
