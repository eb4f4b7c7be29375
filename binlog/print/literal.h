/* Names, strings and cells as the text and SQL output write them. */
#ifndef CAUSEWAY_BINLOG_PRINT_LITERAL_H
#define CAUSEWAY_BINLOG_PRINT_LITERAL_H

#include "binlog/event.h"
#include "binlog/value.h"

/* `name`, backticks doubled. */
void literal_name(struct buf *out, struct span name);
/* The same for comments and people: control characters are shown escaped, so it stays one line. */
void literal_name_shown(struct buf *out, struct span name);
/* `schema`.`table`, shown */
void literal_table_shown(struct buf *out, const struct table_map *table);
/* 'text' on one line: quotes, backslashes and control characters are escaped with backslashes. */
void literal_string(struct buf *out, struct span text);
/* X'0A1B'; X'' for nothing. */
void literal_hex(struct buf *out, struct span bytes);
/* Base64, in lines of 76 where `wrap`, each with its newline. */
void literal_base64(struct buf *out, struct span bytes, bool wrap);
/* X'gtrid',X'bqual',format */
void literal_xid(struct buf *out, const struct event_xid_name *xid);
/* A cell of the table's column `at` the way mariadb-binlog --verbose shows it: integers (with the
 * unsigned reading in brackets where the log doesn't tell the sign), 'text' in UTF-8, X'..' for
 * what is no text, TIMESTAMP as seconds, b'101' for BIT. BINLOG_DAMAGED for binary JSON that isn't.
 */
int literal_cell(struct buf *out, const struct table_map *table, uint32_t at,
                 const struct value *value);

#endif
