/* A new leader: because the old one is lost, or because somebody asked for it.
 *
 *   failover     lock, cut, fence, elect, apply, promote, lead, repoint
 *   switchover   lock, check, pause, cut, hold, catch up, promote, lead, repoint
 *
 * Up to `promote` everything is undone when a step fails; behind it there is no way back, and what
 * is missing is made good by rejoining. */
#include "router/cluster/operation_steps.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/wait.h>

enum {
    CUT_MS = 2000,
    FENCE_COMMAND_MS = 30000,
    FENCE_CONNECT_MS = 1000,
    WAIT_SLICE_MS = 200,
    LOOK_EVERY_MS = 5,
    STOP_MS = 60000,
};

extern char **environ;

struct field {
    unsigned count;
    unsigned server[POSITIONS_SERVERS_MAX]; /* of candidate i */
    struct candidate candidates[POSITIONS_SERVERS_MAX];
    char histories[POSITIONS_SERVERS_MAX][HISTORY_MAX];
};

/* --- looking --- */

static void candidate_read(struct operation *operation, unsigned server,
                           struct candidate *candidate, char history[HISTORY_MAX])
{
    const struct operation_server *settings = &operation->order->servers[server];
    struct replica_state state = {.channels = 0};
    char logs[8] = "";

    *candidate = (struct candidate){.name = settings->name,
                                    .server_id = settings->server_id,
                                    .promotable = settings->promotable,
                                    .history = history};
    if (!crew_is_open(operation->crew, server))
        snprintf(candidate->why_not, WHY_MAX, "it can't be reached");
    else if (!replica_state_read(operation, server, &state) ||
             crew_text(operation->crew, server, STATEMENT_MS, history, HISTORY_MAX,
                       "SELECT @@global.gtid_binlog_state") != 0 ||
             crew_text(operation->crew, server, STATEMENT_MS, logs, sizeof(logs),
                       "SELECT @@global.log_bin AND @@global.log_slave_updates") != 0)
        snprintf(candidate->why_not, WHY_MAX, "%s", crew_why(operation->crew));
    else if (state.channels == 0)
        snprintf(candidate->why_not, WHY_MAX, "it does not replicate");
    else if (state.channels > 1 || state.named)
        snprintf(candidate->why_not, WHY_MAX, "it has named replication channels");
    else if (!state.using_gtid)
        snprintf(candidate->why_not, WHY_MAX, "it replicates without GTIDs (MASTER_USE_GTID)");
    else if (!state.sql_running)
        snprintf(candidate->why_not, WHY_MAX, "its replication SQL thread is stopped %.100s",
                 state.sql_error);
    else
        candidate->stands = true;
    candidate->log_bin = strcmp(logs, "1") == 0;
    candidate->received = state.received;
}

static void field_read(struct operation *operation, struct field *field)
{
    const struct operation_order *order = operation->order;

    field->count = 0;
    for (unsigned i = 0; i < order->count; i++) {
        if ((int)i == order->leader)
            continue;
        field->server[field->count] = i;
        candidate_read(operation, i, &field->candidates[field->count],
                       field->histories[field->count]);
        field->count++;
    }
}

static void field_print(const struct field *field, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < field->count && len < size; i++) {
        const struct candidate *candidate = &field->candidates[i];

        if (candidate->why_not[0] != '\0')
            len += (size_t)snprintf(out + len, size - len, "%s%s: %s", len > 0 ? "; " : "",
                                    candidate->name, candidate->why_not);
    }
}

/* --- waiting for a follower --- */

