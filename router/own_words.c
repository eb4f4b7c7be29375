/* See own_words.h. A cursor over the tokens; each form is one small function. */
#include "router/own_words.h"

#include "router/classify.h"
#include "router/lex.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

struct cursor {
    struct lexer lexer;
    struct token token;
    const uint8_t *behind; /* where the token before ended */
};

/* What a variable is called in errors, and how long its value may be. */
static const struct own_variable {
    const char *title;
    size_t max_bytes;
} own_variables[] = {
    [OWN_SET_KEY] = {"@causeway_key", OWN_KEY_MAX_BYTES},
    [OWN_SET_TOKEN] = {"@@causeway_token", OWN_TOKEN_MAX_BYTES},
};

static void step(struct cursor *cursor)
{
    cursor->behind = cursor->lexer.at;
    lex_next(&cursor->lexer, &cursor->token);
}

static bool text_is(struct span text, const char *lower)
{
    size_t len = strlen(lower);
    return text.len == len && strncasecmp((const char *)text.data, lower, len) == 0;
}

static bool at_word(const struct cursor *cursor, const char *lower)
{
    return cursor->token.kind == TOKEN_WORD && text_is(cursor->token.text, lower);
}

static bool at_symbol(const struct cursor *cursor, uint8_t symbol)
{
    return cursor->token.kind == TOKEN_SYMBOL && cursor->token.symbol == symbol;
}

static bool at_assignment(const struct cursor *cursor)
{
    return at_symbol(cursor, '=') || at_symbol(cursor, SYMBOL_ASSIGN);
}

static bool at_session(const struct cursor *cursor)
{
    return at_word(cursor, "session") || at_word(cursor, "local");
}

/* A name, bare or with its quotes around it. */
static bool at_name(const struct cursor *cursor, const char *lower)
{
    struct span text = cursor->token.text;
    bool quoted = cursor->token.kind == TOKEN_QUOTED || cursor->token.kind == TOKEN_STRING;
    if (quoted && text.len >= 2)
        text = span_of(text.data + 1, text.len - 2);
    return (quoted || cursor->token.kind == TOKEN_WORD) && text_is(text, lower);
}

static int refuse(struct own_words *out, const char *reason)
{
    const char *variable = own_variables[out->what].title;
    snprintf(out->error, sizeof(out->error), "Causeway: SET %s %s", variable, reason);
    return -EINVAL;
}

static int refuse_company(struct own_words *out)
{
    return refuse(out, "must stand on its own: one assignment in one statement");
}

static int refuse_value(struct own_words *out)
{
    return refuse(out, "takes a literal: a quoted text, a number or NULL");
}

static int refuse_length(struct own_words *out)
{
    char reason[64];
    snprintf(reason, sizeof(reason), "takes at most %zu bytes", own_variables[out->what].max_bytes);
    return refuse(out, reason);
}

/* --- variables --- */

/* Steps over @causeway_key, with or without quotes around the name. */
static bool take_key(struct cursor *cursor)
{
    if (cursor->token.kind != TOKEN_USER_VARIABLE)
        return false;
    if (cursor->token.text.len == 1) { /* the bare @: a quoted name follows at once */
        struct cursor ahead = *cursor;
        step(&ahead);
        bool quoted = ahead.token.kind == TOKEN_QUOTED || ahead.token.kind == TOKEN_STRING;
        if (!quoted || ahead.token.spaced || !at_name(&ahead, "causeway_key"))
            return false;
        *cursor = ahead;
    } else if (!text_is(cursor->token.text, "@causeway_key")) {
        return false;
    }
    step(cursor);
    return true;
}

enum scope { SCOPE_SESSION, SCOPE_GLOBAL };

/* Steps over @@causeway_token, @@session.causeway_token, @@global.causeway_token. False: at another
 * variable, somewhere in its name. */
static bool take_token_variable(struct cursor *cursor, enum scope *scope)
{
    if (cursor->token.kind != TOKEN_SYSTEM_VARIABLE)
        return false;
    step(cursor);
    bool global = at_word(cursor, "global");
    *scope = global ? SCOPE_GLOBAL : SCOPE_SESSION;
    if (global || at_session(cursor)) {
        step(cursor);
        if (!at_symbol(cursor, '.'))
            return false;
        step(cursor);
    }
    if (!at_name(cursor, "causeway_token"))
        return false;
    step(cursor);
    return true;
}

