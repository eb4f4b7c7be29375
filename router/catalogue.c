/* See catalogue.h. Names are compared without regard to the case of ASCII letters: too much is
 * found where servers tell cases apart, never too little. */
#include "router/catalogue.h"

#include "proxy/base/memory.h"
#include "router/classify.h"
#include "router/lex.h"
#include "router/trigger_body.h"

#include <stdlib.h>
#include <strings.h>

enum { BUCKETS_MIN = 64 };

struct catalogue_entry {
    struct catalogue_entry *next; /* of its bucket */
    unsigned kinds;
    char *schema;
    char *name;
};

struct catalogue_body {
    struct catalogue_body *next;
    bool trigger;   /* else a view */
    unsigned kinds; /* found so far */
    char *schema;
    char *name; /* of the view, or of the trigger's table */
    char *text;
};

/* --- life --- */

struct catalogue *catalogue_new(void)
{
    struct catalogue *catalogue = memory_zalloc(sizeof(*catalogue));
    atomic_init(&catalogue->references, 1);
    catalogue->hides_triggers = true;
    return catalogue;
}

struct catalogue *catalogue_ref(struct catalogue *catalogue)
{
    atomic_fetch_add_explicit(&catalogue->references, 1, memory_order_relaxed);
    return catalogue;
}

static void free_bodies(struct catalogue *catalogue)
{
    while (catalogue->bodies) {
        struct catalogue_body *body = catalogue->bodies;
        catalogue->bodies = body->next;
        free(body->schema);
        free(body->name);
        free(body->text);
        free(body);
    }
}

void catalogue_unref(struct catalogue *catalogue)
{
    if (!catalogue ||
        atomic_fetch_sub_explicit(&catalogue->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < catalogue->bucket_count; i++)
        while (catalogue->buckets[i]) {
            struct catalogue_entry *entry = catalogue->buckets[i];
            catalogue->buckets[i] = entry->next;
            free(entry->schema);
            free(entry->name);
            free(entry);
        }
    free_bodies(catalogue);
    free(catalogue->buckets);
    free(catalogue);
}

/* --- names --- */

static uint64_t hash(struct span text)
{
    uint64_t sum = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        sum = (sum ^ (byte >= 'A' && byte <= 'Z' ? byte | 0x20u : byte)) * 0x100000001b3u;
    }
    return sum ^ sum >> 29;
}

static bool same(const char *name, struct span text)
{
    return strlen(name) == text.len && strncasecmp(name, (const char *)text.data, text.len) == 0;
}

/* `schema` without data: any. */
static bool is_entry(const struct catalogue *catalogue, enum catalogue_kind kind,
                     struct span schema, struct span name)
{
    const struct catalogue_entry *entry =
        catalogue->buckets[hash(name) & (catalogue->bucket_count - 1)];
    while (entry && !(entry->kinds & kind && same(entry->name, name) &&
                      (!schema.data || same(entry->schema, schema))))
        entry = entry->next;
    return entry != NULL;
}

static void grow(struct catalogue *catalogue)
{
    size_t count = catalogue->bucket_count ? catalogue->bucket_count * 2 : BUCKETS_MIN;
    struct catalogue_entry **buckets = memory_zalloc(count * sizeof(struct catalogue_entry *));
    for (size_t i = 0; i < catalogue->bucket_count; i++)
        while (catalogue->buckets[i]) {
            struct catalogue_entry *entry = catalogue->buckets[i];
            struct catalogue_entry **bucket = &buckets[hash(span_text(entry->name)) & (count - 1)];
            catalogue->buckets[i] = entry->next;
            entry->next = *bucket;
            *bucket = entry;
        }
    free(catalogue->buckets);
    catalogue->buckets = buckets;
    catalogue->bucket_count = count;
}

void catalogue_add(struct catalogue *catalogue, unsigned kinds, struct span schema,
                   struct span name)
{
    if (catalogue->count >= catalogue->bucket_count)
        grow(catalogue);
    struct catalogue_entry *entry = memory_zalloc(sizeof(*entry));
    struct catalogue_entry **bucket =
        &catalogue->buckets[hash(name) & (catalogue->bucket_count - 1)];
    entry->kinds = kinds;
    entry->schema = memory_strndup(schema.data, schema.len);
    entry->name = memory_strndup(name.data, name.len);
    entry->next = *bucket;
    *bucket = entry;
    catalogue->count++;
    catalogue->kinds |= kinds;
    catalogue->digest += hash(name) * (hash(schema) | 1) * kinds; /* in any order the same */
}

static void add_body(struct catalogue *catalogue, struct span schema, struct span name,
                     struct span text, bool trigger)
{
    struct catalogue_body *body = memory_zalloc(sizeof(*body));
    body->trigger = trigger;
    body->schema = memory_strndup(schema.data, schema.len);
    body->name = memory_strndup(name.data, name.len);
    body->text = memory_strndup(text.data, text.len);
    body->next = catalogue->bodies;
    catalogue->bodies = body;
}

