/* Which server runs a statement: scenes of a leader and two followers, in tables. */
#include "router/select.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* Who is meant in a scene; the index into the topology is one less. */
enum who { NOBODY, LEADER, F1, F2, A_FOLLOWER, ELSEWHERE };

enum scene_flags {
    WRITE = 1 << 0,
    EVENTUAL = 1 << 1,
    WAITED = 1 << 2,
    BOUND_FAILED = 1 << 3,
    ON_LAG_IS_LEADER = 1 << 4,
    REFUSE = 1 << 5,
    SHARE = 1 << 6,
    NO_LEADER = 1 << 7,
    LEADER_FAILED = 1 << 8, /* excluded: just failed this statement */
    F1_FAILED = 1 << 9,
    F2_FAILED = 1 << 10,
    F1_OUT = 1 << 11, /* not in rotation */
    F2_OUT = 1 << 12,
    F1_RESTARTED = 1 << 13, /* its incarnation changed after the last read, position as given */
    F1_WEIGHT_0 = 1 << 14,
    F2_WEIGHT_0 = 1 << 15,
    F1_UNKNOWN = 1 << 16, /* its role is not known */
    F1_PARTIAL = 1 << 17, /* it filters */
    F2_PARTIAL = 1 << 18,
    LOCKS = 1 << 19,     /* a read that is not plain: on the leader it reads with locks */
    SHOWN = 1 << 20,     /* the leader was found to show what was seen */
    SHOWN_OWN = 1 << 21, /* asked for this command */
    SHOWN_FAILED = 1 << 22,
    STRONG = 1 << 23,
    BOUND_OWN = 1 << 24, /* the bound was fetched for this command */
};

#define UNKNOWN UINT32_MAX

struct scene {
    const char *name;
    const char *f1, *f2; /* confirmed positions */
    uint32_t lag1_ms, lag2_ms;
    const char *vector;
    enum who last;     /* where the last read ran */
    const char *bound; /* taken after it */
    enum who pin;
    unsigned flags;
    enum who forced;
    enum route_kind kind;
    enum who server;
    bool move;
};

enum { TIMEOUT_MS = 100, SLOT_OF_LEADER = 3 };

static unsigned slot_of(enum who who)
{
    return SLOT_OF_LEADER + 2 * ((unsigned)who - LEADER);
}

static int index_of(enum who who)
{
    return (int)who - LEADER;
}

static struct gtid_vector vector_of(const char *text)
{
    struct gtid_vector vector = {0};
    ck_assert_int_eq(gtid_vector_parse(span_text(text ? text : ""), &vector), 0);
    return vector;
}

static void confirm(struct positions *positions, unsigned slot, const char *text, uint32_t lag_ms)
{
    struct gtid_vector confirmed = vector_of(text);
    ck_assert_int_ge(positions_confirm(positions, slot, &confirmed), 0);
    positions_set_lag_ms(positions, slot, lag_ms);
}

static struct topology *topology_of(unsigned flags)
{
    struct topology *topology = topology_new(3);
    for (enum who who = LEADER; who <= F2; who++) {
        struct topology_server *server = &topology->servers[index_of(who)];
        snprintf(server->name, sizeof(server->name), "db%d", who);
        server->slot = slot_of(who);
        server->weight = 1;
        server->reachable = true;
        server->role = who == LEADER ? ROLE_LEADER : ROLE_FOLLOWER;
        server->in_rotation = who != LEADER;
    }
    topology->leader = flags & NO_LEADER ? -1 : 0;
    topology->servers[0].role = flags & NO_LEADER ? ROLE_UNKNOWN : ROLE_LEADER;
    topology->servers[1].in_rotation = !(flags & F1_OUT);
    topology->servers[2].in_rotation = !(flags & F2_OUT);
    topology->servers[1].role = flags & F1_UNKNOWN ? ROLE_UNKNOWN : ROLE_FOLLOWER;
    topology->servers[1].weight = flags & F1_WEIGHT_0 ? 0 : 1;
    topology->servers[2].weight = flags & F2_WEIGHT_0 ? 0 : 1;
    topology->servers[1].partial = flags & F1_PARTIAL;
    topology->servers[2].partial = flags & F2_PARTIAL;
    return topology;
}

static uint64_t excluded(unsigned flags)
{
    return (flags & LEADER_FAILED ? UINT64_C(1) << slot_of(LEADER) : 0) |
           (flags & F1_FAILED ? UINT64_C(1) << slot_of(F1) : 0) |
           (flags & F2_FAILED ? UINT64_C(1) << slot_of(F2) : 0);
}

static void requirement_of(const struct scene *scene, const struct positions *positions,
                           struct requirement *requirement)
{
    requirement_init(requirement);
    requirement->vector = vector_of(scene->vector);
    struct proof proof = {0};
    if (scene->last == ELSEWHERE)
        requirement_saw_leader(requirement, &proof);
    else if (scene->last != NOBODY)
        requirement_read(requirement, (int)slot_of(scene->last),
                         positions_generation(positions, slot_of(scene->last)), false);
    struct gtid_vector bound = vector_of(scene->bound);
    if (scene->bound)
        requirement_bound(requirement, &bound, requirement->seen);
    if (scene->flags & SHOWN)
        requirement_shown(requirement, requirement->seen);
    requirement->pin = scene->pin == NOBODY ? -1 : (int)slot_of(scene->pin);
}

static enum consistency consistency_of(unsigned flags)
{
    if (flags & EVENTUAL)
        return CONSISTENCY_EVENTUAL;
    return flags & STRONG ? CONSISTENCY_STRONG : CONSISTENCY_SESSION;
}

