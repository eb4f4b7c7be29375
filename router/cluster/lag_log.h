/* How far behind the leader a follower's readers are, from the leader's log: for each domain the
 * transactions with the time at which they came, those of one millisecond together.
 *
 *     base | first..last, times, count | first..last, times, count | .. | newest
 *              ^ confirmed: the oldest transaction that is missing stands right behind it
 *
 * Memory is bounded: when a domain's room is used up, neighbours among its older half are joined.
 * Within an entry time is taken to have passed evenly. Pure: times are handed in. */
#ifndef CAUSEWAY_ROUTER_CLUSTER_LAG_LOG_H
#define CAUSEWAY_ROUTER_CLUSTER_LAG_LOG_H

#include "binlog/gtid.h"

enum { LAG_LOG_ENTRIES = 8192 }; /* a domain */

struct lag_entry {
    uint64_t seq_first;
    uint64_t seq_last;
    uint64_t us_first;
    uint64_t us_last;
    uint64_t count;
    uint64_t count_to; /* transactions of the domain up to its last one; only differences count */
};

struct lag_domain {
    uint32_t domain;
    uint64_t base_seq; /* nothing is known of this one and those before it .. */
    uint64_t base_us;  /* .. but that they were there at that time */
    unsigned count;
    struct lag_entry entries[LAG_LOG_ENTRIES];
};

/* Zeroed: nothing is known. Domains are allocated as they come. */
struct lag_log {
    unsigned count;
    struct lag_domain *domains[GTID_DOMAINS_MAX];
};

struct lag_found {
    uint64_t lag_us;       /* age of the oldest transaction that is missing, 0: none is */
    uint64_t transactions; /* that are missing */
    /* The oldest one is from before the log was followed: it is older than lag_us. The first such
     * domain, and the sequence that was confirmed of it. */
    bool older;
    uint32_t older_domain;
    uint64_t older_seq;
};

/* Another leader: its log is another history. */
void lag_log_clear(struct lag_log *log);
/* The stream begins behind `position`. What lies between it and the newest transaction before was
 * missed; a domain that went back, or is gone, begins again. */
void lag_log_base(struct lag_log *log, const struct gtid_vector *position, uint64_t now_us);
/* A transaction; one that is not newer than its domain's newest is ignored. */
void lag_log_add(struct lag_log *log, const struct gtid *gtid, uint64_t us);
/* It was found out when `seq`, from before the base, was committed: the time in between is taken to
 * have passed evenly. Ignored where it tells nothing new. */
void lag_log_seed(struct lag_log *log, uint32_t domain, uint64_t seq, uint64_t us);
/* What a follower that shows `confirmed` is missing. */
void lag_log_find(const struct lag_log *log, const struct gtid_vector *confirmed, uint64_t now_us,
                  struct lag_found *found);
static inline bool lag_log_known(const struct lag_log *log)
{
    return log->count > 0;
}

#endif
