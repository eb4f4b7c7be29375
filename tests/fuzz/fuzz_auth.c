/* Fuzzes what a login is judged by: the hash of an account, as servers store it, and the proof of a
 * client. The first byte chooses the plugin, then come a nonce, the length of the stored text, that
 * text, and the proof. A proof that holds must reveal what it promises, and no input do harm. */
#include "proxy/proto/auth_plugin.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { NONCE_BYTES = AUTH_NONCE_MAX_BYTES };

static const char *const accounts[] = {"mysql_native_password", "ed25519", "",
                                       "caching_sha2_password", "sha256_password"};

/* A proof that holds reveals, where it does, what makes proofs for other nonces. */
static void check_revealed(const struct auth_plugin *plugin, const struct auth_secret *secret,
                           const uint8_t *stored)
{
    uint8_t nonce[NONCE_BYTES];
    struct auth_secret again = {0};
    struct buf proof = {0};
    auth_nonce(nonce, plugin->nonce_bytes);
    if (secret->has_stage1) {
        int error = plugin->prove(secret, nonce, &proof);
        assert(!error && plugin->check(buf_span(&proof), nonce, stored, &again));
        assert(again.has_stage1);
    }
    buf_free(&proof);
    auth_secret_free(&again);
}

/* The proof for a password fits the plugin's lengths, and no other account's hash. */
static void check_password(const struct auth_plugin *plugin, struct span password,
                           const uint8_t *nonce, const uint8_t *stored, bool usable)
{
    struct auth_secret secret = {0};
    struct auth_secret revealed = {0};
    struct buf proof = {0};
    auth_secret_set_password(&secret, password);
    int error = plugin->prove(&secret, nonce, &proof);
    assert(!error && (proof.len == 0 || !plugin->proof_bytes || proof.len == plugin->proof_bytes));
    if (usable && plugin->check(buf_span(&proof), nonce, stored, &revealed))
        check_revealed(plugin, &revealed, stored);
    buf_free(&proof);
    auth_secret_free(&secret);
    auth_secret_free(&revealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2 + NONCE_BYTES)
        return 0;
    const char *name = accounts[data[0] % (sizeof(accounts) / sizeof(accounts[0]))];
    const struct auth_plugin *plugin = auth_plugin_of_account(span_text(name));
    assert(plugin && auth_plugin_of_client(span_text(plugin->client)) == plugin);
    const uint8_t *nonce = data + 1;
    struct span rest = span_of(data + 2 + NONCE_BYTES, len - 2 - NONCE_BYTES);
    size_t text_len = data[1 + NONCE_BYTES] < rest.len ? data[1 + NONCE_BYTES] : rest.len;
    struct span text = span_of(rest.data, text_len);
    struct span proof = span_of(rest.data + text_len, rest.len - text_len);
    uint8_t stored[AUTH_STORED_MAX_BYTES] = {0};
    struct auth_secret secret = {0};
    bool usable = plugin->parse(text, stored) == 0;
    if (usable && plugin->check(proof, nonce, stored, &secret))
        check_revealed(plugin, &secret, stored);
    check_password(plugin, proof, nonce, stored, usable);
    auth_secret_free(&secret);
    /* Names come from accounts and servers as they are. */
    (void)auth_plugin_of_account(text);
    (void)auth_plugin_of_client(text);
    return 0;
}
