/* Which server runs this statement: see select.h.
 *
 *   pinned follower covers what it must?      -> it
 *   any follower covers the vector?           -> (a move: fetch a bound if none is fresh)
 *       another follower covers the bound?    -> it, and the pin moves
 *   worth waiting for?                        -> wait, woken by the board
 *   otherwise                                 -> the leader, once it shows what was seen */
#include "router/select.h"

static struct route route_to(int server, bool move)
{
    return (struct route){.kind = ROUTE_SERVER, .server = server, .move = move};
}

static struct route route_none(const char *why)
{
    return (struct route){.kind = ROUTE_NONE, .server = -1, .why = why};
}

static bool excluded(const struct route_request *request, const struct topology_server *server)
{
    return request->excluded_slots >> server->slot & 1;
}

static bool may_serve(const struct route_request *request, const struct topology_server *server)
{
    return server->role == ROLE_FOLLOWER && server->in_rotation && !excluded(request, server);
}

/* A follower of weight 0 is there for rules and hints alone. */
static bool usable(const struct route_request *request, const struct topology_server *server)
{
    return server->weight > 0 && may_serve(request, server);
}

static bool leader_usable(const struct topology *topology, const struct route_request *request)
{
    return topology->leader >= 0 && !excluded(request, &topology->servers[topology->leader]);
}

/* Every promise but eventual holds on the leader too: its log runs ahead of what it shows. */
static struct route to_leader(const struct topology *topology, const struct route_request *request)
{
    if (!leader_usable(topology, request))
        return (struct route){.kind = ROUTE_WAIT_LEADER, .server = -1};
    if (!request->plain || request->consistency == CONSISTENCY_EVENTUAL ||
        requirement_leader_shows(request->requirement, request->proof))
        return route_to(topology->leader, false);
    if (!request->shown_failed)
        return (struct route){.kind = ROUTE_SHOWN, .server = -1};
    return route_none("the leader does not show yet what this session has already seen");
}

/* Lower is better: statements under way (or the probe's latency), by weight. */
static uint64_t cost(const struct route_request *request, const struct topology_server *server)
{
    uint64_t load = 1;
    if (request->policy->balance == BALANCE_LEAST_BUSY)
        load = (uint64_t)request->busy[server->slot] + 1;
    else if (request->policy->balance == BALANCE_LATENCY)
        load = (uint64_t)server->latency_us + 1;
    return load * 1000000u / (server->weight ? server->weight : 1u);
}

/* A pick among servers fed to it one by one: the cheapest, or by weighted chance. */
struct pick {
    int server;
    uint64_t cost;
    uint64_t weights;
    uint32_t random;
};

static void pick_offer(struct pick *pick, const struct route_request *request, int index,
                       const struct topology_server *server)
{
    if (server->weight == 0)
        return;
    uint64_t offer = cost(request, server);
    if (request->policy->balance != BALANCE_RANDOM && pick->server >= 0 && offer > pick->cost)
        return;
    if (request->policy->balance != BALANCE_RANDOM && pick->server >= 0 && offer < pick->cost)
        pick->weights = 0;
    /* Among equals each new one replaces the last with chance weight / sum of weights so far. */
    pick->weights += server->weight;
    pick->random = pick->random * 1664525u + 1013904223u;
    if (pick->server < 0 || pick->weights == server->weight ||
        (pick->random >> 8) % pick->weights < server->weight) {
        pick->server = index;
        pick->cost = offer;
    }
}

static struct route refuse_without_follower(void)
{
    return route_none("no follower is in rotation, and reads_without_followers = refuse");
}

/* Reads that promise nothing: the pinned follower, or any. */
static struct route read_anywhere(const struct topology *topology,
                                  const struct route_request *request)
{
    struct pick pick = {.server = -1, .random = request->random};
    for (unsigned i = 0; i < topology->count; i++) {
        const struct topology_server *server = &topology->servers[i];
        if (!usable(request, server))
            continue;
        if ((int)server->slot == request->requirement->pin)
            return route_to((int)i, false);
        pick_offer(&pick, request, (int)i, server);
    }
    if (pick.server >= 0)
        return route_to(pick.server, false);
    if (request->policy->reads_without_followers == READS_WITHOUT_FOLLOWERS_REFUSE &&
        leader_usable(topology, request))
        return refuse_without_follower();
    return to_leader(topology, request);
}

/* What one look over the followers found out for a read that must see the requirement. */
struct survey {
    struct pick ready; /* cover what they must */
    bool need_bound;   /* some would do but for a bound that must be fetched */
    bool any_usable;
    bool worth_waiting; /* some could be there within causal_timeout */
    bool pin_ready;
    int pin_server;
    uint32_t generations[POSITIONS_SERVERS_MAX]; /* of the servers, as they were judged */
};

