/* The text of proxy.ini: see config_text.h. */
#include "proxy/config_text.h"

#include "proxy/base/buf.h"
#include "proxy/base/memory.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX_BYTES = 1 << 20 };

struct text_reader {
    const struct config_text_events *events;
    const char *at;
    const char *end;
    int line;
    bool pair_due; /* the line that inih was given last must still turn out to be a pair */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static struct span trim(struct span text)
{
    while (text.len > 0 && is_blank((char)text.data[0]))
        text = span_of(text.data + 1, text.len - 1);
    while (text.len > 0 && is_blank((char)text.data[text.len - 1]))
        text.len--;
    return text;
}

static void report(struct text_reader *reader, const char *why)
{
    reader->events->bad(why, reader->line, reader->events->context);
}

/* The line at hand without its end and the blanks around it. */
static struct span cut_line(struct text_reader *reader)
{
    size_t left = (size_t)(reader->end - reader->at);
    const char *newline = memchr(reader->at, '\n', left);
    size_t len = newline ? (size_t)(newline - reader->at) : left;
    struct span line = span_of(reader->at, len);
    reader->at += newline ? len + 1 : len;
    reader->line++;
    return trim(line);
}

static bool is_comment(struct span text)
{
    return text.len == 0 || text.data[0] == ';' || text.data[0] == '#';
}

static void take_section(struct text_reader *reader, struct span line)
{
    const uint8_t *close = memchr(line.data, ']', line.len);
    if (!close) {
        report(reader, "a section line has no `]`");
        return;
    }
    size_t len = (size_t)(close - line.data) - 1;
    if (!is_comment(trim(span_of(close + 1, line.len - len - 2)))) {
        report(reader, "there is text behind the `]` of a section");
        return;
    }
    struct span name = trim(span_of(line.data + 1, len));
    char *text = memory_strndup(name.data, name.len);
    reader->events->section(text, reader->line, reader->events->context);
    free(text);
}

/* True when the line is no pair: it is dealt with here, and inih does not see it. */
static bool take_here(struct text_reader *reader, struct span line, size_t room)
{
    if (is_comment(line))
        return true;
    if (memchr(line.data, '\0', line.len)) {
        report(reader, "the line has a NUL byte; is this a text file?");
        return true;
    }
    if (line.data[0] == '[') {
        take_section(reader, line);
        return true;
    }
    if (line.len + 2 > room) {
        report(reader, "the line is too long");
        return true;
    }
    return false;
}

static void settle_last_line(struct text_reader *reader)
{
    /* The line itself is not shown: it may be a password. */
    if (reader->pair_due)
        report(reader, "expected `key = value`, `[section]` or a comment");
    reader->pair_due = false;
}

/* inih's reader, in the shape of fgets. */
static char *next_line(char *out, int size, void *context)
{
    struct text_reader *reader = context;
    settle_last_line(reader);
    while (reader->at < reader->end) {
        struct span line = cut_line(reader);
        if (take_here(reader, line, (size_t)size))
            continue;
        memcpy(out, line.data, line.len);
        memcpy(out + line.len, "\n", 2);
        reader->pair_due = true;
        return out;
    }
    return NULL;
}

/* inih's handler. It follows next_line at once, so the line number is that of the reader. */
static int on_pair(void *context, const char *section, const char *key, const char *value)
{
    (void)section;
    struct text_reader *reader = context;
    reader->pair_due = false;
    reader->events->pair(key, value, reader->line, reader->events->context);
    return 1;
}

static int read_all(const char *path, struct buf *text)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    int error = 0;
    size_t n;
    do {
        n = fread(buf_reserve(text, 4096), 1, 4096, file);
        text->len += n;
        if (text->len > FILE_MAX_BYTES)
            error = -EFBIG;
        else if (ferror(file))
            error = errno ? -errno : -EIO;
    } while (n > 0 && !error);
    fclose(file);
    return error;
}

int config_text_read(const char *path, const struct config_text_events *events)
{
    struct buf text = {0};
    int error = read_all(path, &text);
    if (!error) {
        struct text_reader reader = {
            .events = events, .at = (char *)text.data, .end = (char *)text.data + text.len};
        if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
            reader.at += 3;
        /* Debian's inih has these as variables; its own line of 200 bytes is short for a pattern.
         */
        ini_use_stack = false;
        ini_initial_alloc = CONFIG_LINE_MAX_BYTES;
        ini_max_line = CONFIG_LINE_MAX_BYTES;
        ini_parse_stream(next_line, &reader, on_pair, &reader);
        settle_last_line(&reader);
    }
    if (text.data)
        memory_wipe(text.data, text.cap);
    buf_free(&text);
    return error;
}
