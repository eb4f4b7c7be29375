/* Reading user variables back from the server that has them: which there are, their values, and
 * how these are written so that another connection gets the same. Pure: answers in, SQL out. */
#ifndef CAUSEWAY_ROUTER_USER_VAR_VALUE_H
#define CAUSEWAY_ROUTER_USER_VAR_VALUE_H

#include "proxy/base/buf.h"

/* The names and types of all that the session has; at most `max` and one. */
void user_var_names_sql(struct buf *sql, unsigned max);

/* What is asked for each variable, as columns in this order. */
enum user_var_cell {
    USER_VAR_NAME, /* without its @ */
    USER_VAR_TYPE, /* VARIABLE_TYPE of information_schema.USER_VARIABLES */
    USER_VAR_COLLATION,
    USER_VAR_TEXT, /* a character string in hex; NULL when the variable is */
    USER_VAR_CELLS
};

/* Appends the expressions for one. */
void user_var_cells_sql(struct buf *sql, struct span name, struct span type);

/* Appends an expression that has the same type, collation and value. `text` without data: NULL.
 * False: there is none, or none that is short. */
bool user_var_literal(struct span type, struct span collation, struct span text,
                      struct buf *literal);

#endif
