/* The console's commands: what each does and how it is answered. See admin_command.h for the words.
 */
#include "proxy/admin_client.h"

#include "proxy/base/log.h"
#include "proxy/base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    ERROR_SYNTAX = 1064,
    ERROR_OTHER = 1105,
    ERROR_UNKNOWN_VARIABLE = 1193,
    WARNINGS_MAX = 1000
};

/* --- SHOW --- */

/* Frees the table. */
static void send_table(struct admin_client *client, struct admin_table *table, const char *like)
{
    if (like[0])
        admin_table_filter(table, like);
    struct buf out = {0};
    admin_table_encode(table, &out, client->capabilities);
    admin_table_free(table);
    admin_client_send(client, &out);
}

/* The workers' rows are together. */
static void collect_done(void *context)
{
    struct admin_collect *collect = context;
    struct admin_client *client = collect->client;
    bool starting = collect->starting;
    if (client) {
        client->collect = NULL;
        client->state = ADMIN_CLIENT_READY;
        send_table(client, &collect->table, collect->like);
    } else {
        admin_table_free(&collect->table);
    }
    free(collect);
    /* When it was answered at once, whoever runs this command goes on with the next one. */
    if (client && !starting)
        admin_client_proceed(client);
}

static void collect(struct admin_client *client, const struct admin_command *command)
{
    const struct admin_source *source = &client->admin->source;
    struct admin_collect *rows = memory_zalloc(sizeof(*rows));
    rows->client = client;
    rows->starting = true;
    memcpy(rows->like, command->like, sizeof(rows->like));
    client->collect = rows;
    client->state = ADMIN_CLIENT_COLLECTING;
    source->collect(source->context, command->topic, &rows->table, collect_done, rows);
    if (client->collect) /* else it is answered already, and freed */
        client->collect->starting = false;
}

static void show(struct admin_client *client, const struct admin_command *command)
{
    const struct admin_source *source = &client->admin->source;
    struct admin_table table = {0};
    switch (command->topic) {
    case ADMIN_SERVERS: source->servers(source->context, &table); break;
    case ADMIN_KEYS: source->keys(source->context, &table); break;
    case ADMIN_FAILOVER: source->failover(source->context, &table); break;
    case ADMIN_POSITIONS: source->positions(source->context, &table); break;
    case ADMIN_RULES:
        if (source->rules)
            source->rules(source->context, &table);
        else
            admin_table_rules(&table, client->admin->config);
        break;
    case ADMIN_CONFIG: admin_table_config(&table, client->admin->config); break;
    case ADMIN_SESSIONS:
    case ADMIN_POOLS:
    case ADMIN_STATS: collect(client, command); return;
    case ADMIN_HELP:
    case ADMIN_TOPIC_COUNT: admin_command_help(&table); break;
    }
    send_table(client, &table, command->like);
}

/* --- what client programs ask on their own --- */

static struct admin_identity identity_of(const struct admin_client *client)
{
    return (struct admin_identity){
        .version = ADMIN_VERSION, .user = client->user, .connection_id = client->id};
}

static void show_variables(struct admin_client *client, const char *like)
{
    struct admin_identity identity = identity_of(client);
    struct admin_table table = {0};
    admin_variables(&identity, &table);
    send_table(client, &table, like);
}

static void show_nothing(struct admin_client *client)
{
    static const char *const names[] = {"Database"};
    struct admin_table table = {0};
    admin_table_columns(&table, 1, names);
    send_table(client, &table, "");
}

static void refuse(struct admin_client *client)
{
    struct buf known = {0};
    admin_command_list(&known);
    admin_client_error(client, 1, ERROR_SYNTAX, "42000",
                       "this is the console of Causeway; it knows: %.*s", (int)known.len,
                       (const char *)known.data);
    buf_free(&known);
}

static void select_constants(struct admin_client *client, struct span sql)
{
    struct admin_identity identity = identity_of(client);
    struct admin_table table = {0};
    char unknown[ADMIN_WORD_MAX];
    int error = admin_select(sql, &identity, &table, unknown);
    if (!error)
        send_table(client, &table, "");
    else if (error == -ENOENT)
        admin_client_error(client, 1, ERROR_UNKNOWN_VARIABLE, "HY000",
                           "the console has no variable '%s'", unknown);
    else
        refuse(client);
}

/* --- RELOAD, DRAIN, RESUME --- */

static void clear_warnings(struct admin_client *client)
{
    static const char *const names[] = {"Level", "Code", "Message"};
    admin_table_free(&client->warnings);
    admin_table_columns(&client->warnings, 3, names);
}

/* One warning a line of the report. */
static void keep_warnings(struct admin_client *client, const char *level, const struct buf *report)
{
    struct span rest = buf_span(report);
    while (rest.len > 0 && admin_table_rows(&client->warnings) < WARNINGS_MAX) {
        const uint8_t *newline = memchr(rest.data, '\n', rest.len);
        size_t len = newline ? (size_t)(newline - rest.data) : rest.len;
        if (len > 0) {
            admin_table_text(&client->warnings, level);
            admin_table_number(&client->warnings, ERROR_OTHER);
            admin_table_span(&client->warnings, span_of(rest.data, len));
        }
        size_t taken = newline ? len + 1 : len;
        rest = span_of(rest.data + taken, rest.len - taken);
    }
}

