/* Lag by time, from notes of the leader's position. */
#include "router/cluster/lag.h"

#include <check.h>
#include <stdlib.h>

static struct gtid_vector at(uint64_t seq)
{
    return (struct gtid_vector){.count = seq > 0, .slots = {{0, 1, seq}}};
}

static void note(struct lag_history *history, uint64_t seq, uint64_t now_ms)
{
    struct gtid_vector position = at(seq);

    lag_note(history, &position, now_ms);
}

static uint32_t lag(const struct lag_history *history, uint64_t seq, uint64_t now_ms)
{
    struct gtid_vector confirmed = at(seq);

    return lag_of(history, &confirmed, now_ms, true);
}

START_TEST(nothing_is_known_without_notes)
{
    struct lag_history history = {0};

    ck_assert_uint_eq(lag(&history, 5, 100), UINT32_MAX);
    ck_assert_ptr_null(lag_newest(&history));
}
END_TEST

START_TEST(lag_is_the_age_of_the_oldest_note_not_confirmed)
{
    struct lag_history history = {0};

    note(&history, 10, 1000);
    note(&history, 20, 1500);
    note(&history, 20, 2000); /* idle: not a newer note */
    note(&history, 30, 2500);
    ck_assert_uint_eq(lag(&history, 30, 2600), 0);
    ck_assert_uint_eq(lag(&history, 31, 2600), 0);
    ck_assert_uint_eq(lag(&history, 29, 2600), 100);
    ck_assert_uint_eq(lag(&history, 20, 2600), 100);
    ck_assert_uint_eq(lag(&history, 19, 2600), 1100);
    ck_assert_uint_eq(lag(&history, 10, 2600), 1100);
    ck_assert_uint_eq(lag(&history, 9, 2600), 1600);
    ck_assert_uint_eq(lag(&history, 0, 2600), 1600);
}
END_TEST

START_TEST(an_idle_leader_makes_no_lag_however_long)
{
    struct lag_history history = {0};

    note(&history, 10, 1000);
    for (uint64_t now_ms = 1500; now_ms < 100000; now_ms += 500)
        note(&history, 10, now_ms);
    ck_assert_uint_eq(lag(&history, 10, 100000), 0);
    ck_assert_uint_eq(history.count, 1);
}
END_TEST

START_TEST(time_stands_still_while_the_leader_is_gone)
{
    struct lag_history history = {0};
    struct gtid_vector confirmed = at(10);

    note(&history, 10, 1000);
    note(&history, 20, 1500);
    note(&history, 20, 2000);
    ck_assert_uint_eq(lag_of(&history, &confirmed, 60000, false), 500);
    ck_assert_uint_eq(lag_of(&history, &confirmed, 60000, true), 58500);
}
END_TEST

START_TEST(a_full_history_still_knows_long_lag)
{
    struct lag_history history = {0};
    uint64_t now_ms = 0;

    for (uint64_t seq = 1; seq <= 5000; seq++) {
        now_ms += 500;
        note(&history, seq, now_ms);
    }
    ck_assert_uint_le(history.count, LAG_SAMPLES_MAX);
    ck_assert_uint_eq(lag(&history, 5000, now_ms), 0);
    ck_assert_uint_eq(lag(&history, 0, now_ms), (uint32_t)(now_ms - 500));
    /* in the middle it may be understated, by a tenth at most */
    for (uint64_t behind = 10; behind < 5000; behind += 10) {
        ck_assert_uint_gt(lag(&history, 5000 - behind, now_ms) + 500, behind * 500 * 9 / 10);
        ck_assert_uint_le(lag(&history, 5000 - behind, now_ms), behind * 500);
    }
}
END_TEST

START_TEST(a_lower_leader_position_starts_anew)
{
    struct lag_history history = {0};

    note(&history, 100, 1000);
    note(&history, 90, 1500);
    ck_assert_uint_eq(history.count, 1);
    ck_assert_uint_eq(lag(&history, 90, 1600), 0);
    ck_assert_uint_eq(lag(&history, 80, 1600), 100);
    lag_clear(&history);
    ck_assert_uint_eq(lag(&history, 90, 1600), UINT32_MAX);
}
END_TEST

START_TEST(each_domain_counts)
{
    struct lag_history history = {0};
    struct gtid_vector leader = {.count = 2, .slots = {{0, 1, 5}, {7, 1, 9}}};
    struct gtid_vector half = {.count = 1, .slots = {{0, 1, 5}}};

    lag_note(&history, &half, 1000);
    lag_note(&history, &leader, 2000);
    ck_assert_uint_eq(lag_of(&history, &half, 2300, true), 300);
    ck_assert_uint_eq(lag_of(&history, &leader, 2300, true), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lag");
    TCase *tcase = tcase_create("lag");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, nothing_is_known_without_notes);
    tcase_add_test(tcase, lag_is_the_age_of_the_oldest_note_not_confirmed);
    tcase_add_test(tcase, an_idle_leader_makes_no_lag_however_long);
    tcase_add_test(tcase, time_stands_still_while_the_leader_is_gone);
    tcase_add_test(tcase, a_full_history_still_knows_long_lag);
    tcase_add_test(tcase, a_lower_leader_position_starts_anew);
    tcase_add_test(tcase, each_domain_counts);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
