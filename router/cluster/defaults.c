/* See defaults.h. */
#include "router/cluster/defaults.h"

#include "proxy/base/buf.h"

#include <stdio.h>

/* X(name, is_text); in the order in which they are set: max_join_size changes sql_big_selects.
 * Character sets of the client come with its login, autocommit and tx_read_only have their own ways
 * (proxy/backend_sync.c), and what tunes one server (optimizer_switch, buffers, network time-outs)
 * is its own. */
#define DEFAULTS(X)                                                                                \
    X(sql_mode, 1)                                                                                 \
    X(old_mode, 1)                                                                                 \
    X(time_zone, 1)                                                                                \
    X(collation_server, 1)                                                                         \
    X(collation_database, 1)                                                                       \
    X(character_set_filesystem, 1)                                                                 \
    X(lc_messages, 1)                                                                              \
    X(lc_time_names, 1)                                                                            \
    X(default_storage_engine, 1)                                                                   \
    X(tx_isolation, 1)                                                                             \
    X(max_join_size, 0)                                                                            \
    X(sql_big_selects, 0)                                                                          \
    X(sql_select_limit, 0)                                                                         \
    X(sql_auto_is_null, 0)                                                                         \
    X(sql_notes, 0)                                                                                \
    X(sql_warnings, 0)                                                                             \
    X(sql_quote_show_create, 0)                                                                    \
    X(sql_safe_updates, 0)                                                                         \
    X(foreign_key_checks, 0)                                                                       \
    X(unique_checks, 0)                                                                            \
    X(auto_increment_increment, 0)                                                                 \
    X(div_precision_increment, 0)                                                                  \
    X(default_week_format, 0)                                                                      \
    X(group_concat_max_len, 0)                                                                     \
    X(max_error_count, 0)                                                                          \
    X(max_recursive_iterations, 0)                                                                 \
    X(max_sort_length, 0)                                                                          \
    X(max_statement_time, 0)                                                                       \
    X(standard_compliant_cte, 0)                                                                   \
    X(lock_wait_timeout, 0)

#define SEPARATOR "|" /* in no value of theirs */

/* With what is not set on followers, but changes what a login on the leader brings. */
const char defaults_expression[] = "CONCAT_WS('" SEPARATOR "'"
#define X(name, is_text) ", @@global." #name
    DEFAULTS(X)
#undef X
        ", @@global.autocommit, MD5(@@global.init_connect))";

const char defaults_report_sql[] = "SET @@session.sql_mode=@@session.sql_mode"
#define X(name, is_text) ", @@session." #name "=@@session." #name
    DEFAULTS(X)
#undef X
    ;

static const struct {
    const char *name;
    bool is_text;
} variables[] = {
#define X(name, is_text) {#name, is_text},
    DEFAULTS(X)
#undef X
};

enum { VARIABLES = sizeof(variables) / sizeof(variables[0]) };

/* False: not a text of that many values. More may follow. */
static bool split(const char *text, struct span values[VARIABLES])
{
    for (size_t i = 0; i < VARIABLES; i++) {
        size_t len = strcspn(text, SEPARATOR);
        values[i] = span_of(text, len);
        text += len;
        if (*text == '\0')
            return false;
        text++;
    }
    return true;
}

static bool is_number(struct span value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((value.data[i] < '0' || value.data[i] > '9') && value.data[i] != '.')
            return false;
    return value.len > 0;
}

static void append_value(struct buf *sql, struct span value, bool is_text)
{
    if (!is_text) {
        buf_append_span(sql, value);
        return;
    }
    buf_append_text(sql, "_utf8mb4 x'"); /* right in every sql_mode */
    for (size_t i = 0; i < value.len; i++)
        buf_printf(sql, "%02x", value.data[i]);
    buf_append_u8(sql, '\'');
}

void defaults_difference(const char *leader, const char *follower, char *out, size_t size)
{
    struct span wanted[VARIABLES];
    struct span found[VARIABLES];
    struct buf sql = {0};
    out[0] = '\0';
    if (strcmp(leader, follower) == 0 || !split(leader, wanted) || !split(follower, found))
        return;
    for (size_t i = 0; i < VARIABLES; i++) {
        bool fits = variables[i].is_text || is_number(wanted[i]);
        if (span_equal(wanted[i], found[i]) || !fits)
            continue;
        buf_printf(&sql, ", @@session.%s=", variables[i].name);
        append_value(&sql, wanted[i], variables[i].is_text);
    }
    if (sql.len < size)
        snprintf(out, size, "%.*s", (int)sql.len, (const char *)sql.data);
    buf_free(&sql);
}
