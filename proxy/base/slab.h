/* A slab: objects of one size, kept on a free list when given back. One thread. Memory goes back
 * to the system when the slab is closed, or when more than `keep` objects lie free. */
#ifndef CAUSEWAY_BASE_SLAB_H
#define CAUSEWAY_BASE_SLAB_H

#include <stddef.h>

struct slab_free;

struct slab {
    size_t object_bytes;
    size_t keep;
    size_t free_count;
    size_t used_count;
    struct slab_free *free_objects;
};

void slab_init(struct slab *slab, size_t object_bytes, size_t keep);

/* Frees the free list; every object must have been given back. */
void slab_close(struct slab *slab);

/* A zeroed object. */
void *slab_get(struct slab *slab);
void slab_put(struct slab *slab, void *memory);

#endif
