/* A slab: see slab.h. */
#include "proxy/base/slab.h"

#include "proxy/base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct slab_free {
    struct slab_free *next;
};

void slab_init(struct slab *slab, size_t object_bytes, size_t keep)
{
    assert(object_bytes >= sizeof(struct slab_free));
    *slab = (struct slab){.object_bytes = object_bytes, .keep = keep};
}

void slab_close(struct slab *slab)
{
    assert(slab->used_count == 0);
    while (slab->free_objects) {
        struct slab_free *object = slab->free_objects;
        slab->free_objects = object->next;
        free(object);
    }
    slab->free_count = 0;
}

void *slab_get(struct slab *slab)
{
    slab->used_count++;
    struct slab_free *object = slab->free_objects;
    if (!object)
        return memory_zalloc(slab->object_bytes);
    slab->free_objects = object->next;
    slab->free_count--;
    memset(object, 0, slab->object_bytes);
    return object;
}

void slab_put(struct slab *slab, void *memory)
{
    assert(slab->used_count > 0);
    slab->used_count--;
    if (slab->free_count >= slab->keep) {
        free(memory);
        return;
    }
    struct slab_free *object = memory;
    object->next = slab->free_objects;
    slab->free_objects = object;
    slab->free_count++;
}
