/* Which rule holds for a statement? */
#include "router/rules.h"

#include "proxy/base/memory.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

static char *copy(const char *text)
{
    return text != NULL ? memory_strdup(text) : NULL;
}

static int add(struct rule_set *rules, const char *name, const char *match, const char *user,
               const char *schema, char *error, size_t error_size)
{
    struct rule rule = {
        .name = copy(name),
        .match = copy(match),
        .user = copy(user),
        .schema = copy(schema),
        .to = RULE_SERVER,
        .server = copy("db2"),
        .consistency = -1,
    };
    return rules_add(rules, rule, error, error_size);
}

struct written {
    const char *name;
    const char *match;
    const char *user;
    const char *schema;
};

static const struct written written[] = {
    {"reports", "^\\s*SELECT\\b.*\\bFROM\\s+reports\\b", "analyst", "warehouse"},
    {"count", "COUNT\\(\\*\\)", NULL, NULL},
    {"whole", "^BEGIN$", NULL, NULL},
    {"schema", NULL, NULL, "archive"},
    {"user", NULL, "batch", NULL},
    {"high", "\\xe4", NULL, NULL},
    {"empty", "^$", NULL, NULL},
};

static struct rule_set *rules;
static struct rule_scratch *scratch;

static void set_up(void)
{
    char error[200];
    rules = rules_new();
    scratch = rule_scratch_new();
    for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
        ck_assert_int_eq(add(rules, written[i].name, written[i].match, written[i].user,
                             written[i].schema, error, sizeof(error)),
                         0);
}

static void tear_down(void)
{
    rule_scratch_free(scratch);
    rules_free(rules);
}

struct row {
    const char *sql;
    const char *user;
    const char *schema;
    const char *expected;
};

static const struct row rows[] = {
    {"SELECT * FROM reports", "analyst", "warehouse", "reports"},
    {"  select a,\n b\nfrom\treports where x", "analyst", "warehouse", "reports"},
    {"SELECT * FROM reports", "other", "warehouse", NULL},
    {"SELECT * FROM reports", "analyst", "other", NULL},
    {"SELECT * FROM reports", "Analyst", "warehouse", NULL},
    {"SELECT * FROM reports", "analyst", NULL, NULL},
    {"SELECT * FROM reports2", "analyst", "warehouse", NULL},
    {"SELECT count(*) FROM reports", "analyst", "warehouse", "reports"},
    {"SELECT count(*) FROM reports", "other", "warehouse", "count"},
    {"SELECT COUNT(*) FROM t", NULL, NULL, "count"},
    {"begin", "a", "b", "whole"},
    {"SELECT 1\nBEGIN\nx", "a", "b", NULL},
    {"SELECT 1", "a", "archive", "schema"},
    {"SELECT 1", "batch", "archive", "schema"},
    {"SELECT 1", "batch", "x", "user"},
    {"SELECT '\xe4'", "a", "b", "high"},
    {"SELECT '\xff\xfe'", "a", "b", NULL},
    {"", "a", "b", "empty"},
};

START_TEST(first_rule_whose_conditions_all_hold_wins)
{
    const struct row *row = &rows[_i];
    size_t index = 99;
    bool limit_hit = true;
    const struct rule *rule = rules_match(rules, scratch, span_text(row->sql), row->user,
                                          row->schema, &index, &limit_hit);
    ck_assert(!limit_hit);
    if (row->expected == NULL) {
        ck_assert_msg(rule == NULL, "%s", row->sql);
        return;
    }
    ck_assert_msg(rule != NULL, "%s", row->sql);
    ck_assert_str_eq(rule->name, row->expected);
    ck_assert_ptr_eq(rules_at(rules, index), rule);
}
END_TEST

START_TEST(only_the_text_is_looked_at)
{
    bool limit_hit;
    const struct rule *rule = rules_match(rules, scratch, span_of("SELECT COUNT(*) FROM t", 10),
                                          NULL, NULL, NULL, &limit_hit);
    ck_assert_ptr_null(rule);
    rule = rules_match(rules, scratch, span_of(NULL, 0), NULL, NULL, NULL, &limit_hit);
    ck_assert_str_eq(rule->name, "empty");
}
END_TEST

START_TEST(rules_are_kept_as_written)
{
    ck_assert_uint_eq(rules_count(rules), sizeof(written) / sizeof(written[0]));
    const struct rule *rule = rules_at(rules, 0);
    ck_assert_str_eq(rule->match, written[0].match);
    ck_assert_int_eq(rule->to, RULE_SERVER);
    ck_assert_str_eq(rule->server, "db2");
    ck_assert_int_eq(rule->consistency, -1);
}
END_TEST

START_TEST(wrong_pattern_is_refused_with_its_place)
{
    char error[200] = "";
    ck_assert_int_eq(add(rules, "bad", "SELECT (a", NULL, NULL, error, sizeof(error)), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error, "at character 10"));
    ck_assert_ptr_nonnull(strstr(error, "parenthes"));
    ck_assert_uint_eq(rules_count(rules), sizeof(written) / sizeof(written[0]));
    ck_assert_int_eq(add(rules, "bad", "a{2,1}", NULL, NULL, error, 8), -EINVAL);
    ck_assert_uint_lt(strlen(error), 8);
    ck_assert_int_eq(add(rules, "bad", "(*UTF)a", NULL, NULL, error, sizeof(error)), -EINVAL);
}
END_TEST

START_TEST(endless_backtracking_is_stopped_and_told)
{
    struct rule_set *slow = rules_new();
    char error[200];
    ck_assert_int_eq(add(slow, "slow", "(a+)+$", NULL, NULL, error, sizeof(error)), 0);
    ck_assert_int_eq(add(slow, "next", NULL, NULL, NULL, error, sizeof(error)), 0);
    char text[200];
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = 'b';
    bool limit_hit = false;
    const struct rule *rule =
        rules_match(slow, scratch, span_of(text, sizeof(text)), NULL, NULL, NULL, &limit_hit);
    ck_assert(limit_hit);
    ck_assert_str_eq(rule->name, "next");
    rules_free(slow);
}
END_TEST

START_TEST(empty_set_matches_nothing)
{
    struct rule_set *none = rules_new();
    bool limit_hit;
    ck_assert_ptr_null(
        rules_match(none, scratch, span_text("SELECT 1"), "a", "b", NULL, &limit_hit));
    ck_assert_uint_eq(rules_count(none), 0);
    rules_free(none);
    rules_free(NULL);
    rule_scratch_free(NULL);
}
END_TEST

static Suite *rules_suite(void)
{
    Suite *suite = suite_create("rules");
    TCase *tcase = tcase_create("rules");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, first_rule_whose_conditions_all_hold_wins, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, only_the_text_is_looked_at);
    tcase_add_test(tcase, rules_are_kept_as_written);
    tcase_add_test(tcase, wrong_pattern_is_refused_with_its_place);
    tcase_add_test(tcase, endless_backtracking_is_stopped_and_told);
    tcase_add_test(tcase, empty_set_matches_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(rules_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
