/* See reading.h. */
#include "router/reading.h"

#include <string.h>
#include <strings.h>

void reading_start(struct reading *reading, struct span sql, unsigned mode)
{
    lex_start(&reading->lexer, sql, mode);
    lex_next(&reading->lexer, &reading->token);
    lex_next(&reading->lexer, &reading->next);
}

void reading_step(struct reading *reading)
{
    reading->token = reading->next;
    lex_next(&reading->lexer, &reading->next);
}

bool reading_at_end(const struct reading *reading)
{
    return reading->token.kind == TOKEN_END || reading->token.kind == TOKEN_BAD;
}

bool token_is_word(const struct token *token, const char *lower)
{
    return token->kind == TOKEN_WORD && token->text.len == strlen(lower) &&
           strncasecmp((const char *)token->text.data, lower, token->text.len) == 0;
}

bool token_is_symbol(const struct token *token, uint8_t symbol)
{
    return token->kind == TOKEN_SYMBOL && token->symbol == symbol;
}
