/* Accounts as the servers have them, and which of them a login is matched to.
 *
 * The server's rule (sql/sql_acl.cc, MariaDB 10.11): among the accounts whose user is the one given
 * or empty, and whose host pattern fits, the most specific host wins; of equally specific ones a
 * named user wins over the anonymous one, and then the host that sorts later in bytes. How specific
 * a pattern is follows from counts alone: literal characters, `_` and runs of `%`. */
#include "router/accounts.h"

#include "proxy/base/memory.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <strings.h>

enum {
    HOST_PATTERN_MAX = 255, /* characters of the Host column */
    WILDCARDS_COUNTED = 31, /* the server counts no further */
};

struct accounts *accounts_new(void)
{
    struct accounts *accounts = memory_zalloc(sizeof(*accounts));

    atomic_init(&accounts->references, 1);
    return accounts;
}

static char *text_copy(const char *text)
{
    return memory_strdup(text != NULL ? text : "");
}

void accounts_add(struct accounts *accounts, const struct account *account)
{
    struct account *copy;

    /* room grows in powers of two */
    if ((accounts->count & (accounts->count - 1)) == 0) {
        size_t room = accounts->count == 0 ? 1 : accounts->count * 2;
        accounts->list = memory_resize(accounts->list, room * sizeof(accounts->list[0]));
    }
    copy = &accounts->list[accounts->count++];
    *copy = *account;
    copy->user = text_copy(account->user);
    copy->host = text_copy(account->host);
    copy->tls_cipher = text_copy(account->tls_cipher);
    copy->tls_issuer = text_copy(account->tls_issuer);
    copy->tls_subject = text_copy(account->tls_subject);
    copy->ways = memory_zalloc((account->way_count + 1) * sizeof(copy->ways[0]));
    for (size_t i = 0; i < account->way_count; i++) {
        copy->ways[i] = account->ways[i];
        copy->ways[i].name = text_copy(account->ways[i].name);
    }
}

/* An empty host means any, as it does to the server. */
static const char *host_pattern(const struct account *account)
{
    return account->host[0] != '\0' ? account->host : "%";
}

/* --- order --- */

/* Less specific patterns have larger numbers, compared from the first to the last. */
struct looseness {
    unsigned numbers[4];
};

struct pattern_counts {
    unsigned literals;
    unsigned ones;   /* _ */
    unsigned manies; /* runs of % */
    unsigned prefix; /* literals before the first wildcard; 0 without one */
};

static struct pattern_counts pattern_count(const char *pattern)
{
    struct pattern_counts counts = {0};

    for (const char *at = pattern; *at != '\0'; at++) {
        bool wild = *at == '%' || *at == '_';

        if (wild && counts.ones == 0 && counts.manies == 0)
            counts.prefix = counts.literals;
        if (*at == '%') {
            counts.manies++;
            while (at[1] == '%')
                at++;
        } else if (*at == '_') {
            counts.ones++;
        } else {
            if (*at == '\\' && at[1] != '\0')
                at++;
            counts.literals++;
        }
    }
    if (counts.ones > WILDCARDS_COUNTED)
        counts.ones = WILDCARDS_COUNTED;
    if (counts.manies > WILDCARDS_COUNTED)
        counts.manies = WILDCARDS_COUNTED;
    return counts;
}

/* How many texts a pattern may stand for is what counts: with a % that is bounded by what room the
 * literals leave in a name of the greatest length, else by the number of _. */
static struct looseness pattern_looseness(const char *pattern)
{
    struct pattern_counts counts = pattern_count(pattern);
    unsigned fixed = counts.literals + counts.ones;
    unsigned open = 0;

    if (counts.manies > 0 && fixed < HOST_PATTERN_MAX)
        open = HOST_PATTERN_MAX - fixed;
    if (open > counts.ones)
        return (struct looseness){{open * 2 + 1, counts.manies, counts.ones, counts.prefix}};
    return (struct looseness){{counts.ones * 2, open, counts.manies, counts.prefix}};
}

static int account_compare(const void *left, const void *right)
{
    const struct account *a = left;
    const struct account *b = right;
    struct looseness loose_a = pattern_looseness(host_pattern(a));
    struct looseness loose_b = pattern_looseness(host_pattern(b));

    for (size_t i = 0; i < sizeof(loose_a.numbers) / sizeof(loose_a.numbers[0]); i++) {
        if (loose_a.numbers[i] != loose_b.numbers[i])
            return loose_a.numbers[i] < loose_b.numbers[i] ? -1 : 1;
    }
    if ((a->user[0] == '\0') != (b->user[0] == '\0'))
        return a->user[0] == '\0' ? 1 : -1;
    return strcmp(host_pattern(b), host_pattern(a));
}

