/* What a session's next read must see: the consistency contract as data. Pure: positions in,
 * positions out; the worker feeds it with what the replies showed.
 *
 *   vector  own writes, and all that earlier reads may have shown where that had to be proven
 *   bound   a leader position taken after the last read ended, while bound_fresh
 *
 * A read on another server than the last one is a move: it needs a fresh bound, which then becomes
 * part of the vector. A read on the server of the last one needs the vector alone. */
#ifndef CAUSEWAY_ROUTER_REQUIREMENT_H
#define CAUSEWAY_ROUTER_REQUIREMENT_H

#include "binlog/positions.h"

enum seen {
    SEEN_NOTHING = -1, /* no read yet: no move is possible */
    SEEN_ELSEWHERE =
        -2, /* the leader, or a server connection that is gone: every follower is a move */
};

struct requirement {
    struct gtid_vector vector;
    struct gtid_vector bound;
    int read_slot;            /* where the last read ran: a slot, or enum seen */
    uint32_t read_generation; /* incarnation of that server then */
    bool bound_fresh;
    bool several_domains; /* the cluster is known to write in more than one */
};

void requirement_init(struct requirement *requirement);

/* A reply of the leader carried a GTID. Where the cluster writes in one domain it bounds what the
 * session saw so far (then no bound has to be fetched for the next move). -E2BIG: too many domains,
 * the session can only read on the leader. */
int requirement_wrote(struct requirement *requirement, const struct gtid *gtid, bool one_domain);

/* A reply without a GTID showed leader state (a SELECT, an ERR, DML of no rows, a ROLLBACK). */
void requirement_saw_leader(struct requirement *requirement);

/* A follower has served a read: `moved` as requirement_is_move() said before it was sent; false for
 * a read that had to prove nothing (eventual), wherever it ran. */
void requirement_read(struct requirement *requirement, int slot, uint32_t generation, bool moved);

/* The connection of the last read is gone: whatever is read next is a move. */
void requirement_lost(struct requirement *requirement, int slot);

/* A leader position whose fetch was sent after the last read ended. */
void requirement_bound(struct requirement *requirement, const struct gtid_vector *leader);

/* Would a read on that server, in that incarnation, be a move? */
bool requirement_is_move(const struct requirement *requirement, int slot, uint32_t generation);

/* What that server must cover to serve the next read; NULL when a fresh bound must be fetched
 * first. */
const struct gtid_vector *requirement_for(const struct requirement *requirement, int slot,
                                          uint32_t generation);

#endif
