/* The rules of detect.h. */
#include "router/cluster/detect.h"

#include <stdio.h>

/* Between two heartbeats nothing is to be heard of an idle leader. */
static bool hears(const struct witness *witness, uint32_t failover_after_ms)
{
    uint64_t patience_ms = 2 * (uint64_t)witness->heartbeat_period_ms;

    if (witness->disconnected)
        return false;
    if (patience_ms < failover_after_ms)
        patience_ms = failover_after_ms;
    return witness->unheard_ms < patience_ms;
}

enum leader_health leader_judge(const struct leader_signs *signs, uint32_t failover_after_ms,
                                char why[WHY_MAX * 2])
{
    why[0] = '\0';
    if (signs->answers)
        return LEADER_WELL;
    if (signs->silent_ms < failover_after_ms) {
        snprintf(why, WHY_MAX * 2, "%s does not answer (%s)", signs->name, signs->down_why);
        return LEADER_SILENT;
    }
    for (unsigned i = 0; i < signs->witness_count; i++) {
        if (hears(&signs->witnesses[i], failover_after_ms)) {
            snprintf(why, WHY_MAX * 2,
                     "%s does not answer Causeway (%s), but %s still hears from it: no reason to "
                     "replace it",
                     signs->name, signs->down_why, signs->witnesses[i].name);
            return LEADER_CUT;
        }
    }
    if (signs->witness_count == 0) {
        snprintf(why, WHY_MAX * 2,
                 "%s does not answer (%s), and no follower of it can be asked whether it hears it",
                 signs->name, signs->down_why);
        return LEADER_ALONE;
    }
    snprintf(why, WHY_MAX * 2, "%s does not answer (%s), and no follower hears from it",
             signs->name, signs->down_why);
    return LEADER_LOST;
}

const char *leader_health_name(enum leader_health health)
{
    static const char *const names[] = {"well", "silent", "cut off from Causeway",
                                        "silent, nobody to ask", "lost"};

    return names[health];
}
