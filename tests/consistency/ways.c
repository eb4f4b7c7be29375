/* The many ways to write and to read one register. Each must keep the same promise, so a workload
 * takes any of them; the history says which it was. */
#include "tests/consistency/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ER_DUP_ENTRY_CODE = 1062 };

/* What all the ways are given, and where they leave what they found. */
struct task {
    struct client *client;
    struct connection *connection;
    const char *table;
    unsigned index;
    int64_t value; /* in: to be written; out: what was read */
    struct reply reply;
    char kind;       /* of the event: 'w' or 'u', 'r' or 's'; '-': nothing to write down */
    uint64_t end_ns; /* when the value was known; 0: at the end of it all */
};

static bool is_cell(const struct task *task)
{
    return (task->index & 1) == 0;
}

/* --- texts --- */

#define SERVER "(SELECT name FROM demo.this_server)"

static void read_sql(const struct task *task, char *out, size_t room)
{
    if (is_cell(task))
        snprintf(out, room, "SELECT v, " SERVER " FROM %s WHERE k=%u", task->table, task->index);
    else
        snprintf(out, room, "SELECT IFNULL(MAX(n),0), " SERVER " FROM %s_rows WHERE k=%u",
                 task->table, task->index);
}

static void write_sql(const struct task *task, char *out, size_t room)
{
    if (is_cell(task))
        snprintf(out, room, "UPDATE %s SET v=%" PRId64 " WHERE k=%u", task->table, task->value,
                 task->index);
    else
        snprintf(out, room, "INSERT INTO %s_rows (k, n) VALUES (%u, %" PRId64 ")", task->table,
                 task->index, task->value);
}

/* Reads with something around the SELECT; the value is known when the whole answer is. */
static void say_read(struct task *task, const char *hint, const char *before, const char *after)
{
    char sql[SQL_MAX_BYTES / 2];
    read_sql(task, sql, sizeof(sql));
    connection_query(task->client, task->connection, hint, &task->reply, "%s%s%s", before, sql,
                     after);
    if (!task->reply.error && task->reply.has_row)
        task->value = task->reply.value;
    else
        task->kind = '-';
    task->end_ns = now_ns();
}

static void say_write(struct task *task, const char *before, const char *after)
{
    char sql[SQL_MAX_BYTES / 2];
    write_sql(task, sql, sizeof(sql));
    connection_query(task->client, task->connection, NULL, &task->reply, "%s%s%s", before, sql,
                     after);
}

/* A statement around the one that counts, whose reply must not hide that one's. */
static bool say_aside(struct task *task, const char *sql)
{
    struct reply reply;
    connection_query(task->client, task->connection, NULL, &reply, "%s", sql);
    if (reply.error && !task->reply.error)
        task->reply.error = reply.error;
    return reply.error == 0;
}

/* --- reads --- */

static void read_text(struct task *task)
{
    say_read(task, NULL, "", "");
}

static void read_prepared(struct task *task)
{
    char sql[SQL_MAX_BYTES / 2];
    int64_t index = task->index;
    if (is_cell(task))
        snprintf(sql, sizeof(sql), "SELECT v, " SERVER " FROM %s WHERE k=?", task->table);
    else
        snprintf(sql, sizeof(sql), "SELECT IFNULL(MAX(n),0), " SERVER " FROM %s_rows WHERE k=?",
                 task->table);
    connection_execute(task->client, task->connection, sql, &index, 1, &task->reply);
    task->value = task->reply.value;
    if (!task->reply.has_row)
        task->kind = '-';
}

static void read_leader_hint(struct task *task)
{
    say_read(task, "to=leader", "", "");
}

static void read_locking(struct task *task)
{
    say_read(task, NULL, "", is_cell(task) ? " LOCK IN SHARE MODE" : "");
}

static void read_multi(struct task *task)
{
    say_read(task, NULL, "SELECT 1; ", "");
}

