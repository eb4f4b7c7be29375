/* A KILL on its way to a server: a connection of its own that says KILL, hears the answer, and
 * goes. It is the killed client's account that says it; where that account's login can't be
 * repeated or there is no room, the service account, which then needs CONNECTION ADMIN.
 *
 *   (account) --failed--> (service account) --failed--> told why
 *       +--------- ready -----------+--> KILL --answer--> told */
#ifndef CAUSEWAY_PROXY_ERRAND_H
#define CAUSEWAY_PROXY_ERRAND_H

#include "proxy/identity.h"

struct worker;
struct kill;
struct topology_server;

struct errand_order {
    const struct topology_server *server;
    struct identity *identity; /* of the session that has the connection */
    uint32_t thread_id;        /* of that connection */
    bool soft;
    bool query_only;
    struct kill *kill;  /* who is told … */
    uint32_t target_id; /* … and about whose statement */
};

/* errand_done() of kill.h follows once, never from within this call. */
void errand_send(struct worker *worker, const struct errand_order *order);

/* The worker ends: nobody is told any more. */
void errand_close_all(struct worker *worker);

#endif
