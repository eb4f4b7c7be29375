/* ed25519: see auth_ed25519.h. OpenSSL checks signatures, but makes keys of 32-byte seeds only, so
 * signing is RFC 8032 (5.1.6) with libsodium's arithmetic. */
#include "proxy/proto/auth_ed25519.h"

#include "proxy/base/memory.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sodium/crypto_core_ed25519.h>
#include <sodium/crypto_scalarmult_ed25519.h>
#include <stdlib.h>

enum { KEY_TEXT_LEN = 43, HASH_BYTES = SHA512_DIGEST_LENGTH };

_Static_assert((int)ED25519_KEY_BYTES == (int)crypto_core_ed25519_BYTES, "a point is a key");
_Static_assert((int)ED25519_NONCE_BYTES == (int)ED25519_KEY_BYTES, "both are parts of a hash");
_Static_assert((int)HASH_BYTES == (int)crypto_core_ed25519_NONREDUCEDSCALARBYTES,
               "a hash is reduced to a scalar");

int ed25519_key_parse(struct span text, uint8_t key[ED25519_KEY_BYTES])
{
    uint8_t padded[KEY_TEXT_LEN + 1];
    uint8_t bytes[ED25519_KEY_BYTES + 1];
    if (text.len != KEY_TEXT_LEN)
        return -EINVAL;
    memcpy(padded, text.data, KEY_TEXT_LEN);
    padded[KEY_TEXT_LEN] = '=';
    if (memchr(text.data, '=', text.len) ||
        EVP_DecodeBlock(bytes, padded, sizeof(padded)) != (int)sizeof(bytes))
        return -EINVAL;
    memcpy(key, bytes, ED25519_KEY_BYTES);
    return 0;
}

/* The secret scalar, and the secret that makes the nonces of signatures. */
struct expanded {
    uint8_t scalar[ED25519_KEY_BYTES];
    uint8_t prefix[ED25519_KEY_BYTES];
};

_Static_assert(sizeof(struct expanded) == SHA512_DIGEST_LENGTH, "both come of one hash");

static void expand(struct span password, struct expanded *expanded)
{
    uint8_t digest[SHA512_DIGEST_LENGTH];
    SHA512(password.data, password.len, digest);
    memcpy(expanded, digest, sizeof(*expanded));
    expanded->scalar[0] &= 248;
    expanded->scalar[31] = (expanded->scalar[31] & 63) | 64;
    memory_wipe(digest, sizeof(digest));
}

/* scalar times the base point. It fails for zero alone, which a clamped or hashed scalar is not. */
static void point_of(const uint8_t scalar[ED25519_KEY_BYTES], uint8_t point[ED25519_KEY_BYTES])
{
    if (crypto_scalarmult_ed25519_base_noclamp(point, scalar) != 0)
        abort();
}

/* SHA-512 over `count` parts of 32 bytes each, as a scalar. */
static void hash_scalar(const uint8_t parts[][ED25519_KEY_BYTES], size_t count,
                        uint8_t scalar[ED25519_KEY_BYTES])
{
    uint8_t digest[SHA512_DIGEST_LENGTH];
    SHA512(parts[0], count * ED25519_KEY_BYTES, digest);
    crypto_core_ed25519_scalar_reduce(scalar, digest);
    memory_wipe(digest, sizeof(digest));
}

void ed25519_key_of(struct span password, uint8_t key[ED25519_KEY_BYTES])
{
    struct expanded secret;
    expand(password, &secret);
    point_of(secret.scalar, key);
    memory_wipe(&secret, sizeof(secret));
}

void ed25519_sign(struct span password, const uint8_t nonce[ED25519_NONCE_BYTES],
                  uint8_t proof[ED25519_SIGNATURE_BYTES])
{
    struct expanded secret;
    uint8_t parts[3][ED25519_KEY_BYTES];
    uint8_t r[ED25519_KEY_BYTES];
    uint8_t k[ED25519_KEY_BYTES];
    uint8_t product[ED25519_KEY_BYTES];
    expand(password, &secret);
    memcpy(parts[0], secret.prefix, ED25519_KEY_BYTES);
    memcpy(parts[1], nonce, ED25519_NONCE_BYTES);
    hash_scalar(parts, 2, r);
    point_of(r, proof);
    memcpy(parts[0], proof, ED25519_KEY_BYTES);
    point_of(secret.scalar, parts[1]);
    memcpy(parts[2], nonce, ED25519_NONCE_BYTES);
    hash_scalar(parts, 3, k);
    crypto_core_ed25519_scalar_mul(product, k, secret.scalar);
    crypto_core_ed25519_scalar_add(proof + ED25519_KEY_BYTES, r, product);
    memory_wipe(&secret, sizeof(secret));
    memory_wipe(r, sizeof(r));
    memory_wipe(parts, sizeof(parts));
    memory_wipe(product, sizeof(product));
}

bool ed25519_verify(struct span proof, const uint8_t nonce[ED25519_NONCE_BYTES],
                    const uint8_t key[ED25519_KEY_BYTES])
{
    if (proof.len != ED25519_SIGNATURE_BYTES)
        return false;
    EVP_PKEY *public_key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, ED25519_KEY_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool right = public_key && context &&
                 EVP_DigestVerifyInit(context, NULL, NULL, NULL, public_key) == 1 &&
                 EVP_DigestVerify(context, proof.data, proof.len, nonce, ED25519_NONCE_BYTES) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public_key);
    return right;
}
