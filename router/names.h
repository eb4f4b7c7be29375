/* Names of things that stand in schemas, each with bits that say what is known of it. They are
 * compared without regard to the case of ASCII letters: too much is found where servers tell cases
 * apart, never too little. Pure. */
#ifndef CAUSEWAY_ROUTER_NAMES_H
#define CAUSEWAY_ROUTER_NAMES_H

#include "proxy/base/bytes.h"

struct name_entry;

/* All zero: empty. */
struct names {
    unsigned bits;       /* of all entries */
    size_t count;        /* entries */
    uint64_t digest;     /* of all, in any order the same */
    size_t bucket_count; /* a power of two */
    struct name_entry **buckets;
};

void names_free(struct names *names);
/* One more entry; a name may have several. Copies. */
void names_add(struct names *names, unsigned bits, struct span schema, struct span name);
void names_add_all(struct names *names, const struct names *others);
/* All bits of that name; `schema` without data: of that name in any. 0: there is none. */
unsigned names_find(const struct names *names, struct span schema, struct span name);

#endif
