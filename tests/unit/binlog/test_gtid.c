/* GTIDs as text and as vectors. */
#include "binlog/gtid.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

static const struct {
    const char *text;
    int result;
    struct gtid gtid;
} gtid_texts[] = {
    {"0-1-5", 0, {0, 1, 5}},
    {"4294967295-4294967295-18446744073709551615", 0, {UINT32_MAX, UINT32_MAX, UINT64_MAX}},
    {"00-01-0005", 0, {0, 1, 5}},
    {"", -EINVAL, {0}},
    {"0-1", -EINVAL, {0}},
    {"0-1-", -EINVAL, {0}},
    {"-1-5", -EINVAL, {0}},
    {"0--1-5", -EINVAL, {0}},
    {"0-1-5 ", -EINVAL, {0}},
    {" 0-1-5", -EINVAL, {0}},
    {"0-1-5,", -EINVAL, {0}},
    {"0-1-5-6", -EINVAL, {0}},
    {"+0-1-5", -EINVAL, {0}},
    {"4294967296-1-5", -EINVAL, {0}},
    {"0-4294967296-5", -EINVAL, {0}},
    {"0-1-18446744073709551616", -EINVAL, {0}},
    {"0-1-99999999999999999999999", -EINVAL, {0}},
    {"0x1-1-5", -EINVAL, {0}},
    {"a-b-c", -EINVAL, {0}},
};

START_TEST(a_gtid_is_read_whole_or_refused)
{
    struct gtid gtid = {7, 7, 7};

    ck_assert_int_eq(gtid_parse(span_text(gtid_texts[_i].text), &gtid), gtid_texts[_i].result);
    if (gtid_texts[_i].result < 0)
        gtid = gtid_texts[_i].gtid; /* nothing to compare */
    ck_assert_uint_eq(gtid.domain, gtid_texts[_i].gtid.domain);
    ck_assert_uint_eq(gtid.server, gtid_texts[_i].gtid.server);
    ck_assert_uint_eq(gtid.seq, gtid_texts[_i].gtid.seq);
}
END_TEST

START_TEST(the_longest_gtid_prints_and_reads_back)
{
    const struct gtid gtid = {UINT32_MAX, UINT32_MAX, UINT64_MAX};
    struct gtid back;
    char text[GTID_TEXT_MAX];

    ck_assert_uint_eq(gtid_print(&gtid, text),
                      strlen("4294967295-4294967295-18446744073709551615"));
    ck_assert_str_eq(text, "4294967295-4294967295-18446744073709551615");
    ck_assert_int_eq(gtid_parse(span_text(text), &back), 0);
    ck_assert_mem_eq(&gtid, &back, sizeof(gtid));
}
END_TEST

static const struct {
    const char *text;
    int result;
    const char *printed;
} vector_texts[] = {
    {"", 0, ""},
    {" \n ", 0, ""},
    {"0-1-5", 0, "0-1-5"},
    {"7-2-9,0-1-5", 0, "0-1-5,7-2-9"},
    {"0-1-5,\n1-2-9", 0, "0-1-5,1-2-9"},
    {" 0-1-5 , 1-2-9 ", 0, "0-1-5,1-2-9"},
    {"0-1-5,0-2-9", 0, "0-2-9"},
    {"0-2-9,0-1-5", 0, "0-2-9"},
    {",", -EINVAL, NULL},
    {"0-1-5,", -EINVAL, NULL},
    {"0-1-5,,1-1-1", -EINVAL, NULL},
    {"0-1-5 1-1-1", -EINVAL, NULL},
    {"0-1-5;1-1-1", -EINVAL, NULL},
    {"0-1-1,1-1-1,2-1-1,3-1-1,4-1-1,5-1-1,6-1-1,7-1-1,8-1-1,9-1-1,10-1-1,11-1-1,12-1-1,13-1-1,"
     "14-1-1,15-1-1",
     0,
     "0-1-1,1-1-1,2-1-1,3-1-1,4-1-1,5-1-1,6-1-1,7-1-1,8-1-1,9-1-1,10-1-1,11-1-1,12-1-1,13-1-1,"
     "14-1-1,15-1-1"},
    {"0-1-1,1-1-1,2-1-1,3-1-1,4-1-1,5-1-1,6-1-1,7-1-1,8-1-1,9-1-1,10-1-1,11-1-1,12-1-1,13-1-1,"
     "14-1-1,15-1-1,16-1-1",
     -E2BIG, NULL},
};

