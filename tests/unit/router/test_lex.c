/* Where does a token end? Each row shows the tokens as KIND:text, joined by blanks. */
#include "router/classify.h"
#include "router/lex.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct row {
    const char *sql;
    const char *tokens;
    unsigned mode;
    bool doubt;
};

/* w word, n name behind a dot, q quoted, s string, d number, @ user variable, v @@, p symbol, ! bad
 */
static const struct row rows[] = {
    {"", "", 0, false},
    {"SELECT a", "w:SELECT w:a", 0, false},
    {"a.b", "w:a p:. n:b", 0, false},
    {"a.select", "w:a p:. n:select", 0, false},
    {"a .b", "w:a p:. n:b", 0, false},
    {"a. b", "w:a p:. w:b", 0, false},
    {"a.5", "w:a p:. n:5", 0, false},
    {"a.5e1 .5", "w:a p:. n:5e1 d:.5", 0, false},
    {"a.1e5+1", "w:a p:. n:1e5 p:+ d:1", 0, false},
    {"a.b.c", "w:a p:. n:b p:. n:c", 0, false},
    {"a.*", "w:a p:. p:*", 0, false},
    {"`a`.`b`", "q:`a` p:. q:`b`", 0, false},
    {"`a``b`c", "q:`a``b` w:c", 0, false},
    {"`a\\`b", "q:`a\\` w:b", 0, false},
    {"`a", "!:`a", 0, true},
    {"'a' \"b\"", "s:'a' s:\"b\"", 0, false},
    {"'a''b'c", "s:'a''b' w:c", 0, false},
    {"'a\\'b'c", "s:'a\\'b' w:c", 0, false},
    {"'a\\\\'c", "s:'a\\\\' w:c", 0, false},
    {"'a\\'c", "s:'a\\' w:c", LEX_NO_BACKSLASH_ESCAPES, false},
    {"\"a\\\"c", "s:\"a\\\" w:c", LEX_NO_BACKSLASH_ESCAPES, false},
    {"\"a\\\"c", "q:\"a\\\" w:c", LEX_ANSI_QUOTES, false},
    {"\"a\"\"b\"", "q:\"a\"\"b\"", LEX_ANSI_QUOTES, false},
    {"'a\\", "!:'a\\", 0, true},
    {"'", "!:'", 0, true},
    {"n'a' N'a\\'b' x'41' B'01'", "s:n'a' s:N'a\\'b' s:x'41' s:B'01'", 0, false},
    {"x '41' _utf8'a'", "w:x s:'41' w:_utf8 s:'a'", 0, false},
    {"1 12 1.5 .5 1. 1e5 1E+5 1.5e-3", "d:1 d:12 d:1.5 d:.5 d:1. d:1e5 d:1E+5 d:1.5e-3", 0, false},
    {"0x1F 0b01 0xG 0b2 0X1F 0x", "d:0x1F d:0b01 w:0xG w:0b2 w:0X1F w:0x", 0, false},
    {"0x1Fz", "w:0x1Fz", 0, false},
    {"1a 1e 1ea 1e5a 1.5a", "w:1a w:1e w:1ea d:1e5 w:a d:1.5 w:a", 0, false},
    {"1e+", "w:1e p:+", 0, false},
    {"1.e", "!:1.e", 0, true},
    {"1..2", "d:1. d:.2", 0, false},
    {"1-1 1--1", "d:1 p:- d:1 d:1 p:- p:- d:1", 0, false},
    {"@a @a.b$c @ @@x @'a' @`a`", "@:@a @:@a.b$c @:@ v:@@ w:x @:@ s:'a' @:@ q:`a`", 0, false},
    {"@a:=1", "@:@a p::= d:1", 0, false},
    {"@@global.x", "v:@@ w:global p:. n:x", 0, false},
    {"a$b _c $d gr\xc3\xb6\xc3\x9f", "w:a$b w:_c w:$d w:gr\xc3\xb6\xc3\x9f", 0, false},
    {"gr\xf6\xdf", "w:gr\xf6\xdf", 0, true},
    {"a\xa0"
     "b",
     "w:a\xa0"
     "b",
     0, true},
    {"'gr\xf6\xdf\xa0'", "s:'gr\xf6\xdf\xa0'", 0, false},
    {"'gr\xf6\xdf\xa0'", "!:'gr\xf6\xdf\xa0'", LEX_WIDE_CHARSET, true},
    {"'abc'", "s:'abc'", LEX_WIDE_CHARSET, false},
    {"a -- b\nc", "w:a w:c", 0, false},
    {"a --b", "w:a p:- p:- w:b", 0, false},
    {"a --", "w:a", 0, false},
    {"a --\x01"
     "b\nc",
     "w:a w:c", 0, false},
    {"a # b\nc#", "w:a w:c", 0, false},
    {"a/* b */c/**/d", "w:a w:c w:d", 0, false},
    {"a/*b/*c*/d", "w:a w:d", 0, false},
    {"a /* b", "w:a !:", 0, true},
    {"a /*/", "w:a !:", 0, true},
    {"a /*! b */ c", "w:a w:b w:c", 0, false},
    {"a /*!50000b*/ c", "w:a w:b w:c", 0, false},
    {"a /*!5000 b*/ c", "w:a d:5000 w:b w:c", 0, false},
    {"a /*!500001 b*/ c", "w:a w:b w:c", 0, true},
    {"a /*!50700 b*/ c", "w:a w:b w:c", 0, true},
    {"a /*!50699 b*/ c", "w:a w:b w:c", 0, false},
    {"a /*!99999 b*/ c", "w:a w:b w:c", 0, true},
    {"a /*!100000 b*/ c", "w:a w:b w:c", 0, false},
    {"a /*!101100 b*/ c", "w:a w:b w:c", 0, false},
    {"a /*!101101 b*/ c", "w:a w:b w:c", 0, true},
    {"a /*M!50700 b*/ c", "w:a w:b w:c", 0, false},
    {"a /*M! b*/ c", "w:a w:b w:c", 0, false},
    {"a /*m! b*/ c", "w:a w:c", 0, false},
    {"a /*+ b*/ c", "w:a w:c", 0, false},
    {"a /*! b /* c */ d */ e", "w:a w:b w:d w:e", 0, false},
    {"a /*! b -- */ c\n d */ e", "w:a w:b w:d w:e", 0, false},
    {"a /*! '*/' */ b", "w:a s:'*/' w:b", 0, false},
    {"a /*! b", "w:a w:b !:", 0, true},
    {"a */ b", "w:a p:* p:/ w:b", 0, false},
    {"(a,b);<=>!=||&&", "p:( w:a p:, w:b p:) p:; p:< p:= p:> p:! p:= p:| p:| p:& p:&", 0, false},
    {"{d '1'} a:b ?", "p:{ w:d s:'1' p:} w:a p:: w:b p:?", 0, false},
    {"\\N", "p:\\N", 0, false},
    {"a \\x", "w:a !:\\x", 0, true},
    {"a [b]", "w:a !:[b]", 0, true},
    {"a \x01 b", "w:a !:\x01 b", 0, true},
};

