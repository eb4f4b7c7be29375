/* OK, ERR and EOF packets: see reply.h. */
#include "proxy/proto/reply.h"

#include "proxy/proto/capability.h"

#include <errno.h>
#include <stdio.h>

enum {
    OK_HEADER = 0x00,
    EOF_HEADER = 0xfe,
    ERR_HEADER = 0xff,
    EOF_PAYLOAD_BYTES = 5,
    SQLSTATE_CHARS = 5,
    ERR_TEXT_MAX_BYTES = 512, /* MYSQL_ERRMSG_SIZE: what client libraries keep of a message */
};

static int eof_parse(struct reader *reader, struct ok_reply *ok)
{
    ok->warnings = read_u16(reader);
    ok->status = read_u16(reader);
    return reader->bad ? -EPROTO : 0;
}

int ok_parse(struct span payload, struct ok_reply *ok)
{
    struct reader reader = reader_of(payload);
    *ok = (struct ok_reply){.header = read_u8(&reader)};
    if (reader.bad || (ok->header != OK_HEADER && ok->header != EOF_HEADER))
        return -EPROTO;
    if (ok->header == EOF_HEADER && payload.len == EOF_PAYLOAD_BYTES)
        return eof_parse(&reader, ok);
    ok->affected_rows = read_lenenc(&reader);
    ok->insert_id = read_lenenc(&reader);
    ok->status = read_u16(&reader);
    ok->warnings = read_u16(&reader);
    if (reader_left(&reader) > 0)
        ok->info = read_lenenc_span(&reader);
    if ((ok->status & SERVER_SESSION_STATE_CHANGED) && reader_left(&reader) > 0)
        ok->state = read_lenenc_span(&reader);
    return reader.bad ? -EPROTO : 0;
}

int err_parse(struct span payload, struct err_reply *err)
{
    struct reader reader = reader_of(payload);
    uint8_t header = read_u8(&reader);
    *err = (struct err_reply){.code = read_u16(&reader), .sqlstate = "HY000"};
    if (reader.bad || header != ERR_HEADER)
        return -EPROTO;
    if (reader_left(&reader) > SQLSTATE_CHARS && *reader.at == '#') {
        read_u8(&reader);
        memcpy(err->sqlstate, read_span(&reader, SQLSTATE_CHARS).data, SQLSTATE_CHARS);
    }
    err->message = read_rest(&reader);
    return 0;
}

void ok_build(struct buf *out, uint8_t seq, const struct ok_reply *ok, uint64_t capabilities)
{
    bool tracked = (capabilities & CLIENT_SESSION_TRACK) && ok->state.len > 0;
    uint16_t status = (uint16_t)(ok->status & ~SERVER_SESSION_STATE_CHANGED);
    if (tracked)
        status |= SERVER_SESSION_STATE_CHANGED;
    if (ok->header == EOF_HEADER && !(capabilities & CLIENT_DEPRECATE_EOF)) {
        eof_build(out, seq, ok->warnings, status);
        return;
    }
    size_t begin = packet_begin(out);
    buf_append_u8(out, ok->header);
    write_lenenc(out, ok->affected_rows);
    write_lenenc(out, ok->insert_id);
    buf_append_u16(out, status);
    buf_append_u16(out, ok->warnings);
    if (ok->info.len > 0 || tracked)
        write_lenenc_span(out, ok->info);
    if (tracked)
        write_lenenc_span(out, ok->state);
    packet_end(out, begin, seq);
}

void err_build(struct buf *out, uint8_t seq, uint16_t code, const char *sqlstate,
               struct span message)
{
    size_t begin = packet_begin(out);
    buf_append_u8(out, ERR_HEADER);
    buf_append_u16(out, code);
    if (sqlstate) {
        buf_append_u8(out, '#');
        buf_append(out, sqlstate, SQLSTATE_CHARS);
    }
    buf_append_span(out, message);
    packet_end(out, begin, seq);
}

void err_printf(struct buf *out, uint8_t seq, uint16_t code, const char *sqlstate,
                const char *format, ...)
{
    char text[ERR_TEXT_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_build(out, seq, code, sqlstate, span_text(text));
}

void eof_build(struct buf *out, uint8_t seq, uint16_t warnings, uint16_t status)
{
    size_t begin = packet_begin(out);
    buf_append_u8(out, EOF_HEADER);
    buf_append_u16(out, warnings);
    buf_append_u16(out, status);
    packet_end(out, begin, seq);
}
