/* What the next read must see: see requirement.h. */
#include "router/requirement.h"

#include <errno.h>

void requirement_init(struct requirement *requirement)
{
    requirement->vector.count = 0;
    requirement->bound.count = 0;
    requirement->epoch = 0;
    requirement->seen = 0;
    requirement->bound_seen = 0;
    requirement->shown_seen = 0;
    requirement->read_slot = SEEN_NOTHING;
    requirement->read_generation = 0;
    requirement->pin = -1;
    requirement->several_domains = false;
    requirement->used = false;
}

/* --- what replies said --- */

int requirement_wrote(struct requirement *requirement, const struct gtid *gtid, bool one_domain,
                      struct proof *proof)
{
    int error = gtid_vector_raise(&requirement->vector, gtid);
    requirement->used = true;
    if (error) {
        requirement_saw_leader(requirement, proof);
        return error;
    }
    if (!one_domain || requirement->vector.count > 1)
        requirement->several_domains = true;
    if (requirement->several_domains || proof->seen != requirement->seen) {
        /* Its reply may have shown what another domain holds, or another connection has seen what
         * lies behind this write: no bound is known for that. */
        requirement_saw_leader(requirement, proof);
        return 0;
    }
    /* In one domain commit order is one line, and the leader shows in that order: what was seen
     * before this write was sent lies before it. */
    (void)!gtid_vector_merge(&requirement->bound, &requirement->vector);
    requirement->bound_seen = requirement->seen;
    requirement->shown_seen = requirement->seen;
    return 0;
}

void requirement_saw_leader(struct requirement *requirement, struct proof *proof)
{
    bool alone = proof->seen == requirement->seen;
    bool showed = requirement->shown_seen == requirement->seen;
    requirement->seen++;
    if (showed)
        requirement->shown_seen = requirement->seen;
    if (alone)
        proof->seen = requirement->seen;
    requirement->read_slot = SEEN_ELSEWHERE;
}

void requirement_read(struct requirement *requirement, int slot, uint32_t generation, bool moved)
{
    bool stays = !requirement_is_move(requirement, slot, generation);
    /* What other connections saw after the bound was asked for may lie behind it. */
    bool proven = moved && requirement->bound_seen == requirement->seen;
    if (moved)
        /* Both hold at most GTID_DOMAINS_MAX domains of one cluster; a domain that finds no room is
         * one that the board never covers, so the vector errs on no side. */
        (void)!gtid_vector_merge(&requirement->vector, &requirement->bound);
    requirement->read_slot = stays || proven ? slot : SEEN_ELSEWHERE;
    requirement->read_generation = generation;
    requirement->used = true;
    requirement->seen++;
}

void requirement_lost(struct requirement *requirement, int slot)
{
    if (requirement->read_slot == slot)
        requirement->read_slot = SEEN_ELSEWHERE;
}

/* --- what was asked for --- */

void requirement_bound(struct requirement *requirement, const struct gtid_vector *leader,
                       uint64_t seen)
{
    (void)!gtid_vector_merge(&requirement->bound, leader);
    if (leader->count > 1)
        requirement->several_domains = true;
    /* What was acknowledged is in the leader's log, but a token may come from elsewhere. */
    (void)!gtid_vector_merge(&requirement->bound, &requirement->vector);
    if (seen > requirement->bound_seen)
        requirement->bound_seen = seen;
}

void requirement_shown(struct requirement *requirement, uint64_t seen)
{
    if (seen > requirement->shown_seen)
        requirement->shown_seen = seen;
}

int requirement_add(struct requirement *requirement, const struct gtid_vector *token)
{
    struct gtid_vector sum = requirement->vector;
    if (gtid_vector_merge(&sum, token))
        return -E2BIG;
    if (sum.count > 1)
        requirement->several_domains = true;
    requirement->vector = sum;
    requirement->used = true;
    requirement->seen++; /* the leader may not show it yet, and no bound covers it */
    if (token->count > 0)
        requirement->epoch = REQUIREMENT_UNCHECKED;
    return 0;
}

