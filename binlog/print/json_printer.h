/* The log for programs: one JSON object a transaction, each on one line, in the order of the log.
 * docs/OPERATIONS.md tells what the members are. */
#ifndef CAUSEWAY_BINLOG_PRINT_JSON_PRINTER_H
#define CAUSEWAY_BINLOG_PRINT_JSON_PRINTER_H

#include "binlog/print/trx.h"
#include "binlog/row.h"

/* Holds the text of the transaction that is open. Zeroed: empty. */
struct json_printer {
    struct buf line;
    bool is_open;
    bool has_event; /* a comma comes before the next */
    uint64_t end;   /* position behind the last event */
};

void json_printer_free(struct json_printer *json);

/* As printer_event(); `step` is what trx_feed() said of the event. */
int json_event(struct json_printer *json, struct span file, const struct binlog_event *event,
               struct trx_step step, struct row_reader *reader, struct buf *out,
               struct binlog_error *error);

/* The log ends: a transaction that is open is printed with "complete":false. */
void json_end(struct json_printer *json, struct buf *out);

#endif
