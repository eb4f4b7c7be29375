/* GTIDs as text and as vectors. Everything here is pure; text comes from servers and is not
 * trusted. Source of the form: MariaDB knowledge base "Global Transaction ID". */
#include "binlog/gtid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Reads decimal digits up to `max`; moves `*text` behind them. No sign, no blank, at least one
 * digit. */
static bool number_take(struct span *text, uint64_t max, uint64_t *value)
{
    size_t digits = 0;
    uint64_t sum = 0;

    while (digits < text->len && text->data[digits] >= '0' && text->data[digits] <= '9') {
        uint64_t digit = (uint64_t)(text->data[digits] - '0');
        if (sum > (max - digit) / 10)
            return false;
        sum = sum * 10 + digit;
        digits++;
    }
    if (digits == 0)
        return false;
    text->data += digits;
    text->len -= digits;
    *value = sum;
    return true;
}

static bool byte_take(struct span *text, uint8_t byte)
{
    if (text->len == 0 || text->data[0] != byte)
        return false;
    text->data++;
    text->len--;
    return true;
}

static bool gtid_take(struct span *text, struct gtid *gtid)
{
    uint64_t domain;
    uint64_t server;
    uint64_t seq;

    if (!number_take(text, UINT32_MAX, &domain) || !byte_take(text, '-') ||
        !number_take(text, UINT32_MAX, &server) || !byte_take(text, '-') ||
        !number_take(text, UINT64_MAX, &seq))
        return false;
    *gtid = (struct gtid){.domain = (uint32_t)domain, .server = (uint32_t)server, .seq = seq};
    return true;
}

int gtid_parse(struct span text, struct gtid *gtid)
{
    struct gtid parsed;

    if (!gtid_take(&text, &parsed) || text.len != 0)
        return -EINVAL;
    *gtid = parsed;
    return 0;
}

size_t gtid_print(const struct gtid *gtid, char out[GTID_TEXT_MAX])
{
    int len = snprintf(out, GTID_TEXT_MAX, "%" PRIu32 "-%" PRIu32 "-%" PRIu64, gtid->domain,
                       gtid->server, gtid->seq);
    return (size_t)len;
}

static void blanks_skip(struct span *text)
{
    while (text->len > 0 && (text->data[0] == ' ' || text->data[0] == '\t' ||
                             text->data[0] == '\n' || text->data[0] == '\r')) {
        text->data++;
        text->len--;
    }
}

int gtid_list_next(struct span *text, struct gtid *gtid)
{
    blanks_skip(text);
    if (text->len == 0)
        return 0;
    if (!gtid_take(text, gtid))
        return -EINVAL;
    blanks_skip(text);
    if (text->len == 0)
        return 1;
    if (!byte_take(text, ','))
        return -EINVAL;
    blanks_skip(text);
    return text->len > 0 ? 1 : -EINVAL; /* a comma with nothing behind it */
}

int gtid_vector_parse_part(struct span text, struct gtid_vector *vector)
{
    struct gtid_vector parsed = {.count = 0};
    struct gtid gtid;
    int left_out = 0;
    int more;

    while ((more = gtid_list_next(&text, &gtid)) > 0)
        left_out |= gtid_vector_raise(&parsed, &gtid) < 0;
    if (more < 0)
        return more;
    *vector = parsed;
    return left_out;
}

int gtid_vector_parse(struct span text, struct gtid_vector *vector)
{
    struct gtid_vector parsed;
    int result = gtid_vector_parse_part(text, &parsed);

    if (result != 0)
        return result < 0 ? result : -E2BIG;
    *vector = parsed;
    return 0;
}

size_t gtid_vector_print(const struct gtid_vector *vector, char *out, size_t size)
{
    size_t len = 0;

    if (size == 0)
        return 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < vector->count; i++) {
        char text[GTID_TEXT_MAX];
        int written;

        gtid_print(&vector->slots[i], text);
        written = snprintf(out + len, size - len, "%s%s", i > 0 ? "," : "", text);
        if ((size_t)written >= size - len)
            return size - 1;
        len += (size_t)written;
    }
    return len;
}

int gtid_vector_raise(struct gtid_vector *vector, const struct gtid *gtid)
{
    uint32_t at = 0;

    while (at < vector->count && vector->slots[at].domain < gtid->domain)
        at++;
    if (at < vector->count && vector->slots[at].domain == gtid->domain) {
        if (gtid->seq > vector->slots[at].seq)
            vector->slots[at] = *gtid;
        return 0;
    }
    if (vector->count == GTID_DOMAINS_MAX)
        return -E2BIG;
    memmove(&vector->slots[at + 1], &vector->slots[at],
            (vector->count - at) * sizeof(vector->slots[0]));
    vector->slots[at] = *gtid;
    vector->count++;
    return 0;
}

int gtid_vector_merge(struct gtid_vector *vector, const struct gtid_vector *other)
{
    int result = 0;

    for (uint32_t i = 0; i < other->count; i++) {
        if (gtid_vector_raise(vector, &other->slots[i]) < 0)
            result = -E2BIG;
    }
    return result;
}

uint64_t gtid_vector_seq(const struct gtid_vector *vector, uint32_t domain)
{
    for (uint32_t i = 0; i < vector->count; i++) {
        if (vector->slots[i].domain == domain)
            return vector->slots[i].seq;
    }
    return 0;
}

bool gtid_vector_covers(const struct gtid_vector *vector, const struct gtid_vector *required)
{
    for (uint32_t i = 0; i < required->count; i++) {
        if (gtid_vector_seq(vector, required->slots[i].domain) < required->slots[i].seq)
            return false;
    }
    return true;
}
