/* When was the oldest transaction committed that a follower is missing? Where it is from before the
 * leader's log was followed, the log is opened at the follower's position for just as long as it
 * takes to see the first transaction of each domain. */
#ifndef CAUSEWAY_BINLOG_STREAM_LOG_PEEK_H
#define CAUSEWAY_BINLOG_STREAM_LOG_PEEK_H

#include "binlog/gtid.h"
#include "binlog/stream/service_conn.h"

struct log_peek;

struct log_peek_settings {
    const struct service_login *login; /* copied */
    const struct gtid_vector *position;
    unsigned domains; /* it is over when so many have been seen, or soon in any case */
    /* The first transaction of a domain behind the position; `us` is its commit, to the second, in
     * terms of clock_now_us(). */
    void (*found)(const struct gtid *gtid, uint64_t us, void *context);
    void (*ended)(void *context); /* once; log_peek_free is allowed within */
    void *context;
};

struct log_peek *log_peek_start(struct ev_loop *loop, const struct log_peek_settings *settings);
/* NULL is allowed. */
void log_peek_free(struct log_peek *peek);

#endif
