/* mysql_native_password, seen from the middle: check a client's proof against the stored hash, and
 * with what the proof reveals log in to a server as that client. Source: protocol page
 * "mysql_native_password plugin" and measured on MariaDB 10.11.
 *
 *     stage1 = SHA1(password), stored = SHA1(stage1)
 *     proof  = stage1 XOR SHA1(salt, stored)
 *
 * stage1 is as good as the password to a server: wipe it (memory_wipe) when done, never log it. */
#ifndef CAUSEWAY_PROTO_AUTH_NATIVE_H
#define CAUSEWAY_PROTO_AUTH_NATIVE_H

#include "proxy/base/bytes.h"
#include "proxy/proto/handshake.h"

enum { NATIVE_HASH_BYTES = 20 };
#define NATIVE_PLUGIN "mysql_native_password"

/* "*" and 40 hex digits, as stored by a server -> 20 bytes; -EINVAL for anything else. */
int native_hash_parse(struct span text, uint8_t stored[NATIVE_HASH_BYTES]);

/* True when `proof` answers `salt` for `stored`; then stage1 is filled in. Constant time. */
bool native_verify(struct span proof, const uint8_t salt[SALT_BYTES],
                   const uint8_t stored[NATIVE_HASH_BYTES], uint8_t stage1[NATIVE_HASH_BYTES]);

/* The proof for a server's salt. */
void native_prove(const uint8_t stage1[NATIVE_HASH_BYTES], const uint8_t salt[SALT_BYTES],
                  uint8_t proof[NATIVE_HASH_BYTES]);

/* stage1 of a password in clear text (the service account, the console). */
void native_stage1(struct span password, uint8_t stage1[NATIVE_HASH_BYTES]);
/* stored = SHA1(stage1). */
void native_stored(const uint8_t stage1[NATIVE_HASH_BYTES], uint8_t stored[NATIVE_HASH_BYTES]);

#endif
