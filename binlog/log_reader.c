/* Cuts a log's bytes into events. */
#include "binlog/log_reader.h"

#include "proxy/base/memory.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MAGIC_BYTES = 4 };

static const uint8_t MAGIC[MAGIC_BYTES] = {0xfe, 'b', 'i', 'n'};
static const uint8_t MAGIC_ENCRYPTED[MAGIC_BYTES] = {0xfd, 'b', 'i', 'n'}; /* MySQL 8 */

enum reader_state { READER_MAGIC, READER_EVENTS, READER_PADDING, READER_FAILED };

struct log_reader {
    enum reader_state state;
    size_t event_max_bytes;
    struct decoder *decoder;
    struct buf bytes; /* what was fed and may still be needed */
    size_t taken;     /* of `bytes`, by events that were returned */
    uint64_t offset;  /* of bytes.data[taken] in the log */
    /* Relay logs keep the positions of the leader's log. */
    bool has_foreign_positions;
    bool in_use;
    struct binlog_error error; /* READER_FAILED */
};

struct log_reader *log_reader_new(const struct log_reader_options *options)
{
    const struct log_reader_options defaults = {0};
    struct log_reader *reader = memory_zalloc(sizeof(*reader));
    struct decoder_options decoder_options;

    if (options == NULL)
        options = &defaults;
    decoder_options = (struct decoder_options){.inflate_max_bytes = options->inflate_max_bytes,
                                               .skip_rows = options->skip_rows};
    reader->event_max_bytes =
        options->event_max_bytes != 0 ? options->event_max_bytes : EVENT_MAX_BYTES_DEFAULT;
    reader->decoder = decoder_new(&decoder_options);
    return reader;
}

void log_reader_free(struct log_reader *reader)
{
    if (reader == NULL)
        return;
    decoder_free(reader->decoder);
    buf_free(&reader->bytes);
    free(reader);
}

void log_reader_feed(struct log_reader *reader, struct span bytes)
{
    if (reader->taken > 0) {
        reader->bytes.len -= reader->taken;
        memmove(reader->bytes.data, reader->bytes.data + reader->taken, reader->bytes.len);
        reader->taken = 0;
    }
    if (bytes.len > 0)
        buf_append_span(&reader->bytes, bytes);
}

static struct span reader_rest(const struct log_reader *reader)
{
    if (reader->bytes.len == reader->taken)
        return span_of(NULL, 0);
    return span_of(reader->bytes.data + reader->taken, reader->bytes.len - reader->taken);
}

static void reader_take(struct log_reader *reader, size_t len)
{
    reader->taken += len;
    reader->offset += len;
}

static int reader_fail(struct log_reader *reader, const struct binlog_error *error)
{
    reader->state = READER_FAILED;
    reader->error = *error;
    return error->code;
}

/* The first byte that isn't zero; bytes.len: none. */
static size_t zeros_count(struct span bytes)
{
    size_t count = 0;

    while (count < bytes.len && bytes.data[count] == 0)
        count++;
    return count;
}

static int magic_step(struct log_reader *reader, struct binlog_error *error)
{
    struct span rest = reader_rest(reader);

    if (rest.len < MAGIC_BYTES)
        return 0;
    if (memcmp(rest.data, MAGIC_ENCRYPTED, MAGIC_BYTES) == 0)
        return binlog_error_set(error, BINLOG_UNSUPPORTED, 0, "the log is encrypted: no events");
    if (memcmp(rest.data, MAGIC, MAGIC_BYTES) != 0)
        return binlog_error_set(error, BINLOG_DAMAGED, 0,
                                "not a binary log: the four bytes fe 62 69 6e are missing");
    reader_take(reader, MAGIC_BYTES);
    reader->state = READER_EVENTS;
    return 1;
}

static int padding_step(struct log_reader *reader, struct binlog_error *error)
{
    struct span rest = reader_rest(reader);
    size_t zeros = zeros_count(rest);

    reader_take(reader, zeros);
    if (zeros == rest.len)
        return 0;
    return binlog_error_set(error, BINLOG_DAMAGED, reader->offset,
                            "something follows the zero bytes that fill the log's end,");
}

/* Looks at a header before its event is all there. 0: plausible. */
static int header_judge(const struct log_reader *reader, const struct event_header *header,
                        struct binlog_error *error)
{
    bool ends_there = header->end_pos == (uint32_t)(reader->offset + header->len_bytes);

