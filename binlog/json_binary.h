/* MySQL's binary JSON as text, and its partial updates.
 * Source: MySQL sql-common/json_binary.h (the format is laid out there), sql-common/json_diff.h. */
#ifndef CAUSEWAY_BINLOG_JSON_BINARY_H
#define CAUSEWAY_BINLOG_JSON_BINARY_H

#include "proxy/base/buf.h"

/* Appends JSON text, as MySQL prints it: {"a": 1, "b": [true, null]}. Temporals, decimals and
 * opaque values become strings or numbers as MySQL does. An empty span is JSON null.
 * 0 or BINLOG_DAMAGED (also nested deeper than 100). */
int json_binary_print(struct span json, struct buf *out);

/* Appends the SQL expression that makes the new value from `column` (the text to stand for the old
 * value, like `@3` or a quoted name): JSON_REPLACE(`doc`, '$.a', CAST('1' AS JSON)) nested as often
 * as there are differences. An empty list gives `column` itself. 0 or BINLOG_DAMAGED. */
int json_diff_print(struct span diffs, struct span column, struct buf *out);

/* One difference at a time: 1 and `diff`, 0 at the end, BINLOG_DAMAGED. */
enum json_diff_operation { JSON_DIFF_REPLACE, JSON_DIFF_INSERT, JSON_DIFF_REMOVE };

struct json_diff {
    enum json_diff_operation operation;
    struct span path;  /* "$.a[3]" */
    struct span value; /* binary JSON; REMOVE: empty */
};

int json_diff_next(struct span *diffs, struct json_diff *diff);

#endif
