/* The keys of proxy.ini: one table, which drives parsing, defaults, the console's SHOW CONFIG, the
 * comparison at a reload, and the test that docs/CONFIG.md and proxy.ini name them all. */
#ifndef CAUSEWAY_PROXY_CONFIG_KEYS_H
#define CAUSEWAY_PROXY_CONFIG_KEYS_H

#include "proxy/base/buf.h"
#include "proxy/config.h"

/* Longest name of a server or rule, with its NUL; limits that other parts' structures set. */
enum { CONFIG_NAME_MAX = 64, CONFIG_ADDRESS_MAX = 128 };

/* X(kind, word, named): a named section stands any number of times, each with a name of its own. */
#define CONFIG_SECTIONS(X)                                                                         \
    X(PROXY, "proxy", false)                                                                       \
    X(CLUSTER, "cluster", false)                                                                   \
    X(SERVER, "server", true)                                                                      \
    X(USER, "user", true)                                                                          \
    X(ROUTING, "routing", false)                                                                   \
    X(RULE, "rule", true)

enum config_section {
#define X(kind, word, named) CONFIG_##kind,
    CONFIG_SECTIONS(X)
#undef X
        CONFIG_SECTION_COUNT
};

/* "proxy", "server" … */
const char *config_section_word(enum config_section section);
bool config_section_named(enum config_section section);
/* As it is written: "[proxy]", "[server:NAME]". */
const char *config_section_title(enum config_section section);
/* The section with that word (`len` bytes of it), or CONFIG_SECTION_COUNT. */
enum config_section config_section_find(const char *word, size_t len);

struct config_key;

/* What values of one kind have in common. `object` is a struct config, for [server:NAME] a struct
 * config_server, for [user:NAME] a struct config_user, for [rule:NAME] a struct rule. */
struct config_type {
    /* 0, or -EINVAL with the reason in `why`, where empty means: say what is accepted. */
    int (*parse)(const struct config_key *key, void *object, const char *value, struct buf *why);
    /* Appends the value as it would be written; nothing when there is none. */
    void (*format)(const struct config_key *key, const void *object, struct buf *out);
    /* Appends what is accepted. */
    void (*accepts)(const struct config_key *key, struct buf *out);
    /* Frees the value; NULL when nothing was allocated. */
    void (*release)(const struct config_key *key, void *object);
};

struct config_key {
    enum config_section section;
    const char *name;
    const struct config_type *type;
    size_t offset;        /* of the member in the object */
    const char *standard; /* the default as it would be written, or NULL */
    uint64_t smallest;    /* number: least value; time: in ms; text: its length in bytes */
    uint64_t largest;
    const char *words; /* "wait | leader", in the order of the enum */
    bool required;
    bool secret;  /* shown as *** and never part of an error */
    bool restart; /* a reload can't change it */
};

size_t config_key_count(void);
const struct config_key *config_key_at(size_t index);
/* NULL when the section has no such key. */
const struct config_key *config_key_find(enum config_section section, const char *name);

/* Sets every key of the section that has a default. The object is zeroed before. */
void config_keys_default(enum config_section section, void *object);
void config_keys_release(enum config_section section, void *object);
/* As `format`, with secrets as "***". */
void config_key_show(const struct config_key *key, const void *object, struct buf *out);

#endif
