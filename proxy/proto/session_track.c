/* The session state block of an OK packet: see session_track.h. */
#include "proxy/proto/session_track.h"

#include <errno.h>

void track_open(struct track_reader *reader, struct span block)
{
    *reader = (struct track_reader){.block = reader_of(block)};
}

/* The next name and value of the system variable entry under way. */
static int pair_next(struct track_reader *reader, struct track_entry *entry)
{
    *entry = (struct track_entry){.type = TRACK_SYSTEM_VARIABLE, .raw = reader->raw};
    entry->name = read_lenenc_span(&reader->pairs);
    entry->value = read_lenenc_span(&reader->pairs);
    return reader->pairs.bad ? -EPROTO : 1;
}

/* The value of an entry that is no system variable. */
static int value_read(struct span data, struct track_entry *entry)
{
    struct reader reader = reader_of(data);
    switch (entry->type) {
    case TRACK_GTIDS:
        read_u8(&reader); /* how the text is encoded: always 0 */
        /* fall through */
    case TRACK_SCHEMA:
    case TRACK_TRANSACTION_CHARACTERISTICS:
    case TRACK_TRANSACTION_STATE: entry->value = read_lenenc_span(&reader); break;
    default: entry->value = data; /* TRACK_STATE_CHANGE: "1", without a length of its own */
    }
    return reader.bad ? -EPROTO : 1;
}

int track_next(struct track_reader *reader, struct track_entry *entry)
{
    if (reader->block.bad || reader->pairs.bad)
        return -EPROTO;
    while (reader_left(&reader->pairs) == 0) {
        if (reader_left(&reader->block) == 0)
            return 0;
        const uint8_t *begin = reader->block.at;
        uint8_t type = read_u8(&reader->block);
        struct span data = read_lenenc_span(&reader->block);
        if (reader->block.bad)
            return -EPROTO;
        reader->raw = span_of(begin, (size_t)(reader->block.at - begin));
        if (type != TRACK_SYSTEM_VARIABLE) {
            *entry = (struct track_entry){.type = type, .raw = reader->raw};
            int rc = value_read(data, entry);
            reader->block.bad = rc < 0; /* said again if asked again */
            return rc;
        }
        reader->pairs = reader_of(data);
    }
    return pair_next(reader, entry);
}

/* Puts type and length in front of the pairs that stand in `out` from `begin` on. */
static void variables_close(struct buf *out, size_t begin)
{
    size_t len = out->len - begin;
    if (len == 0)
        return;
    buf_append_u8(out, TRACK_SYSTEM_VARIABLE);
    write_lenenc(out, len);
    uint8_t head[10];
    size_t head_len = out->len - begin - len;
    memcpy(head, out->data + begin + len, head_len);
    memmove(out->data + begin + head_len, out->data + begin, len);
    memcpy(out->data + begin, head, head_len);
}

int track_filter(struct buf *out, struct span block, track_keep keep, void *context)
{
    size_t old_len = out->len;
    size_t variables = out->len; /* where the pairs of the entry under way begin */
    struct track_reader reader;
    struct track_entry entry;
    int rc;
    track_open(&reader, block);
    while ((rc = track_next(&reader, &entry)) > 0) {
        if (keep(&entry, context)) {
            if (entry.type == TRACK_SYSTEM_VARIABLE) {
                write_lenenc_span(out, entry.name);
                write_lenenc_span(out, entry.value);
            } else {
                buf_append_span(out, entry.raw);
            }
        }
        if (reader_left(&reader.pairs) > 0)
            continue;
        if (entry.type == TRACK_SYSTEM_VARIABLE)
            variables_close(out, variables);
        variables = out->len;
    }
    if (rc < 0)
        out->len = old_len;
    return rc;
}
