/* When a leader is lost. */
#include "router/cluster/detect.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { AFTER_MS = 3000 };

static const struct {
    const char *what;
    bool answers;
    uint64_t silent_ms;
    unsigned witness_count;
    struct witness witnesses[2];
    enum leader_health health;
    const char *why;
} cases[] = {
    {"it answers", true, 9000, 1, {{"db2", 9000, 500, true}}, LEADER_WELL, ""},
    {"silent for a moment",
     false,
     2999,
     1,
     {{"db2", 9000, 500, true}},
     LEADER_SILENT,
     "db1 does not answer (refused)"},
    {"silent, and its followers have no connection",
     false,
     3000,
     2,
     {{"db2", 10, 500, true}, {"db3", 10, 500, true}},
     LEADER_LOST,
     "no follower hears from it"},
    {"one follower still hears",
     false,
     9000,
     2,
     {{"db2", 9000, 500, true}, {"db3", 400, 500, false}},
     LEADER_CUT,
     "db3 still hears from it"},
    {"connected, but nothing comes",
     false,
     3000,
     1,
     {{"db2", 3000, 1000, false}},
     LEADER_LOST,
     "no follower hears from it"},
    {"too few heartbeats to tell",
     false,
     9000,
     1,
     {{"db2", 9000, 30000, false}},
     LEADER_CUT,
     "db2 still hears"},
    {"two heartbeats were missed",
     false,
     60000,
     1,
     {{"db2", 60000, 30000, false}},
     LEADER_LOST,
     "no follower hears"},
    {"nobody to ask", false, 9000, 0, {{0}}, LEADER_ALONE, "no follower of it can be asked"},
};

START_TEST(a_leader_is_judged_by_what_all_say)
{
    struct leader_signs signs = {.name = "db1",
                                 .answers = cases[_i].answers,
                                 .silent_ms = cases[_i].silent_ms,
                                 .down_why = "refused",
                                 .witness_count = cases[_i].witness_count};
    char why[WHY_MAX * 2];
    memcpy(signs.witnesses, cases[_i].witnesses, sizeof(cases[_i].witnesses));
    ck_assert_msg(leader_judge(&signs, AFTER_MS, why) == cases[_i].health, "%s", cases[_i].what);
    ck_assert_msg(strstr(why, cases[_i].why) != NULL, "%s: %s", cases[_i].what, why);
    ck_assert_msg((why[0] == '\0') == (cases[_i].health == LEADER_WELL), "%s", cases[_i].what);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("detect");
    TCase *tcase = tcase_create("detect");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, a_leader_is_judged_by_what_all_say, 0,
                        (int)(sizeof(cases) / sizeof(cases[0])));
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
