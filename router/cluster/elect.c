/* The rules of elect.h. */
#include "router/cluster/elect.h"

#include <stdio.h>

uint64_t history_last(const char *history, uint32_t domain, uint32_t server)
{
    struct span rest = span_text(history);
    struct gtid gtid;

    while (gtid_list_next(&rest, &gtid) == 1) {
        if (gtid.domain == domain && gtid.server == server)
            return gtid.seq;
    }
    return 0;
}

bool history_extra(const char *history, const char *reference, uint32_t except, struct gtid *extra)
{
    struct span rest = span_text(history);

    while (gtid_list_next(&rest, extra) == 1) {
        if ((except == 0 || extra->server != except) &&
            extra->seq > history_last(reference, extra->domain, extra->server))
            return true;
    }
    return false;
}

/* Nobody knows what the leader had: what this server alone has of its own is taken for errant. */
static bool alone_with(const struct candidate *candidates, unsigned count, unsigned index,
                       struct gtid *extra)
{
    struct span rest = span_text(candidates[index].history);
    unsigned others = 0;

    while (gtid_list_next(&rest, extra) == 1) {
        unsigned holders = 0;

        if (extra->server != candidates[index].server_id)
            continue;
        others = 0;
        for (unsigned i = 0; i < count; i++) {
            if (i == index || !candidates[i].stands)
                continue;
            others++;
            holders +=
                history_last(candidates[i].history, extra->domain, extra->server) >= extra->seq;
        }
        if (others > 0 && holders == 0)
            return true;
    }
    return false;
}

static void judge(struct candidate *candidates, unsigned count, unsigned index, uint32_t leader_id,
                  const char *leader_history)
{
    struct candidate *candidate = &candidates[index];
    struct gtid extra;
    char text[GTID_TEXT_MAX];

    if (!candidate->stands)
        return; /* the caller said why */
    candidate->why_not[0] = '\0';
    candidate->errant = leader_history != NULL
                            ? history_extra(candidate->history, leader_history, leader_id, &extra)
                            : alone_with(candidates, count, index, &extra);
    if (candidate->errant) {
        gtid_print(&extra, text);
        snprintf(candidate->why_not, WHY_MAX,
                 "it has transactions that the leader's history does not hold, up to %s", text);
    } else if (candidate->promotable == PROMOTABLE_NO) {
        snprintf(candidate->why_not, WHY_MAX, "it must not (promotable), or another was named");
    } else if (!candidate->log_bin) {
        snprintf(candidate->why_not, WHY_MAX,
                 "log_bin or log_slave_updates is off: others could not follow it");
    }
}

/* Further, or as far and preferred. Where each is further in one domain the first stays. */
static bool better(const struct candidate *a, const struct candidate *b)
{
    bool a_covers = gtid_vector_covers(&a->received, &b->received);
    bool b_covers = gtid_vector_covers(&b->received, &a->received);

    if (a_covers != b_covers)
        return a_covers;
    return a_covers && a->promotable == PROMOTABLE_PREFER && b->promotable != PROMOTABLE_PREFER;
}

int elect(struct candidate *candidates, unsigned count, uint32_t leader_id,
          const char *leader_history)
{
    int winner = -1;

    for (unsigned i = 0; i < count; i++)
        judge(candidates, count, i, leader_id, leader_history);
    for (unsigned i = 0; i < count; i++) {
        if (candidates[i].stands && candidates[i].why_not[0] == '\0' &&
            (winner < 0 || better(&candidates[i], &candidates[winner])))
            winner = (int)i;
    }
    return winner;
}
