/* The packets of a login: see handshake.h. */
#include "proxy/proto/handshake.h"

#include "proxy/proto/capability.h"
#include "proxy/proto/command.h"

#include <assert.h>
#include <errno.h>

enum {
    GREETING_PROTOCOL = 10,
    GREETING_ERR = 0xff,
    SALT_FIRST_BYTES = 8, /* the salt comes in two parts: 8 bytes, then 12 and a NUL */
    SALT_REST_BYTES = SALT_BYTES - SALT_FIRST_BYTES,
    SSL_REQUEST_BYTES = 32,
    AUTH_SWITCH_HEADER = 0xfe,
    U32_BITS = 32,
};

/* A text that ends at a NUL or, in the last field of some old clients, at the end of the packet. */
static struct span read_text(struct reader *reader)
{
    size_t left = reader_left(reader);
    if (left == 0 || memchr(reader->at, 0, left))
        return left == 0 ? (struct span){0} : read_nul_span(reader);
    return read_rest(reader);
}

/* --- the server's greeting --- */

int greeting_parse(struct span payload, struct greeting *greeting)
{
    struct reader reader = reader_of(payload);
    *greeting = (struct greeting){0};
    uint8_t protocol = read_u8(&reader);
    if (protocol == GREETING_ERR)
        return -ECONNREFUSED;
    if (protocol != GREETING_PROTOCOL)
        return -EPROTO;
    greeting->version = read_nul_span(&reader);
    greeting->connection_id = read_u32(&reader);
    struct span salt_first = read_span(&reader, SALT_FIRST_BYTES);
    read_u8(&reader);
    greeting->capabilities = read_u16(&reader);
    greeting->collation = read_u8(&reader);
    greeting->status = read_u16(&reader);
    greeting->capabilities |= (uint64_t)read_u16(&reader) << 16;
    uint8_t salt_len = read_u8(&reader);
    read_span(&reader, 6);
    uint64_t extended = read_u32(&reader);
    if (!(greeting->capabilities & CLIENT_LONG_PASSWORD))
        greeting->capabilities |= extended << U32_BITS;
    struct span salt_rest = read_span(&reader, SALT_REST_BYTES);
    if (reader.bad)
        return -EPROTO;
    memcpy(greeting->salt, salt_first.data, SALT_FIRST_BYTES);
    memcpy(greeting->salt + SALT_FIRST_BYTES, salt_rest.data, SALT_REST_BYTES);
    /* The NUL behind the salt; a longer salt, of which the native plugin uses the beginning. */
    read_span(&reader, salt_len > SALT_BYTES ? (size_t)(salt_len - SALT_BYTES) : 1);
    if (greeting->capabilities & CLIENT_PLUGIN_AUTH)
        greeting->plugin = read_text(&reader);
    return reader.bad ? -EPROTO : 0;
}

void greeting_build(struct buf *out, const struct greeting *greeting)
{
    uint64_t capabilities = greeting->capabilities;
    bool extended = !(capabilities & CLIENT_LONG_PASSWORD);
    size_t begin = packet_begin(out);
    buf_append_u8(out, GREETING_PROTOCOL);
    write_nul_span(out, greeting->version);
    buf_append_u32(out, greeting->connection_id);
    buf_append(out, greeting->salt, SALT_FIRST_BYTES);
    buf_append_u8(out, 0);
    buf_append_u16(out, (uint16_t)capabilities);
    buf_append_u8(out, greeting->collation);
    buf_append_u16(out, greeting->status);
    buf_append_u16(out, (uint16_t)(capabilities >> 16));
    buf_append_u8(out, SALT_BYTES + 1);
    buf_append_zero(out, 6);
    buf_append_u32(out, extended ? (uint32_t)(capabilities >> U32_BITS) : 0);
    buf_append(out, greeting->salt + SALT_FIRST_BYTES, SALT_REST_BYTES);
    buf_append_u8(out, 0);
    if (capabilities & CLIENT_PLUGIN_AUTH)
        write_nul_span(out, greeting->plugin);
    packet_end(out, begin, 0);
}

/* --- the client's answer --- */

/* What ends both a login and a COM_CHANGE_USER. Clients that have nothing more to say may stop
 * before any of these fields, whatever their flags promise. */
