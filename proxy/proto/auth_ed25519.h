/* MariaDB's ed25519 plugin. Source: server plugin/auth_ed25519 (an Ed25519 key made of SHA-512 of
 * the password, whatever its length, instead of a seed) and measured on MariaDB 10.11.
 *
 *     the server stores the public key, base64 without padding
 *     nonce: 32 bytes; proof: the signature of the nonce, 64 bytes
 *
 * The stored key checks a proof and makes none: to log in to a server takes the password, or the
 * client itself. */
#ifndef CAUSEWAY_PROTO_AUTH_ED25519_H
#define CAUSEWAY_PROTO_AUTH_ED25519_H

#include "proxy/base/bytes.h"

enum { ED25519_KEY_BYTES = 32, ED25519_NONCE_BYTES = 32, ED25519_SIGNATURE_BYTES = 64 };

/* As stored by a server (43 characters) -> the public key; -EINVAL for anything else. */
int ed25519_key_parse(struct span text, uint8_t key[ED25519_KEY_BYTES]);
/* The public key of a password. */
void ed25519_key_of(struct span password, uint8_t key[ED25519_KEY_BYTES]);

bool ed25519_verify(struct span proof, const uint8_t nonce[ED25519_NONCE_BYTES],
                    const uint8_t key[ED25519_KEY_BYTES]);
void ed25519_sign(struct span password, const uint8_t nonce[ED25519_NONCE_BYTES],
                  uint8_t proof[ED25519_SIGNATURE_BYTES]);

#endif
