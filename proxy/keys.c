/* The keys that clients name: see keys.h. */
#include "proxy/keys.h"

#include "proxy/base/clock.h"
#include "proxy/base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SHARDS = 64, BUCKETS_FIRST = 16 };

struct key {
    struct key *next; /* in its bucket */
    uint64_t hash;
    uint64_t serial;
    uint64_t round; /* in which it was last used */
    uint32_t references;
    uint32_t name_len;
    struct requirement requirement;
    uint8_t name[];
};

struct shard {
    pthread_mutex_t mutex;
    struct key **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
};

struct keys {
    atomic_uint count;
    _Atomic uint64_t round;
    uint64_t seed; /* so that nobody can choose names that fall into one bucket */
    pthread_mutex_t floor_mutex;
    struct gtid_vector floor;
    uint64_t floor_epoch;
    bool has_floor;
    _Atomic uint64_t next_serial;
    struct shard shards[SHARDS];
};

/* FNV-1a with a seed, and a last mix so that all bits count. */
static uint64_t name_hash(const struct keys *keys, struct span name)
{
    uint64_t hash = keys->seed ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ name.data[i]) * 0x100000001b3u;
    hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93u;
    return hash ^ hash >> 32;
}

static struct shard *shard_of(struct keys *keys, uint64_t hash)
{
    return &keys->shards[hash % SHARDS];
}

static struct key **bucket_of(const struct shard *shard, uint64_t hash)
{
    return &shard->buckets[hash / SHARDS & (shard->bucket_count - 1)];
}

struct keys *keys_new(void)
{
    struct keys *keys = memory_zalloc(sizeof(*keys));
    keys->seed = clock_now_us() * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)keys;
    atomic_init(&keys->round, 1);
    pthread_mutex_init(&keys->floor_mutex, NULL);
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *shard = &keys->shards[i];
        pthread_mutex_init(&shard->mutex, NULL);
        shard->bucket_count = BUCKETS_FIRST;
        shard->buckets = memory_zalloc(BUCKETS_FIRST * sizeof(struct key *));
    }
    return keys;
}

static void shard_free(struct shard *shard)
{
    for (size_t i = 0; i < shard->bucket_count; i++)
        while (shard->buckets[i]) {
            struct key *key = shard->buckets[i];
            shard->buckets[i] = key->next;
            free(key);
        }
    free(shard->buckets);
    pthread_mutex_destroy(&shard->mutex);
}

void keys_free(struct keys *keys)
{
    if (!keys)
        return;
    for (unsigned i = 0; i < SHARDS; i++)
        shard_free(&keys->shards[i]);
    pthread_mutex_destroy(&keys->floor_mutex);
    free(keys);
}

/* --- one key --- */

static struct key *shard_find(const struct shard *shard, uint64_t hash, struct span name)
{
    for (struct key *key = *bucket_of(shard, hash); key; key = key->next)
        if (key->hash == hash && span_equal(span_of(key->name, key->name_len), name))
            return key;
    return NULL;
}

static void shard_grow(struct shard *shard)
{
    struct shard larger = {.bucket_count = shard->bucket_count * 2};
    larger.buckets = memory_zalloc(larger.bucket_count * sizeof(struct key *));
    for (size_t i = 0; i < shard->bucket_count; i++)
        while (shard->buckets[i]) {
            struct key *key = shard->buckets[i];
            struct key **bucket = bucket_of(&larger, key->hash);
            shard->buckets[i] = key->next;
            key->next = *bucket;
            *bucket = key;
        }
    free(shard->buckets);
    shard->buckets = larger.buckets;
    shard->bucket_count = larger.bucket_count;
}

/* It begins at the floor: whatever it once required, and was forgotten, lies below. The leader has
 * shown the floor, so nothing is open (keys_forget). */
static struct key *key_new(struct keys *keys, uint64_t hash, struct span name)
{
    struct key *key = memory_zalloc(sizeof(*key) + name.len);
    key->hash = hash;
    key->serial = atomic_fetch_add(&keys->next_serial, 1) + 1;
    key->name_len = (uint32_t)name.len;
    memcpy(key->name, name.data, name.len);
    requirement_init(&key->requirement);
    pthread_mutex_lock(&keys->floor_mutex);
    key->requirement.vector = keys->floor;
    key->requirement.bound = keys->floor;
    key->requirement.several_domains = keys->floor.count > 1;
    key->requirement.epoch = keys->floor.count ? keys->floor_epoch : 0;
    if (!keys->has_floor)
        requirement_suspect(&key->requirement);
    pthread_mutex_unlock(&keys->floor_mutex);
    return key;
}

