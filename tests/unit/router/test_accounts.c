/* Which account a login is matched to. The expectations are what a MariaDB 10.11 answered to
 * SELECT CURRENT_USER() with these accounts. */
#include "router/accounts.h"

#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct pair {
    const char *user;
    const char *host;
};

static void add(struct accounts *accounts, const char *user, const char *host, bool is_role)
{
    struct account account = {.user = (char *)user, .host = (char *)host, .is_role = is_role};

    ck_assert_int_eq(
        account_fill(&account, span_text("mysql_native_password"), span_text(""), span_text("")),
        0);
    accounts_add(accounts, &account);
    account_clear(&account);
}

static const struct {
    const char *what;
    struct pair accounts[6];
    const char *user;
    const char *address;
    const char *matched; /* user@host, NULL: nobody */
} matches[] = {
    {"any host", {{"u", "%"}}, "u", "127.0.0.1", "u@%"},
    {"empty host means any", {{"u", ""}}, "u", "127.0.0.1", "u@"},
    {"another user", {{"u", "%"}}, "v", "127.0.0.1", NULL},
    {"user names are compared exactly", {{"u", "%"}}, "U", "127.0.0.1", NULL},
    {"anonymous takes any name", {{"", "%"}}, "v", "127.0.0.1", "@%"},
    {"loopback is localhost", {{"u", "localhost"}}, "u", "127.0.0.1", "u@localhost"},
    {"IPv6 loopback is localhost", {{"u", "localhost"}}, "u", "::1", "u@localhost"},
    {"only 127.0.0.1 is localhost", {{"u", "localhost"}}, "u", "127.0.0.2", NULL},
    {"host names ignore case", {{"u", "LOCAL%"}}, "u", "localhost", "u@LOCAL%"},
    {"localhost before the address",
     {{"u", "127.0.0.1"}, {"u", "localhost"}},
     "u",
     "127.0.0.1",
     "u@localhost"},
    {"a socket has no address", {{"u", "127.0.0.1"}, {"u", "%"}}, "u", "localhost", "u@%"},
    {"a literal before a pattern",
     {{"u", "127.0.0._"}, {"u", "127.0.0.2"}},
     "u",
     "127.0.0.2",
     "u@127.0.0.2"},
    {"_ before %", {{"u", "127.0.0.%"}, {"u", "127.0.0._"}}, "u", "127.0.0.2", "u@127.0.0._"},
    {"more literals before fewer",
     {{"u", "127.%"}, {"u", "127.0.0.%"}},
     "u",
     "127.0.0.2",
     "u@127.0.0.%"},
    {"a pattern before any", {{"u", "%"}, {"u", "127.%"}}, "u", "127.0.0.2", "u@127.%"},
    {"literals count, not where they stand",
     {{"u", "%27.0.0.2"}, {"u", "127.%"}},
     "u",
     "127.0.0.2",
     "u@%27.0.0.2"},
    {"equal counts: the shorter prefix first",
     {{"u", "127.0.0.%"}, {"u", "%27.0.0.2"}},
     "u",
     "127.0.0.2",
     "u@%27.0.0.2"},
    {"runs of % count once", {{"u", "%%"}, {"u", "%_%"}}, "u", "127.0.0.2", "u@%_%"},
    {"named before anonymous",
     {{"", "127.0.0.%"}, {"u", "127.0.0.%"}},
     "u",
     "127.0.0.2",
     "u@127.0.0.%"},
    {"a more specific anonymous wins",
     {{"", "localhost"}, {"u", "%"}},
     "u",
     "127.0.0.1",
     "@localhost"},
    {"anonymous at another host does not", {{"", "10.0.0.1"}, {"u", "%"}}, "u", "127.0.0.1", "u@%"},
    {"netmask", {{"u", "127.0.0.0/255.255.255.0"}}, "u", "127.0.0.9", "u@127.0.0.0/255.255.255.0"},
    {"outside the netmask", {{"u", "127.0.0.0/255.255.255.0"}}, "u", "127.0.1.9", NULL},
    {"host bits in the network never fit",
     {{"u", "127.0.0.4/255.255.255.0"}},
     "u",
     "127.0.0.4",
     NULL},
    {"a netmask is a literal",
     {{"u", "127.0.0._"}, {"u", "127.0.0.0/255.0.0.0"}},
     "u",
     "127.0.0.2",
     "u@127.0.0.0/255.0.0.0"},
    {"a netmask takes no socket", {{"u", "127.0.0.0/255.0.0.0"}}, "u", "localhost", NULL},
    {"an escaped _ is a _", {{"u", "127.0.0\\_2"}}, "u", "127.0.0.2", NULL},
    {"an escaped dot is a dot", {{"u", "127.0.0\\.2"}}, "u", "127.0.0.2", "u@127.0.0\\.2"},
    {"v4 in v6", {{"u", "10.0.0.%"}}, "u", "::ffff:10.0.0.7", "u@10.0.0.%"},
    {"v6 pattern", {{"u", "fe80:%"}}, "u", "fe80::12", "u@fe80:%"},
    {"% in the middle goes back", {{"u", "1%.0.1%"}}, "u", "127.0.0.0.12", "u@1%.0.1%"},
};

