/* What an operator may say to the console: see admin_command.h. */
#include "proxy/admin_command.h"

#include "proxy/admin_lex.h"

#include <strings.h>

static const struct {
    const char *name;
    const char *text;
} topics[] = {
#define X(topic, text) {#topic, text},
    ADMIN_TOPICS(X)
#undef X
};

static const struct {
    enum admin_verb verb;
    const char *word;
    const char *written;
    const char *text;
} actions[] = {
#define X(verb, written, text) {ADMIN_DO_##verb, #verb, written, text},
    ADMIN_ACTIONS(X)
#undef X
};

/* Statements without a meaning here that client programs send all the same. */
static const char *const ignored[] = {"SET",    "USE",      "BEGIN", "START",
                                      "COMMIT", "ROLLBACK", "FLUSH"};

enum { ACTION_COUNT = sizeof(actions) / sizeof(actions[0]) };
enum { IGNORED_COUNT = sizeof(ignored) / sizeof(ignored[0]) };

static const struct admin_command unknown_command = {.verb = ADMIN_UNKNOWN};

/* True when nothing but one `;` is left. */
static bool at_end(struct span sql)
{
    struct admin_token token = admin_lex(&sql);
    if (admin_token_is_symbol(token, ';'))
        token = admin_lex(&sql);
    return token.kind == ADMIN_TOKEN_END;
}

/* Copies a word or quoted text; false when there is none or it is too long. */
static bool take_text(struct span *sql, char out[ADMIN_WORD_MAX], bool quoted_only)
{
    struct admin_token token = admin_lex(sql);
    bool fits =
        token.kind == ADMIN_TOKEN_QUOTED || (token.kind == ADMIN_TOKEN_WORD && !quoted_only);
    if (!fits || token.text.len == 0 || token.text.len >= ADMIN_WORD_MAX)
        return false;
    memcpy(out, token.text.data, token.text.len);
    out[token.text.len] = '\0';
    return true;
}

/* What stands behind SHOW: a topic of the console, or something that client programs ask for. */
static bool find_topic(struct admin_token token, struct admin_command *command)
{
    for (unsigned i = 0; i < ADMIN_TOPIC_COUNT; i++) {
        if (admin_token_is(token, topics[i].name)) {
            command->verb = ADMIN_SHOW;
            command->topic = (enum admin_topic)i;
            return true;
        }
    }
    if (admin_token_is(token, "WARNINGS") || admin_token_is(token, "ERRORS"))
        command->verb = ADMIN_SHOW_WARNINGS;
    else if (admin_token_is(token, "VARIABLES"))
        command->verb = ADMIN_SHOW_VARIABLES;
    else if (admin_token_is(token, "DATABASES") || admin_token_is(token, "SCHEMAS") ||
             admin_token_is(token, "TABLES"))
        command->verb = ADMIN_SHOW_NOTHING;
    return command->verb != ADMIN_UNKNOWN;
}

static struct admin_command parse_show(struct span sql)
{
    struct admin_command command = unknown_command;
    struct admin_token token = admin_lex(&sql);
    if (admin_token_is(token, "GLOBAL") || admin_token_is(token, "SESSION") ||
        admin_token_is(token, "FULL"))
        token = admin_lex(&sql);
    if (!find_topic(token, &command))
        return unknown_command;
    struct span rest = sql;
    if (admin_token_is(admin_lex(&rest), "LIKE")) {
        if (!take_text(&rest, command.like, true))
            return unknown_command;
        sql = rest;
    }
    return at_end(sql) ? command : unknown_command;
}

/* SWITCHOVER TO server, FAILOVER, FAILOVER TO server. */
static bool skip_to(enum admin_verb verb, struct span *sql)
{
    if (verb != ADMIN_DO_SWITCHOVER && verb != ADMIN_DO_FAILOVER)
        return true;
    return admin_token_is(admin_lex(sql), "TO");
}

static struct admin_command parse_action(enum admin_verb verb, struct span sql)
{
    struct admin_command command = {.verb = verb};
    bool bare = verb == ADMIN_DO_RELOAD || (verb == ADMIN_DO_FAILOVER && at_end(sql));
    if (!bare && (!skip_to(verb, &sql) || !take_text(&sql, command.server, false)))
        return unknown_command;
    return at_end(sql) ? command : unknown_command;
}

struct admin_command admin_command_parse(struct span sql)
{
    struct admin_token token = admin_lex(&sql);
    if (admin_token_is(token, "SHOW"))
        return parse_show(sql);
    if (admin_token_is(token, "HELP") && at_end(sql))
        return (struct admin_command){.verb = ADMIN_SHOW, .topic = ADMIN_HELP};
    if (admin_token_is(token, "SELECT"))
        return (struct admin_command){.verb = ADMIN_SELECT};
    for (size_t i = 0; i < ACTION_COUNT; i++)
        if (admin_token_is(token, actions[i].word))
            return parse_action(actions[i].verb, sql);
    for (size_t i = 0; i < IGNORED_COUNT; i++)
        if (admin_token_is(token, ignored[i]))
            return (struct admin_command){.verb = ADMIN_IGNORE};
    return unknown_command;
}

void admin_command_help(struct admin_table *table)
{
    static const char *const names[] = {"command", "meaning"};
    admin_table_columns(table, 2, names);
    for (unsigned i = 0; i < ADMIN_TOPIC_COUNT; i++) {
        admin_table_printf(table, "SHOW %s", topics[i].name);
        admin_table_text(table, topics[i].text);
    }
    admin_table_text(table, "SHOW … LIKE 'pattern'");
    admin_table_text(table, "only the rows in which a field matches, % and _ as in SQL");
    admin_table_text(table, "SHOW WARNINGS");
    admin_table_text(table, "all that the last RELOAD complained about");
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        admin_table_text(table, actions[i].written);
        admin_table_text(table, actions[i].text);
    }
}

void admin_command_list(struct buf *out)
{
    for (unsigned i = 0; i < ADMIN_TOPIC_COUNT; i++)
        buf_printf(out, "%s%s", i ? " | " : "SHOW ", topics[i].name);
    for (size_t i = 0; i < ACTION_COUNT; i++)
        buf_printf(out, ", %s", actions[i].written);
}
