/* From the lines of proxy.ini to the objects of its sections. */
#ifndef CAUSEWAY_PROXY_CONFIG_PARSE_H
#define CAUSEWAY_PROXY_CONFIG_PARSE_H

#include "proxy/config_errors.h"
#include "proxy/config_keys.h"

/* A section as it stands in the file. */
struct config_part {
    enum config_section section;
    char *name; /* of a named section, else NULL */
    int line;
    union {
        struct config *config; /* of the sections without a name; not owned */
        struct config_server server;
        struct config_user user;
        struct rule rule;
    } object;
    int *key_lines; /* by index of config_key_at: where the key stands; 0: nowhere */
};

struct config_parse {
    struct config *config;
    struct config_problems problems;
    size_t count;
    struct config_part **parts;  /* in the order of the file */
    struct config_part *current; /* NULL: none yet, or one that is unknown */
    bool skipping;               /* the section is unknown: its keys are passed over */
};

/* Reads the file into `parse`, whose config has its defaults. Everything that a line alone can tell
 * is checked; the problems say what was wrong. A negative errno (also among the problems) when the
 * file can't be read. */
int config_parse_file(struct config_parse *parse, const char *path);
void config_parse_free(struct config_parse *parse);

/* The struct that the keys of this part fill in. */
void *config_part_object(struct config_part *part);
/* Line of the key in this part; 0 when it is not there (or `part` is NULL). */
int config_part_line(const struct config_part *part, const char *key);
/* The part of that section and name (NULL for a section without), or NULL. */
struct config_part *config_parse_find(const struct config_parse *parse, enum config_section section,
                                      const char *name);

#endif
