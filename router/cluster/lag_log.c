/* Lag from the leader's log: see lag_log.h. */
#include "router/cluster/lag_log.h"

#include "proxy/base/memory.h"

#include <assert.h>
#include <stdlib.h>

enum { JOINED_US = 1000 }; /* transactions within it share an entry */

void lag_log_clear(struct lag_log *log)
{
    for (unsigned i = 0; i < log->count; i++)
        free(log->domains[i]);
    memset(log, 0, sizeof(*log));
}

static struct lag_domain *domain_find(const struct lag_log *log, uint32_t domain)
{
    for (unsigned i = 0; i < log->count; i++) {
        if (log->domains[i]->domain == domain)
            return log->domains[i];
    }
    return NULL;
}

/* NULL when there is no room for another. */
static struct lag_domain *domain_new(struct lag_log *log, uint32_t domain, uint64_t seq,
                                     uint64_t us)
{
    struct lag_domain *made;

    if (log->count == GTID_DOMAINS_MAX)
        return NULL;
    made = memory_zalloc(sizeof(*made));
    made->domain = domain;
    made->base_seq = seq;
    made->base_us = us;
    log->domains[log->count++] = made;
    return made;
}

static uint64_t newest_seq(const struct lag_domain *domain)
{
    return domain->count > 0 ? domain->entries[domain->count - 1].seq_last : domain->base_seq;
}

static uint64_t newest_us(const struct lag_domain *domain)
{
    return domain->count > 0 ? domain->entries[domain->count - 1].us_last : domain->base_us;
}

static uint64_t newest_count(const struct lag_domain *domain)
{
    return domain->count > 0 ? domain->entries[domain->count - 1].count_to : domain->base_seq;
}

/* --- entries --- */

static void entry_join(struct lag_entry *entry, const struct lag_entry *later)
{
    entry->seq_last = later->seq_last;
    entry->us_last = later->us_last;
    entry->count += later->count;
    entry->count_to = later->count_to;
}

/* Joins pairs of neighbours in the older half: a quarter of the room becomes free, and the older
 * the time is, the more coarsely it is known. */
static void domain_thin(struct lag_domain *domain)
{
    unsigned half = domain->count / 2 & ~1u;
    unsigned kept = 0;

    for (unsigned i = 0; i < half; i += 2) {
        struct lag_entry joined = domain->entries[i];

        entry_join(&joined, &domain->entries[i + 1]);
        domain->entries[kept++] = joined;
    }
    memmove(&domain->entries[kept], &domain->entries[half],
            (domain->count - half) * sizeof(domain->entries[0]));
    domain->count -= half - kept;
}

static void entry_append(struct lag_domain *domain, const struct lag_entry *entry)
{
    if (domain->count == LAG_LOG_ENTRIES)
        domain_thin(domain);
    domain->entries[domain->count++] = *entry;
}

void lag_log_add(struct lag_log *log, const struct gtid *gtid, uint64_t us)
{
    struct lag_domain *domain = domain_find(log, gtid->domain);
    struct lag_entry entry;
    struct lag_entry *last;

    if (domain == NULL) /* the leader's position at the base has none of it: there was none */
        domain = domain_new(log, gtid->domain, 0, us);
    if (domain == NULL || gtid->seq <= newest_seq(domain))
        return;
    if (us < newest_us(domain))
        us = newest_us(domain);
    entry = (struct lag_entry){
        .seq_first = gtid->seq,
        .seq_last = gtid->seq,
        .us_first = us,
        .us_last = us,
        .count = 1,
        .count_to = newest_count(domain) + 1,
    };
    last = domain->count > 0 ? &domain->entries[domain->count - 1] : NULL;
    if (last != NULL && us - last->us_first < JOINED_US)
        entry_join(last, &entry);
    else
        entry_append(domain, &entry);
}

/* --- where the stream begins --- */

static void domain_base(struct lag_log *log, const struct gtid *gtid, uint64_t now_us)
{
    struct lag_domain *domain = domain_find(log, gtid->domain);
    struct lag_entry missed;

    if (domain == NULL) {
        (void)domain_new(log, gtid->domain, gtid->seq, now_us);
        return;
    }
    if (gtid->seq < newest_seq(domain)) {
        domain->count = 0;
        domain->base_seq = gtid->seq;
        domain->base_us = now_us;
        return;
    }
    if (gtid->seq == newest_seq(domain))
        return;
    missed = (struct lag_entry){
        .seq_first = newest_seq(domain) + 1,
        .seq_last = gtid->seq,
        .us_first = newest_us(domain),
        .us_last = now_us,
        .count = gtid->seq - newest_seq(domain),
        .count_to = newest_count(domain) + (gtid->seq - newest_seq(domain)),
    };
    entry_append(domain, &missed);
}

