/* Packet framing and the basic types of the wire protocol, as pure functions over bytes.
 * Source: protocol page "0-packet" (3 bytes payload length, 1 byte sequence number; a payload of
 * 0xffffff bytes is continued in the next packet) and "protocol data types" (length-encoded
 * integers and strings). */
#ifndef CAUSEWAY_PROTO_PACKET_H
#define CAUSEWAY_PROTO_PACKET_H

#include "proxy/base/buf.h"

enum {
    PACKET_HEADER_BYTES = 4,
    PACKET_PAYLOAD_MAX = 0xffffff,
};

static inline uint32_t packet_payload_len(const uint8_t *header)
{
    return load_u24(header);
}

static inline uint8_t packet_seq(const uint8_t *header)
{
    return header[3];
}

/* Reading a payload: a cursor that never passes its end. After a read beyond the end `bad` is set,
 * the read gives 0 or an empty span, and so do all later ones: check `bad` once, at the end. */
struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

struct reader reader_of(struct span bytes);
size_t reader_left(const struct reader *reader);
uint8_t read_u8(struct reader *reader);
uint16_t read_u16(struct reader *reader);
uint32_t read_u24(struct reader *reader);
uint32_t read_u32(struct reader *reader);
uint64_t read_u64(struct reader *reader);
/* A length-encoded integer. 0xfb (NULL) and 0xff are bad here. */
uint64_t read_lenenc(struct reader *reader);
struct span read_lenenc_span(struct reader *reader);
struct span read_span(struct reader *reader, size_t len);
/* Bytes up to a NUL, which is consumed and not part of the span; without a NUL: bad. */
struct span read_nul_span(struct reader *reader);
struct span read_rest(struct reader *reader);

void write_lenenc(struct buf *out, uint64_t value);
void write_lenenc_span(struct buf *out, struct span span);
/* The span and a NUL behind it. */
void write_nul_span(struct buf *out, struct span span);

/* Writing a packet: begin reserves the header, end fills it in. Between the two, append the payload
 * to `out`. A payload of 16 MiB - 1 or more is split as the protocol asks, and `seq` is that of the
 * first packet; returns the sequence number after the last one. */
size_t packet_begin(struct buf *out);
uint8_t packet_end(struct buf *out, size_t begin, uint8_t seq);

#endif
