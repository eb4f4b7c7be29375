/* The log: see log.h. */
#include "proxy/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* The one process-wide setting: a log has to work where no context reaches. */
static _Atomic int current_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

int log_level_parse(const char *text)
{
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++)
        if (strcmp(text, level_names[level]) == 0)
            return level;
    return -1;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

/* Control bytes of a peer's text must not start a line of their own. */
static void mask_control_bytes(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level > log_get_level())
        return;
    char line[LINE_MAX_BYTES];
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &utc);
    int head = snprintf(line + len, sizeof(line) - len, ".%03ldZ %-5s ", now.tv_nsec / 1000000,
                        level_names[level]);
    len += (size_t)head;
    size_t room = sizeof(line) - len - 1;
    va_list args;
    va_start(args, format);
    int wrote = vsnprintf(line + len, room, format, args);
    va_end(args);
    size_t body = wrote < 0 ? 0 : (size_t)wrote < room ? (size_t)wrote : room - 1;
    mask_control_bytes(line + len, body);
    len += body;
    line[len++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, len);
    (void)ignored;
}