static struct policy policy_of(unsigned flags)
{
    return (struct policy){
        .consistency = CONSISTENCY_SESSION,
        .on_lag = flags & ON_LAG_IS_LEADER ? ON_LAG_LEADER : ON_LAG_WAIT,
        .balance = BALANCE_LEAST_BUSY,
        .reads_on_leader = flags & SHARE ? READS_ON_LEADER_SHARE : READS_ON_LEADER_FALLBACK,
        .reads_without_followers =
            flags & REFUSE ? READS_WITHOUT_FOLLOWERS_REFUSE : READS_WITHOUT_FOLLOWERS_LEADER,
        .causal_timeout_ms = TIMEOUT_MS,
    };
}

/* *generation: of the server that was chosen, when it was. */
static struct route play(const struct scene *scene, uint32_t *generation)
{
    struct positions *positions = positions_new();
    struct topology *topology = topology_of(scene->flags);
    struct policy policy = policy_of(scene->flags);
    uint32_t busy[POSITIONS_SERVERS_MAX] = {0};
    struct requirement requirement;
    requirement_of(scene, positions, &requirement);
    if (scene->flags & F1_RESTARTED)
        positions_forget(positions, slot_of(F1));
    confirm(positions, slot_of(F1), scene->f1, scene->lag1_ms);
    confirm(positions, slot_of(F2), scene->f2, scene->lag2_ms);
    const struct proof proof = {
        .seen = requirement.seen,
        .strong = scene->flags & STRONG,
        .bound_fetched = scene->flags & BOUND_OWN,
        .shown_fetched = scene->flags & SHOWN_OWN,
    };
    struct route_request request = {
        .read = !(scene->flags & WRITE),
        .plain = !(scene->flags & (WRITE | LOCKS)),
        .forced = scene->forced == NOBODY ? -1 : index_of(scene->forced),
        .consistency = consistency_of(scene->flags),
        .policy = &policy,
        .requirement = &requirement,
        .proof = &proof,
        .excluded_slots = excluded(scene->flags),
        .waited = scene->flags & WAITED,
        .bound_failed = scene->flags & BOUND_FAILED,
        .shown_failed = scene->flags & SHOWN_FAILED,
        .busy = busy,
        .random = 4711,
    };
    struct route route = route_decide(topology, positions, &request);
    *generation = route.server < 0
                      ? 0
                      : positions_generation(positions, topology->servers[route.server].slot);
    topology_unref(topology);
    positions_free(positions);
    return route;
}

static void check_scene(const struct scene *scene)
{
    uint32_t generation;
    struct route route = play(scene, &generation);
    ck_assert_msg(route.kind == scene->kind, "%s: kind %d instead of %d", scene->name, route.kind,
                  scene->kind);
    ck_assert_msg(route.move == scene->move, "%s: move is %d", scene->name, route.move);
    /* Where positions were compared, the read must run in the incarnation that they are of. */
    bool compared = route.server > index_of(LEADER) && !(scene->flags & EVENTUAL);
    ck_assert_msg(route.generation == (compared ? generation : 0), "%s: generation %u", scene->name,
                  route.generation);
    if (scene->kind == ROUTE_NONE)
        ck_assert_msg(route.why && route.why[0], "%s: no reason given", scene->name);
    if (scene->kind != ROUTE_SERVER)
        ck_assert_msg(route.server == -1, "%s: a server without a route to it", scene->name);
    else if (scene->server == A_FOLLOWER)
        ck_assert_msg(route.server == index_of(F1) || route.server == index_of(F2),
                      "%s: server %d is no follower", scene->name, route.server);
    else
        ck_assert_msg(route.server == index_of(scene->server), "%s: server %d", scene->name,
                      route.server);
}

#define GOES_TO(who)  .kind = ROUTE_SERVER, .server = who
#define MOVES_TO(who) .kind = ROUTE_SERVER, .server = who, .move = true
#define ASKS_BOUND    .kind = ROUTE_BOUND
#define ASKS_SHOWN    .kind = ROUTE_SHOWN
#define WAITS         .kind = ROUTE_WAIT
#define WAITS_LEADER  .kind = ROUTE_WAIT_LEADER
#define REFUSED       .kind = ROUTE_NONE

/* What must run on the leader. */
static const struct scene leader_scenes[] = {
    {"a write", .flags = WRITE, GOES_TO(LEADER)},
    {"a write with a pin", .pin = F1, .last = F1, .flags = WRITE, GOES_TO(LEADER)},
    {"an eventual write", .flags = WRITE | EVENTUAL, GOES_TO(LEADER)},
    {"a write without a leader", .flags = WRITE | NO_LEADER, WAITS_LEADER},
    {"a write whose leader failed", .flags = WRITE | LEADER_FAILED, WAITS_LEADER},
    {"a write without followers, refused for reads only", .flags = WRITE | REFUSE | F1_OUT | F2_OUT,
     GOES_TO(LEADER)},
};

