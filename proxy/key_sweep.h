/* Forgets keys, once a second, in one worker for all; and sees to the first floor.
 *
 *     IDLE --a round begins, the leader's position is asked for--> ASKS_POSITION
 *       ^                                                               |
 *       |                          ASKS_SHOWN <--does the leader show it?
 *       |                               |
 *       +---keys_forget--- WAITS <------+   until every follower in rotation has confirmed it,
 *                                           or the table is full
 */
#ifndef CAUSEWAY_PROXY_KEY_SWEEP_H
#define CAUSEWAY_PROXY_KEY_SWEEP_H

#include "proxy/bound.h"

struct key_sweep {
    struct worker *worker;
    struct bound_waiter position;
    struct bound_waiter shown;
    enum { SWEEP_IDLE, SWEEP_ASKS_POSITION, SWEEP_ASKS_SHOWN, SWEEP_WAITS } state;
    uint64_t round;
    uint64_t epoch; /* of the leader that was asked */
    struct gtid_vector floor;
};

void key_sweep_init(struct key_sweep *sweep, struct worker *worker);
/* Once a second. */
void key_sweep_tick(struct key_sweep *sweep);
void key_sweep_close(struct key_sweep *sweep);

#endif
