/* Words of a statement for the console: see admin_lex.h. */
#include "proxy/admin_lex.h"

#include <ctype.h>
#include <strings.h>

static void skip(struct span *sql, size_t len)
{
    *sql = span_of(sql->data + len, sql->len - len);
}

static bool starts_with(struct span sql, const char *text)
{
    size_t len = strlen(text);
    return sql.len >= len && memcmp(sql.data, text, len) == 0;
}

/* Skips up to and with `end`, or everything when it does not come. */
static void skip_past(struct span *sql, const char *end)
{
    while (sql->len > 0 && !starts_with(*sql, end))
        skip(sql, 1);
    skip(sql, sql->len < strlen(end) ? sql->len : strlen(end));
}

static bool is_dash_comment(struct span sql)
{
    return starts_with(sql, "--") && (sql.len == 2 || isspace(sql.data[2]));
}

static void skip_blanks(struct span *sql)
{
    while (sql->len > 0) {
        if (isspace(sql->data[0]))
            skip(sql, 1);
        else if (starts_with(*sql, "/*"))
            skip_past(sql, "*/");
        else if (sql->data[0] == '#' || is_dash_comment(*sql))
            skip_past(sql, "\n");
        else
            return;
    }
}

static bool is_word_byte(uint8_t byte)
{
    return isalnum(byte) || byte >= 0x80 || (byte && strchr("_-.$@", byte));
}

static struct admin_token lex_quoted(struct span *sql)
{
    const uint8_t *close = memchr(sql->data + 1, sql->data[0], sql->len - 1);
    if (!close) {
        skip(sql, sql->len - 1);
        struct admin_token bad = {ADMIN_TOKEN_SYMBOL, *sql};
        skip(sql, 1);
        return bad;
    }
    size_t len = (size_t)(close - sql->data) - 1;
    struct admin_token token = {ADMIN_TOKEN_QUOTED, span_of(sql->data + 1, len)};
    skip(sql, len + 2);
    return token;
}

struct admin_token admin_lex(struct span *sql)
{
    skip_blanks(sql);
    struct admin_token token = {ADMIN_TOKEN_END, span_of(sql->data, 0)};
    if (sql->len == 0)
        return token;
    if (memchr("'\"`", sql->data[0], 3))
        return lex_quoted(sql);
    token.kind = is_word_byte(sql->data[0]) ? ADMIN_TOKEN_WORD : ADMIN_TOKEN_SYMBOL;
    token.text.len = 1;
    while (token.kind == ADMIN_TOKEN_WORD && token.text.len < sql->len &&
           is_word_byte(sql->data[token.text.len]))
        token.text.len++;
    skip(sql, token.text.len);
    return token;
}

bool admin_token_is(struct admin_token token, const char *word)
{
    return token.kind == ADMIN_TOKEN_WORD && token.text.len == strlen(word) &&
           strncasecmp((const char *)token.text.data, word, token.text.len) == 0;
}

bool admin_token_is_symbol(struct admin_token token, char symbol)
{
    return token.kind == ADMIN_TOKEN_SYMBOL && token.text.data[0] == (uint8_t)symbol;
}