static void survey_follower(struct survey *survey, const struct positions *positions,
                            const struct route_request *request, int index,
                            const struct topology_server *server)
{
    const struct requirement *requirement = request->requirement;
    uint32_t generation = positions_generation(positions, server->slot);
    const struct gtid_vector *required =
        requirement_for(requirement, request->proof, (int)server->slot, generation);
    uint32_t lag_ms = positions_lag_ms(positions, server->slot);
    survey->any_usable = true;
    survey->generations[index] = generation;
    /* A move whose bound can't be fetched comes no nearer by waiting. */
    if ((required || !request->bound_failed) &&
        (lag_ms == UINT32_MAX || lag_ms <= request->policy->causal_timeout_ms))
        survey->worth_waiting = true;
    if (!required) {
        /* A strong read's fetch can't begin too early. Others wait for the vector first: then the
         * bound is fetched when there is somebody to meet it. */
        survey->need_bound =
            survey->need_bound || request->proof->strong ||
            positions_covers(positions, server->slot, generation, &requirement->vector);
    } else if (positions_covers(positions, server->slot, generation, required)) {
        pick_offer(&survey->ready, request, index, server);
        if ((int)server->slot == requirement->pin) {
            survey->pin_ready = true;
            survey->pin_server = index;
        }
    }
}

static struct route read_follower(const struct topology *topology,
                                  const struct route_request *request, int server,
                                  uint32_t generation)
{
    struct route route =
        route_to(server, requirement_is_move(request->requirement,
                                             (int)topology->servers[server].slot, generation));
    route.generation = generation;
    return route;
}

static struct route read_without_follower(const struct topology *topology,
                                          const struct route_request *request,
                                          const struct survey *survey)
{
    if (!survey->any_usable) {
        if (request->policy->reads_without_followers == READS_WITHOUT_FOLLOWERS_REFUSE)
            return refuse_without_follower();
        return to_leader(topology, request);
    }
    bool wait = request->policy->on_lag == ON_LAG_WAIT && !request->waited;
    /* Without a leader waiting is all that is left, whatever the lag is. */
    if (wait && (survey->worth_waiting || topology->leader < 0))
        return (struct route){.kind = ROUTE_WAIT, .server = -1};
    if (topology->leader < 0)
        return route_none("no follower has what this session has already seen, and there is no "
                          "leader to ask");
    return to_leader(topology, request);
}

static struct route read_session(const struct topology *topology, const struct positions *positions,
                                 const struct route_request *request)
{
    struct survey survey = {.ready = {.server = -1, .random = request->random}, .pin_server = -1};
    for (unsigned i = 0; i < topology->count; i++)
        if (usable(request, &topology->servers[i]) && !topology->servers[i].partial)
            survey_follower(&survey, positions, request, (int)i, &topology->servers[i]);
    int server = survey.pin_ready ? survey.pin_server : survey.ready.server;
    if (server >= 0)
        return read_follower(topology, request, server, survey.generations[server]);
    if (survey.need_bound && !request->bound_failed)
        return (struct route){.kind = ROUTE_BOUND, .server = -1};
    return read_without_follower(topology, request, &survey);
}

/* A number for another pick of the same statement, which must not follow from the first one. */
static uint32_t random_again(uint32_t random)
{
    random = (random ^ random >> 16) * 0x85ebca6bu;
    random = (random ^ random >> 13) * 0xc2b2ae35u;
    return random ^ random >> 16;
}

/* reads_on_leader = share: a session that has no follower yet may be given to the leader. */
static bool leader_takes_share(const struct topology *topology, const struct route_request *request)
{
    if (request->policy->reads_on_leader != READS_ON_LEADER_SHARE ||
        !leader_usable(topology, request))
        return false;
    const struct topology_server *leader = &topology->servers[topology->leader];
    if (request->requirement->pin >= 0)
        return request->requirement->pin == (int)leader->slot;
    struct pick pick = {.server = -1, .random = random_again(request->random)};
    pick_offer(&pick, request, topology->leader, leader);
    for (unsigned i = 0; i < topology->count; i++)
        if (usable(request, &topology->servers[i]))
            pick_offer(&pick, request, (int)i, &topology->servers[i]);
    return pick.server == topology->leader;
}

/* A rule or hint names the server; a follower must still see what the session's reads must. */
static struct route forced(const struct topology *topology, const struct positions *positions,
                           const struct route_request *request)
{
    const struct topology_server *server = &topology->servers[request->forced];
    if (request->forced == topology->leader)
        return to_leader(topology, request);
    if (!may_serve(request, server))
        return route_none("the server that the rule or hint names is not in rotation");
    if (request->consistency == CONSISTENCY_EVENTUAL)
        return route_to(request->forced, false);
    if (server->partial)
        return route_none("the server that the rule or hint names does not have all of the "
                          "leader's log: it takes eventual reads only");
    uint32_t generation = positions_generation(positions, server->slot);
    const struct gtid_vector *required =
        requirement_for(request->requirement, request->proof, (int)server->slot, generation);
    if (!required && !request->bound_failed)
        return (struct route){.kind = ROUTE_BOUND, .server = -1};
    if (required && positions_covers(positions, server->slot, generation, required))
        return read_follower(topology, request, request->forced, generation);
    if (!request->waited)
        return (struct route){.kind = ROUTE_WAIT, .server = -1};
    return route_none("the server that the rule or hint names did not catch up in causal_timeout");
}

struct route route_decide(const struct topology *topology, const struct positions *positions,
                          const struct route_request *request)
{
    if (request->forced >= 0)
        return forced(topology, positions, request);
    if (!request->read || leader_takes_share(topology, request))
        return to_leader(topology, request);
    if (request->consistency == CONSISTENCY_EVENTUAL)
        return read_anywhere(topology, request);
    return read_session(topology, positions, request);
}
