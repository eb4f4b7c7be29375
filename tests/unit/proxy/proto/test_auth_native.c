/* mysql_native_password from both sides, with values computed by a server. */
#include "proxy/proto/auth_native.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

/* SELECT PASSWORD('secret') */
#define SECRET_HASH "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7"

static const uint8_t salt[SALT_BYTES] = "abcdefghij0123456789";

static void stage1_of(const char *password, uint8_t stage1[NATIVE_HASH_BYTES])
{
    native_stage1(span_text(password), stage1);
}

START_TEST(the_stored_hash_is_that_of_the_server)
{
    uint8_t stage1[NATIVE_HASH_BYTES], computed[NATIVE_HASH_BYTES], stored[NATIVE_HASH_BYTES];
    stage1_of("secret", stage1);
    native_stored(stage1, computed);
    ck_assert_int_eq(native_hash_parse(span_text(SECRET_HASH), stored), 0);
    ck_assert_mem_eq(computed, stored, NATIVE_HASH_BYTES);
    ck_assert_int_eq(
        native_hash_parse(span_text("*14e65567abdb5135d0cfd9a70b3032c179a49ee7"), stored), 0);
    ck_assert_mem_eq(computed, stored, NATIVE_HASH_BYTES);
}
END_TEST

START_TEST(what_is_no_hash_is_refused)
{
    static const char *const texts[] = {
        "",
        "*",
        "14E65567ABDB5135D0CFD9A70B3032C179A49EE7",
        "*14E65567ABDB5135D0CFD9A70B3032C179A49EE",
        "*14E65567ABDB5135D0CFD9A70B3032C179A49EE70",
        "*14E65567ABDB5135D0CFD9A70B3032C179A49EEG",
        "*14E65567ABDB5135D0CFD9A70B3032C179A49EE ",
        "*THISISNOTAVALIDPASSWORDTHATCANBEUSEDHERE",
        "+14E65567ABDB5135D0CFD9A70B3032C179A49EE7",
        "*@4E65567ABDB5135D0CFD9A70B3032C179A49EE7",
        "*`4E65567ABDB5135D0CFD9A70B3032C179A49EE7",
        "*\01004E65567ABDB5135D0CFD9A70B3032C179A49EE",
    };
    uint8_t stored[NATIVE_HASH_BYTES];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert_msg(native_hash_parse(span_text(texts[i]), stored) == -EINVAL, "%s", texts[i]);
}
END_TEST

START_TEST(a_right_proof_gives_stage1_which_answers_any_other_salt)
{
    uint8_t stage1[NATIVE_HASH_BYTES], stored[NATIVE_HASH_BYTES], proof[NATIVE_HASH_BYTES];
    uint8_t learned[NATIVE_HASH_BYTES] = {0};
    stage1_of("secret", stage1);
    native_stored(stage1, stored);
    native_prove(stage1, salt, proof);
    ck_assert(native_verify(span_of(proof, sizeof proof), salt, stored, learned));
    ck_assert_mem_eq(learned, stage1, NATIVE_HASH_BYTES);

    uint8_t other[SALT_BYTES], again[NATIVE_HASH_BYTES];
    memset(other, 0x5a, sizeof other);
    native_prove(learned, other, proof);
    ck_assert(native_verify(span_of(proof, sizeof proof), other, stored, again));
    ck_assert(!native_verify(span_of(proof, sizeof proof), salt, stored, again));
}
END_TEST

/* Recorded from a login of a client library: greeting salt and answer for the password 'secret'. */
START_TEST(the_proof_of_a_real_client_is_accepted)
{
    static const uint8_t real_salt[SALT_BYTES] = {0x70, 0x2b, 0x7e, 0x5f, 0x3f, 0x5a, 0x2b,
                                                  0x63, 0x36, 0x7e, 0x3d, 0x52, 0x63, 0x7b,
                                                  0x64, 0x60, 0x35, 0x27, 0x62, 0x3c};
    static const uint8_t real_proof[NATIVE_HASH_BYTES] = {0xd7, 0x89, 0x27, 0x5d, 0x60, 0x57, 0xa6,
                                                          0xca, 0x9f, 0x8f, 0xcd, 0x52, 0x7a, 0xef,
                                                          0x2f, 0x77, 0x90, 0x8d, 0x96, 0x70};
    uint8_t stored[NATIVE_HASH_BYTES], stage1[NATIVE_HASH_BYTES];
    ck_assert_int_eq(native_hash_parse(span_text(SECRET_HASH), stored), 0);
    ck_assert(native_verify(span_of(real_proof, sizeof real_proof), real_salt, stored, stage1));
}
END_TEST

START_TEST(a_wrong_proof_is_refused_and_leaves_stage1_alone)
{
    uint8_t stage1[NATIVE_HASH_BYTES], stored[NATIVE_HASH_BYTES], proof[NATIVE_HASH_BYTES];
    uint8_t untouched[NATIVE_HASH_BYTES] = {0}, zero[NATIVE_HASH_BYTES] = {0};
    stage1_of("secret", stage1);
    native_stored(stage1, stored);
    native_prove(stage1, salt, proof);
    for (size_t bit = 0; bit < 8 * sizeof proof; bit++) {
        proof[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(!native_verify(span_of(proof, sizeof proof), salt, stored, untouched));
        proof[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < sizeof proof; len++)
        ck_assert(!native_verify(span_of(proof, len), salt, stored, untouched));
    ck_assert_mem_eq(untouched, zero, sizeof zero);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth_native");
    TCase *tests = tcase_create("auth_native");
    tcase_add_test(tests, the_stored_hash_is_that_of_the_server);
    tcase_add_test(tests, what_is_no_hash_is_refused);
    tcase_add_test(tests, a_right_proof_gives_stage1_which_answers_any_other_salt);
    tcase_add_test(tests, the_proof_of_a_real_client_is_accepted);
    tcase_add_test(tests, a_wrong_proof_is_refused_and_leaves_stage1_alone);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
