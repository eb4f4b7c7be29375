/* See lex.h. The rules are those of MYSQLlex in sql/sql_lex.cc (MariaDB 10.11): each function here
 * is one of its states. Where a rule depends on the client's character set, we take UTF-8 and
 * doubt. */
#include "router/lex.h"

#include "router/classify.h"

enum {
    IS_IDENT = 1, /* may stand in an unquoted identifier */
    IS_DIGIT = 2,
    IS_SPACE = 4,
    IS_HEX = 8,
    IS_HIGH = 16, /* a byte of a multi-byte character */
    IS_PUNCT = 32,
    IS_HOST = 64, /* may stand in @name */
};

#define LETTER (IS_IDENT | IS_HOST)

static const uint8_t byte_class[256] = {
    ['\t'] = IS_SPACE,
    ['\n'] = IS_SPACE,
    ['\v'] = IS_SPACE,
    ['\f'] = IS_SPACE,
    ['\r'] = IS_SPACE,
    [' '] = IS_SPACE,
    ['0' ... '9'] = IS_IDENT | IS_DIGIT | IS_HEX | IS_HOST,
    ['a' ... 'f'] = LETTER | IS_HEX,
    ['g' ... 'z'] = LETTER,
    ['A' ... 'F'] = LETTER | IS_HEX,
    ['G' ... 'Z'] = LETTER,
    ['_'] = LETTER,
    ['$'] = LETTER,
    ['.'] = IS_PUNCT | IS_HOST,
    ['!'] = IS_PUNCT,
    ['%'] = IS_PUNCT,
    ['&'] = IS_PUNCT,
    ['('] = IS_PUNCT,
    [')'] = IS_PUNCT,
    ['*'] = IS_PUNCT,
    ['+'] = IS_PUNCT,
    [','] = IS_PUNCT,
    ['-'] = IS_PUNCT,
    ['/'] = IS_PUNCT,
    [':'] = IS_PUNCT,
    [';'] = IS_PUNCT,
    ['<'] = IS_PUNCT,
    ['='] = IS_PUNCT,
    ['>'] = IS_PUNCT,
    ['?'] = IS_PUNCT,
    ['^'] = IS_PUNCT,
    ['{'] = IS_PUNCT,
    ['|'] = IS_PUNCT,
    ['}'] = IS_PUNCT,
    ['~'] = IS_PUNCT,
    [0x80 ... 0xff] = IS_IDENT | IS_HIGH,
};

static size_t lex_left(const struct lexer *lexer)
{
    return (size_t)(lexer->end - lexer->at);
}

/* The byte `offset` ahead; 0 behind the end, as the server's terminated text has it. */
static uint8_t lex_peek(const struct lexer *lexer, size_t offset)
{
    return offset < lex_left(lexer) ? lexer->at[offset] : 0;
}

static bool peek_is(const struct lexer *lexer, size_t offset, unsigned classes)
{
    return (byte_class[lex_peek(lexer, offset)] & classes) != 0;
}

static void skip_class(struct lexer *lexer, unsigned classes)
{
    while (lexer->at < lexer->end && (byte_class[*lexer->at] & classes) != 0)
        lexer->at++;
}

void lex_start(struct lexer *lexer, struct span sql, unsigned mode)
{
    static const uint8_t nothing[1];
    const uint8_t *at =
        sql.len > 0 ? sql.data : nothing; /* a span without text may have no address */
    *lexer = (struct lexer){.at = at, .end = at + sql.len, .mode = mode};
    if ((mode & LEX_WIDE_CHARSET) == 0)
        return;
    for (size_t i = 0; i < sql.len; i++) {
        if (sql.data[i] >= 0x80)
            lexer->doubt = true; /* its next byte may be a quote or a backslash that is none */
    }
}

