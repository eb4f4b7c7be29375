/* From what the control thread knows to the immutable snapshot that the workers use. */
#include "proxy/base/clock.h"
#include "router/cluster/state.h"

#include <stdio.h>
#include <stdlib.h>

enum { COSMETIC_INTERVAL_MS = 2000 };

static void server_fill(const struct cluster *cluster, const struct server *server,
                        struct topology_server *out)
{
    snprintf(out->name, sizeof(out->name), "%s", server->name);
    snprintf(out->address_text, sizeof(out->address_text), "%s", server->address_text);
    out->address = server->place.address;
    out->address_len = server->place.address_len;
    out->slot = server->slot;
    out->generation = positions_generation(cluster->positions, server->slot);
    out->weight = server->weight;
    out->server_id = server->last.server_id;
    out->role = server->verdict.role;
    out->reachable = server->reachable;
    out->in_rotation = server->verdict.in_rotation;
    out->drained = server->drained;
    out->partial = server->verdict.partial;
    out->latency_us = server->latency_us;
    out->skip_name_resolve = server->last.skip_name_resolve;
    snprintf(out->version, sizeof(out->version), "%s", server->last.version);
    snprintf(out->why, sizeof(out->why), "%s", server->verdict.why);
    defaults_difference(cluster->defaults, server->last.defaults, out->defaults,
                        sizeof(out->defaults));
}

static struct topology *snapshot_make(const struct cluster *cluster)
{
    struct topology *topology = topology_new(cluster->count);

    topology->epoch = cluster->epoch;
    topology->barrier = cluster->failover.barrier;
    topology->committed_isolation = cluster->committed_isolation;
    topology->defaults_version = cluster->defaults_version;
    for (unsigned i = 0; i < cluster->count; i++) {
        server_fill(cluster, cluster->servers[i], &topology->servers[i]);
        if (cluster->leader_slot == (int)cluster->servers[i]->slot &&
            cluster->failover.barrier == BARRIER_NONE)
            topology->leader = (int)i;
    }
    snprintf(topology->version, sizeof(topology->version), "%s", cluster->version);
    snprintf(topology->tracked_variables, sizeof(topology->tracked_variables), "%s",
             cluster->tracked_variables);
    return topology;
}

static bool server_same(const struct topology_server *a, const struct topology_server *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->address_text, b->address_text) == 0 &&
           a->address_len == b->address_len &&
           memcmp(&a->address, &b->address, a->address_len) == 0 && a->slot == b->slot &&
           a->generation == b->generation && a->weight == b->weight &&
           a->server_id == b->server_id && a->role == b->role && a->reachable == b->reachable &&
           a->in_rotation == b->in_rotation && a->drained == b->drained &&
           a->partial == b->partial && a->skip_name_resolve == b->skip_name_resolve &&
           strcmp(a->version, b->version) == 0;
}

static bool topology_same(const struct topology *a, const struct topology *b)
{
    if (a->epoch != b->epoch || a->leader != b->leader || a->barrier != b->barrier ||
        a->count != b->count || a->committed_isolation != b->committed_isolation ||
        a->defaults_version != b->defaults_version || strcmp(a->version, b->version) != 0 ||
        strcmp(a->tracked_variables, b->tracked_variables) != 0)
        return false;
    for (unsigned i = 0; i < a->count; i++) {
        if (!server_same(&a->servers[i], &b->servers[i]))
            return false;
    }
    return true;
}

/* Latency counts as another when it changed by half, and by 200 us. */
static bool cosmetics_same(const struct topology *a, const struct topology *b)
{
    for (unsigned i = 0; i < a->count; i++) {
        uint32_t old = a->servers[i].latency_us;
        uint32_t new = b->servers[i].latency_us;
        uint32_t step = old > new ? old - new : new - old;

        if (strcmp(a->servers[i].why, b->servers[i].why) != 0 || (step > 200 && step > old / 2))
            return false;
    }
    return true;
}

static bool everyone_probed(const struct cluster *cluster)
{
    for (unsigned i = 0; i < cluster->count; i++) {
        if (!cluster->servers[i]->probed)
            return false;
    }
    return true;
}

void cluster_publish(struct cluster *cluster)
{
    uint64_t now_ms = clock_now_ms();
    struct topology *topology;

    if (!cluster->started && cluster->leader_slot < 0 && !everyone_probed(cluster))
        return; /* half a picture would turn early clients away */
    topology = snapshot_make(cluster);
    if (cluster->published != NULL && topology_same(cluster->published, topology) &&
        (cosmetics_same(cluster->published, topology) ||
         now_ms - cluster->published_ms < COSMETIC_INTERVAL_MS)) {
        topology_unref(topology);
        return;
    }
    cluster->started = true;
    topology_unref(cluster->published);
    cluster->published = topology_ref(topology);
    cluster->published_ms = now_ms;
    cluster->events.topology(topology, cluster->events.context);
}
