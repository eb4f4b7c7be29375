/* Sets of GTIDs: sources (domains or UUIDs) sorted, each with sorted runs that neither touch nor
 * overlap. All operations keep that order, so most are one walk over two sorted lists. */
#include "binlog/gtid_set.h"

#include "binlog/cursor.h"
#include "proxy/base/memory.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const uint64_t MYSQL_SEQ_MAX = INT64_MAX;

/* --- memory --- */

void gtid_set_init(struct gtid_set *set, enum gtid_set_kind kind)
{
    *set = (struct gtid_set){.kind = kind};
}

void gtid_set_free(struct gtid_set *set)
{
    for (size_t i = 0; i < set->source_count; i++)
        free(set->sources[i].runs);
    free(set->sources);
    gtid_set_init(set, set->kind);
}

void gtid_set_copy(struct gtid_set *to, const struct gtid_set *from)
{
    struct gtid_set copy;

    gtid_set_init(&copy, from->kind);
    gtid_set_union(&copy, from);
    gtid_set_free(to);
    *to = copy;
}

/* --- runs of one source --- */

/* The first run that ends at or behind `seq`. */
static size_t run_place(const struct gtid_set_source *source, uint64_t seq)
{
    size_t low = 0;
    size_t high = source->run_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (source->runs[middle].last < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Replaces runs [at, at + gone) by `count` others. */
static void runs_splice(struct gtid_set_source *source, size_t at, size_t gone,
                        const struct gtid_run *others, size_t count)
{
    size_t behind = source->run_count - at - gone;
    size_t total = at + count + behind;

    source->run_count = total;
    if (total > source->run_cap) {
        source->run_cap = total * 2;
        source->runs = memory_resize(source->runs, source->run_cap * sizeof(*source->runs));
    }
    if (total == 0)
        return; /* with nothing to keep, there is nothing to move */
    assert(source->runs != NULL);
    if (behind > 0)
        memmove(&source->runs[at + count], &source->runs[at + gone],
                behind * sizeof(*source->runs));
    if (count > 0)
        memcpy(&source->runs[at], others, count * sizeof(*others));
}

static void run_add(struct gtid_set_source *source, struct gtid_run run)
{
    size_t at = run_place(source, run.first - 1); /* one that only touches counts, too */
    size_t gone = 0;

    while (at + gone < source->run_count &&
           (run.last == UINT64_MAX || source->runs[at + gone].first <= run.last + 1)) {
        const struct gtid_run *other = &source->runs[at + gone++];

        if (other->first < run.first)
            run.first = other->first;
        if (other->last > run.last)
            run.last = other->last;
    }
    runs_splice(source, at, gone, &run, 1);
}

static void run_remove(struct gtid_set_source *source, struct gtid_run run)
{
    size_t at = run_place(source, run.first);
    struct gtid_run kept[2];
    size_t kept_count = 0;
    size_t gone = 0;

    while (at + gone < source->run_count && source->runs[at + gone].first <= run.last) {
        const struct gtid_run *other = &source->runs[at + gone++];

        if (other->first < run.first)
            kept[kept_count++] = (struct gtid_run){other->first, run.first - 1};
        if (other->last > run.last)
            kept[kept_count++] = (struct gtid_run){run.last + 1, other->last};
    }
    if (gone > 0)
        runs_splice(source, at, gone, kept, kept_count);
}

static bool run_is_in(const struct gtid_set_source *source, struct gtid_run run)
{
    size_t at = run_place(source, run.first);

    return at < source->run_count && source->runs[at].first <= run.first &&
           source->runs[at].last >= run.last;
}

static uint64_t source_last(const struct gtid_set_source *source)
{
    return source->run_count > 0 ? source->runs[source->run_count - 1].last : 0;
}

/* --- sources of a set --- */

static int source_compare(enum gtid_set_kind kind, const struct gtid_set_source *a,
                          const struct gtid_set_source *b)
{
    if (kind == GTID_SET_MYSQL)
        return memcmp(a->uuid, b->uuid, GTID_UUID_BYTES);
    return (a->domain > b->domain) - (a->domain < b->domain);
}

static size_t source_place(const struct gtid_set *set, const struct gtid_set_source *key)
{
    size_t low = 0;
    size_t high = set->source_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (source_compare(set->kind, &set->sources[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* NULL: not there. */
static struct gtid_set_source *source_find(const struct gtid_set *set,
                                           const struct gtid_set_source *key)
{
    size_t at = source_place(set, key);

    if (at < set->source_count && source_compare(set->kind, &set->sources[at], key) == 0)
        return &set->sources[at];
    return NULL;
}

/* With the key's domain or UUID, made if needed. */
static struct gtid_set_source *source_get(struct gtid_set *set, const struct gtid_set_source *key)
{
    size_t at = source_place(set, key);

    if (at < set->source_count && source_compare(set->kind, &set->sources[at], key) == 0)
        return &set->sources[at];
    if (set->source_count == set->source_cap) {
        set->source_cap = set->source_cap > 0 ? set->source_cap * 2 : 4;
        set->sources = memory_resize(set->sources, set->source_cap * sizeof(*set->sources));
    }
    memmove(&set->sources[at + 1], &set->sources[at],
            (set->source_count - at) * sizeof(*set->sources));
    set->source_count++;
    set->sources[at] = (struct gtid_set_source){.domain = key->domain, .server = key->server};
    memcpy(set->sources[at].uuid, key->uuid, GTID_UUID_BYTES);
    return &set->sources[at];
}

static void sources_drop_empty(struct gtid_set *set)
{
    size_t kept = 0;

    for (size_t i = 0; i < set->source_count; i++) {
        if (set->sources[i].run_count > 0)
            set->sources[kept++] = set->sources[i];
        else
            free(set->sources[i].runs);
    }
    set->source_count = kept;
}

void gtid_set_add_run(struct gtid_set *set, const struct gtid_set_source *key, struct gtid_run run)
{
    struct gtid_set_source *source = source_get(set, key);

    if (run.last >= source_last(source))
        source->server = key->server;
    run_add(source, run);
}

/* --- questions and changes --- */

static struct gtid_set_source uuid_key(const uint8_t uuid[GTID_UUID_BYTES])
{
    struct gtid_set_source key = {.run_count = 0};

    memcpy(key.uuid, uuid, GTID_UUID_BYTES);
    return key;
}

void gtid_set_add(struct gtid_set *set, const struct gtid *gtid)
{
    const struct gtid_set_source key = {.domain = gtid->domain, .server = gtid->server};

    if (gtid->seq > 0 && set->kind == GTID_SET_MARIADB)
        gtid_set_add_run(set, &key, (struct gtid_run){gtid->seq, gtid->seq});
}

void gtid_set_add_uuid(struct gtid_set *set, const uint8_t uuid[GTID_UUID_BYTES], uint64_t seq)
{
    const struct gtid_set_source key = uuid_key(uuid);

    if (seq > 0 && set->kind == GTID_SET_MYSQL)
        gtid_set_add_run(set, &key, (struct gtid_run){seq, seq});
}

static bool set_has(const struct gtid_set *set, const struct gtid_set_source *key, uint64_t seq)
{
    const struct gtid_set_source *source = source_find(set, key);

    return source != NULL && seq > 0 && run_is_in(source, (struct gtid_run){seq, seq});
}

bool gtid_set_has(const struct gtid_set *set, const struct gtid *gtid)
{
    const struct gtid_set_source key = {.domain = gtid->domain};

    return set->kind == GTID_SET_MARIADB && set_has(set, &key, gtid->seq);
}

bool gtid_set_has_uuid(const struct gtid_set *set, const uint8_t uuid[GTID_UUID_BYTES],
                       uint64_t seq)
{
    const struct gtid_set_source key = uuid_key(uuid);

    return set->kind == GTID_SET_MYSQL && set_has(set, &key, seq);
}

bool gtid_set_is_empty(const struct gtid_set *set)
{
    return set->source_count == 0;
}

bool gtid_set_equal(const struct gtid_set *a, const struct gtid_set *b)
{
    return gtid_set_contains(a, b) && gtid_set_contains(b, a);
}

static bool source_contains(const struct gtid_set_source *source,
                            const struct gtid_set_source *part)
{
    for (size_t i = 0; i < part->run_count; i++) {
        if (!run_is_in(source, part->runs[i]))
            return false;
    }
    return true;
}

bool gtid_set_contains(const struct gtid_set *set, const struct gtid_set *part)
{
    if (set->kind != part->kind)
        return false;
    for (size_t i = 0; i < part->source_count; i++) {
        const struct gtid_set_source *source = source_find(set, &part->sources[i]);

        if (source == NULL || !source_contains(source, &part->sources[i]))
            return false;
    }
    return true;
}

void gtid_set_union(struct gtid_set *set, const struct gtid_set *other)
{
    if (set->kind != other->kind || set == other)
        return;
    for (size_t i = 0; i < other->source_count; i++) {
        const struct gtid_set_source *source = &other->sources[i];

        for (size_t run = source->run_count; run > 0; run--) /* highest first: its server counts */
            gtid_set_add_run(set, source, source->runs[run - 1]);
    }
}

void gtid_set_subtract(struct gtid_set *set, const struct gtid_set *other)
{
    if (set->kind != other->kind)
        return;
    if (set == other) {
        gtid_set_free(set);
        return;
    }
    for (size_t i = 0; i < other->source_count; i++) {
        struct gtid_set_source *source = source_find(set, &other->sources[i]);

        for (size_t run = 0; source != NULL && run < other->sources[i].run_count; run++)
            run_remove(source, other->sources[i].runs[run]);
    }
    sources_drop_empty(set);
}

int gtid_set_position(const struct gtid_set *set, struct gtid_vector *out)
{
    *out = (struct gtid_vector){.count = 0};
    if (set->kind != GTID_SET_MARIADB)
        return 0;
    for (size_t i = 0; i < set->source_count; i++) {
        const struct gtid_set_source *source = &set->sources[i];
        const struct gtid last = {
            .domain = source->domain, .server = source->server, .seq = source_last(source)};

        if (gtid_vector_raise(out, &last) < 0)
            return -E2BIG;
    }
    return 0;
}

/* The body: how many UUIDs, then each with its runs, whose ends are one behind the last. Newer
 * servers tell another format (with tags) in the count's upper bytes. */
static int decode_into(struct gtid_set *set, struct cursor *cursor)
{
    uint64_t uuid_count = cursor_u64(cursor);

    if (uuid_count >> 56 != 0)
        return -ENOTSUP;
    for (uint64_t i = 0; i < uuid_count; i++) {
        struct span uuid = cursor_take(cursor, GTID_UUID_BYTES);
        uint64_t run_count = cursor_u64(cursor);
        struct gtid_set_source key;

        if (cursor->is_short || run_count > cursor_left(cursor) / 16)
            return -EINVAL;
        key = uuid_key(uuid.data);
        for (uint64_t run = 0; run < run_count; run++) {
            uint64_t first = cursor_u64(cursor);
            uint64_t end = cursor_u64(cursor);

            if (first == 0 || end <= first || end - 1 > MYSQL_SEQ_MAX)
                return -EINVAL;
            gtid_set_add_run(set, &key, (struct gtid_run){first, end - 1});
        }
    }
    return cursor_left(cursor) > 0 || cursor->is_short ? -EINVAL : 0;
}

int gtid_set_decode(struct gtid_set *set, struct span bytes)
{
    struct cursor cursor = cursor_of(bytes);
    struct gtid_set decoded;
    int result;

    gtid_set_init(&decoded, GTID_SET_MYSQL);
    result = decode_into(&decoded, &cursor);
    if (result < 0) {
        gtid_set_free(&decoded);
        return result;
    }
    gtid_set_free(set);
    *set = decoded;
    return 0;
}
