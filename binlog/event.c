/* The event parser: header, length, checksum, then one small parser a kind. The larger kinds have
 * files of their own: event_query.c, event_rows.c, event_mysql.c.
 * Sources: MariaDB sql/log_event.h and sql/log_event.cc. */
#include "binlog/event.h"

#include "binlog/decompress.h"
#include "binlog/event_parsers.h"

enum {
    FORMAT_VERSION_BYTES = 50,
    GTID_FIXED_BYTES = 19,
    GTID_LIST_ENTRY_BYTES = 16,
    GTID_LIST_COUNT_BITS = 28,
    USER_VAR_REAL_BYTES = 8,
};

const char *event_type_name(uint8_t type)
{
    switch (type) {
#define X(name, number, text, payload)                                                             \
    case number: return text;
        EVENT_TYPES(X)
#undef X
    default: return NULL;
    }
}

/* NOTHING for a number that isn't known: the caller asks event_type_name() first. */
static enum event_payload payload_of(uint8_t type)
{
    switch (type) {
#define X(name, number, text, payload)                                                             \
    case number: return EVENT_PAYLOAD_##payload;
        EVENT_TYPES(X)
#undef X
    default: return EVENT_PAYLOAD_NOTHING;
    }
}

struct event_header event_header_parse(const uint8_t *bytes)
{
    return (struct event_header){
        .timestamp = load_u32(bytes),
        .type = bytes[4],
        .server_id = load_u32(bytes + 5),
        .len_bytes = load_u32(bytes + 9),
        .end_pos = load_u32(bytes + 13),
        .flags = load_u16(bytes + 17),
    };
}

void event_format_init(struct event_format *format)
{
    *format = (struct event_format){
        .binlog_version = 4,
        .header_bytes = EVENT_HEADER_BYTES,
        .checksum = BINLOG_CHECKSUM_UNKNOWN,
    };
}

int event_parse_fail(const struct event_parse *parse, int code, const char *what)
{
    const struct binlog_event *event = parse->event;
    const char *name = event_type_name(event->header.type);
    uint64_t at = event->offset;

    /* Bytes that stood compressed have no place of their own in the log. */
    if (!parse->context->is_inner && parse->body.at >= event->raw.data &&
        parse->body.at <= event->raw.data + event->raw.len)
        at += (uint64_t)(parse->body.at - event->raw.data);
    return binlog_error_set(parse->error, code, at, "%s event: %s", name != NULL ? name : "unknown",
                            what);
}

void event_parse_skip_post_header(struct event_parse *parse, size_t known_bytes)
{
    uint8_t fixed_bytes = parse->context->format->post_header_bytes[parse->event->header.type];

    if (fixed_bytes > known_bytes)
        cursor_take(&parse->body, fixed_bytes - known_bytes);
}

int event_parse_inflate(struct event_parse *parse)
{
    struct buf *out = parse->context->scratch;
    struct cursor before = parse->body;
    struct span packed = cursor_rest(&parse->body);
    int result;

    out->len = 0;
    result = decompress_event_part(packed, parse->context->inflate_max_bytes, out);
    if (result < 0) {
        parse->body = before;
        return event_parse_fail(parse, result == -E2BIG ? BINLOG_TOO_BIG : BINLOG_DAMAGED,
                                result == -E2BIG ? "its compressed part is larger than allowed"
                                                 : "its compressed part does not decompress");
    }
    parse->body = cursor_of(buf_span(out));
    return 0;
}

/* --- small kinds --- */

/* The servers that know checksums put the algorithm behind the list of lengths. */
static bool version_knows_checksums(const char *version, bool is_mariadb)
{
    unsigned parts[3] = {0};
    const char *at = version;

    if (is_mariadb)
        return true; /* since 5.3 */
    for (int i = 0; i < 3; i++) {
        while (*at >= '0' && *at <= '9' && parts[i] < 10000)
            parts[i] = parts[i] * 10 + (unsigned)(*at++ - '0');
        if (*at != '.')
            break;
        at++;
    }
    return parts[0] * 10000 + parts[1] * 100 + parts[2] >= 50601;
}