/* consistency = session: what moves ask for. */
static const struct scene session_scenes[] = {
    {"a first read goes to any follower", GOES_TO(A_FOLLOWER)},
    {"to the one in rotation", .flags = F1_OUT, GOES_TO(F2)},
    {"not to one whose role is unknown", .flags = F1_UNKNOWN, GOES_TO(F2)},
    {"not to one that just failed", .flags = F2_FAILED, GOES_TO(F1)},
    {"not to one of weight 0", .flags = F1_WEIGHT_0, GOES_TO(F2)},
    {"a pinned one of weight 0 is left", .last = F1, .pin = F1, .bound = "", .flags = F1_WEIGHT_0,
     MOVES_TO(F2)},
    {"all of weight 0 are no followers", .vector = "0-1-9", .flags = F1_WEIGHT_0 | F2_WEIGHT_0,
     GOES_TO(LEADER)},
    {"all of weight 0 ask for no bound", .last = ELSEWHERE, .flags = F1_WEIGHT_0 | F2_WEIGHT_0,
     GOES_TO(LEADER)},
    {"stays on its pin", .last = F2, .pin = F2, GOES_TO(F2)},
    {"stays on the other pin", .last = F1, .pin = F1, GOES_TO(F1)},
    {"own write is seen by the pin", .f1 = "0-1-5", .f2 = "0-1-9", .vector = "0-1-5", .last = F1,
     .pin = F1, GOES_TO(F1)},
    {"own write is seen by nobody", .f1 = "0-1-4", .f2 = "0-1-4", .vector = "0-1-5", .last = F1,
     .pin = F1, WAITS},
    {"own write before any read: the follower that has it", .f1 = "0-1-4", .f2 = "0-1-5",
     .vector = "0-1-5", GOES_TO(F2)},
    {"a domain that the follower does not know", .f1 = "0-1-9", .f2 = "0-1-9,1-1-1",
     .vector = "0-1-5,1-1-1", GOES_TO(F2)},
    {"the pin is behind, the other may do: a bound is needed", .f1 = "0-1-4", .f2 = "0-1-9",
     .vector = "0-1-5", .last = F1, .pin = F1, ASKS_BOUND},
    {"the pin is behind, the other covers the bound", .f1 = "0-1-4", .f2 = "0-1-9",
     .vector = "0-1-5", .bound = "0-1-9", .last = F1, .pin = F1, MOVES_TO(F2)},
    {"the pin is behind, the other is behind the bound", .f1 = "0-1-4", .f2 = "0-1-8",
     .vector = "0-1-5", .bound = "0-1-9", .last = F1, .pin = F1, WAITS},
    {"the pin needs no bound though one is there", .f1 = "0-1-5", .f2 = "0-1-9", .vector = "0-1-5",
     .bound = "0-1-9", .last = F1, .pin = F1, GOES_TO(F1)},
    {"the pin died: a bound is needed", .f2 = "0-1-9", .vector = "0-1-5", .last = F1, .pin = F1,
     .flags = F1_OUT, ASKS_BOUND},
    {"the pin died: the other covers the bound", .f2 = "0-1-9", .vector = "0-1-5", .bound = "0-1-9",
     .last = F1, .pin = F1, .flags = F1_OUT, MOVES_TO(F2)},
    {"the pin failed this statement: a move like any other", .f1 = "0-1-9", .f2 = "0-1-9",
     .bound = "0-1-9", .last = F1, .pin = F1, .flags = F1_FAILED, MOVES_TO(F2)},
    {"after the leader every follower is a move, the pin too", .f1 = "0-1-9", .f2 = "0-1-9",
     .last = ELSEWHERE, .pin = F1, ASKS_BOUND},
    {"after the leader the pin comes first", .f1 = "0-1-9", .f2 = "0-1-9", .bound = "0-1-9",
     .last = ELSEWHERE, .pin = F2, MOVES_TO(F2)},
    {"the restarted pin is a move", .f1 = "0-1-9", .f2 = "0-1-1", .vector = "0-1-5", .last = F1,
     .pin = F1, .flags = F1_RESTARTED, ASKS_BOUND},
    {"the restarted pin covers the bound", .f1 = "0-1-9", .f2 = "0-1-1", .vector = "0-1-5",
     .bound = "0-1-9", .last = F1, .pin = F1, .flags = F1_RESTARTED, MOVES_TO(F1)},
    {"the restarted pin fell behind the bound", .f1 = "0-1-6", .f2 = "0-1-1", .vector = "0-1-5",
     .bound = "0-1-9", .last = F1, .pin = F1, .flags = F1_RESTARTED, WAITS},
    {"no bound is asked when nobody covers the vector", .f1 = "0-1-4", .f2 = "0-1-4",
     .vector = "0-1-5", .last = ELSEWHERE, .pin = F1, WAITS},
};

