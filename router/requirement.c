/* What a session's next read must see: see requirement.h. */
#include "router/requirement.h"

void requirement_init(struct requirement *requirement)
{
    requirement->vector.count = 0;
    requirement->bound.count = 0;
    requirement->read_slot = SEEN_NOTHING;
    requirement->read_generation = 0;
    requirement->bound_fresh = false;
    requirement->several_domains = false;
}

int requirement_wrote(struct requirement *requirement, const struct gtid *gtid, bool one_domain)
{
    int error = gtid_vector_raise(&requirement->vector, gtid);
    if (error)
        return error;
    if (!one_domain || requirement->vector.count > 1)
        requirement->several_domains = true;
    if (requirement->several_domains) {
        /* Its reply may have shown what another domain holds, and no bound is known for that. */
        requirement_saw_leader(requirement);
        return 0;
    }
    /* In one domain commit order is one line: what was read before this write lies before it. */
    requirement->bound = requirement->vector;
    requirement->bound_fresh = true;
    return 0;
}

void requirement_saw_leader(struct requirement *requirement)
{
    requirement->read_slot = SEEN_ELSEWHERE;
    requirement->bound_fresh = false;
}

void requirement_read(struct requirement *requirement, int slot, uint32_t generation, bool moved)
{
    /* An eventual read elsewhere, or a restart since the decision: nothing was proven, so the next
     * read is a move again, on this server too. */
    bool unproven = !moved && requirement_is_move(requirement, slot, generation);
    if (moved)
        /* Both hold at most GTID_DOMAINS_MAX domains of one cluster; a domain that finds no room is
         * one that the board never covers, so the vector errs on no side. */
        (void)!gtid_vector_merge(&requirement->vector, &requirement->bound);
    requirement->read_slot = unproven ? SEEN_ELSEWHERE : slot;
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
    if (leader->count > 1)
        requirement->several_domains = true;
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
