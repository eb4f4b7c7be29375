/* Rows events as BINLOG statements, which carry every type, charset and sql_mode exactly and need
 * neither the names nor the signs of columns: format description, table map and rows, in base64,
 * with the decoded rows as comments behind them. Undone, the same events say the opposite:
 * inserted rows are deleted, deleted ones inserted, images of updates change places.
 * Sources: MariaDB sql/sql_binlog.cc; sql/log_event.h, Rows_log_event. */
#ifndef CAUSEWAY_BINLOG_PRINT_SQL_ROWS_H
#define CAUSEWAY_BINLOG_PRINT_SQL_ROWS_H

#include "binlog/row.h"

struct sql_table {
    uint64_t id;
    struct buf map; /* body of its TABLE_MAP event */
};

/* Zeroed: nothing seen. */
struct sql_rows {
    bool is_mariadb;
    struct buf format; /* the format description event to be replayed, whole */
    struct sql_table *tables;
    size_t table_count;
    size_t table_cap;
    struct buf event;  /* scratch */
    struct buf base64; /* scratch */
};

void sql_rows_free(struct sql_rows *rows);

/* A FORMAT_DESCRIPTION event: makes `format` anew. */
void sql_rows_format(struct sql_rows *rows, const struct binlog_event *event);
/* The BINLOG statement of `format`: needed once before the first rows, and when it has changed. */
void sql_rows_format_print(struct sql_rows *rows, struct span format, struct buf *out);
/* A TABLE_MAP event. */
void sql_rows_table(struct sql_rows *rows, const struct binlog_event *event);

/* A rows event that has a table: comments and one BINLOG statement, complete in itself. With
 * `undo` the event must hold whole rows: BINLOG_UNSUPPORTED where it does not. BINLOG_DAMAGED. */
int sql_rows_print(struct sql_rows *rows, const struct binlog_event *event,
                   struct row_reader *reader, bool undo, struct buf *out,
                   struct binlog_error *error);

/* Behind the last event of a statement: tables are forgotten. */
void sql_rows_statement_end(struct sql_rows *rows);

#endif
