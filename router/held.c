/* See held.h. One small function for each statement that begins or ends something. */
#include "router/held.h"

#include "proxy/base/buf.h"
#include "proxy/base/memory.h"
#include "router/lex.h"

#include <stdlib.h>
#include <strings.h>

enum {
    NAMES_MAX = 256,
    PART_MAX_BYTES = 1024,
};

struct held_name {
    struct held_name *next;
    unsigned times; /* a lock may be taken more than once */
    uint8_t kind;   /* enum held_kind */
    size_t len;
    uint8_t name[];
};

static const unsigned reason_of[HELD_KINDS] = {
    [HELD_TEMPORARY] = STICKY_TEMPORARY,
    [HELD_NAMED_LOCK] = STICKY_NAMED_LOCK,
    [HELD_HANDLER] = STICKY_HANDLER,
    [HELD_PREPARED] = STICKY_PREPARED,
};

/* A statement under way: the token at hand and the one behind it. */
struct reading {
    struct lexer lexer;
    struct token token;
    struct token next;
    struct held *held;
    unsigned reasons;
    const char *schema;
    bool failed;
};

void held_init(struct held *held)
{
    *held = (struct held){0};
}

void held_free(struct held *held)
{
    while (held->first) {
        struct held_name *name = held->first;
        held->first = name->next;
        free(name);
    }
    held_init(held);
}

/* --- the names --- */

static struct held_name **find(struct held *held, enum held_kind kind, struct span text)
{
    struct held_name **at = &held->first;
    while (*at && ((*at)->kind != kind || !span_equal(span_of((*at)->name, (*at)->len), text)))
        at = &(*at)->next;
    return at;
}

static void hold(struct held *held, enum held_kind kind, struct span text)
{
    struct held_name **at = find(held, kind, text);
    if (*at) {
        (*at)->times++;
        return;
    }
    if (text.len == 0 || held->count >= NAMES_MAX) {
        held->unnamed[kind] = true;
        return;
    }
    struct held_name *name = memory_zalloc(sizeof(*name) + text.len);
    name->kind = (uint8_t)kind;
    name->times = 1;
    name->len = text.len;
    memcpy(name->name, text.data, text.len);
    name->next = held->first;
    held->first = name;
    held->count++;
}

static void drop(struct held *held, struct held_name **at)
{
    struct held_name *name = *at;
    *at = name->next;
    free(name);
    held->count--;
}

/* All of that name, but for a lock, which must be given back as often as it was taken. */
static void let_go(struct held *held, enum held_kind kind, struct span text)
{
    struct held_name **at = find(held, kind, text);
    if (*at && (kind != HELD_NAMED_LOCK || --(*at)->times == 0))
        drop(held, at);
}

static void let_all_go(struct held *held, enum held_kind kind)
{
    struct held_name **at = &held->first;
    while (*at)
        if ((*at)->kind == kind)
            drop(held, at);
        else
            at = &(*at)->next;
    held->unnamed[kind] = false;
}

static bool holds_any(const struct held *held, enum held_kind kind)
{
    for (const struct held_name *name = held->first; name; name = name->next)
        if (name->kind == kind)
            return true;
    return held->unnamed[kind];
}

/* --- tokens --- */

static void step(struct reading *reading)
{
    reading->token = reading->next;
    lex_next(&reading->lexer, &reading->next);
}

static bool at_word(const struct reading *reading, const char *word)
{
    return reading->token.kind == TOKEN_WORD && reading->token.text.len == strlen(word) &&
           strncasecmp((const char *)reading->token.text.data, word, strlen(word)) == 0;
}

static bool at_symbol(const struct reading *reading, uint8_t symbol)
{
    return reading->token.kind == TOKEN_SYMBOL && reading->token.symbol == symbol;
}

static bool at_end(const struct reading *reading)
{
    return reading->token.kind == TOKEN_END || reading->token.kind == TOKEN_BAD ||
           at_symbol(reading, ';');
}

