/* Small result sets of text that Causeway asked for itself, read when they are there as a whole.
 * Source: protocol page "result set packets", as a server with DEPRECATE_EOF sends them. */
#ifndef CAUSEWAY_PROTO_TEXT_ROWS_H
#define CAUSEWAY_PROTO_TEXT_ROWS_H

#include "proxy/proto/packet.h"

struct text_rows {
    struct reader definitions; /* from the next one on */
    struct reader packets;     /* from the next row on */
    unsigned columns;
};

/* 1: all of the answer is in `received`, and `rows` is before its first row; 0: more must come;
 * -EREMOTEIO: it is an error of the server's, whole; -EPROTO: it is no such answer. Points into
 * `received`. */
int text_rows_open(struct text_rows *rows, struct span received);
/* The payload of the next column definition; false behind the last. */
bool text_rows_definition(struct text_rows *rows, struct span *payload);
/* The payload of the next row; false: it is the terminator's. */
bool text_rows_payload(struct text_rows *rows, struct span *payload);
/* The same, to read its cells. */
bool text_rows_next(struct text_rows *rows, struct reader *row);
/* The next cell of a row; no data: NULL. */
struct span text_rows_cell(struct reader *row);
/* The same as a number; wraps around for a negative one. */
uint64_t text_rows_number(struct reader *row);

#endif
