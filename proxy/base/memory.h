/* Allocation that does not fail: out of memory is logged and aborts. */
#ifndef CAUSEWAY_BASE_MEMORY_H
#define CAUSEWAY_BASE_MEMORY_H

#include <stddef.h>

/* Zeroed memory for one object or an array; free() it. */
void *memory_zalloc(size_t len_bytes);
void *memory_resize(void *old, size_t len_bytes);
char *memory_strdup(const char *text);
char *memory_strndup(const void *text, size_t len_bytes);

/* Overwrites a secret in a way that the compiler may not leave out. */
void memory_wipe(void *secret, size_t len_bytes);

#endif
