/* See catalogue.h. Names are compared without regard to the case of ASCII letters: too much is
 * found where servers tell cases apart, never too little. */
#include "router/catalogue.h"

#include "proxy/base/memory.h"
#include "router/classify.h"
#include "router/lex.h"

#include <stdlib.h>
#include <strings.h>

enum { BUCKETS_MIN = 64 };

struct catalogue_entry {
    struct catalogue_entry *next; /* of its bucket */
    char *schema;
    char *name;
};

struct catalogue_view {
    struct catalogue_view *next;
    char *schema;
    char *name;
    char *definition;
};

/* --- life --- */

struct catalogue *catalogue_new(void)
{
    struct catalogue *catalogue = memory_zalloc(sizeof(*catalogue));
    atomic_init(&catalogue->references, 1);
    return catalogue;
}

struct catalogue *catalogue_ref(struct catalogue *catalogue)
{
    atomic_fetch_add_explicit(&catalogue->references, 1, memory_order_relaxed);
    return catalogue;
}

static void view_free(struct catalogue_view *view)
{
    free(view->schema);
    free(view->name);
    free(view->definition);
    free(view);
}

static void free_views(struct catalogue *catalogue)
{
    while (catalogue->views) {
        struct catalogue_view *view = catalogue->views;
        catalogue->views = view->next;
        view_free(view);
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
    free_views(catalogue);
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
static const struct catalogue_entry *find(const struct catalogue *catalogue, struct span schema,
                                          struct span name)
{
    if (catalogue->count == 0)
        return NULL;
    const struct catalogue_entry *entry =
        catalogue->buckets[hash(name) & (catalogue->bucket_count - 1)];
    while (entry && !(same(entry->name, name) && (!schema.data || same(entry->schema, schema))))
        entry = entry->next;
    return entry;
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

void catalogue_add(struct catalogue *catalogue, struct span schema, struct span name)
{
    if (catalogue->count >= catalogue->bucket_count)
        grow(catalogue);
    struct catalogue_entry *entry = memory_zalloc(sizeof(*entry));
    struct catalogue_entry **bucket =
        &catalogue->buckets[hash(name) & (catalogue->bucket_count - 1)];
    entry->schema = memory_strndup(schema.data, schema.len);
    entry->name = memory_strndup(name.data, name.len);
    entry->next = *bucket;
    *bucket = entry;
    catalogue->count++;
    catalogue->digest += hash(name) * (hash(schema) | 1); /* in any order the same */
}

void catalogue_add_view(struct catalogue *catalogue, struct span schema, struct span name,
                        struct span definition)
{
    struct catalogue_view *view = memory_zalloc(sizeof(*view));
    view->schema = memory_strndup(schema.data, schema.len);
    view->name = memory_strndup(name.data, name.len);
    view->definition = memory_strndup(definition.data, definition.len);
    view->next = catalogue->views;
    catalogue->views = view;
}

struct catalogue *catalogue_copy(const struct catalogue *catalogue)
{
    struct catalogue *copy = catalogue_new();
    for (size_t i = 0; i < catalogue->bucket_count; i++)
        for (const struct catalogue_entry *entry = catalogue->buckets[i]; entry;
             entry = entry->next)
            catalogue_add(copy, span_text(entry->schema), span_text(entry->name));
    copy->generation = catalogue->generation;
    return copy;
}

/* --- views --- */

static bool definition_is_read(const struct catalogue *catalogue, const struct catalogue_view *view,
                               unsigned lex_mode)
{
    struct span sql = span_text(view->definition);
    struct statement_class class;
    classify(sql, lex_mode, &class);
    return class.target == CLASS_READ && !catalogue_names(catalogue, sql, lex_mode, view->schema);
}

/* A backslash in it was written under a sql_mode that the text does not tell. */
static bool view_is_read(const struct catalogue *catalogue, const struct catalogue_view *view)
{
    return *view->definition && definition_is_read(catalogue, view, 0) &&
           (!strchr(view->definition, '\\') ||
            definition_is_read(catalogue, view, LEX_NO_BACKSLASH_ESCAPES));
}

void catalogue_finish(struct catalogue *catalogue)
{
    bool found = true;
    while (found) { /* a view that was passed over may be over one that was found behind it */
        found = false;
        for (struct catalogue_view **at = &catalogue->views; *at;) {
            struct catalogue_view *view = *at;
            if (view_is_read(catalogue, view)) {
                at = &view->next;
                continue;
            }
            *at = view->next;
            catalogue_add(catalogue, span_text(view->schema), span_text(view->name));
            view_free(view);
            found = true;
        }
    }
    free_views(catalogue);
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

bool catalogue_names(const struct catalogue *catalogue, struct span sql, unsigned lex_mode,
                     const char *schema)
{
    struct lexer lexer;
    struct token token;
    struct span before = {0}; /* the last name … */
    bool dotted = false;      /* … and a dot behind it */
    bool unclear = false;
    if (catalogue->count == 0)
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
        if (name.data && find(catalogue, owner, name))
            return true;
        before = name;
        dotted = false;
    }
    return unclear || lexer.doubt;
}
