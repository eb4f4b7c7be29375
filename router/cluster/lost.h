/* What an old leader has in its log and nobody else got: saved as SQL for a person to look through
 * or replay, then undone there, so that the server can follow the new leader. */
#ifndef CAUSEWAY_ROUTER_CLUSTER_LOST_H
#define CAUSEWAY_ROUTER_CLUSTER_LOST_H

#include "router/cluster/operation_steps.h"

/* Where the history of `mine` (a @@gtid_binlog_state) leaves that of `leaders`: the last position
 * that both hold, and the state without what is beyond it. -EINVAL for a text that is none; -E2BIG.
 * A pure function. */
int history_fork(const char *mine, const char *leaders, struct gtid_vector *common,
                 char state[HISTORY_MAX]);

/* Saves all behind the fork to state_dir/lost, undoes it on that server and sets its log and
 * position back. False: why says how far it came. */
bool lost_settle(struct operation *operation, unsigned server, const char *mine,
                 const char *leaders);

#endif
