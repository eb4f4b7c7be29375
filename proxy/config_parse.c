/* From the lines of proxy.ini to the objects of its sections: see config_parse.h. */
#include "proxy/config_parse.h"

#include "proxy/base/memory.h"
#include "proxy/config_text.h"
#include "proxy/proto/handshake.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

/* --- parts --- */

void *config_part_object(struct config_part *part)
{
    if (part->section == CONFIG_SERVER)
        return &part->object.server;
    if (part->section == CONFIG_USER)
        return &part->object.user;
    if (part->section == CONFIG_RULE)
        return &part->object.rule;
    return part->object.config;
}

int config_part_line(const struct config_part *part, const char *key)
{
    for (size_t i = 0; part && i < config_key_count(); i++)
        if (config_key_at(i)->section == part->section && strcmp(config_key_at(i)->name, key) == 0)
            return part->key_lines[i];
    return 0;
}

struct config_part *config_parse_find(const struct config_parse *parse, enum config_section section,
                                      const char *name)
{
    for (size_t i = 0; i < parse->count; i++) {
        struct config_part *part = parse->parts[i];
        if (part->section == section && (!name || strcmp(part->name, name) == 0))
            return part;
    }
    return NULL;
}

static struct config_part *part_new(struct config_parse *parse, enum config_section section,
                                    const char *name, int line)
{
    struct config_part *part = memory_zalloc(sizeof(*part));
    part->section = section;
    part->name = name ? memory_strdup(name) : NULL;
    part->line = line;
    part->key_lines = memory_zalloc(config_key_count() * sizeof(*part->key_lines));
    if (section == CONFIG_RULE)
        part->object.rule.consistency = -1;
    if (config_section_named(section))
        config_keys_default(section, config_part_object(part));
    else
        part->object.config = parse->config;
    parse->parts = memory_resize(parse->parts, (parse->count + 1) * sizeof(struct config_part *));
    parse->parts[parse->count++] = part;
    return part;
}

void config_parse_free(struct config_parse *parse)
{
    for (size_t i = 0; i < parse->count; i++) {
        struct config_part *part = parse->parts[i];
        if (config_section_named(part->section))
            config_keys_release(part->section, config_part_object(part));
        free(part->name);
        free(part->key_lines);
        free(part);
    }
    free(parse->parts);
    parse->parts = NULL;
    parse->count = 0;
}

/* --- section lines --- */

static bool is_name(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-')
            return false;
    return len > 0 && len < CONFIG_NAME_MAX;
}

/* An account's user name may be anything that a line can hold. */
static bool is_user_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= HANDSHAKE_USER_MAX_BYTES;
}

static void unknown_section(struct config_parse *parse, const char *title, size_t word_len,
                            int line)
{
    char *word = memory_strndup(title, word_len);
    struct config_nearest nearest = {.word = word};
    for (unsigned i = 0; i < CONFIG_SECTION_COUNT; i++)
        config_nearest_offer(&nearest, config_section_word((enum config_section)i));
    const char *meant = "";
    if (nearest.found)
        meant = config_section_title(config_section_find(nearest.found, strlen(nearest.found)));
    config_problem(&parse->problems, line, "unknown section %s%s%s%s", config_quote(title).text,
                   nearest.found ? "; did you mean `" : "", meant, nearest.found ? "`?" : "");
    free(word);
}

/* 0 when the part behind "word:" is as the section needs it. */
static int check_name(struct config_parse *parse, enum config_section section, const char *name,
                      int line)
{
    const char *title = config_section_title(section);
    if (!config_section_named(section)) {
        if (!name)
            return 0;
        config_problem(&parse->problems, line, "section %s takes no name", title);
        return -EINVAL;
    }
    if (!name) {
        config_problem(&parse->problems, line, "the section needs a name: %s", title);
        return -EINVAL;
    }
    if (section == CONFIG_USER ? is_user_name(name) : is_name(name))
        return 0;
    if (section == CONFIG_USER) {
        config_problem(&parse->problems, line, "bad name %s: a user name has 1 to %d bytes",
                       config_quote(name).text, HANDSHAKE_USER_MAX_BYTES);
        return -EINVAL;
    }
    config_problem(&parse->problems, line,
                   "bad name %s: accepted are letters, digits, `_` and `-`, less than %d of them",
                   config_quote(name).text, CONFIG_NAME_MAX);
    return -EINVAL;
}

