/* The user variables of a session whose values are known, because a SET gave them literals or the
 * server was asked: they can be given to other connections. Of others nothing is known: a trigger
 * may have set them. Pure. */
#ifndef CAUSEWAY_ROUTER_USER_VARS_H
#define CAUSEWAY_ROUTER_USER_VARS_H

#include "proxy/base/buf.h"

struct user_var;

struct user_vars {
    struct user_var *first; /* in the order in which they were set */
    unsigned count;
    bool others;     /* there may be more, of unknown names and values */
    bool unreadable; /* the server was asked for all of them, and some can't be kept */
};

enum { USER_VARS_MAX = 64 };

void user_vars_free(struct user_vars *vars);   /* there are none */
void user_vars_forget(struct user_vars *vars); /* nothing is known any more */

/* A statement that may set user variables has been run. `failed`: with an error, so that some may
 * be set; `version`: what those that it set have from now on. True when all that it did to them is
 * known; else they have values that only their connection has. */
bool user_vars_note(struct user_vars *vars, struct span sql, unsigned lex_mode, bool failed,
                    uint64_t version);

/* Character sets or sql_mode are others now: the texts that gave variables character strings would
 * give others. True when there was such a variable. */
bool user_vars_forget_texts(struct user_vars *vars);

/* Are the values of all variables that the text names known? */
bool user_vars_known(const struct user_vars *vars, struct span sql, unsigned lex_mode);

/* The server told the value of one: `literal` is an expression that gives it (user_var_value.h).
 * False: it can't be kept, and nothing is known any more. */
bool user_vars_restore(struct user_vars *vars, struct span name, struct span literal,
                       uint64_t version);

/* Appends one SET of the variables that are newer than `since`; nothing when there are none. */
void user_vars_replay(const struct user_vars *vars, uint64_t since, struct buf *sql);

#endif
