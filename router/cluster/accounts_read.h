/* Reads the accounts from one server, over a connection of its own: first a digest that the server
 * computes, and the rows only when it is another one than last time.
 *
 *     IDLE --accounts_reader_run--> (OPENING -->) DIGEST --changed--> ROWS --> IDLE
 *
 * Source of the columns: mysql.global_priv (Priv is JSON) of MariaDB 10.4 and later; where that may
 * not be read, the view mysql.user, which lacks account_locked and the alternatives (auth_or). */
#ifndef CAUSEWAY_ROUTER_CLUSTER_ACCOUNTS_READ_H
#define CAUSEWAY_ROUTER_CLUSTER_ACCOUNTS_READ_H

#include "binlog/stream/service_conn.h"
#include "router/accounts.h"

struct accounts_reader;

/* The end of a run. `accounts`: finished, the callee owns the reference; NULL: unchanged, or
 * `error` says in words why they could not be read (else it is NULL). Must not free the reader. */
typedef void (*accounts_read_done)(struct accounts *accounts, const char *error, void *context);

struct accounts_reader *accounts_reader_new(struct ev_loop *loop, accounts_read_done done,
                                            void *context);
/* Reads from that server from now on (copied; compared, so that calling it again costs nothing). A
 * run under way ends as if nothing had changed. */
void accounts_reader_target(struct accounts_reader *reader, const struct service_login *login);
bool accounts_reader_busy(const struct accounts_reader *reader);
/* Starts a run; nothing when one is under way or there is no target. */
void accounts_reader_run(struct accounts_reader *reader);
void accounts_reader_free(struct accounts_reader *reader);

#endif
