/* The right to act: GET_LOCK of one name on a majority of the servers, over the very connections
 * that the steps go over. A Causeway that was paused and comes back late has either kept its
 * connections, and with them the locks, or can't act.
 *
 * Any account may take any name of GET_LOCK (FACTS 10): who is not the service account is thrown
 * off. */
#include "router/cluster/operation_steps.h"

#include "proxy/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define LOCK_NAME "causeway.failover"

struct holder {
    char id[32];
    char user[256];
};

static void holder_take(const struct service_reply *row, void *context)
{
    struct holder *holder = context;

    service_reply_text(row, 0, holder->id, sizeof(holder->id));
    service_reply_text(row, 1, holder->user, sizeof(holder->user));
}

static bool lock_try(struct operation *operation, unsigned server)
{
    char got[8];

    return crew_text(operation->crew, server, STATEMENT_MS, got, sizeof(got),
                     "SELECT GET_LOCK('" LOCK_NAME "', 0)") == 0 &&
           strcmp(got, "1") == 0;
}

/* Somebody has it. Another Causeway: then that one acts. */
static bool lock_contend(struct operation *operation, unsigned server)
{
    struct holder holder = {"", ""};
    const char *name = operation_name(operation, server);

    if (crew_rows(operation->crew, server, STATEMENT_MS, holder_take, &holder,
                  "SELECT id, user FROM information_schema.processlist"
                  " WHERE id = IS_USED_LOCK('" LOCK_NAME "')") != 0)
        return operation_fails(operation, "%s: who holds its lock can't be told: %s", name,
                               crew_why(operation->crew));
    if (strcmp(holder.user, operation->order->servers[server].login.user) == 0)
        return operation_fails(operation, "another Causeway acts: it holds the lock of %s", name);
    if (holder.id[0] != '\0') {
        log_warn("server %s: connection %s of '%s' sits on the lock " LOCK_NAME ": it is killed",
                 name, holder.id, holder.user);
        crew_run(operation->crew, server, STATEMENT_MS, "KILL %s", holder.id);
    }
    if (lock_try(operation, server))
        return true;
    return operation_fails(operation, "the lock of %s could not be had", name);
}

bool operation_lock(struct operation *operation)
{
    struct operation_order *order = operation->order;
    unsigned needed = order->settings.quorum ? order->count / 2 + 1 : 1;
    unsigned granted = 0;

    if (!operation_step(operation, "lock"))
        return false;
    for (unsigned i = 0; i < order->count; i++) {
        if (!order->servers[i].reachable ||
            crew_open(operation->crew, i, &order->servers[i].login) != 0)
            continue;
        if (!lock_try(operation, i) && !lock_contend(operation, i))
            return false;
        granted++;
    }
    if (granted < needed)
        return operation_fails(operation,
                               "%u of %u servers can be reached, and it takes a majority (%u) to "
                               "act; quorum = off does without",
                               granted, order->count, needed);
    return true;
}

void operation_unlock(struct operation *operation)
{
    for (unsigned i = 0; i < operation->order->count; i++) {
        if (crew_is_open(operation->crew, i))
            crew_run(operation->crew, i, STATEMENT_MS, "DO RELEASE_LOCK('" LOCK_NAME "')");
        crew_close(operation->crew, i);
    }
}