/* Until it shows that position; false when it can't, or not by then (0: without end). */
static bool applied(struct operation *operation, unsigned server,
                    const struct gtid_vector *position, uint64_t until_ms)
{
    char text[GTID_DOMAINS_MAX * GTID_TEXT_MAX];
    char answer[8];
    struct replica_state state;

    gtid_vector_print(position, text, sizeof(text));
    if (text[0] == '\0')
        return true;
    for (;;) {
        if (crew_text(operation->crew, server, STATEMENT_MS, answer, sizeof(answer),
                      "SELECT MASTER_GTID_WAIT('%s', %g)", text, WAIT_SLICE_MS / 1000.) != 0 ||
            !replica_state_read(operation, server, &state))
            return operation_fails(operation, "%s: %s", operation_name(operation, server),
                                   crew_why(operation->crew));
        if (strcmp(answer, "0") == 0)
            return true;
        if (!state.sql_running)
            return operation_fails(operation, "%s: its replication SQL thread has stopped %s",
                                   operation_name(operation, server), state.sql_error);
        if (atomic_load(&operation->cancelled))
            return operation_fails(operation, "stopped while %s caught up",
                                   operation_name(operation, server));
        if (until_ms > 0 && clock_now_ms() >= until_ms)
            return operation_fails(operation, "%s has not caught up in time",
                                   operation_name(operation, server));
    }
}

/* --- fencing --- */

/* "Can't connect … (111)": its host answers that nobody listens, so no process of it runs. */
static bool nobody_listens(const char *why)
{
    char refused[16];

    snprintf(refused, sizeof(refused), "(%d", ECONNREFUSED);
    return strstr(why, refused) != NULL || strstr(why, "Connection refused") != NULL;
}

static bool command_run(struct operation *operation, const struct operation_server *server)
{
    char name[SERVER_NAME_MAX + 32];
    char address[160];
    char *arguments[] = {"sh", "-c", operation->order->settings.fence_command, name, address, NULL};
    pid_t child;
    int status = -1;
    uint64_t until_ms = clock_now_ms() + FENCE_COMMAND_MS;
    const bool never = false;

    snprintf(name, sizeof(name), "%s", server->name);
    snprintf(address, sizeof(address), "%s", server->address);
    if (posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ) != 0)
        return false;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (clock_now_ms() >= until_ms) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return false;
        }
        crew_wait(operation->crew, &never, LOOK_EVERY_MS);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* No write may reach the old leader any more, whoever sends it. True when that is sure, or when
 * proxy.ini does not ask for it. */
static bool fence(struct operation *operation)
{
    const struct operation_order *order = operation->order;
    const struct operation_server *old;
    struct service_login login;

    if (!operation_step(operation, "fence"))
        return false;
    if (order->leader < 0)
        return true;
    old = &order->servers[order->leader];
    login = old->login;
    login.timeout_ms = FENCE_CONNECT_MS;
    if (crew_open(operation->crew, (unsigned)order->leader, &login) == 0)
        return operation_fails(operation, "%s answers again", old->name);
    if (nobody_listens(crew_why(operation->crew))) {
        log_info("failover: %s is fenced: no process listens at %s", old->name, old->address);
        return true;
    }
    if (order->settings.fence_command != NULL && command_run(operation, old)) {
        log_info("failover: %s is fenced by fence_command", old->name);
        return true;
    }
    if (!order->settings.fence_required) {
        log_warn("failover: nothing proves that %s is fenced (%s); fence = optional goes on",
                 old->name, crew_why(operation->crew));
        return true;
    }
    return operation_fails(operation,
                           "nothing proves that %s takes no writes any more (%s%s); set "
                           "fence_command, or fence = optional to go on without",
                           old->name, crew_why(operation->crew),
                           order->settings.fence_command != NULL ? "; fence_command failed" : "");
}

/* --- failover --- */

static void receiving(struct operation *operation, bool on)
{
    for (unsigned i = 0; i < operation->order->count; i++) {
        if ((int)i != operation->order->leader && crew_is_open(operation->crew, i))
            crew_run(operation->crew, i, STOP_MS, "%s SLAVE IO_THREAD", on ? "START" : "STOP");
    }
}

/* Another follower may be further, but must not lead: from it the winner gets the rest first. */
static bool carry(struct operation *operation, const struct field *field, int winner)
{
    int furthest = winner;

    for (unsigned i = 0; i < field->count; i++) {
        const struct candidate *candidate = &field->candidates[i];

        if (candidate->stands && candidate->log_bin && !candidate->errant &&
            !gtid_vector_covers(&field->candidates[furthest].received, &candidate->received))
            furthest = (int)i;
    }
    if (furthest == winner)
        return true;
    if (!operation_step(operation, "carry"))
        return false;
    log_info("failover: %s gets from %s what it lacks", field->candidates[winner].name,
             field->candidates[furthest].name);
    return applied(operation, field->server[furthest], &field->candidates[furthest].received, 0) &&
           follow_leader(operation, field->server[winner], field->server[furthest]) &&
           applied(operation, field->server[winner], &field->candidates[furthest].received, 0);
}

