/* The arithmetic of MySQL's plugins, held to what others have published. */
#include "proxy/base/memory.h"
#include "proxy/proto/auth_plugin.h"

#include <check.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

/* hashcat's example for its mode 7401, MySQL $A$; the password is "hashcat". */
static const char example[] = "$A$005$\xF9\xCC\x98\xCE\x08\x89)$\xF5\x0A!;k\xC5q\xA2\xC1\x17x\xC5"
                              "bTy95Y99eAME1dwEkHOA1ndHGBWz.1bxSSRkuTXFGV/";
#define SALT   "abcdefghijklmnopqrst"
#define DIGEST "bTy95Y99eAME1dwEkHOA1ndHGBWz.1bxSSRkuTXFGV/"

START_TEST(a_published_password_fits_its_digest)
{
    uint8_t stored[SHA2_STORED_BYTES];
    ck_assert_int_eq(sha2_stored_parse(span_text(example), stored), 0);
    ck_assert(sha2_password_fits(span_text("hashcat"), stored));
    ck_assert(!sha2_password_fits(span_text("hashcau"), stored));
    ck_assert(!sha2_password_fits(span_text("hashca"), stored));
    ck_assert(!sha2_password_fits(span_text(""), stored));
    char longest[SHA2_PASSWORD_MAX_BYTES + 1];
    memset(longest, 'x', sizeof(longest));
    ck_assert(!sha2_password_fits(span_of(longest, sizeof(longest)), stored));
}
END_TEST

static const struct {
    const char *text;
    int rounds; /* thousands; 0: none can fit */
} texts[] = {
    {"$A$005$" SALT DIGEST, 5},
    {"$A$014$" SALT DIGEST, 20},
    {"$A$00a$" SALT DIGEST, 10},
    {"$A$015$" SALT DIGEST, 0}, /* takes too long */
    {"$A$FFF$" SALT DIGEST, 0},
    {"$A$000$" SALT DIGEST, 0},
    {"$A$00g$" SALT DIGEST, 0},
    {"$A$005$" SALT DIGEST "/", 0},
    {"$A$005$" SALT "$" DIGEST, 0},
    {"$A$005$", 0},
    {"$A$005", 0},
    {"$5$" SALT "$" DIGEST, 5},
    {"$5$" SALT "." DIGEST, 0},
    {"$5$" SALT DIGEST, 0},
    {"$5$", 0},
    {"$6$" SALT "$" DIGEST, 0},
    {"$A$005$" SALT "bTy95Y99eAME1dwEkHOA1ndHGBWz.1bxSSRkuTXFGV=", 0},
    {"*667F407DE7C6AD07358FA38DAED7828A72014B4E", 0},
};

START_TEST(what_servers_store_is_read_and_nothing_else)
{
    uint8_t stored[SHA2_STORED_BYTES];
    int error = sha2_stored_parse(span_text(texts[_i].text), stored);
    ck_assert_int_eq(error, texts[_i].rounds ? 0 : -EINVAL);
    if (!error)
        ck_assert_int_eq(stored[0], texts[_i].rounds);
}
END_TEST

START_TEST(no_text_is_no_password)
{
    uint8_t stored[SHA2_STORED_BYTES];
    ck_assert_int_eq(sha2_stored_parse(span_text(""), stored), 0);
    ck_assert(sha2_password_fits(span_text(""), stored));
    ck_assert(!sha2_password_fits(span_text("x"), stored));
}
END_TEST

/* From the tests of go-sql-driver/mysql (auth_test.go). */
static const uint8_t nonce[SHA2_NONCE_BYTES] = {90,  105, 74, 126, 30, 48, 37, 56,  3,  23,
                                                115, 127, 69, 22,  41, 84, 32, 123, 43, 118};
static const uint8_t proof[SHA2_PROOF_BYTES] = {
    102, 32,  5,   35, 143, 161, 140, 241, 171, 232, 56,  139, 43, 14, 107, 196,
    249, 170, 147, 60, 220, 204, 120, 178, 214, 15,  184, 150, 26, 61, 57,  235};

START_TEST(the_short_proof_is_that_of_a_published_client)
{
    uint8_t made[SHA2_PROOF_BYTES];
    sha2_prove(span_text("secret"), nonce, made);
    ck_assert_mem_eq(made, proof, sizeof(proof));
}
END_TEST

