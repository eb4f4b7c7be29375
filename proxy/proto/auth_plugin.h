/* The ways to prove who one is, as a table of plugins: what an account of a server names, what a
 * client is asked for, how a proof is checked and how one is made. Pure functions over bytes. */
#ifndef CAUSEWAY_PROTO_AUTH_PLUGIN_H
#define CAUSEWAY_PROTO_AUTH_PLUGIN_H

#include "proxy/base/buf.h"
#include "proxy/proto/auth_ed25519.h"
#include "proxy/proto/auth_native.h"
#include "proxy/proto/auth_sha2.h"

enum {
    AUTH_STORED_MAX_BYTES = SHA2_STORED_BYTES,
    AUTH_NONCE_MAX_BYTES = 32,
    AUTH_PROOF_MAX_BYTES = SHA2_PASSWORD_MAX_BYTES + 1, /* a password and its NUL */
};

/* What is known of a client's secret: as good as the password. Wipe with auth_secret_free(). */
struct auth_secret {
    bool has_stage1;
    uint8_t stage1[NATIVE_HASH_BYTES]; /* of the native plugin */
    char *password;                    /* NULL: not known */
    size_t password_len;
};

void auth_secret_set_password(struct auth_secret *secret, struct span password);
void auth_secret_copy(struct auth_secret *to, const struct auth_secret *from);
void auth_secret_free(struct auth_secret *secret);
bool auth_secret_equal(const struct auth_secret *a, const struct auth_secret *b);

struct auth_plugin {
    const char *name;   /* as an account names it */
    const char *client; /* as a client is asked for it */
    size_t nonce_bytes;
    size_t proof_bytes;  /* of a proof that is not empty; 0: of any length */
    bool renews;         /* a proof reveals what another server takes */
    bool counts_empty;   /* an empty answer is "no password" in the words of a refusal */
    bool takes_password; /* the proof is the password itself: nobody may listen */
    /* caching_sha2_password: what the client is asked for where a proof that is not empty does not
     * hold, without another AuthSwitch … */
    const struct auth_plugin *full;
    /* … and the payloads that ask for it, or tell the client that the short proof holds. */
    const char *question;
    const char *notice;
    /* The text of an account -> what check() needs; -EINVAL when no proof can be right for it. */
    int (*parse)(struct span text, uint8_t stored[AUTH_STORED_MAX_BYTES]);
    /* True when `proof` answers `nonce`; what it reveals goes into `secret`. With `full`, what is
     * known of the secret must be there before. */
    bool (*check)(struct span proof, const uint8_t *nonce, const uint8_t *stored,
                  struct auth_secret *secret);
    /* Appends the proof for a server's nonce; -ENOKEY when the secret can't make one. */
    int (*prove)(const struct auth_secret *secret, const uint8_t *nonce, struct buf *out);
};

extern const struct auth_plugin auth_native_plugin;
extern const struct auth_plugin auth_caching_sha2_plugin;
extern const struct auth_plugin auth_sha256_plugin;

/* By the name of an account's plugin (letter case does not matter; empty: native) or by the
 * client's; NULL: not one that Causeway can check and make proofs for. */
const struct auth_plugin *auth_plugin_of_account(struct span name);
const struct auth_plugin *auth_plugin_of_client(struct span name);

/* Random bytes without NUL and '$', as servers make them. */
void auth_nonce(uint8_t *nonce, size_t len);

#endif
