/* Snapshots of the cluster: making, sharing and finding in them. */
#include "router/topology.h"

#include "proxy/base/memory.h"

#include <assert.h>
#include <stdlib.h>

struct topology *topology_new(unsigned count)
{
    struct topology *topology =
        memory_zalloc(sizeof(*topology) + count * sizeof(topology->servers[0]));

    atomic_init(&topology->references, 1);
    topology->leader = -1;
    topology->count = count;
    return topology;
}

struct topology *topology_ref(struct topology *topology)
{
    unsigned before = atomic_fetch_add_explicit(&topology->references, 1, memory_order_relaxed);

    assert(before > 0);
    return topology;
}

void topology_unref(struct topology *topology)
{
    unsigned before;

    if (topology == NULL)
        return;
    before = atomic_fetch_sub_explicit(&topology->references, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1)
        free(topology);
}

int topology_by_name(const struct topology *topology, struct span name)
{
    for (unsigned i = 0; i < topology->count; i++) {
        if (span_equal(span_text(topology->servers[i].name), name))
            return (int)i;
    }
    return -1;
}

int topology_by_slot(const struct topology *topology, unsigned slot)
{
    for (unsigned i = 0; i < topology->count; i++) {
        if (topology->servers[i].slot == slot)
            return (int)i;
    }
    return -1;
}
