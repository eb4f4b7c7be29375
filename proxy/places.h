/* How many connections each server has and may have, over all workers (max_server_connections), and
 * who waits for one. All threads share it; it is asked when a connection is opened, closed or
 * wanted in vain, never for a statement that has its connection.
 *
 * Who waits is served in the order of coming. A place that is given back goes straight to the
 * oldest ticket: its worker gets mail, and the place is never free in between, so nobody can
 * overtake and no wake-up is lost. */
#ifndef CAUSEWAY_PROXY_PLACES_H
#define CAUSEWAY_PROXY_PLACES_H

#include "proxy/base/mailbox.h"

#include <stdatomic.h>
#include <stdint.h>

struct places;

/* One that waits for a place. Owned by the waiter's thread, from the heap. */
struct place_ticket {
    struct mail mail; /* that the place was granted; delivered to the waiter's worker */
    struct list node;
    struct mailbox *mailbox; /* of that worker */
    void *owner;             /* who waits; NULL: nobody any more */
    unsigned worker;
    unsigned slot;
    bool guarded; /* for a follower's connection */
    uint64_t since_us;
    bool queued; /* under the lock: still in the queue */
};

struct places *places_new(void);
void places_free(struct places *places);

/* Connections to that server that are open or being opened: clients', and Causeway's own. */
unsigned places_open(const struct places *places, unsigned slot);
unsigned places_own(const struct places *places, unsigned slot);
/* Tickets in its queue; a hint for other threads than those that add and take them. */
unsigned places_waiting(const struct places *places, unsigned slot);

/* Takes a place when there is one and nobody waits. */
bool places_take(struct places *places, unsigned slot, unsigned limit);
/* A connection of Causeway's own is opened or gone: not limited. */
void places_count_own(struct places *places, unsigned slot, bool opened);
/* Takes a place as above (true), or enters the queue (false): the ticket's mail comes, or
 * places_leave or places_claim takes it out again. */
bool places_take_or_queue(struct places *places, struct place_ticket *ticket, unsigned limit);
/* A connection is gone: its place is the oldest ticket's, or free. */
void places_give_back(struct places *places, unsigned slot, unsigned limit);
/* The limit may have risen: grants what there is. */
void places_review(struct places *places, unsigned slot, unsigned limit);

/* Takes a ticket out of the queue: true. False: it has been granted, its mail is on the way (and
 * the place with it: give it back there). */
bool places_leave(struct places *places, struct place_ticket *ticket);
/* The oldest ticket of that worker, taken out of the queue, for which the worker has a connection
 * or a place of its own; NULL when there is none that came at most `slack_us` after the oldest of
 * all. */
struct place_ticket *places_claim(struct places *places, unsigned slot, unsigned worker,
                                  uint64_t slack_us);

#endif
