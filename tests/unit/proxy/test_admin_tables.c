/* The console's tables: building, merging, filtering, and the bytes of a result set. */
#include "proxy/admin_tables.h"
#include "proxy/proto/capability.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const two_columns[] = {"name", "value"};

static void add(struct admin_table *table, const char *name, const char *value)
{
    const char *const values[] = {name, value};
    if (table->column_count == 0)
        admin_table_columns(table, 2, two_columns);
    admin_table_row(table, 2, values);
}

START_TEST(rows_come_back_as_they_were_added)
{
    struct admin_table table = {0};
    ck_assert_uint_eq(admin_table_rows(&table), 0);
    add(&table, "a", "1");
    add(&table, "b", NULL);
    admin_table_span(&table, span_of("cdef", 1));
    admin_table_number(&table, UINT64_MAX);
    admin_table_span(&table, span_of(NULL, 0));
    admin_table_printf(&table, "%d of %s", 3, "x");
    ck_assert_uint_eq(admin_table_rows(&table), 4);
    ck_assert_str_eq(admin_table_at(&table, 0, 0), "a");
    ck_assert_str_eq(admin_table_at(&table, 0, 1), "1");
    ck_assert_ptr_null(admin_table_at(&table, 1, 1));
    ck_assert_str_eq(admin_table_at(&table, 2, 0), "c");
    ck_assert_str_eq(admin_table_at(&table, 2, 1), "18446744073709551615");
    ck_assert_str_eq(admin_table_at(&table, 3, 0), "");
    ck_assert_str_eq(admin_table_at(&table, 3, 1), "3 of x");
    admin_table_free(&table);
    ck_assert_uint_eq(admin_table_rows(&table), 0);
}
END_TEST

START_TEST(many_rows_grow_the_table)
{
    struct admin_table table = {0};
    char name[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        add(&table, name, "v");
    }
    ck_assert_uint_eq(admin_table_rows(&table), 5000);
    ck_assert_str_eq(admin_table_at(&table, 4999, 0), "n4999");
    admin_table_free(&table);
}
END_TEST

START_TEST(tables_of_several_workers_become_one)
{
    struct admin_table all = {0}, first = {0}, none = {0}, second = {0};
    add(&first, "a", "1");
    add(&second, "b", "2");
    add(&second, "c", NULL);
    admin_table_append_all(&all, &none);
    ck_assert_uint_eq(all.column_count, 0);
    admin_table_append_all(&all, &first);
    admin_table_append_all(&all, &none);
    admin_table_append_all(&all, &second);
    admin_table_free(&first);
    admin_table_free(&second);
    ck_assert_uint_eq(admin_table_rows(&all), 3);
    ck_assert_str_eq(all.columns[1], "value");
    ck_assert_str_eq(admin_table_at(&all, 0, 1), "1");
    ck_assert_str_eq(admin_table_at(&all, 2, 0), "c");
    ck_assert_ptr_null(admin_table_at(&all, 2, 1));
    admin_table_free(&all);
}
END_TEST

static const struct {
    const char *pattern;
    const char *text;
    bool matches;
} likes[] = {
    {"", "", true},
    {"", "a", false},
    {"a", "", false},
    {"%", "", true},
    {"%", "anything", true},
    {"a", "A", true},
    {"abc", "abd", false},
    {"a_c", "abc", true},
    {"a_c", "ac", false},
    {"%c", "abc", true},
    {"%b", "abc", false},
    {"a%", "abc", true},
    {"a%c", "ac", true},
    {"%b%", "abc", true},
    {"%x%", "abc", false},
    {"%ab%ab", "abxab", true},
    {"%ab", "aab", true},
    {"a%b%c", "axxbyyc", true},
    {"a%b%c", "axxcyyb", false},
    {"100\\%", "100%", true},
    {"100\\%", "1000", false},
    {"a\\_b", "a_b", true},
    {"a\\_b", "axb", false},
    {"\\", "\\", true},
    {"%%%a", "bca", true},
    {"_%", "", false},
    {"%_", "x", true},
};

