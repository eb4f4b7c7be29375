/* The log as SQL that can be replayed: statements with the session state they ran under, rows as
 * BINLOG statements. For the mariadb client, best with --binary-mode. */
#ifndef CAUSEWAY_BINLOG_PRINT_SQL_PRINTER_H
#define CAUSEWAY_BINLOG_PRINT_SQL_PRINTER_H

#include "binlog/print/printer.h"
#include "binlog/print/sql_rows.h"
#include "binlog/print/sql_session.h"
#include "binlog/print/trx.h"

struct sql_printer {
    const struct print_settings *settings;
    struct sql_session session;
    struct sql_rows rows;
    bool format_printed;  /* .. since the last format description */
    bool started;         /* START TRANSACTION or XA START was printed, and no end yet */
    bool skips;           /* until the transaction ends: what it says has no effect */
    bool skips_replicate; /* skip_replication is set */
    bool mysql_gtid_set;
};

void sql_printer_free(struct sql_printer *sql);
void sql_begin(bool flashback, struct buf *out);
/* As printer_event(); `step` is what trx_feed() said of the event. */
int sql_event(struct sql_printer *sql, const struct binlog_event *event, struct trx_step step,
              struct row_reader *reader, struct buf *out, struct binlog_error *error);
void sql_end(struct sql_printer *sql, struct buf *out);

#endif