static void read_in_transaction(struct task *task, const char *begin, const char *end)
{
    if (!say_aside(task, begin)) {
        task->kind = '-';
        return;
    }
    read_text(task);
    uint64_t end_ns = task->end_ns;
    say_aside(task, end);
    task->end_ns = end_ns;
}

static void read_only_transaction(struct task *task)
{
    read_in_transaction(task, "START TRANSACTION READ ONLY", "COMMIT");
}

static void read_write_transaction(struct task *task)
{
    read_in_transaction(task, "START TRANSACTION", "COMMIT");
}

static void read_rolled_back(struct task *task)
{
    read_in_transaction(task, "BEGIN", "ROLLBACK");
}

static void read_autocommit_off(struct task *task)
{
    read_in_transaction(task, "SET autocommit=0", "SET autocommit=1");
}

static void read_call(struct task *task)
{
    connection_query(task->client, task->connection, NULL, &task->reply, "CALL %s_read(%u)",
                     task->table, task->index);
    task->value = task->reply.value;
    if (!task->reply.has_row)
        task->kind = '-';
}

static void read_temporary(struct task *task)
{
    if (!say_aside(task, "CREATE TEMPORARY TABLE IF NOT EXISTS demo.passing (n INT)"))
        task->kind = '-';
    else
        read_in_transaction(task, "DO 1", "DROP TEMPORARY TABLE demo.passing");
}

/* 1062: another's row, known to be written, shows in the error. */
static void read_duplicate(struct task *task)
{
    task->kind = '-';
    task->value = atomic_load(&task->client->shared->acknowledged[task->index]);
    if (is_cell(task) || task->value == 0)
        return;
    say_write(task, "", "");
    if (task->reply.error == ER_DUP_ENTRY_CODE) {
        task->reply.error = 0;
        task->kind = 's';
    }
}

/* An UPDATE that finds nothing to do shows that the value is past the one it asked for. */
static void read_zero_rows(struct task *task)
{
    task->kind = '-';
    task->value = atomic_load(&task->client->shared->acknowledged[task->index]);
    if (!is_cell(task) || task->value == 0)
        return;
    connection_query(task->client, task->connection, NULL, &task->reply,
                     "UPDATE %s SET touched=touched+1 WHERE k=%u AND v<%" PRId64, task->table,
                     task->index, task->value);
    if (!task->reply.error && task->reply.affected == 0)
        task->kind = 's';
}

static void read_after_reset(struct task *task)
{
    connection_reset(task->client, task->connection);
    read_text(task);
}

/* --- writes --- */

static void write_text(struct task *task)
{
    say_write(task, "", "");
}

static void write_prepared(struct task *task)
{
    char sql[SQL_MAX_BYTES / 2];
    int64_t arguments[2] = {task->value, task->index};
    if (is_cell(task))
        snprintf(sql, sizeof(sql), "UPDATE %s SET v=? WHERE k=?", task->table);
    else
        snprintf(sql, sizeof(sql), "INSERT INTO %s_rows (n, k) VALUES (?, ?)", task->table);
    connection_execute(task->client, task->connection, sql, arguments, 2, &task->reply);
}

static void write_returning(struct task *task)
{
    if (is_cell(task))
        connection_query(task->client, task->connection, NULL, &task->reply,
                         "INSERT INTO %s (k, v) VALUES (%u, %" PRId64
                         ") ON DUPLICATE KEY UPDATE v=VALUES(v) RETURNING v",
                         task->table, task->index, task->value);
    else
        say_write(task, "", " RETURNING n");
}

static void write_call(struct task *task, const char *procedure)
{
    connection_query(task->client, task->connection, NULL, &task->reply,
                     "CALL %s_%s(%u, %" PRId64 ")", task->table, procedure, task->index,
                     task->value);
}

static void write_call_silent(struct task *task)
{
    write_call(task, "write");
}

static void write_call_shows(struct task *task)
{
    write_call(task, "write_show");
}