static void read_plugin_and_attributes(struct reader *reader, uint64_t capabilities,
                                       struct login *login)
{
    if (capabilities & CLIENT_PLUGIN_AUTH)
        login->plugin = read_text(reader);
    if ((capabilities & CLIENT_CONNECT_ATTRS) && reader_left(reader) > 0)
        login->attributes = read_lenenc_span(reader);
}

/* A longer name is cut, as a server does (measured). */
static struct span cut_user(struct span user)
{
    int characters = 0;
    for (size_t i = 0; i < user.len; i++) {
        bool begins = (user.data[i] & 0xc0) != 0x80;
        if (i == HANDSHAKE_USER_MAX_BYTES ||
            (begins && ++characters > HANDSHAKE_USER_MAX_CHARACTERS))
            return span_of(user.data, i);
    }
    return user;
}

static int login_check(const struct reader *reader, struct login *login)
{
    login->user = cut_user(login->user);
    bool too_long = login->schema.len > HANDSHAKE_SCHEMA_MAX_BYTES;
    return reader->bad || too_long ? -EPROTO : 0;
}

/* The fixed 32 bytes at the beginning, which are also all of an SSLRequest. */
static int login_head_parse(struct reader *reader, struct login *login)
{
    /* The flag that tells the old, shorter form is in the first two bytes of both. */
    if (reader_left(reader) < 2)
        return -EPROTO;
    if (!(load_u16(reader->at) & CLIENT_PROTOCOL_41))
        return -EOPNOTSUPP;
    login->capabilities = read_u32(reader);
    login->max_packet = read_u32(reader);
    login->collation = read_u8(reader);
    read_span(reader, 19);
    uint64_t extended = read_u32(reader);
    if (!(login->capabilities & CLIENT_LONG_PASSWORD))
        login->capabilities |= extended << U32_BITS;
    return reader->bad ? -EPROTO : 0;
}

int login_parse(struct span payload, struct login *login)
{
    struct reader reader = reader_of(payload);
    *login = (struct login){0};
    int rc = login_head_parse(&reader, login);
    if (rc < 0)
        return rc;
    if (payload.len == SSL_REQUEST_BYTES && (login->capabilities & CLIENT_SSL))
        return -EAGAIN;
    login->user = read_nul_span(&reader);
    if (login->capabilities & CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)
        login->auth = read_lenenc_span(&reader);
    else if (login->capabilities & CLIENT_SECURE_CONNECTION)
        login->auth = read_span(&reader, read_u8(&reader));
    else
        login->auth = read_text(&reader);
    if (login->capabilities & CLIENT_CONNECT_WITH_DB)
        login->schema = read_text(&reader);
    read_plugin_and_attributes(&reader, login->capabilities, login);
    return login_check(&reader, login);
}

/* The flags that say which fields are there follow the fields. */
static uint64_t login_capabilities(const struct login *login)
{
    uint64_t capabilities = login->capabilities | CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION;
    capabilities &= ~(CLIENT_CONNECT_WITH_DB | CLIENT_PLUGIN_AUTH | CLIENT_CONNECT_ATTRS |
                      CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA);
    if (login->schema.len > 0)
        capabilities |= CLIENT_CONNECT_WITH_DB;
    if (login->plugin.len > 0)
        capabilities |= CLIENT_PLUGIN_AUTH;
    if (login->attributes.len > 0)
        capabilities |= CLIENT_CONNECT_ATTRS;
    if (login->auth.len > UINT8_MAX ||
        (login->capabilities & CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA))
        capabilities |= CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA;
    return capabilities;
}

static void login_head_build(struct buf *out, const struct login *login, uint64_t capabilities)
{
    bool extended = !(capabilities & CLIENT_LONG_PASSWORD);
    buf_append_u32(out, (uint32_t)capabilities);
    buf_append_u32(out, login->max_packet);
    buf_append_u8(out, (uint8_t)login->collation);
    buf_append_zero(out, 19);
    buf_append_u32(out, extended ? (uint32_t)(capabilities >> U32_BITS) : 0);
}

void ssl_request_build(struct buf *out, uint8_t seq, const struct login *login)
{
    size_t begin = packet_begin(out);
    login_head_build(out, login, login_capabilities(login) | CLIENT_SSL);
    packet_end(out, begin, seq);
}

