/* Which events make a transaction: MariaDB's groups (GTID to XID, COMMIT, XA PREPARE or,
 * standalone, one QUERY), MySQL's, and logs without GTIDs (BEGIN to COMMIT). */
#ifndef CAUSEWAY_BINLOG_PRINT_TRX_H
#define CAUSEWAY_BINLOG_PRINT_TRX_H

#include "binlog/event.h"

/* What a QUERY's text begins with. The server itself writes these, but for DML. */
enum query_kind {
    QUERY_OTHER, /* DDL and account statements: what ends a transaction by itself */
    QUERY_BEGIN,
    QUERY_COMMIT,
    QUERY_ROLLBACK,
    QUERY_ROLLBACK_TO,
    QUERY_SAVEPOINT,
    QUERY_XA_START,
    QUERY_XA_END,
    QUERY_XA_PREPARE,
    QUERY_XA_COMMIT,
    QUERY_XA_ROLLBACK,
    QUERY_DML,
    QUERY_TEMPORARY, /* DROP TEMPORARY TABLE, CREATE TEMPORARY TABLE */
};

enum query_kind query_kind_of(struct span text);

/* The first words of a statement, upper-cased, comments left out: "CREATE TABLE", for messages.
 * NUL-terminated. */
enum { QUERY_VERB_MAX = 48 };
void query_verb(struct span text, char out[QUERY_VERB_MAX]);

enum trx_state {
    TRX_IDLE,
    TRX_OPEN,   /* until XID, COMMIT, ROLLBACK, XA PREPARE */
    TRX_ALONE,  /* until one QUERY */
    TRX_EXPECT, /* MySQL: a BEGIN opens it, another QUERY is all */
};

/* Zeroed: before the first event. */
struct trx_tracker {
    enum trx_state state;
};

struct trx_step {
    bool broken; /* the transaction that was open never ended; the event is not of it */
    bool begins; /* the first event of a transaction, its GTID if it has one */
    bool inside; /* the event belongs to a transaction */
    bool ends;   /* .. and is its last */
};

struct trx_step trx_feed(struct trx_tracker *tracker, const struct binlog_event *event);

#endif
