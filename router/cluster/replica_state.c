/* What a server says of its replication, asked by an operation's thread. */
#include "router/cluster/operation_steps.h"

#include <stdlib.h>
#include <strings.h>

static void text_take(const struct service_reply *row, const char *column, char *out, size_t size)
{
    service_reply_text(row, service_reply_column(row, column), out, size);
}

static bool says(const struct service_reply *row, const char *column, const char *word)
{
    char text[64];

    text_take(row, column, text, sizeof(text));
    return strcasecmp(text, word) == 0;
}

static void row_take(const struct service_reply *row, void *context)
{
    struct replica_state *state = context;
    char period[32];

    state->channels++;
    state->named = state->named || !says(row, "Connection_name", "");
    text_take(row, "Master_Host", state->host, sizeof(state->host));
    state->port = (unsigned)service_reply_number(row, service_reply_column(row, "Master_Port"));
    state->using_gtid = !says(row, "Using_Gtid", "No") && !says(row, "Using_Gtid", "");
    text_take(row, "Slave_heartbeat_period", period, sizeof(period));
    state->heartbeat_ms = (uint32_t)(strtod(period, NULL) * 1000.);
    state->io_running = says(row, "Slave_IO_Running", "Yes");
    state->sql_running = says(row, "Slave_SQL_Running", "Yes");
    gtid_vector_parse_part(service_reply_cell(row, service_reply_column(row, "Gtid_IO_Pos")),
                           &state->received);
    text_take(row, "Last_IO_Error", state->io_error, sizeof(state->io_error));
    text_take(row, "Last_SQL_Error", state->sql_error, sizeof(state->sql_error));
}

bool replica_state_read(struct operation *operation, unsigned server, struct replica_state *state)
{
    char text[GTID_DOMAINS_MAX * GTID_TEXT_MAX];
    struct gtid_vector applied;

    memset(state, 0, sizeof(*state));
    if (crew_rows(operation->crew, server, STATEMENT_MS, row_take, state,
                  "SHOW ALL SLAVES STATUS") == 0 &&
        crew_text(operation->crew, server, STATEMENT_MS, text, sizeof(text),
                  "SELECT @@global.gtid_slave_pos") == 0 &&
        gtid_vector_parse_part(span_text(text), &applied) >= 0 &&
        gtid_vector_merge(&state->received, &applied) == 0)
        return true;
    return operation_fails(operation, "%s: %s", operation_name(operation, server),
                           crew_why(operation->crew));
}