START_TEST(a_list_becomes_a_sorted_vector_or_is_refused)
{
    struct gtid_vector vector;
    char printed[1024];

    ck_assert_int_eq(gtid_vector_parse(span_text(vector_texts[_i].text), &vector),
                     vector_texts[_i].result);
    if (vector_texts[_i].result == -E2BIG) {
        ck_assert_int_eq(gtid_vector_parse_part(span_text(vector_texts[_i].text), &vector), 1);
        ck_assert_uint_eq(vector.count, GTID_DOMAINS_MAX);
    } else {
        ck_assert_int_eq(gtid_vector_parse_part(span_text(vector_texts[_i].text), &vector),
                         vector_texts[_i].result);
    }
    if (vector_texts[_i].result == 0) {
        ck_assert_uint_eq(gtid_vector_print(&vector, printed, sizeof(printed)),
                          strlen(vector_texts[_i].printed));
        ck_assert_str_eq(printed, vector_texts[_i].printed);
    }
}
END_TEST

/* How it is cut, each GTID with a bar behind it, and how it ends. */
static const struct {
    const char *text;
    const char *cut;
    int end;
} lists[] = {
    {"", "", 0},
    {" \n\t\r ", "", 0},
    {"0-1-5", "0-1-5|", 0},
    {"0-1-99,0-2-103", "0-1-99|0-2-103|", 0},
    {"0-2-103,0-1-99,0-2-7", "0-2-103|0-1-99|0-2-7|", 0},
    {" 0-1-99 ,\n1-2-103\n", "0-1-99|1-2-103|", 0},
    {"7-1-1,6-1-1,5-1-1,4-1-1,3-1-1,2-1-1,1-1-1,0-1-1,17-1-1,16-1-1,15-1-1,14-1-1,13-1-1,12-1-1,"
     "11-1-1,10-1-1,9-1-1,8-1-1",
     "7-1-1|6-1-1|5-1-1|4-1-1|3-1-1|2-1-1|1-1-1|0-1-1|17-1-1|16-1-1|15-1-1|14-1-1|13-1-1|12-1-1|"
     "11-1-1|10-1-1|9-1-1|8-1-1|",
     0},
    {",", "", -EINVAL},
    {"0-1-5,", "", -EINVAL},
    {"0-1-5, \n", "", -EINVAL},
    {"0-1-5,,0-2-6", "0-1-5|", -EINVAL},
    {"0-1-5 0-2-6", "", -EINVAL},
    {"0-1-5,0-2-6,x", "0-1-5|0-2-6|", -EINVAL},
    {"0-1-5,0-2", "0-1-5|", -EINVAL},
    {"0-1-18446744073709551616", "", -EINVAL},
};

START_TEST(a_list_is_cut_in_order_with_all_that_it_names_twice)
{
    struct span text = span_text(lists[_i].text);
    struct gtid gtid;
    char cut[1024] = "";
    size_t len = 0;
    int more;

    while ((more = gtid_list_next(&text, &gtid)) > 0) {
        len += gtid_print(&gtid, cut + len);
        cut[len++] = '|';
        cut[len] = '\0';
        ck_assert_uint_lt(len, sizeof(cut) - GTID_TEXT_MAX);
    }
    ck_assert_int_eq(more, lists[_i].end);
    ck_assert_str_eq(cut, lists[_i].cut);
    if (more == 0)
        ck_assert_int_eq(gtid_list_next(&text, &gtid), 0); /* an end is an end */
}
END_TEST

START_TEST(printing_is_cut_at_every_size_and_terminated)
{
    struct gtid_vector vector;
    const char *whole = "0-1-5,1-2-9";

    ck_assert_int_eq(gtid_vector_parse(span_text(whole), &vector), 0);
    for (size_t size = 1; size <= strlen(whole) + 1; size++) {
        char out[32];
        size_t len;

        memset(out, 'x', sizeof(out));
        len = gtid_vector_print(&vector, out, size);
        ck_assert_uint_eq(len, size - 1);
        ck_assert(strncmp(out, whole, size - 1) == 0);
        ck_assert_int_eq(out[size - 1], '\0');
        ck_assert_int_eq(out[size], 'x');
    }
}
END_TEST

