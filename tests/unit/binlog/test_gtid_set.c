/* Sets of GTIDs of both kinds: text, sums, differences, containment. */
#include "binlog/gtid_set.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#define U1 "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define U2 "4e11fa47-71ca-11e1-9e33-c80aa9429562"

static void set_is(const struct gtid_set *set, const char *expected)
{
    struct buf text = {0};

    gtid_set_print(set, &text);
    buf_append_u8(&text, 0);
    ck_assert_str_eq((const char *)text.data, expected);
    buf_free(&text);
}

static void set_of(struct gtid_set *set, const char *text)
{
    gtid_set_init(set, strstr(text, U1) != NULL || strstr(text, U2) != NULL ? GTID_SET_MYSQL
                                                                            : GTID_SET_MARIADB);
    ck_assert_int_eq(gtid_set_parse(set, span_text(text)), 0);
}

static const struct {
    int kind;
    const char *text;
    int result;
    const char *printed;
} texts[] = {
    {GTID_SET_MARIADB, "", 0, ""},
    {GTID_SET_MARIADB, " 0-1-100 ,\n1-2-7 ", 0, "0-1-100,1-2-7"},
    {GTID_SET_MARIADB, "5-1-1,0-1-1", 0, "0-1-1,5-1-1"},
    {GTID_SET_MARIADB, "0-1-100,0-2-90", 0, "0-1-100"},
    {GTID_SET_MARIADB, "0-1-100,0-2-110", 0, "0-2-110"},
    {GTID_SET_MARIADB, "0-1-10:12-15:11", 0, "0-1-15"},
    {GTID_SET_MARIADB, "0-1-10:12-15", 0, "0-1-10:12-15"},
    {GTID_SET_MARIADB, "0-1-0:5", 0, "0-1-0:5"},
    {GTID_SET_MARIADB, "0-1-0", 0, ""},
    {GTID_SET_MARIADB, "0-1-18446744073709551615", 0, "0-1-18446744073709551615"},
    {GTID_SET_MARIADB, "0-1-18446744073709551616", -EINVAL, NULL},
    {GTID_SET_MARIADB, "0-1", -EINVAL, NULL},
    {GTID_SET_MARIADB, "0-1-5,", -EINVAL, NULL},
    {GTID_SET_MARIADB, "0-1-5:9-7", -EINVAL, NULL},
    {GTID_SET_MARIADB, "0-1-5:0", -EINVAL, NULL},
    {GTID_SET_MARIADB, "0-1-5:x", -EINVAL, NULL},
    {GTID_SET_MARIADB, U1 ":1", -EINVAL, NULL},
    {GTID_SET_MYSQL, "", 0, ""},
    {GTID_SET_MYSQL, U1 ":1-5:7", 0, U1 ":1-5:7"},
    {GTID_SET_MYSQL, U2 ":3,\n " U1 " : 7 : 1-5 : 6", 0, U1 ":1-7," U2 ":3"},
    {GTID_SET_MYSQL, "3E11FA4771CA11E19E33C80AA9429562:1", 0, U1 ":1"},
    {GTID_SET_MYSQL, U1 ":1-2," U1 ":3-4", 0, U1 ":1-4"},
    {GTID_SET_MYSQL, U1 ":9223372036854775807", 0, U1 ":9223372036854775807"},
    {GTID_SET_MYSQL, U1 ":9223372036854775808", -EINVAL, NULL},
    {GTID_SET_MYSQL, U1, -EINVAL, NULL},
    {GTID_SET_MYSQL, U1 ":", -EINVAL, NULL},
    {GTID_SET_MYSQL, U1 ":0", -EINVAL, NULL},
    {GTID_SET_MYSQL, U1 ":5-", -EINVAL, NULL},
    {GTID_SET_MYSQL, U1 ":tag:1-5", -ENOTSUP, NULL},
    {GTID_SET_MYSQL, "3e11fa4771ca-11e1-9e33-c80aa9429562:1", -EINVAL, NULL},
    {GTID_SET_MYSQL, "0-1-5", -EINVAL, NULL},
};

