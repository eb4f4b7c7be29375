/* proxy.ini as one immutable structure: see config.h. What the lines say together is checked here;
 * what a line says alone in config_parse.c. */
#include "proxy/config.h"

#include "binlog/positions.h"
#include "proxy/base/memory.h"
#include "proxy/config_parse.h"
#include "proxy/config_secrets.h"
#include "proxy/config_tls.h"

#include <errno.h>
#include <stdlib.h>

/* --- required keys --- */

static void check_required(struct config_parse *parse)
{
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        if (!key->required || config_section_named(key->section))
            continue;
        struct config_part *part = config_parse_find(parse, key->section, NULL);
        if (!config_part_line(part, key->name))
            config_problem(&parse->problems, part ? part->line : 0, "%s has no `%s`",
                           config_section_title(key->section), key->name);
    }
}

static void check_part_required(struct config_parse *parse, const struct config_part *part)
{
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        if (key->section == part->section && key->required && !part->key_lines[i])
            config_problem(&parse->problems, part->line, "[%s:%s] has no `%s`",
                           config_section_word(part->section), part->name, key->name);
    }
}

/* --- passwords --- */

static void check_cluster_password(struct config_parse *parse)
{
    struct config *config = parse->config;
    struct config_part *part = config_parse_find(parse, CONFIG_CLUSTER, NULL);
    if (!config_check_password(parse, CONFIG_CLUSTER, "password", "password_file",
                               config->cluster_password_file, &config->cluster_password))
        config_problem(&parse->problems, part ? part->line : 0,
                       "[cluster] has no `password` and no `password_file`");
}

/* What failover = auto can't do without; a person at the console hears of it there. */
static void check_failover(struct config_parse *parse)
{
    struct config *config = parse->config;
    struct config_part *part = config_parse_find(parse, CONFIG_CLUSTER, NULL);
    bool given = config_check_password(
        parse, CONFIG_CLUSTER, "replication_password", "replication_password_file",
        config->replication_password_file, &config->replication_password);
    if (given != (config->replication_user != NULL))
        config_problem(&parse->problems,
                       config_part_line(part, given ? "replication_password" : "replication_user"),
                       "`replication_user` and its password go together");
    if (config->state_dir)
        config->state_path = config_path_beside(config->path, config->state_dir);
    if (config->failover == 2 && config->quorum && config->server_count == 2)
        config_problem(&parse->problems, config_part_line(part, "failover"),
                       "with two servers one alone is no majority: failover = auto needs a third "
                       "server, or quorum = off");
}

static void check_console(struct config_parse *parse)
{
    struct config *config = parse->config;
    bool given =
        config_check_password(parse, CONFIG_PROXY, "console_password", "console_password_file",
                              config->console_password_file, &config->console_password);
    if (!config->console)
        return;
    int line = config_part_line(config_parse_find(parse, CONFIG_PROXY, NULL), "console");
    if (!given && strncmp(config->console, "unix:", 5) != 0)
        config_problem(&parse->problems, line,
                       "the console needs a `console_password` or `console_password_file`, or an "
                       "address unix:/path");
    for (size_t i = 0; i < config->listen_count; i++)
        if (strcmp(config->listen[i].text, config->console) == 0)
            config_problem(&parse->problems, line, "console and listen have one address: %s",
                           config_quote(config->console).text);
}

/* The other listeners have an address of their own: it must be neither of these. */
static void check_http(struct config_parse *parse)
{
    struct config *config = parse->config;
    const char *other = NULL;
    if (!config->http)
        return;
    if (config->console && strcmp(config->console, config->http) == 0)
        other = "console";
    for (size_t i = 0; i < config->listen_count; i++)
        if (strcmp(config->listen[i].text, config->http) == 0)
            other = "listen";
    if (other)
        config_problem(&parse->problems,
                       config_part_line(config_parse_find(parse, CONFIG_PROXY, NULL), "http"),
                       "http and %s have one address: %s", other, config_quote(config->http).text);
}

/* --- servers --- */

static void check_address_alone(struct config_parse *parse, const struct config_part *part)
{
    for (size_t i = 0; i < parse->count && parse->parts[i] != part; i++) {
        const struct config_part *other = parse->parts[i];
        if (other->section != CONFIG_SERVER || !other->object.server.address ||
            strcasecmp(other->object.server.address, part->object.server.address) != 0)
            continue;
        config_problem(&parse->problems, config_part_line(part, "address"),
                       "[server:%s] has the address of [server:%s] at line %d", part->name,
                       other->name, config_part_line(other, "address"));
        return;
    }
}

