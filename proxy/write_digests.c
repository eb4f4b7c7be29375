/* Statements that looked like reads and turned out to write: see write_digests.h. */
#include "proxy/write_digests.h"

#include "proxy/base/memory.h"

#include <stdlib.h>

enum { BUCKETS = 1024, WAYS = 4 };

struct write_digests {
    bool any; /* the common case is an empty table: one look */
    uint8_t next[BUCKETS];
    uint64_t digest[BUCKETS][WAYS];
};

struct write_digests *write_digests_new(void)
{
    return memory_zalloc(sizeof(struct write_digests));
}

void write_digests_free(struct write_digests *digests)
{
    free(digests);
}

void write_digests_add(struct write_digests *digests, uint64_t digest)
{
    if (write_digests_has(digests, digest))
        return;
    unsigned bucket = digest % BUCKETS;
    digests->digest[bucket][digests->next[bucket]++ % WAYS] = digest;
    digests->any = true;
}

bool write_digests_has(const struct write_digests *digests, uint64_t digest)
{
    if (!digests->any)
        return false;
    const uint64_t *ways = digests->digest[digest % BUCKETS];
    for (int i = 0; i < WAYS; i++)
        if (ways[i] == digest)
            return true;
    return false;
}
