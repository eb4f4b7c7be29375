/* CRC-32 of events. */
#include "binlog/checksum.h"

#include "binlog/event.h"

#include <zlib.h>

enum { FLAGS_AT = 17 };

uint32_t checksum_crc32(struct span bytes)
{
    return (uint32_t)crc32_z(0, bytes.len > 0 ? bytes.data : (const uint8_t *)"", bytes.len);
}

bool checksum_matches(struct span event)
{
    uint8_t header[EVENT_HEADER_BYTES];
    size_t summed_bytes;
    uLong sum;

    if (event.len < EVENT_HEADER_BYTES + BINLOG_CHECKSUM_BYTES)
        return false;
    summed_bytes = event.len - BINLOG_CHECKSUM_BYTES;
    memcpy(header, event.data, sizeof(header));
    if (event_header_parse(header).type == EVENT_FORMAT_DESCRIPTION)
        header[FLAGS_AT] &= (uint8_t)~EVENT_FLAG_IN_USE;
    sum = crc32_z(0, header, sizeof(header));
    sum = crc32_z(sum, event.data + sizeof(header), summed_bytes - sizeof(header));
    return (uint32_t)sum == load_u32(event.data + summed_bytes);
}
