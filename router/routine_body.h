/* What the statements of a stored program, or one statement that runs stored routines, leave behind
 * on the connection that runs them and its server does not report. Judged by the tokens alone, with
 * what is known of the routines that they call; doubt means that they may leave anything. Pure. */
#ifndef CAUSEWAY_ROUTER_ROUTINE_BODY_H
#define CAUSEWAY_ROUTER_ROUTINE_BODY_H

#include "router/names.h"

enum routine_leaves {
    LEAVES_VARIABLES = 1, /* user variables may have other values */
    LEAVES_MORE = 2,      /* locks, temporary tables, prepared statements, settings: who knows */
    LEAVES_SETTINGS = 8,  /* system variables: SET @@name inside of a routine is not reported */
    LEAVES_UNKNOWN = LEAVES_VARIABLES | LEAVES_MORE | LEAVES_SETTINGS,
};

/* What is known of a server's routines. All zero: nothing. */
struct routines {
    bool known;              /* otherwise the rest says nothing */
    struct names procedures; /* each with ROUTINE_SEEN and enum routine_leaves */
    struct names functions;
    struct names settings; /* its system variables, of no schema: what a SET may name that is no
                              variable of the body */
};
enum { ROUTINE_SEEN = 4 };

void routines_free(struct routines *routines);

/* enum routine_leaves. Routines without a schema are those of `schema`; NULL: of any, the worst of
 * that name counts. Takes time linear in the text, allocates nothing. */
unsigned routine_body_leaves(struct span body, unsigned lex_mode, const struct routines *routines,
                             const char *schema);

#endif
