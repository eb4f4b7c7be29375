/* See trigger_body.h. */
#include "router/trigger_body.h"

#include "router/classify_words.h"
#include "router/reading.h"

/* INSERT INTO t (a, b): t is no function. */
struct target {
    bool expected; /* behind INTO */
    bool named;    /* the name, or its schema and a dot, was just met */
};

static void target_step(struct target *target, const struct token *token)
{
    bool name = token->kind == TOKEN_WORD || token->kind == TOKEN_QUOTED;
    target->named = target->expected && (name || token_is_symbol(token, '.'));
    target->expected = token_is_word(token, "into") || token_is_word(token, "insert") ||
                       token_is_word(token, "replace") || token_is_word(token, "ignore") ||
                       target->named;
}

static bool is_known(const struct token *token)
{
    const unsigned known =
        IS_CALL | IS_CALL_TIGHT | IS_CALL_LEADER | IS_CALL_PREVIOUS | IS_PAREN | IS_LEADER;
    const struct word *word = token->kind == TOKEN_WORD ? word_find(token->text) : NULL;
    return (word && word->bits & known) || token_is_word(token, "elseif") ||
           token_is_word(token, "until") || token_is_word(token, "return");
}

/* At a name before a parenthesis; built-in functions that are tight become routines by a gap. */
static bool calls_routine(const struct reading *reading, const struct target *target)
{
    const struct word *word =
        reading->token.kind == TOKEN_WORD ? word_find(reading->token.text) : NULL;
    if (target->named)
        return false;
    return !is_known(&reading->token) ||
           (word && word->bits & IS_CALL_TIGHT && reading->next.spaced);
}

bool trigger_body_may_set_variables(struct span body, unsigned lex_mode)
{
    struct reading reading;
    struct target target = {0};
    bool behind_dot = false;
    reading_start(&reading, body, lex_mode);
    for (; !reading_at_end(&reading); reading_step(&reading)) {
        const struct token *token = &reading.token;
        bool name = token->kind == TOKEN_WORD || token->kind == TOKEN_QUOTED;
        target_step(&target, token);
        if (token->kind == TOKEN_USER_VARIABLE || token_is_word(token, "call"))
            return true;
        if (name && token_is_symbol(&reading.next, '(') &&
            (behind_dot ? !target.named : calls_routine(&reading, &target)))
            return true;
        behind_dot = token_is_symbol(token, '.');
    }
    return reading.token.kind == TOKEN_BAD || reading.lexer.doubt;
}