void login_build(struct buf *out, uint8_t seq, const struct login *login)
{
    uint64_t capabilities = login_capabilities(login);
    size_t begin = packet_begin(out);
    login_head_build(out, login, capabilities);
    write_nul_span(out, login->user);
    if (capabilities & CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA) {
        write_lenenc_span(out, login->auth);
    } else {
        buf_append_u8(out, (uint8_t)login->auth.len);
        buf_append_span(out, login->auth);
    }
    if (capabilities & CLIENT_CONNECT_WITH_DB)
        write_nul_span(out, login->schema);
    if (capabilities & CLIENT_PLUGIN_AUTH)
        write_nul_span(out, login->plugin);
    if (capabilities & CLIENT_CONNECT_ATTRS)
        write_lenenc_span(out, login->attributes);
    packet_end(out, begin, seq);
}

/* --- COM_CHANGE_USER --- */

int change_user_parse(struct span payload, uint64_t capabilities, struct login *login)
{
    struct reader reader = reader_of(payload);
    *login = (struct login){.capabilities = capabilities};
    if (read_u8(&reader) != COM_CHANGE_USER)
        return -EPROTO;
    login->user = read_nul_span(&reader);
    if (capabilities & CLIENT_SECURE_CONNECTION)
        login->auth = read_span(&reader, read_u8(&reader));
    else
        login->auth = read_nul_span(&reader);
    login->schema = read_text(&reader);
    if (reader_left(&reader) > 0)
        login->collation = read_u16(&reader);
    read_plugin_and_attributes(&reader, capabilities, login);
    return login_check(&reader, login);
}

void change_user_build(struct buf *out, const struct login *login, uint64_t capabilities)
{
    assert((capabilities & CLIENT_SECURE_CONNECTION) && login->auth.len <= UINT8_MAX);
    size_t begin = packet_begin(out);
    buf_append_u8(out, COM_CHANGE_USER);
    write_nul_span(out, login->user);
    buf_append_u8(out, (uint8_t)login->auth.len);
    buf_append_span(out, login->auth);
    write_nul_span(out, login->schema);
    buf_append_u16(out, login->collation);
    if (capabilities & CLIENT_PLUGIN_AUTH)
        write_nul_span(out, login->plugin);
    if (capabilities & CLIENT_CONNECT_ATTRS)
        write_lenenc_span(out, login->attributes);
    packet_end(out, begin, 0);
}

/* --- AuthSwitchRequest --- */

int auth_switch_parse(struct span payload, struct auth_switch *auth_switch)
{
    struct reader reader = reader_of(payload);
    *auth_switch = (struct auth_switch){0};
    if (read_u8(&reader) != AUTH_SWITCH_HEADER)
        return -EPROTO;
    auth_switch->plugin = read_nul_span(&reader);
    auth_switch->data = read_rest(&reader);
    if (reader.bad)
        return -EPROTO;
    if (auth_switch->data.len == SALT_BYTES + 1 && auth_switch->data.data[SALT_BYTES] == 0)
        auth_switch->data.len = SALT_BYTES;
    return 0;
}

void auth_switch_build(struct buf *out, uint8_t seq, const struct auth_switch *auth_switch)
{
    size_t begin = packet_begin(out);
    buf_append_u8(out, AUTH_SWITCH_HEADER);
    write_nul_span(out, auth_switch->plugin);
    buf_append_span(out, auth_switch->data);
    if (auth_switch->data.len == SALT_BYTES)
        buf_append_u8(out, 0);
    packet_end(out, begin, seq);
}

int attribute_next(struct reader *attributes, struct span *key, struct span *value)
{
    if (attributes->bad)
        return -EPROTO;
    if (reader_left(attributes) == 0)
        return 0;
    *key = read_lenenc_span(attributes);
    *value = read_lenenc_span(attributes);
    return attributes->bad ? -EPROTO : 1;
}

int attributes_find(struct span attributes, const char *name, struct span *value)
{
    struct reader reader = reader_of(attributes);
    struct span wanted = span_text(name), key, found;
    int more;
    bool seen = false;
    while ((more = attribute_next(&reader, &key, &found)) > 0) {
        if (!seen && span_equal(key, wanted)) {
            *value = found;
            seen = true;
        }
    }
    return more < 0 ? more : seen;
}