/* A server that is Causeway itself would be called without end. */
static void check_address_not_own(struct config_parse *parse, const struct config_part *part)
{
    const struct config *config = parse->config;
    const char *address = part->object.server.address;
    bool own = (config->console && strcmp(config->console, address) == 0) ||
               (config->http && strcmp(config->http, address) == 0);
    for (size_t i = 0; i < config->listen_count && !own; i++)
        own = strcmp(config->listen[i].text, address) == 0;
    if (own)
        config_problem(&parse->problems, config_part_line(part, "address"),
                       "[server:%s] has an address of Causeway itself", part->name);
}

static void check_server(struct config_parse *parse, const struct config_part *part)
{
    check_part_required(parse, part);
    if (part->object.server.address) {
        check_address_alone(parse, part);
        check_address_not_own(parse, part);
    }
}

/* Copies the servers of the file into the configuration. */
static void take_servers(struct config_parse *parse)
{
    struct config *config = parse->config;
    config->servers = memory_zalloc((parse->count + 1) * sizeof(*config->servers));
    for (size_t i = 0; i < parse->count; i++) {
        struct config_part *part = parse->parts[i];
        if (part->section != CONFIG_SERVER)
            continue;
        check_server(parse, part);
        if (config->server_count == POSITIONS_SERVERS_MAX)
            config_problem(&parse->problems, part->line, "more than %d servers",
                           POSITIONS_SERVERS_MAX);
        struct config_server *server = &config->servers[config->server_count++];
        server->name = memory_strdup(part->name);
        server->weight = part->object.server.weight;
        server->promotable = part->object.server.promotable;
        if (part->object.server.address)
            server->address = memory_strdup(part->object.server.address);
    }
    if (config->server_count == 0)
        config_problem(&parse->problems, 0, "there is no [server:NAME] section");
}

/* --- users --- */

static void take_users(struct config_parse *parse)
{
    struct config *config = parse->config;
    config->users = memory_zalloc((parse->count + 1) * sizeof(*config->users));
    for (size_t i = 0; i < parse->count; i++) {
        struct config_part *part = parse->parts[i];
        if (part->section != CONFIG_USER)
            continue;
        struct config_user *user = &config->users[config->user_count++];
        *user = part->object.user;
        memset(&part->object.user, 0, sizeof(part->object.user));
        user->name = memory_strdup(part->name);
        config_check_user_password(parse, part, user);
    }
}

const struct config_user *config_user_find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->user_count; i++)
        if (strcmp(config->users[i].name, name) == 0)
            return &config->users[i];
    return NULL;
}

/* --- rules --- */

static void check_rule_server(struct config_parse *parse, const struct config_part *part)
{
    const char *server = part->object.rule.server;
    if (!server || config_parse_find(parse, CONFIG_SERVER, server))
        return;
    struct config_nearest nearest = {.word = server};
    for (size_t i = 0; i < parse->config->server_count; i++)
        config_nearest_offer(&nearest, parse->config->servers[i].name);
    config_problem(&parse->problems, config_part_line(part, "to"),
                   "[rule:%s] names the server %s, which is not there%s", part->name,
                   config_quote(server).text, config_nearest_hint(&nearest).text);
}

static void take_rule(struct config_parse *parse, struct config_part *part)
{
    if (!config_part_line(part, "to") && !config_part_line(part, "consistency"))
        config_problem(&parse->problems, part->line,
                       "[rule:%s] has neither `to` nor `consistency`, so it would do nothing",
                       part->name);
    check_rule_server(parse, part);
    char why[256] = "";
    struct rule rule = part->object.rule;
    memset(&part->object.rule, 0, sizeof(part->object.rule));
    rule.name = memory_strdup(part->name);
    if (rules_add(parse->config->rules, rule, why, sizeof(why)))
        config_problem(&parse->problems, config_part_line(part, "match"),
                       "the pattern of [rule:%s] does not compile: %s", part->name, why);
}

static void take_rules(struct config_parse *parse)
{
    parse->config->rules = rules_new();
    for (size_t i = 0; i < parse->count; i++)
        if (parse->parts[i]->section == CONFIG_RULE)
            take_rule(parse, parse->parts[i]);
}

