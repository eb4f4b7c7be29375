/* See user_vars.h. */
#include "router/user_vars.h"

#include "proxy/base/memory.h"
#include "router/reading.h"

#include <stdlib.h>
#include <strings.h>

enum {
    LITERAL_MAX_BYTES = 1024,
    NAME_MAX_BYTES = 64,
};

struct user_var {
    struct user_var *next;
    uint64_t version;
    bool known;      /* else only its connection has the value */
    bool is_text;    /* a character string, whose character set is that of the session */
    struct buf name; /* with its @ */
    struct buf literal;
};

/* --- the list --- */

static void var_free(struct user_var *var)
{
    buf_free(&var->name);
    buf_free(&var->literal);
    free(var);
}

void user_vars_free(struct user_vars *vars)
{
    while (vars->first) {
        struct user_var *var = vars->first;
        vars->first = var->next;
        var_free(var);
    }
    *vars = (struct user_vars){0};
}

void user_vars_forget(struct user_vars *vars)
{
    user_vars_free(vars);
    vars->others = true;
}

/* Letters of either case are the same; names with others than ASCII ones are not kept. */
static struct user_var **find(struct user_vars *vars, struct span name)
{
    struct user_var **at = &vars->first;
    while (*at &&
           ((*at)->name.len != name.len ||
            strncasecmp((const char *)(*at)->name.data, (const char *)name.data, name.len) != 0))
        at = &(*at)->next;
    return at;
}

static bool plain_name(struct span name)
{
    for (size_t i = 1; i < name.len; i++) {
        uint8_t byte = name.data[i];
        bool letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
        if (!letter && !(byte >= '0' && byte <= '9') && byte != '_' && byte != '.' && byte != '$')
            return false;
    }
    return name.len > 1 && name.len <= NAME_MAX_BYTES;
}

/* The variable, at the end of the list; NULL: it can't be kept, and nothing is known any more.
 * `name`: with its @. */
static struct user_var *renew(struct user_vars *vars, struct span name, uint64_t version)
{
    if (!plain_name(name)) {
        user_vars_forget(vars);
        return NULL;
    }
    struct user_var **at = find(vars, name);
    struct user_var *var = *at;
    if (var) {
        *at = var->next;
    } else if (vars->count >= USER_VARS_MAX) {
        user_vars_forget(vars);
        return NULL;
    } else {
        var = memory_zalloc(sizeof(*var));
        buf_append_span(&var->name, name);
        vars->count++;
    }
    var->next = NULL;
    var->version = version;
    var->known = false;
    while (*at)
        at = &(*at)->next;
    *at = var;
    return var;
}

/* --- statements --- */

/* 'text' that means the same under every sql_mode; written so, too. */
static bool take_string(struct span text, struct buf *literal, bool *is_text)
{
    uint8_t quote = text.data[0];
    uint8_t letter = quote | 0x20;
    if (text.len > LITERAL_MAX_BYTES || memchr(text.data, '\\', text.len))
        return false;
    if (letter == 'x' || letter == 'b') { /* bytes, or a number */
        buf_append_span(literal, text);
        return true;
    }
    if (text.len < 2 || (quote != '\'' && quote != '"'))
        return false;
    struct span inside = span_of(text.data + 1, text.len - 2);
    if (quote == '"' &&
        (memchr(inside.data, '"', inside.len) || memchr(inside.data, '\'', inside.len)))
        return false;
    buf_append_u8(literal, '\'');
    buf_append_span(literal, inside);
    buf_append_u8(literal, '\'');
    *is_text = true;
    return true;
}

/* A literal and nothing else up to the comma or the end, where it stops. */
static bool take_literal(struct reading *reading, struct buf *literal, bool *is_text)
{
    struct span text = reading->token.text;
    if (token_is_symbol(&reading->token, '-') && reading->next.kind == TOKEN_NUMBER) {
        buf_append_u8(literal, '-');
        reading_step(reading);
        text = reading->token.text;
    }
    if (reading->token.kind == TOKEN_STRING) {
        if (!take_string(text, literal, is_text))
            return false;
    } else if (reading->token.kind == TOKEN_NUMBER || token_is_word(&reading->token, "null") ||
               token_is_word(&reading->token, "true") || token_is_word(&reading->token, "false")) {
        if (text.len > LITERAL_MAX_BYTES)
            return false;
        buf_append_span(literal, text);
    } else {
        return false;
    }
    reading_step(reading);
    return reading->token.kind == TOKEN_END || token_is_symbol(&reading->token, ',') ||
           token_is_symbol(&reading->token, ';');
}

