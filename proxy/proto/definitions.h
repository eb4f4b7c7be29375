/* Column definitions as a whole, for clients that keep those of a prepared statement
 * (MARIADB_CLIENT_CACHE_METADATA): the packet with the number of columns then has one byte more, 1:
 * definitions follow, 0: they are what this client was told last. Source: protocol page "result set
 * packets"; server source sql/protocol.cc; what a server does measured on MariaDB 10.11. Pure. */
#ifndef CAUSEWAY_PROTO_DEFINITIONS_H
#define CAUSEWAY_PROTO_DEFINITIONS_H

#include "proxy/base/buf.h"

/* More than this of definitions is not held: they are sent, and not remembered. */
enum { DEFINITIONS_HELD_MAX = 64 << 10 };

struct definitions {
    size_t len;      /* of their packets, headers included; when more is needed: to go on */
    uint64_t digest; /* of what they say, never 0 */
};

/* Goes over `count` definition packets at the front of `bytes`, which carry on the digest `salt`.
 *   1           all are there
 *   0           not yet: bytes up to `len` are needed to go on
 *   -E2BIG      they are longer than DEFINITIONS_HELD_MAX, or no definitions */
int definitions_look(struct span bytes, unsigned count, uint64_t salt, struct definitions *found);

/* The packet before definitions that follow or do not. The next sequence number. */
uint8_t column_count_build(struct buf *out, uint8_t seq, unsigned count, bool follow);

/* FNV-1a, carried on from `digest`. */
uint64_t definitions_digest(uint64_t digest, struct span bytes);

#endif
