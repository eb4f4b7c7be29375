/* Making a server follow a leader: one that was left behind when another was promoted, or an old
 * leader that came back. */
#include "router/cluster/lost.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { CONNECT_RETRY_S = 1, RUNNING_WITHIN_MS = 5000, LOOK_EVERY_MS = 20, STOP_MS = 60000 };

struct ids {
    unsigned count;
    unsigned long id[4096];
};

static void id_take(const struct service_reply *row, void *context)
{
    struct ids *ids = context;

    if (ids->count < sizeof(ids->id) / sizeof(ids->id[0]))
        ids->id[ids->count++] = (unsigned long)service_reply_number(row, 0);
}

bool follow_fence(struct operation *operation, unsigned server)
{
    static struct ids ids; /* one operation at a time */

    if (crew_run(operation->crew, server, 2 * STATEMENT_MS, "SET GLOBAL read_only = 1") != 0)
        return operation_fails(operation, "%s can't be set read_only: %s",
                               operation_name(operation, server), crew_why(operation->crew));
    ids.count = 0;
    crew_rows(operation->crew, server, STATEMENT_MS, id_take, &ids,
              "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()"
              " AND command NOT IN ('Binlog Dump', 'Daemon', 'Slave_IO', 'Slave_SQL',"
              " 'Slave_worker') AND user NOT IN ('system user', 'event_scheduler')"
              " AND user <> SUBSTRING_INDEX(USER(), '@', 1)");
    for (unsigned i = 0; i < ids.count; i++)
        crew_run(operation->crew, server, STATEMENT_MS, "KILL HARD CONNECTION %lu", ids.id[i]);
    return true;
}

/* A follower that is read_only keeps its clients. */
static bool writes_refused(struct operation *operation, unsigned server)
{
    char text[8];

    if (crew_text(operation->crew, server, STATEMENT_MS, text, sizeof(text),
                  "SELECT @@global.read_only") == 0 &&
        strcmp(text, "1") == 0)
        return true;
    return follow_fence(operation, server);
}

/* Quotes and backslashes as the server's lexer takes them with an empty sql_mode. */
static void quote(const char *text, char *out, size_t size)
{
    size_t len = 0;

    for (; *text != '\0' && len + 3 < size; text++) {
        if (*text == '\'' || *text == '\\')
            out[len++] = '\\';
        out[len++] = *text;
    }
    out[len] = '\0';
}

/* Its history must be a part of the leader's: what it has beyond is saved and undone. */
static bool history_fits(struct operation *operation, unsigned server, unsigned leader,
                         bool follows)
{
    char mine[HISTORY_MAX];
    char leaders[HISTORY_MAX];
    struct gtid extra;
    char text[GTID_TEXT_MAX];
    char why[256];

    if (crew_text(operation->crew, server, STATEMENT_MS, mine, sizeof(mine),
                  "SELECT @@global.gtid_binlog_state") != 0 ||
        crew_text(operation->crew, leader, STATEMENT_MS, leaders, sizeof(leaders),
                  "SELECT @@global.gtid_binlog_state") != 0)
        return operation_fails(operation, "the histories could not be read: %s",
                               crew_why(operation->crew));
    if (!history_extra(mine, leaders, 0, &extra))
        return true;
    /* What a follower wrote itself was never anybody's acknowledged write: a person must look. */
    bool errant = follows && extra.server == operation->order->servers[server].server_id;
    if (!errant && lost_settle(operation, server, mine, leaders))
        return true;
    gtid_print(&extra, text);
    snprintf(why, sizeof(why), "%.250s", errant ? "it wrote them itself" : operation->why);
    return operation_fails(
        operation,
        "%s has transactions that leader %s does not have, up to %s, and is kept "
        "out, read_only: %s; set it up anew from a snapshot of the leader",
        operation_name(operation, server), operation_name(operation, leader), text, why);
}

static bool channel_set(struct operation *operation, unsigned server, unsigned leader, bool anew)
{
    const struct failover_settings *settings = &operation->order->settings;
    const struct operation_server *to = &operation->order->servers[leader];
    char user[512];
    char password[1024];
    char login[2048] = "";
    uint32_t heartbeat_ms = failover_heartbeat_ms(settings);
    unsigned error;

    quote(settings->replication_user, user, sizeof(user));
    quote(settings->replication_password, password, sizeof(password));
    if (anew)
        snprintf(login, sizeof(login),
                 " MASTER_USER = '%s', MASTER_PASSWORD = '%s', MASTER_SSL = %d,", user, password,
                 to->login.tls.wanted);
    error = crew_run(operation->crew, server, STATEMENT_MS,
                     "CHANGE MASTER TO MASTER_HOST = '%s', MASTER_PORT = %u,%s"
                     " MASTER_CONNECT_RETRY = %u, MASTER_HEARTBEAT_PERIOD = %u.%03u,"
                     " MASTER_USE_GTID = slave_pos",
                     to->host, to->port, login, CONNECT_RETRY_S, heartbeat_ms / 1000,
                     heartbeat_ms % 1000);
    memory_wipe(password, sizeof(password));
    memory_wipe(login, sizeof(login));
    return error == 0;
}

