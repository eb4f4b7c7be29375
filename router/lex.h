/* The tokens of an SQL text as MariaDB's own lexer (sql/sql_lex.cc) cuts them. Gaps (white space
 * and comments) are skipped; what stands in an executable comment counts as text. Nothing is
 * copied. */
#ifndef CAUSEWAY_ROUTER_LEX_H
#define CAUSEWAY_ROUTER_LEX_H

#include "proxy/base/bytes.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,          /* keyword or identifier */
    TOKEN_QUOTED,        /* `identifier`, or "identifier" under ANSI quotes; text has the quotes */
    TOKEN_STRING,        /* '..', "..", and n'..', x'..', b'..' with their letter */
    TOKEN_NUMBER,        /* 1, 1.5, .5, 1e5, 0xFF, 0b01 */
    TOKEN_USER_VARIABLE, /* @name, or the bare @ before a quoted name */
    TOKEN_SYSTEM_VARIABLE, /* the two characters @@; its name follows as tokens */
    TOKEN_SYMBOL,          /* one character, or := */
    TOKEN_BAD,             /* can't be understood: the rest of the text */
};

#define SYMBOL_ASSIGN 0x80 /* := */

struct token {
    enum token_kind kind;
    uint8_t symbol; /* of a TOKEN_SYMBOL: the character, or SYMBOL_ASSIGN */
    bool spaced;    /* a gap stands before it */
    bool name;      /* a word right behind a dot: an identifier even if spelled like a keyword */
    struct span text;
};

/* `doubt` is set once something was met that servers may read in different ways: version-gated
 * comments, bytes that are not UTF-8 outside of strings, anything unterminated. */
struct lexer {
    const uint8_t *at;
    const uint8_t *end;
    unsigned mode; /* enum lex_mode of classify.h */
    bool executable;
    bool name_next;
    bool doubt;
};

void lex_start(struct lexer *lexer, struct span sql, unsigned mode);

/* The next token; TOKEN_END for ever once the text is used up. */
void lex_next(struct lexer *lexer, struct token *token);

/* Steps over white space and one comment that is not executable, for who reads leading comments:
 * true with the comment's inside (between the delimiters of the C form; empty for the other forms),
 * false when something else, or nothing, stands there. */
bool lex_leading_comment(struct lexer *lexer, struct span *inside);

#endif
