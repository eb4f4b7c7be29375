/* Places at the servers and who waits for one: see places.h. */
#include "proxy/places.h"

#include "proxy/base/memory.h"
#include "router/topology.h"

#include <stdlib.h>

struct place_queue {
    atomic_uint open;
    atomic_uint own; /* beyond the limit: Causeway's own */
    atomic_uint waiting;
    struct list tickets; /* the oldest first */
};

struct places {
    pthread_mutex_t lock;
    struct place_queue queues[POSITIONS_SERVERS_MAX];
};

struct places *places_new(void)
{
    struct places *places = memory_zalloc(sizeof(*places));
    pthread_mutex_init(&places->lock, NULL);
    for (unsigned slot = 0; slot < POSITIONS_SERVERS_MAX; slot++)
        list_init(&places->queues[slot].tickets);
    return places;
}

void places_free(struct places *places)
{
    if (!places)
        return;
    pthread_mutex_destroy(&places->lock);
    free(places);
}

unsigned places_open(const struct places *places, unsigned slot)
{
    return atomic_load(&places->queues[slot].open);
}

unsigned places_own(const struct places *places, unsigned slot)
{
    return atomic_load(&places->queues[slot].own);
}

unsigned places_waiting(const struct places *places, unsigned slot)
{
    return atomic_load_explicit(&places->queues[slot].waiting, memory_order_acquire);
}

/* Under the lock, as are the three below. */
static bool take(struct place_queue *queue, unsigned limit)
{
    if (!list_empty(&queue->tickets) || atomic_load(&queue->open) >= limit)
        return false;
    atomic_fetch_add(&queue->open, 1);
    return true;
}

static void unqueue(struct place_queue *queue, struct place_ticket *ticket)
{
    list_remove(&ticket->node);
    ticket->queued = false;
    atomic_fetch_sub(&queue->waiting, 1);
}

/* The oldest ticket gets a place that is free. NULL: none waits, or none is free. */
static struct place_ticket *grant(struct place_queue *queue, unsigned limit)
{
    if (list_empty(&queue->tickets) || atomic_load(&queue->open) >= limit)
        return NULL;
    struct place_ticket *ticket = list_object(queue->tickets.next, struct place_ticket, node);
    unqueue(queue, ticket);
    atomic_fetch_add(&queue->open, 1);
    return ticket;
}

bool places_take(struct places *places, unsigned slot, unsigned limit)
{
    pthread_mutex_lock(&places->lock);
    bool taken = take(&places->queues[slot], limit);
    pthread_mutex_unlock(&places->lock);
    return taken;
}

void places_count_own(struct places *places, unsigned slot, bool opened)
{
    if (opened)
        atomic_fetch_add(&places->queues[slot].own, 1);
    else
        atomic_fetch_sub(&places->queues[slot].own, 1);
}

bool places_take_or_queue(struct places *places, struct place_ticket *ticket, unsigned limit)
{
    struct place_queue *queue = &places->queues[ticket->slot];
    pthread_mutex_lock(&places->lock);
    bool taken = take(queue, limit);
    if (!taken) {
        ticket->queued = true;
        list_append(&queue->tickets, &ticket->node);
        atomic_fetch_add(&queue->waiting, 1);
    }
    pthread_mutex_unlock(&places->lock);
    return taken;
}

void places_give_back(struct places *places, unsigned slot, unsigned limit)
{
    struct place_queue *queue = &places->queues[slot];
    pthread_mutex_lock(&places->lock);
    atomic_fetch_sub(&queue->open, 1);
    struct place_ticket *ticket = grant(queue, limit);
    pthread_mutex_unlock(&places->lock);
    if (ticket)
        mailbox_post(ticket->mailbox, &ticket->mail);
}

void places_review(struct places *places, unsigned slot, unsigned limit)
{
    struct place_ticket *ticket;
    do {
        pthread_mutex_lock(&places->lock);
        ticket = grant(&places->queues[slot], limit);
        pthread_mutex_unlock(&places->lock);
        if (ticket)
            mailbox_post(ticket->mailbox, &ticket->mail);
    } while (ticket);
}

bool places_leave(struct places *places, struct place_ticket *ticket)
{
    pthread_mutex_lock(&places->lock);
    bool was_queued = ticket->queued;
    if (was_queued)
        unqueue(&places->queues[ticket->slot], ticket);
    pthread_mutex_unlock(&places->lock);
    return was_queued;
}

struct place_ticket *places_claim(struct places *places, unsigned slot, unsigned worker,
                                  uint64_t slack_us)
{
    struct place_queue *queue = &places->queues[slot];
    struct place_ticket *found = NULL;
    uint64_t oldest_us = 0;
    pthread_mutex_lock(&places->lock);
    list_for_each (node, &queue->tickets) {
        struct place_ticket *ticket = list_object(node, struct place_ticket, node);
        oldest_us = oldest_us ? oldest_us : ticket->since_us;
        if (ticket->since_us > oldest_us + slack_us)
            break;
        if (ticket->worker != worker)
            continue;
        found = ticket;
        unqueue(queue, ticket);
        break;
    }
    pthread_mutex_unlock(&places->lock);
    return found;
}
