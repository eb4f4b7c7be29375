/* One server's binary log over the wire, as the server itself sends it to its followers.
 *
 *     OPENING --login, SETs by service_conn--> DUMPING --events by call-back--> end, once
 *        |                                        |
 *        +---- refused, unreachable, no log ------+---- lost, silent, evicted, purged, end of log
 *
 * The connection is logged in by Connector/C and its socket then taken over; the replication
 * packets are read here. Events are not decoded (binlog/event.h does that): they are handed out
 * from the receive buffer, whole or cut, and what was not asked for of a large event is read and
 * dropped. After the end nothing comes any more: free it, and open another to go on. Sources:
 * protocol pages "COM_BINLOG_DUMP", "Replication protocol"; MariaDB sql/sql_repl.cc. */
#ifndef CAUSEWAY_BINLOG_STREAM_DUMP_H
#define CAUSEWAY_BINLOG_STREAM_DUMP_H

#include "binlog/stream/service_conn.h"

struct dump;

enum {
    DUMP_HEADER_BYTES = 19,            /* of an event: every `bytes` below holds at least these */
    DUMP_EVENT_MAX_BYTES = 1073741824, /* a server sends none larger (max_allowed_packet) */
};

/* What is known once the server was asked, before the first event. */
struct dump_start {
    const char *version;     /* @@version, as "10.11.6-MariaDB-log" */
    uint32_t server_id;      /* the server's own */
    struct span position;    /* its @@gtid_binlog_pos, text */
    uint64_t server_time_us; /* the server's wall clock, us since 1970 .. */
    uint64_t asked_us;       /* .. when clock_now_us() was this, give or take a round trip */
};

struct dump_event {
    struct span bytes;   /* header and body as logged, CRC included; cut when shorter than `len` */
    uint32_t len;        /* of the whole event */
    uint64_t arrived_us; /* clock_now_us() of the receive that brought its beginning */
};

enum dump_end_kind {
    DUMP_END_OF_LOG, /* `stop_at_end` was asked for, and that was all */
    DUMP_LOST,       /* unreachable, connection ended, silent: worth another try */
    DUMP_DENIED,     /* login refused, or REPLICATION SLAVE is missing */
    DUMP_NO_LOG,     /* the server keeps no binary log */
    DUMP_PURGED,     /* the position asked for is not, or no longer, in its log */
    DUMP_EVICTED,    /* another connection came with our server id */
    DUMP_TOO_BIG,    /* `whole_events`, and an event larger than event_max_bytes */
    DUMP_MALFORMED,  /* its bytes made no sense */
    DUMP_REFUSED,    /* any other error of the server */
};

struct dump_end {
    enum dump_end_kind kind;
    unsigned error;   /* the server's or the library's number, 0: none */
    const char *text; /* in words, without secrets */
};

struct dump_settings {
    const struct service_login *login; /* copied */
    /* Must be nobody else's: the server ends the other stream that has it. 0 is allowed with
     * stop_at_end, or where the stream is short-lived, and evicts no follower. */
    uint32_t server_id;
    /* Where to start; copied. A GTID list: right behind it, "" being the beginning of the log. NULL
     * and no file: the server's position now. */
    const char *gtid_position;
    const char *file;       /* instead of gtid_position, "binlog.000002" .. */
    uint32_t file_position; /* .. and the byte; 4 is the first event */
    bool stop_at_end;       /* end where the log ends now, instead of waiting for more */
    bool annotate;          /* the statements of row events too (ANNOTATE_ROWS) */
    uint32_t heartbeat_ms;  /* the server speaks so often when idle; three of them missed is the end
                             * (0: one second) */
    /* How much of an event is handed out at most, its header included. With whole_events a larger
     * one ends the dump (DUMP_TOO_BIG), without it is cut. 0: DUMP_EVENT_MAX_BYTES when whole, else
     * 4 KiB. The memory of one such event is all that the dump holds. */
    size_t event_max_bytes;
    bool whole_events;
    /* While the log is busy it is read so often at most: one wake-up then brings many events, and
     * `arrived_us` is late by so much at most. 0: as soon as anything comes. */
    uint32_t pace_ms;
    /* All are called from the loop, never from within a call below. dump_free is allowed within.
     * Heartbeats and the artificial events at the start (rotate, format description) are handed out
     * like all others. `started` and `batch` may be NULL. */
    void (*started)(const struct dump_start *start, void *context);
    void (*event)(const struct dump_event *event, void *context);
    void (*batch)(void *context); /* all events of one receive have been handed out */
    void (*ended)(const struct dump_end *end, void *context);
    void *context;
};

/* Starts at once, never fails: `ended` tells. */
struct dump *dump_open(struct ev_loop *loop, const struct dump_settings *settings);
/* The same on a socket where somebody has logged in and made the settings: taken over; `login` is
 * not used, and `started` not called. */
struct dump *dump_open_socket(struct ev_loop *loop, const struct dump_settings *settings, int fd);
/* No call-back comes after it. NULL is allowed. */
void dump_free(struct dump *dump);

/* "lost", "denied" .. */
const char *dump_end_name(enum dump_end_kind kind);

/* --- pure parts, for tests --- */

/* What an ERR packet of the stream, or an error of the statements before it, amounts to.
 * Source: MariaDB sql/sql_repl.cc, sql/share/errmsg-utf8.txt. */
enum dump_end_kind dump_error_kind(unsigned error, const char *text);

#endif
