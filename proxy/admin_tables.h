/* What the console answers with: a table of texts. Built by whoever has the data (also by several
 * threads, each its own table, appended to one another in the end), sent as a result set. */
#ifndef CAUSEWAY_PROXY_ADMIN_TABLES_H
#define CAUSEWAY_PROXY_ADMIN_TABLES_H

#include "proxy/base/buf.h"

struct config;

/* Zeroed is empty. Not shared: one thread at a time. */
struct admin_table {
    size_t column_count;
    char **columns;
    size_t cell_count; /* a multiple of column_count but while a row is being written */
    size_t cell_cap;
    char **cells; /* row after row; NULL is SQL's NULL */
};

/* Sets the columns of an empty table. The names are copied, as are all texts below. */
void admin_table_columns(struct admin_table *table, size_t count, const char *const names[]);
void admin_table_free(struct admin_table *table);

/* One row: a value for each column. */
void admin_table_row(struct admin_table *table, size_t count, const char *const values[]);

/* The same cell by cell, from left to right; after the last column the next row begins. */
void admin_table_text(struct admin_table *table, const char *value); /* may be NULL */
void admin_table_span(struct admin_table *table, struct span value);
void admin_table_number(struct admin_table *table, uint64_t value);
void admin_table_printf(struct admin_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Moves the rows of `from` behind those of `to`, and its columns when `to` has none. Both have the
 * same columns otherwise. `from` has no rows left; free it all the same. */
void admin_table_append_all(struct admin_table *to, struct admin_table *from);

size_t admin_table_rows(const struct admin_table *table);
const char *admin_table_at(const struct admin_table *table, size_t row, size_t column);

/* Keeps the rows in which one cell at least is LIKE `pattern` (% and _, escaped by a backslash;
 * letters in either case). */
void admin_table_filter(struct admin_table *table, const char *pattern);
bool admin_like(const char *pattern, const char *text);

/* Appends the table as a result set: the packets that follow a command with sequence number 0.
 * `capabilities` are the client's. Source: protocol page "resultset". */
void admin_table_encode(const struct admin_table *table, struct buf *out, uint64_t capabilities);

/* The tables of SHOW CONFIG and SHOW RULES. */
void admin_table_config(struct admin_table *table, const struct config *config);
void admin_table_rules(struct admin_table *table, const struct config *config);

#endif
