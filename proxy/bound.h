/* What the leader is asked for moves, by each worker for all of its sessions together. One question
 * is under way at a time; it serves only those whose last read had ended before it was sent. Who
 * comes later is in the next, so the number of questions does not grow with the number of clients.
 *
 *     bound_ask -> next --question is sent--> current --answer--> every waiter is told
 *                                                ^  |
 *                                                +--+  BOUND_SHOWN: not yet, asked again
 *
 * Two questions: how far the log goes (for a move to a follower), and whether the leader shows all
 * that its log holds (for a move to the leader). A transaction is in the log, and can be on its way
 * to followers, before the leader's own readers see it; Binlog_snapshot_position is where the last
 * transaction ends that they see (MariaDB: MYSQL_BIN_LOG::set_status_variables in sql/log.cc, both
 * under LOCK_commit_ordered). */
#ifndef CAUSEWAY_PROXY_BOUND_H
#define CAUSEWAY_PROXY_BOUND_H

#include "binlog/gtid.h"
#include "proxy/base/buf.h"
#include "proxy/base/list.h"

#include <ev.h>
#include <stdbool.h>

struct worker;
struct backend;
struct identity;

enum bound_kind { BOUND_POSITION, BOUND_SHOWN };

enum { BINLOG_NAME_MAX = 512 };

/* A place in the leader's binary log. */
struct binlog_place {
    char file[BINLOG_NAME_MAX];
    uint64_t offset;
};

struct bound_answer {
    struct gtid_vector position; /* BOUND_POSITION: @@gtid_binlog_pos */
    struct span state;           /* and @@gtid_binlog_state, as text; gone after the call-back */
};

/* A place in the queue; embedded in who waits. */
struct bound_waiter {
    struct list node;
    /* `answer` is NULL when no leader answered. */
    void (*answered)(struct bound_waiter *waiter, const struct bound_answer *answer);
};

struct bound {
    struct worker *worker;
    enum bound_kind kind;
    struct backend *backend; /* to the leader, as the service account; NULL while there is none */
    struct identity *identity;
    struct list current;
    struct list next;
    struct ev_timer timer; /* the answer must come, or it is time to ask again */
    bool under_way;
    bool behind;             /* BOUND_SHOWN: `end` is not shown yet */
    bool refused;            /* no connection could be made: the timer tells those who wait */
    uint32_t pause_us;       /* before it is asked again */
    struct binlog_place end; /* of the log, when it was asked for `current` */
    struct buf state;        /* BOUND_POSITION: of the last answer */
};

void bound_init(struct bound *bound, struct worker *worker, enum bound_kind kind);
void bound_ask(struct bound *bound, struct bound_waiter *waiter);
void bound_forget(struct bound_waiter *waiter);
/* The leader or the service account may have changed. */
void bound_review(struct bound *bound);
void bound_close(struct bound *bound);

#endif
