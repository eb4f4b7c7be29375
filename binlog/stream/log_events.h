/* The transactions of a stream of events, seen from outside: where one begins and ends, and whether
 * accounts may have changed. Of rows only the header is looked at. Pure: events in, findings out.
 */
#ifndef CAUSEWAY_BINLOG_STREAM_LOG_EVENTS_H
#define CAUSEWAY_BINLOG_STREAM_LOG_EVENTS_H

#include "binlog/event.h"

enum log_finding {
    LOG_FOUND_TRANSACTION = 1, /* `done` is one that has ended */
    LOG_FOUND_ACCOUNTS = 2,    /* a change of accounts is in the transaction under way or ended */
    LOG_FOUND_CATALOGUE = 4,   /* likewise: what log_events_touches_catalogue() knows */
    LOG_FOUND_ROUTINES = 8,    /* likewise: log_events_touches_routines() */
};

/* One transaction, as far as it matters here. */
struct log_transaction {
    struct gtid gtid;
    uint32_t committed_s; /* the event's timestamp */
    uint64_t arrived_us;  /* of its first event */
};

struct log_events {
    struct event_format format;
    bool open;       /* `under_way` has begun and not ended */
    bool standalone; /* it ends with its first statement */
    struct log_transaction under_way;
    struct log_transaction done;
    struct buf scratch;
};

void log_events_init(struct log_events *events);
void log_events_free(struct log_events *events);
/* The stream begins anew: what was under way will come again. */
void log_events_reset(struct log_events *events);

/* `bytes` is an event or its beginning, at least EVENT_HEADER_BYTES. Returns LOG_FOUND_ flags, or
 * BINLOG_DAMAGED with `error` filled. An event of a kind that is not known is passed over. */
int log_events_feed(struct log_events *events, struct span bytes, uint64_t arrived_us,
                    struct binlog_error *error);

/* True when a logged statement may change accounts, roles or rights; `schema` is its default one.
 * Only its beginning is looked at, and it says yes rather too often. */
bool log_events_touches_accounts(struct span schema, struct span text);

/* True when a statement that creates, alters, drops or renames may make or remove a view, a
 * trigger, or a table of an engine whose rows replication does not keep. It says yes rather too
 * often. */
bool log_events_touches_catalogue(struct span text);

/* The same of stored procedures, functions and packages. */
bool log_events_touches_routines(struct span text);

#endif
