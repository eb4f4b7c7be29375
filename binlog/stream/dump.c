/* Following a log over the wire; the states are drawn in the header. Bytes are handled in order:
 *
 *     packet header 4 | 00 | event ........ | packet header 4 | 00 | event ..
 *                          |<- handed out ->|<- read, dropped: event_left ->|
 *
 * An event of 16 MiB or more comes in several packets, of which only the first begins with 00. */
#include "binlog/stream/dump.h"

#include "binlog/event.h"
#include "proxy/base/clock.h"
#include "proxy/base/memory.h"
#include "proxy/net/stream.h"
#include "proxy/net/tls.h"
#include "proxy/proto/packet.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    COM_BINLOG_DUMP = 18,
    FLAG_NON_BLOCK = 1, /* BINLOG_DUMP_NON_BLOCK */
    FLAG_ANNOTATE = 2,  /* BINLOG_SEND_ANNOTATE_ROWS_EVENT */
    PACKET_OK = 0x00,
    PACKET_EOF = 0xfe,
    PACKET_ERR = 0xff,
    EOF_BYTES_MAX = 9,
    ERR_BYTES_MAX = 4096,
    ANSWER_MS = 5000,
    SILENCE_PERIODS = 3,
    HEARTBEAT_MS = 1000,
    CUT_BYTES = 4096,
    DIRECT_BYTES_MAX = STREAM_LARGE_BYTES / 2, /* more than that is collected aside */
    FILE_BYTES_MAX = 511,

    ERROR_ACCESS_DENIED = 1045,          /* ER_ACCESS_DENIED_ERROR */
    ERROR_ACCESS_DENIED_SPECIFIC = 1227, /* ER_SPECIFIC_ACCESS_DENIED_ERROR */
    ERROR_ACCESS_DENIED_NO_PASSWORD = 1698,
    ERROR_READING_BINLOG = 1236, /* ER_MASTER_FATAL_ERROR_READING_BINLOG */
    ERROR_SAME_SERVER_ID = 4052, /* ER_SLAVE_SAME_ID */
};

struct dump {
    struct ev_loop *loop;
    struct dump_settings settings; /* its strings are owned */
    struct service_login login;
    struct service_conn *conn;
    struct stream_pool pool;
    struct stream stream;
    struct ev_timer silence;
    struct ev_timer pace; /* while it runs, the socket is left alone */
    uint64_t asked_us;
    uint64_t received_us;
    /* where the bytes stand */
    uint32_t packet_left; /* of the payload of the packet under way */
    bool packet_full;     /* the packet under way is continued by the next one */
    bool event_open;      /* an event's end has not come yet */
    bool collecting;      /* what is to be handed out of it is put together in `whole` */
    uint32_t event_len;
    uint32_t event_seen;
    struct buf whole;
    uint64_t arrived_us;
    bool telling; /* within a call-back: freeing waits */
    bool freed;
    bool over;
};

static void watchers_stop(struct dump *dump)
{
    ev_timer_stop(dump->loop, &dump->silence);
    ev_timer_stop(dump->loop, &dump->pace);
}

static void dump_destroy(struct dump *dump)
{
    watchers_stop(dump);
    stream_close(&dump->stream);
    stream_pool_close(&dump->pool);
    service_conn_close(dump->conn);
    service_login_clear(&dump->login);
    buf_free(&dump->whole);
    free((char *)dump->settings.gtid_position);
    free((char *)dump->settings.file);
    free(dump);
}

/* --- the end --- */

const char *dump_end_name(enum dump_end_kind kind)
{
    switch (kind) {
    case DUMP_END_OF_LOG: return "end of log";
    case DUMP_LOST: return "lost";
    case DUMP_DENIED: return "denied";
    case DUMP_NO_LOG: return "no log";
    case DUMP_PURGED: return "purged";
    case DUMP_EVICTED: return "evicted";
    case DUMP_TOO_BIG: return "too big";
    case DUMP_MALFORMED: return "malformed";
    case DUMP_REFUSED: break;
    }
    return "refused";
}

