/* Lists that everybody appends to. Reads return the whole list, so the order of all appends is
 * seen, and any two reads of one list must be one the beginning of the other. Full lists are left
 * for new ones, so that reads stay small. */
#include "tests/consistency/record.h"

#include <inttypes.h>
#include <string.h>

enum { LISTS = 4, LIST_ITEMS = 40 };

#define LIST "demo.h_list"

static void list_setup(MYSQL *leader)
{
    setup_sql(leader, "DROP TABLE IF EXISTS " LIST);
    setup_sql(leader, "CREATE TABLE " LIST " (k INT PRIMARY KEY, items VARCHAR(4000) NOT NULL)");
}

static unsigned list_pick(struct client *client)
{
    uint64_t filled = atomic_load(&client->shared->appends) / (LISTS * LIST_ITEMS);
    return (unsigned)filled * LISTS + client_random(client, LISTS);
}

static void list_append(struct client *client, unsigned list, unsigned number)
{
    char key[16], item[32];
    struct reply reply;
    struct connection *connection = client_connection(client);
    if (!connection)
        return;
    connection_domain(client, connection, list & 1);
    snprintf(key, sizeof(key), "%u", list);
    snprintf(item, sizeof(item), "%u.%u,", client->number, number);
    struct event event = {.kind = 'a',
                          .connection = connection,
                          .start_ns = now_ns(),
                          .server = "-",
                          .key = key,
                          .value = item,
                          .way = number & 1 ? "text" : "returning"};
    connection_query(client, connection, NULL, &reply,
                     "INSERT INTO " LIST " VALUES (%u, '%s') ON DUPLICATE KEY UPDATE "
                     "items=CONCAT(items, '%s')%s",
                     list, item, item, number & 1 ? "" : " RETURNING k");
    event.end_ns = now_ns();
    atomic_fetch_add(&client->shared->appends, 1);
    if (reply.error) {
        event.kind = 'u';
        history_error(client, connection, event.start_ns, "append", reply.error);
    }
    history_event(client, &event);
}

static void list_look(struct client *client, unsigned list)
{
    static const char *const ways[] = {"text", "text", "text", "text", "read-only", "to-leader"};
    unsigned which = client_random(client, sizeof(ways) / sizeof(ways[0]));
    char key[16];
    struct reply reply, aside = {.error = 0};
    struct connection *connection = client_connection(client);
    if (!connection)
        return;
    snprintf(key, sizeof(key), "%u", list);
    bool read_only = strcmp(ways[which], "read-only") == 0;
    bool to_leader = strcmp(ways[which], "to-leader") == 0;
    struct event event = {.kind = 'l',
                          .connection = connection,
                          .start_ns = now_ns(),
                          .key = key,
                          .way = ways[which]};
    if (read_only)
        connection_query(client, connection, NULL, &aside, "START TRANSACTION READ ONLY");
    connection_query(client, connection, to_leader ? "to=leader" : NULL, &reply,
                     "SELECT IFNULL((SELECT items FROM " LIST " WHERE k=%u), ''), "
                     "(SELECT name FROM demo.this_server)",
                     list);
    event.end_ns = now_ns();
    event.server = reply.server;
    event.value = reply.text;
    if (read_only && !aside.error)
        connection_query(client, connection, NULL, &aside, "COMMIT");
    if (!reply.error)
        history_event(client, &event);
    if (reply.error || aside.error) {
        history_error(client, connection, event.start_ns, event.way,
                      reply.error ? reply.error : aside.error);
        connection_close(connection);
    }
}

static void list_client(struct client *client)
{
    unsigned number = 0;
    while (client_goes_on(client)) {
        unsigned list = list_pick(client);
        list_append(client, list, ++number);
        list_look(client, list);
        for (unsigned more = client_random(client, 30); more > 0 && client_goes_on(client); more--)
            list_look(client, list / LISTS * LISTS + client_random(client, LISTS));
    }
}

const struct workload workload_list = {"list", list_setup, list_client};
