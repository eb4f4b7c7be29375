/* The login and set-up of a server connection: see backend.h for the states. Source: protocol page
 * "connection"; COM_CHANGE_USER answers with an AuthSwitch (measured on MariaDB 10.11). */
#include "proxy/backend.h"

#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/proto/reply.h"
#include "proxy/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What every server connection asks for, whatever the client did (docs/ARCHITECTURE.md, session
 * state). */
#define BACKEND_CAPABILITIES                                                                       \
    (CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH | CLIENT_SESSION_TRACK |   \
     CLIENT_DEPRECATE_EOF | CLIENT_MULTI_RESULTS | CLIENT_PS_MULTI_RESULTS | CLIENT_TRANSACTIONS)

enum {
    SERVER_PACKET_MAX = 0x40000000,
    SETUP_OK_PACKETS = 1,
    LOOK_PACKETS = 5, /* count, two definitions, row, terminator */
};

static void broken(struct backend *backend, const char *where)
{
    backend_fail(backend, 2027, "HY000", "the server sent a malformed packet (%s)", where);
}

static void write_out(struct backend *backend, struct buf *out)
{
    int error = stream_write_span(&backend->stream, buf_span(out));
    memory_wipe(out->data, out->len);
    buf_free(out);
    if (error)
        backend_fail(backend, 2013, "08S01", "the connection broke during login: %s",
                     strerror(-error));
}

/* --- set-up --- */

void backend_setup_packet(const struct backend *backend, struct buf *out)
{
    size_t begin = packet_begin(out);
    buf_append_u8(out, COM_QUERY);
    buf_append_text(out, "SET @@session.session_track_system_variables='*', "
                         "@@session.session_track_schema=1, "
                         "@@session.session_track_state_change=1");
    if (backend->guarded)
        buf_append_text(out, ", @@session.tx_read_only=1");
    packet_end(out, begin, 0);
}

/* The set-up asks who and where it is. */
static bool looks(const struct backend *backend)
{
    return backend->checks_account || backend->confirmed;
}

static void start_setup(struct backend *backend)
{
    struct buf out = {0};
    backend_setup_packet(backend, &out);
    backend->setup_replies_due = SETUP_OK_PACKETS;
    if (backend->guarded) {
        free(backend->confirmed);
        backend->confirmed = memory_zalloc(sizeof(*backend->confirmed));
        positions_read(backend->worker->shared->positions, backend->slot, backend->confirmed);
    }
    if (looks(backend)) {
        size_t begin = packet_begin(&out);
        buf_append_u8(&out, COM_QUERY);
        buf_append_text(&out, "SELECT CURRENT_USER(), @@global.gtid_slave_pos");
        packet_end(&out, begin, 0);
        backend->setup_replies_due += LOOK_PACKETS;
    }
    backend->needs_setup = false;
    backend->vars_version = 0;
    backend->state = BACKEND_SETUP;
    write_out(backend, &out);
}

static void finish_setup(struct backend *backend)
{
    backend->state = BACKEND_READY;
    backend->checks_account = false;
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
                     "matched '%s'; accounts must match Causeway's address as they match the "
                     "client's",
                     (int)(seen.len < 96 ? seen.len : 96), (const char *)seen.data,
                     (const char *)matched.data);
    buf_free(&matched);
}

/* What was confirmed before this was asked can't be missing, unless the server lost it. */
static void check_position(struct backend *backend, struct span text)
{
    struct gtid_vector position;
    if (gtid_vector_parse(text, &position))
        broken(backend, "@@gtid_slave_pos");
    else if (!gtid_vector_covers(&position, backend->confirmed))
        backend_fail(backend, 2013, "08S01",
                     "the server's position went back: it started anew with less than was "
                     "confirmed");
}

static void check_look(struct backend *backend, struct span payload)
{
    struct reader reader = reader_of(payload);
    struct span account = read_lenenc_span(&reader);
    struct span position = read_lenenc_span(&reader);
    if (reader.bad)
        broken(backend, "row of the set-up");
    else if (backend->checks_account)
        check_account(backend, account);
    if (backend->state == BACKEND_SETUP && backend->confirmed)
        check_position(backend, position);
}

static void take_setup_packet(struct backend *backend, struct span payload)
{
    struct err_reply err;
    if (payload.len > 0 && payload.data[0] == 0xff) {
        if (err_parse(payload, &err))
            broken(backend, "error of the set-up");
        else
            backend_fail(backend, err.code, err.sqlstate, "%.*s", (int)err.message.len,
                         (const char *)err.message.data);
        return;
    }
    backend->setup_replies_due--;
    if (looks(backend) && backend->setup_replies_due == 1)
        check_look(backend, payload);
}

/* --- login --- */