enum dump_end_kind dump_error_kind(unsigned error, const char *text)
{
    if (error == ERROR_ACCESS_DENIED || error == ERROR_ACCESS_DENIED_SPECIFIC ||
        error == ERROR_ACCESS_DENIED_NO_PASSWORD)
        return DUMP_DENIED;
    if (error == ERROR_SAME_SERVER_ID)
        return DUMP_EVICTED;
    if (error != ERROR_READING_BINLOG)
        return DUMP_REFUSED;
    if (strstr(text, "same server_uuid/server_id") != NULL)
        return DUMP_EVICTED;
    if (strstr(text, "Binary log is not open") != NULL)
        return DUMP_NO_LOG;
    if (strstr(text, "not in the master's binlog") != NULL ||
        strstr(text, "Could not find GTID state") != NULL ||
        strstr(text, "Could not find first log file") != NULL ||
        strstr(text, "have been purged") != NULL)
        return DUMP_PURGED;
    return DUMP_REFUSED;
}

/* The owner may have freed the dump within a call-back: true when it goes on. */
static bool told(struct dump *dump)
{
    dump->telling = false;
    return !dump->freed;
}

/* The last call-back. The dump may be gone on return, when nothing of ours is on the stack. */
static void dump_end(struct dump *dump, enum dump_end_kind kind, unsigned error, const char *text)
{
    struct dump_end end = {.kind = kind, .error = error, .text = text};

    assert(!dump->over);
    dump->over = true;
    watchers_stop(dump);
    stream_close(&dump->stream);
    dump->telling = true;
    dump->settings.ended(&end, dump->settings.context);
    (void)told(dump);
}

/* --- events --- */

static bool event_give(struct dump *dump, const uint8_t *bytes, uint32_t given)
{
    struct dump_event event = {
        .bytes = span_of(bytes, given),
        .len = dump->event_len,
        .arrived_us = dump->arrived_us,
    };

    dump->telling = true;
    dump->settings.event(&event, dump->settings.context);
    return told(dump);
}

/* How much of the open event is handed out. */
static uint32_t event_wanted(const struct dump *dump)
{
    size_t most = dump->settings.event_max_bytes;

    return dump->event_len < most ? dump->event_len : (uint32_t)most;
}

/* The first bytes of an event stand at `header`: its length must be what the packets say. */
static bool event_open(struct dump *dump, const uint8_t *header, uint32_t payload_len)
{
    uint32_t len = event_header_parse(header).len_bytes;
    bool fits =
        payload_len == PACKET_PAYLOAD_MAX ? len >= PACKET_PAYLOAD_MAX - 1 : len == payload_len - 1;

    if (!fits || len < EVENT_HEADER_BYTES || len > DUMP_EVENT_MAX_BYTES) {
        dump_end(dump, DUMP_MALFORMED, 0, "an event's length is not that of its packets");
        return false;
    }
    if (dump->settings.whole_events && len > dump->settings.event_max_bytes) {
        char text[96];

        snprintf(text, sizeof(text), "an event of %" PRIu32 " bytes is larger than the limit", len);
        dump_end(dump, DUMP_TOO_BIG, 0, text);
        return false;
    }
    dump->event_len = len;
    dump->event_seen = 0;
    dump->event_open = true;
    dump->arrived_us = dump->received_us;
    return true;
}

/* Takes up to `len` bytes of the open event's packet off; what is collected is copied. */
static bool event_bytes_take(struct dump *dump)
{
    size_t len = stream_len(&dump->stream);
    uint32_t part = len < dump->packet_left ? (uint32_t)len : dump->packet_left;

    if (dump->collecting) {
        size_t missing = event_wanted(dump) - dump->whole.len;

        buf_append(&dump->whole, stream_data(&dump->stream), part < missing ? part : missing);
    }
    stream_consume(&dump->stream, part);
    dump->packet_left -= part;
    dump->event_seen += part;
    if (!dump->collecting || dump->whole.len < event_wanted(dump))
        return true;
    dump->collecting = false;
    bool alive = event_give(dump, dump->whole.data, event_wanted(dump));
    buf_free(&dump->whole);
    return alive;
}

static bool event_close(struct dump *dump)
{
    dump->event_open = false;
    if (dump->event_seen == dump->event_len)
        return true;
    dump_end(dump, DUMP_MALFORMED, 0, "an event is shorter than its header says");
    return false;
}

/* --- packets --- */

static void err_packet(struct dump *dump, struct span payload)
{
    struct reader reader = reader_of(payload);
    struct span message;
    char text[256];
    unsigned error;

    (void)read_u8(&reader);
    error = read_u16(&reader);
    if (reader_left(&reader) > 6 && *reader.at == '#')
        (void)read_span(&reader, 6);
    message = read_rest(&reader);
    if (reader.bad) {
        dump_end(dump, DUMP_MALFORMED, 0, "an error packet could not be understood");
        return;
    }
    snprintf(text, sizeof(text), "error %u: %.*s", error, (int)message.len,
             message.len > 0 ? (const char *)message.data : "");
    dump_end(dump, dump_error_kind(error, text), error, text);
}