/* The procedure writes, then raises 45000: the write stands. */
static void write_call_fails(struct task *task)
{
    write_call(task, "write_fail");
    if (task->reply.error == 1644 /* ER_SIGNAL_EXCEPTION */)
        task->reply.error = 0;
}

static void write_multi(struct task *task)
{
    say_write(task, "DO 1; ", "; SELECT 1");
}

static void write_multi_fails(struct task *task)
{
    say_write(task, "", "; SELECT nothing FROM demo.nowhere");
    if (task->reply.error == 1146 /* ER_NO_SUCH_TABLE */)
        task->reply.error = 0;
}

static void write_in_transaction(struct task *task, const char *begin, const char *end)
{
    if (!say_aside(task, begin))
        return;
    say_write(task, "", "");
    say_aside(task, task->reply.error ? "ROLLBACK" : end);
}

static void write_transaction(struct task *task)
{
    write_in_transaction(task, "START TRANSACTION", "COMMIT");
}

/* The second BEGIN commits the first. */
static void write_implicit_commit(struct task *task)
{
    write_in_transaction(task, "BEGIN", "BEGIN");
    say_aside(task, "ROLLBACK");
}

static void write_autocommit_off(struct task *task)
{
    write_in_transaction(task, "SET autocommit=0", "COMMIT");
    say_aside(task, "SET autocommit=1");
}

/* A pool that resets the connection right after its use. */
static void write_then_reset(struct task *task)
{
    say_write(task, "", "");
    if (!task->reply.error)
        connection_reset(task->client, task->connection);
}

/* --- the tables --- */

struct way {
    const char *name;
    unsigned weight;
    void (*run)(struct task *task);
};

static const struct way read_ways[] = {
    {"text", 400, read_text},
    {"prepared", 300, read_prepared},
    {"read-only", 60, read_only_transaction},
    {"to-leader", 60, read_leader_hint},
    {"duplicate", 40, read_duplicate},
    {"zero-rows", 40, read_zero_rows},
    {"read-write", 20, read_write_transaction},
    {"rollback", 15, read_rolled_back},
    {"autocommit-off", 15, read_autocommit_off},
    {"locking", 20, read_locking},
    {"multi", 15, read_multi},
    {"call", 15, read_call},
    {"temporary", 5, read_temporary},
    {"reset", 5, read_after_reset},
};

static const struct way write_ways[] = {
    {"text", 10, write_text},
    {"prepared", 10, write_prepared},
    {"returning", 10, write_returning},
    {"call", 5, write_call_silent},
    {"call-shows", 10, write_call_shows},
    {"call-fails", 5, write_call_fails},
    {"multi", 5, write_multi},
    {"multi-fails", 5, write_multi_fails},
    {"transaction", 10, write_transaction},
    {"implicit-commit", 5, write_implicit_commit},
    {"autocommit-off", 5, write_autocommit_off},
    {"reset", 3, write_then_reset},
};

static const struct way *way_pick(struct client *client, const struct way *ways, size_t count)
{
    unsigned sum = 0;
    if (client->shared->options.plain)
        return &ways[client_random(client, 2)];
    for (size_t i = 0; i < count; i++)
        sum += ways[i].weight;
    unsigned at = client_random(client, sum);
    for (size_t i = 0; i < count; i++) {
        if (at < ways[i].weight)
            return &ways[i];
        at -= ways[i].weight;
    }
    return &ways[0];
}

/* A connection that may be inside a transaction, or may have autocommit off, is not used on. */
static void give_up(struct task *task)
{
    connection_close(task->connection);
}

static void task_run(struct task *task, const struct way *way)
{
    char key[96];
    snprintf(key, sizeof(key), "%s.%u", task->table, task->index);
    struct event event = {.connection = task->connection, .start_ns = now_ns(), .way = way->name};
    way->run(task);
    event.end_ns = task->end_ns ? task->end_ns : now_ns();
    event.key = key;
    event.server = task->kind == 'r' ? task->reply.server : "-";
    if (task->reply.error) {
        history_error(task->client, task->connection, event.start_ns, way->name, task->reply.error);
        give_up(task);
        if (task->kind == 'w')
            task->kind = 'u';
    }
    event.kind = task->kind;
    if (task->kind != '-')
        history_number(task->client, &event, task->value);
}

