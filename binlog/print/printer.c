/* The printers behind one interface. */
#include "binlog/print/printer.h"

#include "binlog/print/flashback.h"
#include "binlog/print/json_printer.h"
#include "binlog/print/sql_printer.h"
#include "binlog/print/text_printer.h"
#include "binlog/print/trx.h"
#include "proxy/base/memory.h"

#include <stdlib.h>

struct printer {
    struct print_settings settings;
    struct buf file;
    struct trx_tracker trx;
    struct row_reader *reader;
    struct json_printer json;
    struct sql_printer sql;
    struct flashback *flashback; /* NULL: none */
    bool failed;
    bool ended;
};

struct printer *printer_new(const struct print_settings *settings)
{
    struct printer *printer = memory_zalloc(sizeof(*printer));

    printer->settings = *settings;
    printer->reader = row_reader_new(0);
    printer->sql.settings = &printer->settings;
    if (settings->flashback)
        printer->flashback = flashback_new(settings->spool);
    return printer;
}

void printer_free(struct printer *printer)
{
    if (printer == NULL)
        return;
    buf_free(&printer->file);
    row_reader_free(printer->reader);
    json_printer_free(&printer->json);
    sql_printer_free(&printer->sql);
    flashback_free(printer->flashback);
    free(printer);
}

void printer_begin(struct printer *printer, struct buf *out)
{
    if (printer->settings.format == PRINT_SQL && printer->flashback == NULL)
        sql_begin(false, out);
}

void printer_file(struct printer *printer, struct span name)
{
    printer->file.len = 0;
    buf_append_span(&printer->file, name);
}

static int print(struct printer *printer, const struct binlog_event *event, struct buf *out,
                 struct binlog_error *error)
{
    struct trx_step step = trx_feed(&printer->trx, event);

    if (printer->flashback)
        return flashback_event(printer->flashback, event, step, printer->reader, error);
    if (printer->settings.format == PRINT_SQL)
        return sql_event(&printer->sql, event, step, printer->reader, out, error);
    if (printer->settings.format == PRINT_JSON)
        return json_event(&printer->json, buf_span(&printer->file), event, step, printer->reader,
                          out, error);
    return text_event(buf_span(&printer->file), event, printer->reader, out, error);
}

int printer_event(struct printer *printer, const struct binlog_event *event, struct buf *out,
                  struct binlog_error *error)
{
    int result = print(printer, event, out, error);

    if (result < 0)
        printer->failed = true;
    return result;
}

/* The preamble comes with the first piece: what is refused prints nothing. */
static int flashback_piece(struct printer *printer, struct buf *out, struct binlog_error *error)
{
    size_t before = out->len;
    int result;

    if (!printer->ended)
        sql_begin(true, out);
    result = flashback_end(printer->flashback, out, error);
    if (result < 0 && !printer->ended)
        out->len = before;
    printer->ended = true;
    if (result == 0)
        sql_end(&printer->sql, out);
    return result;
}

int printer_end(struct printer *printer, struct buf *out, struct binlog_error *error)
{
    if (printer->flashback)
        return printer->failed ? 0 : flashback_piece(printer, out, error);
    if (printer->settings.format == PRINT_SQL)
        sql_end(&printer->sql, out);
    if (printer->settings.format == PRINT_JSON)
        json_end(&printer->json, out);
    return 0;
}
