/* Events one after the other, with what has to be remembered between them: the format that the last
 * format description announced (checksum!), the tables that the rows events speak of, and the
 * events inside a MySQL transaction payload. No I/O, no framing: one packet of a stream or one
 * event of a file at a time. For a file's bytes see binlog/log_reader.h, which cuts them up.
 *
 *     decoder_event(bytes) -> the event; after a TRANSACTION_PAYLOAD:
 *         decoder_inner() -> each event inside, until 0 */
#ifndef CAUSEWAY_BINLOG_DECODER_H
#define CAUSEWAY_BINLOG_DECODER_H

#include "binlog/event.h"

struct decoder_options {
    size_t inflate_max_bytes; /* 0: EVENT_MAX_BYTES_DEFAULT */
    bool skip_rows; /* don't keep tables: event->rows.table stays NULL. For who only wants GTIDs. */
};

struct decoder; /* decoder_free() */

/* `options` may be NULL. */
struct decoder *decoder_new(const struct decoder_options *options);
void decoder_free(struct decoder *decoder);

/* Forgets format and tables: a new connection, a new file. */
void decoder_reset(struct decoder *decoder);

/* As event_parse(), with all state kept. `offset`: of the first byte, for errors and
 * event->offset; in a stream any count that helps (header.end_pos - header.len_bytes).
 * `bytes` and what the event points to must stay until the next call. After an error the decoder
 * stands as before: the next event may be tried, but rows may then lack their table. */
int decoder_event(struct decoder *decoder, struct span bytes, uint64_t offset,
                  struct binlog_event *event, struct binlog_error *error);

/* The next event inside the TRANSACTION_PAYLOAD that decoder_event() returned last. 1: an event;
 * 0: that was all (at once, when the last event was none). Inner events have no end position of
 * their own: `offset` and header.end_pos are the payload event's. */
int decoder_inner(struct decoder *decoder, struct binlog_event *event, struct binlog_error *error);

/* The format that events are read with now. */
const struct event_format *decoder_format(const struct decoder *decoder);

#endif
