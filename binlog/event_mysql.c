/* MySQL's own events: its GTIDs and the compressed transaction.
 * Sources: MySQL libs/mysql/binlog/event/control_events.h (Gtid_event, Transaction_payload_event)
 * and control_events.cpp. */
#include "binlog/event_parsers.h"

enum { LOGICAL_CLOCK_CODE = 2 };

static const uint64_t COMMIT_US_HAS_ORIGINAL = UINT64_C(1) << 55;
static const uint32_t VERSION_HAS_ORIGINAL = UINT32_C(1) << 31;

/* Later servers wrote more fields, each behind the ones before. */
static void gtid_parse_tail(struct cursor *body, struct event_mysql_gtid *gtid)
{
    if (cursor_left(body) == 0)
        return;
    gtid->immediate_commit_us = cursor_u56(body);
    gtid->original_commit_us = gtid->immediate_commit_us;
    if ((gtid->immediate_commit_us & COMMIT_US_HAS_ORIGINAL) != 0) {
        gtid->immediate_commit_us &= ~COMMIT_US_HAS_ORIGINAL;
        gtid->original_commit_us = cursor_u56(body);
    }
    if (cursor_left(body) == 0)
        return;
    gtid->transaction_len_bytes = cursor_lenenc(body);
    if (cursor_left(body) == 0)
        return;
    gtid->immediate_server_version = cursor_u32(body);
    gtid->original_server_version = gtid->immediate_server_version;
    if ((gtid->immediate_server_version & VERSION_HAS_ORIGINAL) != 0) {
        gtid->immediate_server_version &= ~VERSION_HAS_ORIGINAL;
        gtid->original_server_version = cursor_u32(body);
    }
}

int event_parse_mysql_gtid(struct event_parse *parse)
{
    struct event_mysql_gtid *gtid = &parse->event->mysql_gtid;
    struct cursor *body = &parse->body;
    struct span uuid;

    *gtid = (struct event_mysql_gtid){.is_anonymous =
                                          parse->event->header.type == EVENT_ANONYMOUS_GTID};
    gtid->flags = cursor_u8(body);
    uuid = cursor_take(body, EVENT_UUID_BYTES);
    if (uuid.len == EVENT_UUID_BYTES)
        memcpy(gtid->uuid, uuid.data, uuid.len);
    gtid->seq = cursor_u64(body);
    if (body->is_short)
        return 0;
    if (!gtid->is_anonymous && (gtid->seq == 0 || gtid->seq > INT64_MAX))
        return event_parse_fail(parse, BINLOG_DAMAGED, "its sequence number is out of range");
    if (cursor_left(body) == 0 || cursor_u8(body) != LOGICAL_CLOCK_CODE)
        return 0;
    gtid->has_logical_clock = true;
    gtid->last_committed = (int64_t)cursor_u64(body);
    gtid->sequence_number = (int64_t)cursor_u64(body);
    gtid_parse_tail(body, gtid);
    return 0;
}

enum { FIELD_END = 0, FIELD_PAYLOAD_BYTES = 1, FIELD_COMPRESSION = 2, FIELD_PLAIN_BYTES = 3 };

/* type, length, value; then the payload. */
int event_parse_payload(struct event_parse *parse)
{
    struct event_transaction_payload *payload = &parse->event->transaction_payload;
    struct cursor *body = &parse->body;
    uint64_t payload_bytes = UINT64_MAX;
    uint64_t type;

    *payload = (struct event_transaction_payload){.compression = EVENT_COMPRESSION_NONE};
    while ((type = cursor_lenenc(body)) != FIELD_END && !body->is_short) {
        struct cursor value = cursor_of(cursor_take(body, cursor_lenenc(body)));
        uint64_t number = cursor_lenenc(&value);

        if (value.is_short && type <= FIELD_PLAIN_BYTES)
            return event_parse_fail(parse, BINLOG_DAMAGED, "a field of its header is cut");
        if (type == FIELD_PAYLOAD_BYTES)
            payload_bytes = number;
        else if (type == FIELD_PLAIN_BYTES)
            payload->plain_len_bytes = number;
        else if (type == FIELD_COMPRESSION && number != EVENT_COMPRESSION_ZSTD &&
                 number != EVENT_COMPRESSION_NONE)
            return event_parse_fail(parse, BINLOG_UNSUPPORTED, "its compression is not known");
        else if (type == FIELD_COMPRESSION)
            payload->compression = (uint8_t)number;
    }
    payload->data =
        payload_bytes == UINT64_MAX ? cursor_rest(body) : cursor_take(body, payload_bytes);
    return 0;
}