void accounts_finish(struct accounts *accounts)
{
    if (accounts->count > 1)
        qsort(accounts->list, accounts->count, sizeof(accounts->list[0]), account_compare);
}

struct accounts *accounts_ref(struct accounts *accounts)
{
    unsigned before = atomic_fetch_add_explicit(&accounts->references, 1, memory_order_relaxed);

    assert(before > 0);
    return accounts;
}

void accounts_unref(struct accounts *accounts)
{
    unsigned before;

    if (accounts == NULL)
        return;
    before = atomic_fetch_sub_explicit(&accounts->references, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1)
        return;
    for (size_t i = 0; i < accounts->count; i++) {
        struct account *account = &accounts->list[i];

        free(account->user);
        free(account->host);
        free(account->tls_cipher);
        free(account->tls_issuer);
        free(account->tls_subject);
        account_clear(account);
    }
    if (accounts->count > 0)
        memory_wipe(accounts->list, accounts->count * sizeof(accounts->list[0]));
    free(accounts->list);
    free(accounts);
}

/* --- matching --- */

#define DIGEST_START 0xcbf29ce484222325u

/* FNV-1a over the lengths and bytes of all parts: no secret can be read back from it. */
static uint64_t digest_add(uint64_t digest, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < sizeof(len); i++)
        digest = (digest ^ (uint8_t)(len >> (8 * i))) * 0x100000001b3u;
    for (size_t i = 0; i < len; i++)
        digest = (digest ^ bytes[i]) * 0x100000001b3u;
    return digest;
}

static char fold(char c, bool ignore_case)
{
    return ignore_case ? (char)tolower((unsigned char)c) : c;
}

/* % any run, _ one character, backslash takes the next one as it is. Linear in practice: on a
 * mismatch only the last % is tried again. */
static bool pattern_fits(const char *pattern, const char *text, bool ignore_case)
{
    const char *retry_pattern = NULL;
    const char *retry_text = NULL;

    for (;;) {
        if (*pattern == '%') {
            retry_pattern = ++pattern;
            retry_text = text;
            continue;
        }
        if (*pattern == '\0' && *text == '\0')
            return true;
        if (*pattern == '_' && *text != '\0') {
            pattern++;
            text++;
            continue;
        }
        if (*pattern != '\0' && *pattern != '_' && *text != '\0') {
            const char *literal = *pattern == '\\' && pattern[1] != '\0' ? pattern + 1 : pattern;

            if (fold(*literal, ignore_case) == fold(*text, ignore_case)) {
                pattern = literal + 1;
                text++;
                continue;
            }
        }
        if (retry_pattern == NULL || *retry_text == '\0')
            return false;
        pattern = retry_pattern;
        text = ++retry_text;
    }
}

/* Four numbers with dots up to `end`; returns what follows `end`, NULL when it is not of that form.
 */
static const char *ip4_take(const char *text, char end, uint32_t *ip)
{
    uint32_t sum = 0;

    for (int part = 0; part < 4; part++) {
        unsigned number = 0;
        int digits = 0;

        while (isdigit((unsigned char)*text) && digits < 4 && number <= 255) {
            number = number * 10 + (unsigned)(*text++ - '0');
            digits++;
        }
        if (digits == 0 || number > 255 || *text != (part < 3 ? '.' : end))
            return NULL;
        sum = sum << 8 | number;
        if (*text != '\0')
            text++;
    }
    *ip = sum;
    return text;
}

static bool host_fits(const char *pattern, const char *ip_text, const char *name)
{
    const char *mask_text;
    uint32_t network;
    uint32_t mask;
    uint32_t ip;

    if (ip_text != NULL && ip4_take(ip_text, '\0', &ip) != NULL) {
        mask_text = ip4_take(pattern, '/', &network);
        if (mask_text != NULL && ip4_take(mask_text, '\0', &mask) != NULL && mask != 0)
            return (ip & mask) == network;
    }
    if (name != NULL && pattern_fits(pattern, name, true))
        return true;
    return ip_text != NULL && pattern_fits(pattern, ip_text, false);
}

/* ::ffff:10.0.0.1 is 10.0.0.1 to the server. */
static const char *address_plain(const char *address)
{
    uint32_t ip;

    if (strncasecmp(address, "::ffff:", 7) == 0 && ip4_take(address + 7, '\0', &ip) != NULL)
        return address + 7;
    return address;
}