/* Waiting, and when it is over. */
static const struct scene waiting_scenes[] = {
    {"known lag within causal_timeout is waited for", .f1 = "0-1-4", .f2 = "0-1-4",
     .vector = "0-1-5", .lag1_ms = TIMEOUT_MS, .lag2_ms = 5000, WAITS},
    {"known lag beyond it is not", .f1 = "0-1-4", .f2 = "0-1-4", .vector = "0-1-5",
     .lag1_ms = TIMEOUT_MS + 1, .lag2_ms = 5000, GOES_TO(LEADER)},
    {"unknown lag is", .f1 = "0-1-4", .f2 = "0-1-4", .vector = "0-1-5", .lag1_ms = UNKNOWN,
     .lag2_ms = 5000, WAITS},
    {"one out of rotation is not worth it", .f1 = "0-1-4", .f2 = "0-1-4", .vector = "0-1-5",
     .lag1_ms = 0, .lag2_ms = 5000, .flags = F1_OUT, GOES_TO(LEADER)},
    {"on_lag = leader", .f1 = "0-1-4", .f2 = "0-1-4", .vector = "0-1-5", .flags = ON_LAG_IS_LEADER,
     GOES_TO(LEADER)},
    {"waited long enough", .f1 = "0-1-4", .f2 = "0-1-4", .vector = "0-1-5", .flags = WAITED,
     GOES_TO(LEADER)},
    {"waited and it came", .f1 = "0-1-5", .f2 = "0-1-4", .vector = "0-1-5", .flags = WAITED,
     GOES_TO(F1)},
    {"waited, and the leader just failed", .f1 = "0-1-4", .f2 = "0-1-4", .vector = "0-1-5",
     .flags = WAITED | LEADER_FAILED, WAITS_LEADER},
    {"the bound failed: waiting for a move is no use", .f1 = "0-1-9", .f2 = "0-1-9",
     .vector = "0-1-5", .last = ELSEWHERE, .flags = BOUND_FAILED, GOES_TO(LEADER)},
    {"the bound failed: waiting for the pin is", .f1 = "0-1-4", .f2 = "0-1-9", .vector = "0-1-5",
     .last = F1, .pin = F1, .flags = BOUND_FAILED, WAITS},
    {"the bound failed, the pin lags by more", .f1 = "0-1-4", .f2 = "0-1-9", .vector = "0-1-5",
     .lag1_ms = 5000, .last = F1, .pin = F1, .flags = BOUND_FAILED | SHOWN, GOES_TO(LEADER)},
    {"without a leader the pin goes on", .f1 = "0-1-5", .vector = "0-1-5", .last = F1, .pin = F1,
     .flags = NO_LEADER, GOES_TO(F1)},
    {"without a leader a move asks for a bound first", .f1 = "0-1-9", .f2 = "0-1-9",
     .last = ELSEWHERE, .flags = NO_LEADER, ASKS_BOUND},
    {"without a leader it waits whatever the lag", .f1 = "0-1-4", .f2 = "0-1-4", .vector = "0-1-5",
     .lag1_ms = 5000, .lag2_ms = 5000, .flags = NO_LEADER, WAITS},
    {"without a leader and a bound it waits", .f1 = "0-1-9", .f2 = "0-1-9", .last = ELSEWHERE,
     .flags = NO_LEADER | BOUND_FAILED, WAITS},
    {"without a leader and a bound an error in the end", .f1 = "0-1-9", .f2 = "0-1-9",
     .last = ELSEWHERE, .flags = NO_LEADER | BOUND_FAILED | WAITED, REFUSED},
    {"without a leader on_lag = leader is an error", .f1 = "0-1-4", .f2 = "0-1-4",
     .vector = "0-1-5", .flags = NO_LEADER | ON_LAG_IS_LEADER, REFUSED},
    {"no follower: the leader", .vector = "0-1-5", .flags = F1_OUT | F2_OUT, GOES_TO(LEADER)},
    {"no follower left for this statement: the leader", .flags = F1_FAILED | F2_OUT,
     GOES_TO(LEADER)},
    {"no follower: refused where so configured", .flags = F1_OUT | F2_OUT | REFUSE, REFUSED},
    {"lagging followers are followers", .f1 = "0-1-4", .f2 = "0-1-4", .vector = "0-1-5",
     .flags = WAITED | REFUSE, GOES_TO(LEADER)},
    {"nobody at all", .flags = F1_OUT | F2_OUT | NO_LEADER, WAITS_LEADER},
};

static const struct scene eventual_scenes[] = {
    {"any follower, however far behind", .f1 = "0-1-1", .f2 = "0-1-1", .vector = "0-1-9",
     .last = ELSEWHERE, .flags = EVENTUAL, GOES_TO(A_FOLLOWER)},
    {"the pin", .last = F2, .pin = F2, .flags = EVENTUAL, GOES_TO(F2)},
    {"another one when the pin is out", .last = F2, .pin = F2, .flags = EVENTUAL | F2_OUT,
     GOES_TO(F1)},
    {"another one when the pin just failed", .last = F2, .pin = F2, .flags = EVENTUAL | F2_FAILED,
     GOES_TO(F1)},
    {"not one of weight 0", .flags = EVENTUAL | F2_WEIGHT_0, GOES_TO(F1)},
    {"not the pin, of weight 0 by now", .pin = F2, .flags = EVENTUAL | F2_WEIGHT_0, GOES_TO(F1)},
    {"no follower: the leader", .flags = EVENTUAL | F1_OUT | F2_OUT, GOES_TO(LEADER)},
    {"no follower: refused where so configured", .flags = EVENTUAL | F1_OUT | F2_OUT | REFUSE,
     REFUSED},
    {"nobody at all: whoever comes back", .flags = EVENTUAL | F1_OUT | F2_OUT | NO_LEADER,
     WAITS_LEADER},
    {"nobody at all, reads off the leader: the same",
     .flags = EVENTUAL | F1_OUT | F2_OUT | NO_LEADER | REFUSE, WAITS_LEADER},
    {"without a leader", .flags = EVENTUAL | NO_LEADER, GOES_TO(A_FOLLOWER)},
};

static const struct scene forced_scenes[] = {
    {"the leader", .forced = LEADER, .pin = F1, .last = F1, .flags = SHOWN, GOES_TO(LEADER)},
    {"the leader, a write", .forced = LEADER, .flags = WRITE, GOES_TO(LEADER)},
    {"the leader just failed", .forced = LEADER, .flags = LEADER_FAILED, WAITS_LEADER},
    {"a follower", .forced = F2, GOES_TO(F2)},
    {"a follower of weight 0: only rules lead there", .forced = F2, .flags = F2_WEIGHT_0,
     GOES_TO(F2)},
    {"out of rotation", .forced = F2, .flags = F2_OUT, REFUSED},
    {"just failed", .forced = F2, .flags = F2_FAILED, REFUSED},
    {"a server that is neither", .forced = LEADER, .flags = NO_LEADER, REFUSED},
    {"a move without a bound", .f2 = "0-1-9", .forced = F2, .last = F1, .pin = F1, ASKS_BOUND},
    {"a move that covers the bound", .f2 = "0-1-9", .forced = F2, .bound = "0-1-9", .last = F1,
     .pin = F1, MOVES_TO(F2)},
    {"a move that is behind the bound", .f2 = "0-1-8", .forced = F2, .bound = "0-1-9", .last = F1,
     .pin = F1, WAITS},
    {"behind after causal_timeout", .f2 = "0-1-8", .forced = F2, .bound = "0-1-9", .last = F1,
     .pin = F1, .flags = WAITED, REFUSED},
    {"never the bound failed", .f2 = "0-1-8", .forced = F2, .last = F1, .pin = F1,
     .flags = WAITED | BOUND_FAILED, REFUSED},
    {"behind, eventual", .f2 = "0-1-8", .forced = F2, .vector = "0-1-9", .last = F1, .pin = F1,
     .flags = EVENTUAL, GOES_TO(F2)},
    {"out of rotation, eventual", .forced = F2, .flags = EVENTUAL | F2_OUT, REFUSED},
    {"own write not there yet", .f2 = "0-1-8", .forced = F2, .vector = "0-1-9", WAITS},
};

