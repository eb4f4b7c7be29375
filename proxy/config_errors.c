/* The errors of proxy.ini: see config_errors.h. */
#include "proxy/config_errors.h"

#include "proxy/base/buf.h"
#include "proxy/base/memory.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>

/* A file that is no proxy.ini at all must not fill the log. */
enum { ERRORS_MAX = 100, WORD_MAX_BYTES = 64 };

struct config_problem {
    int line;
    char *text;
};

void config_problem(struct config_problems *problems, int line, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    problems->list = memory_resize(problems->list, (problems->count + 1) * sizeof(*problems->list));
    problems->list[problems->count++] =
        (struct config_problem){.line = line ? line : INT_MAX, .text = memory_strdup(text)};
}

/* By line; within one line in the order they were found. */
static void sort_by_line(struct config_problems *problems)
{
    for (size_t i = 1; i < problems->count; i++) {
        struct config_problem moving = problems->list[i];
        size_t at = i;
        for (; at > 0 && problems->list[at - 1].line > moving.line; at--)
            problems->list[at] = problems->list[at - 1];
        problems->list[at] = moving;
    }
}

void config_problems_finish(struct config_problems *problems, const char *path,
                            struct config_errors *out)
{
    sort_by_line(problems);
    size_t shown = problems->count < ERRORS_MAX ? problems->count : ERRORS_MAX;
    size_t left_off = problems->count - shown;
    *out = (struct config_errors){.count = shown + (left_off ? 1 : 0)};
    out->lines = memory_zalloc((out->count + 1) * sizeof(*out->lines));
    for (size_t i = 0; i < problems->count; i++) {
        struct config_problem *problem = &problems->list[i];
        struct buf line = {0};
        if (problem->line == INT_MAX)
            buf_printf(&line, "%s: %s", path, problem->text);
        else
            buf_printf(&line, "%s:%d: %s", path, problem->line, problem->text);
        if (i < shown)
            out->lines[i] = memory_strndup(line.data, line.len);
        buf_free(&line);
        free(problem->text);
    }
    if (left_off) {
        struct buf line = {0};
        buf_printf(&line, "%s: and %zu more errors", path, left_off);
        out->lines[shown] = memory_strndup(line.data, line.len);
        buf_free(&line);
    }
    free(problems->list);
    *problems = (struct config_problems){0};
}

void config_errors_free(struct config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        free(errors->lines[i]);
    free(errors->lines);
    *errors = (struct config_errors){0};
}

struct config_quoted config_quote(const char *value)
{
    struct config_quoted quoted;
    size_t len = strlen(value);
    bool cut = len > sizeof(quoted.text) - sizeof("``...");
    if (cut)
        len = sizeof(quoted.text) - sizeof("``...");
    char *at = quoted.text;
    *at++ = '`';
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)value[i];
        *at++ = (char)(byte < 0x20 || byte == 0x7f ? '?' : byte);
    }
    snprintf(at, (size_t)(quoted.text + sizeof(quoted.text) - at), "%s`", cut ? "..." : "");
    return quoted;
}

/* --- the word that was meant --- */

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Edit distance with swaps of neighbours (optimal string alignment); letters in either case. */
static unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][WORD_MAX_BYTES + 1];
    unsigned *before = rows[0], *last = rows[1], *current = rows[2];
    for (size_t j = 0; j <= b_len; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        current[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            bool same = same_letter(a[i - 1], b[j - 1]);
            current[j] = smallest(last[j] + 1, current[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
            bool swapped = i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                           same_letter(a[i - 2], b[j - 1]);
            if (swapped && before[j - 2] + 1 < current[j])
                current[j] = before[j - 2] + 1;
        }
        unsigned *oldest = before;
        before = last;
        last = current;
        current = oldest;
    }
    return last[b_len];
}

void config_nearest_offer(struct config_nearest *nearest, const char *known)
{
    size_t word_len = strlen(nearest->word);
    size_t known_len = strlen(known);
    if (word_len == 0 || word_len > WORD_MAX_BYTES || known_len > WORD_MAX_BYTES)
        return;
    size_t longer = word_len > known_len ? word_len : known_len;
    unsigned distance = edit_distance(nearest->word, word_len, known, known_len);
    bool near = distance <= (longer < 4 ? 1 : longer / 3);
    if (near && (!nearest->found || distance < nearest->distance)) {
        nearest->found = known;
        nearest->distance = distance;
    }
}

struct config_hint config_nearest_hint(const struct config_nearest *nearest)
{
    struct config_hint hint = {.text = ""};
    if (nearest->found)
        snprintf(hint.text, sizeof(hint.text), "; did you mean `%s`?", nearest->found);
    return hint;
}