static bool take_word(struct reading *reading, const char *word)
{
    if (!at_word(reading, word))
        return false;
    step(reading);
    return true;
}

/* Appends an identifier without its quotes and steps over it. False: there is none, or it is one
 * that would have to be decoded. */
static bool take_identifier(struct reading *reading, struct buf *out)
{
    struct span text = reading->token.text;
    if (reading->token.kind == TOKEN_QUOTED && text.len > 2)
        text = span_of(text.data + 1, text.len - 2);
    else if (reading->token.kind != TOKEN_WORD)
        return false;
    if (text.len > PART_MAX_BYTES || memchr(text.data, '`', text.len) ||
        memchr(text.data, '"', text.len))
        return false;
    buf_append_span(out, text);
    step(reading);
    return true;
}

/* [schema.]table, as schema NUL table. */
static bool take_table(struct reading *reading, struct buf *out)
{
    struct buf first = {0};
    bool found = take_identifier(reading, &first);
    bool qualified = found && at_symbol(reading, '.');
    if (qualified) {
        step(reading);
        buf_append_span(out, buf_span(&first));
        buf_append_u8(out, 0);
        found = take_identifier(reading, out);
    } else if (found && !reading->schema) {
        found = false;
    } else if (found) {
        buf_append_text(out, reading->schema);
        buf_append_u8(out, 0);
        buf_append_span(out, buf_span(&first));
    }
    buf_free(&first);
    return found;
}

/* Names of statements: letters of either case are the same. */
static void fold(struct buf *name)
{
    for (size_t i = 0; i < name->len; i++)
        if (name->data[i] >= 'A' && name->data[i] <= 'Z')
            name->data[i] = (uint8_t)(name->data[i] + ('a' - 'A'));
}

static void skip_statement(struct reading *reading)
{
    while (!at_end(reading))
        step(reading);
}

/* --- statements --- */

static void take_if_exists(struct reading *reading)
{
    if (!take_word(reading, "if"))
        return;
    take_word(reading, "not");
    take_word(reading, "exists");
}

/* CREATE [OR REPLACE] TEMPORARY TABLE [IF NOT EXISTS] name … */
static void note_create(struct reading *reading)
{
    if (take_word(reading, "or"))
        step(reading);
    if (!take_word(reading, "temporary"))
        return;
    if (!take_word(reading, "table") && !take_word(reading, "sequence"))
        return;
    take_if_exists(reading);
    struct buf name = {0};
    bool found = take_table(reading, &name);
    hold(reading->held, HELD_TEMPORARY, found ? buf_span(&name) : (struct span){0});
    buf_free(&name);
}

/* DROP [TEMPORARY] TABLE [IF EXISTS] a, b …; DROP PREPARE s */
static void note_drop(struct reading *reading)
{
    struct buf name = {0};
    if (take_word(reading, "prepare")) {
        if (take_identifier(reading, &name) && !reading->failed) {
            fold(&name);
            let_go(reading->held, HELD_PREPARED, buf_span(&name));
        }
        buf_free(&name);
        return;
    }
    take_word(reading, "temporary");
    if (!take_word(reading, "table") && !take_word(reading, "tables") &&
        !take_word(reading, "sequence"))
        return;
    take_if_exists(reading);
    while (!reading->failed && take_table(reading, &name)) {
        let_go(reading->held, HELD_TEMPORARY, buf_span(&name));
        name.len = 0;
        if (!at_symbol(reading, ','))
            break;
        step(reading);
    }
    buf_free(&name);
}

/* A prepared statement that is replaced by one that can't be prepared is gone, but who knows. */
static void note_prepare(struct reading *reading, bool ends)
{
    struct buf name = {0};
    if (ends)
        take_word(reading, "prepare");
    bool found = take_identifier(reading, &name);
    fold(&name);
    if (!ends)
        hold(reading->held, HELD_PREPARED, found ? buf_span(&name) : (struct span){0});
    else if (found && !reading->failed)
        let_go(reading->held, HELD_PREPARED, buf_span(&name));
    buf_free(&name);
}

