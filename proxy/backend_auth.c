/* The login of a server connection: see backend.h for the states, backend_setup.c for what follows.
 * Source: protocol page "connection"; COM_CHANGE_USER answers with an AuthSwitch (measured on
 * MariaDB 10.11). */
#include "proxy/backend_login.h"

#include "proxy/attributes.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/net/compress.h"
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

enum { SERVER_PACKET_MAX = 0x40000000 };

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
        backend_broken(backend, "greeting");
        return;
    }
    if (!(greeting.capabilities & CLIENT_SESSION_TRACK) ||
        !(greeting.capabilities & CLIENT_DEPRECATE_EOF)) {
        backend_fail(backend, 2027, "HY000",
                     "the server offers no session tracking or no DEPRECATE_EOF: too old");
        return;
    }
    struct identity *identity = backend->identity;
    struct buf proof = {0};
    (void)auth_native_plugin.prove(&identity->secret, greeting.salt, &proof);
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
        .auth = buf_span(&proof),
        .schema = span_text(backend->login_schema ? backend->login_schema : ""),
        .plugin = span_text(NATIVE_PLUGIN),
    };
    if (backend->worker->config->server_compression)
        login.capabilities |= offered & CLIENT_COMPRESS;
    backend->compresses = login.capabilities & CLIENT_COMPRESS;
    backend->attributed = (offered & CLIENT_CONNECT_ATTRS) && identity->attributes.len > 0;
    if (backend->attributed)
        login.attributes = buf_span(&identity->attributes);
    int seq = backend_tls_start(backend, &login, offered, PACKET_HEADER_BYTES + payload.len);
    struct buf out = {0};
    if (seq > 0)
        login_build(&out, (uint8_t)seq, &login);
    memory_wipe(proof.data, proof.len);
    buf_free(&proof);
    if (seq < 0)
        return;
    backend->thread_id = greeting.connection_id;
    backend->state = BACKEND_LOGIN;
    backend_write_out(backend, &out);
}

static void take_auth_switch(struct backend *backend, struct span payload, uint8_t seq)
{
    struct auth_switch request;
    if (auth_switch_parse(payload, &request)) {
        backend_broken(backend, "authentication switch");
        return;
    }
    const struct auth_plugin *plugin = auth_plugin_of_client(request.plugin);
    struct buf proof = {0};
    if (plugin && request.data.len < plugin->nonce_bytes) {
        backend_broken(backend, "authentication switch");
        return;
    }
    if (backend_password_asked(backend, plugin, request.data, seq) ||
        backend_password_plain(backend, request.plugin, request.data, seq))
        return;
    /* Without a proof for this plugin the server is told nothing: it goes on with the account's
     * next alternative, or refuses in words of its own. */
    if (!plugin || plugin->prove(&backend->identity->secret, request.data.data, &proof))
        log_debug("server connection %u: no proof for plugin '%.*s'", backend->thread_id,
                  (int)(request.plugin.len < 64 ? request.plugin.len : 64),
                  (const char *)request.plugin.data);
    struct buf out = {0};
    size_t begin = packet_begin(&out);
    buf_append_span(&out, buf_span(&proof));
    packet_end(&out, begin, (uint8_t)(seq + 1));
    buf_free(&proof);
    backend_write_out(backend, &out);
}

/* The client may take its time, within the session's own limit. */
static void pass_on(struct backend *backend, struct span payload, uint8_t seq)
{
    backend->answer_seq = (uint8_t)(seq + 1);
    if (!login_notice(payload))
        ev_timer_stop(backend->worker->loop, &backend->timer);
    backend->events->asks(backend, payload);
}

/* The OK of the login is the last packet in the open; one after COM_CHANGE_USER changes nothing. */
static void begin_compression(struct backend *backend, size_t ok_len)
{
    if (!backend->compresses)
        return;
    backend->compresses = false;
    stream_consume(&backend->stream, ok_len);
    compress_with_server(&backend->stream);
}

