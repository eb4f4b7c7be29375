/* Transactions as they go by: see log_events.h. At 20,000 transactions a second this is what each
 * event costs, so rows are known by their header and dropped. */
#include "binlog/stream/log_events.h"

#include <stdlib.h>
#include <strings.h>

enum {
    CUT_BYTES_MAX = 4096,      /* of a cut event, so much is looked at */
    INFLATE_BYTES_MAX = 65536, /* a larger statement changes no account */
    WORDS_LOOKED_AT = 6,
    TEXT_LOOKED_AT = 1024,
};

void log_events_init(struct log_events *events)
{
    memset(events, 0, sizeof(*events));
    event_format_init(&events->format);
}

void log_events_free(struct log_events *events)
{
    buf_free(&events->scratch);
}

void log_events_reset(struct log_events *events)
{
    events->open = false;
    event_format_init(&events->format);
}

/* --- statements that change accounts --- */

static bool byte_in_word(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_';
}

static size_t comment_len(struct span text)
{
    static const char end[] = "*/";
    const uint8_t *found;

    if (text.len >= 2 && text.data[0] == '/' && text.data[1] == '*') {
        if (text.len > 2 && text.data[2] == '!')
            return 3; /* executable: its inside counts */
        if (text.len > 3 && text.data[2] == 'M' && text.data[3] == '!')
            return 4;
        found = memmem(text.data + 2, text.len - 2, end, 2);
        return found != NULL ? (size_t)(found - text.data) + 2 : text.len;
    }
    if (text.data[0] == '#' || (text.len >= 2 && text.data[0] == '-' && text.data[1] == '-')) {
        found = memchr(text.data, '\n', text.len);
        return found != NULL ? (size_t)(found - text.data) + 1 : text.len;
    }
    return 0;
}

/* Takes the next word; what is none is passed over. Empty at the end. */
static struct span word_take(struct span *text)
{
    struct span word;
    size_t len = 0;

    while (text->len > 0 && !byte_in_word(text->data[0])) {
        size_t skip = comment_len(*text);

        skip = skip > 0 ? skip : 1;
        *text = span_of(text->data + skip, text->len - skip);
    }
    while (len < text->len && byte_in_word(text->data[len]))
        len++;
    word = span_of(text->data, len);
    if (len > 0)
        *text = span_of(text->data + len, text->len - len);
    return word;
}

static bool word_is(struct span word, const char *text)
{
    return word.len == strlen(text) && strncasecmp((const char *)word.data, text, word.len) == 0;
}

static bool word_among(struct span word, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (word_is(word, *list))
            return true;
    }
    return false;
}

static bool names_mysql_schema(struct span text)
{
    static const char name[] = "mysql";

    while (text.len >= sizeof(name) - 1) {
        const uint8_t *found = memchr(text.data, '.', text.len);
        size_t at;

        if (found == NULL)
            return false;
        at = (size_t)(found - text.data);
        while (at > 0 &&
               (text.data[at - 1] == '`' || text.data[at - 1] == '"' || text.data[at - 1] == ' '))
            at--;
        if (at >= 5 && strncasecmp((const char *)text.data + at - 5, name, 5) == 0)
            return true;
        text = span_of(found + 1, text.len - (size_t)(found + 1 - text.data));
    }
    return false;
}

bool log_events_touches_accounts(struct span schema, struct span text)
{
    static const char *const always[] = {"GRANT", "REVOKE", "FLUSH", NULL};
    static const char *const verbs[] = {"CREATE", "ALTER", "DROP", "RENAME", "SET", NULL};
    static const char *const objects[] = {"USER",  "ROLE",      "PASSWORD", "DEFAULT",
                                          "GRANT", "STATEMENT", NULL};
    struct span rest;
    struct span word;
    bool transaction_word;

    if (text.len > TEXT_LOOKED_AT)
        text.len = TEXT_LOOKED_AT;
    rest = text;
    if (rest.len == 0)
        return false;
    word = word_take(&rest);
    while (word.len > 0 && (word.data[0] >= '0' && word.data[0] <= '9'))
        word = word_take(&rest); /* the version in an executable comment */
    if (word_among(word, always))
        return true;
    for (int i = 0; word_among(word, verbs) && i < WORDS_LOOKED_AT; i++) {
        if (word_among(word_take(&rest), objects))
            return true;
    }
    transaction_word = word_is(word, "BEGIN") || word_is(word, "COMMIT") || word_is(word, "XA") ||
                       word_is(word, "ROLLBACK") || word_is(word, "SAVEPOINT");
    return !transaction_word &&
           (span_equal(schema, span_text("mysql")) || names_mysql_schema(text));
}

/* One of the verbs, and one of `things` behind it. */
static bool changes_one_of(struct span text, const char *const *things)
{
    static const char *const verbs[] = {"CREATE", "ALTER", "DROP", "RENAME", NULL};
    struct span word = {0};
    bool changes = false;

    do {
        word = text.len > 0 ? word_take(&text) : (struct span){0};
        changes = changes || word_among(word, verbs);
        if (changes && word_among(word, things))
            return true;
    } while (word.len > 0);
    return false;
}

