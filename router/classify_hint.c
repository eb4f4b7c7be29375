/* See classify_hint.h. Libraries put comments of their own before a statement, so every leading
 * comment is looked at; only one of the C form that begins with the word causeway is a hint. */
#include "router/classify_hint.h"

#include "router/lex.h"
#include "router/policy.h"

#include <strings.h>

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Cuts the next word off `text`; an empty span when there is none. */
static struct span word_cut(struct span *text)
{
    while (text->len > 0 && is_blank(*text->data))
        *text = span_of(text->data + 1, text->len - 1);
    size_t len = 0;
    while (len < text->len && !is_blank(text->data[len]))
        len++;
    struct span word = span_of(text->data, len);
    *text = span_of(text->data + len, text->len - len);
    return word;
}

static bool span_is(struct span span, const char *text)
{
    size_t len = strlen(text);
    return span.len == len && strncasecmp((const char *)span.data, text, len) == 0;
}

/* Cuts `prefix` off; false, and nothing is cut, when `span` does not begin so or holds no more. */
static bool prefix_cut(struct span *span, const char *prefix)
{
    size_t len = strlen(prefix);
    if (span->len <= len || !span_is(span_of(span->data, len), prefix))
        return false;
    *span = span_of(span->data + len, span->len - len);
    return true;
}

static bool read_to(struct span value, struct hint *out)
{
    if (out->to != HINT_NONE)
        return false;
    if (span_is(value, "leader")) {
        out->to = HINT_LEADER;
    } else if (span_is(value, "followers")) {
        out->to = HINT_FOLLOWERS;
    } else if (prefix_cut(&value, "server:")) {
        out->to = HINT_SERVER;
        out->server = value;
    }
    return out->to != HINT_NONE;
}

/* Cuts the same quote off both ends. */
static struct span quotes_cut(struct span text)
{
    uint8_t first = text.len >= 2 ? text.data[0] : 0;
    bool quoted =
        (first == '\'' || first == '"' || first == '`') && text.data[text.len - 1] == first;
    return quoted ? span_of(text.data + 1, text.len - 2) : text;
}

static bool read_key(struct span value, struct hint *out)
{
    value = quotes_cut(value);
    bool good = value.len > 0 && value.len <= HINT_KEY_MAX_BYTES && out->key.len == 0;
    for (size_t i = 0; i < value.len && good; i++)
        good = value.data[i] > ' ' && value.data[i] != 0x7f;
    if (good)
        out->key = value;
    return good;
}

static const char *const consistency_words[] = {
    [CONSISTENCY_EVENTUAL] = "eventual",
    [CONSISTENCY_SESSION] = "session",
    [CONSISTENCY_KEY] = "key",
    [CONSISTENCY_STRONG] = "strong",
};

/* The enum consistency that the word names, or -1. */
static int consistency_find(struct span word)
{
    for (int i = CONSISTENCY_EVENTUAL; i <= CONSISTENCY_STRONG; i++) {
        if (span_is(word, consistency_words[i]))
            return i;
    }
    return -1;
}

int hint_consistency(const struct hint *hint)
{
    return consistency_find(hint->consistency);
}

/* False when it is not understood, or says again what was said before. */
static bool read_word(struct span word, struct hint *out)
{
    struct span value = word;
    if (prefix_cut(&value, "to="))
        return read_to(value, out);
    if (prefix_cut(&value, "consistency=")) {
        if (consistency_find(value) < 0 || out->consistency.len > 0)
            return false;
        out->consistency = value;
        return true;
    }
    return prefix_cut(&value, "key=") && read_key(value, out);
}

static void read_comment(struct span inside, struct hint *out)
{
    if (!span_is(word_cut(&inside), "causeway"))
        return;
    out->present = true;
    struct span word = word_cut(&inside);
    while (word.len > 0) {
        if (out->bad.len == 0 && !read_word(word, out))
            out->bad = word;
        word = word_cut(&inside);
    }
}

void hint_read(struct span sql, struct hint *out)
{
    struct lexer lexer;
    lex_start(&lexer, sql, 0);
    *out = (struct hint){.to = HINT_NONE};
    struct span inside;
    while (lex_leading_comment(&lexer, &inside))
        read_comment(inside, out);
}
