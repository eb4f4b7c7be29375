/* The kinds of values that proxy.ini has: see config_types.h. */
#include "proxy/config_types.h"

#include "proxy/base/memory.h"
#include "proxy/net/listener.h"
#include "proxy/proto/proxy_header.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>

static char **text_at(const struct config_key *key, const void *object)
{
    return (char **)((char *)object + key->offset);
}

static uint32_t *number_at(const struct config_key *key, const void *object)
{
    return (uint32_t *)((char *)object + key->offset);
}

/* --- text --- */

static void set_text(const struct config_key *key, void *object, const char *value)
{
    char **text = text_at(key, object);
    free(*text);
    *text = memory_strdup(value);
}

static int text_parse(const struct config_key *key, void *object, const char *value,
                      struct buf *why)
{
    (void)why;
    size_t len = strlen(value);
    if (len < key->smallest || len > key->largest)
        return -EINVAL;
    set_text(key, object, value);
    return 0;
}

static void text_format(const struct config_key *key, const void *object, struct buf *out)
{
    const char *text = *text_at(key, object);
    if (text)
        buf_append_text(out, text);
}

static void text_accepts(const struct config_key *key, struct buf *out)
{
    buf_printf(out, "a text of %" PRIu64 " to %" PRIu64 " bytes", key->smallest, key->largest);
}

