/* A log file's bytes, fed in pieces of any size, come out as events. Pure: who feeds does the I/O,
 * so the same reader serves a file, a pipe and a file that is still being written.
 *
 *     MAGIC --fe 'bin'--> EVENTS --all zero header--> PADDING (only zero bytes may follow)
 *                         ^    |
 *                         +----+ inner events of a TRANSACTION_PAYLOAD come out behind it
 *     any --wrong bytes--> FAILED (the same error for ever) */
#ifndef CAUSEWAY_BINLOG_LOG_READER_H
#define CAUSEWAY_BINLOG_LOG_READER_H

#include "binlog/decoder.h"

struct log_reader_options {
    size_t event_max_bytes;   /* 0: EVENT_MAX_BYTES_DEFAULT; a longer event is BINLOG_TOO_BIG */
    size_t inflate_max_bytes; /* 0: EVENT_MAX_BYTES_DEFAULT */
    bool skip_rows;           /* as in struct decoder_options */
};

struct log_reader; /* log_reader_free() */

/* `options` may be NULL. */
struct log_reader *log_reader_new(const struct log_reader_options *options);
void log_reader_free(struct log_reader *reader);

/* Appends bytes of the log; they are copied. Invalidates the last event. */
void log_reader_feed(struct log_reader *reader, struct span bytes);

/* The next event. 1: an event, valid until the next call of log_reader_next, _feed or _free;
 * 0: what was fed is used up (feed more, or ask log_reader_end); else an error, and the same one
 * from then on. A START_ENCRYPTION event is BINLOG_UNSUPPORTED. */
int log_reader_next(struct log_reader *reader, struct binlog_event *event,
                    struct binlog_error *error);

/* Judges the end of the input, after log_reader_next returned 0.
 * 0: the log ends behind a whole event (or zero padding);
 * BINLOG_TRUNCATED: it ends inside an event, "truncated at byte N", N being the end of the input.
 * For a log that is being written (log_reader_in_use) that only means: not yet all there; more may
 * be fed and reading go on, nothing is changed by asking. */
int log_reader_end(const struct log_reader *reader, struct binlog_error *error);

/* The format description carried the in-use flag: the server writes to this log, or died doing so.
 * (The flag stays in the bytes that were read: whether the log was closed since shows in the ROTATE
 * or STOP event at its end.) */
bool log_reader_in_use(const struct log_reader *reader);

/* The position behind the last event that was returned (and behind padding): where to go on later.
 */
uint64_t log_reader_position(const struct log_reader *reader);

const struct event_format *log_reader_format(const struct log_reader *reader);

/* Starts at a later event: after the magic and the format description were fed and read, the next
 * byte fed is the log's byte `position`. What was fed and not yet read is dropped. The position
 * must be an event's first byte. */
void log_reader_seek(struct log_reader *reader, uint64_t position);

#endif
