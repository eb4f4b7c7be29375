/* MySQL's two plugins in the table: see auth_plugin.h, and auth_sha2.h for the arithmetic. */
#include "proxy/base/memory.h"
#include "proxy/proto/auth_plugin.h"

#include <errno.h>
#include <openssl/crypto.h>

static struct span password_of(const struct auth_secret *secret)
{
    return span_of(secret->password, secret->password_len);
}

/* The password and its NUL. */
static bool check_password(struct span proof, const uint8_t *nonce, const uint8_t *stored,
                           struct auth_secret *secret)
{
    (void)nonce;
    if (proof.len > 0 && proof.data[proof.len - 1] != 0)
        return false;
    struct span password = span_of(proof.data, proof.len ? proof.len - 1 : 0);
    if (!sha2_password_fits(password, stored))
        return false;
    if (!secret->password)
        auth_secret_set_password(secret, password);
    return true;
}

/* A proof that only a password of `secret` can tell to be right, which fits what is stored. */
static bool check_short(struct span proof, const uint8_t *nonce, const uint8_t *stored,
                        struct auth_secret *secret)
{
    uint8_t right[SHA2_PROOF_BYTES];
    if (proof.len == 0)
        return sha2_password_fits(span_of(NULL, 0), stored);
    if (!secret->password || proof.len != sizeof(right))
        return false;
    sha2_prove(password_of(secret), nonce, right);
    return CRYPTO_memcmp(proof.data, right, sizeof(right)) == 0;
}

static int make_short(const struct auth_secret *secret, const uint8_t *nonce, struct buf *out)
{
    uint8_t proof[SHA2_PROOF_BYTES];
    if (!secret->password)
        return secret->has_stage1 ? -ENOKEY : 0; /* without a password the proof is empty */
    if (secret->password_len == 0)
        return 0;
    sha2_prove(password_of(secret), nonce, proof);
    buf_append(out, proof, sizeof(proof));
    return 0;
}

static int make_password(const struct auth_secret *secret, const uint8_t *nonce, struct buf *out)
{
    (void)nonce;
    if (!secret->password && secret->has_stage1)
        return -ENOKEY;
    buf_append_span(out, password_of(secret));
    buf_append_u8(out, 0);
    return 0;
}

static const struct auth_plugin caching_sha2_full_plugin = {
    .name = "caching_sha2_password",
    .client = "caching_sha2_password",
    .nonce_bytes = SHA2_NONCE_BYTES,
    .renews = true,
    .counts_empty = true,
    .takes_password = true,
    .question = "\x01\x04",
    .parse = sha2_stored_parse,
    .check = check_password,
    .prove = make_password,
};

const struct auth_plugin auth_caching_sha2_plugin = {
    .name = "caching_sha2_password",
    .client = "caching_sha2_password",
    .nonce_bytes = SHA2_NONCE_BYTES,
    .proof_bytes = SHA2_PROOF_BYTES,
    .renews = true,
    .counts_empty = true,
    .full = &caching_sha2_full_plugin,
    .notice = "\x01\x03",
    .parse = sha2_stored_parse,
    .check = check_short,
    .prove = make_short,
};

const struct auth_plugin auth_sha256_plugin = {
    .name = "sha256_password",
    .client = "sha256_password",
    .nonce_bytes = SHA2_NONCE_BYTES,
    .renews = true,
    .counts_empty = true,
    .takes_password = true,
    .parse = sha2_stored_parse,
    .check = check_password,
    .prove = make_password,
};
