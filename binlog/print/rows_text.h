/* Rows as lines of text: for people, and as comments behind replayable SQL. */
#ifndef CAUSEWAY_BINLOG_PRINT_ROWS_TEXT_H
#define CAUSEWAY_BINLOG_PRINT_ROWS_TEXT_H

#include "binlog/row.h"

/* Appends the column's name quoted with backticks, or @1, @2 ... where the log does not tell. */
void rows_text_column(struct buf *out, const struct table_map *table, uint32_t at);

/* A row on one line or two: "    + id=1 note='x'"; '-' is what was. 0 or BINLOG_DAMAGED. */
int rows_text_line(struct buf *out, const struct table_map *table, const struct row *row);

/* A row as comment lines, in the layout of mariadb-binlog --verbose:
 *     ### UPDATE `s`.`t`
 *     ### WHERE
 *     ###   @1=1
 * With `undo` as the opposite statement. 0 or BINLOG_DAMAGED. */
int rows_text_comment(struct buf *out, const struct table_map *table, const struct row *row,
                      bool undo);

#endif
