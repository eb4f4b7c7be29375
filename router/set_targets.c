/* See set_targets.h. */
#include "router/set_targets.h"

#include "router/reading.h"

#include <strings.h>

static bool at_end(const struct reading *reading)
{
    return reading_at_end(reading) || token_is_symbol(&reading->token, ';');
}

static bool is_named(struct span name, const char *lower)
{
    return name.len == strlen(lower) && strncasecmp((const char *)name.data, lower, name.len) == 0;
}

/* Steps over the value, and the comma behind it. */
static void skip_value(struct reading *reading)
{
    unsigned depth = 0;
    while (!at_end(reading)) {
        bool ends = depth == 0 && token_is_symbol(&reading->token, ',');
        depth += token_is_symbol(&reading->token, '(');
        depth -= depth > 0 && token_is_symbol(&reading->token, ')');
        reading_step(reading);
        if (ends)
            return;
    }
}

/* SESSION, LOCAL, @@, @@session. before the name. */
static void skip_scope(struct reading *reading)
{
    if (reading->token.kind == TOKEN_SYSTEM_VARIABLE)
        reading_step(reading);
    bool scope =
        token_is_word(&reading->token, "session") || token_is_word(&reading->token, "local");
    if (!scope)
        return;
    reading_step(reading);
    if (token_is_symbol(&reading->token, '.'))
        reading_step(reading);
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
    reading_step(reading);
    return token_is_symbol(&reading->token, '=') || token_is_symbol(&reading->token, SYMBOL_ASSIGN);
}

enum set_targets set_targets_read(struct span sql, unsigned lex_mode, struct buf *again)
{
    static const char tracking[] = "session_track_";
    const char *separator = "SET @@session.";
    enum set_targets found = SET_TARGETS_TRACKING;
    struct reading reading;
    reading_start(&reading, sql, lex_mode);
    reading_step(&reading); /* SET */
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

/* --- collations --- */

static bool is_assigned(const struct reading *reading)
{
    return token_is_symbol(&reading->next, '=') || token_is_symbol(&reading->next, SYMBOL_ASSIGN);
}

/* A name of a collation or character set, without quotes. */
static bool is_plain(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.data[i] | 0x20;
        bool digit = name.data[i] >= '0' && name.data[i] <= '9';
        if (!digit && name.data[i] != '_' && !(byte >= 'a' && byte <= 'z'))
            return false;
    }
    return name.len > 0;
}

/* NAMES charset [COLLATE collation]. False: it can't be understood. */
static bool read_names(struct reading *reading, struct set_collations *out)
{
    reading_step(reading);
    *out = (struct set_collations){.asks = token_is_word(&reading->token, "default")};
    out->as_connection = out->asks;
    reading_step(reading);
    if (!token_is_word(&reading->token, "collate"))
        return true;
    reading_step(reading);
    if (token_is_word(&reading->token, "default"))
        return true;
    struct span name = reading->token.text;
    if (reading->token.kind != TOKEN_WORD && name.len > 2)
        name = span_of(name.data + 1, name.len - 2);
    *out = (struct set_collations){.asks = true, .connection = name, .results = name};
    return is_plain(name);
}

static void read_variable(struct reading *reading, struct set_collations *out)
{
    struct span name;
    skip_scope(reading);
    if (!take_name(reading, &name))
        return;
    bool to_default = token_is_word(&reading->next, "default");
    if (is_named(name, "character_set_results")) {
        out->results = (struct span){0};
        out->as_connection = false;
    } else if (is_named(name, "character_set_connection")) {
        out->asks = to_default;
        out->as_connection = false;
        out->connection = (struct span){0};
    } else if (is_named(name, "collation_connection")) {
        out->asks = true;
        out->as_connection = false;
        out->connection = (struct span){0};
    }
}

static bool read_assignment(struct reading *reading, struct set_collations *out)
{
    const struct token *token = &reading->token;
    if (token_is_word(token, "names") && !is_assigned(reading))
        return read_names(reading, out);
    bool charset = token_is_word(token, "charset") && !is_assigned(reading);
    bool words = (token_is_word(token, "character") || token_is_word(token, "char")) &&
                 token_is_word(&reading->next, "set");
    if (charset || words)
        *out = (struct set_collations){.asks = true};
    else if (token->kind != TOKEN_USER_VARIABLE)
        read_variable(reading, out);
    return true;
}

void set_collations_read(struct span sql, unsigned lex_mode, struct set_collations *out)
{
    struct reading reading;
    *out = (struct set_collations){0};
    reading_start(&reading, sql, lex_mode);
    while (!reading_at_end(&reading)) {
        bool for_one = token_is_word(&reading.next, "statement");
        while (for_one && !at_end(&reading) && !token_is_word(&reading.token, "for"))
            reading_step(&reading);
        if (for_one)
            reading_step(&reading);
        bool understood = token_is_word(&reading.token, "set");
        reading_step(&reading);
        for (; understood && !at_end(&reading); skip_value(&reading))
            understood = read_assignment(&reading, out);
        if (!understood) {
            *out = (struct set_collations){.asks = true};
            return;
        }
        while (token_is_symbol(&reading.token, ';'))
            reading_step(&reading);
    }
    if (reading.token.kind == TOKEN_BAD)
        *out = (struct set_collations){.asks = true};
}
