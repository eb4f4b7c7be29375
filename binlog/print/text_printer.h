/* The log for people: one line an event, below it what the event holds. */
#ifndef CAUSEWAY_BINLOG_PRINT_TEXT_PRINTER_H
#define CAUSEWAY_BINLOG_PRINT_TEXT_PRINTER_H

#include "binlog/row.h"

/* `file`: the log's name, may be empty. `reader` is the caller's, for the rows. 0, or the error of
 * the rows. */
int text_event(struct span file, const struct binlog_event *event, struct row_reader *reader,
               struct buf *out, struct binlog_error *error);

/* "0-1-5", or "uuid:7": the GTID of a GTID event. Appends. */
void text_gtid(const struct binlog_event *event, struct buf *out);

/* "2026-11-22 10:00:00", UTC. Appends. */
void text_time(uint32_t timestamp, struct buf *out);

#endif
