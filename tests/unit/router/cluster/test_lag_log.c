/* Lag from the transactions of the leader's log: exact while there is room, coarser when it is old.
 */
#include "router/cluster/lag_log.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct lag_log lag;

static void teardown(void)
{
    lag_log_clear(&lag);
}

static struct gtid_vector position(const char *text)
{
    struct gtid_vector vector;

    ck_assert_int_eq(gtid_vector_parse(span_text(text), &vector), 0);
    return vector;
}

static void base(const char *text, uint64_t us)
{
    struct gtid_vector vector = position(text);

    lag_log_base(&lag, &vector, us);
}

static void add(uint32_t domain, uint64_t seq, uint64_t us)
{
    struct gtid gtid = {.domain = domain, .server = 1, .seq = seq};

    lag_log_add(&lag, &gtid, us);
}

static struct lag_found find(const char *confirmed, uint64_t now_us)
{
    struct gtid_vector vector = position(confirmed);
    struct lag_found found;

    lag_log_find(&lag, &vector, now_us, &found);
    return found;
}

static void expect(const char *confirmed, uint64_t now_us, uint64_t lag_us, uint64_t transactions)
{
    struct lag_found found = find(confirmed, now_us);

    ck_assert_msg(found.lag_us == lag_us && found.transactions == transactions,
                  "%s: %llu us, %llu transactions", confirmed, (unsigned long long)found.lag_us,
                  (unsigned long long)found.transactions);
}

START_TEST(nothing_known_is_no_lag)
{
    ck_assert(!lag_log_known(&lag));
    expect("0-1-5", 100, 0, 0);
}
END_TEST

START_TEST(the_oldest_missing_one_counts)
{
    base("0-1-10", 1000);
    ck_assert(lag_log_known(&lag));
    expect("0-1-10", 9000, 0, 0);
    add(0, 11, 10000);
    add(0, 12, 20000);
    add(0, 13, 30000);
    expect("0-1-10", 50000, 40000, 3);
    expect("0-1-11", 50000, 30000, 2);
    expect("0-1-12", 50000, 20000, 1);
    expect("0-1-13", 50000, 0, 0);
    expect("0-1-99", 50000, 0, 0); /* it shows more than has come to us */
    ck_assert(!find("0-1-10", 50000).older);
}
END_TEST

START_TEST(transactions_of_one_millisecond_share_an_entry)
{
    base("0-1-0", 0);
    for (uint64_t seq = 1; seq <= 2000; seq++)
        add(0, seq, 10000 + seq * 10);
    ck_assert_uint_le(lag.domains[0]->count, 21);
    for (uint64_t seq = 0; seq < 2000; seq += 37) {
        char text[32];
        struct lag_found found;
        uint64_t exact_us = 100000 - (10000 + (seq + 1) * 10);

        snprintf(text, sizeof(text), "0-1-%llu", (unsigned long long)seq);
        found = find(text, 100000);
        ck_assert_uint_eq(found.transactions, 2000 - seq);
        ck_assert_uint_le(found.lag_us, exact_us + 20);
        ck_assert_uint_ge(found.lag_us + 20, exact_us);
    }
}
END_TEST

START_TEST(gaps_in_the_numbers_are_not_counted)
{
    base("0-1-10", 0);
    add(0, 100, 5000);
    add(0, 200, 10000);
    expect("0-1-10", 20000, 15000, 2);
    expect("0-1-99", 20000, 15000, 2);
    expect("0-1-100", 20000, 10000, 1);
    add(0, 300, 15000);
    add(0, 400, 15100); /* of one millisecond */
    expect("0-1-10", 20000, 15000, 4);
    expect("0-1-200", 20000, 5000, 2);
}
END_TEST

START_TEST(domains_add_up_and_the_worst_counts)
{
    base("0-1-10,1-1-5", 0);
    add(0, 11, 5000);
    add(1, 6, 7000);
    add(1, 7, 9000);
    add(2, 40, 11000); /* a new one: it begins with what came first */
    expect("0-1-10,1-1-5", 20000, 15000, 4);
    expect("0-1-11,1-1-5", 20000, 13000, 3);
    expect("0-1-11,1-1-7", 20000, 9000, 1);
    expect("0-1-11,1-1-7,2-1-40", 20000, 0, 0);
}
END_TEST

START_TEST(what_is_older_than_the_stream_is_said)
{
    struct lag_found found;

    base("0-1-10,1-1-3", 5000);
    found = find("0-1-7,1-1-3", 9000);
    ck_assert(found.older);
    ck_assert_uint_eq(found.older_domain, 0);
    ck_assert_uint_eq(found.older_seq, 7);
    ck_assert_uint_eq(found.lag_us, 4000); /* at least that */
    ck_assert_uint_eq(found.transactions, 3);
    add(0, 11, 8000);
    ck_assert_uint_eq(find("0-1-7,1-1-3", 9000).transactions, 4);
    lag_log_seed(&lag, 0, 8, 1000);
    found = find("0-1-7,1-1-3", 9000);
    ck_assert(!found.older);
    ck_assert_uint_eq(found.lag_us, 8000);
    ck_assert_uint_eq(found.transactions, 4);
    expect("0-1-10,1-1-3", 9000, 1000, 1);
    lag_log_seed(&lag, 0, 8, 10); /* known by now */
    ck_assert_uint_eq(find("0-1-7,1-1-3", 9000).lag_us, 8000);
    lag_log_seed(&lag, 7, 8, 10); /* no such domain */
    lag_log_seed(&lag, 0, 2, 500);
    expect("0-1-1,1-1-3", 9000, 8500, 10);
}
END_TEST

