/* Who shall lead next: a pure function of what the followers hold.
 *
 * Out of it: who does not answer or follow, has no binary log, is promotable = no, or has written
 * what the leader's history does not hold (errant transactions). Of the rest the one that received
 * most, in every domain; among equals promotable = prefer, then the order of proxy.ini. */
#ifndef CAUSEWAY_ROUTER_CLUSTER_ELECT_H
#define CAUSEWAY_ROUTER_CLUSTER_ELECT_H

#include "binlog/gtid.h"
#include "router/cluster/roles.h"

enum { HISTORY_MAX = 4096 }; /* text of a @@gtid_binlog_state that is looked at */

/* `promotable` of proxy.ini, in the order of its words. */
enum promotable { PROMOTABLE_NO, PROMOTABLE_YES, PROMOTABLE_PREFER };

struct candidate {
    const char *name;
    uint32_t server_id;
    enum promotable promotable;
    bool stands;                 /* it answers and follows; else why_not says what is wrong */
    bool log_bin;                /* log_bin and log_slave_updates are on */
    struct gtid_vector received; /* all it has, applied or not */
    const char *history;         /* its @@gtid_binlog_state */
    bool errant;                 /* out: it has transactions of its own */
    char why_not[WHY_MAX];       /* out: why it can't lead; "" for one that could */
};

/* The index of the winner, -1: nobody can; why_not of each is filled in. `leader_history` is the
 * old leader's last known @@gtid_binlog_state, or NULL; then what no other candidate holds is
 * errant. */
int elect(struct candidate *candidates, unsigned count, uint32_t leader_id,
          const char *leader_history);

/* The last sequence that this server wrote in that domain, 0: none. A text of @@gtid_binlog_state.
 */
uint64_t history_last(const char *history, uint32_t domain, uint32_t server);
/* The first transaction of `history` that `reference` lacks, where `except` (a server id, 0: none)
 * wrote it it does not count. Both are texts of @@gtid_binlog_state. */
bool history_extra(const char *history, const char *reference, uint32_t except, struct gtid *extra);

#endif