int requirement_include(struct requirement *requirement, const struct requirement *own)
{
    if (gtid_vector_covers(&requirement->vector, &own->vector) || own->vector.count == 0)
        return 0;
    if (gtid_vector_merge(&requirement->vector, &own->vector) ||
        gtid_vector_merge(&requirement->bound, &own->vector)) {
        requirement_suspect(requirement);
        return -E2BIG;
    }
    if (requirement->vector.count > 1)
        requirement->several_domains = true;
    if (requirement->epoch != own->epoch)
        requirement->epoch = REQUIREMENT_UNCHECKED;
    requirement->used = true;
    return 0;
}

int requirement_wrote_elsewhere(struct requirement *requirement, const struct gtid *gtid)
{
    requirement->used = true;
    requirement->seen++; /* the bound that it has lacks this write */
    return gtid_vector_raise(&requirement->vector, gtid);
}

void requirement_suspect(struct requirement *requirement)
{
    requirement->read_slot = SEEN_ELSEWHERE;
    requirement->seen++;
}

/* --- what the next read needs --- */

bool requirement_is_move(const struct requirement *requirement, int slot, uint32_t generation)
{
    if (requirement->read_slot == SEEN_NOTHING)
        return false;
    return requirement->read_slot != slot || requirement->read_generation != generation;
}

static bool bound_holds(const struct requirement *requirement, const struct proof *proof)
{
    return (proof->bound_fetched && proof->epoch == requirement->epoch) ||
           (!proof->strong && requirement->bound_seen == requirement->seen);
}

const struct gtid_vector *requirement_for(const struct requirement *requirement,
                                          const struct proof *proof, int slot, uint32_t generation)
{
    if (!proof->strong && !requirement_is_move(requirement, slot, generation))
        return &requirement->vector;
    return bound_holds(requirement, proof) ? &requirement->bound : NULL;
}

bool requirement_leader_shows(const struct requirement *requirement, const struct proof *proof)
{
    return (proof->shown_fetched && proof->epoch == requirement->epoch) ||
           (!proof->strong && requirement->shown_seen == requirement->seen);
}

const struct gtid_vector *requirement_token(const struct requirement *requirement,
                                            const struct proof *proof)
{
    if (requirement->read_slot == SEEN_NOTHING && requirement->vector.count == 0)
        return &requirement->vector;
    return bound_holds(requirement, proof) ? &requirement->bound : NULL;
}

/* --- histories --- */

bool requirement_enter_epoch(struct requirement *requirement, uint64_t epoch)
{
    if (requirement->epoch == epoch ||
        (requirement->epoch > epoch && requirement->epoch != REQUIREMENT_UNCHECKED))
        return false;
    if (requirement->epoch != 0 && requirement->vector.count > 0)
        return true;
    if (requirement->epoch != 0) {
        requirement->bound.count = 0;
        requirement->seen++;
        if (requirement->read_slot != SEEN_NOTHING)
            requirement->read_slot = SEEN_ELSEWHERE;
    }
    requirement->epoch = epoch;
    return false;
}

/* Is that GTID in the log? -EINVAL for a malformed state. */
static int log_has(struct span state, const struct gtid_vector *position, const struct gtid *wanted)
{
    struct gtid last;
    int more;
    int has = gtid_vector_seq(position, wanted->domain) >= wanted->seq;
    while ((more = gtid_list_next(&state, &last)) > 0)
        if (last.domain == wanted->domain && last.server == wanted->server)
            has = last.seq >= wanted->seq;
    return more < 0 ? more : has;
}

int requirement_check(struct requirement *requirement, uint64_t epoch, struct span state,
                      const struct gtid_vector *position, struct gtid_vector *lost)
{
    struct gtid_vector kept = {.count = 0};
    lost->count = 0;
    for (uint32_t i = 0; i < requirement->vector.count; i++) {
        const struct gtid *gtid = &requirement->vector.slots[i];
        int has = log_has(state, position, gtid);
        if (has < 0)
            return has;
        struct gtid_vector *into = has ? &kept : lost;
        into->slots[into->count++] = *gtid;
    }
    requirement->vector = kept;
    requirement->bound.count = 0;
    requirement->epoch = epoch;
    requirement->seen++;
    if (requirement->read_slot != SEEN_NOTHING)
        requirement->read_slot = SEEN_ELSEWHERE;
    return (int)lost->count;
}
