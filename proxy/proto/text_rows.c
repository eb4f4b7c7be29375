/* See text_rows.h. */
#include "proxy/proto/text_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES_MAX = 24 };
enum { NULL_CELL = 0xfb, ENDS = 0xfe, FAILS = 0xff };

/* The next packet's payload; `packets` is bad when it is not all there. */
static struct span next_packet(struct reader *packets)
{
    uint32_t len = read_u24(packets);
    (void)read_u8(packets);
    return read_span(packets, len);
}

static uint8_t first_byte(struct span payload)
{
    return payload.len ? payload.data[0] : 0;
}

int text_rows_open(struct text_rows *rows, struct span received)
{
    struct reader packets = reader_of(received);
    struct span payload = next_packet(&packets);
    if (packets.bad)
        return 0;
    if (first_byte(payload) == FAILS)
        return -EREMOTEIO;
    struct reader count = reader_of(payload);
    rows->columns = (unsigned)read_lenenc(&count);
    if (count.bad || rows->columns == 0)
        return -EPROTO;
    rows->definitions = packets;
    for (unsigned i = 0; i < rows->columns && !packets.bad; i++)
        (void)next_packet(&packets);
    rows->packets = packets;
    do {
        payload = next_packet(&packets);
        if (packets.bad)
            return 0;
        if (first_byte(payload) == FAILS)
            return -EREMOTEIO;
    } while (first_byte(payload) != ENDS);
    return 1;
}

bool text_rows_definition(struct text_rows *rows, struct span *payload)
{
    if (rows->definitions.at == rows->packets.at)
        return false;
    *payload = next_packet(&rows->definitions);
    return !rows->definitions.bad;
}

bool text_rows_payload(struct text_rows *rows, struct span *payload)
{
    *payload = next_packet(&rows->packets);
    return !rows->packets.bad && first_byte(*payload) != ENDS;
}

bool text_rows_next(struct text_rows *rows, struct reader *row)
{
    struct span payload;
    bool found = text_rows_payload(rows, &payload);
    *row = reader_of(payload);
    return found;
}

struct span text_rows_cell(struct reader *row)
{
    if (reader_left(row) > 0 && *row->at == NULL_CELL) {
        (void)read_u8(row);
        return (struct span){0};
    }
    struct span cell = read_lenenc_span(row);
    return row->bad || cell.data ? cell : span_text("");
}

uint64_t text_rows_number(struct reader *row)
{
    char text[NUMBER_BYTES_MAX] = {0};
    struct span value = text_rows_cell(row);
    if (value.len >= sizeof(text))
        row->bad = true;
    else if (value.len)
        memcpy(text, value.data, value.len);
    return text[0] == '-' ? (uint64_t)strtoll(text, NULL, 10) : strtoull(text, NULL, 10);
}