/* HANDLER t OPEN [[AS] alias]; HANDLER alias CLOSE. Its names are not qualified. */
static void note_handler(struct reading *reading)
{
    struct buf name = {0};
    struct buf alias = {0};
    bool found = take_identifier(reading, &name);
    if (found && at_symbol(reading, '.')) {
        step(reading);
        name.len = 0;
        found = take_identifier(reading, &name);
    }
    if (take_word(reading, "open")) {
        take_word(reading, "as");
        bool named = take_identifier(reading, &alias);
        fold(named ? &alias : &name);
        struct span held_name = buf_span(named ? &alias : &name);
        hold(reading->held, HELD_HANDLER, found ? held_name : (struct span){0});
    } else if (at_word(reading, "close") && found && !reading->failed) {
        fold(&name);
        let_go(reading->held, HELD_HANDLER, buf_span(&name));
    }
    buf_free(&name);
    buf_free(&alias);
}

static void note_flush(struct reading *reading)
{
    for (; !at_end(reading); step(reading))
        if (at_word(reading, "lock") || at_word(reading, "export"))
            reading->reasons |= STICKY_READ_LOCK;
}

/* BACKUP STAGE START … END; BACKUP LOCK t … UNLOCK */
static void note_backup(struct reading *reading)
{
    bool ends =
        at_word(reading, "unlock") || (take_word(reading, "stage") && at_word(reading, "end"));
    if (!ends)
        reading->reasons |= STICKY_BACKUP;
    else if (!reading->failed)
        reading->reasons &= ~(unsigned)STICKY_BACKUP;
}

static void note_unlock(struct reading *reading)
{
    if (!reading->failed)
        reading->reasons &= ~(unsigned)(STICKY_LOCKED | STICKY_READ_LOCK);
}

/* BEGIN and START TRANSACTION give table locks back. */
static void note_begin(struct reading *reading)
{
    if (!reading->failed)
        reading->reasons &= ~(unsigned)STICKY_LOCKED;
}

/* --- named locks: wherever a statement calls the functions --- */

/* Behind the opening parenthesis: the name, when it is a plain text and the whole argument. */
static struct span lock_name(const struct reading *reading, uint8_t behind)
{
    struct span text = reading->token.text;
    bool plain = reading->token.kind == TOKEN_STRING && text.len > 2 &&
                 (text.data[0] == '\'' || text.data[0] == '"') &&
                 !memchr(text.data, '\\', text.len) && reading->next.kind == TOKEN_SYMBOL &&
                 reading->next.symbol == behind;
    return plain ? span_of(text.data + 1, text.len - 2) : (struct span){0};
}

enum lock_call { LOCK_CALL_NONE, LOCK_CALL_GET, LOCK_CALL_RELEASE, LOCK_CALL_RELEASE_ALL };

static enum lock_call lock_call(const struct reading *reading)
{
    if (reading->next.kind != TOKEN_SYMBOL || reading->next.symbol != '(')
        return LOCK_CALL_NONE;
    if (at_word(reading, "get_lock"))
        return LOCK_CALL_GET;
    if (at_word(reading, "release_lock"))
        return LOCK_CALL_RELEASE;
    return at_word(reading, "release_all_locks") ? LOCK_CALL_RELEASE_ALL : LOCK_CALL_NONE;
}

