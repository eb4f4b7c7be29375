/* How values that a server told are written so that another connection gets the same; the types are
 * those that a MariaDB 10.11 shows in information_schema.USER_VARIABLES. */
#include "router/user_var_value.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *type;
    const char *collation;
    const char *text;    /* NULL: the value is */
    const char *literal; /* NULL: there is none */
} values[] = {
    {"INT", "binary", "-5", "CAST(-5 AS SIGNED)"},
    {"INT UNSIGNED", "binary", "18446744073709551615", "CAST(18446744073709551615 AS UNSIGNED)"},
    {"DECIMAL", "binary", "-1.50", "-1.50"},
    {"DECIMAL", "binary", "7", "CAST(7 AS DECIMAL(65))"},
    {"DOUBLE", "binary", "0.30000000000000004", "0.30000000000000004e0"},
    {"DOUBLE", "binary", "1e300", "1e300"},
    {"INT", "binary", NULL, "CAST(NULL AS SIGNED)"},
    {"DOUBLE", "binary", NULL, "CAST(NULL AS DOUBLE)"},
    {"DECIMAL", "binary", NULL, "CAST(NULL AS DECIMAL(65))"},
    {"VARCHAR", "utf8mb4_general_ci", "C3A9", "_utf8mb4 x'C3A9' COLLATE utf8mb4_general_ci"},
    {"VARCHAR", "latin1_bin", "", "_latin1 x'' COLLATE latin1_bin"},
    {"VARCHAR", "binary", "00FF", "_binary x'00FF'"},
    {"VARCHAR", "latin1_bin", NULL, "CONVERT(NULL USING latin1) COLLATE latin1_bin"},
    {"VARCHAR", "binary", NULL, "CONVERT(NULL USING binary)"},
    {"VARCHAR", "latin1_bin", "0'", NULL},
    {"VARCHAR", "latin1_bin", "000", NULL},
    {"VARCHAR", "latin1' x", "00", NULL},
    {"VARCHAR", "", "00", NULL},
    {"INT", "binary", "1, @x", NULL},
    {"INT", "binary", "", NULL},
    {"TIMESTAMP", "binary", "1", NULL},
};

START_TEST(a_value_is_written_with_its_type)
{
    const char *text = values[_i].text;
    struct buf literal = {0};
    bool written = user_var_literal(span_text(values[_i].type), span_text(values[_i].collation),
                                    text ? span_text(text) : (struct span){0}, &literal);
    ck_assert(written == (values[_i].literal != NULL));
    if (written)
        ck_assert(span_equal(buf_span(&literal), span_text(values[_i].literal)));
    buf_free(&literal);
}
END_TEST

START_TEST(what_is_long_is_left_to_the_server)
{
    char text[2051];
    struct buf literal = {0};
    memset(text, '0', sizeof(text));
    text[2050] = '\0';
    ck_assert(
        !user_var_literal(span_text("VARCHAR"), span_text("binary"), span_text(text), &literal));
    text[2048] = '\0';
    ck_assert(
        user_var_literal(span_text("VARCHAR"), span_text("binary"), span_text(text), &literal));
    buf_free(&literal);
}
END_TEST

START_TEST(names_are_quoted)
{
    struct buf sql = {0};
    user_var_cells_sql(&sql, span_text("a`b"), span_text("INT"));
    buf_append_u8(&sql, 0);
    ck_assert(strstr((const char *)sql.data, "x'616062', x'494e54', "));
    ck_assert(strstr((const char *)sql.data, "COLLATION(@`a``b`)"));
    ck_assert(strstr((const char *)sql.data, "(@`a``b`), "));
    buf_free(&sql);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("user_var_value");
    TCase *tcase = tcase_create("user_var_value");
    tcase_add_loop_test(tcase, a_value_is_written_with_its_type, 0,
                        (int)(sizeof(values) / sizeof(values[0])));
    tcase_add_test(tcase, what_is_long_is_left_to_the_server);
    tcase_add_test(tcase, names_are_quoted);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
