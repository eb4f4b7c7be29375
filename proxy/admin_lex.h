/* Words of a statement for the console: the little that its commands need. The router has the real
 * tokens of SQL. */
#ifndef CAUSEWAY_PROXY_ADMIN_LEX_H
#define CAUSEWAY_PROXY_ADMIN_LEX_H

#include "proxy/base/bytes.h"

enum admin_token_kind {
    ADMIN_TOKEN_END,
    ADMIN_TOKEN_WORD,   /* letters, digits, _ - . $ @ */
    ADMIN_TOKEN_QUOTED, /* text holds what is between the quotes, as written */
    ADMIN_TOKEN_SYMBOL, /* one byte */
};

struct admin_token {
    enum admin_token_kind kind;
    struct span text;
};

/* Takes the next token off `sql`, behind blanks and comments. */
struct admin_token admin_lex(struct span *sql);

/* True for that word, in any case. */
bool admin_token_is(struct admin_token token, const char *word);
bool admin_token_is_symbol(struct admin_token token, char symbol);

#endif