/* What makes a call happen more than once, or not at all. */
static bool at_clause(const struct reading *reading)
{
    static const char *const words[] = {"from",  "where", "having", "limit",
                                        "union", "fetch", "except", "intersect"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (at_word(reading, words[i]))
            return true;
    return false;
}

static void note_lock_call(struct reading *reading, enum lock_call call, struct span text)
{
    struct buf name = {0};
    buf_append_span(&name, text);
    fold(&name);
    if (call == LOCK_CALL_GET)
        hold(reading->held, HELD_NAMED_LOCK, buf_span(&name));
    else if (call == LOCK_CALL_RELEASE && !reading->failed)
        let_go(reading->held, HELD_NAMED_LOCK, buf_span(&name));
    else if (call == LOCK_CALL_RELEASE_ALL && !reading->failed)
        let_all_go(reading->held, HELD_NAMED_LOCK);
    buf_free(&name);
}

/* A call counts by its name where it is made once for sure: right behind SELECT or DO, and no
 * clause follows. Any other may take a lock of any name, and releases none that we know of. */
static void note_calls(struct reading *reading)
{
    bool first = take_word(reading, "select") || take_word(reading, "do");
    enum lock_call call = first ? lock_call(reading) : LOCK_CALL_NONE;
    bool others = false;
    bool clause = false;
    struct span name = {0};
    if (call != LOCK_CALL_NONE) {
        step(reading);
        step(reading);
        name = lock_name(reading, call == LOCK_CALL_GET ? ',' : ')');
    }
    for (; !at_end(reading); step(reading)) {
        if (at_clause(reading))
            clause = true;
        others |= lock_call(reading) == LOCK_CALL_GET;
    }
    if (call == LOCK_CALL_GET || (call != LOCK_CALL_NONE && !clause))
        note_lock_call(reading, call, clause ? (struct span){0} : name);
    if (others)
        note_lock_call(reading, LOCK_CALL_GET, (struct span){0});
}

/* A temporary table may have another name now. */
static void note_rename(struct reading *reading)
{
    for (; !at_end(reading); step(reading))
        if (at_word(reading, "rename") && holds_any(reading->held, HELD_TEMPORARY))
            reading->held->unnamed[HELD_TEMPORARY] = true;
}

/* SET STATEMENT a = 1 FOR … */
static void skip_set_statement(struct reading *reading)
{
    unsigned depth = 0;
    while (!at_end(reading) && !(depth == 0 && at_word(reading, "for"))) {
        depth += at_symbol(reading, '(');
        depth -= depth > 0 && at_symbol(reading, ')');
        step(reading);
    }
    step(reading);
}

static void note_statement(struct reading *reading)
{
    while (at_word(reading, "set") && reading->next.text.len == strlen("statement") &&
           strncasecmp((const char *)reading->next.text.data, "statement", strlen("statement")) ==
               0)
        skip_set_statement(reading);
    if (take_word(reading, "create"))
        note_create(reading);
    else if (take_word(reading, "drop"))
        note_drop(reading);
    else if (take_word(reading, "prepare"))
        note_prepare(reading, false);
    else if (take_word(reading, "deallocate"))
        note_prepare(reading, true);
    else if (take_word(reading, "handler"))
        note_handler(reading);
    else if (take_word(reading, "lock"))
        reading->reasons |= STICKY_LOCKED;
    else if (take_word(reading, "unlock"))
        note_unlock(reading);
    else if (take_word(reading, "flush"))
        note_flush(reading);
    else if (take_word(reading, "backup"))
        note_backup(reading);
    else if (at_word(reading, "begin") || at_word(reading, "start"))
        note_begin(reading);
    else if (at_word(reading, "alter") || at_word(reading, "rename"))
        note_rename(reading);
    else
        note_calls(reading);
}

unsigned held_note(struct held *held, unsigned reasons, struct span sql, unsigned lex_mode,
                   const char *schema, bool failed)
{
    struct reading reading = {.held = held, .reasons = reasons, .schema = schema, .failed = failed};
    lex_start(&reading.lexer, sql, lex_mode);
    lex_next(&reading.lexer, &reading.token);
    lex_next(&reading.lexer, &reading.next);
    while (reading.token.kind != TOKEN_END && reading.token.kind != TOKEN_BAD) {
        note_statement(&reading);
        skip_statement(&reading);
        step(&reading);
    }
    for (int kind = 0; kind < HELD_KINDS; kind++) {
        reading.reasons &= ~reason_of[kind];
        if (holds_any(held, (enum held_kind)kind))
            reading.reasons |= reason_of[kind];
    }
    return reading.reasons;
}
