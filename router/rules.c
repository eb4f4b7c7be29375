/* See rules.h. */
#include "router/rules.h"

#include "proxy/base/memory.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What one match may cost at most: a pattern that backtracks without end must not hold up a worker.
 * About ten milliseconds with JIT. */
enum {
    MATCH_LIMIT = 1000 * 1000,
    DEPTH_LIMIT = 10 * 1000,
    HEAP_LIMIT_KIB = 4 * 1024,
    JIT_STACK_START_BYTES = 32 * 1024,
    JIT_STACK_LIMIT_BYTES = 512 * 1024,
};

struct compiled_rule {
    struct rule rule;
    pcre2_code *code; /* NULL without `match` */
};

struct rule_set {
    struct compiled_rule *rules;
    size_t count;
};

struct rule_scratch {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

struct rule_set *rules_new(void)
{
    return memory_zalloc(sizeof(struct rule_set));
}

static void rule_destroy(struct compiled_rule *compiled)
{
    free(compiled->rule.name);
    free(compiled->rule.match);
    free(compiled->rule.user);
    free(compiled->rule.schema);
    free(compiled->rule.server);
    pcre2_code_free(compiled->code);
}

/* NULL: the pattern is wrong, and `error` says why. */
static pcre2_code *pattern_compile(const char *pattern, char *error, size_t error_size)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    const uint32_t options =
        PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &code, &offset, NULL);
    if (compiled == NULL) {
        PCRE2_UCHAR reason[128];
        pcre2_get_error_message(code, reason, sizeof(reason));
        snprintf(error, error_size, "%s at character %zu", (const char *)reason,
                 (size_t)offset + 1);
        return NULL;
    }
    /* Where there is no JIT, the interpreter does the same, slower. */
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    return compiled;
}

int rules_add(struct rule_set *rules, struct rule rule, char *error, size_t error_size)
{
    struct compiled_rule compiled = {.rule = rule};
    if (rule.match != NULL) {
        compiled.code = pattern_compile(rule.match, error, error_size);
        if (compiled.code == NULL) {
            rule_destroy(&compiled);
            return -EINVAL;
        }
    }
    rules->rules = memory_resize(rules->rules, (rules->count + 1) * sizeof(compiled));
    rules->rules[rules->count++] = compiled;
    return 0;
}

void rules_free(struct rule_set *rules)
{
    if (rules == NULL)
        return;
    for (size_t i = 0; i < rules->count; i++)
        rule_destroy(&rules->rules[i]);
    free(rules->rules);
    free(rules);
}

size_t rules_count(const struct rule_set *rules)
{
    return rules->count;
}

const struct rule *rules_at(const struct rule_set *rules, size_t index)
{
    assert(index < rules->count);
    return &rules->rules[index].rule;
}

static void must_have(const void *pointer)
{
    if (pointer == NULL)
        abort(); /* as memory.h does when there is none */
}

struct rule_scratch *rule_scratch_new(void)
{
    struct rule_scratch *scratch = memory_zalloc(sizeof(*scratch));
    scratch->data = pcre2_match_data_create(1, NULL); /* whether it matches, not where */
    scratch->context = pcre2_match_context_create(NULL);
    must_have(scratch->data);
    must_have(scratch->context);
    pcre2_set_match_limit(scratch->context, MATCH_LIMIT);
    pcre2_set_depth_limit(scratch->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(scratch->context, HEAP_LIMIT_KIB);
    /* NULL without JIT, and then not needed. */
    scratch->stack = pcre2_jit_stack_create(JIT_STACK_START_BYTES, JIT_STACK_LIMIT_BYTES, NULL);
    if (scratch->stack != NULL)
        pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
    return scratch;
}

void rule_scratch_free(struct rule_scratch *scratch)
{
    if (scratch == NULL)
        return;
    pcre2_match_data_free(scratch->data);
    pcre2_match_context_free(scratch->context);
    pcre2_jit_stack_free(scratch->stack);
    free(scratch);
}

static bool pattern_holds(const pcre2_code *code, struct rule_scratch *scratch, struct span sql,
                          bool *limit_hit)
{
    PCRE2_SPTR subject = sql.len > 0 ? sql.data : (PCRE2_SPTR) "";
    int result = pcre2_match(code, subject, sql.len, 0, 0, scratch->data, scratch->context);
    if (result >= 0)
        return true;
    if (result != PCRE2_ERROR_NOMATCH)
        *limit_hit = true;
    return false;
}

static bool condition_holds(const char *wanted, const char *actual)
{
    return wanted == NULL || (actual != NULL && strcmp(wanted, actual) == 0);
}

const struct rule *rules_match(const struct rule_set *rules, struct rule_scratch *scratch,
                               struct span sql, const char *user, const char *schema, size_t *index,
                               bool *limit_hit)
{
    *limit_hit = false;
    for (size_t i = 0; i < rules->count; i++) {
        const struct compiled_rule *compiled = &rules->rules[i];
        const struct rule *rule = &compiled->rule;
        if (!condition_holds(rule->user, user) || !condition_holds(rule->schema, schema))
            continue;
        if (compiled->code != NULL && !pattern_holds(compiled->code, scratch, sql, limit_hit))
            continue;
        if (index != NULL)
            *index = i;
        return rule;
    }
    return NULL;
}