static bool runs_soon(struct operation *operation, unsigned server)
{
    struct replica_state state;
    uint64_t until_ms = clock_now_ms() + RUNNING_WITHIN_MS;
    const bool never = false;

    while (replica_state_read(operation, server, &state)) {
        if (state.io_running && state.sql_running)
            return true;
        if (clock_now_ms() >= until_ms || atomic_load(&operation->cancelled))
            return operation_fails(operation, "%s does not replicate yet: %s",
                                   operation_name(operation, server),
                                   state.io_error[0] != '\0' ? state.io_error : state.sql_error);
        crew_wait(operation->crew, &never, LOOK_EVERY_MS);
    }
    return false;
}

static bool follows_already(const struct replica_state *state, const struct operation_server *to)
{
    return state->channels == 1 && state->port == to->port &&
           strcasecmp(state->host, to->host) == 0;
}

/* Takes the server from wherever it was to where the leader's log goes on. */
static bool line_up(struct operation *operation, unsigned server, unsigned leader, bool leads)
{
    if (!writes_refused(operation, server))
        return false;
    if (crew_run(operation->crew, server, STOP_MS, "STOP SLAVE") != 0)
        return operation_fails(operation, "%s: %s", operation_name(operation, server),
                               crew_why(operation->crew));
    if (!history_fits(operation, server, leader, !leads))
        return false;
    /* Where it led itself, what it wrote is part of its position. */
    if (!leads || crew_run(operation->crew, server, STATEMENT_MS,
                           "SET GLOBAL gtid_slave_pos = @@global.gtid_current_pos") == 0)
        return true;
    return operation_fails(operation, "%s: %s", operation_name(operation, server),
                           crew_why(operation->crew));
}

bool follow_leader(struct operation *operation, unsigned server, unsigned leader)
{
    const struct operation_server *to = &operation->order->servers[leader];
    struct replica_state state;
    bool already;

    if (to->host[0] == '\0')
        return operation_fails(
            operation, "%s is configured by a unix socket: others can't follow it there", to->name);
    if (!replica_state_read(operation, server, &state))
        return false;
    if (state.named || state.channels > 1)
        return operation_fails(operation, "%s has named replication channels: they are left alone",
                               operation_name(operation, server));
    already = follows_already(&state, to) && state.using_gtid;
    if (already && !writes_refused(operation, server))
        return false;
    if (already && state.io_running && state.sql_running && state.heartbeat_ms > 0 &&
        state.heartbeat_ms <= failover_heartbeat_ms(&operation->order->settings))
        return true;
    if (!already && !line_up(operation, server, leader, state.channels == 0))
        return false;
    role_take(operation, server, false);
    if (crew_run(operation->crew, server, STOP_MS, "STOP SLAVE") != 0 ||
        !channel_set(operation, server, leader, state.channels == 0) ||
        crew_run(operation->crew, server, STATEMENT_MS, "START SLAVE") != 0)
        return operation_fails(operation, "%s can't be made a follower of %s: %s",
                               operation_name(operation, server), to->name,
                               crew_why(operation->crew));
    if (!runs_soon(operation, server))
        return false;
    log_info("server %s follows %s now", operation_name(operation, server), to->name);
    return true;
}

bool operation_follow(struct operation *operation)
{
    const struct operation_order *order = operation->order;
    unsigned server = (unsigned)order->target;
    unsigned leader = (unsigned)order->leader;

    if (!operation_lock(operation) || !operation_step(operation, "follow"))
        return false;
    if (!crew_is_open(operation->crew, server) || !crew_is_open(operation->crew, leader))
        return operation_fails(operation, "%s or %s can't be reached", order->servers[server].name,
                               order->servers[leader].name);
    if (!follow_leader(operation, server, leader))
        return false;
    snprintf(operation->why, sizeof(operation->why), "%s follows %s", order->servers[server].name,
             order->servers[leader].name);
    return true;
}