START_TEST(what_was_missed_between_two_streams_is_spread)
{
    base("0-1-10", 0);
    add(0, 11, 1000000);
    base("0-1-21", 2000000); /* ten transactions in one second */
    add(0, 22, 3000000);
    expect("0-1-10", 4000000, 3000000, 12);
    expect("0-1-21", 4000000, 1000000, 1);
    struct lag_found found = find("0-1-15", 4000000);
    ck_assert_uint_eq(found.transactions, 7);
    ck_assert_uint_ge(found.lag_us, 2400000);
    ck_assert_uint_le(found.lag_us, 2700000);
}
END_TEST

START_TEST(a_leader_that_lost_something_begins_anew)
{
    base("0-1-10,1-1-1", 0);
    add(0, 11, 1000);
    add(1, 2, 1000);
    base("0-1-9", 5000);
    expect("0-1-9", 9000, 0, 0); /* domain 1 is gone, 10 and 11 never were */
    add(0, 10, 6000);
    expect("0-1-9", 9000, 3000, 1);
}
END_TEST

START_TEST(old_and_backward_news_changes_nothing)
{
    base("0-1-10", 0);
    add(0, 11, 5000);
    add(0, 11, 9000);
    add(0, 9, 9000);
    add(0, 12, 4000); /* the clock is never turned back */
    expect("0-1-10", 10000, 5000, 2);
    expect("0-1-11", 10000, 5000, 1);
}
END_TEST

/* Bursts of ten, 1.1 ms apart, each 20 ms. */
static uint64_t burst_us(uint64_t seq)
{
    return seq / 10 * 20000 + seq % 10 * 1100;
}

static void recent_is_exact(uint64_t newest)
{
    char text[32];

    for (uint64_t seq = newest - 1000; seq < newest; seq += 13) {
        snprintf(text, sizeof(text), "0-1-%llu", (unsigned long long)seq);
        expect(text, burst_us(newest), burst_us(newest) - burst_us(seq + 1), newest - seq);
    }
}

/* An hour of them does not fit: the recent past stays exact, and the error grows with the age. */
START_TEST(memory_is_bounded_and_errors_stay_small)
{
    const uint64_t count = 2000000;
    const uint64_t now_us = burst_us(count);

    base("0-1-0", 0);
    for (uint64_t seq = 1; seq <= count; seq++) {
        unsigned before = seq > 1 ? lag.domains[0]->count : 0;

        add(0, seq, burst_us(seq));
        if (lag.domains[0]->count < before)
            recent_is_exact(seq); /* some were joined just now */
    }
    ck_assert_uint_le(lag.domains[0]->count, LAG_LOG_ENTRIES);
    for (uint64_t missing = 1; missing < count; missing = missing * 3 + 1) {
        char text[32];
        struct lag_found found;
        uint64_t exact_us = now_us - burst_us(count - missing + 1);
        uint64_t error_us = missing < 2000 ? 0 : exact_us / 100;

        snprintf(text, sizeof(text), "0-1-%llu", (unsigned long long)(count - missing));
        found = find(text, now_us);
        ck_assert_uint_eq(found.transactions, missing);
        ck_assert_uint_le(found.lag_us, exact_us + error_us);
        ck_assert_uint_ge(found.lag_us + error_us, exact_us);
    }
}
END_TEST

START_TEST(more_domains_than_room_are_left_out)
{
    for (uint32_t domain = 0; domain < GTID_DOMAINS_MAX + 5; domain++)
        add(domain, 1, 1000);
    ck_assert_uint_eq(lag.count, GTID_DOMAINS_MAX);
    expect("", 2000, 1000, GTID_DOMAINS_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lag_log");
    TCase *tcase = tcase_create("lag_log");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, nothing_known_is_no_lag);
    tcase_add_test(tcase, the_oldest_missing_one_counts);
    tcase_add_test(tcase, transactions_of_one_millisecond_share_an_entry);
    tcase_add_test(tcase, gaps_in_the_numbers_are_not_counted);
    tcase_add_test(tcase, domains_add_up_and_the_worst_counts);
    tcase_add_test(tcase, what_is_older_than_the_stream_is_said);
    tcase_add_test(tcase, what_was_missed_between_two_streams_is_spread);
    tcase_add_test(tcase, a_leader_that_lost_something_begins_anew);
    tcase_add_test(tcase, old_and_backward_news_changes_nothing);
    tcase_add_test(tcase, memory_is_bounded_and_errors_stay_small);
    tcase_add_test(tcase, more_domains_than_room_are_left_out);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