static void take_login_reply(struct backend *backend, struct span payload, uint8_t seq)
{
    struct ok_reply ok;
    struct err_reply err;
    uint8_t first = payload.len ? payload.data[0] : 0x01;
    if (backend->identity->relayed && backend->events->asks && first != 0xff && first != 0x00) {
        pass_on(backend, payload, seq);
    } else if (first == 0xfe) {
        take_auth_switch(backend, payload, seq);
    } else if (first == 0x01) {
        backend_password_take(backend, payload, seq);
    } else if (first == 0xff && !err_parse(payload, &err)) {
        backend_fail(backend, err.code, err.sqlstate, "%.*s", (int)err.message.len,
                     (const char *)err.message.data);
    } else if (first == 0x00 && !ok_parse(payload, &ok)) {
        backend->status = ok.status;
        backend->starts_autocommit = ok.status & SERVER_STATUS_AUTOCOMMIT;
        begin_compression(backend, PACKET_HEADER_BYTES + payload.len);
        backend_setup_start(backend, false);
    } else {
        backend_broken(backend, "login reply");
    }
}

void backend_login_readable(struct backend *backend)
{
    struct span payload;
    uint8_t seq;
    int found;
    while ((found = backend_peek_packet(backend, &payload, &seq)) > 0) {
        enum backend_state state = backend->state;
        const struct stream_layer *was_top = backend->stream.top;
        if (state == BACKEND_GREETING)
            take_greeting(backend, payload);
        else if (state == BACKEND_LOGIN)
            take_login_reply(backend, payload, seq);
        else if (state == BACKEND_SETUP)
            backend_setup_take(backend, payload);
        if (backend->state == BACKEND_FAILED || backend->state == BACKEND_CLOSED)
            return;
        if (backend->stream.top == was_top) /* else it was consumed before the layer was added */
            stream_consume(&backend->stream, PACKET_HEADER_BYTES + payload.len);
        if (state == BACKEND_SETUP && backend->setup_replies_due == 0) {
            backend_setup_finish(backend);
            return;
        }
    }
    if (found < 0)
        backend_broken(backend, "length");
}

/* --- reset --- */

static void start_timer(struct backend *backend)
{
    ev_timer_stop(backend->worker->loop, &backend->timer);
    ev_timer_set(&backend->timer, backend->worker->config->connect_timeout_ms / 1000., 0.);
    ev_timer_start(backend->worker->loop, &backend->timer);
}

void backend_answer(struct backend *backend, struct span payload)
{
    struct buf out = {0};
    size_t begin = packet_begin(&out);
    buf_append_span(&out, payload);
    packet_end(&out, begin, backend->answer_seq);
    start_timer(backend);
    backend_write_out(backend, &out);
}

void backend_set_up_again(struct backend *backend)
{
    start_timer(backend);
    backend_setup_start(backend, false);
}

void backend_reset(struct backend *backend)
{
    struct login login = {
        .collation = backend->identity->collation,
        .user = span_text(backend->identity->user),
        .plugin = span_text(NATIVE_PLUGIN),
    };
    struct buf out = {0};
    struct buf attributes = {0};
    uint64_t capabilities = BACKEND_CAPABILITIES;
    if (backend->attributed) {
        /* They replace those of the session that is over (measured). */
        attributes_build_pooled(&attributes);
        login.attributes = buf_span(&attributes);
        capabilities |= CLIENT_CONNECT_ATTRS;
    }
    change_user_build(&out, &login, capabilities);
    buf_free(&attributes);
    /* What was prepared on it is gone: to its next session it is another connection. */
    backend->serial = ++backend->worker->pool.next_serial;
    backend_note_schema(backend, NULL);
    backend->has_schema = false;
    backend->anew = true;
    backend->settings = worker_settings(backend->worker);
    backend->state = BACKEND_LOGIN;
    start_timer(backend);
    backend_write_out(backend, &out);
}

void backend_reset_quickly(struct backend *backend)
{
    backend->serial = ++backend->worker->pool.next_serial;
    backend->anew = true;
    start_timer(backend);
    backend_setup_start(backend, true);
}