/* The best of them, or the one that was asked for, with all applied that it has received. */
static int choose(struct operation *operation, struct field *field)
{
    const struct operation_order *order = operation->order;
    uint32_t leader_id = order->leader >= 0 ? order->servers[order->leader].server_id : 0;
    const char *history = order->leader_history[0] != '\0' ? order->leader_history : NULL;
    char why[OPERATION_WHY_MAX];
    int winner;

    if (!operation_step(operation, "elect"))
        return -1;
    receiving(operation, false);
    field_read(operation, field);
    for (;;) {
        winner = elect(field->candidates, field->count, leader_id, history);
        field_print(field, why, sizeof(why));
        if (why[0] != '\0')
            log_warn("failover: %s", why);
        if (winner < 0) {
            operation_fails(operation, "no follower can lead: %.400s", why);
            return -1;
        }
        if (!operation_step(operation, "apply"))
            return -1;
        if (applied(operation, field->server[winner], &field->candidates[winner].received, 0) &&
            carry(operation, field, winner))
            return winner;
        field->candidates[winner].stands = false;
        snprintf(field->candidates[winner].why_not, WHY_MAX, "%.150s", operation->why);
    }
}

struct gap {
    struct operation *operation;
    unsigned count;
    char statements[256][512];
};

static void gap_take(const struct service_reply *row, void *context)
{
    struct gap *gap = context;

    if (gap->count < sizeof(gap->statements) / sizeof(gap->statements[0]))
        service_reply_text(row, 0, gap->statements[gap->count++], sizeof(gap->statements[0]));
}

/* Ids that the old leader may have handed out, and told its clients, before it was lost. The tables
 * are those that were written in the last minutes; one whose column has no room is left alone. */
static void gap_leave(struct operation *operation, unsigned server)
{
    static struct gap gap; /* one operation at a time */
    char sql[2048];

    if (operation->order->settings.auto_increment_gap == 0)
        return;
    gap.count = 0;
    snprintf(sql, sizeof(sql),
             "SET STATEMENT max_statement_time = 3 FOR"
             " SELECT CONCAT('ALTER TABLE `', REPLACE(t.table_schema, '`', '``'), '`.`',"
             " REPLACE(t.table_name, '`', '``'), '` AUTO_INCREMENT = ', t.auto_increment + %u)"
             " FROM information_schema.tables t JOIN information_schema.columns c"
             " ON c.table_schema = t.table_schema AND c.table_name = t.table_name"
             " AND c.extra LIKE '%%auto_increment%%'"
             " WHERE t.auto_increment IS NOT NULL AND t.table_type = 'BASE TABLE'"
             " AND t.table_schema NOT IN ('mysql', 'sys')"
             " AND t.update_time > NOW() - INTERVAL 10 MINUTE AND t.auto_increment + %u <"
             " CASE c.data_type WHEN 'tinyint' THEN 127 WHEN 'smallint' THEN 32767"
             " WHEN 'mediumint' THEN 8388607 WHEN 'bigint' THEN 9223372036854775807"
             " ELSE 2147483647 END * IF(c.column_type LIKE '%%unsigned%%', 2, 1)",
             operation->order->settings.auto_increment_gap,
             operation->order->settings.auto_increment_gap);
    if (crew_rows(operation->crew, server, STATEMENT_MS, gap_take, &gap, sql) != 0) {
        log_warn("failover: auto_increment_gap could not be left: %s", crew_why(operation->crew));
        return;
    }
    /* Not in the log: followers learn from the rows, and DDL could not be undone. */
    crew_run(operation->crew, server, STATEMENT_MS, "SET SESSION sql_log_bin = 0");
    for (unsigned i = 0; i < gap.count; i++) {
        if (crew_run(operation->crew, server, STATEMENT_MS, "%s", gap.statements[i]) != 0)
            log_warn("failover: %s: %s", gap.statements[i], crew_why(operation->crew));
    }
    crew_run(operation->crew, server, STATEMENT_MS, "SET SESSION sql_log_bin = 1");
}

