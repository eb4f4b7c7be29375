/* What a trigger's statement may do that the statement which ran it does not show. Pure. */
#ifndef CAUSEWAY_ROUTER_TRIGGER_BODY_H
#define CAUSEWAY_ROUTER_TRIGGER_BODY_H

#include "proxy/base/bytes.h"

/* False only when the body surely leaves all user variables of its session as they are: it names
 * none, and runs no routine, which might. (Tables that it writes to may have triggers, too.) */
bool trigger_body_may_set_variables(struct span body, unsigned lex_mode);

#endif
