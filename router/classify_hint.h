/* Inside the classifier: the hint in a statement's leading comments. */
#ifndef CAUSEWAY_ROUTER_CLASSIFY_HINT_H
#define CAUSEWAY_ROUTER_CLASSIFY_HINT_H

#include "router/classify.h"

/* Reads all comments before the first token. The spans of `out` point into `sql`. */
void hint_read(struct span sql, struct hint *out);

#endif
