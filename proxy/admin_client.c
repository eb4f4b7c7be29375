/* One client of the console: login, and its commands packet by packet. See admin_client.h. */
#include "proxy/admin_client.h"

#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/proto/auth_plugin.h"
#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"
#include "proxy/proto/reply.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LOGIN_MAX_BYTES = 16 << 10,
    COMMAND_MAX_BYTES = 64 << 10,
    COLLATION_UTF8MB4 = 45,
    LOGIN_SEQ = 1,
    SWITCH_SEQ = 3,
    ERROR_HANDSHAKE = 1043,
    ERROR_ACCESS_DENIED = 1045,
    ERROR_UNKNOWN_COMMAND = 1047,
    ERROR_PACKET_TOO_LARGE = 1153,
    ERROR_PACKETS_OUT_OF_ORDER = 1156,
    ERROR_NOT_PREPARABLE = 1295,
};

/* CLIENT_LONG_PASSWORD: bits 32 and up mean nothing here. */
static const uint64_t own_capabilities =
    CLIENT_LONG_PASSWORD | CLIENT_FOUND_ROWS | CLIENT_LONG_FLAG | CLIENT_CONNECT_WITH_DB |
    CLIENT_IGNORE_SPACE | CLIENT_PROTOCOL_41 | CLIENT_INTERACTIVE | CLIENT_IGNORE_SIGPIPE |
    CLIENT_TRANSACTIONS | CLIENT_SECURE_CONNECTION | CLIENT_MULTI_RESULTS | CLIENT_PLUGIN_AUTH |
    CLIENT_CONNECT_ATTRS | CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA | CLIENT_DEPRECATE_EOF;

/* --- answers --- */

void admin_client_send(struct admin_client *client, struct buf *packets)
{
    int error = stream_write_span(&client->stream, buf_span(packets));
    buf_free(packets);
    if (error)
        admin_client_close(client, strerror(-error));
}

void admin_client_ok(struct admin_client *client, uint8_t seq, const char *info)
{
    const struct ok_reply ok = {.status = SERVER_STATUS_AUTOCOMMIT,
                                .warnings = (uint16_t)admin_table_rows(&client->warnings),
                                .info = span_text(info)};
    struct buf out = {0};
    ok_build(&out, seq, &ok, client->capabilities);
    admin_client_send(client, &out);
}

void admin_client_error(struct admin_client *client, uint8_t seq, uint16_t code,
                        const char *sqlstate, const char *format, ...)
{
    char text[512]; /* what client libraries keep of a message */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct buf out = {0};
    err_build(&out, seq, code, sqlstate, span_text(text));
    admin_client_send(client, &out);
}

/* An error after which this client is of no use. */
static void fail(struct admin_client *client, uint8_t seq, uint16_t code, const char *reason)
{
    admin_client_error(client, seq, code, "08S01", "%s", reason);
    admin_client_close(client, reason);
}

/* --- login --- */

static void copy_user(struct admin_client *client, struct span user)
{
    size_t len = user.len < sizeof(client->user) ? user.len : sizeof(client->user) - 1;
    if (len > 0)
        memcpy(client->user, user.data, len);
    client->user[len] = '\0';
}

static bool proof_is_right(const struct admin_client *client, struct span proof)
{
    const struct config *config = client->admin->config;
    if (client->admin->open_door)
        return true;
    if (!config->console_password)
        return false;
    uint8_t stage1[NATIVE_HASH_BYTES];
    uint8_t stored[NATIVE_HASH_BYTES];
    native_stage1(span_text(config->console_password), stage1);
    native_stored(stage1, stored);
    bool right = native_verify(proof, client->salt, stored, stage1);
    memory_wipe(stage1, sizeof(stage1));
    memory_wipe(stored, sizeof(stored));
    return right && strcmp(client->user, config->console_user) == 0;
}

static void finish_login(struct admin_client *client, struct span proof, uint8_t seq)
{
    if (!proof_is_right(client, proof)) {
        admin_client_error(client, seq, ERROR_ACCESS_DENIED, "28000",
                           "Access denied for user '%.200s'@'%s' (using password: %s)",
                           client->user, client->peer, proof.len ? "YES" : "NO");
        log_warn("console: login as '%s' from %s refused", client->user, client->peer);
        admin_client_close(client, "access denied");
        return;
    }
    ev_timer_stop(client->admin->loop, &client->login_timer);
    client->state = ADMIN_CLIENT_READY;
    log_info("console %" PRIu32 ": '%s' logged in from %s", client->id, client->user, client->peer);
    admin_client_ok(client, seq, "");
}

