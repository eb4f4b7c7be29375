/* What a connection is asked before its session parts with it: see parting.h. */
#include "proxy/parting.h"

#include "proxy/lend.h"
#include "proxy/proto/command.h"
#include "proxy/worker.h"

#include <errno.h>
#include <stdlib.h>

static const char question[] = "SELECT LAST_INSERT_ID(), ROW_COUNT(), FOUND_ROWS()";

enum {
    COLUMNS = 3,
    ROW_PACKET = 1 + COLUMNS, /* behind the count and the definitions */
    PACKETS = ROW_PACKET + 2, /* and the terminator */
    NUMBER_BYTES_MAX = 24,
};

/* A number of the row as text; wraps around for a negative one. */
static uint64_t take_number(struct reader *row)
{
    char text[NUMBER_BYTES_MAX] = {0};
    struct span value = read_lenenc_span(row);
    if (value.len >= sizeof(text))
        row->bad = true;
    else if (value.len)
        memcpy(text, value.data, value.len);
    return text[0] == '-' ? (uint64_t)strtoll(text, NULL, 10) : strtoull(text, NULL, 10);
}

/* 1: the whole answer is there and noted; 0: more must come; negative: it is none. */
static int take_answer(struct session *session, struct span received)
{
    struct reader packets = reader_of(received);
    struct reader row = {0};
    for (int packet = 0; packet < PACKETS; packet++) {
        uint32_t len = read_u24(&packets);
        read_u8(&packets);
        struct span payload = read_span(&packets, len);
        if (packets.bad)
            return 0;
        if (packet == 0 && (payload.len != 1 || payload.data[0] != COLUMNS))
            return -EPROTO;
        if (packet == ROW_PACKET)
            row = reader_of(payload);
    }
    uint64_t insert_id = take_number(&row);
    int64_t row_count = (int64_t)take_number(&row);
    uint64_t found_rows = take_number(&row);
    if (row.bad)
        return -EPROTO;
    keep_note_answer(session, insert_id, row_count, found_rows);
    return 1;
}

static void end(struct backend *backend)
{
    struct session *session = backend->owner;
    backend->parting = false;
    backend->worker->pool.parting--;
    backend_adopt(backend, &session_backend_events, session);
}

static void on_readable(struct backend *backend)
{
    struct session *session = backend->owner;
    struct worker *worker = backend->worker;
    ssize_t n = stream_receive(&backend->stream);
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        backend_fail(backend, 2013, "08S01", "the server closed the connection");
        return;
    }
    struct span received = span_of(stream_data(&backend->stream), stream_len(&backend->stream));
    int taken = take_answer(session, received);
    if (taken == 0)
        return;
    if (taken < 0) {
        backend_fail(backend, 2027, "HY000",
                     "malformed answer to "
                     "LAST_INSERT_ID()");
        return;
    }
    stream_consume(&backend->stream, received.len);
    end(backend);
    if (session->running == backend && session->state == SESSION_WAIT_SERVER) {
        session_enter(session, SESSION_PRELUDE);
        session_run(session);
        return;
    }
    list_append(&worker->pool.lent[backend->slot], &backend->node);
    lend_wake(worker, backend->slot);
}

static void on_other(struct backend *backend)
{
    (void)backend;
}

static void on_failed(struct backend *backend)
{
    end(backend);
    session_backend_failed(backend);
}

static const struct backend_events parting_events = {on_other, on_readable, on_other, on_failed,
                                                     NULL};

void parting_ask(struct backend *backend)
{
    struct buf out = {0};
    size_t begin = packet_begin(&out);
    buf_append_u8(&out, COM_QUERY);
    buf_append_text(&out, question);
    packet_end(&out, begin, 0);
    list_remove(&backend->node);
    backend->parting = true;
    backend->worker->pool.parting++;
    backend->worker->counters.server_partings++;
    backend_adopt(backend, &parting_events, backend->owner);
    int error = stream_write_span(&backend->stream, buf_span(&out));
    buf_free(&out);
    if (error)
        backend_fail(backend, 2013, "08S01", "%s", strerror(-error));
}