/* The checksum's own four bytes are there whatever the algorithm is. */
static int format_parse_checksum(struct event_parse *parse, struct event_format *format)
{
    struct cursor *body = &parse->body;

    format->checksum = BINLOG_CHECKSUM_NONE;
    if (!version_knows_checksums(format->server_version, format->is_mariadb))
        return 0;
    if (cursor_left(body) < 1 + BINLOG_CHECKSUM_BYTES)
        return event_parse_fail(parse, BINLOG_DAMAGED, "it is too short");
    body->end -= BINLOG_CHECKSUM_BYTES;
    format->checksum = body->end[-1];
    body->end--;
    if (format->checksum > BINLOG_CHECKSUM_CRC32) {
        body->at = body->end;
        return event_parse_fail(parse, BINLOG_DAMAGED, "it names an unknown checksum algorithm");
    }
    if (format->checksum == BINLOG_CHECKSUM_CRC32 && !checksum_matches(parse->event->raw))
        return binlog_error_set(parse->error, BINLOG_DAMAGED, parse->event->offset,
                                "Format_desc event: its checksum is wrong");
    parse->event->body.len -= BINLOG_CHECKSUM_BYTES;
    return 0;
}

static int parse_format(struct event_parse *parse)
{
    struct event_format *format = &parse->event->format;
    struct span version;
    struct span lengths;
    int result;

    event_format_init(format);
    format->binlog_version = cursor_u16(&parse->body);
    version = cursor_take(&parse->body, FORMAT_VERSION_BYTES);
    format->created = cursor_u32(&parse->body);
    format->header_bytes = cursor_u8(&parse->body);
    if (parse->body.is_short)
        return 0;
    if (format->binlog_version != 4 || format->header_bytes != EVENT_HEADER_BYTES)
        return event_parse_fail(parse, BINLOG_UNSUPPORTED, "it is of another format than 4");
    memcpy(format->server_version, version.data, version.len);
    format->is_mariadb = strstr(format->server_version, "MariaDB") != NULL;
    format->in_use = (parse->event->header.flags & EVENT_FLAG_IN_USE) != 0;
    result = format_parse_checksum(parse, format);
    if (result < 0)
        return result;
    lengths = cursor_rest(&parse->body);
    if (lengths.len > UINT8_MAX)
        return event_parse_fail(parse, BINLOG_DAMAGED, "it lists too many lengths");
    format->post_header_count = (uint8_t)lengths.len;
    for (size_t i = 0; i < lengths.len; i++)
        format->post_header_bytes[i + 1] = lengths.data[i]; /* the list begins with type 1 */
    return 0;
}

static int parse_rotate(struct event_parse *parse)
{
    parse->event->rotate.position = cursor_u64(&parse->body);
    event_parse_skip_post_header(parse, 8);
    parse->event->rotate.file = cursor_rest(&parse->body);
    return 0;
}

enum { HEARTBEAT_END, HEARTBEAT_FILE, HEARTBEAT_POSITION };

/* Source: MySQL libs/mysql/binlog/event/codecs/binary.cpp: type, length, value. */
static void heartbeat_parse_v2(struct event_parse *parse)
{
    struct event_heartbeat *heartbeat = &parse->event->heartbeat;

    while (cursor_left(&parse->body) > 0) {
        uint64_t type = cursor_lenenc(&parse->body);
        struct cursor value;

        if (type == HEARTBEAT_END)
            return;
        value = cursor_of(cursor_take(&parse->body, cursor_lenenc(&parse->body)));
        if (type == HEARTBEAT_FILE)
            heartbeat->file = cursor_rest(&value);
        else if (type == HEARTBEAT_POSITION)
            heartbeat->position = cursor_lenenc(&value);
        if (value.is_short)
            parse->body.is_short = true;
    }
}

static int parse_heartbeat(struct event_parse *parse)
{
    struct event_heartbeat *heartbeat = &parse->event->heartbeat;

    *heartbeat = (struct event_heartbeat){.position = parse->event->header.end_pos};
    if (parse->event->header.type == EVENT_HEARTBEAT_V2)
        heartbeat_parse_v2(parse);
    else
        heartbeat->file = cursor_rest(&parse->body);
    return 0;
}

