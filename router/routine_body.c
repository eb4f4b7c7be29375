/* See routine_body.h. Bodies are not parsed: what a statement could leave is told by words and
 * forms that stand nowhere else, or seldom; where they do, the judgement is too strict. */
#include "router/routine_body.h"

#include "router/classify_words.h"
#include "router/reading.h"

#include <strings.h>

/* INSERT INTO t (a, b): t is no function. */
struct target {
    bool expected; /* behind INTO, or the schema's dot */
    bool named;    /* this token is the name, or its schema */
};

struct judging {
    struct reading at;
    struct token before; /* the last two tokens */
    struct token owner;
    struct target target;
    const struct routines *routines;
    const char *schema;
    unsigned depth;     /* of parentheses */
    unsigned set_depth; /* … of the SET whose assignments are not over … */
    bool in_set;        /* … while there is one */
    unsigned leaves;
};

void routines_free(struct routines *routines)
{
    names_free(&routines->procedures);
    names_free(&routines->functions);
    names_free(&routines->settings);
    routines->known = false;
}

/* --- tokens --- */

static void step(struct judging *judging)
{
    judging->owner = judging->before;
    judging->before = judging->at.token;
    reading_step(&judging->at);
}

static bool is_name(const struct token *token)
{
    return token->kind == TOKEN_WORD || token->kind == TOKEN_QUOTED;
}

static bool is_keyword(const struct token *token, const char *lower)
{
    return !token->name && token_is_word(token, lower);
}

/* The name without its quotes; no data: it would have to be decoded. */
static struct span name_of(const struct token *token)
{
    if (token->kind == TOKEN_WORD)
        return token->text;
    if (token->text.len <= 2)
        return (struct span){0};
    struct span inside = span_of(token->text.data + 1, token->text.len - 2);
    bool plain = !memchr(inside.data, token->text.data[0], inside.len);
    return plain ? inside : (struct span){0};
}

/* --- routines --- */

static unsigned known_of(const struct judging *judging, const struct names *names,
                         struct span schema, struct span name)
{
    unsigned bits = 0;
    if (judging->routines->known && name.data)
        bits = names_find(names, schema, name);
    return bits & ROUTINE_SEEN ? bits & LEAVES_UNKNOWN : LEAVES_UNKNOWN;
}

static struct span own_schema(const struct judging *judging)
{
    return judging->schema ? span_text(judging->schema) : (struct span){0};
}

/* CALL [schema.]name: stops at the last token of the name. */
static void judge_procedure(struct judging *judging)
{
    struct span schema = own_schema(judging);
    judging->target.expected = false;
    step(judging);
    if (is_name(&judging->at.token) && token_is_symbol(&judging->at.next, '.')) {
        schema = name_of(&judging->at.token);
        step(judging);
        step(judging);
        if (!schema.data)
            judging->leaves = LEAVES_UNKNOWN;
    }
    if (!is_name(&judging->at.token) || token_is_symbol(&judging->at.next, '.'))
        judging->leaves = LEAVES_UNKNOWN;
    else
        judging->leaves |=
            known_of(judging, &judging->routines->procedures, schema, name_of(&judging->at.token));
}

/* `next`: the token behind it. */
static void target_step(struct target *target, const struct token *token, const struct token *next)
{
    static const char *const words[] = {"into", "insert", "replace", "ignore"};
    bool begins = false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        begins |= is_keyword(token, words[i]);
    target->named = target->expected && !begins && is_name(token);
    target->expected = begins || (target->named && token_is_symbol(next, '.')) ||
                       (target->expected && token_is_symbol(token, '.'));
}

static bool is_native(const struct token *token, const struct word *word)
{
    const unsigned native =
        IS_CALL | IS_CALL_TIGHT | IS_CALL_LEADER | IS_CALL_PREVIOUS | IS_PAREN | IS_LEADER;
    return (word && word->bits & native) || token_is_word(token, "elseif") ||
           token_is_word(token, "until") || token_is_word(token, "return");
}

