/* The workloads over registers: own writes, monotonic reads, effect after cause, long fork, and the
 * linearizable register. */
#include "tests/consistency/record.h"

/* --- own: each client reads what it has written; two clients of one key share their registers ---
 */

enum { OWN_REGISTERS = 4, CLIENTS_MAX = REGISTERS_MAX / OWN_REGISTERS };

#define OWN "demo.h_own"

static void own_setup(MYSQL *leader)
{
    registers_setup(leader, OWN, REGISTERS_MAX);
}

static void own_client(struct client *client)
{
    int64_t values[OWN_REGISTERS] = {0};
    unsigned mine = client->number % CLIENTS_MAX * OWN_REGISTERS;
    bool twin = client_has_twin(client);
    while (client_goes_on(client)) {
        unsigned which = client_random(client, OWN_REGISTERS);
        register_write(client, OWN, mine + which, ++values[which]);
        register_read(client, OWN, mine + which);
        for (unsigned more = client_random(client, 40); more > 0 && client_goes_on(client);
             more--) {
            unsigned any = mine + client_random(client, OWN_REGISTERS);
            bool others = twin && client_random(client, 2) == 0;
            register_read(client, OWN, others ? any ^ OWN_REGISTERS : any);
        }
    }
}

const struct workload workload_own = {"own", own_setup, own_client};

/* --- monotonic: two write, the others watch --- */

enum { WATCHED_REGISTERS = 4 };

#define WATCHED "demo.h_watched"

static void monotonic_setup(MYSQL *leader)
{
    registers_setup(leader, WATCHED, 2 * WATCHED_REGISTERS);
}

static void write_on(struct client *client, const char *table, unsigned first, unsigned count,
                     unsigned pause_us)
{
    int64_t values[REGISTERS_MAX] = {0};
    while (client_goes_on(client)) {
        unsigned which = client_random(client, count);
        register_write(client, table, first + which, ++values[which]);
        client_pause(client, pause_us);
    }
}

static void monotonic_client(struct client *client)
{
    if (client->number < 2) {
        write_on(client, WATCHED, client->number * WATCHED_REGISTERS, WATCHED_REGISTERS, 4000);
        return;
    }
    while (client_goes_on(client))
        register_read(client, WATCHED, client_random(client, 2 * WATCHED_REGISTERS));
}

const struct workload workload_monotonic = {"monotonic", monotonic_setup, monotonic_client};

/* --- register: one writes, the others read, and real time is what orders them --- */

#define REGISTER "demo.h_register"

static void register_setup(MYSQL *leader)
{
    registers_setup(leader, REGISTER, 2);
}

static void register_client(struct client *client)
{
    if (client->number == 0)
        write_on(client, REGISTER, 0, 2, 3000);
    while (client_goes_on(client))
        register_read(client, REGISTER, client_random(client, 2));
}

const struct workload workload_register = {"register", register_setup, register_client};

/* --- causes: an effect is written once its cause has been acknowledged, or has been read ---
 * Causes are in one schema (and domain), effects in another. Registers 0 and 1 are causes, 2 and 3
 * their effects; 6 is written by a client that has read the cause 0. */

#define CAUSE  "demo.h_cause"
#define EFFECT "ledger.h_effect"

static void causes_setup(MYSQL *leader)
{
    registers_setup(leader, CAUSE, 2);
    registers_setup(leader, EFFECT, 8);
}

static void cause_then_effect(struct client *client)
{
    int64_t values[2] = {0};
    while (client_goes_on(client)) {
        unsigned which = client_random(client, 2);
        int64_t value = ++values[which];
        if (register_write(client, CAUSE, which, value))
            register_write(client, EFFECT, which + 2, value);
        client_pause(client, 2000);
    }
}

static void relay_cause(struct client *client)
{
    int64_t written = 0;
    while (client_goes_on(client)) {
        int64_t seen = register_read(client, CAUSE, 0);
        if (seen > written && register_write(client, EFFECT, 6, seen))
            written = seen;
        client_pause(client, 2000);
    }
}

static void causes_client(struct client *client)
{
    static const unsigned effects[] = {2, 3, 6};
    static const unsigned causes[] = {0, 1, 0};
    if (client->number == 0)
        cause_then_effect(client);
    if (client->number == 1)
        relay_cause(client);
    while (client_goes_on(client)) {
        unsigned which = client_random(client, 3);
        register_read(client, EFFECT, effects[which]);
        register_read(client, CAUSE, causes[which]);
    }
}

const struct workload workload_causes = {"causes", causes_setup, causes_client};

/* --- fork: x and y are written independently; readers look at them in both orders --- */

#define FORK "demo.h_fork"

static void fork_setup(MYSQL *leader)
{
    registers_setup(leader, FORK, 4);
}

static void fork_write_on(struct client *client, unsigned index)
{
    int64_t value = 0;
    while (client_goes_on(client)) {
        register_write(client, FORK, index, ++value);
        client_pause(client, 1500);
    }
}

static void pair_event(struct client *client, const struct event *event, int64_t x, int64_t y)
{
    char text[48];
    struct event pair = *event;
    snprintf(text, sizeof(text), "%lld,%lld", (long long)x, (long long)y);
    pair.value = text;
    pair.kind = 'p';
    pair.end_ns = now_ns();
    history_event(client, &pair);
}

static void fork_both(struct client *client)
{
    struct reply reply;
    struct connection *connection = client_connection(client);
    if (!connection)
        return;
    struct event event = {.connection = connection,
                          .start_ns = now_ns(),
                          .server = reply.server,
                          .key = "both",
                          .way = "text"};
    connection_query(client, connection, NULL, &reply,
                     "SELECT (SELECT v FROM " FORK " WHERE k=0), (SELECT v FROM " FORK
                     " WHERE k=2), (SELECT name FROM demo.this_server)");
    if (reply.error)
        history_error(client, connection, event.start_ns, "both", reply.error);
    else
        pair_event(client, &event, reply.value, reply.second);
}

static void fork_one_by_one(struct client *client, bool x_first)
{
    struct event event = {.start_ns = now_ns(),
                          .server = "-",
                          .key = x_first ? "xy" : "yx",
                          .way = "pair",
                          .derived = true};
    int64_t values[2];
    uint32_t first = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct connection *connection = client_connection(client);
        if (!connection)
            return;
        if (i == 0)
            first = connection->number;
        else if (client->shared->options.connections == 1 && connection->number != first)
            return; /* another session: the two looks are no pair */
        event.connection = connection;
        values[i] = register_read_plain(client, connection, FORK, (i == 0) == x_first ? 0 : 2);
        if (values[i] < 0)
            return;
    }
    pair_event(client, &event, values[x_first ? 0 : 1], values[x_first ? 1 : 0]);
}

static void fork_client(struct client *client)
{
    if (client->number < 2)
        fork_write_on(client, client->number * 2);
    while (client_goes_on(client)) {
        if (client_random(client, 4) == 0)
            fork_both(client);
        else
            fork_one_by_one(client, client->number & 1);
        if (client_random(client, 8) == 0) /* a move to the leader and back */
            register_read(client, FORK, client_random(client, 2) * 2);
    }
}

const struct workload workload_fork = {"fork", fork_setup, fork_client};
