/* The arithmetic of caching_sha2_password and sha256_password. Sources: protocol page
 * "caching_sha2_password authentication plugin"; server source sql/auth/sha2_password.cc and
 * mysys/crypt_genhash_impl.cc (MySQL 8.0); "Unix crypt using SHA-256 and SHA-512" (U. Drepper).
 *
 *     the server stores $A$005$, salt, digest: SHA-crypt of the password, 0x005 times 1000 rounds,
 *     with a salt of 20 bytes instead of at most 16; sha256_password stores $5$, salt, $, digest
 *     short proof: SHA256(password) XOR SHA256(SHA256(SHA256(password)), nonce)
 *     full proof: the password itself, over TLS, or encrypted with the server's RSA key
 *
 * The digest can't check a short proof: that takes the password from an earlier full one. */
#ifndef CAUSEWAY_PROTO_AUTH_SHA2_H
#define CAUSEWAY_PROTO_AUTH_SHA2_H

#include "proxy/base/buf.h"

enum {
    SHA2_PROOF_BYTES = 32,
    SHA2_SALT_BYTES = 20,
    SHA2_NONCE_BYTES = 20,
    SHA2_DIGEST_CHARACTERS = 43,
    SHA2_STORED_BYTES = 1 + SHA2_SALT_BYTES + SHA2_DIGEST_CHARACTERS,
    SHA2_PASSWORD_MAX_BYTES = 256, /* servers take no longer one */
    SHA2_ROUNDS_MAX = 20000,       /* about 10 ms; an account with more is not checked here */
};

/* As stored by a server, of either plugin -> thousands of rounds (0: the account has no password),
 * salt, digest. -EINVAL for anything else, and for more rounds than SHA2_ROUNDS_MAX. */
int sha2_stored_parse(struct span text, uint8_t stored[SHA2_STORED_BYTES]);
/* Whether that is the password of the account; takes milliseconds. */
bool sha2_password_fits(struct span password, const uint8_t stored[SHA2_STORED_BYTES]);

/* The short proof of caching_sha2_password. */
void sha2_prove(struct span password, const uint8_t nonce[SHA2_NONCE_BYTES],
                uint8_t proof[SHA2_PROOF_BYTES]);

/* Appends the full proof for a server that can be listened to: the password encrypted (RSA, OAEP)
 * with the server's public key, a PEM text. -EINVAL: that is no such key; -EMSGSIZE: the password
 * is longer than the key can take. */
int sha2_encrypt(struct span password, const uint8_t nonce[SHA2_NONCE_BYTES], struct span key,
                 struct buf *out);

#endif
