/* The confirmed position of one follower: how far its readers can see, by long poll.
 *
 *     CLOSED --start--> OPENING --login--> READING (@@gtid_slave_pos) --> a poll for each domain
 *       ^                  |                  |                                |
 *       |            error: retry timer <-----+------ lost, lower value -------+
 *       +-- confirm_free
 *
 * One connection a domain: `SELECT MASTER_GTID_WAIT('d-s-<confirmed + 1>', t), @@gtid_slave_pos`
 * answers when the next transaction of that domain is visible to readers (a GTID in the follower's
 * log is not yet), and brings all domains with it. Whenever a connection is lost or a value is
 * lower than before, the follower may have restarted with less than it had: its column is emptied
 * (a new incarnation) and everything begins again with what the server says. */
#ifndef CAUSEWAY_BINLOG_STREAM_CONFIRM_H
#define CAUSEWAY_BINLOG_STREAM_CONFIRM_H

#include "binlog/positions.h"
#include "binlog/stream/service_conn.h"

struct confirm;

struct confirm_settings {
    struct positions *positions;
    unsigned slot;
    const char *name;                  /* of the server, for the log */
    const struct service_login *login; /* copied */
    /* The board rose, or the column was emptied. Must not call back into this module. */
    void (*changed)(void *context);
    void *context;
};

/* Starts at once. The column is emptied first. */
struct confirm *confirm_start(struct ev_loop *loop, const struct confirm_settings *settings);
/* Domains that the leader has written in: the follower may not know them yet. */
void confirm_expect(struct confirm *confirm, const struct gtid_vector *leader);
/* Begins a new incarnation: used when a probe saw less than was confirmed before it. */
void confirm_restart(struct confirm *confirm, const char *why);
/* True once a position of this incarnation stands on the board (an empty one too). */
bool confirm_has_position(const struct confirm *confirm);
/* Drops the polls and empties the column. NULL is allowed. */
void confirm_free(struct confirm *confirm);

#endif