    if (header->len_bytes < EVENT_HEADER_BYTES)
        return binlog_error_set(error, BINLOG_DAMAGED, reader->offset,
                                "an event says it is only %u bytes long,", header->len_bytes);
    if (log_reader_format(reader)->checksum == BINLOG_CHECKSUM_UNKNOWN &&
        header->type != EVENT_FORMAT_DESCRIPTION)
        return binlog_error_set(error, BINLOG_DAMAGED, reader->offset,
                                "no format description where the log begins,");
    if (header->end_pos != 0 && !ends_there && !reader->has_foreign_positions &&
        (header->flags & (EVENT_FLAG_RELAY_LOG | EVENT_FLAG_ARTIFICIAL)) == 0)
        return binlog_error_set(error, BINLOG_DAMAGED, reader->offset,
                                "length (%u) and end position (%u) of an event don't fit",
                                header->len_bytes, header->end_pos);
    if (header->len_bytes > reader->event_max_bytes)
        return binlog_error_set(error, BINLOG_TOO_BIG, reader->offset,
                                "an event of %u bytes is longer than allowed,", header->len_bytes);
    return 0;
}

static void event_note(struct log_reader *reader, const struct binlog_event *event)
{
    if (event->payload != EVENT_PAYLOAD_FORMAT)
        return;
    reader->in_use = event->format.in_use;
    if ((event->header.flags & EVENT_FLAG_RELAY_LOG) != 0)
        reader->has_foreign_positions = true;
}

/* 1: an event; 0: its bytes aren't all there. */
static int event_step(struct log_reader *reader, struct binlog_event *event,
                      struct binlog_error *error)
{
    struct span rest = reader_rest(reader);
    struct event_header header;
    int result;

    if (rest.len < EVENT_HEADER_BYTES)
        return 0;
    if (zeros_count(span_of(rest.data, EVENT_HEADER_BYTES)) == EVENT_HEADER_BYTES) {
        reader->state = READER_PADDING;
        return padding_step(reader, error);
    }
    header = event_header_parse(rest.data);
    result = header_judge(reader, &header, error);
    if (result < 0 || rest.len < header.len_bytes)
        return result;
    result = decoder_event(reader->decoder, span_of(rest.data, header.len_bytes), reader->offset,
                           event, error);
    if (result < 0)
        return result;
    if (event->payload == EVENT_PAYLOAD_ENCRYPTION)
        return binlog_error_set(error, BINLOG_UNSUPPORTED, reader->offset,
                                "the log is encrypted from here on (key version %u),",
                                event->encryption.key_version);
    event_note(reader, event);
    reader_take(reader, header.len_bytes);
    return 1;
}

static int reader_step(struct log_reader *reader, struct binlog_event *event,
                       struct binlog_error *error)
{
    int result;

    if (reader->state == READER_MAGIC) {
        result = magic_step(reader, error);
        if (result <= 0)
            return result;
    }
    if (reader->state == READER_PADDING)
        return padding_step(reader, error);
    result = decoder_inner(reader->decoder, event, error);
    return result != 0 ? result : event_step(reader, event, error);
}

int log_reader_next(struct log_reader *reader, struct binlog_event *event,
                    struct binlog_error *error)
{
    struct binlog_error found;
    int result;

    if (reader->state == READER_FAILED) {
        if (error != NULL)
            *error = reader->error;
        return reader->error.code;
    }
    result = reader_step(reader, event, &found);
    if (result >= 0)
        return result;
    if (error != NULL)
        *error = found;
    return reader_fail(reader, &found);
}

int log_reader_end(const struct log_reader *reader, struct binlog_error *error)
{
    struct span rest = reader_rest(reader);
    uint64_t end = reader->offset + rest.len;

    if (reader->state == READER_FAILED) {
        if (error != NULL)
            *error = reader->error;
        return reader->error.code;
    }
    if (reader->state == READER_MAGIC)
        return binlog_error_set(error, BINLOG_TRUNCATED, end, "the log is truncated");
    if (rest.len == 0 || zeros_count(rest) == rest.len)
        return 0;
    return binlog_error_set(error, BINLOG_TRUNCATED, end,
                            "the log is truncated: the event that begins at %" PRIu64
                            " is not all there; truncated",
                            reader->offset);
}

bool log_reader_in_use(const struct log_reader *reader)
{
    return reader->in_use;
}

uint64_t log_reader_position(const struct log_reader *reader)
{
    return reader->offset;
}

const struct event_format *log_reader_format(const struct log_reader *reader)
{
    return decoder_format(reader->decoder);
}

void log_reader_seek(struct log_reader *reader, uint64_t position)
{
    reader->bytes.len = 0;
    reader->taken = 0;
    reader->offset = position;
}
