/* Transactions in a sequence of events.
 *
 *     IDLE --GTID--> OPEN --XID, COMMIT, ROLLBACK, XA PREPARE--> IDLE
 *       |---standalone GTID--> ALONE --QUERY--> IDLE
 *       |---MySQL GTID--> EXPECT --BEGIN--> OPEN
 *       |                    +------QUERY--> IDLE
 *       +---BEGIN, XA START--> OPEN */
#include "binlog/print/trx.h"

#include <ctype.h>
#include <strings.h>

/* Behind blanks and comments. An executable comment counts as its text. */
static size_t skip_blank(struct span text, size_t at)
{
    while (at < text.len) {
        if (isspace(text.data[at])) {
            at++;
        } else if (text.len - at >= 3 && memcmp(text.data + at, "/*!", 3) == 0) {
            at += 3;
            while (at < text.len && isdigit(text.data[at]))
                at++;
        } else if (text.len - at >= 4 && memcmp(text.data + at, "/*M!", 4) == 0) {
            at += 4;
            while (at < text.len && isdigit(text.data[at]))
                at++;
        } else if (text.len - at >= 2 && memcmp(text.data + at, "/*", 2) == 0) {
            const uint8_t *end = memmem(text.data + at + 2, text.len - at - 2, "*/", 2);
            at = end ? (size_t)(end - text.data) + 2 : text.len;
        } else if (text.len - at >= 2 && memcmp(text.data + at, "*/", 2) == 0) {
            at += 2;
        } else if (text.data[at] == '#' ||
                   (text.len - at >= 3 && memcmp(text.data + at, "-- ", 3) == 0)) {
            const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
            at = end ? (size_t)(end - text.data) + 1 : text.len;
        } else {
            break;
        }
    }
    return at;
}

void query_verb(struct span text, char out[QUERY_VERB_MAX])
{
    size_t at = 0;
    size_t len = 0;

    for (int word = 0; word < 4; word++) {
        size_t start = len;
        at = skip_blank(text, at);
        if (len > 0 && len < QUERY_VERB_MAX - 1)
            out[len++] = ' ';
        while (at < text.len && isalpha(text.data[at]) && len < QUERY_VERB_MAX - 1)
            out[len++] = (char)toupper(text.data[at++]);
        if (len <= start + (start > 0)) { /* no word: a name, a bracket, the end */
            len = start;
            break;
        }
    }
    out[len] = '\0';
}

static const struct {
    const char *words;
    enum query_kind kind;
} kinds[] = {
    {"BEGIN", QUERY_BEGIN},
    {"START TRANSACTION", QUERY_BEGIN},
    {"COMMIT", QUERY_COMMIT},
    {"ROLLBACK TO", QUERY_ROLLBACK_TO},
    {"ROLLBACK", QUERY_ROLLBACK},
    {"SAVEPOINT", QUERY_SAVEPOINT},
    {"RELEASE SAVEPOINT", QUERY_SAVEPOINT},
    {"XA START", QUERY_XA_START},
    {"XA BEGIN", QUERY_XA_START},
    {"XA END", QUERY_XA_END},
    {"XA PREPARE", QUERY_XA_PREPARE},
    {"XA COMMIT", QUERY_XA_COMMIT},
    {"XA ROLLBACK", QUERY_XA_ROLLBACK},
    {"INSERT", QUERY_DML},
    {"UPDATE", QUERY_DML},
    {"DELETE", QUERY_DML},
    {"REPLACE", QUERY_DML},
    {"LOAD DATA", QUERY_DML},
    {"LOAD XML", QUERY_DML},
    {"WITH", QUERY_DML},
    {"SELECT", QUERY_DML}, /* a function that writes */
    {"CALL", QUERY_DML},
    {"DO", QUERY_DML},
    {"SET STATEMENT", QUERY_DML},
    {"DROP TEMPORARY", QUERY_TEMPORARY},
    {"CREATE TEMPORARY", QUERY_TEMPORARY},
    {"CREATE OR REPLACE TEMPORARY", QUERY_TEMPORARY},
};

