/* The values that sessions begin with on a server, as far as statements that a follower may run
 * depend on them, and what a follower's sessions must be told to begin as the leader's do. */
#ifndef CAUSEWAY_ROUTER_CLUSTER_DEFAULTS_H
#define CAUSEWAY_ROUTER_CLUSTER_DEFAULTS_H

#include <stddef.h>

enum { DEFAULTS_MAX = 1536 };

/* An SQL expression: the global values as one text, for defaults_difference(). */
extern const char defaults_expression[];

/* A statement that sets each of them to the value that the session has: its reply reports them. */
extern const char defaults_report_sql[];

/* Writes assignments (", @@session.name=value" each) that give a session with the defaults
 * `follower` those of `leader`; empty when there is nothing to tell, when one of the texts is not
 * such a text, or when they don't fit. */
void defaults_difference(const char *leader, const char *follower, char *out, size_t size);

#endif
