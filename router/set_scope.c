/* SET without a scope, and SET for one statement: see set_scope.h. */
#include "router/set_scope.h"

#include "router/reading.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct walk {
    struct reading at;
    unsigned depth; /* of parentheses */
};

static void note_depth(struct walk *walk)
{
    walk->depth += token_is_symbol(&walk->at.token, '(');
    walk->depth -= walk->depth > 0 && token_is_symbol(&walk->at.token, ')');
}

static void step(struct walk *walk)
{
    reading_step(&walk->at);
    note_depth(walk);
}

static void start(struct walk *walk, struct span sql, unsigned mode)
{
    walk->depth = 0;
    reading_start(&walk->at, sql, mode);
    note_depth(walk);
}

/* At @@, with the name ahead: one whose scope may be written out. */
static bool may_be_scoped(const struct walk *walk)
{
    static const char *const left_alone[] = {"tx_isolation", "transaction_isolation",
                                             "tx_read_only", "transaction_read_only",
                                             "causeway_token"};
    if (walk->at.next.kind != TOKEN_WORD)
        return false;
    for (size_t i = 0; i < sizeof(left_alone) / sizeof(left_alone[0]); i++)
        if (token_is_word(&walk->at.next, left_alone[i]))
            return false;
    return true;
}

/* At the @@ of what is set: the offset behind it is noted when the name has no scope. Stops behind
 * the name. False: too many. */
static bool note_target(struct walk *walk, struct span sql, size_t *places, size_t *count)
{
    bool scoped = !may_be_scoped(walk);
    size_t place = (size_t)(walk->at.token.text.data + walk->at.token.text.len - sql.data);
    step(walk);
    step(walk);
    if (scoped || (!token_is_symbol(&walk->at.token, '=') &&
                   !token_is_symbol(&walk->at.token, SYMBOL_ASSIGN)))
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
    while (!reading_at_end(&walk->at) && !token_is_symbol(&walk->at.token, ';')) {
        if (at_target && walk->at.token.kind == TOKEN_SYSTEM_VARIABLE) {
            if (!note_target(walk, sql, places, count))
                return false;
            at_target = false;
            continue;
        }
        at_target = walk->depth == 0 && token_is_symbol(&walk->at.token, ',');
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
    while (token_is_word(&walk.at.token, "set") && !token_is_word(&walk.at.next, "statement")) {
        step(&walk);
        if (!note_assignments(&walk, sql, places, &count))
            return 0;
        while (token_is_symbol(&walk.at.token, ';'))
            step(&walk);
    }
    return walk.at.token.kind == TOKEN_BAD ? 0 : count;
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
    while (token_is_word(&walk.at.token, "set") && token_is_word(&walk.at.next, "statement")) {
        step(&walk);
        step(&walk);
        for (; !reading_at_end(&walk.at) &&
               !(walk.depth == 0 && token_is_word(&walk.at.token, "for"));
             step(&walk))
            found |= walk.depth == 0 && token_is_symbol(&walk.at.next, '=') &&
                     walk.at.token.text.len == name.len &&
                     strncasecmp((const char *)walk.at.token.text.data, (const char *)name.data,
                                 name.len) == 0;
        step(&walk);
    }
    return found;
}