static int parse_checkpoint(struct event_parse *parse)
{
    uint32_t len = cursor_u32(&parse->body);

    parse->event->checkpoint.file = cursor_take(&parse->body, len);
    return 0;
}

static void xid_name_parse(struct cursor *body, struct event_xid_name *xid)
{
    xid->format_id = cursor_u32(body);
    xid->gtrid_len = cursor_u8(body);
    xid->bqual_len = cursor_u8(body);
    xid->data = cursor_take(body, (uint64_t)xid->gtrid_len + xid->bqual_len);
}

static void gtid_parse_extra(struct cursor *body, struct event_gtid *gtid)
{
    if (cursor_left(body) == 0)
        return;
    gtid->extra_flags = cursor_u8(body);
    if ((gtid->extra_flags & EVENT_GTID_EXTRA_ENGINES) != 0)
        cursor_u8(body); /* how many more engines take part */
    if ((gtid->extra_flags & (EVENT_GTID_COMMIT_ALTER | EVENT_GTID_ROLLBACK_ALTER)) != 0)
        gtid->start_alter_seq = cursor_u64(body);
}

/* Fields that the flags leave out are padded to GTID_FIXED_BYTES, so what is read of the padding
 * as extra flags is 0. */
static int parse_gtid(struct event_parse *parse)
{
    struct event_gtid *gtid = &parse->event->gtid;
    struct cursor *body = &parse->body;

    *gtid = (struct event_gtid){.commit_id = 0};
    if (cursor_left(body) < GTID_FIXED_BYTES)
        return event_parse_fail(parse, BINLOG_DAMAGED, "it is too short");
    gtid->gtid.seq = cursor_u64(body);
    gtid->gtid.domain = cursor_u32(body);
    gtid->gtid.server = parse->event->header.server_id;
    gtid->flags = cursor_u8(body);
    if ((gtid->flags & EVENT_GTID_GROUP_COMMIT) != 0)
        gtid->commit_id = cursor_u64(body);
    if ((gtid->flags & (EVENT_GTID_PREPARED_XA | EVENT_GTID_COMPLETED_XA)) != 0)
        xid_name_parse(body, &gtid->xid);
    gtid_parse_extra(body, gtid);
    return 0;
}

static int parse_gtid_list(struct event_parse *parse)
{
    struct event_gtid_list *list = &parse->event->gtid_list;
    uint32_t word = cursor_u32(&parse->body);

    list->count = word & ((1U << GTID_LIST_COUNT_BITS) - 1);
    list->flags = (uint8_t)(word >> GTID_LIST_COUNT_BITS);
    list->entries = cursor_take(&parse->body, (uint64_t)list->count * GTID_LIST_ENTRY_BYTES);
    return 0;
}

struct gtid event_gtid_list_at(const struct event_gtid_list *list, uint32_t at)
{
    const uint8_t *entry = list->entries.data + (size_t)at * GTID_LIST_ENTRY_BYTES;

    return (struct gtid){
        .domain = load_u32(entry), .server = load_u32(entry + 4), .seq = load_u64(entry + 8)};
}

static int parse_xid(struct event_parse *parse)
{
    event_parse_skip_post_header(parse, 0);
    parse->event->xid.xid = cursor_u64(&parse->body);
    return 0;
}

static int parse_xa_prepare(struct event_parse *parse)
{
    struct event_xa_prepare *xa = &parse->event->xa_prepare;
    uint32_t gtrid_len;
    uint32_t bqual_len;

    xa->one_phase = cursor_u8(&parse->body) != 0;
    xa->xid.format_id = cursor_u32(&parse->body);
    gtrid_len = cursor_u32(&parse->body);
    bqual_len = cursor_u32(&parse->body);
    if (gtrid_len > EVENT_XID_DATA_MAX || bqual_len > EVENT_XID_DATA_MAX)
        return event_parse_fail(parse, BINLOG_DAMAGED, "its transaction name is too long");
    xa->xid.gtrid_len = (uint8_t)gtrid_len;
    xa->xid.bqual_len = (uint8_t)bqual_len;
    xa->xid.data = cursor_take(&parse->body, gtrid_len + bqual_len);
    return 0;
}

