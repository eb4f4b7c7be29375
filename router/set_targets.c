/* See set_targets.h. */
#include "router/set_targets.h"

#include "router/reading.h"

#include <strings.h>

static bool at_end(const struct reading *reading)
{
    return reading_at_end(reading) || token_is_symbol(&reading->token, ';');
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