/* @name = literal. False: something else. */
static bool take_assignment(struct reading *reading, struct user_vars *vars, uint64_t version)
{
    struct span name = reading->token.text;
    if (reading->token.kind != TOKEN_USER_VARIABLE)
        return false;
    reading_step(reading);
    if (!token_is_symbol(&reading->token, '=') && !token_is_symbol(&reading->token, SYMBOL_ASSIGN))
        return false;
    reading_step(reading);
    /* A variable that becomes NULL keeps the type of the value that it had (measured). */
    bool typed = token_is_word(&reading->token, "null") && (vars->others || *find(vars, name));
    struct buf literal = {0};
    bool is_text = false;
    bool taken = !typed && take_literal(reading, &literal, &is_text);
    struct user_var *var = taken ? renew(vars, name, version) : NULL;
    if (!var) {
        buf_free(&literal);
        return false;
    }
    buf_free(&var->literal);
    var->literal = literal;
    var->is_text = is_text;
    var->known = true;
    return true;
}

/* SET @a = 1, @b = 'x' [;] and nothing else. */
static bool take_set(struct span sql, unsigned lex_mode, struct user_vars *vars, uint64_t version)
{
    struct reading reading;
    reading_start(&reading, sql, lex_mode);
    if (!token_is_word(&reading.token, "set"))
        return false;
    do
        reading_step(&reading);
    while (take_assignment(&reading, vars, version) && token_is_symbol(&reading.token, ','));
    if (token_is_symbol(&reading.token, ';'))
        reading_step(&reading);
    return reading.token.kind == TOKEN_END && !reading.lexer.doubt;
}

bool user_vars_note(struct user_vars *vars, struct span sql, unsigned lex_mode, bool failed,
                    uint64_t version)
{
    if (!failed && take_set(sql, lex_mode, vars, version))
        return true;
    struct reading reading;
    reading_start(&reading, sql, lex_mode);
    for (; !reading_at_end(&reading); reading_step(&reading))
        if (reading.token.kind == TOKEN_USER_VARIABLE)
            (void)renew(vars, reading.token.text, version);
    if (reading.token.kind == TOKEN_BAD || sql.len == 0)
        user_vars_forget(vars);
    return false;
}

bool user_vars_forget_texts(struct user_vars *vars)
{
    bool found = false;
    for (struct user_var *var = vars->first; var; var = var->next)
        if (var->known && var->is_text) {
            var->known = false;
            found = true;
        }
    return found;
}

bool user_vars_known(const struct user_vars *vars, struct span sql, unsigned lex_mode)
{
    struct reading reading;
    reading_start(&reading, sql, lex_mode);
    for (; !reading_at_end(&reading); reading_step(&reading)) {
        if (reading.token.kind != TOKEN_USER_VARIABLE)
            continue;
        const struct user_var *var = *find((struct user_vars *)vars, reading.token.text);
        if (!var || !var->known)
            return false;
    }
    return reading.token.kind == TOKEN_END && !reading.lexer.doubt;
}

bool user_vars_restore(struct user_vars *vars, struct span name, struct span literal,
                       uint64_t version)
{
    struct buf marked = {0};
    buf_append_u8(&marked, '@');
    buf_append_span(&marked, name);
    struct user_var *var = renew(vars, buf_span(&marked), version);
    buf_free(&marked);
    if (!var)
        return false;
    var->literal.len = 0;
    buf_append_span(&var->literal, literal);
    var->is_text = false; /* the expression names the character set */
    var->known = true;
    return true;
}

void user_vars_replay(const struct user_vars *vars, uint64_t since, struct buf *sql)
{
    const char *separator = "SET ";
    for (const struct user_var *var = vars->first; var; var = var->next) {
        if (!var->known || var->version <= since)
            continue;
        buf_append_text(sql, separator);
        buf_append_span(sql, buf_span(&var->name));
        buf_append_u8(sql, '=');
        buf_append_span(sql, buf_span(&var->literal));
        separator = ", ";
    }
}
