/* Passwords that clients have shown or proxy.ini holds, each known to fit what a server stores for
 * an account of caching_sha2_password: as the cache of such a server, which the short proofs of
 * later logins are checked with. One table for all workers behind a mutex, which only logins take.
 */
#ifndef CAUSEWAY_PROXY_PASSWORDS_H
#define CAUSEWAY_PROXY_PASSWORDS_H

#include "router/accounts.h"

struct passwords;

struct passwords *passwords_new(void);
/* Wipes them all. */
void passwords_free(struct passwords *passwords);

/* The password of an account with that stored text, copied into `secret`; false: it is not known.
 */
bool passwords_find(struct passwords *passwords, const uint8_t stored[AUTH_STORED_MAX_BYTES],
                    struct auth_secret *secret);
/* Remembers the password of `secret`; the oldest is forgotten when there are too many. */
void passwords_add(struct passwords *passwords, const uint8_t stored[AUTH_STORED_MAX_BYTES],
                   const struct auth_secret *secret);
/* Forgets those that are no account's any more. */
void passwords_sweep(struct passwords *passwords, const struct accounts *accounts);

#endif
