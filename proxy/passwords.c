/* Passwords known to fit what servers store: see passwords.h. */
#include "proxy/passwords.h"

#include "proxy/base/memory.h"

#include <pthread.h>
#include <stdlib.h>

enum { PASSWORDS_MAX = 1024 };

struct entry {
    uint8_t stored[AUTH_STORED_MAX_BYTES];
    struct auth_secret secret; /* without a password: free */
};

struct passwords {
    pthread_mutex_t mutex;
    unsigned next; /* the oldest, once the table is full */
    struct entry entries[PASSWORDS_MAX];
};

struct passwords *passwords_new(void)
{
    struct passwords *passwords = memory_zalloc(sizeof(*passwords));
    pthread_mutex_init(&passwords->mutex, NULL);
    return passwords;
}

void passwords_free(struct passwords *passwords)
{
    if (!passwords)
        return;
    for (unsigned i = 0; i < PASSWORDS_MAX; i++)
        auth_secret_free(&passwords->entries[i].secret);
    pthread_mutex_destroy(&passwords->mutex);
    free(passwords);
}

static struct entry *find(struct passwords *passwords, const uint8_t *stored)
{
    for (unsigned i = 0; i < PASSWORDS_MAX; i++) {
        struct entry *entry = &passwords->entries[i];
        if (entry->secret.password && memcmp(entry->stored, stored, sizeof(entry->stored)) == 0)
            return entry;
    }
    return NULL;
}

bool passwords_find(struct passwords *passwords, const uint8_t stored[AUTH_STORED_MAX_BYTES],
                    struct auth_secret *secret)
{
    pthread_mutex_lock(&passwords->mutex);
    const struct entry *entry = find(passwords, stored);
    if (entry)
        auth_secret_copy(secret, &entry->secret);
    pthread_mutex_unlock(&passwords->mutex);
    return entry != NULL;
}

void passwords_add(struct passwords *passwords, const uint8_t stored[AUTH_STORED_MAX_BYTES],
                   const struct auth_secret *secret)
{
    pthread_mutex_lock(&passwords->mutex);
    if (!find(passwords, stored)) {
        struct entry *entry = &passwords->entries[passwords->next++ % PASSWORDS_MAX];
        auth_secret_free(&entry->secret);
        memcpy(entry->stored, stored, sizeof(entry->stored));
        auth_secret_copy(&entry->secret, secret);
    }
    pthread_mutex_unlock(&passwords->mutex);
}

static bool is_stored(const struct accounts *accounts, const uint8_t *stored)
{
    for (size_t i = 0; i < accounts->count; i++)
        for (size_t j = 0; j < accounts->list[i].way_count; j++)
            if (memcmp(accounts->list[i].ways[j].stored, stored, AUTH_STORED_MAX_BYTES) == 0)
                return true;
    return false;
}

void passwords_sweep(struct passwords *passwords, const struct accounts *accounts)
{
    pthread_mutex_lock(&passwords->mutex);
    for (unsigned i = 0; i < PASSWORDS_MAX; i++) {
        struct entry *entry = &passwords->entries[i];
        if (entry->secret.password && !is_stored(accounts, entry->stored))
            auth_secret_free(&entry->secret);
    }
    pthread_mutex_unlock(&passwords->mutex);
}