static void end_packet(struct dump *dump)
{
    if (dump->settings.stop_at_end)
        dump_end(dump, DUMP_END_OF_LOG, 0, "that was all of its log");
    else
        dump_end(dump, DUMP_LOST, 0, "the server ended the stream");
}

/* What is needed in one piece before anything can be done, from the packet's header on. */
static size_t packet_need(const struct dump *dump, uint32_t payload_len, uint8_t first)
{
    size_t event = payload_len - 1;

    if (first == PACKET_ERR)
        return PACKET_HEADER_BYTES + payload_len;
    if (first != PACKET_OK || event < EVENT_HEADER_BYTES)
        return PACKET_HEADER_BYTES + 1;
    if (event > dump->settings.event_max_bytes)
        event = dump->settings.event_max_bytes;
    if (event > DIRECT_BYTES_MAX || payload_len == PACKET_PAYLOAD_MAX)
        event = EVENT_HEADER_BYTES; /* collected, or cut there and then */
    return PACKET_HEADER_BYTES + 1 + event;
}

/* A packet that opens an event; its header, 00 and as much as packet_need asked for are there. */
static bool event_packet(struct dump *dump, const uint8_t *data, uint32_t payload_len)
{
    const uint8_t *bytes = data + PACKET_HEADER_BYTES + 1;
    size_t there = stream_len(&dump->stream) - PACKET_HEADER_BYTES - 1;

    if (payload_len - 1 < EVENT_HEADER_BYTES) {
        dump_end(dump, DUMP_MALFORMED, 0, "a packet is too short for an event");
        return false;
    }
    if (!event_open(dump, bytes, payload_len))
        return false;
    dump->packet_full = payload_len == PACKET_PAYLOAD_MAX;
    dump->packet_left = payload_len - 1;
    /* handed out in place where it lies in one piece, within this packet */
    dump->collecting = event_wanted(dump) > there || event_wanted(dump) > dump->packet_left;
    if (!dump->collecting && !event_give(dump, bytes, event_wanted(dump)))
        return false;
    stream_consume(&dump->stream, PACKET_HEADER_BYTES + 1);
    return event_bytes_take(dump);
}

/* The packet that comes behind a full one. */
static bool continuation_packet(struct dump *dump, uint32_t payload_len)
{
    if (payload_len > dump->event_len - dump->event_seen) {
        dump_end(dump, DUMP_MALFORMED, 0, "an event is longer than its header says");
        return false;
    }
    dump->packet_full = payload_len == PACKET_PAYLOAD_MAX;
    dump->packet_left = payload_len;
    stream_consume(&dump->stream, PACKET_HEADER_BYTES);
    return true;
}

enum step { STEP_ON, STEP_WAIT, STEP_GONE };

static enum step packet_begin_step(struct dump *dump)
{
    const uint8_t *data = stream_data(&dump->stream);
    size_t len = stream_len(&dump->stream);
    uint32_t payload_len;
    size_t need;

    if (len < PACKET_HEADER_BYTES)
        return STEP_WAIT;
    payload_len = packet_payload_len(data);
    if (dump->event_open)
        return continuation_packet(dump, payload_len) ? STEP_ON : STEP_GONE;
    if (payload_len == 0) {
        dump_end(dump, DUMP_MALFORMED, 0, "an empty packet");
        return STEP_GONE;
    }
    if (len < PACKET_HEADER_BYTES + 1)
        return STEP_WAIT;
    need = packet_need(dump, payload_len, data[PACKET_HEADER_BYTES]);
    if (data[PACKET_HEADER_BYTES] == PACKET_ERR && payload_len > ERR_BYTES_MAX)
        need = 0; /* said to be malformed below */
    if (len < need) {
        stream_want(&dump->stream, need);
        return STEP_WAIT;
    }
    if (need > 0 && data[PACKET_HEADER_BYTES] == PACKET_OK)
        return event_packet(dump, data, payload_len) ? STEP_ON : STEP_GONE;
    if (need > 0 && data[PACKET_HEADER_BYTES] == PACKET_ERR)
        err_packet(dump, span_of(data + PACKET_HEADER_BYTES, payload_len));
    else if (data[PACKET_HEADER_BYTES] == PACKET_EOF && payload_len < EOF_BYTES_MAX)
        end_packet(dump);
    else
        dump_end(dump, DUMP_MALFORMED, 0, "a packet of an unknown kind");
    return STEP_GONE;
}

