/* Sets of GTIDs as text. */
#include "binlog/gtid_set.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const uint64_t MYSQL_SEQ_MAX = INT64_MAX;

/* --- UUIDs --- */

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

/* Behind these bytes a dash stands in the text. */
static bool dash_follows(size_t byte)
{
    return byte == 3 || byte == 5 || byte == 7 || byte == 9;
}

void gtid_uuid_print(const uint8_t uuid[GTID_UUID_BYTES], char out[GTID_UUID_TEXT_MAX])
{
    size_t len = 0;

    for (size_t i = 0; i < GTID_UUID_BYTES; i++)
        len += (size_t)snprintf(out + len, GTID_UUID_TEXT_MAX - len, "%02x%s", uuid[i],
                                dash_follows(i) ? "-" : "");
}

/* Moves `*text` behind the UUID. All dashes are there, or none. */
static bool uuid_take(struct span *text, uint8_t uuid[GTID_UUID_BYTES])
{
    size_t at = 0;
    bool has_dashes = text->len > 8 && text->data[8] == '-';

    for (size_t i = 0; i < GTID_UUID_BYTES; i++) {
        int high = at + 1 < text->len ? hex_digit(text->data[at]) : -1;
        int low = high >= 0 ? hex_digit(text->data[at + 1]) : -1;

        if (low < 0)
            return false;
        uuid[i] = (uint8_t)(high << 4 | low);
        at += 2;
        if (!has_dashes || !dash_follows(i))
            continue;
        if (at == text->len || text->data[at++] != '-')
            return false;
    }
    *text = span_of(text->data + at, text->len - at);
    return true;
}

int gtid_uuid_parse(struct span text, uint8_t uuid[GTID_UUID_BYTES])
{
    uint8_t parsed[GTID_UUID_BYTES];

    if (!uuid_take(&text, parsed) || text.len > 0)
        return -EINVAL;
    memcpy(uuid, parsed, sizeof(parsed));
    return 0;
}

/* --- parts of the text --- */

static void blanks_skip(struct span *text)
{
    while (text->len > 0 && (text->data[0] == ' ' || text->data[0] == '\t' ||
                             text->data[0] == '\n' || text->data[0] == '\r')) {
        text->data++;
        text->len--;
    }
}

static bool byte_take(struct span *text, uint8_t byte)
{
    if (text->len == 0 || text->data[0] != byte)
        return false;
    text->data++;
    text->len--;
    return true;
}

/* With the blanks around it. */
static bool separator_take(struct span *text, uint8_t byte)
{
    struct span before = *text;

    blanks_skip(text);
    if (!byte_take(text, byte)) {
        *text = before;
        return false;
    }
    blanks_skip(text);
    return true;
}