static const struct scene share_scenes[] = {
    {"a session that reads on a follower stays there", .pin = F1, .last = F1, .flags = SHARE,
     GOES_TO(F1)},
    {"a session that reads on the leader stays there", .pin = LEADER, .last = ELSEWHERE,
     .flags = SHARE, GOES_TO(LEADER)},
    {"not when it is gone", .pin = LEADER, .last = ELSEWHERE, .f1 = "0-1-9", .f2 = "0-1-9",
     .bound = "0-1-9", .flags = SHARE | NO_LEADER, MOVES_TO(A_FOLLOWER)},
    {"not when it just failed this read", .pin = LEADER, .last = ELSEWHERE, .f1 = "0-1-9",
     .f2 = "0-1-9", .bound = "0-1-9", .flags = SHARE | LEADER_FAILED, MOVES_TO(A_FOLLOWER)},
    {"a new session neither", .flags = SHARE | LEADER_FAILED, GOES_TO(A_FOLLOWER)},
    {"alone it takes all", .flags = SHARE | F1_OUT | F2_OUT, GOES_TO(LEADER)},
};

/* The leader's log runs ahead of what it shows: reads there wait until it has shown what was seen.
 * In all of these a follower may have shown something. */
static const struct scene shown_scenes[] = {
    {"waited: the leader is asked first", .vector = "0-1-5", .last = F1, .pin = F1, .flags = WAITED,
     ASKS_SHOWN},
    {"waited: it shows what was seen", .vector = "0-1-5", .last = F1, .pin = F1,
     .flags = WAITED | SHOWN, GOES_TO(LEADER)},
    {"waited: it was asked for this read", .vector = "0-1-5", .last = F1, .pin = F1,
     .flags = WAITED | SHOWN_OWN, GOES_TO(LEADER)},
    {"waited: it does not get to show it", .vector = "0-1-5", .last = F1, .pin = F1,
     .flags = WAITED | SHOWN_FAILED, REFUSED},
    {"a proof counts although asking again failed", .vector = "0-1-5", .last = F1, .pin = F1,
     .flags = WAITED | SHOWN | SHOWN_FAILED, GOES_TO(LEADER)},
    {"on_lag = leader", .vector = "0-1-5", .last = F1, .pin = F1, .flags = ON_LAG_IS_LEADER,
     ASKS_SHOWN},
    {"known lag", .vector = "0-1-5", .lag1_ms = 5000, .lag2_ms = 5000, .last = F1, .pin = F1,
     ASKS_SHOWN},
    {"no follower left", .last = F1, .pin = F1, .flags = F1_OUT | F2_OUT, ASKS_SHOWN},
    {"the bound failed", .f1 = "0-1-9", .f2 = "0-1-9", .last = F1, .pin = F1,
     .flags = BOUND_FAILED | F1_OUT, ASKS_SHOWN},
    {"a locking read sees the latest", .vector = "0-1-5", .last = F1, .pin = F1,
     .flags = WAITED | LOCKS, GOES_TO(LEADER)},
    {"a write", .last = F1, .pin = F1, .flags = WRITE, GOES_TO(LEADER)},
    {"a write after the leader failed to show it", .last = F1, .flags = WRITE | SHOWN_FAILED,
     GOES_TO(LEADER)},
    {"eventual", .last = F1, .pin = F1, .flags = EVENTUAL | F1_OUT | F2_OUT, GOES_TO(LEADER)},
    {"eventual, the leader failed to show it", .last = F1,
     .flags = EVENTUAL | F1_OUT | F2_OUT | SHOWN_FAILED, GOES_TO(LEADER)},
    {"forced there", .forced = LEADER, .last = F1, .pin = F1, ASKS_SHOWN},
    {"forced there in vain", .forced = LEADER, .last = F1, .flags = SHOWN_FAILED, REFUSED},
    {"forced there, locking", .forced = LEADER, .last = F1, .flags = LOCKS, GOES_TO(LEADER)},
    {"forced there, eventual", .forced = LEADER, .last = F1, .flags = EVENTUAL, GOES_TO(LEADER)},
    {"its share", .last = F1, .pin = LEADER, .flags = SHARE, ASKS_SHOWN},
    {"its share, shown", .last = F1, .pin = LEADER, .flags = SHARE | SHOWN, GOES_TO(LEADER)},
    {"there is nobody to ask", .last = F1, .flags = F1_OUT | F2_OUT | NO_LEADER, WAITS_LEADER},
    {"nobody left to ask", .last = F1, .flags = F1_OUT | F2_OUT | LEADER_FAILED, WAITS_LEADER},
    {"own writes alone need not be asked for", .vector = "0-1-5", .flags = WAITED, GOES_TO(LEADER)},
    {"nor what the leader showed itself", .vector = "0-1-5", .last = ELSEWHERE, .flags = WAITED,
     GOES_TO(LEADER)},
};