START_TEST(a_set_reads_and_prints_or_is_refused)
{
    struct gtid_set set;

    gtid_set_init(&set, (enum gtid_set_kind)texts[_i].kind);
    ck_assert_int_eq(gtid_set_parse(&set, span_text(texts[_i].text)), texts[_i].result);
    if (texts[_i].result == 0)
        set_is(&set, texts[_i].printed);
    else
        ck_assert(gtid_set_is_empty(&set));
    gtid_set_free(&set);
}
END_TEST

static const struct {
    const char *a;
    const char *b;
    const char *sum;
    const char *difference;
    bool a_contains_b;
} pairs[] = {
    {"0-1-10", "0-2-12", "0-2-12", "", false},
    {"0-1-12", "0-1-10", "0-1-12", "0-1-0:11-12", true},
    {"0-1-12", "1-1-1", "0-1-12,1-1-1", "0-1-12", false},
    {"0-1-12,1-1-5", "0-1-0:5,1-1-5", "0-1-12,1-1-5", "0-1-4:6-12", true},
    {"0-1-3:10-12", "0-1-0:4-9", "0-1-12", "0-1-3:10-12", false},
    {"0-1-3:10-12:20-22", "0-1-0:2-21", "0-1-22", "0-1-1:22", false},
    {"0-1-18446744073709551615", "0-1-5", "0-1-18446744073709551615",
     "0-1-0:6-18446744073709551615", true},
    {"0-1-12", "0-1-12", "0-1-12", "", true},
    {"0-1-12", "", "0-1-12", "0-1-12", true},
    {U1 ":1-5:7", U1 ":6", U1 ":1-7", U1 ":1-5:7", false},
    {U1 ":1-5:7," U2 ":1", U1 ":2-3:7", U1 ":1-5:7," U2 ":1", U1 ":1:4-5," U2 ":1", true},
    {U1 ":1-5", U2 ":1-5", U1 ":1-5," U2 ":1-5", U1 ":1-5", false},
};

START_TEST(sets_add_subtract_and_contain)
{
    struct gtid_set a;
    struct gtid_set b;
    struct gtid_set result;

    set_of(&a, pairs[_i].a);
    set_of(&b, pairs[_i].b);
    gtid_set_init(&result, a.kind);
    gtid_set_copy(&result, &a);
    ck_assert(gtid_set_equal(&result, &a));
    gtid_set_union(&result, &b);
    set_is(&result, pairs[_i].sum);
    ck_assert(gtid_set_contains(&result, &a));
    ck_assert(gtid_set_contains(&result, &b));
    gtid_set_copy(&result, &a);
    gtid_set_subtract(&result, &b);
    set_is(&result, pairs[_i].difference);
    ck_assert(gtid_set_contains(&a, &result));
    ck_assert_int_eq(gtid_set_contains(&a, &b), pairs[_i].a_contains_b);
    gtid_set_free(&a);
    gtid_set_free(&b);
    gtid_set_free(&result);
}
END_TEST

START_TEST(sets_of_two_kinds_have_nothing_in_common)
{
    struct gtid_set a;
    struct gtid_set b;

    set_of(&a, "0-1-5");
    set_of(&b, U1 ":1-5");
    gtid_set_union(&a, &b);
    gtid_set_subtract(&a, &b);
    set_is(&a, "0-1-5");
    ck_assert(!gtid_set_contains(&a, &b));
    ck_assert(!gtid_set_equal(&a, &b));
    gtid_set_free(&a);
    gtid_set_free(&b);
}
END_TEST