void catalogue_add_view(struct catalogue *catalogue, struct span schema, struct span name,
                        struct span definition)
{
    add_body(catalogue, schema, name, definition, false);
}

void catalogue_add_trigger(struct catalogue *catalogue, struct span schema, struct span table,
                           struct span statement)
{
    add_body(catalogue, schema, table, statement, true);
}

struct catalogue *catalogue_copy(const struct catalogue *catalogue)
{
    struct catalogue *copy = catalogue_new();
    for (size_t i = 0; i < catalogue->bucket_count; i++)
        for (const struct catalogue_entry *entry = catalogue->buckets[i]; entry;
             entry = entry->next)
            catalogue_add(copy, entry->kinds, span_text(entry->schema), span_text(entry->name));
    copy->hides_triggers = catalogue->hides_triggers;
    copy->generation = catalogue->generation;
    return copy;
}

/* --- views and triggers --- */

static unsigned judge_view(const struct catalogue *catalogue, const struct catalogue_body *view,
                           unsigned lex_mode)
{
    struct span sql = span_text(view->text);
    struct statement_class class;
    classify(sql, lex_mode, &class);
    unsigned kinds = 0;
    if (class.target != CLASS_READ ||
        catalogue_names(catalogue, CATALOGUE_LEADERS, sql, lex_mode, view->schema))
        kinds |= CATALOGUE_LEADERS;
    if (catalogue_names(catalogue, CATALOGUE_SETS, sql, lex_mode, view->schema))
        kinds |= CATALOGUE_SETS;
    return kinds;
}

static unsigned judge_trigger(const struct catalogue *catalogue,
                              const struct catalogue_body *trigger, unsigned lex_mode)
{
    struct span sql = span_text(trigger->text);
    bool sets = trigger_body_may_set_variables(sql, lex_mode) ||
                catalogue_names(catalogue, CATALOGUE_SETS, sql, lex_mode, trigger->schema);
    return sets ? CATALOGUE_SETS : 0;
}

/* A backslash or a double quote in it was written under a sql_mode that is not asked for. */
static unsigned judge_body(const struct catalogue *catalogue, const struct catalogue_body *body)
{
    unsigned (*judge)(const struct catalogue *, const struct catalogue_body *, unsigned) =
        body->trigger ? judge_trigger : judge_view;
    if (!*body->text)
        return body->trigger ? CATALOGUE_SETS : CATALOGUE_LEADERS | CATALOGUE_SETS;
    unsigned kinds = judge(catalogue, body, 0);
    if (strchr(body->text, '\\'))
        kinds |= judge(catalogue, body, LEX_NO_BACKSLASH_ESCAPES);
    if (body->trigger && strchr(body->text, '"'))
        kinds |= judge(catalogue, body, LEX_ANSI_QUOTES) |
                 judge(catalogue, body, LEX_ANSI_QUOTES | LEX_NO_BACKSLASH_ESCAPES);
    return kinds;
}

void catalogue_finish(struct catalogue *catalogue)
{
    bool found = true;
    while (found) { /* one that was passed over may be over one that was found behind it */
        found = false;
        for (struct catalogue_body *body = catalogue->bodies; body; body = body->next) {
            unsigned kinds = judge_body(catalogue, body) & ~body->kinds;
            if (!kinds)
                continue;
            catalogue_add(catalogue, kinds, span_text(body->schema), span_text(body->name));
            body->kinds |= kinds;
            found = true;
        }
    }
    free_bodies(catalogue);
}

/* --- statements --- */

/* The name in the token; no data: it is none, or `*unclear`. */
static struct span name_of(const struct token *token, bool *unclear)
{
    if (token->kind == TOKEN_WORD)
        return token->text;
    if (token->kind != TOKEN_QUOTED || token->text.len < 2)
        return (struct span){0};
    struct span inside = span_of(token->text.data + 1, token->text.len - 2);
    *unclear |= memchr(inside.data, token->text.data[0], inside.len) != NULL;
    return inside;
}

bool catalogue_names(const struct catalogue *catalogue, enum catalogue_kind kind, struct span sql,
                     unsigned lex_mode, const char *schema)
{
    struct lexer lexer;
    struct token token;
    struct span before = {0}; /* the last name … */
    bool dotted = false;      /* … and a dot behind it */
    bool unclear = false;
    if ((catalogue->kinds & kind) == 0)
        return false;
    lex_start(&lexer, sql, lex_mode);
    for (lex_next(&lexer, &token); token.kind != TOKEN_END; lex_next(&lexer, &token)) {
        if (token.kind == TOKEN_SYMBOL && token.symbol == '.') {
            dotted = true;
            continue;
        }
        struct span name = name_of(&token, &unclear);
        struct span owner = dotted && before.data ? before
                            : schema              ? span_text(schema)
                                                  : (struct span){0};
        if (name.data && is_entry(catalogue, kind, owner, name))
            return true;
        before = name;
        dotted = false;
    }
    return unclear || lexer.doubt;
}