static const char kinds[] = {
    [TOKEN_WORD] = 'w',   [TOKEN_QUOTED] = 'q',          [TOKEN_STRING] = 's',
    [TOKEN_NUMBER] = 'd', [TOKEN_USER_VARIABLE] = '@',   [TOKEN_SYMBOL] = 'p',
    [TOKEN_BAD] = '!',    [TOKEN_SYSTEM_VARIABLE] = 'v',
};

static void print_tokens(struct lexer *lexer, char *out, size_t size)
{
    struct token token;
    size_t len = 0;
    out[0] = '\0';
    for (lex_next(lexer, &token); token.kind != TOKEN_END; lex_next(lexer, &token)) {
        char kind = token.name ? 'n' : kinds[token.kind];
        len += (size_t)snprintf(out + len, size - len, "%s%c:%.*s", len > 0 ? " " : "", kind,
                                (int)token.text.len, (const char *)token.text.data);
        ck_assert_uint_lt(len, size);
    }
}

START_TEST(text_is_cut_as_the_server_cuts_it)
{
    const struct row *row = &rows[_i];
    char out[400];
    struct lexer lexer;
    lex_start(&lexer, span_text(row->sql), row->mode);
    print_tokens(&lexer, out, sizeof(out));
    ck_assert_str_eq(out, row->tokens);
    ck_assert_msg(lexer.doubt == row->doubt, "doubt %d: %s", lexer.doubt, row->sql);
}
END_TEST

START_TEST(a_nul_byte_is_no_end_of_the_text)
{
    struct lexer lexer;
    struct token token;
    lex_start(&lexer, span_of("a \0 b", 5), 0);
    lex_next(&lexer, &token);
    ck_assert_int_eq(token.kind, TOKEN_WORD);
    lex_next(&lexer, &token);
    ck_assert_int_eq(token.kind, TOKEN_BAD);
    ck_assert(lexer.doubt);
}
END_TEST

START_TEST(the_end_is_said_for_ever)
{
    struct lexer lexer;
    struct token token;
    lex_start(&lexer, span_text("a /*! b"), 0);
    for (int i = 0; i < 3; i++)
        lex_next(&lexer, &token);
    for (int i = 0; i < 3; i++) {
        lex_next(&lexer, &token);
        ck_assert_int_eq(token.kind, TOKEN_END);
    }
}
END_TEST

START_TEST(gaps_are_told)
{
    static const bool spaced[] = {false, true, true, false, true, true};
    struct lexer lexer;
    struct token token;
    lex_start(&lexer, span_text("a b/**/(c /*! d*/)"), 0);
    for (size_t i = 0; i < sizeof(spaced) / sizeof(spaced[0]); i++) {
        lex_next(&lexer, &token);
        ck_assert_msg(token.spaced == spaced[i], "token %zu", i);
    }
}
END_TEST

START_TEST(no_byte_behind_the_text_is_read)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t whole = strlen(rows[i].sql);
        for (size_t len = 0; len <= whole; len++) {
            uint8_t *exact = malloc(len > 0 ? len : 1); /* the sanitizer guards its end */
            memcpy(exact, rows[i].sql, len);
            struct lexer lexer;
            struct token token;
            lex_start(&lexer, span_of(exact, len), rows[i].mode);
            size_t count = 0;
            do {
                lex_next(&lexer, &token);
            } while (token.kind != TOKEN_END && count++ <= len + 1);
            ck_assert_int_eq(token.kind, TOKEN_END);
            free(exact);
        }
    }
}
END_TEST

static Suite *lex_suite(void)
{
    Suite *suite = suite_create("lex");
    TCase *tcase = tcase_create("lex");
    tcase_add_loop_test(tcase, text_is_cut_as_the_server_cuts_it, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, a_nul_byte_is_no_end_of_the_text);
    tcase_add_test(tcase, the_end_is_said_for_ever);
    tcase_add_test(tcase, gaps_are_told);
    tcase_add_test(tcase, no_byte_behind_the_text_is_read);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(lex_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
