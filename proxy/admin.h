/* The console: an operator speaks SQL-like commands to it with any MariaDB or MySQL client. It runs
 * on the control thread's loop; what it shows comes through a few functions of the control thread.
 * `SHOW HELP` names the commands, admin_command.h has their table. */
#ifndef CAUSEWAY_PROXY_ADMIN_H
#define CAUSEWAY_PROXY_ADMIN_H

#include "proxy/admin_command.h"
#include "proxy/admin_tables.h"
#include "proxy/config.h"

#include <ev.h>

/* How a command that takes its time ended. */
typedef void (*admin_done)(bool succeeded, const char *text, void *context);

/* Called in the loop's thread. Every table comes empty: set its columns, add rows. None of these
 * may call admin_stop. */
struct admin_source {
    void *context;
    void (*servers)(void *context, struct admin_table *out);
    void (*positions)(void *context, struct admin_table *out);
    void (*keys)(void *context, struct admin_table *out);
    void (*failover)(void *context, struct admin_table *out);
    /* ADMIN_DO_SWITCHOVER, ADMIN_DO_FAILOVER (server "": the best) or ADMIN_DO_REJOIN: done() is
     * called once, at once or later, whatever has become of the client. */
    void (*operate)(void *context, enum admin_verb verb, const char *server, admin_done done,
                    void *done_context);
    /* NULL: the rules as they stand in the configuration. */
    void (*rules)(void *context, struct admin_table *out);
    /* Reads proxy.ini again; it may call admin_reconfigure. 0, or negative when nothing was
     * changed. `report` gets one line an error, each with its newline; at 0 they are warnings (a
     * key that needs a restart). */
    int (*reload)(void *context, struct buf *report);
    /* Takes a server out of rotation for reads, or back. -ENOENT: no such server. */
    int (*drain)(void *context, const char *server, bool drained);
    /* Rows that come from the workers: ADMIN_SESSIONS, ADMIN_POOLS or ADMIN_STATS. `out` stays
     * valid until done(), which must be called once, in the loop's thread, at once or later,
     * whatever has become of the client or the console in between. */
    void (*collect)(void *context, enum admin_topic topic, struct admin_table *out,
                    void (*done)(void *done_context), void *done_context);
};

struct admin;

/* Listens on the console's address; without one in the configuration the console is there but deaf.
 * Copies `source`, takes a reference of `config`. 0, or the negative errno of the address. */
int admin_start(struct admin **out, struct ev_loop *loop, struct config *config,
                const struct admin_source *source);
/* Another configuration is in force: its console user and password count for the next login. */
void admin_reconfigure(struct admin *admin, struct config *config);
/* Closes every client. Harmless with NULL. Not from inside a function of the source. */
void admin_stop(struct admin *admin);

#endif
