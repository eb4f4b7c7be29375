/* mysql_native_password: see auth_native.h. */
#include "proxy/proto/auth_native.h"

#include "proxy/base/memory.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

_Static_assert((int)NATIVE_HASH_BYTES == SHA_DIGEST_LENGTH, "the hash is SHA-1");
_Static_assert((int)NATIVE_HASH_BYTES == (int)SALT_BYTES, "the salt is as long as the hash");

/* The value of a hex digit, -1 when it is none. */
static int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    uint8_t lower = digit | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int native_hash_parse(struct span text, uint8_t stored[NATIVE_HASH_BYTES])
{
    if (text.len != 1 + 2 * NATIVE_HASH_BYTES || text.data[0] != '*')
        return -EINVAL;
    for (size_t i = 0; i < NATIVE_HASH_BYTES; i++) {
        int high = hex_value(text.data[1 + 2 * i]);
        int low = hex_value(text.data[2 + 2 * i]);
        if (high < 0 || low < 0)
            return -EINVAL;
        stored[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

/* out = in XOR SHA1(salt, stored): from stage1 to the proof and, being its own inverse, back. */
static void mask(const uint8_t *in, const uint8_t *salt, const uint8_t *stored, uint8_t *out)
{
    uint8_t both[SALT_BYTES + NATIVE_HASH_BYTES];
    uint8_t digest[NATIVE_HASH_BYTES];
    memcpy(both, salt, SALT_BYTES);
    memcpy(both + SALT_BYTES, stored, NATIVE_HASH_BYTES);
    SHA1(both, sizeof both, digest);
    for (int i = 0; i < NATIVE_HASH_BYTES; i++)
        out[i] = in[i] ^ digest[i];
    memory_wipe(digest, sizeof digest);
}

bool native_verify(struct span proof, const uint8_t salt[SALT_BYTES],
                   const uint8_t stored[NATIVE_HASH_BYTES], uint8_t stage1[NATIVE_HASH_BYTES])
{
    if (proof.len != NATIVE_HASH_BYTES)
        return false;
    uint8_t candidate[NATIVE_HASH_BYTES];
    uint8_t digest[NATIVE_HASH_BYTES];
    mask(proof.data, salt, stored, candidate);
    SHA1(candidate, sizeof candidate, digest);
    bool right = CRYPTO_memcmp(digest, stored, NATIVE_HASH_BYTES) == 0;
    if (right)
        memcpy(stage1, candidate, NATIVE_HASH_BYTES);
    memory_wipe(candidate, sizeof candidate);
    return right;
}

void native_prove(const uint8_t stage1[NATIVE_HASH_BYTES], const uint8_t salt[SALT_BYTES],
                  uint8_t proof[NATIVE_HASH_BYTES])
{
    uint8_t stored[NATIVE_HASH_BYTES];
    native_stored(stage1, stored);
    mask(stage1, salt, stored, proof);
}

void native_stage1(struct span password, uint8_t stage1[NATIVE_HASH_BYTES])
{
    SHA1(password.data, password.len, stage1);
}

void native_stored(const uint8_t stage1[NATIVE_HASH_BYTES], uint8_t stored[NATIVE_HASH_BYTES])
{
    SHA1(stage1, NATIVE_HASH_BYTES, stored);
}