/* --- the whole --- */

static void check_whole(struct config_parse *parse)
{
    take_servers(parse);
    take_users(parse);
    take_rules(parse);
    check_required(parse);
    check_cluster_password(parse);
    check_failover(parse);
    check_console(parse);
    check_http(parse);
    config_tls_load(parse);
}

struct config *config_load(const char *path, struct config_errors *errors)
{
    struct config *config = memory_zalloc(sizeof(*config));
    atomic_init(&config->references, 1);
    config->path = memory_strdup(path);
    for (unsigned i = 0; i < CONFIG_SECTION_COUNT; i++)
        if (!config_section_named((enum config_section)i))
            config_keys_default((enum config_section)i, config);
    struct config_parse parse = {.config = config};
    if (config_parse_file(&parse, path) == 0)
        check_whole(&parse);
    config_parse_free(&parse);
    config_problems_finish(&parse.problems, path, errors);
    if (errors->count == 0)
        return config;
    config_unref(config);
    return NULL;
}

struct config *config_ref(struct config *config)
{
    atomic_fetch_add_explicit(&config->references, 1, memory_order_relaxed);
    return config;
}

void config_unref(struct config *config)
{
    if (!config || atomic_fetch_sub_explicit(&config->references, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < config->server_count; i++) {
        config_keys_release(CONFIG_SERVER, &config->servers[i]);
        free(config->servers[i].name);
    }
    free(config->servers);
    config_tls_release(config);
    for (size_t i = 0; i < config->user_count; i++) {
        config_keys_release(CONFIG_USER, &config->users[i]);
        free(config->users[i].name);
    }
    free(config->users);
    if (config->rules)
        rules_free(config->rules);
    for (unsigned i = 0; i < CONFIG_SECTION_COUNT; i++)
        if (!config_section_named((enum config_section)i))
            config_keys_release((enum config_section)i, config);
    free(config->state_path);
    free(config->path);
    free(config);
}

/* --- for the console --- */

static void each_key(enum config_section section, const char *title, const void *object,
                     config_row row, void *context)
{
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        if (key->section != section)
            continue;
        struct buf value = {0};
        config_key_show(key, object, &value);
        buf_append_u8(&value, '\0');
        row(title, key->name, (const char *)value.data, context);
        buf_free(&value);
    }
}

static void each_named(enum config_section section, const char *name, const void *object,
                       config_row row, void *context)
{
    struct buf title = {0};
    buf_printf(&title, "%s:%s", config_section_word(section), name);
    buf_append_u8(&title, '\0');
    each_key(section, (const char *)title.data, object, row, context);
    buf_free(&title);
}

void config_each(const struct config *config, config_row row, void *context)
{
    each_key(CONFIG_PROXY, config_section_word(CONFIG_PROXY), config, row, context);
    each_key(CONFIG_CLUSTER, config_section_word(CONFIG_CLUSTER), config, row, context);
    for (size_t i = 0; i < config->server_count; i++)
        each_named(CONFIG_SERVER, config->servers[i].name, &config->servers[i], row, context);
    for (size_t i = 0; i < config->user_count; i++)
        each_named(CONFIG_USER, config->users[i].name, &config->users[i], row, context);
    each_key(CONFIG_ROUTING, config_section_word(CONFIG_ROUTING), config, row, context);
    for (size_t i = 0; i < rules_count(config->rules); i++) {
        const struct rule *rule = rules_at(config->rules, i);
        each_named(CONFIG_RULE, rule->name, rule, row, context);
    }
}

static bool key_differs(const struct config_key *key, const void *old, const void *new)
{
    struct buf old_value = {0};
    struct buf new_value = {0};
    key->type->format(key, old, &old_value);
    key->type->format(key, new, &new_value);
    bool differs = !span_equal(buf_span(&old_value), buf_span(&new_value));
    buf_free(&old_value);
    buf_free(&new_value);
    return differs;
}

void config_restart_keys(const struct config *old, const struct config *new, char *out, size_t size)
{
    struct buf names = {0};
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        if (key->restart && key_differs(key, old, new))
            buf_printf(&names, "%s%s", names.len ? ", " : "", key->name);
    }
    snprintf(out, size, "%.*s", (int)names.len, names.data ? (const char *)names.data : "");
    buf_free(&names);
}
