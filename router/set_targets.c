/* See set_targets.h. */
#include "router/set_targets.h"

#include "router/lex.h"

#include <strings.h>

struct reading {
    struct lexer lexer;
    struct token token;
    struct token next;
};

static void step(struct reading *reading)
{
    reading->token = reading->next;
    lex_next(&reading->lexer, &reading->next);
}

static bool is_symbol(const struct token *token, uint8_t symbol)
{
    return token->kind == TOKEN_SYMBOL && token->symbol == symbol;
}

static bool is_word(const struct token *token, const char *word)
{
    return token->kind == TOKEN_WORD && token->text.len == strlen(word) &&
           strncasecmp((const char *)token->text.data, word, strlen(word)) == 0;
}

static bool at_end(const struct reading *reading)
{
    return reading->token.kind == TOKEN_END || reading->token.kind == TOKEN_BAD ||
           is_symbol(&reading->token, ';');
}

/* Steps over the value, and the comma behind it. */
static void skip_value(struct reading *reading)
{
    unsigned depth = 0;
    while (!at_end(reading)) {
        bool ends = depth == 0 && is_symbol(&reading->token, ',');
        depth += is_symbol(&reading->token, '(');
        depth -= depth > 0 && is_symbol(&reading->token, ')');
        step(reading);
        if (ends)
            return;
    }
}

/* SESSION, LOCAL, @@, @@session. before the name. */
static void skip_scope(struct reading *reading)
{
    if (reading->token.kind == TOKEN_SYSTEM_VARIABLE)
        step(reading);
    bool scope = is_word(&reading->token, "session") || is_word(&reading->token, "local");
    if (!scope)
        return;
    step(reading);
    if (is_symbol(&reading->token, '.'))
        step(reading);
}

/* The name at hand. False: it is not that of a session's variable. */
static bool take_name(struct reading *reading, struct span *name)
{
    *name = reading->token.text;
    if (reading->token.kind == TOKEN_QUOTED && name->len > 2)
        *name = span_of(name->data + 1, name->len - 2);
    else if (reading->token.kind != TOKEN_WORD)
        return false;
    for (size_t i = 0; i < name->len; i++) {
        uint8_t byte = name->data[i] | 0x20;
        bool plain = (byte >= 'a' && byte <= 'z') || (name->data[i] >= '0' && name->data[i] <= '9');
        if (!plain && name->data[i] != '_')
            return false;
    }
    step(reading);
    return is_symbol(&reading->token, '=') || is_symbol(&reading->token, SYMBOL_ASSIGN);
}

enum set_targets set_targets_read(struct span sql, unsigned lex_mode, struct buf *again)
{
    static const char tracking[] = "session_track_";
    const char *separator = "SET @@session.";
    enum set_targets found = SET_TARGETS_TRACKING;
    struct reading reading = {.token.kind = TOKEN_END};
    lex_start(&reading.lexer, sql, lex_mode);
    lex_next(&reading.lexer, &reading.token);
    lex_next(&reading.lexer, &reading.next);
    step(&reading); /* SET */
    for (; !at_end(&reading); skip_value(&reading)) {
        struct span name;
        if (reading.token.kind == TOKEN_USER_VARIABLE) /* of no interest to the tracker */
            continue;
        skip_scope(&reading);
        if (!take_name(&reading, &name))
            return SET_TARGETS_UNCLEAR;
        if (name.len >= sizeof(tracking) - 1 &&
            strncasecmp((const char *)name.data, tracking, sizeof(tracking) - 1) == 0)
            continue;
        found = SET_TARGETS_MIXED;
        buf_append_text(again, separator);
        buf_append_span(again, name);
        buf_append_text(again, "=@@session.");
        buf_append_span(again, name);
        separator = ", @@session.";
    }
    return found;
}