/* What a SET sets, in all its forms; stops behind the name. */
static enum own_what take_set_target(struct cursor *cursor, enum scope *scope)
{
    *scope = SCOPE_SESSION;
    if (take_key(cursor))
        return OWN_SET_KEY;
    if (cursor->token.kind == TOKEN_SYSTEM_VARIABLE)
        return take_token_variable(cursor, scope) ? OWN_SET_TOKEN : OWN_NONE;
    if (at_word(cursor, "global"))
        *scope = SCOPE_GLOBAL;
    if (*scope == SCOPE_GLOBAL || at_session(cursor))
        step(cursor);
    if (cursor->token.kind == TOKEN_STRING || !at_name(cursor, "causeway_token"))
        return OWN_NONE;
    step(cursor);
    return OWN_SET_TOKEN;
}

/* --- texts --- */

/* Of a backslash and `byte`; get_text() keeps the backslash of \% and \_ , see unquote(). */
static uint8_t escaped(uint8_t byte)
{
    switch (byte) {
    case '0': return 0;
    case 'b': return '\b';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'Z': return 0x1a;
    default: return byte;
    }
}

/* Appends the inside of a quoted text. False: there is no room. */
static bool unquote(struct span text, bool backslash, uint8_t *out, size_t size, size_t *len)
{
    uint8_t quote = text.data[0];
    for (size_t i = 1; i + 1 < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte == quote) {
            i++;
        } else if (byte == '\\' && backslash && i + 2 < text.len) {
            uint8_t next = text.data[i + 1];
            if (next != '%' && next != '_') {
                byte = escaped(next);
                i++;
            }
        }
        if (*len == size)
            return false;
        out[(*len)++] = byte;
    }
    return true;
}

static bool at_plain_string(const struct cursor *cursor)
{
    return cursor->token.kind == TOKEN_STRING && cursor->token.text.len >= 2 &&
           (*cursor->token.text.data == '\'' || *cursor->token.text.data == '"');
}

static bool escapes_count(const struct cursor *cursor)
{
    return (cursor->lexer.mode & LEX_NO_BACKSLASH_ESCAPES) == 0;
}

/* 'a' "b" is one text. */
static int take_strings(struct cursor *cursor, struct own_words *out)
{
    size_t len = 0;
    size_t max = own_variables[out->what].max_bytes;
    for (; at_plain_string(cursor); step(cursor)) {
        if (!unquote(cursor->token.text, escapes_count(cursor), out->value, max, &len))
            return refuse_length(out);
    }
    out->value_len = (uint16_t)len;
    return 0;
}

static int take_value(struct cursor *cursor, struct own_words *out)
{
    if (at_plain_string(cursor))
        return take_strings(cursor, out);
    bool null = at_word(cursor, "null") || at_symbol(cursor, '\\');
    out->parameter = at_symbol(cursor, '?');
    if (cursor->token.kind == TOKEN_NUMBER) {
        int error = own_words_bind(out, cursor->token.text);
        if (error != 0)
            return error;
    } else if (!null && !out->parameter) {
        return refuse_value(out);
    }
    step(cursor);
    return 0;
}

/* --- the forms --- */

static bool ends_here(struct cursor *cursor)
{
    while (at_symbol(cursor, ';'))
        step(cursor);
    return cursor->token.kind == TOKEN_END;
}

/* Behind SET and an own variable. */
static int parse_assignment(struct cursor *cursor, enum scope scope, struct own_words *out)
{
    if (scope == SCOPE_GLOBAL)
        return refuse(out, "has no GLOBAL form: the value belongs to one connection");
    if (!at_assignment(cursor))
        return refuse_value(out);
    step(cursor);
    int error = take_value(cursor, out);
    if (error != 0)
        return error;
    bool company = at_symbol(cursor, ',') || at_symbol(cursor, ';');
    if (!ends_here(cursor))
        return company ? refuse_company(out) : refuse_value(out);
    if (cursor->lexer.doubt)
        return refuse(out, "stands in a text that servers may read in different ways");
    if (out->parameter)
        (void)refuse_value(out); /* the words for a plain query, should it come as one */
    return 0;
}

/* From anywhere in a statement: is an own variable assigned in a SET further on? It would go to the
 * server, and nothing would come of it. `setting`: in a SET, right behind a target. */
static int find_company(struct cursor *cursor, bool setting, struct own_words *out)
{
    uint32_t depth = 0;
    while (cursor->token.kind != TOKEN_END) {
        bool begins = at_symbol(cursor, ';');
        bool target = setting && depth == 0 && at_symbol(cursor, ',');
        depth += at_symbol(cursor, '(');
        depth -= at_symbol(cursor, ')') && depth > 0;
        step(cursor);
        if (begins) {
            setting = at_word(cursor, "set");
            depth = 0;
            if (!setting)
                continue;
            step(cursor);
        }
        enum scope scope;
        if (begins || target)
            out->what = take_set_target(cursor, &scope);
        if (out->what != OWN_NONE && at_assignment(cursor))
            return refuse_company(out);
        out->what = OWN_NONE;
    }
    return -ENOENT;
}

