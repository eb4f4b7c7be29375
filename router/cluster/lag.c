/* Lag by time, from notes of the leader's position. */
#include "router/cluster/lag.h"

void lag_clear(struct lag_history *history)
{
    history->count = 0;
    history->answered_ms = 0;
}

/* Drops the note that is missed least: the one whose neighbours are closest to each other, measured
 * by how old they are. So long lag is known as exactly, in proportion, as short lag. The oldest
 * stays. */
static void sample_drop(struct lag_history *history, uint64_t now_ms)
{
    unsigned least = 1;
    double least_share = 2;

    for (unsigned i = 1; i + 1 < history->count; i++) {
        uint64_t before_ms = history->samples[i - 1].seen_ms;
        uint64_t gap_ms = history->samples[i + 1].seen_ms - before_ms;
        double share = (double)gap_ms / (double)(now_ms - before_ms + 1);

        if (share < least_share) {
            least = i;
            least_share = share;
        }
    }
    history->count--;
    memmove(&history->samples[least], &history->samples[least + 1],
            (history->count - least) * sizeof(history->samples[0]));
}

void lag_note(struct lag_history *history, const struct gtid_vector *position, uint64_t now_ms)
{
    const struct gtid_vector *newest = lag_newest(history);

    history->answered_ms = now_ms;
    if (newest != NULL && !gtid_vector_covers(newest, position)) {
        if (history->count == LAG_SAMPLES_MAX)
            sample_drop(history, now_ms);
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
