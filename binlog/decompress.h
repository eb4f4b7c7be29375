/* Inflating what the log holds compressed, with a bound on what comes out.
 * Sources: MariaDB sql/log_event.cc, binlog_buf_uncompress; MySQL transaction payload (zstd). */
#ifndef CAUSEWAY_BINLOG_DECOMPRESS_H
#define CAUSEWAY_BINLOG_DECOMPRESS_H

#include "proxy/base/buf.h"

/* Appends to `out` what a zlib or raw deflate stream holds. At most `max_bytes`; the memory taken
 * grows with what really comes out, not with what the input claims.
 * 0; -EBADMSG: not such a stream, or bytes left behind it; -E2BIG. */
int decompress_zlib(struct span in, size_t max_bytes, struct buf *out);
int decompress_deflate(struct span in, size_t max_bytes, struct buf *out);

/* The same for zstd, one or several frames. */
int decompress_zstd(struct span in, size_t max_bytes, struct buf *out);

/* MariaDB's own framing of compressed events and their parts: one byte (0x80 | algorithm << 4 |
 * bytes of length), the plain length big-endian, a zlib stream. */
int decompress_event_part(struct span in, size_t max_bytes, struct buf *out);

/* A value of a MariaDB COMPRESSED column: one byte (method, bytes of length), the plain length,
 * a stream; or 0 and the plain bytes. */
int decompress_column(struct span in, size_t max_bytes, struct buf *out);

#endif