static void ask_native(struct admin_client *client, uint8_t seq)
{
    const struct auth_switch native = {.plugin = span_text(NATIVE_PLUGIN),
                                       .data = span_of(client->salt, SALT_BYTES)};
    struct buf out = {0};
    auth_switch_build(&out, seq, &native);
    client->state = ADMIN_CLIENT_SWITCH;
    admin_client_send(client, &out);
}

static void take_login(struct admin_client *client, struct span payload)
{
    struct login login;
    int error = login_parse(payload, &login);
    if (error) {
        fail(client, LOGIN_SEQ + 1, ERROR_HANDSHAKE,
             error == -EAGAIN ? "TLS is not offered on the console" : "Bad handshake");
        return;
    }
    client->capabilities = login.capabilities & own_capabilities;
    copy_user(client, login.user);
    bool other_plugin = login.plugin.len > 0 && !span_equal(login.plugin, span_text(NATIVE_PLUGIN));
    if (other_plugin && !client->admin->open_door)
        ask_native(client, LOGIN_SEQ + 1);
    else
        finish_login(client, login.auth, LOGIN_SEQ + 1);
}

/* The "5.5.5-" is what MariaDB servers of version 10 say; clients take it off. */
static void greet(struct admin_client *client)
{
    const struct greeting greeting = {.version = span_text("5.5.5-" ADMIN_VERSION),
                                      .connection_id = client->id,
                                      .capabilities = own_capabilities,
                                      .collation = COLLATION_UTF8MB4,
                                      .status = SERVER_STATUS_AUTOCOMMIT,
                                      .plugin = span_text(NATIVE_PLUGIN)};
    struct greeting salted = greeting;
    memcpy(salted.salt, client->salt, SALT_BYTES);
    struct buf out = {0};
    greeting_build(&out, &salted);
    admin_client_send(client, &out);
}

/* --- commands --- */

static void send_statistics(struct admin_client *client)
{
    struct buf out = {0};
    size_t begin = packet_begin(&out);
    buf_printf(&out, "Uptime: %" PRIu64 "  Console clients: %u",
               (clock_now_ms() - client->admin->started_ms) / 1000, client->admin->client_count);
    packet_end(&out, begin, 1);
    admin_client_send(client, &out);
}

static void send_set_option(struct admin_client *client)
{
    struct buf out = {0};
    eof_build(&out, 1, 0, SERVER_STATUS_AUTOCOMMIT);
    admin_client_send(client, &out);
}

static void take_command(struct admin_client *client, struct span payload)
{
    uint8_t command = payload.len ? payload.data[0] : COM_SLEEP;
    switch (command) {
    case COM_QUIT: admin_client_close(client, "it said good-bye"); break;
    case COM_QUERY: admin_client_query(client, span_of(payload.data + 1, payload.len - 1)); break;
    case COM_PING:
    case COM_INIT_DB:
    case COM_RESET_CONNECTION: admin_client_ok(client, 1, ""); break;
    case COM_STATISTICS: send_statistics(client); break;
    case COM_SET_OPTION: send_set_option(client); break;
    case COM_STMT_CLOSE:
    case COM_STMT_SEND_LONG_DATA: break; /* these have no reply */
    case COM_STMT_PREPARE:
        admin_client_error(client, 1, ERROR_NOT_PREPARABLE, "HY000",
                           "the console has no prepared statements; send the command as text");
        break;
    case COM_CHANGE_USER: fail(client, 1, ERROR_UNKNOWN_COMMAND, "Unknown command"); break;
    default:
        admin_client_error(client, 1, ERROR_UNKNOWN_COMMAND, "08S01",
                           "the console does not answer %s", command_name(command));
    }
}

static void take_packet(struct admin_client *client, struct span payload)
{
    if (client->state == ADMIN_CLIENT_LOGIN)
        take_login(client, payload);
    else if (client->state == ADMIN_CLIENT_SWITCH)
        finish_login(client, payload, SWITCH_SEQ + 1);
    else
        take_command(client, payload);
}

static uint8_t expected_seq(const struct admin_client *client)
{
    if (client->state == ADMIN_CLIENT_LOGIN)
        return LOGIN_SEQ;
    return client->state == ADMIN_CLIENT_SWITCH ? SWITCH_SEQ : 0;
}

