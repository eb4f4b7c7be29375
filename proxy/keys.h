/* The keys that clients name, each with one requirement for all connections that name it: one
 * vector, one pin. The only thing on the data path that several workers share and write: a mutex
 * for each of a few dozen shards, taken by statements with a key alone.
 *
 *     key_take --reference--> key_lock, key_unlock for each statement and reply --> key_give
 *
 * Nobody says when a user is done with a key, so keys are forgotten (keys_forget) once what they
 * require holds everywhere: a leader position taken after their last reply becomes the floor, which
 * every key begins with that is not in the table. So the table is as large as the replication lag,
 * not as the number of users. Before the first floor nobody knows what a process that is gone had
 * promised: then a key begins with a move. */
#ifndef CAUSEWAY_PROXY_KEYS_H
#define CAUSEWAY_PROXY_KEYS_H

#include "router/requirement.h"

struct keys;
struct key;

enum { KEY_NAME_MAX_BYTES = 384 + 1 }; /* an account's name with a letter before it */

struct keys *keys_new(void);
void keys_free(struct keys *keys);

/* The key with that name, made when it is not there; a reference. NULL when twice as many as
 * `max_keys` are in use: the sweep could not forget any. */
struct key *key_take(struct keys *keys, struct span name, uint32_t max_keys);
struct key *key_ref(struct keys *keys, struct key *key);
/* Tells keys apart, also those that are gone; never 0. */
uint64_t key_serial(const struct key *key);
/* Its name, for as long as the reference is held. */
struct span key_name(const struct key *key);
/* NULL is allowed. */
void key_give(struct keys *keys, struct key *key);

/* The requirement may be looked at and changed until key_unlock; for moments only. */
struct requirement *key_lock(struct keys *keys, struct key *key);
void key_unlock(struct keys *keys, struct key *key);

unsigned keys_count(const struct keys *keys);

/* Begins a round: who is used from now on is not forgotten by it. Its number. */
uint64_t keys_begin_round(struct keys *keys);
/* Drops the keys that nobody holds and that were not used in that round or later. `floor` is a
 * leader position asked for within the round and shown by the leader since; `epoch` is when.
 * Returns how many went. */
unsigned keys_forget(struct keys *keys, uint64_t round, const struct gtid_vector *floor,
                     uint64_t epoch);

/* What the console shows of one. Names are the users' own: the console alone shows them. */
struct key_row {
    struct span name;
    const struct requirement *requirement;
    unsigned references;
};
/* Each key in turn, its shard locked; stops after `limit`. */
void keys_each(struct keys *keys, unsigned limit,
               void (*visit)(const struct key_row *row, void *context), void *context);
/* False until the first floor. */
bool keys_floor(struct keys *keys, struct gtid_vector *floor);

#endif
