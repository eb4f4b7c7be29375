/* caching_sha2_password and sha256_password: see auth_sha2.h. */
#include "proxy/proto/auth_sha2.h"

#include "proxy/base/memory.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

_Static_assert((int)SHA2_PROOF_BYTES == SHA256_DIGEST_LENGTH, "the hash is SHA-256");

enum { HASH_BYTES = SHA256_DIGEST_LENGTH, SHA256_PASSWORD_THOUSANDS = 5, KEY_BITS_MAX = 8192 };

/* --- what a server stores --- */

static bool is_digest(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        uint8_t lower = c | 0x20;
        if (!(c >= '.' && c <= '9') && !(lower >= 'a' && lower <= 'z'))
            return false;
    }
    return text.len == SHA2_DIGEST_CHARACTERS;
}

/* The three hexadecimal digits of $A$: thousands of rounds; -1 when they are none. */
static int thousands(const uint8_t *digits)
{
    int value = 0;
    for (int i = 0; i < 3; i++) {
        uint8_t lower = digits[i] | 0x20;
        if (digits[i] >= '0' && digits[i] <= '9')
            value = value * 16 + digits[i] - '0';
        else if (lower >= 'a' && lower <= 'f')
            value = value * 16 + lower - 'a' + 10;
        else
            return -1;
    }
    return value;
}

int sha2_stored_parse(struct span text, uint8_t stored[SHA2_STORED_BYTES])
{
    enum { CACHING_HEAD = 7, SHA256_HEAD = 3 };
    memset(stored, 0, SHA2_STORED_BYTES);
    if (text.len == 0)
        return 0;
    int rounds = SHA256_PASSWORD_THOUSANDS;
    size_t head = SHA256_HEAD;
    size_t between = 1; /* the $ ahead of the digest */
    if (text.len > CACHING_HEAD && memcmp(text.data, "$A$", 3) == 0 && text.data[6] == '$') {
        rounds = thousands(text.data + 3);
        head = CACHING_HEAD;
        between = 0;
    } else if (text.len <= SHA256_HEAD || memcmp(text.data, "$5$", 3) != 0) {
        return -EINVAL;
    }
    if (rounds <= 0 || rounds * 1000 > SHA2_ROUNDS_MAX ||
        text.len != head + SHA2_SALT_BYTES + between + SHA2_DIGEST_CHARACTERS ||
        (between && text.data[head + SHA2_SALT_BYTES] != '$'))
        return -EINVAL;
    const uint8_t *digest = text.data + head + SHA2_SALT_BYTES + between;
    if (!is_digest(span_of(digest, SHA2_DIGEST_CHARACTERS)))
        return -EINVAL;
    stored[0] = (uint8_t)rounds;
    memcpy(stored + 1, text.data + head, SHA2_SALT_BYTES);
    memcpy(stored + 1 + SHA2_SALT_BYTES, digest, SHA2_DIGEST_CHARACTERS);
    return 0;
}

/* --- SHA-crypt; the names of its steps are those of the specification --- */

static void hash_and_wipe(struct buf *in, uint8_t hash[HASH_BYTES])
{
    SHA256(in->data, in->len, hash);
    memory_wipe(in->data, in->len);
    in->len = 0;
}

/* Appends the hash again and again, `len` bytes in all. */
static void append_cycled(struct buf *out, const uint8_t hash[HASH_BYTES], size_t len)
{
    for (; len > HASH_BYTES; len -= HASH_BYTES)
        buf_append(out, hash, HASH_BYTES);
    buf_append(out, hash, len);
}

/* Steps 1 to 12: the digest that the rounds begin with. */
static void digest_a(struct span password, struct span salt, struct buf *work,
                     uint8_t a[HASH_BYTES])
{
    uint8_t b[HASH_BYTES];
    buf_append_span(work, password);
    buf_append_span(work, salt);
    buf_append_span(work, password);
    hash_and_wipe(work, b);
    buf_append_span(work, password);
    buf_append_span(work, salt);
    append_cycled(work, b, password.len);
    for (size_t bits = password.len; bits > 0; bits >>= 1)
        buf_append_span(work, bits & 1 ? span_of(b, HASH_BYTES) : password);
    hash_and_wipe(work, a);
    memory_wipe(b, sizeof(b));
}

/* Steps 13 to 20: the sequences P, as long as the password, and S, as long as the salt. */
static void sequences(struct span password, struct span salt, const uint8_t a[HASH_BYTES],
                      struct buf *work, struct buf *p, uint8_t s[SHA2_SALT_BYTES])
{
    uint8_t hash[HASH_BYTES];
    for (size_t i = 0; i < password.len; i++)
        buf_append_span(work, password);
    hash_and_wipe(work, hash);
    append_cycled(p, hash, password.len);
    for (size_t i = 0; i < 16u + a[0]; i++)
        buf_append_span(work, salt);
    hash_and_wipe(work, hash);
    memcpy(s, hash, SHA2_SALT_BYTES);
    memory_wipe(hash, sizeof(hash));
}

