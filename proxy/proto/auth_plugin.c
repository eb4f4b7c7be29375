/* The table of plugins: see auth_plugin.h. */
#include "proxy/proto/auth_plugin.h"

#include "proxy/base/memory.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <strings.h>

/* --- secrets --- */

void auth_secret_set_password(struct auth_secret *secret, struct span password)
{
    secret->password = memory_strndup(password.data, password.len);
    secret->password_len = password.len;
}

void auth_secret_copy(struct auth_secret *to, const struct auth_secret *from)
{
    *to = *from;
    if (from->password)
        to->password = memory_strndup(from->password, from->password_len);
}

void auth_secret_free(struct auth_secret *secret)
{
    if (secret->password)
        memory_wipe(secret->password, secret->password_len);
    free(secret->password);
    memory_wipe(secret, sizeof(*secret));
}

static struct span password_of(const struct auth_secret *secret)
{
    return span_of(secret->password, secret->password_len);
}

bool auth_secret_equal(const struct auth_secret *a, const struct auth_secret *b)
{
    return a->has_stage1 == b->has_stage1 && !a->password == !b->password &&
           CRYPTO_memcmp(a->stage1, b->stage1, sizeof(a->stage1)) == 0 &&
           a->password_len == b->password_len &&
           (!a->password || CRYPTO_memcmp(a->password, b->password, a->password_len) == 0);
}

void auth_nonce(uint8_t *nonce, size_t len)
{
    /* Without random numbers a login could be replayed: no way on. */
    if (RAND_bytes(nonce, (int)len) != 1)
        abort();
    for (size_t i = 0; i < len; i++) {
        nonce[i] &= 0x7f;
        if (nonce[i] == '\0' || nonce[i] == '$')
            nonce[i]++;
    }
}

/* --- mysql_native_password --- */

/* An account without a password has no hash: the byte behind it tells. */
enum { NATIVE_HAS_HASH = NATIVE_HASH_BYTES };

static int native_parse(struct span text, uint8_t stored[AUTH_STORED_MAX_BYTES])
{
    stored[NATIVE_HAS_HASH] = text.len > 0;
    return text.len == 0 ? 0 : native_hash_parse(text, stored);
}

static bool native_check(struct span proof, const uint8_t *nonce, const uint8_t *stored,
                         struct auth_secret *secret)
{
    if (!stored[NATIVE_HAS_HASH])
        return proof.len == 0;
    secret->has_stage1 = native_verify(proof, nonce, stored, secret->stage1);
    return secret->has_stage1;
}

static int native_make(const struct auth_secret *secret, const uint8_t *nonce, struct buf *out)
{
    uint8_t stage1[NATIVE_HASH_BYTES];
    uint8_t proof[NATIVE_HASH_BYTES];
    if (!secret->has_stage1 && secret->password_len == 0)
        return 0; /* without a password the proof is empty */
    if (secret->has_stage1)
        memcpy(stage1, secret->stage1, sizeof(stage1));
    else
        native_stage1(password_of(secret), stage1);
    native_prove(stage1, nonce, proof);
    buf_append(out, proof, sizeof(proof));
    memory_wipe(stage1, sizeof(stage1));
    memory_wipe(proof, sizeof(proof));
    return 0;
}

const struct auth_plugin auth_native_plugin = {
    .name = NATIVE_PLUGIN,
    .client = NATIVE_PLUGIN,
    .nonce_bytes = SALT_BYTES,
    .proof_bytes = NATIVE_HASH_BYTES,
    .renews = true,
    .counts_empty = true,
    .parse = native_parse,
    .check = native_check,
    .prove = native_make,
};

/* --- ed25519 --- */

static bool ed25519_check(struct span proof, const uint8_t *nonce, const uint8_t *stored,
                          struct auth_secret *secret)
{
    (void)secret; /* a signature reveals nothing */
    return ed25519_verify(proof, nonce, stored);
}

static int ed25519_make(const struct auth_secret *secret, const uint8_t *nonce, struct buf *out)
{
    uint8_t proof[ED25519_SIGNATURE_BYTES];
    if (!secret->password)
        return -ENOKEY;
    ed25519_sign(password_of(secret), nonce, proof);
    buf_append(out, proof, sizeof(proof));
    return 0;
}

static const struct auth_plugin ed25519_plugin = {
    .name = "ed25519",
    .client = "client_ed25519",
    .nonce_bytes = ED25519_NONCE_BYTES,
    .proof_bytes = ED25519_SIGNATURE_BYTES,
    .parse = ed25519_key_parse,
    .check = ed25519_check,
    .prove = ed25519_make,
};

/* --- the table --- */

static const struct auth_plugin *const plugins[] = {&auth_native_plugin, &ed25519_plugin,
                                                    &auth_caching_sha2_plugin, &auth_sha256_plugin};

const struct auth_plugin *auth_plugin_of_account(struct span name)
{
    if (name.len == 0)
        return &auth_native_plugin;
    for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++)
        if (strlen(plugins[i]->name) == name.len &&
            strncasecmp(plugins[i]->name, (const char *)name.data, name.len) == 0)
            return plugins[i];
    return NULL;
}

const struct auth_plugin *auth_plugin_of_client(struct span name)
{
    for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++)
        if (span_equal(span_text(plugins[i]->client), name))
            return plugins[i];
    return NULL;
}
