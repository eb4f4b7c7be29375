/* Money moves between accounts and none is made or lost: every snapshot has the same sum. Each
 * transfer also counts itself in the same transaction, so that the sum's snapshot is known to hold
 * the reader's own transfers. */
#include "tests/consistency/record.h"

#include <inttypes.h>

enum { ACCOUNTS = 16 };

#define BANK "demo.h_bank"
#define DONE "demo.h_done"

static void bank_setup(MYSQL *leader)
{
    setup_sql(leader, "DROP TABLE IF EXISTS " BANK ", " DONE);
    setup_sql(leader, "CREATE TABLE " BANK " (a INT PRIMARY KEY, balance BIGINT NOT NULL)");
    setup_sql(leader, "CREATE TABLE " DONE " (k INT PRIMARY KEY, v BIGINT NOT NULL)");
    for (unsigned a = 0; a < ACCOUNTS; a++)
        setup_format(leader, "INSERT INTO " BANK " VALUES (%u, 1000)", a);
    for (unsigned k = 0; k < REGISTERS_MAX; k++)
        setup_format(leader, "INSERT INTO " DONE " VALUES (%u, 0)", k);
}

/* The whole transfer; the number of the last error. */
static unsigned transfer_run(struct client *client, struct connection *connection, int64_t number)
{
    unsigned low = client_random(client, ACCOUNTS - 1);
    unsigned high = low + 1 + client_random(client, ACCOUNTS - 1 - low);
    int amount = (int)client_random(client, 100) - 50;
    struct reply reply;
    connection_query(client, connection, NULL, &reply, "START TRANSACTION");
    if (!reply.error)
        connection_query(client, connection, NULL, &reply,
                         "UPDATE " BANK " SET balance=balance-%d WHERE a=%u", amount, low);
    if (!reply.error)
        connection_query(client, connection, NULL, &reply,
                         "UPDATE " BANK " SET balance=balance+%d WHERE a=%u", amount, high);
    if (!reply.error)
        connection_query(client, connection, NULL, &reply,
                         "UPDATE " DONE " SET v=%" PRId64 " WHERE k=%u", number, client->number);
    if (!reply.error)
        connection_query(client, connection, NULL, &reply, "COMMIT");
    return reply.error;
}

static void transfer(struct client *client, const char *key, int64_t number)
{
    struct connection *connection = client_connection(client);
    if (!connection)
        return;
    struct event event = {.kind = 'w',
                          .connection = connection,
                          .start_ns = now_ns(),
                          .server = "-",
                          .key = key,
                          .way = "transfer"};
    unsigned error = transfer_run(client, connection, number);
    event.end_ns = now_ns();
    if (error) {
        event.kind = 'u';
        history_error(client, connection, event.start_ns, "transfer", error);
        connection_close(connection);
    }
    history_number(client, &event, number);
}

/* The sum and the count of own transfers of one snapshot. */
struct snapshot {
    int64_t sum, done;
    struct reply reply;
};

static void look_at_once(struct client *client, struct connection *connection,
                         struct snapshot *snapshot)
{
    connection_query(client, connection, NULL, &snapshot->reply,
                     "SELECT SUM(balance), (SELECT v FROM " DONE " WHERE k=%u), "
                     "(SELECT name FROM demo.this_server) FROM " BANK,
                     client->number);
    snapshot->sum = snapshot->reply.value;
    snapshot->done = snapshot->reply.second;
}

static void look_in_parts(struct client *client, struct connection *connection,
                          struct snapshot *snapshot)
{
    connection_query(client, connection, NULL, &snapshot->reply,
                     "SELECT SUM(balance) FROM " BANK " WHERE a < %d", ACCOUNTS / 2);
    snapshot->sum = snapshot->reply.value;
    if (snapshot->reply.error)
        return;
    client_pause(client, 2000);
    connection_query(client, connection, NULL, &snapshot->reply,
                     "SELECT SUM(balance), (SELECT v FROM " DONE " WHERE k=%u), "
                     "(SELECT name FROM demo.this_server) FROM " BANK " WHERE a >= %d",
                     client->number, ACCOUNTS / 2);
    snapshot->sum += snapshot->reply.value;
    snapshot->done = snapshot->reply.second;
}

static void look_read_only(struct client *client, struct connection *connection,
                           struct snapshot *snapshot)
{
    struct reply end;
    connection_query(client, connection, NULL, &snapshot->reply, "START TRANSACTION READ ONLY");
    if (!snapshot->reply.error)
        look_in_parts(client, connection, snapshot);
    connection_query(client, connection, NULL, &end, "COMMIT");
    if (!snapshot->reply.error)
        snapshot->reply.error = end.error;
}

/* Two autocommit statements are no snapshot, anywhere: here the sum must be seen to vary, which
 * shows that the checker would find a torn one. */
static void look_torn(struct client *client, struct connection *connection,
                      struct snapshot *snapshot)
{
    look_in_parts(client, connection, snapshot);
}

static const struct {
    const char *name;
    void (*look)(struct client *, struct connection *, struct snapshot *);
} looks[] = {{"single", look_at_once}, {"read-only", look_read_only}, {"torn", look_torn}};

static void look(struct client *client, const char *key)
{
    unsigned which = client_random(client, 16);
    which = which > 8 ? 1 : which > 0 ? 0 : 2;
    struct connection *connection = client_connection(client);
    if (!connection)
        return;
    struct snapshot snapshot = {.sum = 0};
    struct event event = {.kind = 'b',
                          .connection = connection,
                          .start_ns = now_ns(),
                          .key = looks[which].name,
                          .way = looks[which].name};
    looks[which].look(client, connection, &snapshot);
    event.end_ns = now_ns();
    event.server = snapshot.reply.server;
    if (snapshot.reply.error) {
        history_error(client, connection, event.start_ns, event.way, snapshot.reply.error);
        connection_close(connection);
        return;
    }
    history_number(client, &event, snapshot.sum);
    event.kind = 'r';
    event.key = key;
    event.way = "with-sum";
    event.derived = true;
    history_number(client, &event, snapshot.done);
}

static void bank_client(struct client *client)
{
    char key[32];
    int64_t number = 0;
    snprintf(key, sizeof(key), DONE ".%u", client->number);
    while (client_goes_on(client)) {
        transfer(client, key, ++number);
        for (unsigned more = client_random(client, 30); more > 0 && client_goes_on(client); more--)
            look(client, key);
    }
}

const struct workload workload_bank = {"bank", bank_setup, bank_client};