static bool number_take(struct span *text, uint64_t max, uint64_t *value)
{
    size_t digits = 0;

    *value = 0;
    while (digits < text->len && text->data[digits] >= '0' && text->data[digits] <= '9') {
        uint64_t digit = (uint64_t)(text->data[digits++] - '0');

        if (digit > max || *value > (max - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    text->data += digits;
    text->len -= digits;
    return digits > 0;
}

/* MySQL's tags begin with a letter or an underscore. */
static bool tag_begins(struct span text)
{
    uint8_t byte = text.len > 0 ? text.data[0] : 0;

    return byte == '_' || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* "5" or "5-9" */
static int run_take(struct span *text, uint64_t max, struct gtid_run *run)
{
    if (tag_begins(*text))
        return -ENOTSUP;
    if (!number_take(text, max, &run->first))
        return -EINVAL;
    run->last = run->first;
    if (byte_take(text, '-') && !number_take(text, max, &run->last))
        return -EINVAL;
    return run->first >= 1 && run->last >= run->first ? 0 : -EINVAL;
}

/* ":5-9:11", as many as there are */
static int runs_take(struct span *text, struct gtid_set *set, const struct gtid_set_source *key,
                     uint64_t max)
{
    while (separator_take(text, ':')) {
        struct gtid_run run;
        int result = run_take(text, max, &run);

        if (result < 0)
            return set->kind == GTID_SET_MYSQL ? result : -EINVAL;
        gtid_set_add_run(set, key, run);
    }
    return 0;
}

static int mysql_source_take(struct span *text, struct gtid_set *set)
{
    struct gtid_set_source key = {.run_count = 0};
    struct span before;

    if (!uuid_take(text, key.uuid))
        return -EINVAL;
    before = *text;
    if (!separator_take(&before, ':'))
        return -EINVAL; /* a UUID without numbers */
    return runs_take(text, set, &key, MYSQL_SEQ_MAX);
}

static int mariadb_source_take(struct span *text, struct gtid_set *set)
{
    struct gtid_set_source key = {.run_count = 0};
    uint64_t domain;
    uint64_t server;
    uint64_t seq;

    if (!number_take(text, UINT32_MAX, &domain) || !byte_take(text, '-') ||
        !number_take(text, UINT32_MAX, &server) || !byte_take(text, '-') ||
        !number_take(text, UINT64_MAX, &seq))
        return -EINVAL;
    key.domain = (uint32_t)domain;
    key.server = (uint32_t)server;
    if (seq > 0)
        gtid_set_add_run(set, &key, (struct gtid_run){1, seq});
    return runs_take(text, set, &key, UINT64_MAX);
}

static int sources_take(struct span text, struct gtid_set *set)
{
    blanks_skip(&text);
    while (text.len > 0) {
        int result = set->kind == GTID_SET_MYSQL ? mysql_source_take(&text, set)
                                                 : mariadb_source_take(&text, set);

        if (result < 0)
            return result;
        blanks_skip(&text);
        if (text.len == 0)
            break;
        if (!byte_take(&text, ','))
            return -EINVAL;
        blanks_skip(&text);
        if (text.len == 0)
            return -EINVAL; /* a comma with nothing behind it */
    }
    return 0;
}

int gtid_set_parse(struct gtid_set *set, struct span text)
{
    struct gtid_set parsed;
    int result;

    gtid_set_init(&parsed, set->kind);
    result = sources_take(text, &parsed);
    if (result < 0) {
        gtid_set_free(&parsed);
        return result;
    }
    gtid_set_free(set);
    *set = parsed;
    return 0;
}

int gtid_set_kind_of(struct span text)
{
    struct gtid_set set;
    int result;

    blanks_skip(&text);
    if (text.len == 0)
        return -ENODATA;
    for (int kind = GTID_SET_MARIADB; kind <= GTID_SET_MYSQL; kind++) {
        gtid_set_init(&set, (enum gtid_set_kind)kind);
        result = gtid_set_parse(&set, text);
        gtid_set_free(&set);
        if (result == 0 || result == -ENOTSUP)
            return kind;
    }
    return -EINVAL;
}

/* --- printing --- */

static void run_print(struct gtid_run run, struct buf *out)
{
    buf_printf(out, ":%" PRIu64, run.first);
    if (run.last > run.first)
        buf_printf(out, "-%" PRIu64, run.last);
}

static void source_print(const struct gtid_set *set, const struct gtid_set_source *source,
                         struct buf *out)
{
    char uuid[GTID_UUID_TEXT_MAX];
    size_t run = 0;

    if (set->kind == GTID_SET_MYSQL) {
        gtid_uuid_print(source->uuid, uuid);
        buf_append_text(out, uuid);
    } else {
        if (source->runs[0].first == 1)
            run = 1; /* the first run is what the plain form says */
        buf_printf(out, "%" PRIu32 "-%" PRIu32 "-%" PRIu64, source->domain, source->server,
                   run == 1 ? source->runs[0].last : 0);
    }
    for (; run < source->run_count; run++)
        run_print(source->runs[run], out);
}

void gtid_set_print(const struct gtid_set *set, struct buf *out)
{
    for (size_t i = 0; i < set->source_count; i++) {
        if (i > 0)
            buf_append_u8(out, ',');
        source_print(set, &set->sources[i], out);
    }
}
