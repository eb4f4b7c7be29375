/* Statements that looked like reads and turned out to write: their digests, so that the next one
 * goes to the leader at once. A small table that forgets the oldest; one worker's own. */
#ifndef CAUSEWAY_PROXY_WRITE_DIGESTS_H
#define CAUSEWAY_PROXY_WRITE_DIGESTS_H

#include <stdbool.h>
#include <stdint.h>

struct write_digests;

struct write_digests *write_digests_new(void);
void write_digests_free(struct write_digests *digests);
void write_digests_add(struct write_digests *digests, uint64_t digest);
bool write_digests_has(const struct write_digests *digests, uint64_t digest);

#endif