static int parse_set(struct cursor *cursor, struct own_words *out)
{
    enum scope scope;
    step(cursor);
    out->what = take_set_target(cursor, &scope);
    if (out->what == OWN_NONE)
        return find_company(cursor, true, out);
    return parse_assignment(cursor, scope, out);
}

static void set_title(struct own_words *out, struct span text)
{
    size_t len = text.len < sizeof(out->title) ? text.len : sizeof(out->title);
    memcpy(out->title, text.data, len);
    out->title_len = (uint16_t)len;
}

/* The alias at hand, if there is one. False: AS stands alone. */
static bool take_alias(struct cursor *cursor, struct own_words *out)
{
    size_t len = 0;
    bool needed = at_word(cursor, "as");
    if (needed)
        step(cursor);
    if (cursor->token.kind == TOKEN_WORD) {
        set_title(out, cursor->token.text);
    } else if (cursor->token.kind == TOKEN_QUOTED || at_plain_string(cursor)) {
        bool backslash = cursor->token.kind == TOKEN_STRING && escapes_count(cursor);
        (void)unquote(cursor->token.text, backslash, (uint8_t *)out->title, sizeof(out->title),
                      &len);
        out->title_len = (uint16_t)len;
    } else {
        return !needed;
    }
    step(cursor);
    return true;
}

/* Steps over CONNECTION_ID(). */
static bool take_connection_id(struct cursor *cursor)
{
    static const char parentheses[] = "()";
    if (!at_word(cursor, "connection_id"))
        return false;
    for (int i = 0; i < 2; i++) {
        step(cursor);
        if (!at_symbol(cursor, (uint8_t)parentheses[i]))
            return false;
    }
    step(cursor);
    return true;
}

/* Behind SELECT. */
static bool parse_get(struct cursor *cursor, struct own_words *out)
{
    enum scope scope = SCOPE_SESSION;
    const uint8_t *start = cursor->token.text.data;
    if (take_key(cursor))
        out->what = OWN_GET_KEY;
    else if (take_connection_id(cursor))
        out->what = OWN_GET_CONNECTION;
    else if (take_token_variable(cursor, &scope) && scope == SCOPE_SESSION)
        out->what = OWN_GET_TOKEN;
    else
        return false;
    set_title(out, span_of(start, (size_t)(cursor->behind - start)));
    return take_alias(cursor, out) && ends_here(cursor) && !cursor->lexer.doubt;
}

static int parse(struct span sql, unsigned lex_mode, struct own_words *out)
{
    struct cursor cursor;
    lex_start(&cursor.lexer, sql, lex_mode);
    step(&cursor);
    if (at_word(&cursor, "set"))
        return parse_set(&cursor, out);
    if (at_word(&cursor, "select")) {
        struct cursor get = cursor;
        step(&get);
        if (parse_get(&get, out))
            return 0;
        out->what = OWN_NONE;
    }
    return find_company(&cursor, false, out);
}

static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= 0x80)
            return false;
    }
    return true;
}

/* A text in which a byte that looks like a quote may be none: only up to the first byte that is not
 * ASCII is certain what it says. */
static int parse_uncertain(struct span sql, unsigned lex_mode, struct own_words *out)
{
    struct cursor cursor;
    enum scope scope;
    lex_start(&cursor.lexer, sql, lex_mode);
    step(&cursor);
    if (!at_word(&cursor, "set"))
        return -ENOENT;
    step(&cursor);
    out->what = take_set_target(&cursor, &scope);
    bool certain = is_ascii(span_of(sql.data, (size_t)(cursor.behind - sql.data)));
    if (out->what == OWN_NONE || !certain)
        return -ENOENT;
    return refuse(out, "is read as ASCII alone in this character set; utf8mb4 takes all texts");
}

int own_words_parse(struct span sql, unsigned lex_mode, struct own_words *out)
{
    out->what = OWN_NONE;
    out->parameter = false;
    out->value_len = out->title_len = 0;
    out->error[0] = '\0';
    bool uncertain = (lex_mode & LEX_WIDE_CHARSET) != 0 && !is_ascii(sql);
    lex_mode &= ~(unsigned)LEX_WIDE_CHARSET;
    int result = uncertain ? parse_uncertain(sql, lex_mode, out) : parse(sql, lex_mode, out);
    if (result == -ENOENT)
        out->what = OWN_NONE;
    return result;
}

int own_words_bind(struct own_words *own, struct span value)
{
    own->parameter = false;
    if (value.len > own_variables[own->what].max_bytes)
        return refuse_length(own);
    if (value.len > 0)
        memcpy(own->value, value.data, value.len);
    own->value_len = (uint16_t)value.len;
    return 0;
}
