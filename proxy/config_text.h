/* The text of proxy.ini, line by line: sections and key = value pairs, each with its line number.
 * inih splits the pairs and takes off comments; what it would pass over in silence (cut names, cut
 * lines, indented lines taken for more of the value above) is handled here. */
#ifndef CAUSEWAY_PROXY_CONFIG_TEXT_H
#define CAUSEWAY_PROXY_CONFIG_TEXT_H

/* Longest line, with its end. */
enum { CONFIG_LINE_MAX_BYTES = 8192 };

/* Called in the order of the file; the texts are valid during the call only. */
struct config_text_events {
    void (*section)(const char *name, int line, void *context);
    void (*pair)(const char *key, const char *value, int line, void *context);
    void (*bad)(const char *why, int line, void *context);
    void *context;
};

/* 0, or a negative errno when the file can't be read (-EFBIG: larger than any proxy.ini). */
int config_text_read(const char *path, const struct config_text_events *events);

#endif
