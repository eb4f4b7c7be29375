/* Which user variables' values are known, and how other connections are given them. */
#include "router/classify.h"
#include "router/user_vars.h"

#include <check.h>
#include <stdlib.h>

static const struct {
    const char *set;
    unsigned mode;
    bool known;
    const char *replay; /* afterwards */
} sets[] = {
    {"SET @a = 1", 0, true, "SET @a=1"},
    {"set @a := -1.50 , @B='it''s', @c=NULL, @d=x'00ff', @e=0xAB, @f=TRUE, @g=1e3;", 0, true,
     "SET @a=-1.50, @B='it''s', @c=NULL, @d=x'00ff', @e=0xAB, @f=TRUE, @g=1e3"},
    {"SET @a = \"text\"", 0, true, "SET @a='text'"},
    {"SET @a = \"it's\"", 0, false, ""},
    {"SET @a = \"name\"", LEX_ANSI_QUOTES, false, ""},
    {"SET @a = 'back\\\\slash'", 0, false, ""},
    {"SET @a = _latin1'x'", 0, false, ""},
    {"SET @a = 'x' COLLATE utf8mb4_bin", 0, false, ""},
    {"SET @a = 1 + 1", 0, false, ""},
    {"SET @a = 'x' 'y'", 0, false, ""},
    {"SET @a = (SELECT 1)", 0, false, ""},
    {"SET @a = ?", 0, false, ""},
    {"SET @a = 1, @b = NOW()", 0, false, ""},
    {"SET @a = 1, sql_mode = ''", 0, false, ""},
    {"SET @a = 1; SELECT 1", 0, false, ""},
    {"SET @`a b` = 1", 0, false, ""},
    {"SELECT 1 INTO @a", 0, false, ""},
    {"SELECT @a := 1", 0, false, ""},
    {"SET @a = 'open", 0, false, ""},
};

START_TEST(literals_are_known)
{
    struct user_vars vars = {0};
    struct buf sql = {0};
    bool known = user_vars_note(&vars, span_text(sets[_i].set), sets[_i].mode, false, 1);
    ck_assert_msg(known == sets[_i].known, "%s", sets[_i].set);
    user_vars_replay(&vars, 0, &sql);
    ck_assert(span_equal(buf_span(&sql), span_text(sets[_i].replay)));
    buf_free(&sql);
    user_vars_free(&vars);
}
END_TEST

static bool knows(const struct user_vars *vars, const char *sql)
{
    return user_vars_known(vars, span_text(sql), 0);
}

START_TEST(reads_of_what_is_known)
{
    struct user_vars vars = {0};
    ck_assert(user_vars_note(&vars, span_text("SET @a = 1, @b = 'x'"), 0, false, 1));
    ck_assert(knows(&vars, "SELECT @a, @B FROM t"));
    ck_assert(!knows(&vars, "SELECT @a, @c"));
    ck_assert(!knows(&vars, "SELECT @`a`"));
    ck_assert(!knows(&vars, "SELECT @a, 'open"));
    ck_assert(!user_vars_note(&vars, span_text("SELECT @a := 2"), 0, false, 2));
    ck_assert(!knows(&vars, "SELECT @a"));
    ck_assert(knows(&vars, "SELECT @b"));
    ck_assert(user_vars_forget_texts(&vars));
    ck_assert(!user_vars_forget_texts(&vars));
    ck_assert(!knows(&vars, "SELECT @b"));
    ck_assert(user_vars_note(&vars, span_text("SET @a = 2"), 0, false, 3));
    ck_assert(knows(&vars, "SELECT @a"));
    ck_assert(!user_vars_note(&vars, span_text("SET @a = 3"), 0, true, 4)); /* it failed */
    ck_assert(!knows(&vars, "SELECT @a"));
    user_vars_free(&vars);
}
END_TEST

START_TEST(only_what_is_newer_is_replayed_in_the_order_of_setting)
{
    struct user_vars vars = {0};
    struct buf sql = {0};
    (void)user_vars_note(&vars, span_text("SET @a = 1, @b = 2"), 0, false, 1);
    (void)user_vars_note(&vars, span_text("SET @a = 3"), 0, false, 2);
    user_vars_replay(&vars, 0, &sql);
    ck_assert(span_equal(buf_span(&sql), span_text("SET @b=2, @a=3")));
    sql.len = 0;
    user_vars_replay(&vars, 1, &sql);
    ck_assert(span_equal(buf_span(&sql), span_text("SET @a=3")));
    sql.len = 0;
    user_vars_replay(&vars, 2, &sql);
    ck_assert_uint_eq(sql.len, 0);
    buf_free(&sql);
    user_vars_free(&vars);
}
END_TEST

START_TEST(null_has_the_type_of_the_value_before)
{
    struct user_vars vars = {0};
    ck_assert(user_vars_note(&vars, span_text("SET @a = NULL"), 0, false, 1));
    ck_assert(user_vars_note(&vars, span_text("SET @b = 1"), 0, false, 2));
    ck_assert(!user_vars_note(&vars, span_text("SET @b = NULL"), 0, false, 3));
    ck_assert(!knows(&vars, "SELECT @b"));
    user_vars_forget(&vars);
    ck_assert(!user_vars_note(&vars, span_text("SET @c = NULL"), 0, false, 4));
    ck_assert(user_vars_note(&vars, span_text("SET @c = 1"), 0, false, 5));
    user_vars_free(&vars);
    ck_assert(user_vars_note(&vars, span_text("SET @c = NULL"), 0, false, 6));
    user_vars_free(&vars);
}
END_TEST

START_TEST(too_many_are_not_kept)
{
    struct user_vars vars = {0};
    char text[] = "SET @v000 = 1";
    for (int i = 0; i < 200; i++) {
        text[6] = (char)('0' + i / 100);
        text[7] = (char)('0' + i / 10 % 10);
        text[8] = (char)('0' + i % 10);
        (void)user_vars_note(&vars, span_text(text), 0, false, (uint64_t)i + 1);
        ck_assert_uint_le(vars.count, 64);
    }
    ck_assert(!knows(&vars, "SELECT @v000"));
    user_vars_free(&vars);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("user_vars");
    TCase *tcase = tcase_create("user_vars");
    tcase_add_loop_test(tcase, literals_are_known, 0, (int)(sizeof(sets) / sizeof(sets[0])));
    tcase_add_test(tcase, reads_of_what_is_known);
    tcase_add_test(tcase, only_what_is_newer_is_replayed_in_the_order_of_setting);
    tcase_add_test(tcase, null_has_the_type_of_the_value_before);
    tcase_add_test(tcase, too_many_are_not_kept);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