/* Step 22: the hash in the order and the 64 characters of crypt(3), low bits first. */
static void digest_text(const uint8_t hash[HASH_BYTES], uint8_t text[SHA2_DIGEST_CHARACTERS])
{
    static const char characters[] =
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t at = 0;
    for (unsigned group = 0, first = 0; group < 10; group++, first = (first + 21) % 30) {
        uint32_t three = (uint32_t)hash[first] << 16 | (uint32_t)hash[(first + 10) % 30] << 8 |
                         hash[(first + 20) % 30];
        for (int i = 0; i < 4; i++, three >>= 6)
            text[at++] = (uint8_t)characters[three & 63];
    }
    uint32_t last = (uint32_t)hash[31] << 8 | hash[30];
    for (; at < SHA2_DIGEST_CHARACTERS; last >>= 6)
        text[at++] = (uint8_t)characters[last & 63];
}

/* Step 21. */
static void run_rounds(unsigned rounds, uint8_t a[HASH_BYTES], struct span p, struct span s,
                       struct buf *work)
{
    struct span digest = span_of(a, HASH_BYTES);
    for (unsigned i = 0; i < rounds; i++) {
        work->len = 0;
        buf_append_span(work, i & 1 ? p : digest);
        if (i % 3)
            buf_append_span(work, s);
        if (i % 7)
            buf_append_span(work, p);
        buf_append_span(work, i & 1 ? digest : p);
        SHA256(work->data, work->len, a);
    }
}

bool sha2_password_fits(struct span password, const uint8_t stored[SHA2_STORED_BYTES])
{
    if (stored[0] == 0 || password.len > SHA2_PASSWORD_MAX_BYTES)
        return stored[0] == 0 && password.len == 0;
    struct span salt = span_of(stored + 1, SHA2_SALT_BYTES);
    uint8_t a[HASH_BYTES];
    uint8_t s[SHA2_SALT_BYTES];
    uint8_t text[SHA2_DIGEST_CHARACTERS];
    struct buf work = {0};
    struct buf p = {0};
    digest_a(password, salt, &work, a);
    sequences(password, salt, a, &work, &p, s);
    run_rounds(stored[0] * 1000u, a, buf_span(&p), span_of(s, sizeof(s)), &work);
    digest_text(a, text);
    bool fits = CRYPTO_memcmp(text, stored + 1 + SHA2_SALT_BYTES, sizeof(text)) == 0;
    memory_wipe(work.data, work.len);
    memory_wipe(p.data, p.len);
    memory_wipe(a, sizeof(a));
    buf_free(&work);
    buf_free(&p);
    return fits;
}

/* --- proofs --- */

void sha2_prove(struct span password, const uint8_t nonce[SHA2_NONCE_BYTES],
                uint8_t proof[SHA2_PROOF_BYTES])
{
    uint8_t stage1[HASH_BYTES];
    uint8_t both[HASH_BYTES + SHA2_NONCE_BYTES];
    uint8_t mask[HASH_BYTES];
    SHA256(password.data, password.len, stage1);
    SHA256(stage1, sizeof(stage1), both);
    memcpy(both + HASH_BYTES, nonce, SHA2_NONCE_BYTES);
    SHA256(both, sizeof(both), mask);
    for (size_t i = 0; i < sizeof(mask); i++)
        proof[i] = stage1[i] ^ mask[i];
    memory_wipe(stage1, sizeof(stage1));
    memory_wipe(mask, sizeof(mask));
    memory_wipe(both, sizeof(both));
}

static EVP_PKEY *read_key(struct span text)
{
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (key && (EVP_PKEY_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_bits(key) > KEY_BITS_MAX)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

static int encrypt_with(EVP_PKEY *key, struct span plain, struct buf *out)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    size_t len = (size_t)EVP_PKEY_size(key);
    uint8_t *cipher = buf_reserve(out, len);
    bool done = context && EVP_PKEY_encrypt_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
                EVP_PKEY_encrypt(context, cipher, &len, plain.data, plain.len) == 1;
    EVP_PKEY_CTX_free(context);
    if (!done)
        return -EMSGSIZE;
    out->len += len;
    return 0;
}

int sha2_encrypt(struct span password, const uint8_t nonce[SHA2_NONCE_BYTES], struct span key,
                 struct buf *out)
{
    enum { OAEP_BYTES = 2 * 20 + 2 }; /* what the padding takes, with SHA-1 */
    EVP_PKEY *rsa = key.len <= UINT16_MAX ? read_key(key) : NULL;
    if (!rsa)
        return -EINVAL;
    int error = -EMSGSIZE;
    struct buf plain = {0};
    buf_append_span(&plain, password);
    buf_append_u8(&plain, 0);
    for (size_t i = 0; i < plain.len; i++)
        plain.data[i] ^= nonce[i % SHA2_NONCE_BYTES];
    if (plain.len + OAEP_BYTES <= (size_t)EVP_PKEY_size(rsa))
        error = encrypt_with(rsa, buf_span(&plain), out);
    memory_wipe(plain.data, plain.len);
    buf_free(&plain);
    EVP_PKEY_free(rsa);
    return error;
}
