/* What does the hint in a leading comment say, and what is no hint? */
#include "router/classify.h"
#include "router/policy.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct row {
    const char *sql;
    bool present;
    enum hint_to to;
    const char *server;
    const char *consistency;
    const char *key;
    const char *bad;
};

static const struct row rows[] = {
    {"SELECT 1", false, HINT_NONE, "", "", "", ""},
    {"", false, HINT_NONE, "", "", "", ""},
    {"/* causeway to=leader */ SELECT 1", true, HINT_LEADER, "", "", "", ""},
    {"/*causeway to=leader*/SELECT 1", true, HINT_LEADER, "", "", "", ""},
    {"/*\n causeway\tto=followers\n*/ SELECT 1", true, HINT_FOLLOWERS, "", "", "", ""},
    {"/* CAUSEWAY TO=LEADER */ SELECT 1", true, HINT_LEADER, "", "", "", ""},
    {"/* causeway to=server:db2 */ SELECT 1", true, HINT_SERVER, "db2", "", "", ""},
    {"/* causeway consistency=eventual */ SELECT 1", true, HINT_NONE, "", "eventual", "", ""},
    {"/* causeway consistency=session */ SELECT 1", true, HINT_NONE, "", "session", "", ""},
    {"/* causeway key=alice */ SELECT 1", true, HINT_NONE, "", "", "alice", ""},
    {"/* causeway key=a=b;c */ SELECT 1", true, HINT_NONE, "", "", "a=b;c", ""},
    {"/* causeway consistency=key key=k */ SELECT 1", true, HINT_NONE, "", "key", "k", ""},
    {"/* causeway CONSISTENCY=Strong */ SELECT 1", true, HINT_NONE, "", "Strong", "", ""},
    {"/* causeway key='alice' */ SELECT 1", true, HINT_NONE, "", "", "alice", ""},
    {"/* causeway key=\"alice\" */ SELECT 1", true, HINT_NONE, "", "", "alice", ""},
    {"/* causeway key=`alice` */ SELECT 1", true, HINT_NONE, "", "", "alice", ""},
    {"/* causeway key='alice\" */ SELECT 1", true, HINT_NONE, "", "", "'alice\"", ""},
    {"/* causeway key='' */ SELECT 1", true, HINT_NONE, "", "", "", "key=''"},
    {"/* causeway key=' */ SELECT 1", true, HINT_NONE, "", "", "'", ""},
    {"/* causeway key=Größe */ SELECT 1", true, HINT_NONE, "", "", "Größe", ""},
    {"/* causeway key=a\x01 */ SELECT 1", true, HINT_NONE, "", "", "", "key=a\x01"},
    {"/* causeway key=a\x7f */ SELECT 1", true, HINT_NONE, "", "", "", "key=a\x7f"},
    /* a blank ends it, in quotes too */
    {"/* causeway key=\"al ice\" */ SELECT 1", true, HINT_NONE, "", "", "\"al", "ice\""},
    {"/* causeway to=server:db2 consistency=eventual key=k */ SELECT 1", true, HINT_SERVER, "db2",
     "eventual", "k", ""},
    {"/* causeway */ SELECT 1", true, HINT_NONE, "", "", "", ""},
    {"/* causeway to=leader */", true, HINT_LEADER, "", "", "", ""},
    /* behind comments that libraries put first */
    {"/* app:web */ /* causeway to=leader */ SELECT 1", true, HINT_LEADER, "", "", "", ""},
    {"-- x\n# y\n  /* causeway to=leader */ SELECT 1", true, HINT_LEADER, "", "", "", ""},
    {"/* causeway to=leader */ /* causeway key=k */ SELECT 1", true, HINT_LEADER, "", "", "k", ""},
    /* what is no hint */
    {"SELECT /* causeway to=leader */ 1", false, HINT_NONE, "", "", "", ""},
    {"SELECT 1 /* causeway to=leader */", false, HINT_NONE, "", "", "", ""},
    {"; /* causeway to=leader */ SELECT 1", false, HINT_NONE, "", "", "", ""},
    {"-- causeway to=leader\nSELECT 1", false, HINT_NONE, "", "", "", ""},
    {"# causeway to=leader\nSELECT 1", false, HINT_NONE, "", "", "", ""},
    {"/*! causeway to=leader */ SELECT 1", false, HINT_NONE, "", "", "", ""},
    {"/*+ causeway to=leader */ SELECT 1", false, HINT_NONE, "", "", "", ""},
    {"/* causewayto=leader */ SELECT 1", false, HINT_NONE, "", "", "", ""},
    {"/* see causeway to=leader */ SELECT 1", false, HINT_NONE, "", "", "", ""},
    {"/* causeway to=leader", false, HINT_NONE, "", "", "", ""},
    {"'/* causeway to=leader */'", false, HINT_NONE, "", "", "", ""},
    /* what is not understood: the first such word is named */
    {"/* causeway to=master */ SELECT 1", true, HINT_NONE, "", "", "", "to=master"},
    {"/* causeway to= */ SELECT 1", true, HINT_NONE, "", "", "", "to="},
    {"/* causeway to=server: */ SELECT 1", true, HINT_NONE, "", "", "", "to=server:"},
    {"/* causeway to=leaders */ SELECT 1", true, HINT_NONE, "", "", "", "to=leaders"},
    {"/* causeway to = leader */ SELECT 1", true, HINT_NONE, "", "", "", "to"},
    {"/* causeway key= */ SELECT 1", true, HINT_NONE, "", "", "", "key="},
    {"/* causeway consistency=strict */ SELECT 1", true, HINT_NONE, "", "", "",
     "consistency=strict"},
    {"/* causeway to=leader, key=k */ SELECT 1", true, HINT_NONE, "", "", "", "to=leader,"},
    {"/* causeway hello to=leader world */ SELECT 1", true, HINT_NONE, "", "", "", "hello"},
    {"/* causeway to=leader to=leader */ SELECT 1", true, HINT_LEADER, "", "", "", "to=leader"},
    {"/* causeway key=a key=b */ SELECT 1", true, HINT_NONE, "", "", "a", "key=b"},
    {"/* causeway to=leader */ /* causeway to=followers */ SELECT 1", true, HINT_LEADER, "", "", "",
     "to=followers"},
};

