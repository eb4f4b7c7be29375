/* [user:NAME] of proxy.ini: where the password comes from, and that it goes nowhere else. */
#include "proxy/base/buf.h"
#include "proxy/config.h"

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOOD "[cluster]\nuser = causeway\npassword = p\n[server:db1]\naddress = 127.0.0.1:3306\n"

static char folder[] = "/tmp/causeway-secrets-XXXXXX";

static void write_file(const char *name, const char *content, mode_t mode)
{
    FILE *file = fopen(name, "w");
    ck_assert_ptr_nonnull(file);
    fputs(content, file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(name, mode), 0);
}

static const struct {
    const char *lines;
    const char *name;
    const char *password;
} good[] = {
    {"[user:alice]\npassword = s;e c=ret", "alice", "s;e c=ret"},
    {"[user:alice@example.com]\npassword_file = secret", "alice@example.com", "from a file"},
    {"[user:b c]\npassword_env = CAUSEWAY_TEST_SECRET", "b c", "from the environment"},
};

START_TEST(a_password_comes_from_one_of_three_places)
{
    char text[512];
    struct config_errors errors;
    write_file("secret", "from a file\nnot this\n", 0600);
    setenv("CAUSEWAY_TEST_SECRET", "from the environment", 1);
    snprintf(text, sizeof(text), GOOD "%s\n", good[_i].lines);
    write_file("proxy.ini", text, 0600);
    struct config *config = config_load("proxy.ini", &errors);
    ck_assert_msg(config != NULL, "%s", errors.count ? errors.lines[0] : "?");
    ck_assert_ptr_null(config_user_find(config, "nobody"));
    const struct config_user *user = config_user_find(config, good[_i].name);
    ck_assert_ptr_nonnull(user);
    ck_assert_str_eq(user->password, good[_i].password);
    config_errors_free(&errors);
    config_unref(config);
}
END_TEST

static const struct {
    const char *lines;
    const char *error;
} bad[] = {
    {"[user]\npassword = hunter2", "proxy.ini:6: the section needs a name: [user:NAME]"},
    {"[user:]\npassword = hunter2", "proxy.ini:6: bad name ``: a user name has 1 to 384 bytes"},
    {"[user:a]", "proxy.ini:6: [user:a] needs exactly one of `password`, `password_file` and "
                 "`password_env`"},
    {"[user:a]\npassword = hunter2\npassword_env = HUNTER2",
     "proxy.ini:6: [user:a] needs exactly one of `password`, `password_file` and `password_env`"},
    {"[user:a]\npassword_env = CAUSEWAY_TEST_NOTHING",
     "proxy.ini:7: password_env: the environment has no `CAUSEWAY_TEST_NOTHING`, or an empty one"},
    {"[user:a]\npassword_file = open",
     "proxy.ini:7: password_file `open`: every user of this machine can read or write it; use "
     "chmod 640 or 600"},
    {"[user:a]\npasswort = hunter2", "proxy.ini:7: unknown key `passwort` in [user:NAME]; did you "
                                     "mean `password`?"},
    {"[user:a]\npassword = x\n[user:a]\npassword = hunter2",
     "proxy.ini:8: section [user:a] stands twice; the first is at line 6"},
};

START_TEST(what_is_wrong_is_named_without_the_secret)
{
    char text[512];
    struct config_errors errors;
    write_file("open", "hunter2\n", 0644);
    snprintf(text, sizeof(text), GOOD "%s\n", bad[_i].lines);
    write_file("proxy.ini", text, 0600);
    ck_assert_ptr_null(config_load("proxy.ini", &errors));
    ck_assert_uint_ge(errors.count, 1);
    bool found = false;
    for (size_t i = 0; i < errors.count; i++) {
        found = found || strcmp(errors.lines[i], bad[_i].error) == 0;
        ck_assert_msg(!strstr(errors.lines[i], "hunter2"), "%s", errors.lines[i]);
    }
    ck_assert_msg(found, "%s", errors.lines[0]);
    config_errors_free(&errors);
}
END_TEST

static void add_row(const char *section, const char *key, const char *value, void *context)
{
    buf_printf(context, "%s|%s|%s\n", section, key, value);
}

START_TEST(the_console_shows_three_stars)
{
    struct config_errors errors;
    struct buf rows = {0};
    write_file("proxy.ini", GOOD "[user:alice]\npassword_env = CAUSEWAY_TEST_SECRET\n", 0600);
    setenv("CAUSEWAY_TEST_SECRET", "hunter2", 1);
    struct config *config = config_load("proxy.ini", &errors);
    ck_assert_ptr_nonnull(config);
    config_each(config, add_row, &rows);
    buf_append_u8(&rows, '\0');
    ck_assert_ptr_nonnull(strstr((char *)rows.data, "user:alice|password|***\n"));
    ck_assert_ptr_nonnull(
        strstr((char *)rows.data, "user:alice|password_env|CAUSEWAY_TEST_SECRET\n"));
    ck_assert_ptr_null(strstr((char *)rows.data, "hunter2"));
    buf_free(&rows);
    config_errors_free(&errors);
    config_unref(config);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    if (!mkdtemp(folder) || chdir(folder) < 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create("config_secrets");
    TCase *tests = tcase_create("config_secrets");
    tcase_add_loop_test(tests, a_password_comes_from_one_of_three_places, 0, COUNT(good));
    tcase_add_loop_test(tests, what_is_wrong_is_named_without_the_secret, 0, COUNT(bad));
    tcase_add_test(tests, the_console_shows_three_stars);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    unlink("proxy.ini");
    unlink("secret");
    unlink("open");
    rmdir(folder);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