/* A plain statement that something keeps on the leader: not a read for followers. */
START_TEST(a_plain_statement_of_the_leader_waits_until_it_shows_what_was_seen)
{
    struct positions *positions = positions_new();
    struct topology *topology = topology_of(0);
    struct policy policy = policy_of(0);
    uint32_t busy[POSITIONS_SERVERS_MAX] = {0};
    struct proof proof = {0};
    struct requirement requirement;
    requirement_init(&requirement);
    struct route_request request = {.plain = true,
                                    .forced = -1,
                                    .consistency = CONSISTENCY_KEY,
                                    .policy = &policy,
                                    .requirement = &requirement,
                                    .proof = &proof,
                                    .busy = busy};
    ck_assert_int_eq(route_decide(topology, positions, &request).kind, ROUTE_SERVER);
    requirement_read(&requirement, (int)slot_of(F1), 2, false);
    ck_assert_int_eq(route_decide(topology, positions, &request).kind, ROUTE_SHOWN);
    proof.shown_fetched = true;
    ck_assert_int_eq(route_decide(topology, positions, &request).kind, ROUTE_SERVER);
    topology_unref(topology);
    positions_free(positions);
}
END_TEST

/* consistency = strong: nothing but a position that was asked for after the read came. */
static const struct scene strong_scenes[] = {
    {"a bound first, though nothing was seen", .flags = STRONG, ASKS_BOUND},
    {"though the pin has all that was seen", .f1 = "0-1-9", .vector = "0-1-5", .last = F1,
     .pin = F1, .flags = STRONG, ASKS_BOUND},
    {"though another command fetched one", .f1 = "0-1-9", .f2 = "0-1-9", .bound = "0-1-9",
     .last = F1, .pin = F1, .flags = STRONG, ASKS_BOUND},
    {"though nobody has what was written", .f1 = "0-1-4", .f2 = "0-1-4", .vector = "0-1-5",
     .lag1_ms = 5000, .lag2_ms = 5000, .flags = STRONG, ASKS_BOUND},
    {"on_lag = leader too", .flags = STRONG | ON_LAG_IS_LEADER, ASKS_BOUND},
    {"the pin covers it: no move", .f1 = "0-1-9", .f2 = "0-1-9", .bound = "0-1-9", .last = F1,
     .pin = F1, .flags = STRONG | BOUND_OWN, GOES_TO(F1)},
    {"the pin does not, the other does", .f1 = "0-1-8", .f2 = "0-1-9", .bound = "0-1-9", .last = F1,
     .pin = F1, .flags = STRONG | BOUND_OWN, MOVES_TO(F2)},
    {"the first read", .f1 = "0-1-8", .f2 = "0-1-9", .bound = "0-1-9", .flags = STRONG | BOUND_OWN,
     GOES_TO(F2)},
    {"nobody does yet", .f1 = "0-1-8", .f2 = "0-1-8", .bound = "0-1-9", .last = F1, .pin = F1,
     .flags = STRONG | BOUND_OWN, WAITS},
    {"nobody does in time: the leader is asked", .f1 = "0-1-8", .f2 = "0-1-8", .bound = "0-1-9",
     .flags = STRONG | BOUND_OWN | WAITED, ASKS_SHOWN},
    {"what it showed before is no proof", .f1 = "0-1-8", .f2 = "0-1-8", .bound = "0-1-9",
     .flags = STRONG | BOUND_OWN | WAITED | SHOWN, ASKS_SHOWN},
    {"it shows all that is in its log", .f1 = "0-1-8", .f2 = "0-1-8", .bound = "0-1-9",
     .flags = STRONG | BOUND_OWN | WAITED | SHOWN_OWN, GOES_TO(LEADER)},
    {"it does not", .f1 = "0-1-8", .f2 = "0-1-8", .bound = "0-1-9",
     .flags = STRONG | BOUND_OWN | WAITED | SHOWN_FAILED, REFUSED},
    {"no bound: only the leader can tell", .f1 = "0-1-9", .f2 = "0-1-9",
     .flags = STRONG | BOUND_FAILED, ASKS_SHOWN},
    {"no bound and no leader", .f1 = "0-1-9", .f2 = "0-1-9",
     .flags = STRONG | BOUND_FAILED | NO_LEADER, WAITS},
    {"no bound and no leader in time", .f1 = "0-1-9", .f2 = "0-1-9", .last = F1, .pin = F1,
     .flags = STRONG | BOUND_FAILED | NO_LEADER | WAITED, REFUSED},
    {"forced to a follower", .f2 = "0-1-9", .forced = F2, .last = F2, .pin = F2, .flags = STRONG,
     ASKS_BOUND},
    {"forced to one that covers it", .f2 = "0-1-9", .forced = F2, .bound = "0-1-9", .last = F2,
     .pin = F2, .flags = STRONG | BOUND_OWN, GOES_TO(F2)},
    {"forced to one that does not", .f2 = "0-1-8", .forced = F2, .bound = "0-1-9",
     .flags = STRONG | BOUND_OWN, WAITS},
    {"forced to one without a bound", .f2 = "0-1-9", .forced = F2,
     .flags = STRONG | BOUND_FAILED | WAITED, REFUSED},
    {"forced to the leader", .forced = LEADER, .flags = STRONG, ASKS_SHOWN},
    {"a write", .flags = STRONG | WRITE, GOES_TO(LEADER)},
    {"a locking read on the leader", .forced = LEADER, .flags = STRONG | LOCKS, GOES_TO(LEADER)},
};