static void on_section(const char *title, int line, void *context)
{
    struct config_parse *parse = context;
    size_t word_len = strcspn(title, ":");
    const char *name = title[word_len] ? title + word_len + 1 : NULL;
    enum config_section section = config_section_find(title, word_len);
    parse->current = NULL;
    parse->skipping = true;
    if (section == CONFIG_SECTION_COUNT) {
        unknown_section(parse, title, word_len, line);
        return;
    }
    if (check_name(parse, section, name, line))
        return;
    parse->skipping = false;
    parse->current = config_parse_find(parse, section, name);
    if (parse->current)
        config_problem(&parse->problems, line, "section [%s] stands twice; the first is at line %d",
                       title, parse->current->line);
    else
        parse->current = part_new(parse, section, name, line);
}

/* --- key = value lines --- */

/* A key that is a word may be shown; anything else may be half of a password. */
static bool is_word(const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)key[i]) && key[i] != '_' && key[i] != '-')
            return false;
    return len > 0 && len <= 40;
}

/* The title of another section that has this key, or NULL. */
static const char *home_of(const char *key)
{
    for (size_t i = 0; i < config_key_count(); i++)
        if (strcmp(config_key_at(i)->name, key) == 0)
            return config_section_title(config_key_at(i)->section);
    return NULL;
}

static void unknown_key(struct config_parse *parse, const char *key, int line)
{
    enum config_section section = parse->current->section;
    const char *title = config_section_title(section);
    if (!is_word(key)) {
        config_problem(&parse->problems, line, "expected `key = value` with a key of %s", title);
        return;
    }
    struct config_nearest nearest = {.word = key};
    for (size_t i = 0; i < config_key_count(); i++)
        if (config_key_at(i)->section == section)
            config_nearest_offer(&nearest, config_key_at(i)->name);
    const char *home = home_of(key);
    if (home)
        config_problem(&parse->problems, line, "unknown key `%s` in %s; it belongs into %s", key,
                       title, home);
    else
        config_problem(&parse->problems, line, "unknown key `%s` in %s%s", key, title,
                       config_nearest_hint(&nearest).text);
}

static void bad_value(struct config_parse *parse, const struct config_key *key, const char *value,
                      int line, struct buf *why)
{
    if (why->len == 0) {
        buf_append_text(why, "accepted is: ");
        key->type->accepts(key, why);
    }
    buf_append_u8(why, '\0');
    if (key->secret)
        config_problem(&parse->problems, line, "bad value for %s: %s", key->name, why->data);
    else
        config_problem(&parse->problems, line, "bad value %s for %s: %s", config_quote(value).text,
                       key->name, why->data);
}

static size_t key_index(const struct config_key *key)
{
    return (size_t)(key - config_key_at(0));
}

static void take_value(struct config_parse *parse, const struct config_key *key, const char *value,
                       int line)
{
    struct config_part *part = parse->current;
    int *seen = &part->key_lines[key_index(key)];
    if (*seen) {
        config_problem(&parse->problems, line,
                       "key `%s` stands twice in this section; the first "
                       "is at line %d",
                       key->name, *seen);
        return;
    }
    *seen = line;
    struct buf why = {0};
    if (key->type->parse(key, config_part_object(part), value, &why))
        bad_value(parse, key, value, line, &why);
    buf_free(&why);
}

static void on_pair(const char *name, const char *value, int line, void *context)
{
    struct config_parse *parse = context;
    if (parse->skipping)
        return;
    if (!parse->current) {
        config_problem(&parse->problems, line, "a key stands before the first [section]");
        return;
    }
    const struct config_key *key = config_key_find(parse->current->section, name);
    if (key)
        take_value(parse, key, value, line);
    else
        unknown_key(parse, name, line);
}

static void on_bad(const char *why, int line, void *context)
{
    struct config_parse *parse = context;
    config_problem(&parse->problems, line, "%s", why);
}

int config_parse_file(struct config_parse *parse, const char *path)
{
    const struct config_text_events events = {on_section, on_pair, on_bad, parse};
    int error = config_text_read(path, &events);
    if (error)
        config_problem(&parse->problems, 0, "can't be read: %s", strerror(-error));
    return error;
}
