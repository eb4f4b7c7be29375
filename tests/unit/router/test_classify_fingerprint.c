/* What is left of a statement when its literals are taken out: digest, fingerprint, known words. */
#include "router/classify.h"
#include "router/classify_words.h"

#include <check.h>
#include <stdlib.h>

#define COUNT(table) (sizeof(table) / sizeof(table[0]))

static uint64_t digest_of(const char *sql)
{
    struct statement_class class;
    classify(span_text(sql), 0, &class);
    return class.digest;
}

START_TEST(digest_leaves_literals_out)
{
    static const char *const same[][2] = {
        {"SELECT 1", "SELECT 2"},
        {"SELECT 1", "select  'abc'"},
        {"SELECT 1", "SELECT ?"},
        {"SELECT 1", "/* x */ SELECT 0x41 -- y"},
        {"SELECT * FROM t WHERE a IN (1,2)", "SELECT * FROM t WHERE a IN (1, 2, 'x')"},
        {"SELECT longer_than_eight FROM t", "SELECT LONGER_THAN_EIGHT FROM T"},
    };
    for (size_t i = 0; i < COUNT(same); i++)
        ck_assert_msg(digest_of(same[i][0]) == digest_of(same[i][1]), "%s", same[i][1]);
}
END_TEST

START_TEST(digest_tells_statements_apart)
{
    static const char *const texts[] = {
        "SELECT a",   "SELECT b",   "SELECT a, b",   "SELECT a b",     "SELECT 1, b",
        "SELECT 1 b", "SELECT a.b", "SELECT f(1)",   "SELECT g(1)",    "SELECT f(a)",
        "SELECT 1+1", "SELECT 1-1", "SELECT '1', a", "SELECT 1, 1, a", "SELECT aa",
        "SELECT a a", "SELECT `a`", "SELECT @a",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        for (size_t j = 0; j < i; j++) {
            bool list = strstr(texts[i], "1, 1, a") != NULL && strstr(texts[j], "'1', a") != NULL;
            ck_assert_msg((digest_of(texts[i]) == digest_of(texts[j])) == list, "%s", texts[i]);
        }
    }
}
END_TEST

struct fingerprint {
    const char *sql;
    const char *expected;
    unsigned mode;
};

static const struct fingerprint fingerprints[] = {
    {"SELECT c FROM t WHERE id=4711", "SELECT c FROM t WHERE id=?", 0},
    {"  SELECT\n\t c  ", "SELECT c", 0},
    {"SELECT 'secret', \"secret\", N'secret', x'41', _utf8'secret'", "SELECT ?, ?, ?, ?, _utf8?",
     0},
    {"SELECT \"name\", 'secret'", "SELECT \"name\", ?", LEX_ANSI_QUOTES},
    {"SELECT 'it''s secret', 'a\\'secret'", "SELECT ?, ?", 0},
    {"SELECT 'a\\', secret", "SELECT ?, secret", LEX_NO_BACKSLASH_ESCAPES},
    {"SELECT 1, 1.5, .5, 1e5, 0xFF, 0b01, -7", "SELECT ?, ?, ?, ?, ?, ?, -?", 0},
    {"SELECT /* secret */ 1 -- secret", "SELECT ?", 0},
    {"SELECT 1 # secret", "SELECT ?", 0},
    {"SELECT /*!40001 SQL_NO_CACHE */ a", "SELECT SQL_NO_CACHE a", 0},
    {"SELECT 'secret", "SELECT ?", 0},
    {"SELECT 1 /* secret", "SELECT ? ?", 0},
    {"SELECT /*!99999 ' */ a, 'secret' '", "SELECT ?", 0},
    {"SELECT '\xbf\\' secret'", "?", LEX_WIDE_CHARSET},
    {"SELECT @'secret', @a, @@b.c", "SELECT @?, @a, @@b.c", 0},
    {"SET PASSWORD = PASSWORD('secret')", "SET PASSWORD = PASSWORD(?)", 0},
    {"SELECT `a\nb`", "SELECT `a?b`", 0},
    {"", "", 0},
    {"-- secret", "", 0},
    {"'secret'", "?", 0},
    {"SELECT 1.e'secret'", "SELECT ?", 0},
};

START_TEST(fingerprint_holds_no_literal)
{
    char out[200];
    const struct fingerprint *row = &fingerprints[_i];
    size_t len = statement_fingerprint(span_text(row->sql), row->mode, out, sizeof(out));
    ck_assert_str_eq(out, row->expected);
    ck_assert_uint_eq(len, strlen(out));
}
END_TEST

START_TEST(fingerprint_is_cut_between_characters_and_terminated)
{
    char out[32];
    static const char sql[] = "SELECT größe€";
    for (size_t size = 1; size <= sizeof(out); size++) {
        memset(out, 'x', sizeof(out));
        size_t len = statement_fingerprint(span_text(sql), 0, out, size);
        ck_assert_uint_lt(len, size);
        ck_assert_int_eq(out[len], '\0');
        ck_assert_int_eq(strncmp(out, sql, len), 0);
        ck_assert_int_ne((uint8_t)sql[len] & 0xc0, 0x80);
    }
}
END_TEST

/* A table out of order would lose words silently. */
START_TEST(every_known_word_is_found)
{
    static const char *const words[] = {
        "abs",
        "avg",
        "backup",
        "by",
        "cache",
        "curtime",
        "database",
        "dumpfile",
        "elt",
        "else",
        "envelope",
        "explain",
        "export_set",
        "field",
        "from_days",
        "from",
        "get_lock",
        "group",
        "help",
        "hex",
        "having",
        "if",
        "into",
        "isnull",
        "json_valid",
        "keys",
        "last_value",
        "lock",
        "ltrim",
        "master_gtid_wait",
        "mysql",
        "nextval",
        "nvl2",
        "or",
        "outfile",
        "pi",
        "procedure",
        "quote",
        "rand",
        "row_count",
        "select",
        "system_user",
        "sys",
        "tables",
        "uuid_short",
        "values",
        "warning_count",
        "with",
        "x",
        "year",
        "yearweek",
        "wsrep_last_seen_gtid",
        "performance_schema",
    };
    for (size_t i = 0; i < COUNT(words); i++) {
        const struct word *word = word_find(span_text(words[i]));
        ck_assert_msg(word != NULL && strcmp(word->name, words[i]) == 0, "%s", words[i]);
    }
    ck_assert_ptr_nonnull(word_find(span_text("SeLeCt")));
    ck_assert_ptr_null(word_find(span_text("sel")));
    ck_assert_ptr_null(word_find(span_text("selects")));
    ck_assert_ptr_null(word_find(span_text("")));
    ck_assert_ptr_null(word_find(span_text("{")));
}
END_TEST

static Suite *fingerprint_suite(void)
{
    Suite *suite = suite_create("classify_fingerprint");
    TCase *tcase = tcase_create("classify_fingerprint");
    tcase_add_test(tcase, digest_leaves_literals_out);
    tcase_add_test(tcase, digest_tells_statements_apart);
    tcase_add_loop_test(tcase, fingerprint_holds_no_literal, 0, (int)COUNT(fingerprints));
    tcase_add_test(tcase, fingerprint_is_cut_between_characters_and_terminated);
    tcase_add_test(tcase, every_known_word_is_found);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(fingerprint_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