/* Followers that may lack what their position says they have. */
static const struct scene partial_scenes[] = {
    {"takes no session read", .flags = F1_PARTIAL, GOES_TO(F2)},
    {"nor one of its own session", .f1 = "0-1-9", .f2 = "0-1-9", .bound = "0-1-9", .last = F1,
     .pin = F1, .flags = F1_PARTIAL, MOVES_TO(F2)},
    {"nor a strong one", .f1 = "0-1-9", .f2 = "0-1-8", .bound = "0-1-9",
     .flags = F1_PARTIAL | STRONG | BOUND_OWN, WAITS},
    {"is not waited for", .f1 = "0-1-4", .f2 = "0-1-4", .vector = "0-1-5", .lag1_ms = 0,
     .lag2_ms = 5000, .flags = F1_PARTIAL, GOES_TO(LEADER)},
    {"asks for no bound", .f1 = "0-1-9", .f2 = "0-1-4", .vector = "0-1-5", .last = ELSEWHERE,
     .flags = F1_PARTIAL | WAITED, GOES_TO(LEADER)},
    {"alone is no follower", .flags = F1_PARTIAL | F2_PARTIAL, GOES_TO(LEADER)},
    {"alone is no follower, refused where so configured", .flags = F1_PARTIAL | F2_PARTIAL | REFUSE,
     REFUSED},
    {"takes eventual reads", .flags = F1_PARTIAL | F2_OUT | EVENTUAL, GOES_TO(F1)},
    {"takes those of its own session", .pin = F1, .last = F1, .flags = F1_PARTIAL | EVENTUAL,
     GOES_TO(F1)},
    {"forced", .f1 = "0-1-9", .forced = F1, .last = F1, .pin = F1, .flags = F1_PARTIAL, REFUSED},
    {"forced, strong", .f1 = "0-1-9", .forced = F1, .bound = "0-1-9",
     .flags = F1_PARTIAL | STRONG | BOUND_OWN, REFUSED},
    {"forced, eventual", .forced = F1, .flags = F1_PARTIAL | EVENTUAL, GOES_TO(F1)},
};

#define SCENE_TEST(name, table)                                                                    \
    START_TEST(name)                                                                               \
    {                                                                                              \
        check_scene(&table[_i]);                                                                   \
    }                                                                                              \
    END_TEST

SCENE_TEST(writes_go_to_the_leader, leader_scenes)
SCENE_TEST(session_reads_see_what_was_seen, session_scenes)
SCENE_TEST(reads_wait_or_go_to_the_leader, waiting_scenes)
SCENE_TEST(eventual_reads_go_anywhere, eventual_scenes)
SCENE_TEST(rules_name_a_server, forced_scenes)
SCENE_TEST(the_leader_takes_its_share, share_scenes)
SCENE_TEST(the_leader_is_read_once_it_shows_what_was_seen, shown_scenes)
SCENE_TEST(strong_reads_go_by_their_own_fetch, strong_scenes)
SCENE_TEST(partial_followers_take_eventual_reads_only, partial_scenes)

/* --- balance --- */

enum { ROUNDS = 6000 };

/* How often each of the three servers was chosen, over many random numbers. */
static void spread(const struct topology *topology, enum balance balance, unsigned flags,
                   const uint32_t busy[], unsigned counts[3])
{
    struct positions *positions = positions_new();
    struct policy policy = policy_of(flags);
    struct requirement requirement;
    const struct proof proof = {0};
    policy.balance = balance;
    requirement_init(&requirement);
    counts[0] = counts[1] = counts[2] = 0;
    uint64_t state = 88172645463325252u;
    for (int round = 0; round < ROUNDS; round++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        struct route_request request = {
            .read = true,
            .forced = -1,
            .consistency = flags & EVENTUAL ? CONSISTENCY_EVENTUAL : CONSISTENCY_SESSION,
            .policy = &policy,
            .requirement = &requirement,
            .proof = &proof,
            .busy = busy,
            .random = (uint32_t)(state >> 32),
        };
        struct route route = route_decide(topology, positions, &request);
        ck_assert_int_eq(route.kind, ROUTE_SERVER);
        counts[route.server]++;
    }
    positions_free(positions);
}