static struct key *shard_add(struct keys *keys, struct shard *shard, uint64_t hash,
                             struct span name)
{
    struct key *key = key_new(keys, hash, name);
    if (shard->count >= shard->bucket_count)
        shard_grow(shard);
    struct key **bucket = bucket_of(shard, hash);
    key->next = *bucket;
    *bucket = key;
    shard->count++;
    atomic_fetch_add(&keys->count, 1);
    return key;
}

struct key *key_take(struct keys *keys, struct span name, uint32_t max_keys)
{
    assert(name.len > 0 && name.len <= KEY_NAME_MAX_BYTES);
    uint64_t hash = name_hash(keys, name);
    struct shard *shard = shard_of(keys, hash);
    pthread_mutex_lock(&shard->mutex);
    struct key *key = shard_find(shard, hash, name);
    if (!key && atomic_load(&keys->count) < 2 * (uint64_t)max_keys)
        key = shard_add(keys, shard, hash, name);
    if (key) {
        key->references++;
        key->round = atomic_load(&keys->round);
    }
    pthread_mutex_unlock(&shard->mutex);
    return key;
}

struct key *key_ref(struct keys *keys, struct key *key)
{
    key_lock(keys, key);
    key->references++;
    key_unlock(keys, key);
    return key;
}

uint64_t key_serial(const struct key *key)
{
    return key->serial;
}

struct span key_name(const struct key *key)
{
    return span_of(key->name, key->name_len);
}

void key_give(struct keys *keys, struct key *key)
{
    if (!key)
        return;
    struct shard *shard = shard_of(keys, key->hash);
    pthread_mutex_lock(&shard->mutex);
    assert(key->references > 0);
    key->references--;
    pthread_mutex_unlock(&shard->mutex);
}

struct requirement *key_lock(struct keys *keys, struct key *key)
{
    pthread_mutex_lock(&shard_of(keys, key->hash)->mutex);
    return &key->requirement;
}

void key_unlock(struct keys *keys, struct key *key)
{
    key->round = atomic_load(&keys->round);
    pthread_mutex_unlock(&shard_of(keys, key->hash)->mutex);
}

/* --- all of them --- */

unsigned keys_count(const struct keys *keys)
{
    return atomic_load(&keys->count);
}

uint64_t keys_begin_round(struct keys *keys)
{
    return atomic_fetch_add(&keys->round, 1) + 1;
}

static unsigned shard_forget(struct keys *keys, struct shard *shard, uint64_t round)
{
    unsigned gone = 0;
    for (size_t i = 0; i < shard->bucket_count; i++)
        for (struct key **at = &shard->buckets[i]; *at;) {
            struct key *key = *at;
            if (key->references > 0 || key->round >= round) {
                at = &key->next;
                continue;
            }
            *at = key->next;
            free(key);
            gone++;
        }
    shard->count -= gone;
    atomic_fetch_sub(&keys->count, gone);
    return gone;
}

unsigned keys_forget(struct keys *keys, uint64_t round, const struct gtid_vector *floor,
                     uint64_t epoch)
{
    unsigned gone = 0;
    /* The floor first: a key that is asked for after it went begins there. */
    pthread_mutex_lock(&keys->floor_mutex);
    keys->floor = *floor;
    keys->floor_epoch = epoch;
    keys->has_floor = true;
    pthread_mutex_unlock(&keys->floor_mutex);
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *shard = &keys->shards[i];
        pthread_mutex_lock(&shard->mutex);
        gone += shard_forget(keys, shard, round);
        pthread_mutex_unlock(&shard->mutex);
    }
    return gone;
}

void keys_each(struct keys *keys, unsigned limit,
               void (*visit)(const struct key_row *row, void *context), void *context)
{
    for (unsigned i = 0; i < SHARDS && limit > 0; i++) {
        struct shard *shard = &keys->shards[i];
        pthread_mutex_lock(&shard->mutex);
        for (size_t j = 0; j < shard->bucket_count; j++)
            for (const struct key *key = shard->buckets[j]; key && limit > 0; key = key->next) {
                struct key_row row = {span_of(key->name, key->name_len), &key->requirement,
                                      key->references};
                visit(&row, context);
                limit--;
            }
        pthread_mutex_unlock(&shard->mutex);
    }
}

bool keys_floor(struct keys *keys, struct gtid_vector *floor)
{
    pthread_mutex_lock(&keys->floor_mutex);
    bool has_floor = keys->has_floor;
    *floor = keys->floor;
    pthread_mutex_unlock(&keys->floor_mutex);
    return has_floor;
}
