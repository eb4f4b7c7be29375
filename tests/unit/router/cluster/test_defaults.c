/* What a follower's sessions are told so that they begin as the leader's do. */
#include "router/cluster/defaults.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the order of the table: texts first, then numbers, then what is not set. */
#define VALUES(mode, division)                                                                     \
    mode "||SYSTEM|utf8mb4_general_ci|utf8mb4_general_ci|binary|en_US|en_US|InnoDB|REPEATABLE-"    \
         "READ|18446744073709551"                                                                  \
         "615|1|18446744073709551615|0|1|0|1|0|1|1|1|" division                                    \
         "|0|1048576|64|1000|1024|0.000000|1|86400|1|d41d8cd98f00b204e9800998ecf8427e"

static const struct {
    const char *leader;
    const char *follower;
    const char *told;
} pairs[] = {
    {VALUES("ANSI", "4"), VALUES("ANSI", "4"), ""},
    {VALUES("ANSI", "5"), VALUES("ANSI", "4"), ", @@session.div_precision_increment=5"},
    {VALUES("AB", "4"), VALUES("", "4"), ", @@session.sql_mode=_utf8mb4 x'4142'"},
    {VALUES("", "5"), VALUES("A", "4"),
     ", @@session.sql_mode=_utf8mb4 x'', @@session.div_precision_increment=5"},
    {VALUES("", "5;DROP"), VALUES("", "4"), ""}, /* no number */
    {"", VALUES("", "4"), ""},
    {VALUES("", "4"), "a|b", ""},
};

START_TEST(differences_are_told)
{
    char out[1024];
    defaults_difference(pairs[_i].leader, pairs[_i].follower, out, sizeof(out));
    ck_assert_str_eq(out, pairs[_i].told);
}
END_TEST

START_TEST(what_does_not_fit_is_left_out_as_a_whole)
{
    char out[16];
    defaults_difference(pairs[1].leader, pairs[1].follower, out, sizeof(out));
    ck_assert_str_eq(out, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("defaults");
    TCase *tcase = tcase_create("defaults");
    tcase_add_loop_test(tcase, differences_are_told, 0, (int)(sizeof(pairs) / sizeof(pairs[0])));
    tcase_add_test(tcase, what_does_not_fit_is_left_out_as_a_whole);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
