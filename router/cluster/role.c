/* What goes with the role of a server beside read_only. */
#include "router/cluster/operation_steps.h"

#include "proxy/base/log.h"
#include "proxy/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVENTS_MAX = 1024, EVENT_NAME_MAX = 600 };

struct events {
    unsigned count;
    char names[EVENTS_MAX][EVENT_NAME_MAX];
};

static void event_take(const struct service_reply *row, void *context)
{
    struct events *events = context;

    if (events->count < EVENTS_MAX)
        service_reply_text(row, 0, events->names[events->count++], EVENT_NAME_MAX);
}

/* Without a trace in the log: each server has its own. */
static bool events_change(struct operation *operation, unsigned server, const struct events *events,
                          const char *how)
{
    bool changed =
        crew_run(operation->crew, server, STATEMENT_MS, "SET SESSION sql_log_bin = 0") == 0;

    for (unsigned i = 0; changed && i < events->count; i++)
        changed = crew_run(operation->crew, server, STATEMENT_MS, "ALTER EVENT %s %s",
                           events->names[i], how) == 0;
    if (!changed)
        log_warn("server %s: its events can't be changed to %s: %s",
                 operation_name(operation, server), how, crew_why(operation->crew));
    return crew_run(operation->crew, server, STATEMENT_MS, "SET SESSION sql_log_bin = 1") == 0;
}

/* Those that ran on the leader are SLAVESIDE_DISABLED where they were replicated to; disabled ones
 * stay so. */
static void events_take(struct operation *operation, unsigned server, bool leads)
{
    struct events *events = memory_zalloc(sizeof(*events));
    char sql[512];

    snprintf(sql, sizeof(sql),
             "SELECT CONCAT('`', REPLACE(event_schema, '`', '``'), '`.`',"
             " REPLACE(event_name, '`', '``'), '`') FROM information_schema.events"
             " WHERE status = '%s'",
             leads ? "SLAVESIDE_DISABLED" : "ENABLED");
    if (crew_rows(operation->crew, server, STATEMENT_MS, event_take, events, sql) == 0 &&
        events->count > 0)
        events_change(operation, server, events, leads ? "ENABLE" : "DISABLE ON SLAVE");
    free(events);
}

/* A follower that acknowledges becomes a leader that waits, and the other way round. */
static void semi_sync_take(struct operation *operation, unsigned server, bool leads)
{
    const char *from = leads ? "rpl_semi_sync_slave_enabled" : "rpl_semi_sync_master_enabled";
    const char *to = leads ? "rpl_semi_sync_master_enabled" : "rpl_semi_sync_slave_enabled";
    char on[8];

    if (crew_text(operation->crew, server, STATEMENT_MS, on, sizeof(on), "SELECT @@global.%s",
                  from) != 0 ||
        strcmp(on, "1") != 0)
        return;
    if (crew_run(operation->crew, server, STATEMENT_MS, "SET GLOBAL %s = 1, GLOBAL %s = 0", to,
                 from) != 0)
        log_warn("server %s: semi-sync replication can't follow its role: %s",
                 operation_name(operation, server), crew_why(operation->crew));
}

void role_take(struct operation *operation, unsigned server, bool leads)
{
    events_take(operation, server, leads);
    semi_sync_take(operation, server, leads);
}