enum query_kind query_kind_of(struct span text)
{
    char verb[QUERY_VERB_MAX];

    query_verb(text, verb);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t len = strlen(kinds[i].words);
        if (strncmp(verb, kinds[i].words, len) == 0 && (verb[len] == '\0' || verb[len] == ' '))
            return kinds[i].kind;
    }
    return QUERY_OTHER;
}

static enum trx_state state_after_gtid(const struct binlog_event *event)
{
    if (event->payload == EVENT_PAYLOAD_MYSQL_GTID)
        return TRX_EXPECT;
    if (event->gtid.flags & (EVENT_GTID_STANDALONE | EVENT_GTID_COMPLETED_XA))
        return TRX_ALONE;
    return TRX_OPEN;
}

static bool is_control(const struct binlog_event *event)
{
    switch (event->payload) {
    case EVENT_PAYLOAD_NOTHING: return event->header.type == EVENT_STOP;
    case EVENT_PAYLOAD_FORMAT: return (event->header.flags & EVENT_FLAG_ARTIFICIAL) == 0;
    default: return false;
    }
}

/* Events that are part of a transaction when one is open, and begin one where there is no GTID. */
static bool is_content(const struct binlog_event *event)
{
    switch (event->payload) {
    case EVENT_PAYLOAD_QUERY:
    case EVENT_PAYLOAD_XID:
    case EVENT_PAYLOAD_XA_PREPARE:
    case EVENT_PAYLOAD_INTVAR:
    case EVENT_PAYLOAD_RAND:
    case EVENT_PAYLOAD_USER_VAR:
    case EVENT_PAYLOAD_TEXT:
    case EVENT_PAYLOAD_TABLE_MAP:
    case EVENT_PAYLOAD_ROWS:
    case EVENT_PAYLOAD_LOAD_BLOCK:
    case EVENT_PAYLOAD_PAYLOAD: return true;
    default: return false;
    }
}

static void feed_query(struct trx_tracker *tracker, enum query_kind kind, struct trx_step *step)
{
    bool opens = kind == QUERY_BEGIN || kind == QUERY_XA_START;

    if (opens && tracker->state != TRX_ALONE)
        tracker->state = TRX_OPEN;
    else if (tracker->state == TRX_OPEN)
        step->ends = kind == QUERY_COMMIT || kind == QUERY_ROLLBACK;
    else
        step->ends = true;
}

static void feed_content(struct trx_tracker *tracker, const struct binlog_event *event,
                         struct trx_step *step)
{
    step->inside = true;
    step->begins = tracker->state == TRX_IDLE;
    if (event->payload == EVENT_PAYLOAD_QUERY)
        feed_query(tracker, query_kind_of(event->query.text), step);
    else if (event->payload == EVENT_PAYLOAD_XID || event->payload == EVENT_PAYLOAD_XA_PREPARE)
        step->ends = true;
    else if (tracker->state == TRX_IDLE)
        tracker->state =
            event->payload == EVENT_PAYLOAD_TABLE_MAP || event->payload == EVENT_PAYLOAD_ROWS
                ? TRX_OPEN
                : TRX_EXPECT;
    if (step->ends)
        tracker->state = TRX_IDLE;
}

struct trx_step trx_feed(struct trx_tracker *tracker, const struct binlog_event *event)
{
    struct trx_step step = {0};

    if (event->payload == EVENT_PAYLOAD_GTID || event->payload == EVENT_PAYLOAD_MYSQL_GTID) {
        step.broken = tracker->state != TRX_IDLE;
        step.begins = true;
        step.inside = true;
        tracker->state = state_after_gtid(event);
    } else if (is_control(event)) {
        step.broken = tracker->state != TRX_IDLE;
        tracker->state = TRX_IDLE;
    } else if (is_content(event)) {
        feed_content(tracker, event, &step);
    }
    return step;
}