bool log_events_touches_catalogue(struct span text)
{
    static const char *const things[] = {"VIEW",   "MEMORY", "HEAP", "FEDERATED", "CONNECT",
                                         "SPIDER", "RENAME", "LIKE", "TRIGGER",   NULL};
    return changes_one_of(text, things);
}

bool log_events_touches_routines(struct span text)
{
    static const char *const things[] = {"PROCEDURE", "FUNCTION", "PACKAGE", NULL};
    return changes_one_of(text, things);
}

/* --- events --- */

/* Parses a whole event, or the beginning of a longer one as if it were all: `bytes` says more than
 * it has, so its length is made to fit, and there is no checksum to verify. */
static int event_read(struct log_events *events, struct span bytes, uint32_t len_bytes,
                      struct binlog_event *event, uint8_t copy[CUT_BYTES_MAX],
                      struct binlog_error *error)
{
    struct event_context context = {
        .format = &events->format,
        .inflate_max_bytes = INFLATE_BYTES_MAX,
        .scratch = &events->scratch,
    };
    struct event_format plain;

    if (bytes.len == len_bytes)
        return event_parse(&context, bytes, event, error);
    if (bytes.len > CUT_BYTES_MAX)
        bytes.len = CUT_BYTES_MAX;
    memcpy(copy, bytes.data, bytes.len);
    store_u32(copy + 9, (uint32_t)bytes.len);
    plain = events->format;
    plain.checksum = BINLOG_CHECKSUM_NONE;
    context.format = &plain;
    return event_parse(&context, span_of(copy, bytes.len), event, error);
}

static int transaction_end(struct log_events *events)
{
    if (!events->open)
        return 0;
    events->open = false;
    events->done = events->under_way;
    return LOG_FOUND_TRANSACTION;
}

static int gtid_found(struct log_events *events, const struct binlog_event *event,
                      uint64_t arrived_us)
{
    int found = transaction_end(events); /* whatever ended it, it is over */

    events->open = true;
    events->standalone = (event->gtid.flags & EVENT_GTID_STANDALONE) != 0;
    events->under_way = (struct log_transaction){
        .gtid = event->gtid.gtid,
        .committed_s = event->header.timestamp,
        .arrived_us = arrived_us,
    };
    return found;
}

/* Non-transactional tables end with the statement COMMIT, XA with XA COMMIT or XA ROLLBACK. */
static bool query_ends(struct span text)
{
    struct span word = text.len > 0 ? word_take(&text) : text;

    return word_is(word, "COMMIT") || word_is(word, "ROLLBACK") || word_is(word, "XA");
}

static int query_found(struct log_events *events, const struct event_query *query)
{
    int found = 0;

    if (log_events_touches_accounts(query->schema, query->text))
        found |= LOG_FOUND_ACCOUNTS;
    if (events->standalone && log_events_touches_catalogue(query->text))
        found |= LOG_FOUND_CATALOGUE;
    if (events->standalone && log_events_touches_routines(query->text))
        found |= LOG_FOUND_ROUTINES;
    if (events->standalone || query_ends(query->text))
        found |= transaction_end(events);
    return found;
}

/* A long event of statements or tables whose beginning does not suffice is passed over: at most it
 * has changed a routine. */
static int detail_found(struct log_events *events, uint8_t type, struct span bytes,
                        uint32_t len_bytes, uint64_t arrived_us, struct binlog_error *error)
{
    uint8_t copy[CUT_BYTES_MAX];
    struct binlog_event event;
    int result = event_read(events, bytes, len_bytes, &event, copy, error);

    if (result < 0 && (bytes.len < len_bytes || result != BINLOG_DAMAGED))
        return events->standalone && type != EVENT_TABLE_MAP
                   ? transaction_end(events) | LOG_FOUND_ROUTINES
                   : 0;
    if (result < 0)
        return result;
    switch (type) {
    case EVENT_FORMAT_DESCRIPTION: events->format = event.format; return 0;
    case EVENT_GTID: return gtid_found(events, &event, arrived_us);
    case EVENT_TABLE_MAP:
        return span_equal(event.table_map.schema, span_text("mysql")) ? LOG_FOUND_ACCOUNTS : 0;
    default: return query_found(events, &event.query);
    }
}

int log_events_feed(struct log_events *events, struct span bytes, uint64_t arrived_us,
                    struct binlog_error *error)
{
    uint8_t type = bytes.data[4];
    uint32_t len_bytes = load_u32(bytes.data + 9);

    switch (type) {
    case EVENT_XID:
    case EVENT_XA_PREPARE:
    case EVENT_HEARTBEAT: /* comes between transactions only */ return transaction_end(events);
    case EVENT_FORMAT_DESCRIPTION:
    case EVENT_GTID:
    case EVENT_TABLE_MAP:
    case EVENT_QUERY:
    case EVENT_QUERY_COMPRESSED:
    case EVENT_EXECUTE_LOAD_QUERY:
        return detail_found(events, type, bytes, len_bytes, arrived_us, error);
    default: return 0;
    }
}
