/* See names.h. */
#include "router/names.h"

#include "proxy/base/memory.h"

#include <stdlib.h>
#include <strings.h>

enum { BUCKETS_MIN = 64 };

struct name_entry {
    struct name_entry *next; /* of its bucket */
    unsigned bits;
    char *schema;
    char *name;
};

static uint64_t hash(struct span text)
{
    uint64_t sum = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        sum = (sum ^ (byte >= 'A' && byte <= 'Z' ? byte | 0x20u : byte)) * 0x100000001b3u;
    }
    return sum ^ sum >> 29;
}

static bool same(const char *name, struct span text)
{
    return strlen(name) == text.len && strncasecmp(name, (const char *)text.data, text.len) == 0;
}

static struct name_entry **bucket_of(const struct names *names, struct span name)
{
    return &names->buckets[hash(name) & (names->bucket_count - 1)];
}

static void put(struct names *names, struct name_entry *entry)
{
    struct name_entry **bucket = bucket_of(names, span_text(entry->name));
    entry->next = *bucket;
    *bucket = entry;
}

static void grow(struct names *names)
{
    struct names old = *names;
    names->bucket_count = old.bucket_count ? old.bucket_count * 2 : BUCKETS_MIN;
    names->buckets = memory_zalloc(names->bucket_count * sizeof(struct name_entry *));
    for (size_t i = 0; i < old.bucket_count; i++)
        while (old.buckets[i]) {
            struct name_entry *entry = old.buckets[i];
            old.buckets[i] = entry->next;
            put(names, entry);
        }
    free(old.buckets);
}

void names_free(struct names *names)
{
    for (size_t i = 0; i < names->bucket_count; i++)
        while (names->buckets[i]) {
            struct name_entry *entry = names->buckets[i];
            names->buckets[i] = entry->next;
            free(entry->schema);
            free(entry->name);
            free(entry);
        }
    free(names->buckets);
    *names = (struct names){0};
}

void names_add(struct names *names, unsigned bits, struct span schema, struct span name)
{
    if (names->count >= names->bucket_count)
        grow(names);
    struct name_entry *entry = memory_zalloc(sizeof(*entry));
    entry->bits = bits;
    entry->schema = memory_strndup(schema.data, schema.len);
    entry->name = memory_strndup(name.data, name.len);
    put(names, entry);
    names->count++;
    names->bits |= bits;
    names->digest += hash(name) * (hash(schema) | 1) * bits;
}

void names_add_all(struct names *names, const struct names *others)
{
    for (size_t i = 0; i < others->bucket_count; i++)
        for (const struct name_entry *entry = others->buckets[i]; entry; entry = entry->next)
            names_add(names, entry->bits, span_text(entry->schema), span_text(entry->name));
}

unsigned names_find(const struct names *names, struct span schema, struct span name)
{
    unsigned bits = 0;
    if (names->count == 0)
        return 0;
    for (const struct name_entry *entry = *bucket_of(names, name); entry; entry = entry->next)
        if (same(entry->name, name) && (!schema.data || same(entry->schema, schema)))
            bits |= entry->bits;
    return bits;
}
