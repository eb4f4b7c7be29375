/* What a server connection is told and asked right after its login: see backend.h. */
#include "proxy/backend_login.h"

#include "proxy/base/clock.h"
#include "proxy/base/memory.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/proto/reply.h"
#include "proxy/worker.h"

#include <stdlib.h>

enum {
    ER_MUST_CHANGE_PASSWORD = 1820,
    SETUP_OK_PACKETS = 1,
    LOOK_PACKETS = 7, /* count, four definitions, row, terminator */
};

void backend_broken(struct backend *backend, const char *where)
{
    backend_fail(backend, 2027, "HY000", "the server sent a malformed packet (%s)", where);
}

void backend_write_out(struct backend *backend, struct buf *out)
{
    int error = stream_write_span(&backend->stream, buf_span(out));
    memory_wipe(out->data, out->len);
    buf_free(out);
    if (error)
        backend_fail(backend, 2013, "08S01", "the connection broke during login: %s",
                     strerror(-error));
}

void backend_setup_packet(const struct backend *backend, bool schema_charset, struct buf *out)
{
    size_t begin = packet_begin(out);
    buf_append_u8(out, COM_QUERY);
    buf_append_text(out, "SET @@session.session_track_system_variables=_utf8mb4'*', "
                         "@@session.session_track_schema=1, "
                         "@@session.session_track_state_change=1, "
                         "@@session.session_track_transaction_info=_utf8mb4'CHARACTERISTICS'");
    if (backend->guarded)
        buf_append_text(out, ", @@session.tx_read_only=1");
    const struct topology_server *server = worker_server(backend->worker, (int)backend->slot);
    if (backend->guarded && server && server->defaults[0]) {
        buf_append_text(out, server->defaults);
        if (backend->identity->capabilities & CLIENT_IGNORE_SPACE)
            buf_append_text(
                out, ", @@session.sql_mode=CONCAT(@@session.sql_mode, _utf8mb4',IGNORE_SPACE')");
    }
    if (schema_charset && backend->has_schema)
        buf_append_text(out, ", @@session.collation_database=DEFAULT");
    packet_end(out, begin, 0);
}

/* The set-up asks who and where it is. */
static bool looks(const struct backend *backend)
{
    return backend->checks_account || backend->confirmed;
}

void backend_setup_start(struct backend *backend, bool reset)
{
    struct buf out = {0};
    backend->setup_replies_due = SETUP_OK_PACKETS;
    if (reset) {
        size_t begin = packet_begin(&out);
        buf_append_u8(&out, COM_RESET_CONNECTION);
        packet_end(&out, begin, 0);
        backend->setup_replies_due++;
    }
    backend_setup_packet(backend, reset, &out);
    if (backend->guarded && !reset) {
        free(backend->confirmed);
        backend->confirmed = memory_zalloc(sizeof(*backend->confirmed));
        positions_read(backend->worker->shared->positions, backend->slot, backend->confirmed);
    }
    if (looks(backend)) {
        size_t begin = packet_begin(&out);
        buf_append_u8(&out, COM_QUERY);
        buf_append_text(&out, "SELECT CURRENT_USER(), @@global.gtid_slave_pos, "
                              "@@global.init_connect <> '', @@global.performance_schema");
        packet_end(&out, begin, 0);
        backend->setup_replies_due += LOOK_PACKETS;
    }
    backend->needs_setup = false;
    backend->expired = false;
    backend->vars_version = 0;
    backend->state = BACKEND_SETUP;
    backend_write_out(backend, &out);
}

void backend_setup_finish(struct backend *backend)
{
    backend->state = BACKEND_READY;
    backend->spotless = true;
    if (!backend->ready_us)
        backend->ready_us = clock_now_us();
    backend->checks_account = backend->checks_account && backend->expired;
    free(backend->confirmed);
    backend->confirmed = NULL;
    ev_timer_stop(backend->worker->loop, &backend->timer);
    backend->events->ready(backend);
}

/* The account as the server matched it. */
static void check_account(struct backend *backend, struct span seen)
{
    struct buf matched = {0};
    buf_printf(&matched, "%s@%s", backend->identity->account_user, backend->identity->account_host);
    if (!span_equal(seen, buf_span(&matched)))
        backend_fail(backend, 1045, "28000",
                     "Access denied: the server sees this login as account '%.*s', but the client "
                     "matched '%s'; accounts must match %s",
                     (int)(seen.len < 96 ? seen.len : 96), (const char *)seen.data,
                     (const char *)matched.data,
                     backend->identity->address
                         ? "the client's address there too: does the server take PROXY headers?"
                         : "Causeway's address as they match the client's");
    buf_free(&matched);
}

/* What was confirmed before this was asked can't be missing, unless the server lost it. */
static void check_position(struct backend *backend, struct span text)
{
    struct gtid_vector position;
    int left_out = gtid_vector_parse_part(text, &position);
    if (left_out < 0)
        backend_broken(backend, "@@gtid_slave_pos");
    else if (!left_out && !gtid_vector_covers(&position, backend->confirmed))
        backend_fail(backend, 2013, "08S01",
                     "the server's position went back: it started anew with less than was "
                     "confirmed");
}

/* With an expired password the set-up is taken and the look refused (measured). The leader's word
 * on every statement then goes to the client; a follower is no use. */
static bool take_expired(struct backend *backend, const struct err_reply *err)
{
    if (err->code != ER_MUST_CHANGE_PASSWORD || backend->guarded ||
        backend->setup_replies_due != LOOK_PACKETS)
        return false;
    backend->expired = true;
    backend->setup_replies_due = 0;
    return true;
}

static void check_look(struct backend *backend, struct span payload)
{
    struct reader reader = reader_of(payload);
    struct span account = read_lenenc_span(&reader);
    struct span position = read_lenenc_span(&reader);
    backend->has_init_connect = !span_equal(read_lenenc_span(&reader), span_text("0"));
    backend->attributes_shown =
        backend->attributed && !span_equal(read_lenenc_span(&reader), span_text("0"));
    if (reader.bad)
        backend_broken(backend, "row of the set-up");
    else if (backend->checks_account)
        check_account(backend, account);
    if (backend->state == BACKEND_SETUP && backend->confirmed)
        check_position(backend, position);
}

void backend_setup_take(struct backend *backend, struct span payload)
{
    struct err_reply err;
    if (payload.len > 0 && payload.data[0] == 0xff) {
        if (err_parse(payload, &err))
            backend_broken(backend, "error of the set-up");
        else if (!take_expired(backend, &err))
            backend_fail(backend, err.code, err.sqlstate, "%.*s", (int)err.message.len,
                         (const char *)err.message.data);
        return;
    }
    backend->setup_replies_due--;
    if (looks(backend) && backend->setup_replies_due == 1)
        check_look(backend, payload);
}
