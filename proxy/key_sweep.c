/* Forgets keys: see key_sweep.h. */
#include "proxy/key_sweep.h"

#include "proxy/base/log.h"
#include "proxy/worker.h"

/* Every follower that a key might be read on has what any of them required. */
static bool all_have_it(const struct key_sweep *sweep)
{
    const struct topology *topology = sweep->worker->topology;
    const struct positions *positions = sweep->worker->shared->positions;
    for (unsigned i = 0; i < topology->count; i++) {
        const struct topology_server *server = &topology->servers[i];
        if (server->role == ROLE_FOLLOWER && server->in_rotation && !server->partial &&
            !positions_covers(positions, server->slot,
                              positions_generation(positions, server->slot), &sweep->floor))
            return false;
    }
    return true;
}

static bool has_floor(const struct key_sweep *sweep)
{
    struct gtid_vector floor;
    return keys_floor(sweep->worker->shared->keys, &floor);
}

static void begin(struct key_sweep *sweep)
{
    struct worker *worker = sweep->worker;
    if (worker->topology->leader < 0 || (keys_count(worker->shared->keys) == 0 && has_floor(sweep)))
        return;
    sweep->round = keys_begin_round(worker->shared->keys);
    sweep->state = SWEEP_ASKS_POSITION;
    bound_ask(&worker->bound, &sweep->position);
}

static void forget(struct key_sweep *sweep)
{
    unsigned gone =
        keys_forget(sweep->worker->shared->keys, sweep->round, &sweep->floor, sweep->epoch);
    if (gone > 0)
        log_debug("%u keys were forgotten: their floor is everywhere", gone);
    sweep->state = SWEEP_IDLE;
}

/* The first floor waits for nobody: until there is one, every key has to ask the leader. */
static void forget_when_due(struct key_sweep *sweep)
{
    const struct worker *worker = sweep->worker;
    if (sweep->epoch != worker->topology->epoch)
        sweep->state = SWEEP_IDLE;
    else if (keys_count(worker->shared->keys) > worker->config->policy.max_keys ||
             !has_floor(sweep) || all_have_it(sweep))
        forget(sweep);
}

static void on_position(struct bound_waiter *waiter, const struct bound_answer *answer)
{
    struct key_sweep *sweep = list_object(waiter, struct key_sweep, position);
    sweep->state = SWEEP_IDLE;
    if (!answer)
        return;
    sweep->floor = answer->position;
    sweep->epoch = sweep->worker->topology->epoch;
    sweep->state = SWEEP_ASKS_SHOWN;
    bound_ask(&sweep->worker->shown, &sweep->shown);
}

static void on_shown(struct bound_waiter *waiter, const struct bound_answer *answer)
{
    struct key_sweep *sweep = list_object(waiter, struct key_sweep, shown);
    sweep->state = answer ? SWEEP_WAITS : SWEEP_IDLE;
    if (answer)
        forget_when_due(sweep);
}

void key_sweep_tick(struct key_sweep *sweep)
{
    if (sweep->state == SWEEP_WAITS)
        forget_when_due(sweep);
    if (sweep->state == SWEEP_IDLE)
        begin(sweep);
}

void key_sweep_init(struct key_sweep *sweep, struct worker *worker)
{
    *sweep = (struct key_sweep){.worker = worker, .state = SWEEP_IDLE};
    list_init(&sweep->position.node);
    list_init(&sweep->shown.node);
    sweep->position.answered = on_position;
    sweep->shown.answered = on_shown;
}

void key_sweep_close(struct key_sweep *sweep)
{
    bound_forget(&sweep->position);
    bound_forget(&sweep->shown);
}