static enum step bytes_step(struct dump *dump)
{
    if (dump->packet_left > 0) {
        if (stream_len(&dump->stream) == 0)
            return STEP_WAIT;
        return event_bytes_take(dump) ? STEP_ON : STEP_GONE;
    }
    if (dump->event_open && !dump->packet_full)
        return event_close(dump) ? STEP_ON : STEP_GONE;
    return packet_begin_step(dump);
}

/* True when the dump goes on. It is over, or freed by its owner, otherwise. */
static bool bytes_handle(struct dump *dump)
{
    enum step step;

    do
        step = bytes_step(dump);
    while (step == STEP_ON);
    if (step == STEP_GONE || dump->settings.batch == NULL)
        return step != STEP_GONE;
    dump->telling = true;
    dump->settings.batch(dump->settings.context);
    return told(dump);
}

/* --- the socket --- */

static void on_pace(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct dump *dump = timer->data;

    (void)loop;
    (void)events;
    stream_resume(&dump->stream);
}

/* Bytes that came so soon after the last ones will be followed by more: let them gather. Where the
 * last receive filled its buffer they have. */
static void pace_keep(struct dump *dump, uint64_t since_us)
{
    if (since_us > dump->settings.pace_ms * 1000u || dump->stream.busy_peer ||
        dump->settings.pace_ms == 0 || ev_is_active(&dump->pace))
        return;
    stream_pause(&dump->stream);
    ev_timer_set(&dump->pace, (double)dump->settings.pace_ms / 1000., 0.);
    ev_timer_start(dump->loop, &dump->pace);
}

/* One receive. True when bytes came and the dump goes on. */
static bool receive_once(struct dump *dump)
{
    ssize_t n = stream_receive(&dump->stream);

    if (n > 0) {
        uint64_t before_us = dump->received_us;

        dump->received_us = clock_now_us();
        if (!bytes_handle(dump))
            return false;
        pace_keep(dump, dump->received_us - before_us);
        return true;
    }
    if (n == 0)
        dump_end(dump, DUMP_LOST, 0, "the server closed the connection");
    else if (n != -EAGAIN)
        dump_end(dump, DUMP_LOST, 0, strerrordesc_np((int)-n));
    return false;
}

static void on_stream(struct stream *stream, enum stream_event event)
{
    struct dump *dump = stream->owner;

    if (event == STREAM_READABLE)
        (void)receive_once(dump);
    else if (event == STREAM_FAILED)
        dump_end(dump, DUMP_LOST, 0, strerrordesc_np(-stream->error));
    if (dump->freed)
        dump_destroy(dump);
}

static double silence_left_s(const struct dump *dump)
{
    uint64_t limit_us = (uint64_t)dump->settings.heartbeat_ms * SILENCE_PERIODS * 1000u;
    uint64_t passed_us = clock_now_us() - dump->received_us;

    return passed_us >= limit_us ? 0. : (double)(limit_us - passed_us) / 1e6;
}

static void silence_watch(struct dump *dump)
{
    ev_now_update(dump->loop);
    ev_timer_set(&dump->silence, silence_left_s(dump) + 0.001, 0.);
    ev_timer_start(dump->loop, &dump->silence);
}

static void silence_check(struct dump *dump)
{
    char text[64];

    if (dump->stream.error != 0) {
        dump_end(dump, DUMP_LOST, 0, strerrordesc_np(-dump->stream.error));
        return;
    }
    /* What came while this thread was busy elsewhere has not been seen yet: look first. */
    if (silence_left_s(dump) > 0. || receive_once(dump)) {
        silence_watch(dump);
        return;
    }
    if (dump->freed || dump->over)
        return;
    snprintf(text, sizeof(text), "no heartbeat for %u ms",
             dump->settings.heartbeat_ms * SILENCE_PERIODS);
    dump_end(dump, DUMP_LOST, 0, text);
}

static void on_silence(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct dump *dump = timer->data;

    (void)loop;
    (void)events;
    silence_check(dump);
    if (dump->freed)
        dump_destroy(dump);
}

/* --- the beginning --- */

