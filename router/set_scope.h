/* What the server's session tracking tells wrongly about SET (measured on MariaDB 10.11):
 *
 *   SET @@sql_mode = 'ANSI'          is not reported at all; SET sql_mode, SET SESSION sql_mode and
 *                                    SET @@session.sql_mode are
 *   SET STATEMENT sql_mode = … FOR … is reported with the value that is gone when the statement
 * ends
 *
 * The first is sent with its scope written out, the second is not believed. */
#ifndef CAUSEWAY_ROUTER_SET_SCOPE_H
#define CAUSEWAY_ROUTER_SET_SCOPE_H

#include "proxy/base/bytes.h"

#include <stddef.h>

enum { SET_SCOPE_PLACES_MAX = 32, SET_SCOPE_TEXT_MAX_BYTES = 16 * 1024 };

/* Where "session." belongs in `sql` (offsets in bytes, rising) so that every @@name which it sets
 * without a scope is reported. `mode` is enum lex_mode. Returns how many; 0 also for a text that is
 * longer than SET_SCOPE_TEXT_MAX_BYTES or sets more than SET_SCOPE_PLACES_MAX of them. The
 * isolation level and the access mode are left alone: without a scope they are the next
 * transaction's. */
size_t set_scope_places(struct span sql, unsigned mode, size_t places[SET_SCOPE_PLACES_MAX]);

/* What is written there: spelled as nobody else does, so that it is seen in the text later on. */
#define SET_SCOPE_WORD "sEssion."

/* True when `name` was set in `sql` without a scope before that was written out: the server would
 * not have reported it. An empty name: that holds for all that `sql` sets. */
bool set_scope_is_silent(struct span sql, struct span name);

/* True when `sql` is SET STATEMENT … FOR … and `name` is among the variables that it sets. */
bool set_scope_is_passing(struct span sql, unsigned mode, struct span name);

#endif
