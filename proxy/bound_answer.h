/* Reading the leader's answers to bound.c's questions. */
#ifndef CAUSEWAY_PROXY_BOUND_ANSWER_H
#define CAUSEWAY_PROXY_BOUND_ANSWER_H

#include "proxy/bound.h"

/* What can't be used of an answer. */
struct bound_trouble {
    unsigned code;  /* of the server's error, or 0 */
    char text[200]; /* in words */
};

/* All of these: 1 when the whole answer is in `bytes`, 0 when more must come, -EPROTO with
 * `trouble` when it is an error or makes no sense. */

/* SELECT @@global.gtid_binlog_pos, @@global.gtid_binlog_state; the state points into `bytes`. */
int bound_answer_position(struct span bytes, struct bound_answer *answer,
                          struct bound_trouble *trouble);
/* SHOW MASTER STATUS: the end of the log; and SHOW STATUS LIKE 'binlog_snapshot_%': what is shown.
 * The first only with `end` not NULL. */
int bound_answer_shown(struct span bytes, struct binlog_place *end, struct binlog_place *shown,
                       struct bound_trouble *trouble);

/* Is the first at, or behind, the second? Files are numbered in turn. */
bool binlog_place_reached(const struct binlog_place *place, const struct binlog_place *goal);

#endif
