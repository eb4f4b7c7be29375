/* The tables of the console: see admin_tables.h. */
#include "proxy/admin_tables.h"

#include "proxy/base/memory.h"
#include "proxy/config.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/column.h"
#include "proxy/proto/reply.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

/* --- building --- */

void admin_table_columns(struct admin_table *table, size_t count, const char *const names[])
{
    assert(table->column_count == 0 && count > 0);
    table->columns = memory_zalloc(count * sizeof(*table->columns));
    for (size_t i = 0; i < count; i++)
        table->columns[i] = memory_strdup(names[i]);
    table->column_count = count;
}

void admin_table_free(struct admin_table *table)
{
    for (size_t i = 0; i < table->column_count; i++)
        free(table->columns[i]);
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->columns);
    free(table->cells);
    *table = (struct admin_table){0};
}

/* Takes over `value`. */
static void add_cell(struct admin_table *table, char *value)
{
    assert(table->column_count > 0);
    if (table->cell_count == table->cell_cap) {
        table->cell_cap = table->cell_cap ? table->cell_cap * 2 : 32;
        table->cells = memory_resize(table->cells, table->cell_cap * sizeof(*table->cells));
    }
    table->cells[table->cell_count++] = value;
}

void admin_table_text(struct admin_table *table, const char *value)
{
    add_cell(table, value ? memory_strdup(value) : NULL);
}

void admin_table_span(struct admin_table *table, struct span value)
{
    add_cell(table, memory_strndup(value.len ? (const char *)value.data : "", value.len));
}

void admin_table_number(struct admin_table *table, uint64_t value)
{
    admin_table_printf(table, "%" PRIu64, value);
}

void admin_table_printf(struct admin_table *table, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    assert(len >= 0);
    add_cell(table, text);
}

void admin_table_row(struct admin_table *table, size_t count, const char *const values[])
{
    assert(count == table->column_count && table->cell_count % count == 0);
    for (size_t i = 0; i < count; i++)
        admin_table_text(table, values[i]);
}

void admin_table_append_all(struct admin_table *to, struct admin_table *from)
{
    if (from->column_count == 0)
        return;
    if (to->column_count == 0)
        admin_table_columns(to, from->column_count, (const char *const *)from->columns);
    assert(to->column_count == from->column_count);
    assert(from->cell_count % from->column_count == 0);
    for (size_t i = 0; i < from->cell_count; i++)
        add_cell(to, from->cells[i]);
    from->cell_count = 0;
}

size_t admin_table_rows(const struct admin_table *table)
{
    return table->column_count ? table->cell_count / table->column_count : 0;
}

const char *admin_table_at(const struct admin_table *table, size_t row, size_t column)
{
    assert(row < admin_table_rows(table) && column < table->column_count);
    return table->cells[row * table->column_count + column];
}

/* --- LIKE --- */

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

bool admin_like(const char *pattern, const char *text)
{
    const char *retry_pattern = NULL; /* behind the last %, which takes one byte more each time */
    const char *retry_text = NULL;
    for (;;) {
        if (*pattern == '%') {
            retry_pattern = ++pattern;
            retry_text = text;
            continue;
        }
        const char *literal = *pattern == '\\' && pattern[1] ? pattern + 1 : pattern;
        if (!*text && !*pattern)
            return true;
        bool any = *pattern == '_';
        if (*text && *pattern && (any || same_letter(*literal, *text))) {
            pattern = literal + 1;
            text++;
        } else if (retry_pattern && *retry_text) {
            pattern = retry_pattern;
            text = ++retry_text;
        } else {
            return false;
        }
    }
}

static bool row_matches(char *const *cells, size_t count, const char *pattern)
{
    for (size_t i = 0; i < count; i++)
        if (cells[i] && admin_like(pattern, cells[i]))
            return true;
    return false;
}

void admin_table_filter(struct admin_table *table, const char *pattern)
{
    size_t width = table->column_count;
    size_t kept = 0;
    for (size_t at = 0; at < table->cell_count; at += width) {
        bool keep = row_matches(table->cells + at, width, pattern);
        for (size_t i = 0; i < width && !keep; i++)
            free(table->cells[at + i]);
        if (!keep)
            continue;
        memmove(table->cells + kept, table->cells + at, width * sizeof(*table->cells));
        kept += width;
    }
    table->cell_count = kept;
}

/* --- as a result set --- */

enum { NULL_CELL = 0xfb };

static uint8_t encode_row(struct buf *out, char *const *cells, size_t count, uint8_t seq)
{
    size_t begin = packet_begin(out);
    for (size_t i = 0; i < count; i++) {
        if (cells[i])
            write_lenenc_span(out, span_text(cells[i]));
        else
            buf_append_u8(out, NULL_CELL);
    }
    return packet_end(out, begin, seq);
}

static uint32_t column_width_bytes(const struct admin_table *table, size_t column)
{
    size_t width = 1;
    for (size_t i = column; i < table->cell_count; i += table->column_count) {
        size_t len = table->cells[i] ? strlen(table->cells[i]) : 0;
        width = len > width ? len : width;
    }
    return width < UINT32_MAX ? (uint32_t)width : UINT32_MAX;
}

void admin_table_encode(const struct admin_table *table, struct buf *out, uint64_t capabilities)
{
    size_t width = table->column_count;
    assert(width > 0 && table->cell_count % width == 0);
    size_t begin = packet_begin(out);
    write_lenenc(out, width);
    uint8_t seq = packet_end(out, begin, 1);
    for (size_t i = 0; i < width; i++)
        seq = column_build(out, seq, span_text(table->columns[i]), column_width_bytes(table, i),
                           capabilities);
    seq = columns_end(out, seq, SERVER_STATUS_AUTOCOMMIT, capabilities);
    for (size_t at = 0; at < table->cell_count; at += width)
        seq = encode_row(out, table->cells + at, width, seq);
    rows_end(out, seq, SERVER_STATUS_AUTOCOMMIT, capabilities);
}

/* --- tables that the configuration alone fills --- */

static void add_config_row(const char *section, const char *key, const char *value, void *context)
{
    const char *const values[] = {section, key, value};
    admin_table_row(context, 3, values);
}

void admin_table_config(struct admin_table *table, const struct config *config)
{
    static const char *const names[] = {"section", "key", "value"};
    admin_table_columns(table, 3, names);
    config_each(config, add_config_row, table);
}

static void add_rule_row(struct admin_table *table, const struct rule *rule)
{
    static const char *const targets[] = {
        [RULE_LEADER] = "leader", [RULE_FOLLOWERS] = "followers", [RULE_REFUSE] = "refuse"};
    static const char *const consistencies[] = {[CONSISTENCY_EVENTUAL] = "eventual",
                                                [CONSISTENCY_SESSION] = "session",
                                                [CONSISTENCY_KEY] = "key",
                                                [CONSISTENCY_STRONG] = "strong"};
    admin_table_text(table, rule->name);
    admin_table_text(table, rule->match);
    admin_table_text(table, rule->user);
    admin_table_text(table, rule->schema);
    if (rule->to == RULE_SERVER)
        admin_table_printf(table, "server:%s", rule->server);
    else
        admin_table_text(table, targets[rule->to]);
    admin_table_text(table, rule->consistency < 0 ? NULL : consistencies[rule->consistency]);
}

void admin_table_rules(struct admin_table *table, const struct config *config)
{
    static const char *const names[] = {"rule", "match", "user", "schema", "to", "consistency"};
    admin_table_columns(table, 6, names);
    for (size_t i = 0; i < rules_count(config->rules); i++)
        add_rule_row(table, rules_at(config->rules, i));
}