static void text_release(const struct config_key *key, void *object)
{
    char **text = text_at(key, object);
    if (*text && key->secret)
        memory_wipe(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

const struct config_type config_type_text = {text_parse, text_format, text_accepts, text_release};

static int networks_parse(const struct config_key *key, void *object, const char *value,
                          struct buf *why)
{
    if (!proxy_networks_valid(value))
        return -EINVAL;
    return text_parse(key, object, value, why);
}

static void networks_accepts(const struct config_key *key, struct buf *out)
{
    (void)key;
    buf_append_text(out, "networks, comma separated: 10.0.0.0/8, 192.0.2.7, fd00::/8, `localhost` "
                         "(unix sockets) or `*`");
}

const struct config_type config_type_networks = {networks_parse, text_format, networks_accepts,
                                                 text_release};

/* --- numbers --- */

/* Decimal digits at *at, which moves behind them; more than any limit when there are too many. */
static uint64_t read_digits(const char **at)
{
    uint64_t number = 0;
    for (; isdigit((unsigned char)**at); (*at)++)
        if (number < UINT64_C(1) << 40)
            number = number * 10 + (uint64_t)(**at - '0');
    return number;
}

static int number_parse(const struct config_key *key, void *object, const char *value,
                        struct buf *why)
{
    (void)why;
    const char *at = value;
    uint64_t number = read_digits(&at);
    if (at == value || *at || number < key->smallest || number > key->largest)
        return -EINVAL;
    *number_at(key, object) = (uint32_t)number;
    return 0;
}

static void number_format(const struct config_key *key, const void *object, struct buf *out)
{
    buf_printf(out, "%" PRIu32, *number_at(key, object));
}

static void number_accepts(const struct config_key *key, struct buf *out)
{
    buf_printf(out, "a whole number from %" PRIu64 " to %" PRIu64, key->smallest, key->largest);
}

const struct config_type config_type_number = {number_parse, number_format, number_accepts, NULL};

/* --- threads --- */

static uint32_t usable_cpus(uint64_t largest)
{
    cpu_set_t cpus;
    int count = 1;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
        count = CPU_COUNT(&cpus);
    if (count < 1)
        return 1;
    return (uint64_t)count > largest ? (uint32_t)largest : (uint32_t)count;
}

static int threads_parse(const struct config_key *key, void *object, const char *value,
                         struct buf *why)
{
    if (strcmp(value, "auto") != 0)
        return number_parse(key, object, value, why);
    *number_at(key, object) = usable_cpus(key->largest);
    return 0;
}

static void threads_accepts(const struct config_key *key, struct buf *out)
{
    buf_append_text(out, "`auto` or ");
    number_accepts(key, out);
}

const struct config_type config_type_threads = {threads_parse, number_format, threads_accepts,
                                                NULL};

/* --- a number, or found out --- */

static int auto_parse(const struct config_key *key, void *object, const char *value,
                      struct buf *why)
{
    if (strcmp(value, "auto") != 0)
        return number_parse(key, object, value, why);
    *number_at(key, object) = 0;
    return 0;
}

static void auto_format(const struct config_key *key, const void *object, struct buf *out)
{
    if (*number_at(key, object) == 0)
        buf_append_text(out, "auto");
    else
        number_format(key, object, out);
}

const struct config_type config_type_auto = {auto_parse, auto_format, threads_accepts, NULL};

/* --- times --- */

static const struct time_unit {
    const char *name;
    uint64_t ms;
} time_units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

enum { TIME_UNITS = sizeof(time_units) / sizeof(time_units[0]) };

static void format_time(uint64_t ms, struct buf *out)
{
    size_t i = ms == 0 ? TIME_UNITS - 1 : 0;
    while (ms % time_units[i].ms != 0)
        i++;
    buf_printf(out, "%" PRIu64 "%s", ms / time_units[i].ms, time_units[i].name);
}

static int time_parse(const struct config_key *key, void *object, const char *value,
                      struct buf *why)
{
    const char *at = value;
    uint64_t number = read_digits(&at);
    if (at == value)
        return -EINVAL;
    if (!*at) {
        buf_append_text(why, "it has no unit; write ms, s, m or h behind the number, as in 500ms");
        return -EINVAL;
    }
    size_t i = 0;
    while (i < TIME_UNITS && strcmp(at, time_units[i].name) != 0)
        i++;
    if (i == TIME_UNITS)
        return -EINVAL;
    number *= time_units[i].ms;
    if (number < key->smallest || number > key->largest)
        return -EINVAL;
    *number_at(key, object) = (uint32_t)number;
    return 0;
}

static void time_format(const struct config_key *key, const void *object, struct buf *out)
{
    format_time(*number_at(key, object), out);
}

static void time_accepts(const struct config_key *key, struct buf *out)
{
    buf_append_text(out, "a time from ");
    format_time(key->smallest, out);
    buf_append_text(out, " to ");
    format_time(key->largest, out);
    buf_append_text(out, ", as 500ms, 10s, 2m or 1h");
}

const struct config_type config_type_time = {time_parse, time_format, time_accepts, NULL};

/* --- words --- */

/* The next word of "a | b | c"; an empty span at the end. */
static struct span next_word(const char **words)
{
    *words += strspn(*words, " |");
    size_t len = strcspn(*words, " |");
    struct span word = span_of(*words, len);
    *words += len;
    return word;
}

/* The place of `value` among the words, or -1. */
static int word_index(const char *words, const char *value)
{
    int index = 0;
    while (words) {
        struct span word = next_word(&words);
        if (word.len == 0)
            break;
        if (span_equal(word, span_text(value)))
            return index;
        index++;
    }
    return -1;
}

static int word_parse(const struct config_key *key, void *object, const char *value,
                      struct buf *why)
{
    (void)why;
    int index = word_index(key->words, value);
    if (index < 0)
        return -EINVAL;
    memcpy((char *)object + key->offset, &index, sizeof(index));
    return 0;
}

static void word_format(const struct config_key *key, const void *object, struct buf *out)
{
    int index;
    memcpy(&index, (const char *)object + key->offset, sizeof(index));
    if (index < 0)
        return;
    const char *words = key->words;
    struct span word = next_word(&words);
    while (index-- > 0)
        word = next_word(&words);
    buf_append_span(out, word);
}

static void word_accepts(const struct config_key *key, struct buf *out)
{
    buf_append_text(out, key->words);
}

const struct config_type config_type_word = {word_parse, word_format, word_accepts, NULL};

static_assert(sizeof(enum consistency) == sizeof(int), "words are stored as int");

/* --- addresses --- */

static bool is_port(const char *text)
{
    const char *at = text;
    uint64_t port = read_digits(&at);
    return at != text && !*at && port > 0 && port <= 65535;
}

static bool is_bind_address(const char *value)
{
    struct sockaddr_storage address;
    socklen_t address_len;
    if (strlen(value) >= CONFIG_ADDRESS_MAX || address_parse(value, &address, &address_len))
        return false;
    return address.ss_family == AF_UNIX || is_port(strrchr(value, ':') + 1);
}

/* A name as DNS has it; its meaning is looked up later. */
static bool is_host_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-._", text[i]))
            return false;
    return len > 0 && text[0] != '-' && text[0] != '.';
}

static bool is_server_address(const char *value)
{
    if (is_bind_address(value))
        return true;
    const char *colon = strrchr(value, ':');
    return strlen(value) < CONFIG_ADDRESS_MAX && colon && is_port(colon + 1) &&
           is_host_name(value, (size_t)(colon - value));
}

static int bind_parse(const struct config_key *key, void *object, const char *value,
                      struct buf *why)
{
    (void)why;
    if (!is_bind_address(value))
        return -EINVAL;
    set_text(key, object, value);
    return 0;
}

static void bind_accepts(const struct config_key *key, struct buf *out)
{
    (void)key;
    buf_append_text(out, "127.0.0.1:PORT, [::1]:PORT or unix:/path (numbers, no names)");
}

const struct config_type config_type_bind = {bind_parse, text_format, bind_accepts, text_release};

static int address_value_parse(const struct config_key *key, void *object, const char *value,
                               struct buf *why)
{
    (void)why;
    if (!is_server_address(value))
        return -EINVAL;
    set_text(key, object, value);
    return 0;
}

static void address_accepts(const struct config_key *key, struct buf *out)
{
    (void)key;
    buf_append_text(out, "127.0.0.1:PORT, [::1]:PORT, host:PORT or unix:/path");
}

const struct config_type config_type_address = {address_value_parse, text_format, address_accepts,
                                                text_release};

/* --- listen: several addresses --- */

static void listen_release(const struct config_key *key, void *object)
{
    (void)key;
    struct config *config = object;
    for (size_t i = 0; i < config->listen_count; i++)
        free(config->listen[i].text);
    free(config->listen);
    config->listen = NULL;
    config->listen_count = 0;
}

/* Takes over `text`. */
static int listen_add(struct config *config, char *text, struct buf *why)
{
    bool valid = is_bind_address(text);
    for (size_t i = 0; i < config->listen_count && valid; i++) {
        valid = strcmp(config->listen[i].text, text) != 0;
        if (!valid)
            buf_append_text(why, "it names one address twice");
    }
    if (!valid) {
        free(text);
        return -EINVAL;
    }
    config->listen =
        memory_resize(config->listen, (config->listen_count + 1) * sizeof(*config->listen));
    config->listen[config->listen_count++].text = text;
    return 0;
}

static int listen_parse(const struct config_key *key, void *object, const char *value,
                        struct buf *why)
{
    listen_release(key, object);
    const char *at = value;
    do {
        at += strspn(at, " \t");
        size_t len = strcspn(at, ",");
        size_t shown = len;
        while (shown > 0 && isblank((unsigned char)at[shown - 1]))
            shown--;
        if (listen_add(object, memory_strndup(at, shown), why))
            return -EINVAL;
        at += len;
    } while (*at++ == ',');
    return 0;
}

static void listen_format(const struct config_key *key, const void *object, struct buf *out)
{
    (void)key;
    const struct config *config = object;
    for (size_t i = 0; i < config->listen_count; i++)
        buf_printf(out, "%s%s", i ? ", " : "", config->listen[i].text);
}

static void listen_accepts(const struct config_key *key, struct buf *out)
{
    bind_accepts(key, out);
    buf_append_text(out, ", several with commas between");
}

const struct config_type config_type_listen = {listen_parse, listen_format, listen_accepts,
                                               listen_release};

/* --- the target of a rule --- */

static const char *const target_words[] = {
    [RULE_LEADER] = "leader", [RULE_FOLLOWERS] = "followers", [RULE_REFUSE] = "refuse"};

static int target_parse(const struct config_key *key, void *object, const char *value,
                        struct buf *why)
{
    (void)key;
    (void)why;
    struct rule *rule = object;
    for (int to = RULE_LEADER; to <= RULE_REFUSE; to++) {
        if (target_words[to] && strcmp(value, target_words[to]) == 0) {
            rule->to = (enum rule_target)to;
            return 0;
        }
    }
    if (strncmp(value, "server:", 7) != 0 || !value[7] || strlen(value + 7) >= CONFIG_NAME_MAX)
        return -EINVAL;
    rule->to = RULE_SERVER;
    free(rule->server);
    rule->server = memory_strdup(value + 7);
    return 0;
}

static void target_format(const struct config_key *key, const void *object, struct buf *out)
{
    (void)key;
    const struct rule *rule = object;
    if (rule->to == RULE_SERVER)
        buf_printf(out, "server:%s", rule->server);
    else if (rule->to != RULE_NO_TARGET)
        buf_append_text(out, target_words[rule->to]);
}

static void target_accepts(const struct config_key *key, struct buf *out)
{
    (void)key;
    buf_append_text(out, "leader | followers | server:NAME | refuse");
}

static void target_release(const struct config_key *key, void *object)
{
    (void)key;
    struct rule *rule = object;
    free(rule->server);
    rule->server = NULL;
}

const struct config_type config_type_target = {target_parse, target_format, target_accepts,
                                               target_release};
