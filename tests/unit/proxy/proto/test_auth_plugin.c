/* The table of plugins: proofs are checked and made as servers and clients do. */
#include "proxy/proto/auth_plugin.h"

#include <check.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

static const uint8_t nonce[AUTH_NONCE_MAX_BYTES] = "0123456789abcdefghijABCDEFGHIJK";

/* --- ed25519 --- */

/* What servers store: the first is in the MariaDB manual, the second was read from a server. */
static const struct {
    const char *password;
    const char *key;
} stored_keys[] = {
    {"secret", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"},
    {"edpw", "LIEvGDGjHTmKyz3peLRjPqahOct5n6/BQCNm1bOvot4"},
};

START_TEST(an_ed25519_key_is_that_of_the_server)
{
    uint8_t stored[ED25519_KEY_BYTES], key[ED25519_KEY_BYTES];
    ck_assert_int_eq(ed25519_key_parse(span_text(stored_keys[_i].key), stored), 0);
    ed25519_key_of(span_text(stored_keys[_i].password), key);
    ck_assert_mem_eq(key, stored, sizeof key);
}
END_TEST

START_TEST(what_is_no_ed25519_key_is_refused)
{
    static const char *const texts[] = {
        "",
        "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJ",
        "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJYY",
        "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJ=",
        "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4Y\"Y",
        "*667F407DE7C6AD07358FA38DAED7828A72014B4E",
    };
    uint8_t key[ED25519_KEY_BYTES];
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_int_eq(ed25519_key_parse(span_text(texts[i]), key), -EINVAL);
}
END_TEST

/* RFC 8032, 7.1: secret keys of 32 bytes, whose SHA-512 is used as that of a password is here. */
static const struct {
    uint8_t seed[ED25519_KEY_BYTES];
    uint8_t key[ED25519_KEY_BYTES];
} published[] = {
    {{0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
      0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
      0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60},
     {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
      0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
      0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a}},
    {{0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3,
      0x46, 0xec, 0x11, 0x4e, 0x0f, 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab,
      0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb},
     {0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a,
      0xa7, 0x4d, 0x1b, 0x7e, 0xbc, 0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4,
      0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c}},
};

START_TEST(ed25519_is_that_of_the_standard)
{
    const struct span seed = span_of(published[_i].seed, ED25519_KEY_BYTES);
    uint8_t key[ED25519_KEY_BYTES], made[ED25519_SIGNATURE_BYTES], wanted[ED25519_SIGNATURE_BYTES];
    size_t len = sizeof wanted;
    ed25519_key_of(seed, key);
    ck_assert_mem_eq(key, published[_i].key, sizeof key);

    /* A signature has no chance in it: it must be the very one that OpenSSL makes. */
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.data, seed.len);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    ck_assert_int_eq(EVP_DigestSignInit(context, NULL, NULL, NULL, pkey), 1);
    ck_assert_int_eq(EVP_DigestSign(context, wanted, &len, nonce, ED25519_NONCE_BYTES), 1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    ed25519_sign(seed, nonce, made);
    ck_assert_mem_eq(made, wanted, sizeof made);
    ck_assert(ed25519_verify(span_of(made, sizeof made), nonce, key));
}
END_TEST

START_TEST(a_wrong_ed25519_proof_is_refused)
{
    uint8_t key[ED25519_KEY_BYTES], proof[ED25519_SIGNATURE_BYTES],
        other[ED25519_NONCE_BYTES] = {1};
    ed25519_key_of(span_text("secret"), key);
    ed25519_sign(span_text("secret"), nonce, proof);
    ck_assert(!ed25519_verify(span_of(proof, sizeof proof), other, key));
    for (size_t bit = 0; bit < 8 * sizeof proof; bit += 5) {
        proof[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(!ed25519_verify(span_of(proof, sizeof proof), nonce, key));
        proof[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < sizeof proof; len++)
        ck_assert(!ed25519_verify(span_of(proof, len), nonce, key));
    ed25519_sign(span_text("Secret"), nonce, proof);
    ck_assert(!ed25519_verify(span_of(proof, sizeof proof), nonce, key));
}
END_TEST

/* --- the table --- */

static const struct {
    const char *plugin;
    const char *stored;
    const char *password; /* NULL: none known */
    int made;             /* what prove() says */
    bool right;
    bool renews;
} logins[] = {
    {"mysql_native_password", "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7", "secret", 0, true, true},
    {"mysql_native_password", "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7", "Secret", 0, false,
     true},
    {"mysql_native_password", "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7", NULL, 0, false, true},
    {"mysql_native_password", "*0000000000000000000000000000000000000000", NULL, 0, false, true},
    {"mysql_native_password", "", NULL, 0, true, true},
    {"mysql_native_password", "", "", 0, true, true},
    {"mysql_native_password", "", "x", 0, false, true},
    {"", "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7", "secret", 0, true, true},
    {"ED25519", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY", "secret", 0, true, false},
    {"ed25519", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY", "wrong", 0, false, false},
    {"ed25519", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY", NULL, -ENOKEY, false, false},
};

START_TEST(a_proof_that_is_made_is_judged_by_what_is_stored)
{
    const struct auth_plugin *plugin = auth_plugin_of_account(span_text(logins[_i].plugin));
    uint8_t stored[AUTH_STORED_MAX_BYTES] = {0};
    struct auth_secret secret = {0}, learned = {0};
    struct buf proof = {0};
    ck_assert_ptr_nonnull(plugin);
    ck_assert(plugin->renews == logins[_i].renews);
    ck_assert_int_eq(plugin->parse(span_text(logins[_i].stored), stored), 0);
    if (logins[_i].password)
        auth_secret_set_password(&secret, span_text(logins[_i].password));
    ck_assert_int_eq(plugin->prove(&secret, nonce, &proof), logins[_i].made);
    ck_assert(plugin->check(buf_span(&proof), nonce, stored, &learned) == logins[_i].right);
    if (logins[_i].right && plugin->renews) {
        /* What was learned logs in elsewhere. */
        struct buf again = {0};
        ck_assert_int_eq(plugin->prove(&learned, nonce, &again), 0);
        ck_assert(span_equal(buf_span(&again), buf_span(&proof)));
        buf_free(&again);
    }
    auth_secret_free(&secret);
    auth_secret_free(&learned);
    buf_free(&proof);
}
END_TEST

START_TEST(plugins_have_a_name_for_accounts_and_one_for_clients)
{
    ck_assert_ptr_eq(auth_plugin_of_account(span_text("mysql_native_password")),
                     auth_plugin_of_client(span_text("mysql_native_password")));
    ck_assert_ptr_eq(auth_plugin_of_account(span_text("ed25519")),
                     auth_plugin_of_client(span_text("client_ed25519")));
    ck_assert_ptr_null(auth_plugin_of_account(span_text("unix_socket")));
    ck_assert_ptr_null(auth_plugin_of_account(span_text("ed2551")));
    ck_assert_ptr_null(auth_plugin_of_client(span_text("ed25519")));
    ck_assert_ptr_null(auth_plugin_of_client(span_text("")));
}
END_TEST

START_TEST(secrets_are_equal_only_when_all_of_them_is)
{
    struct auth_secret a = {0}, b = {0};
    ck_assert(auth_secret_equal(&a, &b));
    auth_secret_set_password(&a, span_text("x"));
    ck_assert(!auth_secret_equal(&a, &b));
    auth_secret_set_password(&b, span_text("y"));
    ck_assert(!auth_secret_equal(&a, &b));
    auth_secret_free(&b);
    auth_secret_copy(&b, &a);
    ck_assert(auth_secret_equal(&a, &b));
    b.has_stage1 = true;
    ck_assert(!auth_secret_equal(&a, &b));
    a.has_stage1 = true;
    b.stage1[3] = 1;
    ck_assert(!auth_secret_equal(&a, &b));
    auth_secret_free(&a);
    auth_secret_free(&b);
    auth_secret_set_password(&a, span_text("")); /* known to be empty is not the same as unknown */
    ck_assert(!auth_secret_equal(&a, &b));
    auth_secret_free(&a);
}
END_TEST

START_TEST(nonces_differ_and_hold_no_forbidden_byte)
{
    uint8_t last[AUTH_NONCE_MAX_BYTES] = {0};
    for (int round = 0; round < 1000; round++) {
        uint8_t fresh[AUTH_NONCE_MAX_BYTES];
        auth_nonce(fresh, sizeof fresh);
        for (size_t i = 0; i < sizeof fresh; i++)
            ck_assert(fresh[i] != '\0' && fresh[i] != '$' && fresh[i] < 0x80);
        ck_assert_mem_ne(fresh, last, sizeof fresh);
        memcpy(last, fresh, sizeof fresh);
    }
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("auth_plugin");
    TCase *tests = tcase_create("auth_plugin");
    tcase_add_loop_test(tests, an_ed25519_key_is_that_of_the_server, 0, COUNT(stored_keys));
    tcase_add_test(tests, what_is_no_ed25519_key_is_refused);
    tcase_add_loop_test(tests, ed25519_is_that_of_the_standard, 0, COUNT(published));
    tcase_add_test(tests, a_wrong_ed25519_proof_is_refused);
    tcase_add_loop_test(tests, a_proof_that_is_made_is_judged_by_what_is_stored, 0, COUNT(logins));
    tcase_add_test(tests, plugins_have_a_name_for_accounts_and_one_for_clients);
    tcase_add_test(tests, secrets_are_equal_only_when_all_of_them_is);
    tcase_add_test(tests, nonces_differ_and_hold_no_forbidden_byte);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