/* Of those that classify_words.c knows as the leader's: what they answer is its own, but they leave
 * nothing. (An id that LAST_INSERT_ID(x) sets is asked for before the connection is lent on.) */
static bool native_leaves_nothing(const struct token *token)
{
    static const char *const words[] = {"connection_id", "default",        "is_free_lock",
                                        "is_used_lock",  "last_insert_id", "uuid_short"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (token_is_word(token, words[i]))
            return true;
    return false;
}

static void judge_function(struct judging *judging, struct span schema)
{
    judging->leaves |=
        known_of(judging, &judging->routines->functions, schema, name_of(&judging->at.token));
}

/* [schema.]name( */
static void judge_qualified_call(struct judging *judging)
{
    struct span schema = is_name(&judging->owner) ? name_of(&judging->owner) : (struct span){0};
    if (!schema.data || judging->owner.name) /* a.b.c(): of a package */
        judging->leaves = LEAVES_UNKNOWN;
    judge_function(judging, schema);
}

/* At a name before a parenthesis; built-in functions that are tight become routines by a gap, and a
 * quoted name may be that of either (measured). */
static void judge_call(struct judging *judging)
{
    const struct token *token = &judging->at.token;
    const struct word *word = word_find(name_of(token));
    bool tight = word && word->bits & IS_CALL_TIGHT;
    if (judging->target.named)
        return;
    if (token_is_symbol(&judging->before, '.')) {
        judge_qualified_call(judging);
        return;
    }
    if (token->kind == TOKEN_QUOTED || !is_native(token, word) ||
        (tight && judging->at.next.spaced))
        judge_function(judging, own_schema(judging));
    if (word && word->bits & IS_CALL_LEADER && !native_leaves_nothing(token))
        judging->leaves |= LEAVES_MORE;
}

/* --- assignments --- */

/* At the @@ of what is set. With its scope written out it is reported (measured). */
static bool is_unreported(const struct judging *judging)
{
    const struct token *token = &judging->at.token;
    const struct token *next = &judging->at.next;
    return token->kind == TOKEN_SYSTEM_VARIABLE && !token_is_word(next, "session") &&
           !token_is_word(next, "local") && !token_is_word(next, "global");
}

/* One target of SET, or a column of UPDATE: stops at the "=". What is no name of a system variable
 * is one of the body, which shadows those. */
static void judge_target(struct judging *judging)
{
    struct span name = {0};
    judging->target.expected = false;
    step(judging);
    if (judging->at.token.kind == TOKEN_USER_VARIABLE) {
        judging->leaves |= LEAVES_VARIABLES;
        return;
    }
    if (is_unreported(judging))
        judging->leaves |= LEAVES_SETTINGS;
    while (is_name(&judging->at.token)) {
        name = name_of(&judging->at.token);
        step(judging);
        if (!token_is_symbol(&judging->at.token, '.'))
            break;
        step(judging);
    }
    bool assigns = token_is_symbol(&judging->at.token, '=') ||
                   token_is_symbol(&judging->at.token, SYMBOL_ASSIGN);
    bool password = name.len == 8 && strncasecmp((const char *)name.data, "password", 8) == 0;
    if (!assigns || !name.data || password || !judging->routines->known ||
        names_find(&judging->routines->settings, (struct span){0}, name))
        judging->leaves |= LEAVES_MORE;
}

static bool ends_set(const struct token *token)
{
    static const char *const words[] = {"where", "order", "limit", "returning", "on"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (is_keyword(token, words[i]))
            return true;
    return token_is_symbol(token, ';');
}

/* SET a = 1, b = 2; UPDATE … SET a = 1, b = 2 WHERE …; but not CHARACTER SET x. */
static void judge_set(struct judging *judging)
{
    if (is_keyword(&judging->before, "character"))
        return;
    judging->in_set = true;
    judging->set_depth = judging->depth;
    judge_target(judging);
}

/* --- words --- */

static bool behind(const struct judging *judging, const char *word)
{
    return is_keyword(&judging->before, word);
}

static void judge_word(struct judging *judging)
{
    static const char *const dynamic[] = {"prepare", "execute", "deallocate", "immediate"};
    static const char *const others[] = {"flush", "backup", "xa", "binlog", "unlock"};
    const struct token *token = &judging->at.token;
    for (size_t i = 0; i < sizeof(dynamic) / sizeof(dynamic[0]); i++)
        if (token_is_word(token, dynamic[i]))
            judging->leaves = LEAVES_UNKNOWN;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (token_is_word(token, others[i]))
            judging->leaves |= LEAVES_MORE;
    bool handles = behind(judging, "continue") || behind(judging, "exit") ||
                   behind(judging, "undo"); /* DECLARE … HANDLER FOR */
    bool of_index =
        token_is_word(&judging->at.next, "index") || token_is_word(&judging->at.next, "key");
    if ((token_is_word(token, "temporary") && !behind(judging, "drop")) ||
        (token_is_word(token, "handler") && !handles) ||
        (token_is_word(token, "lock") && !token_is_word(&judging->at.next, "in")) ||
        (token_is_word(token, "use") && !of_index) ||
        (token_is_word(token, "value") && (behind(judging, "next") || behind(judging, "previous"))))
        judging->leaves |= LEAVES_MORE;
}

/* NEXTVAL(s), s.nextval: LASTVAL(s) is the connection's. */
static bool of_sequence(const struct token *token)
{
    const struct word *word = word_find(name_of(token));
    return word && (word->bits & IS_SEQUENCE || token_is_word(token, "setval"));
}

static void judge_name(struct judging *judging)
{
    const struct token *token = &judging->at.token;
    if (of_sequence(token))
        judging->leaves |= LEAVES_MORE;
    if (token->kind == TOKEN_WORD && !token->name)
        judge_word(judging);
    if (is_keyword(token, "call"))
        judge_procedure(judging);
    else if (is_keyword(token, "set"))
        judge_set(judging);
    else if (token_is_symbol(&judging->at.next, '('))
        judge_call(judging);
}

static void judge_symbol(struct judging *judging)
{
    const struct token *token = &judging->at.token;
    bool listed = token_is_symbol(token, ',') && judging->depth == judging->set_depth;
    judging->depth += token_is_symbol(token, '(');
    judging->depth -= judging->depth > 0 && token_is_symbol(token, ')');
    if (token_is_symbol(token, SYMBOL_ASSIGN) && judging->before.kind != TOKEN_USER_VARIABLE &&
        judging->owner.kind != TOKEN_USER_VARIABLE)
        judging->leaves = LEAVES_UNKNOWN; /* in Oracle's manner: who knows what */
    if (judging->in_set && listed)
        judge_target(judging);
}

unsigned routine_body_leaves(struct span body, unsigned lex_mode, const struct routines *routines,
                             const char *schema)
{
    struct judging judging = {.routines = routines, .schema = schema};
    reading_start(&judging.at, body, lex_mode);
    for (; !reading_at_end(&judging.at); step(&judging)) {
        const struct token *token = &judging.at.token;
        target_step(&judging.target, token, &judging.at.next);
        if (judging.in_set && judging.depth == judging.set_depth && ends_set(token))
            judging.in_set = false;
        if (token->kind == TOKEN_USER_VARIABLE)
            judging.leaves |= LEAVES_VARIABLES;
        else if (is_name(token))
            judge_name(&judging);
        else if (token->kind == TOKEN_SYMBOL)
            judge_symbol(&judging);
    }
    bool clear = judging.at.token.kind == TOKEN_END && !judging.at.lexer.doubt;
    return clear ? judging.leaves : (unsigned)LEAVES_UNKNOWN;
}
