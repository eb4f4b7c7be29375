/* Allocation that does not fail: see memory.h. */
#include "proxy/base/memory.h"

#include "proxy/base/log.h"

#include <stdlib.h>
#include <string.h>

static void *check(void *memory, size_t len_bytes)
{
    if (!memory) {
        log_error("out of memory for %zu bytes; stopping", len_bytes);
        abort();
    }
    return memory;
}

void *memory_zalloc(size_t len_bytes)
{
    return check(calloc(1, len_bytes ? len_bytes : 1), len_bytes);
}

void *memory_resize(void *old, size_t len_bytes)
{
    return check(realloc(old, len_bytes), len_bytes);
}

char *memory_strdup(const char *text)
{
    return memory_strndup(text, strlen(text));
}

char *memory_strndup(const void *text, size_t len_bytes)
{
    char *copy = check(malloc(len_bytes + 1), len_bytes + 1);
    if (len_bytes > 0) /* an empty span may have no address */
        memcpy(copy, text, len_bytes);
    copy[len_bytes] = '\0';
    return copy;
}

void memory_wipe(void *secret, size_t len_bytes)
{
    if (len_bytes > 0) /* nothing may have no address */
        explicit_bzero(secret, len_bytes);
}
