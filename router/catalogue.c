/* See catalogue.h. */
#include "router/catalogue.h"

#include "proxy/base/memory.h"
#include "router/classify.h"
#include "router/lex.h"

#include <stdlib.h>

enum body_of { BODY_OF_VIEW, BODY_OF_TRIGGER, BODY_OF_PROCEDURE, BODY_OF_FUNCTION };

struct catalogue_body {
    struct catalogue_body *next;
    enum body_of of;
    unsigned lex_mode; /* of routines; of others it is not known */
    unsigned found;    /* so far: enum catalogue_kind, or enum routine_leaves */
    char *schema;
    char *name; /* of the view or routine, or of the trigger's table */
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
    names_free(&catalogue->tables);
    routines_free(&catalogue->routines);
    free_bodies(catalogue);
    free(catalogue);
}

/* --- what is added --- */

void catalogue_add(struct catalogue *catalogue, unsigned kinds, struct span schema,
                   struct span name)
{
    names_add(&catalogue->tables, kinds, schema, name);
}

static struct catalogue_body *add_body(struct catalogue *catalogue, enum body_of of,
                                       struct span schema, struct span name, struct span text)
{
    struct catalogue_body *body = memory_zalloc(sizeof(*body));
    body->of = of;
    body->schema = memory_strndup(schema.data, schema.len);
    body->name = memory_strndup(name.data, name.len);
    body->text = memory_strndup(text.data, text.len);
    body->next = catalogue->bodies;
    catalogue->bodies = body;
    return body;
}

void catalogue_add_view(struct catalogue *catalogue, struct span schema, struct span name,
                        struct span definition)
{
    add_body(catalogue, BODY_OF_VIEW, schema, name, definition);
}

void catalogue_add_trigger(struct catalogue *catalogue, struct span schema, struct span table,
                           struct span statement)
{
    add_body(catalogue, BODY_OF_TRIGGER, schema, table, statement);
}

void catalogue_add_setting(struct catalogue *catalogue, struct span name)
{
    names_add(&catalogue->routines.settings, 1, span_text(""), name);
}

static struct names *routines_of(struct catalogue *catalogue, enum body_of of)
{
    return of == BODY_OF_FUNCTION ? &catalogue->routines.functions
                                  : &catalogue->routines.procedures;
}

void catalogue_add_routine(struct catalogue *catalogue, bool function, struct span schema,
                           struct span name, struct span body, unsigned lex_mode)
{
    enum body_of of = function ? BODY_OF_FUNCTION : BODY_OF_PROCEDURE;
    add_body(catalogue, of, schema, name, body)->lex_mode = lex_mode;
    names_add(routines_of(catalogue, of), ROUTINE_SEEN, schema, name);
}

struct catalogue *catalogue_copy(const struct catalogue *catalogue)
{
    struct catalogue *copy = catalogue_new();
    names_add_all(&copy->tables, &catalogue->tables);
    copy->hides_triggers = catalogue->hides_triggers;
    copy->generation = catalogue->generation;
    return copy;
}

uint64_t catalogue_digest(const struct catalogue *catalogue)
{
    const struct routines *routines = &catalogue->routines;
    return catalogue->tables.digest + routines->procedures.digest * 3 +
           routines->functions.digest * 5 + catalogue->hides_triggers + routines->known * 2u;
}

/* --- views, triggers, routines --- */

/* In terms of the tables and views that do the same. */
static unsigned kinds_of(unsigned leaves)
{
    return (leaves & LEAVES_VARIABLES ? CATALOGUE_SETS : 0u) |
           (leaves & LEAVES_MORE ? CATALOGUE_HOLDS : 0u) |
           (leaves & LEAVES_SETTINGS ? CATALOGUE_SETTINGS : 0u);
}

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
    if (catalogue_names(catalogue, CATALOGUE_HOLDS, sql, lex_mode, view->schema))
        kinds |= CATALOGUE_HOLDS;
    if (catalogue_names(catalogue, CATALOGUE_SETTINGS, sql, lex_mode, view->schema))
        kinds |= CATALOGUE_SETTINGS;
    if (class.flags & CLASS_OPAQUE)
        kinds |= kinds_of(catalogue_leaves(catalogue, sql, lex_mode, view->schema));
    return kinds;
}