/* Steps behind the comment's end; false when it has none. */
static bool skip_c_comment(struct lexer *lexer)
{
    while (lex_left(lexer) >= 2) {
        const uint8_t *star = memchr(lexer->at, '*', lex_left(lexer) - 1);
        if (star == NULL)
            break;
        lexer->at = star + 1;
        if (*lexer->at == '/') {
            lexer->at++;
            return true;
        }
    }
    lexer->at = lexer->end;
    return false;
}

static void skip_line(struct lexer *lexer)
{
    const uint8_t *newline = memchr(lexer->at, '\n', lex_left(lexer));
    lexer->at = newline != NULL ? newline + 1 : lexer->end;
}

/* "--" opens a comment only before white space, a control character or the end. */
static bool at_dash_comment(const struct lexer *lexer)
{
    if (lex_peek(lexer, 0) != '-' || lex_peek(lexer, 1) != '-')
        return false;
    uint8_t third = lex_peek(lexer, 2);
    return third <= ' ' || third == 0x7f;
}

/* Behind the ! of an executable comment: its version, five or six digits. MariaDB runs the content
 * up to its own version, but skips MySQL's 5.7 to 9.99; that much is certain for any server that we
 * may meet. Everything else is a doubt. */
static void enter_executable(struct lexer *lexer, bool maria)
{
    const uint32_t first_mysql_57 = 50700, last_mysql = 99999, oldest_server = 101100;
    size_t digits = 0;
    uint32_t version = 0;
    while (digits < 6 && peek_is(lexer, digits, IS_DIGIT))
        version = version * 10 + (uint32_t)(lexer->at[digits++] - '0');
    lexer->executable = true;
    if (digits < 5)
        return; /* not a version: the digits are text */
    lexer->at += digits;
    bool skipped = version >= first_mysql_57 && version <= last_mysql && !maria;
    if (skipped || version > oldest_server)
        lexer->doubt = true;
}

/* At a slash and a star. False when the comment has no end. */
static bool lex_comment(struct lexer *lexer)
{
    if (lex_peek(lexer, 2) == '!') {
        lexer->at += 3;
        enter_executable(lexer, false);
        return true;
    }
    if (lex_peek(lexer, 2) == 'M' && lex_peek(lexer, 3) == '!') {
        lexer->at += 4;
        enter_executable(lexer, true);
        return true;
    }
    lexer->at += 2;
    return skip_c_comment(lexer);
}

/* Steps over white space and comments. False when a comment has no end. */
static bool lex_gap(struct lexer *lexer)
{
    while (true) {
        skip_class(lexer, IS_SPACE);
        uint8_t byte = lex_peek(lexer, 0);
        uint8_t second = lex_peek(lexer, 1);
        if (byte == '#' || (byte == '-' && at_dash_comment(lexer))) {
            skip_line(lexer);
        } else if (byte == '/' && second == '*') {
            if (!lex_comment(lexer))
                return false;
        } else if (byte == '*' && second == '/' && lexer->executable) {
            lexer->at += 2;
            lexer->executable = false;
        } else {
            return lexer->at < lexer->end || !lexer->executable;
        }
    }
}

static enum token_kind lex_bad(struct lexer *lexer)
{
    lexer->doubt = true;
    lexer->at = lexer->end;
    lexer->executable = false; /* said once; then the text has ended */
    return TOKEN_BAD;
}

/* At the opening quote. A doubled quote stands for itself. */
static enum token_kind lex_quoted(struct lexer *lexer, enum token_kind kind, bool backslash)
{
    uint8_t quote = *lexer->at++;
    while (lexer->at < lexer->end) {
        uint8_t byte = *lexer->at++;
        if (byte == '\\' && backslash) {
            if (lexer->at < lexer->end)
                lexer->at++;
        } else if (byte == quote) {
            if (lex_peek(lexer, 0) != quote)
                return kind;
            lexer->at++;
        }
    }
    return lex_bad(lexer);
}

static enum token_kind lex_string(struct lexer *lexer)
{
    return lex_quoted(lexer, TOKEN_STRING, (lexer->mode & LEX_NO_BACKSLASH_ESCAPES) == 0);
}

