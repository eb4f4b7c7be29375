/* Result sets that Causeway makes itself: columns of text, the definition of each, the end. Source:
 * protocol page "result set packets". */
#ifndef CAUSEWAY_PROTO_COLUMN_H
#define CAUSEWAY_PROTO_COLUMN_H

#include "proxy/proto/packet.h"

/* Appends the definition of a nullable text column of at most `width_bytes`; returns the next
 * sequence number. `capabilities` are the client's. */
uint8_t column_build(struct buf *out, uint8_t seq, struct span name, uint32_t width_bytes,
                     uint64_t capabilities);

/* The same for a column that is an unsigned 32-bit number and never NULL, as the servers' own
 * CONNECTION_ID() is (measured). */
uint8_t column_build_u32(struct buf *out, uint8_t seq, struct span name, uint64_t capabilities);

/* The same for a signed 64-bit one, as ROW_COUNT() is (measured). */
uint8_t column_build_i64(struct buf *out, uint8_t seq, struct span name, uint64_t capabilities);

/* Between the definitions and the rows: an EOF for a client without DEPRECATE_EOF, nothing for
 * others. The next sequence number. */
uint8_t columns_end(struct buf *out, uint8_t seq, uint16_t status, uint64_t capabilities);

/* A row of one text column, in text or in the binary form of a prepared statement's rows (protocol
 * page "binary protocol result set row"). A value without data is NULL. The next sequence number.
 */
uint8_t row_build(struct buf *out, uint8_t seq, struct span value, bool binary);

/* A row of one such number. */
uint8_t row_build_u32(struct buf *out, uint8_t seq, uint32_t value, bool binary);

/* Behind the rows. */
void rows_end(struct buf *out, uint8_t seq, uint16_t status, uint64_t capabilities);

#endif
