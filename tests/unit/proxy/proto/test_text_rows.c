/* Reading small answers whole: cut off anywhere, an error, none at all. */
#include "proxy/proto/text_rows.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

/* SELECT 'ab', NULL UNION ALL SELECT '', '1': definitions are passed over, whatever is in them. */
static const uint8_t answer[] = {
    1, 0, 0, 1, 2,                             /* two columns */
    3, 0, 0, 2, 'd',  'e', 'f',                /* … */
    3, 0, 0, 3, 'd',  'e', 'f',                /* … */
    4, 0, 0, 4, 2,    'a', 'b', 0xfb,          /* a row */
    3, 0, 0, 5, 0,    1,   '1',                /* a row */
    7, 0, 0, 6, 0xfe, 0,   0,   2,    0, 0, 0, /* the terminator */
};

START_TEST(rows_and_cells)
{
    struct text_rows rows;
    struct reader row;
    ck_assert_int_eq(text_rows_open(&rows, span_of(answer, sizeof(answer))), 1);
    ck_assert_uint_eq(rows.columns, 2);
    ck_assert(text_rows_next(&rows, &row));
    ck_assert(span_equal(text_rows_cell(&row), span_text("ab")));
    ck_assert_ptr_null(text_rows_cell(&row).data);
    ck_assert(!row.bad);
    ck_assert(text_rows_next(&rows, &row));
    struct span empty = text_rows_cell(&row);
    ck_assert(empty.data && empty.len == 0);
    ck_assert(span_equal(text_rows_cell(&row), span_text("1")));
    (void)text_rows_cell(&row);
    ck_assert(row.bad);
    ck_assert(!text_rows_next(&rows, &row));
}
END_TEST

START_TEST(a_beginning_is_not_enough)
{
    struct text_rows rows;
    for (size_t len = 0; len < sizeof(answer); len++)
        ck_assert_int_eq(text_rows_open(&rows, span_of(answer, len)), 0);
}
END_TEST

static const struct {
    uint8_t bytes[16];
    size_t len;
    int result;
} others[] = {
    {{3, 0, 0, 1, 0xff, 0x10, 0x04}, 7, -EREMOTEIO},
    {{7, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0}, 11, -EPROTO}, /* an OK */
    {{1, 0, 0, 1, 0xfb}, 5, -EPROTO},
    {{1, 0, 0, 1, 1, 0, 0, 0, 2, 3, 0, 0, 3, 0xff, 0, 0}, 16, -EREMOTEIO}, /* instead of a row */
};

START_TEST(what_is_no_such_answer)
{
    struct text_rows rows;
    ck_assert_int_eq(text_rows_open(&rows, span_of(others[_i].bytes, others[_i].len)),
                     others[_i].result);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text_rows");
    TCase *tcase = tcase_create("text_rows");
    tcase_add_test(tcase, rows_and_cells);
    tcase_add_test(tcase, a_beginning_is_not_enough);
    tcase_add_loop_test(tcase, what_is_no_such_answer, 0,
                        (int)(sizeof(others) / sizeof(others[0])));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
