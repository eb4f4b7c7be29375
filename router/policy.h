/* The words of routing policy that proxy.ini, rules and hints share. */
#ifndef CAUSEWAY_ROUTER_POLICY_H
#define CAUSEWAY_ROUTER_POLICY_H

#include <stdbool.h>
#include <stdint.h>

enum consistency { CONSISTENCY_EVENTUAL, CONSISTENCY_SESSION, CONSISTENCY_KEY, CONSISTENCY_STRONG };
/* Which key a connection has before it names one itself; counts with consistency = key. */
enum key_source { KEY_NONE, KEY_USER, KEY_ATTRIBUTE };
/* An acknowledged write that the leader's log does not have: an error on the next read, or only a
 * line in Causeway's log. */
enum lost_write { LOST_WRITE_ERROR, LOST_WRITE_WARN };
enum on_lag { ON_LAG_WAIT, ON_LAG_LEADER };
enum balance { BALANCE_LEAST_BUSY, BALANCE_LATENCY, BALANCE_RANDOM };
enum reads_on_leader { READS_ON_LEADER_FALLBACK, READS_ON_LEADER_SHARE };
enum reads_without_followers { READS_WITHOUT_FOLLOWERS_LEADER, READS_WITHOUT_FOLLOWERS_REFUSE };
/* How long a session keeps a server connection: until it ends, or until another one needs it and
 * the session can do without (proxy/session_keep.h). */
enum pooling { POOLING_SESSION, POOLING_TRANSACTION };

struct policy {
    enum consistency consistency;
    enum key_source key;
    enum lost_write lost_write;
    uint32_t max_keys; /* remembered at once, by the whole process */
    enum on_lag on_lag;
    enum balance balance;
    enum reads_on_leader reads_on_leader;
    enum reads_without_followers reads_without_followers;
    enum pooling pooling;
    uint32_t causal_timeout_ms;
    uint32_t max_lag_ms;
    uint32_t leader_wait_ms;
    uint32_t pool_wait_ms;
    uint32_t max_server_connections; /* per server, over all workers */
};

#endif