static void show_warnings(struct admin_client *client, const char *like)
{
    struct admin_table copy = {0};
    const struct admin_table *warnings = &client->warnings;
    if (warnings->column_count == 0)
        clear_warnings(client);
    admin_table_columns(&copy, warnings->column_count, (const char *const *)warnings->columns);
    for (size_t i = 0; i < warnings->cell_count; i++)
        admin_table_text(&copy, warnings->cells[i]);
    send_table(client, &copy, like);
}

static void reload_failed(struct admin_client *client)
{
    size_t count = admin_table_rows(&client->warnings);
    const char *first = count ? admin_table_at(&client->warnings, 0, 2) : "it can't be read";
    char more[64] = "";
    if (count > 1)
        snprintf(more, sizeof(more), " (and %zu more: SHOW WARNINGS)", count - 1);
    admin_client_error(client, 1, ERROR_OTHER, "HY000", "nothing was changed: %.400s%s", first,
                       more);
}

static void reload(struct admin_client *client)
{
    const struct admin_source *source = &client->admin->source;
    struct buf report = {0};
    log_info("console %" PRIu32 ": RELOAD by '%s'", client->id, client->user);
    int error = source->reload(source->context, &report);
    keep_warnings(client, error ? "Error" : "Warning", &report);
    buf_free(&report);
    if (error)
        reload_failed(client);
    else
        admin_client_ok(client, 1, "");
}

static void drain(struct admin_client *client, const char *server, bool drained)
{
    const struct admin_source *source = &client->admin->source;
    log_info("console %" PRIu32 ": %s %s by '%s'", client->id, drained ? "DRAIN" : "RESUME", server,
             client->user);
    int error = source->drain(source->context, server, drained);
    if (!error)
        admin_client_ok(client, 1, "");
    else if (error == -ENOENT)
        admin_client_error(client, 1, ERROR_OTHER, "HY000",
                           "there is no server '%s'; SHOW SERVERS lists them", server);
    else
        admin_client_error(client, 1, ERROR_OTHER, "HY000", "server '%s': %s", server,
                           strerror(-error));
}

/* --- SWITCHOVER, FAILOVER, REJOIN --- */

static void operation_ended(bool succeeded, const char *text, void *context)
{
    struct admin_collect *wait = context;
    struct admin_client *client = wait->client;
    bool starting = wait->starting;
    free(wait);
    if (!client)
        return;
    client->collect = NULL;
    client->state = ADMIN_CLIENT_READY;
    if (succeeded)
        admin_client_ok(client, 1, text);
    else
        admin_client_error(client, 1, ERROR_OTHER, "HY000", "%s", text);
    if (!starting)
        admin_client_proceed(client);
}

static void operate(struct admin_client *client, const struct admin_command *command)
{
    const struct admin_source *source = &client->admin->source;
    struct admin_collect *wait = memory_zalloc(sizeof(*wait));
    wait->client = client;
    wait->starting = true;
    client->collect = wait;
    client->state = ADMIN_CLIENT_COLLECTING;
    log_info("console %" PRIu32 ": %s %s by '%s'", client->id,
             command->verb == ADMIN_DO_SWITCHOVER ? "SWITCHOVER TO"
             : command->verb == ADMIN_DO_FAILOVER ? "FAILOVER"
                                                  : "REJOIN",
             command->server, client->user);
    source->operate(source->context, command->verb, command->server, operation_ended, wait);
    if (client->collect) /* else it is answered already, and freed */
        client->collect->starting = false;
}

void admin_client_query(struct admin_client *client, struct span sql)
{
    struct admin_command command = admin_command_parse(sql);
    if (command.verb != ADMIN_SHOW_WARNINGS)
        clear_warnings(client);
    switch (command.verb) {
    case ADMIN_SHOW: show(client, &command); break;
    case ADMIN_SHOW_WARNINGS: show_warnings(client, command.like); break;
    case ADMIN_SHOW_VARIABLES: show_variables(client, command.like); break;
    case ADMIN_SHOW_NOTHING: show_nothing(client); break;
    case ADMIN_SELECT: select_constants(client, sql); break;
    case ADMIN_IGNORE: admin_client_ok(client, 1, ""); break;
    case ADMIN_DO_RELOAD: reload(client); break;
    case ADMIN_DO_DRAIN: drain(client, command.server, true); break;
    case ADMIN_DO_RESUME: drain(client, command.server, false); break;
    case ADMIN_DO_SWITCHOVER:
    case ADMIN_DO_FAILOVER:
    case ADMIN_DO_REJOIN: operate(client, &command); break;
    case ADMIN_UNKNOWN: refuse(client); break;
    }
}