/* From here on there is no way back. */
static bool promote(struct operation *operation, unsigned server, bool gap)
{
    char history[HISTORY_MAX];

    if (!operation_step(operation, "promote"))
        return false;
    if (crew_run(operation->crew, server, STOP_MS, "STOP SLAVE") != 0 ||
        crew_run(operation->crew, server, STATEMENT_MS, "RESET SLAVE ALL") != 0)
        return operation_fails(operation, "%s: %s", operation_name(operation, server),
                               crew_why(operation->crew));
    if (gap)
        gap_leave(operation, server);
    if (!operation_step(operation, "lead"))
        return false;
    role_take(operation, server, true);
    if (crew_text(operation->crew, server, STATEMENT_MS, history, sizeof(history),
                  "SELECT @@global.gtid_binlog_state") != 0)
        return operation_fails(operation, "%s: %s", operation_name(operation, server),
                               crew_why(operation->crew));
    operation_remember(operation, server, history);
    if (crew_run(operation->crew, server, STATEMENT_MS, "SET GLOBAL read_only = 0") != 0)
        return operation_fails(operation, "%s can't be made writable: %s",
                               operation_name(operation, server), crew_why(operation->crew));
    operation_leads(operation, server, history);
    return true;
}

/* Those that can't are named; they are tried again, as rejoining servers. */
static void repoint(struct operation *operation, unsigned leader)
{
    if (!operation_step(operation, "repoint"))
        return;
    for (unsigned i = 0; i < operation->order->count; i++) {
        if (i != leader && crew_is_open(operation->crew, i) && !follow_leader(operation, i, leader))
            log_warn("%s: %s", operation_kind_name(operation->order->kind), operation->why);
    }
}

static bool failover_try(struct operation *operation, struct field *field)
{
    int winner;
    unsigned server;

    if (!operation_step(operation, "cut"))
        return false;
    operation_barrier(operation, BARRIER_CUT, CUT_MS);
    if (!fence(operation))
        return false;
    winner = choose(operation, field);
    if (winner < 0) {
        receiving(operation, true);
        return false;
    }
    server = field->server[winner];
    if (!promote(operation, server, true))
        return false;
    repoint(operation, server);
    snprintf(operation->why, sizeof(operation->why), "%s leads now",
             operation_name(operation, server));
    return true;
}

static void others_refuse(struct operation *operation)
{
    struct operation_order *order = operation->order;

    for (unsigned i = 0; order->target >= 0 && i < order->count; i++) {
        if ((int)i != order->target)
            order->servers[i].promotable = PROMOTABLE_NO;
    }
}

bool operation_failover(struct operation *operation)
{
    struct field *field = memory_zalloc(sizeof(*field));
    bool done;

    others_refuse(operation);
    done = operation_lock(operation) && failover_try(operation, field);
    if (!done)
        operation_barrier(operation, BARRIER_NONE, 0);
    free(field);
    return done;
}

/* --- switchover --- */

static bool position_read(struct operation *operation, unsigned server, struct gtid_vector *out)
{
    char text[GTID_DOMAINS_MAX * GTID_TEXT_MAX];

    if (crew_text(operation->crew, server, STATEMENT_MS, text, sizeof(text),
                  "SELECT @@global.gtid_binlog_pos") == 0 &&
        gtid_vector_parse(span_text(text), out) == 0)
        return true;
    return operation_fails(operation, "the position of %s could not be read: %s",
                           operation_name(operation, server), crew_why(operation->crew));
}

