/* The checksum behind every event.
 * Source: MariaDB sql/log_event.h, enum_binlog_checksum_alg; CRC-32 of ISO 3309, as in zlib. */
#ifndef CAUSEWAY_BINLOG_CHECKSUM_H
#define CAUSEWAY_BINLOG_CHECKSUM_H

#include "proxy/base/bytes.h"

enum binlog_checksum {
    BINLOG_CHECKSUM_NONE = 0,
    BINLOG_CHECKSUM_CRC32 = 1,
    /* Nothing has told yet (the artificial ROTATE that a stream opens with comes before the format
     * description): the last four bytes are a checksum when they are right as one. */
    BINLOG_CHECKSUM_UNKNOWN = 255,
};

enum { BINLOG_CHECKSUM_BYTES = 4 };

uint32_t checksum_crc32(struct span bytes);

/* True when the last four bytes of `event` (header, body, checksum) are right. A format description
 * event is summed as if its in-use flag were not set: the flag is cleared when the log is closed,
 * its checksum isn't. Too short: false. */
bool checksum_matches(struct span event);

#endif
