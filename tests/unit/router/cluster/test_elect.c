/* Who shall lead next, and where histories part. */
#include "router/cluster/elect.h"
#include "router/cluster/lost.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LEADER_ID = 1, MEMBERS = 3 };

struct member {
    const char *received;
    const char *history;
    enum promotable promotable;
    bool absent;
    bool no_log;
    const char *why_not; /* a part of it; "" for none */
};

static const struct {
    const char *what;
    const char *leader_history; /* NULL: not known */
    struct member members[MEMBERS];
    int winner;
} elections[] = {
    {"the furthest",
     "0-1-9",
     {{"0-1-7", "0-1-7", PROMOTABLE_YES, false, false, ""},
      {"0-1-9", "0-1-8", PROMOTABLE_YES, false, false, ""},
      {"0-1-8", "0-1-8", PROMOTABLE_YES, false, false, ""}},
     1},
    {"the first of equals",
     "0-1-9",
     {{"0-1-9", "0-1-9", PROMOTABLE_YES, false, false, ""},
      {"0-1-9", "0-1-9", PROMOTABLE_YES, false, false, ""},
      {"0-1-9", "0-1-9", PROMOTABLE_YES, false, false, ""}},
     0},
    {"the preferred of equals",
     "0-1-9",
     {{"0-1-9", "0-1-9", PROMOTABLE_YES, false, false, ""},
      {"0-1-8", "0-1-8", PROMOTABLE_PREFER, false, false, ""},
      {"0-1-9", "0-1-9", PROMOTABLE_PREFER, false, false, ""}},
     2},
    {"an errant one never",
     "0-1-9",
     {{"0-1-9", "0-2-10,0-1-9", PROMOTABLE_PREFER, false, false, "up to 0-2-10"},
      {"0-1-8", "0-1-8", PROMOTABLE_YES, false, false, ""},
      {"0-1-7", "0-1-7", PROMOTABLE_YES, false, false, ""}},
     1},
    {"what an earlier leader wrote is nobody's own",
     "0-2-5,0-1-9",
     {{"0-1-9", "0-2-5,0-1-9", PROMOTABLE_YES, false, false, ""},
      {"0-1-8", "0-2-5,0-1-8", PROMOTABLE_YES, false, false, ""},
      {"0-1-7", "0-2-5,0-1-7", PROMOTABLE_YES, false, false, ""}},
     0},
    {"not who must not, has no log, or is away",
     "0-1-9",
     {{"0-1-9", "0-1-9", PROMOTABLE_NO, false, false, "promotable"},
      {"0-1-9", "0-1-9", PROMOTABLE_YES, false, true, "log_bin"},
      {"0-1-9", "0-1-9", PROMOTABLE_YES, true, false, "away"}},
     -1},
    {"every domain counts",
     "0-1-9,1-1-9",
     {{"0-1-9,1-1-5", "0-1-9,1-1-5", PROMOTABLE_YES, false, false, ""},
      {"0-1-9,1-1-6", "0-1-9,1-1-6", PROMOTABLE_YES, false, false, ""},
      {"0-1-8,1-1-6", "0-1-8,1-1-6", PROMOTABLE_YES, false, false, ""}},
     1},
    {"without the leader's history: what one alone wrote",
     NULL,
     {{"0-1-9", "0-1-9,0-2-4", PROMOTABLE_YES, false, false, "up to 0-2-4"},
      {"0-1-8", "0-1-8", PROMOTABLE_YES, false, false, ""},
      {"0-1-8", "0-1-8", PROMOTABLE_YES, false, false, ""}},
     1},
    {"without it: what another holds as well",
     NULL,
     {{"0-1-9", "0-1-9,0-2-4", PROMOTABLE_YES, false, false, ""},
      {"0-1-8", "0-1-8,0-2-4", PROMOTABLE_YES, false, false, ""},
      {"0-1-8", "0-1-8", PROMOTABLE_YES, false, false, ""}},
     0},
};

START_TEST(the_best_follower_wins)
{
    struct candidate candidates[MEMBERS] = {{0}};
    for (unsigned i = 0; i < MEMBERS; i++) {
        const struct member *member = &elections[_i].members[i];
        candidates[i] = (struct candidate){.name = "db",
                                           .server_id = LEADER_ID + 1 + i,
                                           .promotable = member->promotable,
                                           .stands = !member->absent,
                                           .log_bin = !member->no_log,
                                           .history = member->history};
        if (member->absent)
            strcpy(candidates[i].why_not, "it is away");
        ck_assert_int_eq(gtid_vector_parse(span_text(member->received), &candidates[i].received),
                         0);
    }
    int winner = elect(candidates, MEMBERS, LEADER_ID, elections[_i].leader_history);
    ck_assert_msg(winner == elections[_i].winner, "%s: %d", elections[_i].what, winner);
    for (unsigned i = 0; i < MEMBERS; i++) {
        const char *expected = elections[_i].members[i].why_not;
        const char *why = candidates[i].why_not;
        ck_assert_msg(expected[0] == '\0' ? why[0] == '\0' : strstr(why, expected) != NULL,
                      "%s: %u: %s", elections[_i].what, i, why);
    }
}
END_TEST

static const struct {
    const char *mine;
    const char *leaders;
    const char *common;
    const char *state;
} forks[] = {
    {"0-1-9", "0-1-7,0-2-9", "0-1-7", "0-1-7"},
    {"0-1-9,0-3-4", "0-3-4,0-2-8", "0-3-4", "0-3-4"}, /* it had led for a moment only */
    {"0-1-9,1-1-5", "0-1-7,1-1-5,0-2-8", "0-1-7,1-1-5", "0-1-7,1-1-5"},
    {"0-2-3,0-1-9", "0-2-3,0-1-6,0-3-7", "0-1-6", "0-2-3,0-1-6"},
    {"0-1-9", "", "", ""},
    {"", "0-1-9", "", ""},
};

START_TEST(the_last_position_that_both_hold)
{
    struct gtid_vector common;
    char state[HISTORY_MAX];
    char text[256];
    ck_assert_int_eq(history_fork(forks[_i].mine, forks[_i].leaders, &common, state), 0);
    gtid_vector_print(&common, text, sizeof(text));
    ck_assert_str_eq(text, forks[_i].common);
    ck_assert_str_eq(state, forks[_i].state);
}
END_TEST

START_TEST(nonsense_is_no_history)
{
    struct gtid_vector common;
    char state[HISTORY_MAX];
    ck_assert_int_eq(history_fork("0-1", "0-1-9", &common, state), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("elect");
    TCase *tcase = tcase_create("elect");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, the_best_follower_wins, 0,
                        (int)(sizeof(elections) / sizeof(elections[0])));
    tcase_add_loop_test(tcase, the_last_position_that_both_hold, 0,
                        (int)(sizeof(forks) / sizeof(forks[0])));
    tcase_add_test(tcase, nonsense_is_no_history);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
