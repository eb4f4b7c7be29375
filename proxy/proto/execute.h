/* The payload of COM_STMT_EXECUTE, as far as Causeway reads it: the one parameter of a statement
 * that it answers itself. Source: protocol page "com_stmt_execute", "binary protocol values". */
#ifndef CAUSEWAY_PROTO_EXECUTE_H
#define CAUSEWAY_PROTO_EXECUTE_H

#include "proxy/proto/packet.h"

/* `payload`: a COM_STMT_EXECUTE (with its command byte) of a statement with exactly one parameter.
 * `types`: the two bytes of its type as the client sent them in an earlier execution, or empty;
 * they count when this payload brings none. Appends the value as text to `out` (strings and
 * decimals as they are, integers in decimal digits). 1            a value 0            NULL;
 * nothing is appended -EPROTO      malformed, or no type is known; a parameter sent ahead as long
 * data is not in the payload and ends here too -EOPNOTSUPP  a type without such a text: floats,
 * dates, times */
int execute_text_parameter(struct span payload, struct span types, struct buf *out);

#endif