static int parse_intvar(struct event_parse *parse)
{
    parse->event->intvar.type = cursor_u8(&parse->body);
    parse->event->intvar.value = cursor_u64(&parse->body);
    return 0;
}

static int parse_rand(struct event_parse *parse)
{
    parse->event->rand.seed1 = cursor_u64(&parse->body);
    parse->event->rand.seed2 = cursor_u64(&parse->body);
    return 0;
}

static int parse_user_var(struct event_parse *parse)
{
    struct event_user_var *var = &parse->event->user_var;
    struct cursor *body = &parse->body;

    *var = (struct event_user_var){.is_null = false};
    var->name = cursor_take(body, cursor_u32(body));
    var->is_null = cursor_u8(body) != 0;
    if (var->is_null)
        return 0;
    var->type = cursor_u8(body);
    var->collation = cursor_u32(body);
    var->value = cursor_take(body, cursor_u32(body));
    if (cursor_left(body) > 0)
        var->is_unsigned = (cursor_u8(body) & 1) != 0;
    return 0;
}

static int parse_text(struct event_parse *parse)
{
    if (parse->event->header.type == EVENT_ROWS_QUERY)
        cursor_u8(&parse->body); /* a length that wraps at 256: of no use */
    parse->event->text.text = cursor_rest(&parse->body);
    return 0;
}

static int parse_load_block(struct event_parse *parse)
{
    parse->event->load_block.file_id = cursor_u32(&parse->body);
    event_parse_skip_post_header(parse, 4);
    parse->event->load_block.data = cursor_rest(&parse->body);
    return 0;
}

static int parse_incident(struct event_parse *parse)
{
    parse->event->incident.number = cursor_u16(&parse->body);
    event_parse_skip_post_header(parse, 2);
    parse->event->incident.message = span_of(parse->body.at, 0);
    if (cursor_left(&parse->body) > 0)
        parse->event->incident.message = cursor_take(&parse->body, cursor_u8(&parse->body));
    return 0;
}

static int parse_encryption(struct event_parse *parse)
{
    parse->event->encryption.scheme = cursor_u8(&parse->body);
    parse->event->encryption.key_version = cursor_u32(&parse->body);
    return 0;
}

static int parse_previous_gtids(struct event_parse *parse)
{
    parse->event->previous_gtids.set = cursor_rest(&parse->body);
    return 0;
}

/* --- the whole --- */

static int payload_parse(struct event_parse *parse)
{
    switch (parse->event->payload) {
    case EVENT_PAYLOAD_FORMAT: return parse_format(parse);
    case EVENT_PAYLOAD_ROTATE: return parse_rotate(parse);
    case EVENT_PAYLOAD_HEARTBEAT: return parse_heartbeat(parse);
    case EVENT_PAYLOAD_CHECKPOINT: return parse_checkpoint(parse);
    case EVENT_PAYLOAD_GTID: return parse_gtid(parse);
    case EVENT_PAYLOAD_GTID_LIST: return parse_gtid_list(parse);
    case EVENT_PAYLOAD_MYSQL_GTID: return event_parse_mysql_gtid(parse);
    case EVENT_PAYLOAD_PREVIOUS_GTIDS: return parse_previous_gtids(parse);
    case EVENT_PAYLOAD_QUERY: return event_parse_query(parse);
    case EVENT_PAYLOAD_XID: return parse_xid(parse);
    case EVENT_PAYLOAD_XA_PREPARE: return parse_xa_prepare(parse);
    case EVENT_PAYLOAD_INTVAR: return parse_intvar(parse);
    case EVENT_PAYLOAD_RAND: return parse_rand(parse);
    case EVENT_PAYLOAD_USER_VAR: return parse_user_var(parse);
    case EVENT_PAYLOAD_TEXT: return parse_text(parse);
    case EVENT_PAYLOAD_TABLE_MAP: return event_parse_table_map(parse);
    case EVENT_PAYLOAD_ROWS: return event_parse_rows(parse);
    case EVENT_PAYLOAD_LOAD_BLOCK: return parse_load_block(parse);
    case EVENT_PAYLOAD_INCIDENT: return parse_incident(parse);
    case EVENT_PAYLOAD_ENCRYPTION: return parse_encryption(parse);
    case EVENT_PAYLOAD_PAYLOAD: return event_parse_payload(parse);
    case EVENT_PAYLOAD_UNREADABLE:
        return event_parse_fail(parse, BINLOG_UNSUPPORTED, "Causeway can't read this kind");
    case EVENT_PAYLOAD_NOTHING:
    case EVENT_PAYLOAD_OPAQUE: break;
    }
    return 0;
}

