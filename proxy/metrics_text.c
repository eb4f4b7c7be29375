/* The pages of the HTTP endpoint: see metrics_text.h. */
#include "proxy/metrics_text.h"

#include <inttypes.h>

const char *metrics_content_type(enum metrics_page page)
{
    return page == METRICS_STATUS ? "text/html; charset=utf-8"
                                  : "text/plain; version=0.0.4; charset=utf-8";
}

/* --- Prometheus --- */

/* A label's value: backslash, quote and newline are escaped. */
static void label_value(struct buf *out, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n') {
            buf_append_text(out, "\\n");
            continue;
        }
        if (*value == '\\' || *value == '"')
            buf_append_u8(out, '\\');
        buf_append_u8(out, (uint8_t)*value);
    }
}

static void family(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP causeway_%s %s\n# TYPE causeway_%s %s\n", name, help, name, type);
}

static void sample(struct buf *out, const char *name, uint64_t value)
{
    buf_printf(out, "causeway_%s %" PRIu64 "\n", name, value);
}

static void sample_labelled(struct buf *out, const char *name, const char *label, const char *text,
                            uint64_t value)
{
    buf_printf(out, "causeway_%s{%s=\"", name, label);
    label_value(out, text);
    buf_printf(out, "\"} %" PRIu64 "\n", value);
}

static void gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    family(out, name, "gauge", help);
    sample(out, name, value);
}

static void counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
    family(out, name, "counter", help);
    sample(out, name, value);
}

static void write_process(const struct metrics_view *view, struct buf *out)
{
    family(out, "build_info", "gauge", "version of this process");
    sample_labelled(out, "build_info", "version", CAUSEWAY_VERSION, 1);
    gauge(out, "clients", "clients connected now", view->clients);
    family(out, "sessions", "gauge", "client sessions by what they are doing");
    for (size_t i = 0; i < METRICS_STATES_MAX && view->session_states[i]; i++)
        sample_labelled(out, "sessions", "state", view->session_states[i], view->sessions[i]);
    family(out, "queries_total", "counter", "statements by the kind of server that ran them");
    sample_labelled(out, "queries_total", "target", "leader", view->counters.statements_leader);
    sample_labelled(out, "queries_total", "target", "follower", view->counters.statements_follower);
#define X(name, text) counter(out, #name "_total", text, view->counters.name);
    COUNTERS(X)
#undef X
}

/* One family over all servers; a server of which the value is not known has no sample. */
typedef bool (*server_value)(const struct metrics_server *server, uint64_t *value);

#define SERVER_VALUE(name, expression, known)                                                      \
    static bool server_##name(const struct metrics_server *server, uint64_t *value)                \
    {                                                                                              \
        *value = (expression);                                                                     \
        return known;                                                                              \
    }
SERVER_VALUE(reachable, server->reachable, true)
SERVER_VALUE(in_rotation, server->in_rotation, true)
SERVER_VALUE(drained, server->drained, true)
SERVER_VALUE(lag_ms, server->lag_ms, server->lag_ms != UINT32_MAX)
SERVER_VALUE(lag_transactions, server->lag_transactions, server->lag_transactions != UINT64_MAX)
SERVER_VALUE(latency_us, server->latency_us, true)
SERVER_VALUE(connections, server->connections, true)
SERVER_VALUE(connections_idle, server->pool.idle, true)
SERVER_VALUE(connections_lent, server->pool.lent, true)
SERVER_VALUE(connections_leaving, server->pool.leaving, true)
SERVER_VALUE(waiting, server->waiting, true)
SERVER_VALUE(incarnation, server->incarnation, true)

static const struct {
    const char *name;
    const char *help;
    server_value value;
} server_families[] = {
    {"server_reachable", "1 when it answered the last probe", server_reachable},
    {"server_in_rotation", "1 when it serves reads as a follower", server_in_rotation},
    {"server_drained", "1 when an operator took it out of rotation", server_drained},
    {"server_lag_ms", "age of the oldest transaction that its readers can't see", server_lag_ms},
    {"server_lag_transactions", "transactions of the leader that its readers can't see",
     server_lag_transactions},
    {"server_latency_us", "time to answer a probe, smoothed", server_latency_us},
    {"server_connections", "connections to it that are open", server_connections},
    {"server_connections_idle", "of them: no session's", server_connections_idle},
    {"server_connections_lent", "of them: with a session, until another one needs them",
     server_connections_lent},
    {"server_connections_leaving", "of them: until the server has closed them",
     server_connections_leaving},
    {"server_waiting", "statements that wait for a connection to it", server_waiting},
    {"server_incarnation", "rises when its position had to be read anew", server_incarnation},
};

static void write_roles(const struct metrics_view *view, struct buf *out)
{
    static const char *const roles[] = {"leader", "follower", "unknown"};
    family(out, "server_role", "gauge", "1 for the role that the server has");
    for (unsigned i = 0; i < view->server_count; i++) {
        const struct metrics_server *server = &view->servers[i];
        for (size_t role = 0; role < sizeof(roles) / sizeof(roles[0]); role++) {
            buf_append_text(out, "causeway_server_role{server=\"");
            label_value(out, server->name);
            buf_printf(out, "\",role=\"%s\"} %d\n", roles[role],
                       strcmp(server->role, roles[role]) == 0);
        }
    }
}