/* Whether it may set variables does not depend on what routines do just now: a routine that changes
 * puts only the lookups of routines in doubt. */
static unsigned judge_trigger(const struct catalogue *catalogue,
                              const struct catalogue_body *trigger, unsigned lex_mode)
{
    static const struct routines none;
    struct span sql = span_text(trigger->text);
    unsigned leaves = catalogue_leaves(catalogue, sql, lex_mode, trigger->schema);
    leaves |= routine_body_leaves(sql, lex_mode, &none, NULL) & LEAVES_VARIABLES;
    return kinds_of(leaves);
}

/* A backslash or a double quote in it was written under a sql_mode that is not asked for. */
static unsigned judge_in_modes(const struct catalogue *catalogue, const struct catalogue_body *body)
{
    bool trigger = body->of == BODY_OF_TRIGGER;
    unsigned (*judge)(const struct catalogue *, const struct catalogue_body *, unsigned) =
        trigger ? judge_trigger : judge_view;
    if (!*body->text)
        return CATALOGUE_SETS | CATALOGUE_HOLDS | CATALOGUE_SETTINGS |
               (trigger ? 0u : CATALOGUE_LEADERS);
    unsigned kinds = judge(catalogue, body, 0);
    if (strchr(body->text, '\\'))
        kinds |= judge(catalogue, body, LEX_NO_BACKSLASH_ESCAPES);
    if (trigger && strchr(body->text, '"'))
        kinds |= judge(catalogue, body, LEX_ANSI_QUOTES) |
                 judge(catalogue, body, LEX_ANSI_QUOTES | LEX_NO_BACKSLASH_ESCAPES);
    return kinds;
}

static unsigned judge_routine(const struct catalogue *catalogue, const struct catalogue_body *body)
{
    if (!*body->text)
        return LEAVES_UNKNOWN;
    return catalogue_leaves(catalogue, span_text(body->text), body->lex_mode, body->schema);
}

/* True when more was found than before. */
static bool judge_again(struct catalogue *catalogue, struct catalogue_body *body)
{
    bool routine = body->of == BODY_OF_PROCEDURE || body->of == BODY_OF_FUNCTION;
    unsigned found =
        (routine ? judge_routine(catalogue, body) : judge_in_modes(catalogue, body)) & ~body->found;
    if (!found)
        return false;
    names_add(routine ? routines_of(catalogue, body->of) : &catalogue->tables, found,
              span_text(body->schema), span_text(body->name));
    body->found |= found;
    return true;
}

void catalogue_finish(struct catalogue *catalogue, bool routines_known)
{
    bool found = true;
    catalogue->routines.known = routines_known && catalogue->routines.settings.count > 0;
    while (found) { /* one that was passed over may be over one that was found behind it */
        found = false;
        for (struct catalogue_body *body = catalogue->bodies; body; body = body->next)
            found |= judge_again(catalogue, body);
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
    if ((catalogue->tables.bits & kind) == 0)
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
        if (name.data && names_find(&catalogue->tables, owner, name) & kind)
            return true;
        before = name;
        dotted = false;
    }
    return unclear || lexer.doubt;
}

unsigned catalogue_leaves(const struct catalogue *catalogue, struct span sql, unsigned lex_mode,
                          const char *schema)
{
    unsigned leaves = routine_body_leaves(sql, lex_mode, &catalogue->routines, schema);
    if (catalogue_names(catalogue, CATALOGUE_SETS, sql, lex_mode, schema))
        leaves |= LEAVES_VARIABLES;
    if (catalogue_names(catalogue, CATALOGUE_HOLDS, sql, lex_mode, schema))
        leaves |= LEAVES_MORE;
    if (catalogue_names(catalogue, CATALOGUE_SETTINGS, sql, lex_mode, schema))
        leaves |= LEAVES_SETTINGS;
    return leaves;
}