static void expect_span(struct span span, const char *expected, const char *sql)
{
    ck_assert_msg(span_equal(span, span_text(expected)), "got '%.*s', expected '%s': %s",
                  (int)span.len, span.len > 0 ? (const char *)span.data : "", expected, sql);
}

START_TEST(hint_is_read_from_leading_comments)
{
    const struct row *row = &rows[_i];
    struct statement_class class;
    classify(span_text(row->sql), 0, &class);
    ck_assert_msg(class.hint.present == row->present, "%s", row->sql);
    ck_assert_msg(class.hint.to == row->to, "to %d: %s", class.hint.to, row->sql);
    expect_span(class.hint.server, row->server, row->sql);
    expect_span(class.hint.consistency, row->consistency, row->sql);
    expect_span(class.hint.key, row->key, row->sql);
    expect_span(class.hint.bad, row->bad, row->sql);
}
END_TEST

START_TEST(hint_does_not_change_what_the_statement_is)
{
    struct statement_class plain, hinted;
    classify(span_text("SELECT 1"), 0, &plain);
    classify(span_text("/* causeway to=leader */ SELECT 1"), 0, &hinted);
    ck_assert_int_eq(hinted.target, CLASS_READ);
    ck_assert_uint_eq(hinted.flags, plain.flags);
    ck_assert(hinted.digest == plain.digest);
}
END_TEST

START_TEST(key_has_at_most_255_bytes)
{
    char sql[400];
    struct statement_class class;
    for (int len = HINT_KEY_MAX_BYTES; len <= HINT_KEY_MAX_BYTES + 1; len++) {
        snprintf(sql, sizeof(sql), "/* causeway key='%0*d' */ SELECT 1", len, 7);
        classify(span_text(sql), 0, &class);
        bool fits = len == HINT_KEY_MAX_BYTES;
        ck_assert_uint_eq(class.hint.key.len, fits ? (size_t)len : 0);
        ck_assert((class.hint.bad.len == 0) == fits);
    }
}
END_TEST

START_TEST(consistency_is_known_by_its_word)
{
    static const struct {
        const char *sql;
        int consistency;
    } words[] = {
        {"/* causeway consistency=eventual */", CONSISTENCY_EVENTUAL},
        {"/* causeway consistency=SESSION */", CONSISTENCY_SESSION},
        {"/* causeway consistency=Key */", CONSISTENCY_KEY},
        {"/* causeway consistency=strong */", CONSISTENCY_STRONG},
        {"/* causeway to=leader */", -1},
        {"/* causeway consistency=strongest */", -1},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct statement_class class;
        classify(span_text(words[i].sql), 0, &class);
        ck_assert_msg(hint_consistency(&class.hint) == words[i].consistency, "%s", words[i].sql);
    }
}
END_TEST

static Suite *hint_suite(void)
{
    Suite *suite = suite_create("hint");
    TCase *tcase = tcase_create("hint");
    tcase_add_loop_test(tcase, hint_is_read_from_leading_comments, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, key_has_at_most_255_bytes);
    tcase_add_test(tcase, consistency_is_known_by_its_word);
    tcase_add_test(tcase, hint_does_not_change_what_the_statement_is);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(hint_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