static void acknowledge(struct client *client, unsigned index, int64_t value)
{
    atomic_store(&client->shared->acknowledged[index], value);
}

bool register_write(struct client *client, const char *table, unsigned index, int64_t value)
{
    const struct way *way =
        way_pick(client, write_ways, sizeof(write_ways) / sizeof(write_ways[0]));
    struct connection *connection = client_connection(client);
    if (!connection)
        return false;
    connection_domain(client, connection, index >> 1 & 1);
    struct task task = {.client = client,
                        .connection = connection,
                        .table = table,
                        .index = index,
                        .value = value,
                        .kind = 'w'};
    task_run(&task, way);
    if (task.kind == 'w')
        acknowledge(client, index, value);
    return task.kind == 'w';
}

static int64_t read_by(struct client *client, struct connection *connection, const char *table,
                       unsigned index, const struct way *way)
{
    struct task task = {
        .client = client, .connection = connection, .table = table, .index = index, .kind = 'r'};
    task_run(&task, way);
    return task.kind == '-' ? -1 : task.value;
}

int64_t register_read(struct client *client, const char *table, unsigned index)
{
    const struct way *way = way_pick(client, read_ways, sizeof(read_ways) / sizeof(read_ways[0]));
    struct connection *connection = client_connection(client);
    return connection ? read_by(client, connection, table, index, way) : -1;
}

int64_t register_read_plain(struct client *client, struct connection *connection, const char *table,
                            unsigned index)
{
    return read_by(client, connection, table, index, &read_ways[client_random(client, 2)]);
}

/* --- setup --- */

void registers_setup(MYSQL *leader, const char *table, unsigned count)
{
    setup_format(leader, "DROP TABLE IF EXISTS %s, %s_rows", table, table);
    setup_format(leader,
                 "CREATE TABLE %s (k INT PRIMARY KEY, v BIGINT NOT NULL, "
                 "touched INT NOT NULL DEFAULT 0) ENGINE=InnoDB",
                 table);
    setup_format(leader, "CREATE TABLE %s_rows (k INT, n BIGINT, PRIMARY KEY (k, n)) ENGINE=InnoDB",
                 table);
    for (unsigned k = 0; k < count; k += 2)
        setup_format(leader, "INSERT INTO %s (k, v) VALUES (%u, 0)", table, k);
    char changing[SQL_MAX_BYTES / 2], showing[SQL_MAX_BYTES / 2];
    snprintf(changing, sizeof(changing),
             "IF r & 1 THEN INSERT INTO %s_rows VALUES (r, x); "
             "ELSE UPDATE %s SET v=x WHERE k=r; END IF;",
             table, table);
    snprintf(showing, sizeof(showing),
             "SELECT IF(r & 1, (SELECT IFNULL(MAX(n),0) FROM %s_rows WHERE k=r), "
             "(SELECT v FROM %s WHERE k=r)), " SERVER ";",
             table, table);
    setup_format(leader, "CREATE OR REPLACE PROCEDURE %s_write(r INT, x BIGINT) BEGIN %s END",
                 table, changing);
    setup_format(leader,
                 "CREATE OR REPLACE PROCEDURE %s_write_show(r INT, x BIGINT) BEGIN %s %s END",
                 table, changing, showing);
    setup_format(leader,
                 "CREATE OR REPLACE PROCEDURE %s_write_fail(r INT, x BIGINT) BEGIN %s "
                 "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT='after the write'; END",
                 table, changing);
    setup_format(leader, "CREATE OR REPLACE PROCEDURE %s_read(r INT) BEGIN %s END", table, showing);
}
