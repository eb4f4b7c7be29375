/* MariaDB GTIDs: domain-server-sequence, their text, and vectors of them (one slot per domain).
 * Source: MariaDB knowledge base "Global Transaction ID". */
#ifndef CAUSEWAY_BINLOG_GTID_H
#define CAUSEWAY_BINLOG_GTID_H

#include "proxy/base/bytes.h"

struct gtid {
    uint32_t domain;
    uint32_t server;
    uint64_t seq;
};

enum {
    GTID_TEXT_MAX = 48,    /* "4294967295-4294967295-18446744073709551615" and a NUL */
    GTID_DOMAINS_MAX = 16, /* domains that one cluster may use */
};

/* A position: for each domain the last GTID. At most one slot a domain, kept sorted by domain. */
struct gtid_vector {
    uint32_t count;
    struct gtid slots[GTID_DOMAINS_MAX];
};

/* The whole of `text` is one GTID; -EINVAL otherwise (signs, blanks, overflow). */
int gtid_parse(struct span text, struct gtid *gtid);
/* NUL-terminated; returns the length. */
size_t gtid_print(const struct gtid *gtid, char out[GTID_TEXT_MAX]);

/* A list "0-1-5,1-2-9", blanks and newlines around the commas allowed, empty allowed. -EINVAL;
 * -E2BIG for more than GTID_DOMAINS_MAX domains. A domain named twice keeps its higher sequence. */
int gtid_vector_parse(struct span text, struct gtid_vector *vector);
/* The same for a server's position, of which a part is a lower bound: 1 when domains had no room
 * and were left out. */
int gtid_vector_parse_part(struct span text, struct gtid_vector *vector);
/* Cuts the next GTID off such a list, in which a domain may be named more than once (as in
 * @@gtid_binlog_state, once for each server id): 1, 0 at its end, -EINVAL. */
int gtid_list_next(struct span *text, struct gtid *gtid);
/* Cuts at `size`, always NUL-terminated; returns the length. */
size_t gtid_vector_print(const struct gtid_vector *vector, char *out, size_t size);

/* The slot's sequence becomes the higher one of both. -E2BIG when there is no room for a domain. */
int gtid_vector_raise(struct gtid_vector *vector, const struct gtid *gtid);
int gtid_vector_merge(struct gtid_vector *vector, const struct gtid_vector *other);

/* The sequence in that domain, 0 when the vector has none. */
uint64_t gtid_vector_seq(const struct gtid_vector *vector, uint32_t domain);

/* True when `vector` is at least `required` in each domain. Sequence numbers alone are compared:
 * what that proves is said in docs/ARCHITECTURE.md (histories). */
bool gtid_vector_covers(const struct gtid_vector *vector, const struct gtid_vector *required);

#endif
