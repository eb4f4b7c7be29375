/* Lag by time, from notes of the leader's position. */
#include "router/cluster/lag.h"

void lag_clear(struct lag_history *history)
{
    history->count = 0;
    history->answered_ms = 0;
}

static void samples_thin(struct lag_history *history)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < history->count; i += 2)
        history->samples[kept++] = history->samples[i];
    history->count = kept;
}

void lag_note(struct lag_history *history, const struct gtid_vector *position, uint64_t now_ms)
{
    const struct gtid_vector *newest = lag_newest(history);

    history->answered_ms = now_ms;
    if (newest != NULL && !gtid_vector_covers(newest, position)) {
        if (history->count == LAG_SAMPLES_MAX)
            samples_thin(history);
    } else if (newest != NULL) {
        if (gtid_vector_covers(position, newest))
            return;         /* the same: it was seen before */
        lag_clear(history); /* lower: the leader lost something, or its log was reset */
        history->answered_ms = now_ms;
    }
    history->samples[history->count].seen_ms = now_ms;
    history->samples[history->count].position = *position;
    history->count++;
}

uint32_t lag_of(const struct lag_history *history, const struct gtid_vector *confirmed,
                uint64_t now_ms, bool leader_answers)
{
    unsigned low = 0;
    unsigned high = history->count; /* the oldest note that is not covered lies in [low, high] */
    uint64_t until_ms = leader_answers ? now_ms : history->answered_ms;
    uint64_t lag_ms;

    if (history->count == 0)
        return UINT32_MAX;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (gtid_vector_covers(confirmed, &history->samples[middle].position))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == history->count || until_ms <= history->samples[low].seen_ms)
        return 0;
    lag_ms = until_ms - history->samples[low].seen_ms;
    return lag_ms < UINT32_MAX ? (uint32_t)lag_ms : UINT32_MAX - 1;
}

const struct gtid_vector *lag_newest(const struct lag_history *history)
{
    return history->count > 0 ? &history->samples[history->count - 1].position : NULL;
}
