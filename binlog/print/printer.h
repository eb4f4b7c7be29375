/* Events in, text, JSON or SQL out. Pure: what is printed is appended to a buffer, files are the
 * caller's.
 *
 *     struct printer *printer = printer_new(&settings);
 *     printer_begin(printer, &out);
 *     for each event: printer_event(printer, &event, &out, &error);
 *     while (printer_end(printer, &out, &error) > 0) ...; */
#ifndef CAUSEWAY_BINLOG_PRINT_PRINTER_H
#define CAUSEWAY_BINLOG_PRINT_PRINTER_H

#include "binlog/event.h"

enum print_format { PRINT_TEXT, PRINT_JSON, PRINT_SQL };

/* Where a flashback keeps what it prints last to first. */
struct print_spool {
    /* Appends. 0, or a negative errno. */
    int (*write)(struct span bytes, void *context);
    /* Appends to `out` what stands at `offset`. 0, or a negative errno. */
    int (*read)(uint64_t offset, size_t len, struct buf *out, void *context);
    void *context;
};

/* Where the data of LOAD DATA INFILE goes, so that the replay can load it. */
struct print_loads {
    /* A piece of file `file_id`; the first one has `begins`. 0, or a negative errno. */
    int (*write)(uint32_t file_id, bool begins, struct span data, void *context);
    /* Appends the file's path as the client will find it. */
    void (*path)(uint32_t file_id, struct buf *out, void *context);
    void *context;
};

struct print_settings {
    enum print_format format;
    bool flashback;                  /* SQL: undo instead of replay; needs `spool` */
    bool keep_gtids;                 /* SQL: the replay gets the GTIDs of the log */
    const struct print_spool *spool; /* NULL: none; kept */
    const struct print_loads *loads; /* NULL: a LOAD DATA is an error in SQL; kept */
};

struct printer; /* printer_free() */

struct printer *printer_new(const struct print_settings *settings);
void printer_free(struct printer *printer);

/* What stands before everything. */
void printer_begin(struct printer *printer, struct buf *out);

/* A new log begins: its name, for output and messages; copied. */
void printer_file(struct printer *printer, struct span name);

/* 0; BINLOG_DAMAGED or BINLOG_UNSUPPORTED: the event can't be printed, `error` says why and at
 * which byte. What `out` got is to be printed all the same. */
int printer_event(struct printer *printer, const struct binlog_event *event, struct buf *out,
                  struct binlog_error *error);

/* What stands behind everything, in pieces: 1: a piece, call again; 0: that was the last one;
 * negative: as above. After an error a flashback has nothing to print; the other formats close
 * what is open (SQL by ROLLBACK). */
int printer_end(struct printer *printer, struct buf *out, struct binlog_error *error);

#endif