/* With nothing known no short proof holds, however it was made. */
START_TEST(a_short_proof_is_checked_with_a_known_password)
{
    const struct auth_plugin *plugin = &auth_caching_sha2_plugin;
    uint8_t stored[AUTH_STORED_MAX_BYTES];
    struct auth_secret secret = {0};
    struct span said = span_of(proof, sizeof(proof));
    ck_assert_int_eq(plugin->parse(span_text("$A$005$" SALT DIGEST), stored), 0);
    ck_assert(!plugin->check(said, nonce, stored, &secret));
    ck_assert(!plugin->check(span_text(""), nonce, stored, &secret));
    auth_secret_set_password(&secret, span_text("secret"));
    ck_assert(plugin->check(said, nonce, stored, &secret));
    ck_assert(!plugin->check(span_of(proof, 31), nonce, stored, &secret));
    ck_assert(!plugin->check(said, proof, stored, &secret));
    auth_secret_free(&secret);
}
END_TEST

START_TEST(a_full_proof_ends_with_nul_and_reveals_the_password)
{
    uint8_t stored[AUTH_STORED_MAX_BYTES];
    struct auth_secret secret = {0};
    const struct auth_plugin *plugin = auth_caching_sha2_plugin.full;
    ck_assert_int_eq(plugin->parse(span_text(example), stored), 0);
    ck_assert(!plugin->check(span_of("hashcat", 7), nonce, stored, &secret));
    ck_assert(!plugin->check(span_of("hashcaT", 8), nonce, stored, &secret));
    ck_assert_ptr_null(secret.password);
    ck_assert(plugin->check(span_of("hashcat", 8), nonce, stored, &secret));
    ck_assert_uint_eq(secret.password_len, 7);
    auth_secret_free(&secret);
}
END_TEST

/* --- encrypted for a server --- */

static struct span pem_of(EVP_PKEY *key, BIO *bio)
{
    char *text;
    ck_assert_int_eq(PEM_write_bio_PUBKEY(bio, key), 1);
    long len = BIO_get_mem_data(bio, &text);
    return span_of(text, (size_t)len);
}

START_TEST(a_server_reads_what_was_encrypted_for_it)
{
    EVP_PKEY *key = EVP_RSA_gen(1024);
    BIO *bio = BIO_new(BIO_s_mem());
    struct span pem = pem_of(key, bio);
    struct buf out = {0};
    ck_assert_int_eq(sha2_encrypt(span_text("a password of 25 letters!"), nonce, pem, &out), 0);
    uint8_t plain[128];
    size_t len = sizeof(plain);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    ck_assert_int_eq(EVP_PKEY_decrypt_init(context), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
    ck_assert_int_eq(EVP_PKEY_decrypt(context, plain, &len, out.data, out.len), 1);
    for (size_t i = 0; i < len; i++)
        plain[i] ^= nonce[i % sizeof(nonce)];
    ck_assert_uint_eq(len, 26);
    ck_assert_str_eq((const char *)plain, "a password of 25 letters!");
    out.len = 0;
    char longer[100] = {0};
    memset(longer, 'x', 86);
    ck_assert_int_eq(sha2_encrypt(span_text(longer), nonce, pem, &out), -EMSGSIZE);
    ck_assert_int_eq(sha2_encrypt(span_of(longer, 85), nonce, pem, &out), 0);
    buf_free(&out);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(bio);
}
END_TEST

START_TEST(what_is_no_key_is_refused)
{
    EVP_PKEY *curve = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    struct buf out = {0};
    ck_assert_int_eq(sha2_encrypt(span_text("x"), nonce, pem_of(curve, bio), &out), -EINVAL);
    ck_assert_int_eq(sha2_encrypt(span_text("x"), nonce, span_text("no key"), &out), -EINVAL);
    ck_assert_int_eq(sha2_encrypt(span_text("x"), nonce, span_of(NULL, 0), &out), -EINVAL);
    ck_assert_uint_eq(out.len, 0);
    EVP_PKEY_free(curve);
    BIO_free(bio);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth_sha2");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_published_password_fits_its_digest);
    tcase_add_loop_test(tests, what_servers_store_is_read_and_nothing_else, 0,
                        (int)(sizeof(texts) / sizeof(texts[0])));
    tcase_add_test(tests, no_text_is_no_password);
    tcase_add_test(tests, the_short_proof_is_that_of_a_published_client);
    tcase_add_test(tests, a_short_proof_is_checked_with_a_known_password);
    tcase_add_test(tests, a_full_proof_ends_with_nul_and_reveals_the_password);
    tcase_add_test(tests, a_server_reads_what_was_encrypted_for_it);
    tcase_add_test(tests, what_is_no_key_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
