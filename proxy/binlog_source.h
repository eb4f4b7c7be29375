/* Where `causeway binlog` reads: files, standard input, a server. */
#ifndef CAUSEWAY_PROXY_BINLOG_SOURCE_H
#define CAUSEWAY_PROXY_BINLOG_SOURCE_H

#include "binlog/print/printer.h"

/* What was printed and is not written yet. */
struct binlog_output {
    struct printer *printer;
    struct buf pending;
    bool closed; /* the reader of standard output has gone: end quietly */
    bool failed; /* it can't be written; said on standard error */
};

/* Writes what is pending. False: no use to go on. */
bool binlog_output_flush(struct binlog_output *output);

struct binlog_range {
    uint64_t start; /* the first byte of the first event that is printed; 0: all */
    uint64_t stop;  /* the first byte that is not; 0: none */
};

/* A file, or "-". 0, or -1: the reason was printed. */
int binlog_read_file(struct binlog_output *output, const char *path,
                     const struct binlog_range *range);

struct binlog_server {
    const char *config; /* proxy.ini */
    const char *name;   /* of a [server:NAME] */
    const char *from;   /* GTID list; NULL: the beginning of the log */
    bool follow;
    uint32_t server_id; /* to log in with; 0: chosen */
};

/* 0, or -1: the reason was printed. With `follow` until SIGINT or SIGTERM. */
int binlog_read_server(struct binlog_output *output, const struct binlog_server *server);

#endif
