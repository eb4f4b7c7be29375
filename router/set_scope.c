/* SET without a scope, and SET for one statement: see set_scope.h. */
#include "router/set_scope.h"

#include "router/lex.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* A text as tokens, one ahead. */
struct walk {
    struct lexer lexer;
    struct token token;
    struct token next;
    unsigned depth; /* of parentheses */
};

static void step(struct walk *walk)
{
    walk->token = walk->next;
    lex_next(&walk->lexer, &walk->next);
    if (walk->token.kind != TOKEN_SYMBOL)
        return;
    walk->depth += walk->token.symbol == '(';
    walk->depth -= walk->depth > 0 && walk->token.symbol == ')';
}

static void start(struct walk *walk, struct span sql, unsigned mode)
{
    *walk = (struct walk){0};
    lex_start(&walk->lexer, sql, mode);
    lex_next(&walk->lexer, &walk->next);
    step(walk);
}

static bool is_word(const struct token *token, const char *lower)
{
    return token->kind == TOKEN_WORD && token->text.len == strlen(lower) &&
           strncasecmp((const char *)token->text.data, lower, token->text.len) == 0;
}

static bool is_symbol(const struct token *token, uint8_t symbol)
{
    return token->kind == TOKEN_SYMBOL && token->symbol == symbol;
}

static bool at_end(const struct walk *walk)
{
    return walk->token.kind == TOKEN_END || walk->token.kind == TOKEN_BAD;
}

/* At @@, with the name ahead: one whose scope may be written out. */
static bool may_be_scoped(const struct walk *walk)
{
    static const char *const left_alone[] = {"tx_isolation", "transaction_isolation",
                                             "tx_read_only", "transaction_read_only",
                                             "causeway_token"};
    if (walk->next.kind != TOKEN_WORD)
        return false;
    for (size_t i = 0; i < sizeof(left_alone) / sizeof(left_alone[0]); i++)
        if (is_word(&walk->next, left_alone[i]))
            return false;
    return true;
}

/* At the @@ of what is set: the offset behind it is noted when the name has no scope. Stops behind
 * the name. False: too many. */
static bool note_target(struct walk *walk, struct span sql, size_t *places, size_t *count)
{
    bool scoped = !may_be_scoped(walk);
    size_t place = (size_t)(walk->token.text.data + walk->token.text.len - sql.data);
    step(walk);
    step(walk);
    if (scoped || (!is_symbol(&walk->token, '=') && !is_symbol(&walk->token, SYMBOL_ASSIGN)))
        return true; /* @@global.x, @@cache.key_buffer_size, or no assignment */
    if (*count == SET_SCOPE_PLACES_MAX)
        return false;
    places[(*count)++] = place;
    return true;
}

/* Behind SET, up to the end of the statement. */
static bool note_assignments(struct walk *walk, struct span sql, size_t *places, size_t *count)
{
    bool at_target = true;
    while (!at_end(walk) && !is_symbol(&walk->token, ';')) {
        if (at_target && walk->token.kind == TOKEN_SYSTEM_VARIABLE) {
            if (!note_target(walk, sql, places, count))
                return false;
            at_target = false;
            continue;
        }
        at_target = walk->depth == 0 && is_symbol(&walk->token, ',');
        step(walk);
    }
    return true;
}

size_t set_scope_places(struct span sql, unsigned mode, size_t places[SET_SCOPE_PLACES_MAX])
{
    struct walk walk;
    size_t count = 0;
    if (sql.len > SET_SCOPE_TEXT_MAX_BYTES || !memmem(sql.data, sql.len, "@@", 2))
        return 0;
    start(&walk, sql, mode);
    while (is_word(&walk.token, "set") && !is_word(&walk.next, "statement")) {
        step(&walk);
        if (!note_assignments(&walk, sql, places, &count))
            return 0;
        while (is_symbol(&walk.token, ';'))
            step(&walk);
    }
    return walk.token.kind == TOKEN_BAD ? 0 : count;
}

bool set_scope_is_silent(struct span sql, struct span name)
{
    static const char written[] = "@@" SET_SCOPE_WORD;
    const size_t len = sizeof(written) - 1;
    if (sql.len == 0)
        return false;
    const uint8_t *end = sql.data + sql.len;
    const uint8_t *at = memmem(sql.data, sql.len, written, len);
    if (at && name.len == 0)
        return !memchr(sql.data, ',', sql.len) && !memchr(sql.data, ';', sql.len);
    for (; at; at = memmem(at, (size_t)(end - at), written, len)) {
        at += len;
        if ((size_t)(end - at) > name.len &&
            strncasecmp((const char *)at, (const char *)name.data, name.len) == 0 &&
            !isalnum(at[name.len]) && at[name.len] != '_')
            return true;
    }
    return false;
}

bool set_scope_is_passing(struct span sql, unsigned mode, struct span name)
{
    struct walk walk;
    bool found = false;
    start(&walk, sql, mode);
    while (is_word(&walk.token, "set") && is_word(&walk.next, "statement")) {
        step(&walk);
        step(&walk);
        for (; !at_end(&walk) && !(walk.depth == 0 && is_word(&walk.token, "for")); step(&walk))
            found |= walk.depth == 0 && is_symbol(&walk.next, '=') &&
                     walk.token.text.len == name.len &&
                     strncasecmp((const char *)walk.token.text.data, (const char *)name.data,
                                 name.len) == 0;
        step(&walk);
    }
    return found;
}