static const struct {
    const char *name;
    enum balance balance;
    unsigned flags;
    uint32_t weights[3];
    uint32_t busy[3];
    uint32_t latency_us[3];
    unsigned percent[3]; /* of the reads */
} balances[] = {
    {"equals share equally", BALANCE_LEAST_BUSY, 0, {1, 1, 1}, {0}, {0}, {0, 50, 50}},
    {"eventual equals too", BALANCE_LEAST_BUSY, EVENTUAL, {1, 1, 1}, {0}, {0}, {0, 50, 50}},
    {"the less busy", BALANCE_LEAST_BUSY, 0, {1, 1, 1}, {0, 2, 1}, {0}, {0, 0, 100}},
    {"the less busy first", BALANCE_LEAST_BUSY, 0, {1, 1, 1}, {0, 1, 2}, {0}, {0, 100, 0}},
    {"busy by weight", BALANCE_LEAST_BUSY, 0, {1, 1, 4}, {0, 0, 2}, {0}, {0, 0, 100}},
    {"busy beyond its weight", BALANCE_LEAST_BUSY, 0, {1, 1, 4}, {0, 0, 4}, {0}, {0, 100, 0}},
    {"the quicker", BALANCE_LATENCY, 0, {1, 1, 1}, {0, 0, 9}, {0, 900, 300}, {0, 0, 100}},
    {"the quicker by weight", BALANCE_LATENCY, 0, {1, 4, 1}, {0}, {0, 900, 300}, {0, 100, 0}},
    {"a latency beyond all measure",
     BALANCE_LATENCY,
     0,
     {1, 1, 1},
     {0},
     {0, 900, UINT32_MAX},
     {0, 100, 0}},
    {"random, by weight", BALANCE_RANDOM, 0, {1, 1, 3}, {0, 9, 9}, {0, 5, 9}, {0, 25, 75}},
    {"random, the other way", BALANCE_RANDOM, 0, {1, 3, 1}, {0, 9, 9}, {0, 5, 9}, {0, 75, 25}},
    {"random, weight 0", BALANCE_RANDOM, EVENTUAL, {1, 0, 1}, {0}, {0}, {0, 0, 100}},
    {"share, random", BALANCE_RANDOM, SHARE, {1, 1, 1}, {0}, {0}, {33, 33, 33}},
    {"share, random, weighted", BALANCE_RANDOM, SHARE, {2, 1, 1}, {0}, {0}, {50, 25, 25}},
    {"share, equals", BALANCE_LEAST_BUSY, SHARE | EVENTUAL, {1, 1, 1}, {0}, {0}, {33, 33, 33}},
    {"share, a busy leader", BALANCE_LEAST_BUSY, SHARE, {1, 1, 1}, {3, 1, 2}, {0}, {0, 100, 0}},
    {"share, an idle leader of weight 0",
     BALANCE_LEAST_BUSY,
     SHARE,
     {0, 1, 1},
     {0, 1, 2},
     {0},
     {0, 100, 0}},
    {"share, a leader of weight 0", BALANCE_RANDOM, SHARE, {0, 1, 1}, {0}, {0}, {0, 50, 50}},
};

START_TEST(reads_are_balanced)
{
    enum { TOLERANCE_PERCENT = 4 };
    struct topology *topology = topology_of(0);
    uint32_t busy[POSITIONS_SERVERS_MAX] = {0};
    unsigned counts[3];
    for (int i = 0; i < 3; i++) {
        topology->servers[i].weight = balances[_i].weights[i];
        topology->servers[i].latency_us = balances[_i].latency_us[i];
        busy[topology->servers[i].slot] = balances[_i].busy[i];
    }
    spread(topology, balances[_i].balance, balances[_i].flags, busy, counts);
    for (int i = 0; i < 3; i++) {
        int percent = (int)(counts[i] * 100 / ROUNDS);
        int expected = (int)balances[_i].percent[i];
        int tolerance = expected == 0 || expected == 100 ? 0 : TOLERANCE_PERCENT;
        ck_assert_msg(abs(percent - expected) <= tolerance, "%s: server %d got %d%%, not %d%%",
                      balances[_i].name, i, percent, expected);
    }
    topology_unref(topology);
}
END_TEST

/* --- a session's walk --- */

/* Time must not run backwards for session reads, with an eventual read elsewhere in between. */
START_TEST(an_eventual_read_elsewhere_is_no_proof_for_the_next_read_there)
{
    struct positions *positions = positions_new();
    struct topology *topology = topology_of(0);
    struct policy policy = policy_of(0);
    uint32_t busy[POSITIONS_SERVERS_MAX] = {0};
    struct requirement requirement;
    const struct proof proof = {0};
    requirement_init(&requirement);
    requirement.pin = (int)slot_of(F1);
    confirm(positions, slot_of(F1), "0-1-100", 0);
    confirm(positions, slot_of(F2), "0-1-60", 0);
    requirement_read(&requirement, (int)slot_of(F1), positions_generation(positions, slot_of(F1)),
                     false);
    struct route_request request = {
        .read = true,
        .forced = index_of(F2),
        .consistency = CONSISTENCY_EVENTUAL,
        .policy = &policy,
        .requirement = &requirement,
        .proof = &proof,
        .busy = busy,
    };
    struct route route = route_decide(topology, positions, &request);
    ck_assert_int_eq(route.server, index_of(F2));
    requirement_read(&requirement, (int)slot_of(F2), positions_generation(positions, slot_of(F2)),
                     route.move);
    request.consistency = CONSISTENCY_SESSION;
    route = route_decide(topology, positions, &request);
    ck_assert_int_eq(route.kind, ROUTE_BOUND);
    topology_unref(topology);
    positions_free(positions);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("select");
    TCase *tcase = tcase_create("select");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, writes_go_to_the_leader, 0, COUNT(leader_scenes));
    tcase_add_loop_test(tcase, session_reads_see_what_was_seen, 0, COUNT(session_scenes));
    tcase_add_loop_test(tcase, reads_wait_or_go_to_the_leader, 0, COUNT(waiting_scenes));
    tcase_add_loop_test(tcase, eventual_reads_go_anywhere, 0, COUNT(eventual_scenes));
    tcase_add_loop_test(tcase, rules_name_a_server, 0, COUNT(forced_scenes));
    tcase_add_loop_test(tcase, the_leader_takes_its_share, 0, COUNT(share_scenes));
    tcase_add_loop_test(tcase, the_leader_is_read_once_it_shows_what_was_seen, 0,
                        COUNT(shown_scenes));
    tcase_add_test(tcase, a_plain_statement_of_the_leader_waits_until_it_shows_what_was_seen);
    tcase_add_loop_test(tcase, strong_reads_go_by_their_own_fetch, 0, COUNT(strong_scenes));
    tcase_add_loop_test(tcase, partial_followers_take_eventual_reads_only, 0,
                        COUNT(partial_scenes));
    tcase_add_loop_test(tcase, reads_are_balanced, 0, COUNT(balances));
    tcase_add_test(tcase, an_eventual_read_elsewhere_is_no_proof_for_the_next_read_there);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