START_TEST(one_gtid_after_the_other_is_added_and_found)
{
    struct gtid_set set;
    uint8_t uuid[GTID_UUID_BYTES];

    gtid_set_init(&set, GTID_SET_MARIADB);
    gtid_set_add(&set, &(struct gtid){0, 1, 1});
    gtid_set_add(&set, &(struct gtid){0, 2, 3});
    gtid_set_add(&set, &(struct gtid){0, 1, 2});
    gtid_set_add(&set, &(struct gtid){0, 1, 0});
    set_is(&set, "0-2-3");
    ck_assert(gtid_set_has(&set, &(struct gtid){0, 9, 2}));
    ck_assert(!gtid_set_has(&set, &(struct gtid){0, 1, 4}));
    ck_assert(!gtid_set_has(&set, &(struct gtid){0, 1, 0}));
    ck_assert(!gtid_set_has(&set, &(struct gtid){1, 1, 1}));
    gtid_set_free(&set);
    gtid_set_init(&set, GTID_SET_MYSQL);
    ck_assert_int_eq(gtid_uuid_parse(span_text(U1), uuid), 0);
    gtid_set_add_uuid(&set, uuid, 5);
    gtid_set_add_uuid(&set, uuid, 4);
    set_is(&set, U1 ":4-5");
    ck_assert(gtid_set_has_uuid(&set, uuid, 4));
    ck_assert(!gtid_set_has_uuid(&set, uuid, 6));
    gtid_set_free(&set);
}
END_TEST

START_TEST(a_mariadb_set_gives_its_position)
{
    struct gtid_set set;
    struct gtid_vector position;
    char text[100];

    set_of(&set, "0-1-10:15,7-3-2");
    ck_assert_int_eq(gtid_set_position(&set, &position), 0);
    gtid_vector_print(&position, text, sizeof(text));
    ck_assert_str_eq(text, "0-1-15,7-3-2");
    gtid_set_free(&set);
}
END_TEST

START_TEST(a_text_tells_its_kind)
{
    ck_assert_int_eq(gtid_set_kind_of(span_text("0-1-5,1-1-1")), GTID_SET_MARIADB);
    ck_assert_int_eq(gtid_set_kind_of(span_text(U1 ":1-5")), GTID_SET_MYSQL);
    ck_assert_int_eq(gtid_set_kind_of(span_text(U1 ":tag:1-5")), GTID_SET_MYSQL);
    ck_assert_int_eq(gtid_set_kind_of(span_text("  ")), -ENODATA);
    ck_assert_int_eq(gtid_set_kind_of(span_text("nonsense")), -EINVAL);
}
END_TEST

/* count, then uuid, count of runs, first, last + 1 */
START_TEST(the_binary_form_reads_and_its_damage_is_refused)
{
    uint8_t bytes[8 + 16 + 8 + 16] = {1};
    struct gtid_set set;

    ck_assert_int_eq(gtid_uuid_parse(span_text(U1), bytes + 8), 0);
    bytes[24] = 1;
    bytes[32] = 1;
    bytes[40] = 6;
    gtid_set_init(&set, GTID_SET_MYSQL);
    ck_assert_int_eq(gtid_set_decode(&set, span_of(bytes, sizeof(bytes))), 0);
    set_is(&set, U1 ":1-5");
    for (size_t len = 0; len < sizeof(bytes); len++)
        ck_assert_int_eq(gtid_set_decode(&set, span_of(bytes, len)), -EINVAL);
    bytes[40] = 1; /* an empty run */
    ck_assert_int_eq(gtid_set_decode(&set, span_of(bytes, sizeof(bytes))), -EINVAL);
    bytes[7] = 1; /* the format with tags */
    ck_assert_int_eq(gtid_set_decode(&set, span_of(bytes, sizeof(bytes))), -ENOTSUP);
    set_is(&set, U1 ":1-5"); /* as before the failures */
    gtid_set_free(&set);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("gtid_set");
    Suite *suite = suite_create("gtid_set");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, a_set_reads_and_prints_or_is_refused, 0,
                        sizeof(texts) / sizeof(texts[0]));
    tcase_add_loop_test(cases, sets_add_subtract_and_contain, 0, sizeof(pairs) / sizeof(pairs[0]));
    tcase_add_test(cases, sets_of_two_kinds_have_nothing_in_common);
    tcase_add_test(cases, one_gtid_after_the_other_is_added_and_found);
    tcase_add_test(cases, a_mariadb_set_gives_its_position);
    tcase_add_test(cases, a_text_tells_its_kind);
    tcase_add_test(cases, the_binary_form_reads_and_its_damage_is_refused);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