static const struct {
    const char *have;
    const char *required;
    bool covers;
} coverings[] = {
    {"", "", true},
    {"0-1-5", "", true},
    {"", "0-1-1", false},
    {"0-1-5", "0-1-5", true},
    {"0-1-5", "0-2-5", true}, /* sequences alone are compared */
    {"0-1-4", "0-1-5", false},
    {"0-1-6", "0-1-5", true},
    {"0-1-6", "0-1-5,1-1-1", false},
    {"0-1-6,1-1-1", "0-1-5,1-1-1", true},
    {"0-1-6,1-1-1,2-1-1", "1-1-1", true},
    {"", "0-1-0", true}, /* nothing at all is asked of that domain */
};

START_TEST(a_vector_covers_another_when_it_is_at_least_it_in_each_domain)
{
    struct gtid_vector have;
    struct gtid_vector required;

    ck_assert_int_eq(gtid_vector_parse(span_text(coverings[_i].have), &have), 0);
    ck_assert_int_eq(gtid_vector_parse(span_text(coverings[_i].required), &required), 0);
    ck_assert_int_eq(gtid_vector_covers(&have, &required), coverings[_i].covers);
}
END_TEST

START_TEST(raising_keeps_the_higher_sequence_and_its_server)
{
    struct gtid_vector vector = {0};

    ck_assert_int_eq(gtid_vector_raise(&vector, &(struct gtid){0, 1, 5}), 0);
    ck_assert_int_eq(gtid_vector_raise(&vector, &(struct gtid){0, 2, 4}), 0);
    ck_assert_uint_eq(vector.slots[0].server, 1);
    ck_assert_int_eq(gtid_vector_raise(&vector, &(struct gtid){0, 2, 6}), 0);
    ck_assert_uint_eq(vector.slots[0].server, 2);
    ck_assert_uint_eq(gtid_vector_seq(&vector, 0), 6);
    ck_assert_uint_eq(gtid_vector_seq(&vector, 1), 0);
}
END_TEST

START_TEST(merging_into_a_full_vector_still_raises_the_domains_that_are_there)
{
    struct gtid_vector full = {0};
    struct gtid_vector more = {0};

    for (uint32_t domain = 0; domain < GTID_DOMAINS_MAX; domain++)
        ck_assert_int_eq(gtid_vector_raise(&full, &(struct gtid){domain, 1, 1}), 0);
    ck_assert_int_eq(gtid_vector_raise(&more, &(struct gtid){3, 1, 9}), 0);
    ck_assert_int_eq(gtid_vector_raise(&more, &(struct gtid){99, 1, 9}), 0);
    ck_assert_int_eq(gtid_vector_merge(&full, &more), -E2BIG);
    ck_assert_uint_eq(gtid_vector_seq(&full, 3), 9);
    ck_assert_uint_eq(gtid_vector_seq(&full, 99), 0);
    ck_assert_uint_eq(full.count, GTID_DOMAINS_MAX);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(table[0])))

int main(void)
{
    Suite *suite = suite_create("gtid");
    TCase *tcase = tcase_create("gtid");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, a_gtid_is_read_whole_or_refused, 0, COUNT(gtid_texts));
    tcase_add_test(tcase, the_longest_gtid_prints_and_reads_back);
    tcase_add_loop_test(tcase, a_list_becomes_a_sorted_vector_or_is_refused, 0,
                        COUNT(vector_texts));
    tcase_add_loop_test(tcase, a_list_is_cut_in_order_with_all_that_it_names_twice, 0,
                        COUNT(lists));
    tcase_add_test(tcase, printing_is_cut_at_every_size_and_terminated);
    tcase_add_loop_test(tcase, a_vector_covers_another_when_it_is_at_least_it_in_each_domain, 0,
                        COUNT(coverings));
    tcase_add_test(tcase, raising_keeps_the_higher_sequence_and_its_server);
    tcase_add_test(tcase, merging_into_a_full_vector_still_raises_the_domains_that_are_there);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
