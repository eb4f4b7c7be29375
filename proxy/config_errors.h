/* The errors of proxy.ini while they are being collected, and the search for the name that was
 * meant by a misspelled one. */
#ifndef CAUSEWAY_PROXY_CONFIG_ERRORS_H
#define CAUSEWAY_PROXY_CONFIG_ERRORS_H

#include "proxy/config.h"

struct config_problem;

struct config_problems {
    size_t count;
    struct config_problem *list;
};

/* `line` 0: an error of the file as a whole. */
void config_problem(struct config_problems *problems, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Fills `out` with "path:line: text", by line, those without a line last; frees the problems. */
void config_problems_finish(struct config_problems *problems, const char *path,
                            struct config_errors *out);

/* A value as it may stand in an error: control bytes replaced, a long one cut, in back quotes. */
struct config_quoted {
    char text[96];
};
struct config_quoted config_quote(const char *value);

/* The nearest of the words offered, if it is near enough to have been meant.
 *
 *     struct config_nearest nearest = {.word = "lisen"};
 *     config_nearest_offer(&nearest, "listen");   ... every known word
 *     nearest.found                               "listen", or NULL */
struct config_nearest {
    const char *word;
    const char *found;
    unsigned distance;
};
void config_nearest_offer(struct config_nearest *nearest, const char *known);

/* "; did you mean `listen`?", or nothing. */
struct config_hint {
    char text[112];
};
struct config_hint config_nearest_hint(const struct config_nearest *nearest);

#endif
