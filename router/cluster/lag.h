/* How far behind the leader a follower's readers are, in time: the leader's position is noted with
 * the time at which it was seen first; a follower lags by the age of the oldest note it has not
 * confirmed. So a write counts as late from when a probe saw it, up to a probe's interval after its
 * commit. */
#ifndef CAUSEWAY_ROUTER_CLUSTER_LAG_H
#define CAUSEWAY_ROUTER_CLUSTER_LAG_H

#include "binlog/gtid.h"

enum { LAG_SAMPLES_MAX = 256 };

struct lag_sample {
    uint64_t seen_ms; /* clock_now_ms() */
    struct gtid_vector position;
};

/* Zeroed: nothing is known. */
struct lag_history {
    uint64_t answered_ms; /* the leader's last answer: time stands still while it is gone */
    unsigned count;
    struct lag_sample samples[LAG_SAMPLES_MAX]; /* oldest first */
};

/* Another leader: its log is another history. */
void lag_clear(struct lag_history *history);
/* The leader said so at that time. When the room is used up, the note that is missed
 * least is dropped. */
void lag_note(struct lag_history *history, const struct gtid_vector *position, uint64_t now_ms);
/* In milliseconds; 0: it has all that is known; UINT32_MAX: nothing is known. */
uint32_t lag_of(const struct lag_history *history, const struct gtid_vector *confirmed,
                uint64_t now_ms, bool leader_answers);
/* The newest position of the leader, NULL when there is none. */
const struct gtid_vector *lag_newest(const struct lag_history *history);

#endif