/* Source: protocol page "COM_BINLOG_DUMP". */
static int dump_ask(struct dump *dump)
{
    const struct dump_settings *settings = &dump->settings;
    struct buf out = {0};
    size_t begin = packet_begin(&out);
    int flags =
        (settings->stop_at_end ? FLAG_NON_BLOCK : 0) | (settings->annotate ? FLAG_ANNOTATE : 0);
    int result;

    buf_append_u8(&out, COM_BINLOG_DUMP);
    buf_append_u32(&out, settings->file != NULL ? settings->file_position : 4);
    buf_append_u16(&out, (uint16_t)flags);
    buf_append_u32(&out, settings->server_id);
    if (settings->file != NULL)
        buf_append_text(&out, settings->file);
    packet_end(&out, begin, 0);
    result = stream_write_span(&dump->stream, buf_span(&out));
    buf_free(&out);
    return result;
}

/* `ssl`: the state of its TLS, NULL when it is in the clear. */
static void dumping_start(struct dump *dump, int fd, struct ssl_st *ssl)
{
    int result;

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); /* Connector/C's own way is to block */
    stream_set_options(fd);
    stream_open(&dump->stream, dump->loop, &dump->pool, fd, on_stream, dump);
    if (ssl != NULL)
        tls_adopt(&dump->stream, ssl);
    dump->received_us = clock_now_us();
    result = dump_ask(dump);
    if (result == 0)
        silence_watch(dump);
    else /* from the loop: it may be within dump_open_socket */
        ev_feed_event(dump->loop, &dump->silence, EV_TIMER);
}

/* True when the opening failed and was told. */
static bool opening_failed(struct dump *dump, const struct service_reply *reply)
{
    enum dump_end_kind kind;

    if (reply->error == 0)
        return false;
    kind = dump_error_kind(reply->error, reply->text);
    if (kind == DUMP_REFUSED && reply->lost)
        kind = DUMP_LOST;
    dump_end(dump, kind, reply->error, reply->text);
    return true;
}

static void on_prepared(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct dump *dump = context;
    int fd;

    if (opening_failed(dump, reply))
        goto done;
    fd = service_conn_take_socket(conn);
    if (fd < 0) {
        dump_end(dump, DUMP_LOST, 0, strerrordesc_np(-fd));
        goto done;
    }
    dumping_start(dump, fd, service_conn_take_tls(conn));
done:
    if (dump->freed)
        dump_destroy(dump);
}

/* A GTID list is digits, minus and comma; nothing else goes into a statement. */
static bool gtid_list_plain(const char *text)
{
    return text[strspn(text, "0123456789-,")] == '\0';
}

static void session_prepare(struct dump *dump, struct span position)
{
    const struct dump_settings *settings = &dump->settings;
    struct buf sql = {0};

    buf_printf(&sql,
               "SET @mariadb_slave_capability=4, @master_binlog_checksum='CRC32',"
               " @master_heartbeat_period=%" PRIu64,
               (uint64_t)settings->heartbeat_ms * 1000000u);
    if (settings->gtid_position != NULL)
        buf_printf(&sql, ", @slave_connect_state='%s'", settings->gtid_position);
    else if (settings->file == NULL)
        buf_printf(&sql, ", @slave_connect_state='%.*s'", (int)position.len,
                   position.len > 0 ? (const char *)position.data : "");
    buf_append_u8(&sql, 0);
    service_conn_query(dump->conn, (const char *)sql.data, ANSWER_MS, on_prepared);
    buf_free(&sql);
}

/* "1763856000.123456" in microseconds. */
static uint64_t time_us_parse(struct span text)
{
    uint64_t us = 0;
    unsigned decimals = 0;
    bool dotted = false;

    for (size_t i = 0; i < text.len && decimals < 6; i++) {
        if (text.data[i] == '.' && !dotted) {
            dotted = true;
            continue;
        }
        if (text.data[i] < '0' || text.data[i] > '9' || us > UINT64_MAX / 10 - 1)
            return 0;
        us = us * 10 + (uint64_t)(text.data[i] - '0');
        decimals += dotted ? 1 : 0;
    }
    for (; decimals < 6; decimals++)
        us *= 10;
    return us;
}

enum column {
    COLUMN_VERSION,
    COLUMN_SERVER_ID,
    COLUMN_LOG_BIN,
    COLUMN_POSITION,
    COLUMN_TIME,
};
static const char start_sql[] =
    "SELECT @@version, @@global.server_id, @@global.log_bin, @@global.gtid_binlog_pos,"
    " UNIX_TIMESTAMP(SYSDATE(6))";

