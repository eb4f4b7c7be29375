/* The board: how far every server's readers can see, by domain. Written by the control thread, read
 * by all workers without locks.
 *
 *     control thread --positions_confirm--> [slot][domain] atomics --positions_covers--> workers
 *
 * A cell only grows within one incarnation of its server (the slot's generation). A restart, a
 * reconnect, a repoint or a lower value starts the next incarnation: the column is emptied, then
 * the generation is raised. While a column is being emptied its generation is odd. */
#ifndef CAUSEWAY_BINLOG_POSITIONS_H
#define CAUSEWAY_BINLOG_POSITIONS_H

#include "binlog/gtid.h"

enum { POSITIONS_SERVERS_MAX = 64 };

struct positions; /* malloc'd, shared by all threads, freed when they have ended */

struct positions *positions_new(void);
void positions_free(struct positions *positions);

/* --- the one writer --- */

/* Raises the cells of `slot`. Returns true when anything rose. A domain beyond the board's room is
 * -E2BIG (the caller says so in the log; such a domain is never covered, so nothing goes wrong). */
int positions_confirm(struct positions *positions, unsigned slot,
                      const struct gtid_vector *confirmed);
/* Starts a new incarnation: nothing is confirmed until the next positions_confirm. */
void positions_forget(struct positions *positions, unsigned slot);

/* How far behind the leader its readers are, judged by time; UINT32_MAX: not known. */
void positions_set_lag_ms(struct positions *positions, unsigned slot, uint32_t lag_ms);
/* The same in transactions of the leader; UINT64_MAX: not known. */
void positions_set_lag_transactions(struct positions *positions, unsigned slot, uint64_t count);

/* --- any thread --- */

uint32_t positions_lag_ms(const struct positions *positions, unsigned slot);
uint64_t positions_lag_transactions(const struct positions *positions, unsigned slot);

uint32_t positions_generation(const struct positions *positions, unsigned slot);
/* True when, in that incarnation of the server and no other, its confirmed position is at least
 * `required`. An empty vector is covered in every incarnation that has begun. */
bool positions_covers(const struct positions *positions, unsigned slot, uint32_t generation,
                      const struct gtid_vector *required);
/* How many domains the cluster writes in, as far as any server has confirmed one. */
unsigned positions_domain_count(const struct positions *positions);
void positions_read(const struct positions *positions, unsigned slot, struct gtid_vector *out);

#endif
