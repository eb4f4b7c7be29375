/* The rows of a rows event, one by one, as cells.
 * Source: MariaDB sql/rpl_record.cc (unpack_row) and sql/log_event_client.cc; MySQL
 * sql/rpl_record.cc and libs/mysql/binlog/event/rows_event.h for partial JSON.
 *
 *     struct row_reader *reader = row_reader_new();
 *     if (row_reader_start(reader, &event, &error) == 0)
 *         while ((result = row_reader_next(reader, &row, &error)) > 0) ...
 */
#ifndef CAUSEWAY_BINLOG_ROW_H
#define CAUSEWAY_BINLOG_ROW_H

#include "binlog/value.h"

/* values[i] is the table's column i, for all columns: VALUE_ABSENT where the image lacks it. */
struct row_image {
    bool is_present; /* WRITE has no before, DELETE no after */
    const struct value *values;
    struct span bytes; /* as it stands in the event: bitmap of NULLs, cells (partial: what leads) */
};

struct row {
    uint64_t offset; /* of its first byte in the log (compressed: the event's) */
    struct row_image before;
    struct row_image after;
};

struct row_reader; /* reusable for any number of events; row_reader_free() */

/* `inflate_max_bytes`: the most that a compressed column's value may become; 0: the default. */
struct row_reader *row_reader_new(size_t inflate_max_bytes);
void row_reader_free(struct row_reader *reader);

/* `event` is a rows event with its table (event->rows.table) and lives until the last row was read.
 * 0 (also for the event without rows that ends a statement); BINLOG_DAMAGED when table and event
 * don't fit; BINLOG_UNSUPPORTED for a column of a type that isn't known. */
int row_reader_start(struct row_reader *reader, const struct binlog_event *event,
                     struct binlog_error *error);

/* 1: a row, valid until the next call; 0: no more; else an error. */
int row_reader_next(struct row_reader *reader, struct row *row, struct binlog_error *error);

#endif
