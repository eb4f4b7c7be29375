/* A log undone: rows events turned round, last row, last event, last transaction first. Events come
 * in the order of the log, so what is printed waits in a spool of the caller's; only where it
 * stands there is held in memory.
 *
 *     forward:   COMMIT | rows 1 | rows 2 | START TRANSACTION     (one entry each)
 *     printed:   START TRANSACTION, rows 2 undone, rows 1 undone, COMMIT
 *
 * What can't be undone is refused, never skipped: DDL, statements that change rows, rows that are
 * not logged whole, rolled back changes of engines without transactions. */
#ifndef CAUSEWAY_BINLOG_PRINT_FLASHBACK_H
#define CAUSEWAY_BINLOG_PRINT_FLASHBACK_H

#include "binlog/print/printer.h"
#include "binlog/print/sql_rows.h"
#include "binlog/print/trx.h"

struct flashback; /* flashback_free() */

struct flashback *flashback_new(const struct print_spool *spool);
void flashback_free(struct flashback *flashback);

/* As printer_event(). */
int flashback_event(struct flashback *flashback, const struct binlog_event *event,
                    struct trx_step step, struct row_reader *reader, struct binlog_error *error);

/* As printer_end(). */
int flashback_end(struct flashback *flashback, struct buf *out, struct binlog_error *error);

#endif