static void take_greeting(struct backend *backend, struct span payload)
{
    struct greeting greeting;
    struct err_reply err;
    int error = greeting_parse(payload, &greeting);
    if (error == -ECONNREFUSED && !err_parse(payload, &err)) {
        backend_fail(backend, err.code, err.sqlstate, "%.*s", (int)err.message.len,
                     (const char *)err.message.data);
        return;
    }
    if (error) {
        broken(backend, "greeting");
        return;
    }
    if (!(greeting.capabilities & CLIENT_SESSION_TRACK) ||
        !(greeting.capabilities & CLIENT_DEPRECATE_EOF)) {
        backend_fail(backend, 2027, "HY000",
                     "the server offers no session tracking or no DEPRECATE_EOF: too old");
        return;
    }
    struct identity *identity = backend->identity;
    uint8_t proof[NATIVE_HASH_BYTES];
    native_prove(identity->stage1, greeting.salt, proof);
    /* A server that leaves CLIENT_LONG_PASSWORD out is a MariaDB: extended capabilities count. */
    uint64_t offered = greeting.capabilities;
    if (offered & CLIENT_LONG_PASSWORD)
        offered &= UINT32_MAX;
    uint64_t wanted = (identity->capabilities | BACKEND_CAPABILITIES) & ~CLIENT_CONNECT_WITH_DB;
    struct login login = {
        .capabilities = wanted & (offered | CLIENT_LONG_PASSWORD),
        .max_packet = SERVER_PACKET_MAX,
        .collation = identity->collation,
        .user = span_text(identity->user),
        .auth = span_of(proof, identity->has_password ? sizeof(proof) : 0),
        .plugin = span_text(NATIVE_PLUGIN),
    };
    struct buf out = {0};
    login_build(&out, 1, &login);
    backend->thread_id = greeting.connection_id;
    backend->state = BACKEND_LOGIN;
    write_out(backend, &out);
}

static void take_auth_switch(struct backend *backend, struct span payload, uint8_t seq)
{
    struct auth_switch request;
    if (auth_switch_parse(payload, &request)) {
        broken(backend, "authentication switch");
        return;
    }
    if (!span_equal(request.plugin, span_text(NATIVE_PLUGIN)) || request.data.len < SALT_BYTES) {
        backend_fail(backend, 1045, "28000",
                     "the server asks for authentication plugin '%.*s'; Causeway can log in "
                     "with " NATIVE_PLUGIN " only",
                     (int)(request.plugin.len < 64 ? request.plugin.len : 64),
                     (const char *)request.plugin.data);
        return;
    }
    uint8_t proof[NATIVE_HASH_BYTES];
    native_prove(backend->identity->stage1, request.data.data, proof);
    struct buf out = {0};
    size_t begin = packet_begin(&out);
    if (backend->identity->has_password)
        buf_append(&out, proof, sizeof(proof));
    packet_end(&out, begin, (uint8_t)(seq + 1));
    write_out(backend, &out);
}

static void take_login_reply(struct backend *backend, struct span payload, uint8_t seq)
{
    struct ok_reply ok;
    struct err_reply err;
    uint8_t first = payload.len ? payload.data[0] : 0x01;
    if (first == 0xfe) {
        take_auth_switch(backend, payload, seq);
    } else if (first == 0xff && !err_parse(payload, &err)) {
        backend_fail(backend, err.code, err.sqlstate, "%.*s", (int)err.message.len,
                     (const char *)err.message.data);
    } else if (first == 0x00 && !ok_parse(payload, &ok)) {
        backend->status = ok.status;
        start_setup(backend);
    } else {
        broken(backend, "login reply");
    }
}

void backend_login_readable(struct backend *backend)
{
    struct span payload;
    uint8_t seq;
    int found;
    while ((found = backend_peek_packet(backend, &payload, &seq)) > 0) {
        enum backend_state state = backend->state;
        if (state == BACKEND_GREETING)
            take_greeting(backend, payload);
        else if (state == BACKEND_LOGIN)
            take_login_reply(backend, payload, seq);
        else if (state == BACKEND_SETUP)
            take_setup_packet(backend, payload);
        if (backend->state == BACKEND_FAILED || backend->state == BACKEND_CLOSED)
            return;
        stream_consume(&backend->stream, PACKET_HEADER_BYTES + payload.len);
        if (state == BACKEND_SETUP && backend->setup_replies_due == 0) {
            finish_setup(backend);
            return;
        }
    }
    if (found < 0)
        broken(backend, "length");
}

/* --- reset --- */

void backend_reset(struct backend *backend)
{
    struct login login = {
        .collation = backend->identity->collation,
        .user = span_text(backend->identity->user),
        .plugin = span_text(NATIVE_PLUGIN),
    };
    struct buf out = {0};
    change_user_build(&out, &login, BACKEND_CAPABILITIES);
    /* What was prepared on it is gone: to its next session it is another connection. */
    backend->serial = ++backend->worker->pool.next_serial;
    backend->state = BACKEND_LOGIN;
    ev_timer_stop(backend->worker->loop, &backend->timer);
    ev_timer_set(&backend->timer, backend->worker->config->connect_timeout_ms / 1000., 0.);
    ev_timer_start(backend->worker->loop, &backend->timer);
    write_out(backend, &out);
}