/* Writes pause only when the new leader is close behind. */
static bool check(struct operation *operation)
{
    const struct operation_order *order = operation->order;
    unsigned target = (unsigned)order->target;
    unsigned leader = (unsigned)order->leader;
    uint32_t leader_id = order->servers[leader].server_id;
    struct field *field;
    struct gtid_vector position;
    bool fits = false;

    if (!operation_step(operation, "check"))
        return false;
    field = memory_zalloc(sizeof(*field));
    if (!crew_is_open(operation->crew, leader))
        operation_fails(operation, "%s can't be reached", order->servers[leader].name);
    else if (crew_text(operation->crew, leader, STATEMENT_MS, operation->order->leader_history,
                       HISTORY_MAX, "SELECT @@global.gtid_binlog_state") != 0)
        operation_fails(operation, "%s: %s", order->servers[leader].name,
                        crew_why(operation->crew));
    else {
        field->count = 1;
        candidate_read(operation, target, &field->candidates[0], field->histories[0]);
        fits = elect(field->candidates, 1, leader_id, order->leader_history) == 0;
        if (!fits)
            operation_fails(operation, "%s can't lead: %s", order->servers[target].name,
                            field->candidates[0].why_not);
    }
    free(field);
    return fits && position_read(operation, leader, &position) &&
           applied(operation, target, &position,
                   clock_now_ms() + 4 * (uint64_t)order->settings.switchover_timeout_ms);
}

/* read_only does not bind privileged accounts and events: the read lock does. */
static bool hold(struct operation *operation, unsigned leader)
{
    if (!operation_step(operation, "hold"))
        return false;
    if (!follow_fence(operation, leader))
        return false;
    if (crew_run(operation->crew, leader, 2 * STATEMENT_MS, "FLUSH TABLES WITH READ LOCK") != 0)
        return operation_fails(operation, "%s can't be held still: %s",
                               operation_name(operation, leader), crew_why(operation->crew));
    return true;
}

static void let_go(struct operation *operation, unsigned leader)
{
    crew_run(operation->crew, leader, STATEMENT_MS, "UNLOCK TABLES");
    if (crew_run(operation->crew, leader, STATEMENT_MS, "SET GLOBAL read_only = 0") != 0)
        log_error("switchover: %s is still read_only: %s", operation_name(operation, leader),
                  crew_why(operation->crew));
}

static bool handed_over(struct operation *operation, uint64_t until_ms)
{
    unsigned leader = (unsigned)operation->order->leader;
    unsigned target = (unsigned)operation->order->target;
    struct gtid_vector position;

    if (!hold(operation, leader))
        return false;
    if (!operation_step(operation, "catch up") || !position_read(operation, leader, &position) ||
        !applied(operation, target, &position, until_ms))
        return false;
    return promote(operation, target, false);
}

static bool switchover_try(struct operation *operation)
{
    const struct operation_order *order = operation->order;
    unsigned leader = (unsigned)order->leader;
    uint32_t timeout_ms = order->settings.switchover_timeout_ms;
    uint64_t until_ms = clock_now_ms() + timeout_ms;

    if (!operation_step(operation, "pause"))
        return false;
    if (!operation_barrier(operation, BARRIER_PAUSE, timeout_ms / 2)) {
        if (!operation_step(operation, "cut"))
            return false;
        operation_barrier(operation, BARRIER_CUT, CUT_MS);
    }
    if (!handed_over(operation, until_ms)) {
        char why[OPERATION_WHY_MAX];

        snprintf(why, sizeof(why), "%s", operation->why);
        let_go(operation, leader);
        if (!follow_leader(operation, (unsigned)order->target, leader))
            log_warn("switchover: %s", operation->why);
        return operation_fails(operation, "undone, %s goes on: %.400s", order->servers[leader].name,
                               why);
    }
    crew_run(operation->crew, leader, STATEMENT_MS, "UNLOCK TABLES");
    return true;
}

bool operation_switchover(struct operation *operation)
{
    if (!operation_lock(operation) || !check(operation))
        return false;
    if (!switchover_try(operation)) {
        operation_barrier(operation, BARRIER_NONE, 0);
        return false;
    }
    repoint(operation, (unsigned)operation->order->target);
    snprintf(operation->why, sizeof(operation->why), "%s leads now",
             operation_name(operation, (unsigned)operation->order->target));
    return true;
}