static void write_positions(const struct metrics_view *view, struct buf *out)
{
    family(
        out, "server_position_sequence", "gauge",
        "sequence number that readers of the server can see, by domain; of the leader: the newest "
        "in its log");
    for (unsigned i = 0; i < view->server_count; i++) {
        const struct gtid_vector *position = &view->servers[i].position;
        for (uint32_t at = 0; at < position->count; at++) {
            buf_append_text(out, "causeway_server_position_sequence{server=\"");
            label_value(out, view->servers[i].name);
            buf_printf(out, "\",domain=\"%" PRIu32 "\"} %" PRIu64 "\n", position->slots[at].domain,
                       position->slots[at].seq);
        }
    }
}

static void write_servers(const struct metrics_view *view, struct buf *out)
{
    write_roles(view, out);
    for (size_t at = 0; at < sizeof(server_families) / sizeof(server_families[0]); at++) {
        family(out, server_families[at].name, "gauge", server_families[at].help);
        for (unsigned i = 0; i < view->server_count; i++) {
            uint64_t value;
            if (server_families[at].value(&view->servers[i], &value))
                sample_labelled(out, server_families[at].name, "server", view->servers[i].name,
                                value);
        }
    }
    write_positions(view, out);
}

static void write_leader(const struct metrics_view *view, struct buf *out)
{
    gauge(out, "epoch", "rises with each change of the leader", view->epoch);
    family(out, "leader_position_sequence", "gauge", "newest sequence number by domain");
    for (uint32_t i = 0; i < view->leader_position.count; i++)
        buf_printf(out, "causeway_leader_position_sequence{domain=\"%" PRIu32 "\"} %" PRIu64 "\n",
                   view->leader_position.slots[i].domain, view->leader_position.slots[i].seq);
    if (!view->log_known)
        return;
    family(out, "leader_log_state", "gauge", "1 for how the leader's log is followed now");
    for (int state = LEADER_LOG_STARTING; state <= LEADER_LOG_STOPPED; state++)
        sample_labelled(out, "leader_log_state", "state",
                        leader_log_state_name((enum leader_log_state)state),
                        (int)view->log.state == state);
    counter(out, "leader_log_transactions_total", "transactions that came in the leader's log",
            view->log.transactions);
    counter(out, "leader_log_bytes_total", "bytes that came in the leader's log", view->log.bytes);
    counter(out, "leader_log_connects_total", "times that the leader's log was asked for",
            view->log.connects);
    if (view->log.committed_s > 0)
        gauge(out, "leader_committed_timestamp_seconds",
              "when the newest transaction was committed, by the leader's clock",
              view->log.committed_s);
}

/* --- the status page --- */

static void html_text(struct buf *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': buf_append_text(out, "&amp;"); break;
        case '<': buf_append_text(out, "&lt;"); break;
        case '>': buf_append_text(out, "&gt;"); break;
        case '"': buf_append_text(out, "&quot;"); break;
        default: buf_append_u8(out, (uint8_t)*text);
        }
    }
}

static void html_cell(struct buf *out, const char *text)
{
    buf_append_text(out, "<td>");
    html_text(out, text);
}

static void html_number(struct buf *out, uint64_t value, bool known)
{
    if (known)
        buf_printf(out, "<td class=n>%" PRIu64, value);
    else
        buf_append_text(out, "<td class=n>-");
}

static void html_server(const struct metrics_server *server, struct buf *out)
{
    char position[GTID_DOMAINS_MAX * GTID_TEXT_MAX];
    gtid_vector_print(&server->position, position, sizeof(position));
    buf_append_text(out, "<tr>");
    html_cell(out, server->name);
    html_cell(out, server->address);
    html_cell(out, server->role);
    html_cell(out, server->state);
    html_number(out, server->lag_ms, server->lag_ms != UINT32_MAX);
    html_number(out, server->lag_transactions, server->lag_transactions != UINT64_MAX);
    html_number(out, server->latency_us, true);
    html_number(out, server->connections, true);
    html_cell(out, position);
    html_cell(out, server->version);
    html_cell(out, server->why);
    buf_append_text(out, "</tr>\n");
}

static void write_status(const struct metrics_view *view, struct buf *out)
{
    buf_append_text(out, "<!doctype html>\n<html lang=en><meta charset=utf-8>"
                         "<meta http-equiv=refresh content=5><title>Causeway</title>\n<style>"
                         "body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}"
                         "td,th{padding:.3em .8em;border-bottom:1px solid #ccc;text-align:left}"
                         ".n{text-align:right}</style>\n");
    buf_printf(out,
               "<h1>Causeway " CAUSEWAY_VERSION "</h1>\n<p>%" PRIu64 " clients. %" PRIu64
               " statements on the leader, %" PRIu64 " on followers. Epoch %" PRIu64 ".",
               view->clients, view->counters.statements_leader, view->counters.statements_follower,
               view->epoch);
    if (view->log_known) {
        buf_append_text(out, " The leader's log is ");
        html_text(out, leader_log_state_name(view->log.state));
        html_text(out, view->log.why[0] ? ": " : "");
        html_text(out, view->log.why);
        buf_append_text(out, ".");
    }
    buf_append_text(out, "</p>\n<table>\n<tr><th>server<th>address<th>role<th>state<th>lag, ms"
                         "<th>lag, transactions<th>latency, us<th>connections<th>position"
                         "<th>version<th>why</tr>\n");
    for (unsigned i = 0; i < view->server_count; i++)
        html_server(&view->servers[i], out);
    buf_append_text(out, "</table>\n</html>\n");
}

void metrics_write(const struct metrics_view *view, enum metrics_page page, struct buf *out)
{
    if (page == METRICS_STATUS) {
        write_status(view, out);
        return;
    }
    write_process(view, out);
    write_servers(view, out);
    write_leader(view, out);
}
