/* Reads the catalogue from one server, over a connection of its own.
 *
 *     IDLE --catalogue_reader_run--> (OPENING -->) RIGHTS --> TABLES --> VIEWS --> TRIGGERS -->
 *     ROUTINES --> SETTINGS --> IDLE
 *
 * information_schema shows an account what it has a right to: SELECT and SHOW VIEW on everything
 * are needed for all of it, TRIGGER for the triggers, and RIGHTS asks whether they are there. The
 * bodies of routines need SELECT on mysql.proc. */
#ifndef CAUSEWAY_ROUTER_CLUSTER_CATALOGUE_READ_H
#define CAUSEWAY_ROUTER_CLUSTER_CATALOGUE_READ_H

#include "binlog/stream/service_conn.h"
#include "router/catalogue.h"
#include "router/cluster/defaults.h"

struct catalogue_reader;

struct catalogue_sight {
    bool blind;                  /* it may not see everything */
    const char *routines_hidden; /* why the bodies of routines are not known; "": they are */
    const char *defaults;        /* of sessions on that server */
};

/* The end of a run. `catalogue`: finished, the callee owns the reference; NULL: `error` says in
 * words why there is none. `sight`: what the account sees; valid within the call, as are its texts.
 * Must not free the reader. */
typedef void (*catalogue_read_done)(struct catalogue *catalogue,
                                    const struct catalogue_sight *sight, const char *error,
                                    void *context);

struct catalogue_reader *catalogue_reader_new(struct ev_loop *loop, catalogue_read_done done,
                                              void *context);
bool catalogue_reader_busy(const struct catalogue_reader *reader);
/* Starts a run on that server; not while one is under way. */
void catalogue_reader_run(struct catalogue_reader *reader, const struct service_login *login);
void catalogue_reader_free(struct catalogue_reader *reader);

#endif
