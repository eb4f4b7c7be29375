/* A SET that changes session_track_… variables: is that all it does, and if not, what must be said
 * again so that it is reported? A server that gets another list forgets in the middle of the
 * statement what it had noted by the old one (measured). Pure. */
#ifndef CAUSEWAY_ROUTER_SET_TARGETS_H
#define CAUSEWAY_ROUTER_SET_TARGETS_H

#include "proxy/base/buf.h"

/* What a text of SET statements says about collations, of which the server reports the character
 * set alone. */
struct set_collations {
    bool asks;              /* collation_connection need not be the default of its character set */
    bool as_connection;     /* results have the collation of the connection: NAMES DEFAULT */
    struct span connection; /* what the collation of the connection was set to: NAMES … COLLATE */
    struct span results; /* the collation that results are said to have: NAMES … COLLATE; no data:
                            the default of their character set */
};

enum set_targets {
    SET_TARGETS_TRACKING, /* session_track_… variables alone */
    SET_TARGETS_MIXED,    /* others as well: `again` sets each of them to the value it has */
    SET_TARGETS_UNCLEAR,  /* something that has no name of its own: NAMES, CHARACTER SET … */
};

/* `sql`: one SET statement; `lex_mode`: enum lex_mode. Writes `again` for SET_TARGETS_MIXED. */
enum set_targets set_targets_read(struct span sql, unsigned lex_mode, struct buf *again);

/* `sql`: one or more statements; where one is no SET, or can't be understood, only `asks` is set.
 */
void set_collations_read(struct span sql, unsigned lex_mode, struct set_collations *out);

#endif