/* False when the owner has freed the dump. */
static bool start_tell(struct dump *dump, const struct service_reply *reply)
{
    char version[128];
    struct dump_start start = {
        .version = version,
        .server_id = (uint32_t)service_reply_number(reply, COLUMN_SERVER_ID),
        .position = service_reply_cell(reply, COLUMN_POSITION),
        .server_time_us = time_us_parse(service_reply_cell(reply, COLUMN_TIME)),
        .asked_us = dump->asked_us,
    };

    if (dump->settings.started == NULL)
        return true;
    service_reply_text(reply, COLUMN_VERSION, version, sizeof(version));
    dump->telling = true;
    dump->settings.started(&start, dump->settings.context);
    return told(dump);
}

static void on_start(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct dump *dump = context;
    struct gtid_vector position;

    (void)conn;
    if (opening_failed(dump, reply)) {
        ;
    } else if (!service_reply_next(reply) ||
               gtid_vector_parse(service_reply_cell(reply, COLUMN_POSITION), &position) ==
                   -EINVAL) {
        dump_end(dump, DUMP_MALFORMED, 0, "its position could not be understood");
    } else if (service_reply_number(reply, COLUMN_LOG_BIN) == 0) {
        dump_end(dump, DUMP_NO_LOG, 0, "it keeps no binary log");
    } else if (dump->settings.gtid_position != NULL &&
               !gtid_list_plain(dump->settings.gtid_position)) {
        dump_end(dump, DUMP_REFUSED, 0, "the position to start from is not a list of GTIDs");
    } else if (start_tell(dump, reply)) {
        session_prepare(dump, service_reply_cell(reply, COLUMN_POSITION));
    }
    if (dump->freed)
        dump_destroy(dump);
}

static void on_opened(struct service_conn *conn, struct service_reply *reply, void *context)
{
    struct dump *dump = context;

    if (!opening_failed(dump, reply)) {
        dump->asked_us = clock_now_us();
        service_conn_query(conn, start_sql, ANSWER_MS, on_start);
    }
    if (dump->freed)
        dump_destroy(dump);
}

static void on_conn_lost(struct service_conn *conn, void *context)
{
    struct dump *dump = context;

    (void)conn;
    dump_end(dump, DUMP_LOST, 0, "the server closed the connection");
    if (dump->freed)
        dump_destroy(dump);
}

/* --- the calls of the header --- */

static struct dump *dump_new(struct ev_loop *loop, const struct dump_settings *settings)
{
    struct dump *dump = memory_zalloc(sizeof(*dump));
    struct dump_settings *own = &dump->settings;

    assert(settings->event != NULL && settings->ended != NULL);
    dump->loop = loop;
    *own = *settings;
    own->login = NULL;
    if (own->gtid_position != NULL)
        own->gtid_position = memory_strdup(own->gtid_position);
    if (own->file != NULL)
        own->file = memory_strndup(own->file, strnlen(own->file, FILE_BYTES_MAX));
    if (own->heartbeat_ms == 0)
        own->heartbeat_ms = HEARTBEAT_MS;
    if (own->event_max_bytes == 0)
        own->event_max_bytes = own->whole_events ? DUMP_EVENT_MAX_BYTES : CUT_BYTES;
    if (own->event_max_bytes < EVENT_HEADER_BYTES)
        own->event_max_bytes = EVENT_HEADER_BYTES;
    stream_pool_init(&dump->pool);
    ev_init(&dump->silence, on_silence);
    dump->silence.data = dump;
    ev_init(&dump->pace, on_pace);
    dump->pace.data = dump;
    return dump;
}

struct dump *dump_open(struct ev_loop *loop, const struct dump_settings *settings)
{
    struct dump *dump = dump_new(loop, settings);

    service_login_copy(&dump->login, settings->login);
    dump->conn = service_conn_open(loop, &dump->login, on_opened, on_conn_lost, dump);
    return dump;
}

struct dump *dump_open_socket(struct ev_loop *loop, const struct dump_settings *settings, int fd)
{
    struct dump *dump = dump_new(loop, settings);

    dumping_start(dump, fd, NULL);
    return dump;
}

void dump_free(struct dump *dump)
{
    if (dump == NULL || dump->freed)
        return;
    if (dump->telling)
        dump->freed = true;
    else
        dump_destroy(dump);
}
