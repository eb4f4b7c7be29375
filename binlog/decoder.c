/* What is remembered between events: format, tables, and the inside of a transaction payload. */
#include "binlog/decoder.h"

#include "binlog/decompress.h"
#include "binlog/table_map.h"
#include "proxy/base/memory.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/* Rows events that only end a statement name one of these. Sources: MariaDB and MySQL
 * sql/log_event.cc, "dummy event". */
static const uint64_t TABLE_ID_NONE = UINT64_C(0xffffff);
static const uint64_t TABLE_ID_NONE_WIDE = UINT64_C(0xffffffffffff);

struct decoder {
    struct decoder_options options;
    struct event_format format;
    struct table_registry tables;
    bool tables_end; /* the last event ended its statement: forget its tables before the next */
    struct buf inflated;
    /* The transaction payload that is being read: its header, its plain bytes, how far. */
    struct buf payload;
    size_t payload_at;
    struct event_header payload_header;
    uint64_t payload_offset;
};

struct decoder *decoder_new(const struct decoder_options *options)
{
    struct decoder *decoder = memory_zalloc(sizeof(*decoder));

    if (options != NULL)
        decoder->options = *options;
    if (decoder->options.inflate_max_bytes == 0)
        decoder->options.inflate_max_bytes = EVENT_MAX_BYTES_DEFAULT;
    event_format_init(&decoder->format);
    return decoder;
}

void decoder_free(struct decoder *decoder)
{
    if (decoder == NULL)
        return;
    table_registry_free(&decoder->tables);
    buf_free(&decoder->inflated);
    buf_free(&decoder->payload);
    free(decoder);
}

static void payload_end(struct decoder *decoder)
{
    decoder->payload.len = 0;
    decoder->payload_at = 0;
}

void decoder_reset(struct decoder *decoder)
{
    event_format_init(&decoder->format);
    table_registry_clear(&decoder->tables);
    decoder->tables_end = false;
    payload_end(decoder);
}

const struct event_format *decoder_format(const struct decoder *decoder)
{
    return &decoder->format;
}

static int table_remember(struct decoder *decoder, const struct binlog_event *event,
                          struct binlog_error *error)
{
    struct table_map *table;

    if (decoder->options.skip_rows)
        return 0;
    table = table_map_parse(event, error);
    if (table == NULL)
        return error->code;
    if (!table_registry_put(&decoder->tables, table))
        return binlog_error_set(error, BINLOG_TOO_BIG, event->offset,
                                "a statement maps too many tables");
    return 0;
}

static int table_find(struct decoder *decoder, struct binlog_event *event,
                      struct binlog_error *error)
{
    struct event_rows *rows = &event->rows;

    if ((rows->flags & EVENT_ROWS_STATEMENT_END) != 0)
        decoder->tables_end = true;
    if (decoder->options.skip_rows)
        return 0;
    rows->table = table_registry_find(&decoder->tables, rows->table_id);
    if (rows->table != NULL)
        return 0;
    if ((rows->table_id == TABLE_ID_NONE || rows->table_id == TABLE_ID_NONE_WIDE) &&
        (rows->flags & EVENT_ROWS_STATEMENT_END) != 0 && rows->rows.len == 0)
        return 0;
    return binlog_error_set(
        error, BINLOG_DAMAGED, event->offset,
        "a rows event names table %" PRIu64 ", which no table map before it has,", rows->table_id);
}

static int payload_begin(struct decoder *decoder, const struct binlog_event *event,
                         struct binlog_error *error)
{
    const struct event_transaction_payload *payload = &event->transaction_payload;
    int result = 0;

    payload_end(decoder);
    if (payload->compression == EVENT_COMPRESSION_ZSTD)
        result =
            decompress_zstd(payload->data, decoder->options.inflate_max_bytes, &decoder->payload);
    else
        buf_append_span(&decoder->payload, payload->data);
    if (result == 0 && payload->plain_len_bytes != 0 &&
        payload->plain_len_bytes != decoder->payload.len)
        result = -EBADMSG;
    if (result < 0) {
        payload_end(decoder);
        return binlog_error_set(
            error, result == -E2BIG ? BINLOG_TOO_BIG : BINLOG_DAMAGED, event->offset, "%s",
            result == -E2BIG ? "a transaction payload is larger than allowed"
                             : "a transaction payload does not decompress to what it says");
    }
    decoder->payload_header = event->header;
    decoder->payload_offset = event->offset;
    return 0;
}

/* What an event that was read means for those behind it. */
static int event_keep(struct decoder *decoder, struct binlog_event *event,
                      struct binlog_error *error)
{
    switch (event->payload) {
    case EVENT_PAYLOAD_FORMAT:
        if (event->is_inner)
            break;
        decoder->format = event->format;
        decoder->tables_end = true;
        return 0;
    case EVENT_PAYLOAD_PAYLOAD:
        if (event->is_inner)
            break;
        return payload_begin(decoder, event, error);
    case EVENT_PAYLOAD_TABLE_MAP: return table_remember(decoder, event, error);
    case EVENT_PAYLOAD_ROWS: return table_find(decoder, event, error);
    default: return 0;
    }
    return binlog_error_set(error, BINLOG_DAMAGED, event->offset,
                            "a transaction payload holds a %s event,",
                            event_type_name(event->header.type));
}

static int event_decode(struct decoder *decoder, const struct event_context *context,
                        struct span bytes, struct binlog_event *event, struct binlog_error *error)
{
    int result;

    if (decoder->tables_end) {
        table_registry_clear(&decoder->tables);
        decoder->tables_end = false;
    }
    result = event_parse(context, bytes, event, error);
    return result < 0 ? result : event_keep(decoder, event, error);
}

int decoder_event(struct decoder *decoder, struct span bytes, uint64_t offset,
                  struct binlog_event *event, struct binlog_error *error)
{
    struct binlog_error ignored;
    const struct event_context context = {
        .format = &decoder->format,
        .offset = offset,
        .inflate_max_bytes = decoder->options.inflate_max_bytes,
        .scratch = &decoder->inflated,
    };

    payload_end(decoder);
    return event_decode(decoder, &context, bytes, event, error != NULL ? error : &ignored);
}

int decoder_inner(struct decoder *decoder, struct binlog_event *event, struct binlog_error *error)
{
    struct binlog_error ignored;
    const struct event_context context = {
        .format = &decoder->format,
        .offset = decoder->payload_offset,
        .is_inner = true,
        .inflate_max_bytes = decoder->options.inflate_max_bytes,
        .scratch = &decoder->inflated,
    };
    size_t left = decoder->payload.len - decoder->payload_at;
    const uint8_t *at;
    uint32_t len;
    int result;

    if (left == 0)
        return 0;
    if (error == NULL)
        error = &ignored;
    at = decoder->payload.data + decoder->payload_at;
    len = left < EVENT_HEADER_BYTES ? 0 : event_header_parse(at).len_bytes;
    if (len < EVENT_HEADER_BYTES || len > left) {
        size_t wrong_at = decoder->payload_at;
        payload_end(decoder);
        return binlog_error_set(error, BINLOG_DAMAGED, decoder->payload_offset,
                                "an event is cut (plain byte %zu) in the transaction payload",
                                wrong_at);
    }
    result = event_decode(decoder, &context, span_of(at, len), event, error);
    if (result < 0) {
        payload_end(decoder);
        return result;
    }
    decoder->payload_at += len;
    event->header.end_pos = decoder->payload_header.end_pos;
    return 1;
}