/* How many bytes of checksum stand behind the body; negative: they are wrong. The format
 * description announces its own: format_parse_checksum() looks at it. */
static int checksum_verify(const struct event_context *context, struct span bytes,
                           const struct event_header *header, struct binlog_error *error)
{
    enum binlog_checksum checksum = context->format->checksum;

    if (context->is_inner || header->type == EVENT_FORMAT_DESCRIPTION)
        return 0;
    /* A server that goes on to its next log announces it by an event made for the stream, before
     * that log's own format description. */
    if (header->type == EVENT_ROTATE && (header->flags & EVENT_FLAG_ARTIFICIAL) != 0)
        checksum = BINLOG_CHECKSUM_UNKNOWN;
    if (checksum == BINLOG_CHECKSUM_NONE)
        return 0;
    if (checksum_matches(bytes))
        return BINLOG_CHECKSUM_BYTES;
    if (checksum == BINLOG_CHECKSUM_UNKNOWN)
        return 0;
    return binlog_error_set(error, BINLOG_DAMAGED, context->offset,
                            "the checksum of the event (%u bytes) is wrong", header->len_bytes);
}

static int event_type_judge(const struct event_context *context, const struct event_header *header,
                            struct binlog_event *event, struct binlog_error *error)
{
    event->payload = payload_of(header->type);
    if (event_type_name(header->type) != NULL && header->type != EVENT_UNKNOWN &&
        header->type != EVENT_START_V3)
        return 0;
    event->payload = EVENT_PAYLOAD_OPAQUE;
    if ((header->flags & EVENT_FLAG_IGNORABLE) != 0)
        return 0;
    return binlog_error_set(error, BINLOG_UNSUPPORTED, context->offset,
                            "an event of the unknown type %u, not marked as ignorable,",
                            header->type);
}

int event_parse(const struct event_context *context, struct span bytes, struct binlog_event *event,
                struct binlog_error *error)
{
    struct event_parse parse = {.context = context, .event = event, .error = error};
    int trailer;
    int result;

    if (bytes.len < EVENT_HEADER_BYTES)
        return binlog_error_set(error, BINLOG_DAMAGED, context->offset,
                                "only %zu bytes where an event's header should be", bytes.len);
    event->header = event_header_parse(bytes.data);
    event->offset = context->offset;
    event->is_inner = context->is_inner;
    event->raw = bytes;
    if (event->header.len_bytes != bytes.len)
        return binlog_error_set(error, BINLOG_DAMAGED, context->offset,
                                "an event says it is %u bytes long, and is %zu,",
                                event->header.len_bytes, bytes.len);
    trailer = checksum_verify(context, bytes, &event->header, error);
    if (trailer < 0)
        return trailer;
    event->body =
        span_of(bytes.data + EVENT_HEADER_BYTES, bytes.len - EVENT_HEADER_BYTES - (size_t)trailer);
    result = event_type_judge(context, &event->header, event, error);
    if (result < 0)
        return result;
    parse.body = cursor_of(event->body);
    result = payload_parse(&parse);
    if (result < 0)
        return result;
    if (parse.body.is_short)
        return event_parse_fail(&parse, BINLOG_DAMAGED, "it is too short for its fields");
    return 0;
}