START_TEST(a_login_is_matched_as_the_server_does)
{
    struct accounts *accounts = accounts_new();
    const struct account *account;
    char got[512];

    accounts->name_resolve = true;
    for (int i = 0; i < 6 && matches[_i].accounts[i].user != NULL; i++)
        add(accounts, matches[_i].accounts[i].user, matches[_i].accounts[i].host, false);
    accounts_finish(accounts);
    account = accounts_match(accounts, span_text(matches[_i].user), matches[_i].address);
    if (matches[_i].matched == NULL) {
        ck_assert_msg(account == NULL, "%s", matches[_i].what);
    } else {
        ck_assert_msg(account != NULL, "%s", matches[_i].what);
        snprintf(got, sizeof(got), "%s@%s", account->user, account->host);
        ck_assert_msg(strcmp(got, matches[_i].matched) == 0, "%s: %s", matches[_i].what, got);
    }
    accounts_unref(accounts);
}
END_TEST

START_TEST(without_name_resolution_loopback_is_no_localhost)
{
    struct accounts *accounts = accounts_new();

    add(accounts, "u", "localhost", false);
    accounts_finish(accounts);
    ck_assert_ptr_null(accounts_match(accounts, span_text("u"), "127.0.0.1"));
    ck_assert_ptr_nonnull(accounts_match(accounts, span_text("u"), "localhost"));
    ck_assert_str_eq(accounts_host_text(accounts, "127.0.0.1"), "127.0.0.1");
    ck_assert_str_eq(accounts_host_text(accounts, "localhost"), "localhost");
    accounts->name_resolve = true;
    ck_assert_str_eq(accounts_host_text(accounts, "127.0.0.1"), "localhost");
    ck_assert_str_eq(accounts_host_text(accounts, "10.0.0.1"), "10.0.0.1");
    accounts_unref(accounts);
}
END_TEST

START_TEST(a_role_never_logs_in)
{
    struct accounts *accounts = accounts_new();

    add(accounts, "r", "", true);
    accounts_finish(accounts);
    ck_assert_ptr_null(accounts_match(accounts, span_text("r"), "localhost"));
    accounts_unref(accounts);
}
END_TEST

START_TEST(a_user_name_with_a_nul_matches_nobody_named)
{
    struct accounts *accounts = accounts_new();

    add(accounts, "u", "%", false);
    accounts_finish(accounts);
    ck_assert_ptr_null(accounts_match(accounts, span_of("u\0x", 3), "127.0.0.1"));
    accounts_unref(accounts);
}
END_TEST

#define HASH_A "*667F407DE7C6AD07358FA38DAED7828A72014B4E"
#define HASH_B "*3FBEFEC33FD8E842761B011670846D73057E67BE"

#define ED25519_KEY "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"
#define NATIVE      "mysql_native_password"

static const struct {
    const char *plugin;
    const char *hash;
    const char *auth_or;
    int result;
    /* one word for each way: n native, e ed25519, - a plugin that is not known; large: usable;
     * and the first byte of what is stored for the first */
    const char *ways;
    int first_byte;
} fills[] = {
    {NATIVE, HASH_A, "", 0, "N", 0x66},
    {"", HASH_A, "", 0, "N", 0x66},
    {"MYSQL_NATIVE_PASSWORD", HASH_A, "", 0, "N", 0x66},
    {NATIVE, "", "", 0, "N", 0},
    {"", "", "", 0, "N", 0},
    {NATIVE, "invalid", "", 0, "n", 0},
    {NATIVE, "*667F", "", 0, "n", 0},
    {NATIVE, "*Z67F407DE7C6AD07358FA38DAED7828A72014B4E", "", 0, "n", 0},
    {"ed25519", ED25519_KEY, "", 0, "E", 0x64},
    {"ed25519", HASH_A, "", 0, "e", 0},
    {"ed25519", ED25519_KEY "=", "", 0, "e", 0},
    {"ed25519", "", "", 0, "e", 0},
    {"unix_socket", "", "", 0, "-", 0},
    /* an empty element stands for the account's own plugin and hash */
    {NATIVE, HASH_B, "[{},{\"plugin\":\"unix_socket\"}]", 0, "N-", 0x3f},
    {NATIVE, "invalid", "[{},{\"plugin\":\"unix_socket\"}]", 0, "n-", 0},
    /* the order is the server's */
    {NATIVE, HASH_A, "[{\"plugin\":\"ed25519\",\"authentication_string\":\"" ED25519_KEY "\"},{}]",
     0, "EN", 0x64},
    {"unix_socket", "", "[{\"plugin\":\"ed25519\",\"authentication_string\":\"x\"},{}]", 0, "e-",
     0},
    {NATIVE, HASH_A, "[{},", -EINVAL, "", 0},
    {NATIVE, HASH_A, "{}", -EINVAL, "", 0},
};