static bool address_is_local_name(const struct accounts *accounts, const char *address)
{
    if (strcmp(address, "localhost") == 0)
        return true;
    return accounts->name_resolve &&
           (strcmp(address, "127.0.0.1") == 0 || strcmp(address, "::1") == 0);
}

const struct account *accounts_match(const struct accounts *accounts, struct span user,
                                     const char *address)
{
    const char *plain = address_plain(address);
    const char *name = address_is_local_name(accounts, plain) ? "localhost" : NULL;
    const char *ip_text = strcmp(plain, "localhost") == 0 ? NULL : plain;

    for (size_t i = 0; i < accounts->count; i++) {
        const struct account *account = &accounts->list[i];

        if (account->is_role)
            continue;
        if (account->user[0] != '\0' && !span_equal(span_text(account->user), user))
            continue;
        if (host_fits(host_pattern(account), ip_text, name))
            return account;
    }
    return NULL;
}

const char *accounts_host_text(const struct accounts *accounts, const char *address)
{
    const char *plain = address_plain(address);

    return address_is_local_name(accounts, plain) ? "localhost" : plain;
}

const struct account *accounts_stand_in(const struct accounts *accounts, struct span user)
{
    uint64_t hash = digest_add(DIGEST_START, user.data, user.len);

    for (size_t i = 0; i < accounts->count; i++) {
        const struct account *account = &accounts->list[(hash + i) % accounts->count];

        if (!account->is_role && account->way_count == 1 && account->ways[0].plugin != NULL)
            return account;
    }
    return NULL;
}

/* --- from a row of the servers' tables --- */

static struct span json_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value))
        return span_of("", 0);
    return span_of(json_string_value(value), json_string_length(value));
}

static void way_add(struct account *account, struct span plugin, struct span hash)
{
    struct account_way *way;

    account->ways =
        memory_resize(account->ways, (account->way_count + 1) * sizeof(account->ways[0]));
    way = &account->ways[account->way_count++];
    memset(way, 0, sizeof(*way));
    way->plugin = auth_plugin_of_account(plugin);
    way->name = plugin.len == 0 ? memory_strdup(auth_native_plugin.name)
                                : memory_strndup(plugin.data, plugin.len);
    way->usable = way->plugin != NULL && way->plugin->parse(hash, way->stored) == 0;
}

/* An element without a plugin stands for the account's own plugin and hash
 * (User_table_json::get_auth in sql/sql_acl.cc). */
static int ways_add(struct account *account, struct span plugin, struct span hash,
                    struct span auth_or_json)
{
    json_t *list = json_loadb((const char *)auth_or_json.data, auth_or_json.len,
                              JSON_DECODE_INT_AS_REAL, NULL);
    size_t index;
    json_t *element;

    if (!json_is_array(list)) {
        json_decref(list);
        return -EINVAL;
    }
    json_array_foreach(list, index, element)
    {
        bool own = json_object_get(element, "plugin") == NULL;

        way_add(account, own ? plugin : json_text(element, "plugin"),
                own ? hash : json_text(element, "authentication_string"));
    }
    json_decref(list);
    return 0;
}

void account_clear(struct account *account)
{
    for (size_t i = 0; i < account->way_count; i++) {
        free(account->ways[i].name);
        memory_wipe(&account->ways[i], sizeof(account->ways[i]));
    }
    free(account->ways);
    account->ways = NULL;
    account->way_count = 0;
}

static uint64_t digest_add_text(uint64_t digest, const char *text)
{
    return digest_add(digest, text, text != NULL ? strlen(text) : 0);
}

int account_fill(struct account *account, struct span plugin, struct span hash,
                 struct span auth_or_json)
{
    const uint8_t flags[] = {account->locked, (uint8_t)account->tls, account->is_role,
                             account->limited};
    uint64_t digest = DIGEST_START;
    int result = 0;

    if (auth_or_json.len > 0)
        result = ways_add(account, plugin, hash, auth_or_json);
    else
        way_add(account, plugin, hash);
    digest = digest_add_text(digest, account->user);
    digest = digest_add_text(digest, account->host);
    digest = digest_add_text(digest, account->tls_cipher);
    digest = digest_add_text(digest, account->tls_issuer);
    digest = digest_add_text(digest, account->tls_subject);
    digest = digest_add(digest, flags, sizeof(flags));
    digest = digest_add(digest, plugin.data, plugin.len);
    digest = digest_add(digest, hash.data, hash.len);
    account->digest = digest_add(digest, auth_or_json.data, auth_or_json.len);
    return result;
}

void account_add_digest(struct account *account, struct span rest)
{
    account->digest = digest_add(account->digest, rest.data, rest.len);
}
