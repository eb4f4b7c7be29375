/* The compressed protocol as functions over bytes: packets of a header and either the bytes as they
 * are or one zlib stream of them.
 *
 *     wire length 3 | number 1 | plain length 3, 0: not compressed | bytes
 *
 * What is packed is the stream of ordinary packets, cut anywhere. Source: protocol page
 * "compression"; server source sql/net_serv.cc. */
#ifndef CAUSEWAY_NET_COMPRESS_CODEC_H
#define CAUSEWAY_NET_COMPRESS_CODEC_H

#include "proxy/base/buf.h"

#include <sys/types.h>
#include <zlib.h>

enum {
    COMPRESS_HEADER_BYTES = 7,
    COMPRESS_SHORT_BYTES = 50, /* shorter ones are sent as they are, as by servers */
    COMPRESS_PACKET_MAX = 0xffffff,
};

/* --- unpacking, with bounded memory whatever the peer says --- */

struct unpacker {
    z_stream *inflater;  /* while a compressed packet is under way; the spare one or a new one */
    z_stream *spare;     /* kept for the next one; may be NULL */
    uint32_t wire_left;  /* bytes of the packet under way that are still to come … */
    uint32_t plain_left; /* … and that it still must yield */
    bool compressed;
    bool open;          /* a packet is under way */
    const char *reason; /* of the last -EPROTO */
};

/* Takes from the front of *input and writes up to `room` bytes: their number; 0: more input is
 * needed, or a header was taken; -EPROTO: malformed. The last byte of a compressed packet comes out
 * only when all of the packet was there and its checksum held. `began` is set, and `number`, when a
 * header was taken: at most one a call, and nothing else by that call. */
ssize_t compress_unpack(struct unpacker *unpacker, struct span *input, uint8_t *out, size_t room,
                        bool *began, uint8_t *number);
void unpacker_close(struct unpacker *unpacker);

/* --- packing --- */

/* One packet of up to COMPRESS_PACKET_MAX bytes, appended to `out`. The deflater is reset. */
void compress_pack(z_stream *deflater, struct buf *out, uint8_t number, struct span plain);
/* malloc'd. */
z_stream *deflater_new(void);
void deflater_free(z_stream *deflater); /* NULL is allowed */
void inflater_free(z_stream *inflater); /* NULL is allowed */

/* --- the packets within --- */

/* Follows the ordinary packets of a stream that is cut anywhere. */
struct packet_walk {
    uint8_t header[4];
    uint8_t header_len;
    uint32_t payload_left;
    bool full; /* the packet under way, or the last one, goes on in the next */
};

/* The offset of the next packet's number in data[0..len), walking up to and behind it; -1: there is
 * none, all of `len` was walked. *walked says how far. */
ssize_t packet_walk_next(struct packet_walk *walk, const uint8_t *data, size_t len, size_t *walked);

#endif
