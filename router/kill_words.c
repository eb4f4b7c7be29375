/* See kill_words.h. A cursor over the tokens. */
#include "router/kill_words.h"

#include "router/classify.h"
#include "router/lex.h"

#include <errno.h>
#include <strings.h>

struct cursor {
    struct lexer lexer;
    struct token token;
};

static void step(struct cursor *cursor)
{
    lex_next(&cursor->lexer, &cursor->token);
}

static bool text_is(struct span text, const char *lower)
{
    size_t len = strlen(lower);
    return text.len == len && strncasecmp((const char *)text.data, lower, len) == 0;
}

static bool at_symbol(const struct cursor *cursor, uint8_t symbol)
{
    return cursor->token.kind == TOKEN_SYMBOL && cursor->token.symbol == symbol;
}

/* Steps over the word, or symbol, if it stands here. */
static bool take_word(struct cursor *cursor, const char *lower)
{
    bool here = cursor->token.kind == TOKEN_WORD && text_is(cursor->token.text, lower);
    if (here)
        step(cursor);
    return here;
}

static bool take_symbol(struct cursor *cursor, uint8_t symbol)
{
    bool here = at_symbol(cursor, symbol);
    if (here)
        step(cursor);
    return here;
}

static bool ends_here(struct cursor *cursor)
{
    while (take_symbol(cursor, ';'))
        ;
    return cursor->token.kind == TOKEN_END && !cursor->lexer.doubt;
}

/* The inside of '…', "…" or `…`; empty for what has a quote or a backslash inside, which means
 * something else there. */
static struct span inside(struct span text)
{
    struct span empty = {0};
    if (text.len < 2 || (*text.data != '\'' && *text.data != '"' && *text.data != '`'))
        return empty;
    struct span inner = span_of(text.data + 1, text.len - 2);
    if (memchr(inner.data, *text.data, inner.len) || memchr(inner.data, '\\', inner.len))
        return empty;
    return inner;
}

bool kill_words_number(struct span text, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        *value = *value * 10 + (uint64_t)(text.data[i] - '0');
    }
    return text.len > 0 && text.len < 19;
}

static bool take_number(struct cursor *cursor, struct kill_words *out)
{
    struct span text = cursor->token.text;
    if (cursor->token.kind == TOKEN_STRING)
        text = inside(text);
    else if (cursor->token.kind != TOKEN_NUMBER)
        return false;
    out->whom = KILL_ID;
    bool good = kill_words_number(text, &out->id);
    step(cursor);
    return good;
}

static bool take_id(struct cursor *cursor, struct kill_words *out)
{
    if (take_symbol(cursor, '?')) {
        out->whom = KILL_PARAMETER;
        return true;
    }
    if (take_word(cursor, "connection_id")) {
        out->whom = KILL_ONESELF;
        return take_symbol(cursor, '(') && take_symbol(cursor, ')');
    }
    return take_number(cursor, out);
}

/* A name, with or without quotes, into `out`. False: there is none, or it is too long. */
static bool take_name(struct cursor *cursor, char *out, size_t size)
{
    struct span text = cursor->token.text;
    bool quoted = cursor->token.kind == TOKEN_QUOTED || cursor->token.kind == TOKEN_STRING;
    if (!quoted && cursor->token.kind != TOKEN_WORD)
        return false;
    if (quoted && (text.len == 2))
        text.len = 0; /* '' */
    else if (quoted)
        text = inside(text);
    if ((quoted && cursor->token.text.len != text.len + 2) || text.len >= size)
        return false;
    if (text.len)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    step(cursor);
    return true;
}

/* Behind the @: a user variable to the lexer when a bare name follows. */
static bool take_host(struct cursor *cursor, struct kill_words *out)
{
    struct span text = cursor->token.text;
    if (cursor->token.kind != TOKEN_USER_VARIABLE)
        return true;
    if (text.len > 1) {
        if (text.len - 1 >= sizeof(out->host))
            return false;
        memcpy(out->host, text.data + 1, text.len - 1);
        out->host[text.len - 1] = '\0';
        step(cursor);
        return true;
    }
    step(cursor);
    return take_name(cursor, out->host, sizeof(out->host));
}

static bool take_user(struct cursor *cursor, struct kill_words *out)
{
    out->whom = KILL_USER;
    out->host[0] = '%';
    out->host[1] = '\0';
    if (cursor->token.kind == TOKEN_WORD && text_is(cursor->token.text, "current_user"))
        return false; /* the account: the server knows which it is */
    return take_name(cursor, out->user, sizeof(out->user)) && take_host(cursor, out);
}

int kill_words_parse(struct span sql, unsigned lex_mode, struct kill_words *out)
{
    struct cursor cursor;
    *out = (struct kill_words){0};
    lex_start(&cursor.lexer, sql, lex_mode);
    step(&cursor);
    if (!take_word(&cursor, "kill"))
        return -ENOENT;
    out->soft = take_word(&cursor, "soft");
    if (!out->soft)
        (void)take_word(&cursor, "hard");
    if (!take_word(&cursor, "connection"))
        out->query_only = take_word(&cursor, "query");
    bool taken = false;
    if (take_word(&cursor, "user"))
        taken = take_user(&cursor, out);
    else
        taken = take_id(&cursor, out);
    return taken && ends_here(&cursor) ? 0 : -ENOENT;
}
