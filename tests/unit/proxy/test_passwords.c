/* Passwords that are known to fit: found by what is stored, forgotten with their account. */
#include "proxy/passwords.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROOM = 1024 };

static void stored_of(unsigned number, uint8_t stored[AUTH_STORED_MAX_BYTES])
{
    memset(stored, 0, AUTH_STORED_MAX_BYTES);
    stored[0] = 5;
    memcpy(stored + 1, &number, sizeof(number));
}

static void add(struct passwords *passwords, unsigned number)
{
    uint8_t stored[AUTH_STORED_MAX_BYTES];
    char text[16];
    struct auth_secret secret = {0};
    stored_of(number, stored);
    snprintf(text, sizeof(text), "password %u", number);
    auth_secret_set_password(&secret, span_text(text));
    passwords_add(passwords, stored, &secret);
    auth_secret_free(&secret);
}

static bool finds(struct passwords *passwords, unsigned number)
{
    uint8_t stored[AUTH_STORED_MAX_BYTES];
    char text[16];
    struct auth_secret secret = {0};
    stored_of(number, stored);
    snprintf(text, sizeof(text), "password %u", number);
    bool found = passwords_find(passwords, stored, &secret);
    if (found)
        ck_assert_str_eq(secret.password, text);
    auth_secret_free(&secret);
    return found;
}

START_TEST(the_oldest_is_forgotten_when_there_are_too_many)
{
    struct passwords *passwords = passwords_new();
    ck_assert(!finds(passwords, 1));
    for (unsigned i = 0; i < ROOM; i++)
        add(passwords, i);
    add(passwords, 7); /* is there */
    ck_assert(finds(passwords, 0) && finds(passwords, ROOM - 1));
    add(passwords, ROOM);
    ck_assert(!finds(passwords, 0) && finds(passwords, 1) && finds(passwords, ROOM));
    passwords_free(passwords);
}
END_TEST

START_TEST(one_goes_with_its_account)
{
    struct passwords *passwords = passwords_new();
    struct accounts *accounts = accounts_new();
    struct account_way way = {.name = (char *)"caching_sha2_password",
                              .plugin = &auth_caching_sha2_plugin,
                              .usable = true};
    struct account account = {
        .user = (char *)"u", .host = (char *)"%", .ways = &way, .way_count = 1};
    stored_of(2, way.stored);
    accounts_add(accounts, &account);
    accounts_finish(accounts);
    add(passwords, 1);
    add(passwords, 2);
    passwords_sweep(passwords, accounts);
    ck_assert(!finds(passwords, 1) && finds(passwords, 2));
    accounts_unref(accounts);
    passwords_free(passwords);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("passwords");
    TCase *tests = tcase_create("passwords");
    tcase_add_test(tests, the_oldest_is_forgotten_when_there_are_too_many);
    tcase_add_test(tests, one_goes_with_its_account);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