/* The next whole packet, copied into `payload` so that the answer may do with the stream what it
 * likes. False: there is none, or it was a bad one and the client is closed. */
static bool next_packet(struct admin_client *client, struct buf *payload)
{
    size_t len = stream_len(&client->stream);
    if (len < PACKET_HEADER_BYTES)
        return false;
    const uint8_t *header = stream_data(&client->stream);
    uint32_t payload_len = packet_payload_len(header);
    uint8_t seq = packet_seq(header);
    size_t limit = client->state == ADMIN_CLIENT_READY ? COMMAND_MAX_BYTES : LOGIN_MAX_BYTES;
    if (seq != expected_seq(client)) {
        fail(client, (uint8_t)(seq + 1), ERROR_PACKETS_OUT_OF_ORDER, "Got packets out of order");
        return false;
    }
    if (payload_len > limit) {
        fail(client, (uint8_t)(seq + 1), ERROR_PACKET_TOO_LARGE, "Got a packet that is too large");
        return false;
    }
    if (len < PACKET_HEADER_BYTES + payload_len) {
        stream_want(&client->stream, PACKET_HEADER_BYTES + payload_len);
        return false;
    }
    buf_append(payload, header + PACKET_HEADER_BYTES, payload_len);
    stream_consume(&client->stream, PACKET_HEADER_BYTES + payload_len);
    return true;
}

/* The answer to one command goes out before the next is looked at: a client that does not read
 * can't pile up answers. */
static bool can_proceed(const struct admin_client *client)
{
    return client->state != ADMIN_CLIENT_CLOSED && client->state != ADMIN_CLIENT_COLLECTING &&
           !stream_blocked(&client->stream);
}

void admin_client_proceed(struct admin_client *client)
{
    bool taken = true;
    while (taken && can_proceed(client)) {
        struct buf payload = {0};
        taken = next_packet(client, &payload);
        if (taken)
            take_packet(client, buf_span(&payload));
        buf_free(&payload);
    }
    if (can_proceed(client) && client->stream.paused)
        stream_resume(&client->stream);
}

/* --- life --- */

static void receive(struct admin_client *client)
{
    ssize_t n = stream_receive(&client->stream);
    if (n == -EAGAIN)
        return;
    if (n == -ENOBUFS)
        stream_pause(&client->stream); /* goes on when the commands at hand are answered */
    else if (n <= 0)
        admin_client_close(client, n == 0 ? "it has gone" : strerror((int)-n));
    else
        admin_client_proceed(client);
}

static void on_stream(struct stream *stream, enum stream_event event)
{
    struct admin_client *client = stream->owner;
    switch (event) {
    case STREAM_READABLE: receive(client); break;
    case STREAM_DRAINED: admin_client_proceed(client); break;
    case STREAM_FAILED: admin_client_close(client, strerror(-stream->error)); break;
    }
}

static void on_login_timeout(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    admin_client_close(list_object(timer, struct admin_client, login_timer),
                       "it did not log in in time");
}

void admin_client_open(struct admin *admin, int fd, const struct sockaddr *peer)
{
    struct admin_client *client = memory_zalloc(sizeof(*client));
    client->admin = admin;
    client->id = ++admin->last_id;
    client->state = ADMIN_CLIENT_LOGIN;
    address_host_text(peer, client->peer, sizeof(client->peer));
    auth_nonce(client->salt, SALT_BYTES);
    list_append(&admin->clients, &client->node);
    admin->client_count++;
    stream_open(&client->stream, admin->loop, &admin->pool, fd, on_stream, client);
    ev_timer_init(&client->login_timer, on_login_timeout, admin->config->login_timeout_ms / 1e3,
                  0.);
    ev_timer_start(admin->loop, &client->login_timer);
    greet(client);
}

void admin_client_close(struct admin_client *client, const char *reason)
{
    struct admin *admin = client->admin;
    if (client->state == ADMIN_CLIENT_CLOSED)
        return;
    client->state = ADMIN_CLIENT_CLOSED;
    log_info("console %" PRIu32 ": %s closed: %s", client->id, client->peer, reason);
    if (client->collect)
        client->collect->client = NULL;
    client->collect = NULL;
    ev_timer_stop(admin->loop, &client->login_timer);
    stream_close(&client->stream);
    admin_table_free(&client->warnings);
    assert(admin->client_count > 0);
    admin->client_count--;
    list_remove(&client->node);
    list_append(&admin->closed, &client->node);
    ev_prepare_start(admin->loop, &admin->reaper);
}