START_TEST(like_matches_as_in_sql)
{
    ck_assert_msg(admin_like(likes[_i].pattern, likes[_i].text) == likes[_i].matches,
                  "'%s' LIKE '%s'", likes[_i].text, likes[_i].pattern);
}
END_TEST

START_TEST(filter_keeps_rows_with_a_matching_cell)
{
    struct admin_table table = {0};
    add(&table, "apple", "1");
    add(&table, "pear", NULL);
    add(&table, "plum", "apples");
    add(&table, "fig", "2");
    admin_table_filter(&table, "%APPLE%");
    ck_assert_uint_eq(admin_table_rows(&table), 2);
    ck_assert_str_eq(admin_table_at(&table, 0, 0), "apple");
    ck_assert_str_eq(admin_table_at(&table, 1, 0), "plum");
    admin_table_filter(&table, "nothing");
    ck_assert_uint_eq(admin_table_rows(&table), 0);
    admin_table_free(&table);
}
END_TEST

/* One column "a" with the rows "xy" and NULL, by the protocol page "resultset". */
static const uint8_t column_bytes[] = {
    1,    0,  0, 1, 1,                                        /* one column */
    23,   0,  0, 2, 3, 'd', 'e', 'f',  0, 0, 0,    1, 'a', 0, /* its definition */
    0x0c, 33, 0, 2, 0, 0,   0,   0xfd, 0, 0, 0x27, 0, 0,
};
static const uint8_t legacy_bytes[] = {
    5, 0, 0, 3, 0xfe, 0,   0,   2, 0,             /* EOF */
    3, 0, 0, 4, 2,    'x', 'y', 1, 0, 0, 5, 0xfb, /* the rows */
    5, 0, 0, 6, 0xfe, 0,   0,   2, 0,             /* EOF */
};
static const uint8_t deprecate_eof_bytes[] = {
    3, 0, 0, 3, 2,    'x', 'y', 1, 0, 0, 4, 0xfb, /* the rows */
    7, 0, 0, 5, 0xfe, 0,   0,   2, 0, 0, 0,       /* OK with 0xfe */
};

static void expect_encoded(uint64_t capabilities, const uint8_t *tail, size_t tail_len)
{
    static const char *const columns[] = {"a"};
    struct admin_table table = {0};
    admin_table_columns(&table, 1, columns);
    admin_table_text(&table, "xy");
    admin_table_text(&table, NULL);
    struct buf out = {0};
    admin_table_encode(&table, &out, capabilities);
    ck_assert_uint_eq(out.len, sizeof(column_bytes) + tail_len);
    ck_assert_mem_eq(out.data, column_bytes, sizeof(column_bytes));
    ck_assert_mem_eq(out.data + sizeof(column_bytes), tail, tail_len);
    buf_free(&out);
    admin_table_free(&table);
}

START_TEST(result_set_for_a_client_without_deprecate_eof)
{
    expect_encoded(CLIENT_PROTOCOL_41, legacy_bytes, sizeof(legacy_bytes));
}
END_TEST

START_TEST(result_set_for_a_client_with_deprecate_eof)
{
    expect_encoded(CLIENT_PROTOCOL_41 | CLIENT_DEPRECATE_EOF, deprecate_eof_bytes,
                   sizeof(deprecate_eof_bytes));
}
END_TEST

static Suite *admin_tables_suite(void)
{
    Suite *suite = suite_create("admin_tables");
    TCase *tables = tcase_create("tables");
    tcase_add_test(tables, rows_come_back_as_they_were_added);
    tcase_add_test(tables, many_rows_grow_the_table);
    tcase_add_test(tables, tables_of_several_workers_become_one);
    tcase_add_loop_test(tables, like_matches_as_in_sql, 0, (int)(sizeof(likes) / sizeof(likes[0])));
    tcase_add_test(tables, filter_keeps_rows_with_a_matching_cell);
    tcase_add_test(tables, result_set_for_a_client_without_deprecate_eof);
    tcase_add_test(tables, result_set_for_a_client_with_deprecate_eof);
    suite_add_tcase(suite, tables);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(admin_tables_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