START_TEST(rows_become_ways_to_log_in)
{
    struct account account = {.user = "u", .host = "%"};
    char ways[8] = "";

    ck_assert_int_eq(account_fill(&account, span_text(fills[_i].plugin), span_text(fills[_i].hash),
                                  span_text(fills[_i].auth_or)),
                     fills[_i].result);
    ck_assert_uint_lt(account.way_count, sizeof(ways));
    for (size_t i = 0; i < account.way_count; i++) {
        const struct account_way *way = &account.ways[i];
        char letter = !way->plugin ? '-' : way->plugin == &auth_native_plugin ? 'n' : 'e';
        ways[i] = way->usable ? (char)toupper(letter) : letter;
    }
    ck_assert_str_eq(ways, fills[_i].ways);
    if (account.way_count && account.ways[0].usable)
        ck_assert_int_eq(account.ways[0].stored[0], fills[_i].first_byte);
    account_clear(&account);
}
END_TEST

START_TEST(an_unknown_user_is_treated_like_a_known_one)
{
    struct accounts *accounts = accounts_new();
    struct account socket_only = {.user = "s", .host = "%"};

    ck_assert_ptr_null(accounts_stand_in(accounts, span_text("x")));
    add(accounts, "a role", "", true);
    ck_assert_int_eq(
        account_fill(&socket_only, span_text("unix_socket"), span_text(""), span_text("")), 0);
    accounts_add(accounts, &socket_only);
    account_clear(&socket_only);
    ck_assert_ptr_null(accounts_stand_in(accounts, span_text("x")));
    add(accounts, "u", "%", false);
    accounts_finish(accounts);
    ck_assert_str_eq(accounts_stand_in(accounts, span_text("x"))->user, "u");
    ck_assert_str_eq(accounts_stand_in(accounts, span_text(""))->user, "u");
    accounts_unref(accounts);
}
END_TEST

static uint64_t digest_of(struct account account, const char *hash, const char *auth_or)
{
    ck_assert_int_eq(account_fill(&account, span_text(""), span_text(hash), span_text(auth_or)), 0);
    account_clear(&account);
    return account.digest;
}

START_TEST(the_digest_changes_with_every_part)
{
    const struct account plain = {.user = "u", .host = "%"};
    struct account changed = plain;
    uint64_t digest = digest_of(plain, HASH_A, "");

    ck_assert_uint_eq(digest_of(plain, HASH_A, ""), digest);
    ck_assert_uint_ne(digest_of(plain, HASH_B, ""), digest);
    ck_assert_uint_ne(digest_of(plain, HASH_A, "[{}]"), digest);
    changed.locked = true;
    ck_assert_uint_ne(digest_of(changed, HASH_A, ""), digest);
    changed = plain;
    changed.tls = ACCOUNT_TLS_ANY;
    ck_assert_uint_ne(digest_of(changed, HASH_A, ""), digest);
    changed = plain;
    changed.tls_subject = "/CN=one";
    ck_assert_uint_ne(digest_of(changed, HASH_A, ""), digest);
    changed = plain;
    changed.host = "";
    changed.user = "u%"; /* the same bytes, cut elsewhere */
    ck_assert_uint_ne(digest_of(changed, HASH_A, ""), digest);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(table[0])))

int main(void)
{
    Suite *suite = suite_create("accounts");
    TCase *tcase = tcase_create("accounts");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, a_login_is_matched_as_the_server_does, 0, COUNT(matches));
    tcase_add_test(tcase, without_name_resolution_loopback_is_no_localhost);
    tcase_add_test(tcase, a_role_never_logs_in);
    tcase_add_test(tcase, a_user_name_with_a_nul_matches_nobody_named);
    tcase_add_loop_test(tcase, rows_become_ways_to_log_in, 0, COUNT(fills));
    tcase_add_test(tcase, an_unknown_user_is_treated_like_a_known_one);
    tcase_add_test(tcase, the_digest_changes_with_every_part);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
