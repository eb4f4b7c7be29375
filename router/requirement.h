/* What the next read of a session, or of all connections that name one key, must see: the
 * consistency contract as data. Pure: replies and positions in, positions out.
 *
 *   vector  what every read must cover: own writes, and all that earlier reads may have shown
 *           where that had to be proven
 *   bound   a leader position that covers all that was seen, while no reply came after its fetch
 *   shown   the same for the leader's own readers: it has shown all that was seen. (Its log runs
 *           ahead of its visibility: for a moment a follower shows what the leader does not.)
 *
 * A read on another server than the last one is a move. A move to a follower needs the bound, which
 * then becomes part of the vector; a move to the leader needs it to have shown that much. A read on
 * the server of the last one needs the vector alone.
 *
 * Every reply that showed something is counted in `seen`; a proof holds for what had been seen when
 * it was asked for. So it does not matter which connections of a key the replies come from. */
#ifndef CAUSEWAY_ROUTER_REQUIREMENT_H
#define CAUSEWAY_ROUTER_REQUIREMENT_H

#include "binlog/positions.h"

enum seen {
    SEEN_NOTHING = -1, /* no read yet: no move is possible */
    SEEN_ELSEWHERE =
        -2, /* the leader, or a server connection that is gone: every follower is a move */
};

/* Of a vector that no leader has been asked about yet. */
#define REQUIREMENT_UNCHECKED UINT64_MAX

struct requirement {
    struct gtid_vector vector;
    struct gtid_vector bound;
    uint64_t epoch;           /* of the cluster that the vector was last checked in */
    uint64_t seen;            /* replies that showed something */
    uint64_t bound_seen;      /* the bound covers those up to here … */
    uint64_t shown_seen;      /* … and the leader has shown those */
    int read_slot;            /* where the last read ran: a slot, or enum seen */
    uint32_t read_generation; /* incarnation of that server then */
    uint64_t read_us;         /* when that read was sent, where connections change hands */
    int pin;                  /* slot of the follower that its reads are served on, -1 */
    bool several_domains;     /* the cluster is known to write in more than one */
    bool used;                /* it is not only the floor that a key begins with */
};

/* What was proven for one command alone, after it had arrived: enough for it whatever other
 * connections of the key have seen meanwhile. */
struct proof {
    uint64_t seen;      /* requirement->seen when the command went to its server, and its own
                           replies since */
    uint64_t epoch;     /* requirement->epoch when those below were fetched: they count in it */
    bool bound_fetched; /* requirement->bound, or a later one */
    bool shown_fetched;
    bool strong; /* nothing else counts: it must see what was acknowledged to anybody */
};

void requirement_init(struct requirement *requirement);

/* --- what replies said --- */

/* A reply of the leader carried a GTID. Where the cluster writes in one domain, and no other reply
 * came since the statement was sent (proof->seen), it bounds all that was seen. -E2BIG: too many
 * domains, the session can only read on the leader. */
int requirement_wrote(struct requirement *requirement, const struct gtid *gtid, bool one_domain,
                      struct proof *proof);

/* A reply of the leader without a GTID showed its state (a SELECT, an ERR, DML of no rows, a
 * ROLLBACK). */
void requirement_saw_leader(struct requirement *requirement, struct proof *proof);

/* A follower has shown something of a read: `moved` as requirement_is_move() said before it was
 * sent; false for a read that had to prove nothing (eventual), wherever it ran. */
void requirement_read(struct requirement *requirement, int slot, uint32_t generation, bool moved);

/* The connection of the last read is gone: whatever is read next is a move. */
void requirement_lost(struct requirement *requirement, int slot);

/* --- what was asked for --- */

/* A leader position whose fetch was sent when `seen` replies had been seen. */
void requirement_bound(struct requirement *requirement, const struct gtid_vector *leader,
                       uint64_t seen);
/* The leader was found to show all that was in its log, asked when `seen` had been seen. */
void requirement_shown(struct requirement *requirement, uint64_t seen);

/* A token: what its maker had seen must be covered from now on. -E2BIG as above. */
int requirement_add(struct requirement *requirement, const struct gtid_vector *token);

/* What the same connection has written under another name (or under none) counts under this one
 * too. What it has read does not: a name stands for somebody else. -E2BIG as above. */
int requirement_include(struct requirement *requirement, const struct requirement *own);
/* A write of this connection, acknowledged under another name. -E2BIG as above. */
int requirement_wrote_elsewhere(struct requirement *requirement, const struct gtid *gtid);

/* Nobody knows what was promised before: the next read is a move. */
void requirement_suspect(struct requirement *requirement);

/* --- what the next read needs --- */

/* Would a read on that server, in that incarnation, be a move? */
bool requirement_is_move(const struct requirement *requirement, int slot, uint32_t generation);

/* What that follower must cover to serve the next read; NULL when a bound must be fetched first. */
const struct gtid_vector *requirement_for(const struct requirement *requirement,
                                          const struct proof *proof, int slot, uint32_t generation);

/* May the leader serve a plain read, or must it be asked first what it shows? */
bool requirement_leader_shows(const struct requirement *requirement, const struct proof *proof);

/* A vector that covers all that was seen, for a token; NULL when a bound must be fetched first. */
const struct gtid_vector *requirement_token(const struct requirement *requirement,
                                            const struct proof *proof);

/* --- histories --- */

/* The worker's epoch is later than the one that the vector was checked in: what was proven is worth
 * nothing. True when the vector must be compared with the leader's log first (requirement_check).
 * Where another worker was first to enter a later epoch nothing happens. */
bool requirement_enter_epoch(struct requirement *requirement, uint64_t epoch);

/* Compares the vector with the log of the epoch's leader: `state` is the text of its
 * @@gtid_binlog_state, the last sequence of each domain and server id, `position` its
 * @@gtid_binlog_pos. GTIDs that the log does not have are taken out of the vector and put into
 * `lost`; returns how many there are. Where the log does not tell of that server id (a clone begins
 * with a bare position) the number must do. -EINVAL when `state` is malformed; nothing changes. */
int requirement_check(struct requirement *requirement, uint64_t epoch, struct span state,
                      const struct gtid_vector *position, struct gtid_vector *lost);

#endif
