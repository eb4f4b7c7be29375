/* See definitions.h. */
#include "proxy/proto/definitions.h"

#include "proxy/proto/packet.h"

#include <errno.h>

enum { DEFINITION_FIRST_MAX = 0xfb }; /* above: not the length of a text, so no definition */

uint64_t definitions_digest(uint64_t digest, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        digest = (digest ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    return digest;
}

int definitions_look(struct span bytes, unsigned count, uint64_t salt, struct definitions *found)
{
    *found = (struct definitions){.digest = salt ^ UINT64_C(0xcbf29ce484222325)};
    size_t at = 0;
    for (unsigned i = 0; i < count; i++) {
        found->len = at + PACKET_HEADER_BYTES + 1;
        if (found->len > bytes.len)
            return 0;
        size_t len = packet_payload_len(bytes.data + at);
        if (len == 0 || bytes.data[at + PACKET_HEADER_BYTES] >= DEFINITION_FIRST_MAX ||
            at + PACKET_HEADER_BYTES + len > DEFINITIONS_HELD_MAX)
            return -E2BIG;
        found->len = at + PACKET_HEADER_BYTES + len;
        if (found->len > bytes.len)
            return 0;
        struct span payload = span_of(bytes.data + at + PACKET_HEADER_BYTES, len);
        found->digest = definitions_digest(found->digest, payload);
        at = found->len;
    }
    if (found->digest == 0)
        found->digest = 1;
    return 1;
}

uint8_t column_count_build(struct buf *out, uint8_t seq, unsigned count, bool follow)
{
    size_t begin = packet_begin(out);
    write_lenenc(out, count);
    buf_append_u8(out, follow);
    return packet_end(out, begin, seq);
}
