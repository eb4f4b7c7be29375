/* The [rule:NAME] sections of proxy.ini: first match wins, in file order; all conditions that a
 * rule has must hold. Patterns are PCRE2, compiled once with JIT when the configuration is loaded.
 * A rule set is immutable and may be used by many threads; each brings its own rule_scratch. */
#ifndef CAUSEWAY_ROUTER_RULES_H
#define CAUSEWAY_ROUTER_RULES_H

#include "proxy/base/bytes.h"

enum rule_target { RULE_NO_TARGET, RULE_LEADER, RULE_FOLLOWERS, RULE_SERVER, RULE_REFUSE };

/* One rule as written. NULL or negative: the condition or setting is not there. */
struct rule {
    char *name;
    char *match;  /* PCRE2 pattern, found anywhere in the statement's text, case-insensitive; a dot
                     matches a newline too, ^ and $ mean the whole text */
    char *user;   /* exact */
    char *schema; /* exact: the session's schema at that moment */
    enum rule_target to;
    char *server;    /* with RULE_SERVER */
    int consistency; /* enum consistency of policy.h, or -1 */
};

struct rule_set;
struct rule_scratch;

/* An empty rule set; rules_add takes over the strings of `rule` (malloc'd) also when it fails.
 * -EINVAL: the pattern does not compile; `error` says why and at which character. */
struct rule_set *rules_new(void);
int rules_add(struct rule_set *rules, struct rule rule, char *error, size_t error_size);
void rules_free(struct rule_set *rules);

size_t rules_count(const struct rule_set *rules);
const struct rule *rules_at(const struct rule_set *rules, size_t index);

struct rule_scratch *rule_scratch_new(void);
void rule_scratch_free(struct rule_scratch *scratch);

/* The first rule that holds, or NULL. A pattern that runs into PCRE2's match limit on this text
 * does not hold; *limit_hit is then set (the caller logs it once). `index` (may be NULL) gets its
 * place. */
const struct rule *rules_match(const struct rule_set *rules, struct rule_scratch *scratch,
                               struct span sql, const char *user, const char *schema, size_t *index,
                               bool *limit_hit);

#endif
