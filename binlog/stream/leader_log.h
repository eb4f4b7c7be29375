/* What is learnt from following the leader's log: its newest position and when that was committed,
 * each transaction with the time of its arrival, and that accounts changed.
 *
 *     STARTING --events--> FOLLOWING --lost, silent--> WAITING --back-off--> STARTING
 *        |                     |
 *        |                     +-- evicted: another derived server id, or STOPPED when configured
 *        +-- no log, no right to read it: MISSING, tried again now and then
 *
 * A transaction is in the leader's log before the leader itself shows it: nothing that is told here
 * says what any reader can see. */
#ifndef CAUSEWAY_BINLOG_STREAM_LEADER_LOG_H
#define CAUSEWAY_BINLOG_STREAM_LEADER_LOG_H

#include "binlog/gtid.h"
#include "binlog/stream/service_conn.h"

struct leader_log;

enum leader_log_state {
    LEADER_LOG_STARTING,  /* connecting, for the first time or again */
    LEADER_LOG_FOLLOWING, /* events or heartbeats come */
    LEADER_LOG_WAITING,   /* lost; until the next try */
    LEADER_LOG_MISSING,   /* the server keeps none, or may not be asked for it */
    LEADER_LOG_STOPPED,   /* the configured server id is somebody else's */
};

struct leader_log_settings {
    const char *name;                  /* of the server, for the log */
    const struct service_login *login; /* copied */
    uint32_t server_id;                /* configured; 0: derived */
    /* True when a server is known to have that id. */
    bool (*server_id_taken)(uint32_t server_id, void *context);
    /* The stream begins right behind this position. */
    void (*based)(const struct gtid_vector *position, uint64_t now_us, void *context);
    /* A transaction, in the order of the log. `at_us` is in terms of clock_now_us(): its arrival,
     * or, when it was in the log before the stream began, its commit to the second. */
    void (*transaction)(const struct gtid *gtid, uint64_t at_us, void *context);
    /* Told once a batch, after its transactions: something came; accounts may be others; views or
     * tables may be; stored routines may be. */
    void (*moved)(void *context);
    void (*accounts_changed)(void *context);
    void (*catalogue_changed)(void *context);
    void (*routines_changed)(void *context);
    /* The state, or what is said of it, is another. Must not free the log. */
    void (*state_changed)(void *context);
    void *context;
};

/* What there is to show of it. */
struct leader_log_view {
    enum leader_log_state state;
    char why[256];               /* why it is not followed, "" when it is */
    uint32_t server_id;          /* that it follows with */
    struct gtid_vector position; /* behind the last whole transaction */
    uint64_t committed_s;        /* wall clock of the leader at its commit, 0: none came yet */
    uint64_t transactions;       /* since the start, as the next two */
    uint64_t bytes;
    uint64_t connects;
};

/* Starts at once, never fails. None of the call-backs comes from within a call of this header. */
struct leader_log *leader_log_start(struct ev_loop *loop,
                                    const struct leader_log_settings *settings);
void leader_log_view(const struct leader_log *log, struct leader_log_view *view);
const char *leader_log_state_name(enum leader_log_state state);
/* NULL is allowed. */
void leader_log_free(struct leader_log *log);

/* The `attempt`-th server id derived from `seed` (any text that no other process has). */
uint32_t leader_log_derive_id(const char *seed, unsigned attempt);

#endif
