/* See held.h. One small function for each statement that begins or ends something. */
#include "router/held.h"

#include "proxy/base/buf.h"
#include "proxy/base/memory.h"
#include "router/reading.h"

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

/* A statement under way. */
struct noting {
    struct reading at;
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

static void step(struct noting *noting)
{
    reading_step(&noting->at);
}

static bool at_word(const struct noting *noting, const char *word)
{
    return token_is_word(&noting->at.token, word);
}

static bool at_symbol(const struct noting *noting, uint8_t symbol)
{
    return token_is_symbol(&noting->at.token, symbol);
}

static bool at_end(const struct noting *noting)
{
    return reading_at_end(&noting->at) || at_symbol(noting, ';');
}

static bool take_word(struct noting *noting, const char *word)
{
    if (!at_word(noting, word))
        return false;
    step(noting);
    return true;
}

/* Appends an identifier without its quotes and steps over it. False: there is none, or it is one
 * that would have to be decoded. */
static bool take_identifier(struct noting *noting, struct buf *out)
{
    struct span text = noting->at.token.text;
    if (noting->at.token.kind == TOKEN_QUOTED && text.len > 2)
        text = span_of(text.data + 1, text.len - 2);
    else if (noting->at.token.kind != TOKEN_WORD)
        return false;
    if (text.len > PART_MAX_BYTES || memchr(text.data, '`', text.len) ||
        memchr(text.data, '"', text.len))
        return false;
    buf_append_span(out, text);
    step(noting);
    return true;
}

/* [schema.]table, as schema NUL table. */
static bool take_table(struct noting *noting, struct buf *out)
{
    struct buf first = {0};
    bool found = take_identifier(noting, &first);
    bool qualified = found && at_symbol(noting, '.');
    if (qualified) {
        step(noting);
        buf_append_span(out, buf_span(&first));
        buf_append_u8(out, 0);
        found = take_identifier(noting, out);
    } else if (found && !noting->schema) {
        found = false;
    } else if (found) {
        buf_append_text(out, noting->schema);
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

static void skip_statement(struct noting *noting)
{
    while (!at_end(noting))
        step(noting);
}

/* --- statements --- */

static void take_if_exists(struct noting *noting)
{
    if (!take_word(noting, "if"))
        return;
    take_word(noting, "not");
    take_word(noting, "exists");
}

/* CREATE [OR REPLACE] TEMPORARY TABLE [IF NOT EXISTS] name … */
static void note_create(struct noting *noting)
{
    if (take_word(noting, "or"))
        step(noting);
    if (!take_word(noting, "temporary"))
        return;
    if (!take_word(noting, "table") && !take_word(noting, "sequence"))
        return;
    take_if_exists(noting);
    struct buf name = {0};
    bool found = take_table(noting, &name);
    hold(noting->held, HELD_TEMPORARY, found ? buf_span(&name) : (struct span){0});
    buf_free(&name);
}

/* DROP [TEMPORARY] TABLE [IF EXISTS] a, b …; DROP PREPARE s */
static void note_drop(struct noting *noting)
{
    struct buf name = {0};
    if (take_word(noting, "prepare")) {
        if (take_identifier(noting, &name) && !noting->failed) {
            fold(&name);
            let_go(noting->held, HELD_PREPARED, buf_span(&name));
        }
        buf_free(&name);
        return;
    }
    take_word(noting, "temporary");
    if (!take_word(noting, "table") && !take_word(noting, "tables") &&
        !take_word(noting, "sequence"))
        return;
    take_if_exists(noting);
    while (!noting->failed && take_table(noting, &name)) {
        let_go(noting->held, HELD_TEMPORARY, buf_span(&name));
        name.len = 0;
        if (!at_symbol(noting, ','))
            break;
        step(noting);
    }
    buf_free(&name);
}

/* A prepared statement that is replaced by one that can't be prepared is gone, but who knows. */
static void note_prepare(struct noting *noting, bool ends)
{
    struct buf name = {0};
    if (ends)
        take_word(noting, "prepare");
    bool found = take_identifier(noting, &name);
    fold(&name);
    if (!ends)
        hold(noting->held, HELD_PREPARED, found ? buf_span(&name) : (struct span){0});
    else if (found && !noting->failed)
        let_go(noting->held, HELD_PREPARED, buf_span(&name));
    buf_free(&name);
}

/* HANDLER t OPEN [[AS] alias]; HANDLER alias CLOSE. Its names are not qualified. */
static void note_handler(struct noting *noting)
{
    struct buf name = {0};
    struct buf alias = {0};
    bool found = take_identifier(noting, &name);
    if (found && at_symbol(noting, '.')) {
        step(noting);
        name.len = 0;
        found = take_identifier(noting, &name);
    }
    if (take_word(noting, "open")) {
        take_word(noting, "as");
        bool named = take_identifier(noting, &alias);
        fold(named ? &alias : &name);
        struct span held_name = buf_span(named ? &alias : &name);
        hold(noting->held, HELD_HANDLER, found ? held_name : (struct span){0});
    } else if (at_word(noting, "close") && found && !noting->failed) {
        fold(&name);
        let_go(noting->held, HELD_HANDLER, buf_span(&name));
    }
    buf_free(&name);
    buf_free(&alias);
}

/* A server counts for each connection: SHOW STATUS tells of one only. Who sets the counters back is
 * going to read them. */
static void note_flush(struct noting *noting)
{
    bool names_tables = false;
    for (; !at_end(noting); step(noting)) {
        names_tables |= at_word(noting, "table") || at_word(noting, "tables");
        if (at_word(noting, "lock") || at_word(noting, "export"))
            noting->reasons |= STICKY_READ_LOCK;
        if (at_word(noting, "status") && !names_tables && !noting->failed)
            noting->reasons |= STICKY_COUNTERS;
    }
}

/* BACKUP STAGE START … END; BACKUP LOCK t … UNLOCK */
static void note_backup(struct noting *noting)
{
    bool ends = at_word(noting, "unlock") || (take_word(noting, "stage") && at_word(noting, "end"));
    if (!ends)
        noting->reasons |= STICKY_BACKUP;
    else if (!noting->failed)
        noting->reasons &= ~(unsigned)STICKY_BACKUP;
}

static void note_unlock(struct noting *noting)
{
    if (!noting->failed)
        noting->reasons &= ~(unsigned)(STICKY_LOCKED | STICKY_READ_LOCK);
}

/* BEGIN and START TRANSACTION give table locks back. */
static void note_begin(struct noting *noting)
{
    if (!noting->failed)
        noting->reasons &= ~(unsigned)STICKY_LOCKED;
}

/* --- named locks: wherever a statement calls the functions --- */

/* Behind the opening parenthesis: the name, when it is a plain text and the whole argument. */
static struct span lock_name(const struct noting *noting, uint8_t behind)
{
    struct span text = noting->at.token.text;
    bool plain = noting->at.token.kind == TOKEN_STRING && text.len > 2 &&
                 (text.data[0] == '\'' || text.data[0] == '"') &&
                 !memchr(text.data, '\\', text.len) && noting->at.next.kind == TOKEN_SYMBOL &&
                 noting->at.next.symbol == behind;
    return plain ? span_of(text.data + 1, text.len - 2) : (struct span){0};
}

enum lock_call { LOCK_CALL_NONE, LOCK_CALL_GET, LOCK_CALL_RELEASE, LOCK_CALL_RELEASE_ALL };

static enum lock_call lock_call(const struct noting *noting)
{
    if (noting->at.next.kind != TOKEN_SYMBOL || noting->at.next.symbol != '(')
        return LOCK_CALL_NONE;
    if (at_word(noting, "get_lock"))
        return LOCK_CALL_GET;
    if (at_word(noting, "release_lock"))
        return LOCK_CALL_RELEASE;
    return at_word(noting, "release_all_locks") ? LOCK_CALL_RELEASE_ALL : LOCK_CALL_NONE;
}

/* What makes a call happen more than once, or not at all. */
static bool at_clause(const struct noting *noting)
{
    static const char *const words[] = {"from",  "where", "having", "limit",
                                        "union", "fetch", "except", "intersect"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (at_word(noting, words[i]))
            return true;
    return false;
}

static void note_lock_call(struct noting *noting, enum lock_call call, struct span text)
{
    struct buf name = {0};
    buf_append_span(&name, text);
    fold(&name);
    if (call == LOCK_CALL_GET)
        hold(noting->held, HELD_NAMED_LOCK, buf_span(&name));
    else if (call == LOCK_CALL_RELEASE && !noting->failed)
        let_go(noting->held, HELD_NAMED_LOCK, buf_span(&name));
    else if (call == LOCK_CALL_RELEASE_ALL && !noting->failed)
        let_all_go(noting->held, HELD_NAMED_LOCK);
    buf_free(&name);
}

/* A call counts by its name where it is made once for sure: right behind SELECT or DO, and no
 * clause follows. Any other may take a lock of any name, and releases none that we know of. */
static void note_calls(struct noting *noting)
{
    bool first = take_word(noting, "select") || take_word(noting, "do");
    enum lock_call call = first ? lock_call(noting) : LOCK_CALL_NONE;
    bool others = false;
    bool clause = false;
    struct span name = {0};
    if (call != LOCK_CALL_NONE) {
        step(noting);
        step(noting);
        name = lock_name(noting, call == LOCK_CALL_GET ? ',' : ')');
    }
    for (; !at_end(noting); step(noting)) {
        if (at_clause(noting))
            clause = true;
        others |= lock_call(noting) == LOCK_CALL_GET;
    }
    if (call == LOCK_CALL_GET || (call != LOCK_CALL_NONE && !clause))
        note_lock_call(noting, call, clause ? (struct span){0} : name);
    if (others)
        note_lock_call(noting, LOCK_CALL_GET, (struct span){0});
}

/* A temporary table may have another name now. */
static void note_rename(struct noting *noting)
{
    for (; !at_end(noting); step(noting))
        if (at_word(noting, "rename") && holds_any(noting->held, HELD_TEMPORARY))
            noting->held->unnamed[HELD_TEMPORARY] = true;
}

/* SET STATEMENT a = 1 FOR … */
static void skip_set_statement(struct noting *noting)
{
    unsigned depth = 0;
    while (!at_end(noting) && !(depth == 0 && at_word(noting, "for"))) {
        depth += at_symbol(noting, '(');
        depth -= depth > 0 && at_symbol(noting, ')');
        step(noting);
    }
    step(noting);
}

static void note_statement(struct noting *noting)
{
    while (at_word(noting, "set") && noting->at.next.text.len == strlen("statement") &&
           strncasecmp((const char *)noting->at.next.text.data, "statement", strlen("statement")) ==
               0)
        skip_set_statement(noting);
    if (take_word(noting, "create"))
        note_create(noting);
    else if (take_word(noting, "drop"))
        note_drop(noting);
    else if (take_word(noting, "prepare"))
        note_prepare(noting, false);
    else if (take_word(noting, "deallocate"))
        note_prepare(noting, true);
    else if (take_word(noting, "handler"))
        note_handler(noting);
    else if (take_word(noting, "lock"))
        noting->reasons |= STICKY_LOCKED;
    else if (take_word(noting, "unlock"))
        note_unlock(noting);
    else if (take_word(noting, "flush"))
        note_flush(noting);
    else if (take_word(noting, "backup"))
        note_backup(noting);
    else if (at_word(noting, "begin") || at_word(noting, "start"))
        note_begin(noting);
    else if (at_word(noting, "alter") || at_word(noting, "rename"))
        note_rename(noting);
    else
        note_calls(noting);
}

unsigned held_note(struct held *held, unsigned reasons, struct span sql, unsigned lex_mode,
                   const char *schema, bool failed)
{
    struct noting noting = {.held = held, .reasons = reasons, .schema = schema, .failed = failed};
    reading_start(&noting.at, sql, lex_mode);
    while (noting.at.token.kind != TOKEN_END && noting.at.token.kind != TOKEN_BAD) {
        note_statement(&noting);
        skip_statement(&noting);
        step(&noting);
    }
    for (int kind = 0; kind < HELD_KINDS; kind++) {
        noting.reasons &= ~reason_of[kind];
        if (holds_any(held, (enum held_kind)kind))
            noting.reasons |= reason_of[kind];
    }
    return noting.reasons;
}