void lag_log_base(struct lag_log *log, const struct gtid_vector *position, uint64_t now_us)
{
    for (unsigned i = 0; i < log->count;) {
        if (gtid_vector_seq(position, log->domains[i]->domain) > 0) {
            i++;
            continue;
        }
        free(log->domains[i]);
        log->domains[i] = log->domains[--log->count];
    }
    for (uint32_t i = 0; i < position->count; i++)
        domain_base(log, &position->slots[i], now_us);
}

void lag_log_seed(struct lag_log *log, uint32_t domain_number, uint64_t seq, uint64_t us)
{
    struct lag_domain *domain = domain_find(log, domain_number);
    struct lag_entry before;

    if (domain == NULL || seq == 0 || seq > domain->base_seq)
        return;
    if (us > domain->base_us)
        us = domain->base_us;
    before = (struct lag_entry){
        .seq_first = seq,
        .seq_last = domain->base_seq,
        .us_first = us,
        .us_last = domain->base_us,
        .count = domain->base_seq - seq + 1,
        .count_to = domain->base_seq,
    };
    if (domain->count > 0)
        before.count_to = domain->entries[0].count_to - domain->entries[0].count;
    if (domain->count == LAG_LOG_ENTRIES)
        domain_thin(domain);
    memmove(&domain->entries[1], &domain->entries[0], domain->count * sizeof(domain->entries[0]));
    domain->entries[0] = before;
    domain->count++;
    domain->base_seq = seq - 1;
    domain->base_us = us;
}

/* --- what a follower is missing --- */

/* The first entry that holds something beyond `seq`; domain->count when none does. */
static unsigned entry_find(const struct lag_domain *domain, uint64_t seq)
{
    unsigned low = 0;
    unsigned high = domain->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (domain->entries[middle].seq_last <= seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The time of the transaction right behind `seq`, which is before the entry's last. */
static uint64_t entry_time(const struct lag_entry *entry, uint64_t seq)
{
    uint64_t span_seq = entry->seq_last - entry->seq_first;

    if (seq < entry->seq_first || span_seq == 0)
        return entry->us_first;
    return entry->us_first + (uint64_t)((double)(entry->us_last - entry->us_first) *
                                        (double)(seq + 1 - entry->seq_first) / (double)span_seq);
}

static void domain_lag(const struct lag_domain *domain, uint64_t seq, uint64_t now_us,
                       struct lag_found *found)
{
    unsigned at = entry_find(domain, seq);
    uint64_t since_us = domain->base_us;
    uint64_t missing = newest_count(domain);
    const struct lag_entry *entry = at < domain->count ? &domain->entries[at] : NULL;

    if (seq >= newest_seq(domain))
        return;
    if (seq < domain->base_seq) {
        missing -= domain->count > 0 ? domain->entries[0].count_to - domain->entries[0].count
                                     : domain->base_seq;
        missing += domain->base_seq - seq;
        if (!found->older) {
            found->older = true;
            found->older_domain = domain->domain;
            found->older_seq = seq;
        }
    } else {
        uint64_t left;

        assert(entry != NULL); /* something newer than `seq`, beyond the base, is in an entry */
        left = entry->seq_last - (seq < entry->seq_first ? entry->seq_first - 1 : seq);
        missing -= entry->count_to;
        missing += left < entry->count ? left : entry->count;
        since_us = entry_time(entry, seq);
    }
    found->transactions += missing;
    if (now_us > since_us && now_us - since_us > found->lag_us)
        found->lag_us = now_us - since_us;
}

void lag_log_find(const struct lag_log *log, const struct gtid_vector *confirmed, uint64_t now_us,
                  struct lag_found *found)
{
    memset(found, 0, sizeof(*found));
    for (unsigned i = 0; i < log->count; i++)
        domain_lag(log->domains[i], gtid_vector_seq(confirmed, log->domains[i]->domain), now_us,
                   found);
}
