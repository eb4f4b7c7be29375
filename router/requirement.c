/* What a session's next read must see: see requirement.h. */
#include "router/requirement.h"

void requirement_init(struct requirement *requirement)
{
    requirement->vector.count = 0;
    requirement->bound.count = 0;
    requirement->read_slot = SEEN_NOTHING;
    requirement->read_generation = 0;
    requirement->bound_fresh = false;
}

int requirement_wrote(struct requirement *requirement, const struct gtid *gtid)
{
    int error = gtid_vector_raise(&requirement->vector, gtid);
    if (error)
        return error;
    /* In one domain commit order is one line: what was read before this write lies before it. */
    requirement->bound_fresh = requirement->vector.count == 1;
    if (requirement->bound_fresh) {
        requirement->bound.count = 1;
        requirement->bound.slots[0] = requirement->vector.slots[0];
    }
    return 0;
}

void requirement_saw_leader(struct requirement *requirement)
{
    requirement->read_slot = SEEN_ELSEWHERE;
    requirement->bound_fresh = false;
}

void requirement_read(struct requirement *requirement, int slot, uint32_t generation, bool moved)
{
    if (moved)
        /* Both hold at most GTID_DOMAINS_MAX domains of one cluster; a domain that finds no room is
         * one that the board never covers, so the vector errs on no side. */
        (void)!gtid_vector_merge(&requirement->vector, &requirement->bound);
    requirement->read_slot = slot;
    requirement->read_generation = generation;
    requirement->bound_fresh = false;
}

void requirement_lost(struct requirement *requirement, int slot)
{
    if (requirement->read_slot == slot)
        requirement->read_slot = SEEN_ELSEWHERE;
}

void requirement_bound(struct requirement *requirement, const struct gtid_vector *leader)
{
    requirement->bound = *leader;
    /* What was acknowledged is in the leader's log, but the vector may hold other sources later. */
    (void)!gtid_vector_merge(&requirement->bound, &requirement->vector);
    requirement->bound_fresh = true;
}

bool requirement_is_move(const struct requirement *requirement, int slot, uint32_t generation)
{
    if (requirement->read_slot == SEEN_NOTHING)
        return false;
    return requirement->read_slot != slot || requirement->read_generation != generation;
}

const struct gtid_vector *requirement_for(const struct requirement *requirement, int slot,
                                          uint32_t generation)
{
    if (!requirement_is_move(requirement, slot, generation))
        return &requirement->vector;
    return requirement->bound_fresh ? &requirement->bound : NULL;
}