/* How long is the UTF-8 character at `at`? 0: it is none. */
static size_t utf8_length(const uint8_t *at, const uint8_t *end)
{
    size_t length = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;
    if (*at < 0xc2 || *at > 0xf4 || (size_t)(end - at) < length)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return length;
}

/* A word of another character set may hide a space or a dash: latin1 has a space at 0xa0. */
static bool word_is_utf8(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        size_t length = *at < 0x80 ? 1 : utf8_length(at, end);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

static enum token_kind lex_word(struct lexer *lexer)
{
    const uint8_t *start = lexer->at;
    unsigned seen = 0;
    while (lexer->at < lexer->end && (byte_class[*lexer->at] & IS_IDENT) != 0)
        seen |= byte_class[*lexer->at++];
    if ((seen & IS_HIGH) != 0 && !word_is_utf8(start, lexer->at))
        lexer->doubt = true;
    return TOKEN_WORD;
}

/* A letter that a quote follows at once: N'..', X'..', B'..'. */
static bool at_prefixed_string(const struct lexer *lexer)
{
    uint8_t letter = lex_peek(lexer, 0) | 0x20;
    return lex_peek(lexer, 1) == '\'' && (letter == 'n' || letter == 'x' || letter == 'b');
}

static enum token_kind lex_letter(struct lexer *lexer)
{
    if (!at_prefixed_string(lexer))
        return lex_word(lexer);
    bool national = (*lexer->at | 0x20) == 'n';
    lexer->at++;
    return national ? lex_string(lexer) : lex_quoted(lexer, TOKEN_STRING, false);
}

/* At e or E: is it an exponent, and how far does it reach? 0: it is none. */
static size_t exponent_length(const struct lexer *lexer)
{
    size_t length = 1;
    if (lex_peek(lexer, length) == '+' || lex_peek(lexer, length) == '-')
        length++;
    if (!peek_is(lexer, length, IS_DIGIT))
        return 0;
    while (peek_is(lexer, length, IS_DIGIT))
        length++;
    return length;
}

/* At the dot of a number. */
static enum token_kind lex_fraction(struct lexer *lexer)
{
    lexer->at++;
    skip_class(lexer, IS_DIGIT);
    if ((lex_peek(lexer, 0) | 0x20) != 'e')
        return TOKEN_NUMBER;
    size_t exponent = exponent_length(lexer);
    if (exponent == 0)
        return lex_bad(lexer);
    lexer->at += exponent;
    return TOKEN_NUMBER;
}

/* 0x and 0b numbers: all digits up to the end of the word, else it is an identifier. */
static bool lex_prefixed_number(struct lexer *lexer)
{
    uint8_t letter = lex_peek(lexer, 1);
    if (lex_peek(lexer, 0) != '0' || (letter != 'x' && letter != 'b'))
        return false;
    size_t length = 2;
    while (letter == 'x' ? peek_is(lexer, length, IS_HEX)
                         : lex_peek(lexer, length) == '0' || lex_peek(lexer, length) == '1')
        length++;
    if (length == 2 || peek_is(lexer, length, IS_IDENT))
        return false;
    lexer->at += length;
    return true;
}

static enum token_kind lex_number(struct lexer *lexer)
{
    if (lex_prefixed_number(lexer))
        return TOKEN_NUMBER;
    const uint8_t *start = lexer->at;
    skip_class(lexer, IS_DIGIT);
    if (lex_peek(lexer, 0) == '.')
        return lex_fraction(lexer);
    if (!peek_is(lexer, 0, IS_IDENT))
        return TOKEN_NUMBER;
    size_t exponent = (lex_peek(lexer, 0) | 0x20) == 'e' ? exponent_length(lexer) : 0;
    if (exponent > 0) {
        lexer->at += exponent;
        return TOKEN_NUMBER;
    }
    lexer->at = start;
    return lex_word(lexer); /* identifiers may begin with digits */
}

static enum token_kind lex_at_sign(struct lexer *lexer)
{
    lexer->at++;
    if (lex_peek(lexer, 0) == '@') {
        lexer->at++;
        return TOKEN_SYSTEM_VARIABLE;
    }
    skip_class(lexer, IS_HOST);
    return TOKEN_USER_VARIABLE;
}

static enum token_kind lex_symbol(struct lexer *lexer, struct token *token)
{
    uint8_t byte = *lexer->at;
    if (byte == '\\' && lex_peek(lexer, 1) == 'N') { /* NULL */
        token->symbol = byte;
        lexer->at += 2;
        return TOKEN_SYMBOL;
    }
    if ((byte_class[byte] & IS_PUNCT) == 0)
        return lex_bad(lexer);
    token->symbol = byte;
    lexer->at++;
    if (byte == ':' && lex_peek(lexer, 0) == '=') {
        token->symbol = SYMBOL_ASSIGN;
        lexer->at++;
    }
    lexer->name_next = byte == '.' && peek_is(lexer, 0, IS_IDENT);
    return TOKEN_SYMBOL;
}

static enum token_kind lex_token(struct lexer *lexer, struct token *token)
{
    uint8_t byte = *lexer->at;
    uint8_t class = byte_class[byte];
    if (token->name)
        return lex_word(lexer);
    if ((class & IS_DIGIT) != 0)
        return lex_number(lexer);
    if ((class & IS_IDENT) != 0)
        return lex_letter(lexer);
    switch (byte) {
    case '\'': return lex_string(lexer);
    case '"':
        if ((lexer->mode & LEX_ANSI_QUOTES) != 0)
            return lex_quoted(lexer, TOKEN_QUOTED, false);
        return lex_string(lexer);
    case '`': return lex_quoted(lexer, TOKEN_QUOTED, false);
    case '@': return lex_at_sign(lexer);
    case '.':
        if (peek_is(lexer, 1, IS_DIGIT))
            return lex_fraction(lexer);
        return lex_symbol(lexer, token);
    default: return lex_symbol(lexer, token);
    }
}

/* Right behind a word, ".5" is a dot and an identifier; elsewhere it is a number. */
static void lex_dot_behind_word(struct lexer *lexer, const struct token *token)
{
    if (token->kind == TOKEN_WORD && lex_peek(lexer, 0) == '.' && peek_is(lexer, 1, IS_DIGIT))
        lexer->name_next = true;
}

void lex_next(struct lexer *lexer, struct token *token)
{
    const uint8_t *before = lexer->at;
    bool dot_then_name = lexer->name_next;
    bool closed = lex_gap(lexer);
    const uint8_t *start = lexer->at;
    *token = (struct token){.kind = TOKEN_END, .spaced = start > before};
    token->text = span_of(start, 0);
    lexer->name_next = false;
    if (!closed || ((lexer->mode & LEX_WIDE_CHARSET) != 0 && lexer->doubt && start < lexer->end)) {
        token->kind = lex_bad(lexer);
    } else if (start < lexer->end) {
        bool dot = dot_then_name && *start == '.';
        token->name = dot_then_name && !dot;
        token->kind = dot ? lex_symbol(lexer, token) : lex_token(lexer, token);
        lex_dot_behind_word(lexer, token);
    }
    token->text.len = (size_t)(lexer->at - start);
}

bool lex_leading_comment(struct lexer *lexer, struct span *inside)
{
    skip_class(lexer, IS_SPACE);
    *inside = span_of(lexer->at, 0);
    uint8_t byte = lex_peek(lexer, 0);
    if (byte == '#' || at_dash_comment(lexer)) {
        skip_line(lexer);
        return true;
    }
    if (byte != '/' || lex_peek(lexer, 1) != '*' || lex_peek(lexer, 2) == '!' ||
        (lex_peek(lexer, 2) == 'M' && lex_peek(lexer, 3) == '!'))
        return false;
    const uint8_t *start = lexer->at + 2;
    lexer->at = start;
    if (!skip_c_comment(lexer))
        return false;
    *inside = span_of(start, (size_t)(lexer->at - start) - 2);
    return true;
}
