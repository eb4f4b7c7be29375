/* A text as tokens, with the next one in sight: what the readers of single statements walk on.
 * Pure. */
#ifndef CAUSEWAY_ROUTER_READING_H
#define CAUSEWAY_ROUTER_READING_H

#include "router/lex.h"

struct reading {
    struct lexer lexer;
    struct token token;
    struct token next;
};

/* At the first token. `mode` is enum lex_mode. */
void reading_start(struct reading *reading, struct span sql, unsigned mode);
void reading_step(struct reading *reading);
/* Behind the last token, or at one that can't be understood. */
bool reading_at_end(const struct reading *reading);

/* An unquoted word, `lower` in any case of letters. */
bool token_is_word(const struct token *token, const char *lower);
bool token_is_symbol(const struct token *token, uint8_t symbol);

#endif
