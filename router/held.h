/* What a session has on its leader connection that no other connection can be given: temporary
 * tables, table locks, named locks, open handlers, statements prepared in SQL, user variables of
 * unknown value. Each reason has a beginning and an end, told by the statements' texts and names,
 * since the server reports none of them; where a text does not tell, the reason goes on. Pure.
 */
#ifndef CAUSEWAY_ROUTER_HELD_H
#define CAUSEWAY_ROUTER_HELD_H

#include "router/classify.h"

/* Why a session keeps its leader connection. */
enum sticky {
    STICKY_TEMPORARY = 1 << 0,   /* temporary tables, until the last is dropped */
    STICKY_LOCKED = 1 << 1,      /* LOCK TABLES, until UNLOCK TABLES or a transaction begins */
    STICKY_READ_LOCK = 1 << 2,   /* FLUSH TABLES WITH READ LOCK, until UNLOCK TABLES */
    STICKY_BACKUP = 1 << 3,      /* BACKUP STAGE, BACKUP LOCK */
    STICKY_NAMED_LOCK = 1 << 4,  /* GET_LOCK(), until all of its names are released */
    STICKY_HANDLER = 1 << 5,     /* HANDLER … OPEN, until CLOSE */
    STICKY_PREPARED = 1 << 6,    /* PREPARE … FROM, until DEALLOCATE */
    STICKY_VARIABLES = 1 << 7,   /* user variables */
    STICKY_TRANSACTION = 1 << 8, /* SET TRANSACTION, until the next transaction has begun */
    STICKY_UNKNOWN = 1 << 9,     /* a procedure or the like changed state that was not named */
    STICKY_REPLICA = 1 << 10,    /* registered as a replica, or following the log */
    STICKY_LONG_TEXT =
        1 << 11,               /* a prepared statement whose text is not kept, until it is closed */
    STICKY_ROUTINE = 1 << 12,  /* one ran: the server reports no GET_LOCK inside of it */
    STICKY_COUNTERS = 1 << 13, /* FLUSH STATUS: SHOW STATUS is to tell what its statements cost */

    /* Those for which its reads run on the leader as well: they may speak of what is there, or must
     * see what the holders of the lock before have written. */
    STICKY_READS = STICKY_TEMPORARY | STICKY_LOCKED | STICKY_READ_LOCK | STICKY_BACKUP |
                   STICKY_NAMED_LOCK | STICKY_TRANSACTION | STICKY_UNKNOWN | STICKY_REPLICA |
                   STICKY_COUNTERS,
    /* Those for which its end is the session's end. */
    STICKY_SURELY = STICKY_ROUTINE - 1, /* all but the last two */
};

/* The names, so that an end is told from that of another. */
enum held_kind { HELD_TEMPORARY, HELD_NAMED_LOCK, HELD_HANDLER, HELD_PREPARED, HELD_KINDS };

struct held_name;

struct held {
    struct held_name *first;
    unsigned count;
    bool unnamed[HELD_KINDS]; /* more of that kind than the list knows by name */
};

void held_init(struct held *held);
void held_free(struct held *held);

/* A statement with CLASS_HOLDS has been run. `failed`: with an error, so that something of it may
 * have happened. `schema`: the current one; NULL: none, or not the same
 * for all of the text. Returns `reasons` (enum sticky) with what
 * began set and what ended cleared. */
unsigned held_note(struct held *held, unsigned reasons, struct span sql, unsigned lex_mode,
                   const char *schema, bool failed);

#endif
