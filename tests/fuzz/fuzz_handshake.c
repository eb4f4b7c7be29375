/* Fuzzes the packets of a login, before anybody has proved anything. The first byte chooses the
 * packet; what is understood and built again must be understood the same. */
#include "proxy/proto/capability.h"
#include "proxy/proto/handshake.h"
#include "proxy/proto/reply.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct span payload_of(const struct buf *packet)
{
    return span_of(packet->data + PACKET_HEADER_BYTES, packet->len - PACKET_HEADER_BYTES);
}

static void greeting_round(struct span payload, struct buf *out)
{
    struct greeting greeting, again;
    if (greeting_parse(payload, &greeting) < 0)
        return;
    greeting_build(out, &greeting);
    int rc = greeting_parse(payload_of(out), &again);
    assert(rc == 0);
    assert(greeting.capabilities == again.capabilities);
    assert(memcmp(greeting.salt, again.salt, SALT_BYTES) == 0);
    assert(span_equal(greeting.version, again.version));
    assert(span_equal(greeting.plugin, again.plugin));
}

static void attributes_walk(struct span attributes)
{
    struct reader reader = reader_of(attributes);
    struct span key, value;
    size_t seen = 0;
    while (attribute_next(&reader, &key, &value) > 0)
        seen += key.len + value.len;
    assert(seen <= attributes.len);
}

static void login_same(const struct login *a, const struct login *b)
{
    assert(a->max_packet == b->max_packet && a->collation == b->collation);
    assert(span_equal(a->user, b->user) && span_equal(a->auth, b->auth));
    assert(span_equal(a->schema, b->schema) && span_equal(a->plugin, b->plugin));
    assert(span_equal(a->attributes, b->attributes));
}

static void login_round(struct span payload, struct buf *out)
{
    struct login login, again;
    if (login_parse(payload, &login) < 0)
        return;
    assert(login.user.len <= HANDSHAKE_USER_MAX_BYTES);
    assert(login.schema.len <= HANDSHAKE_SCHEMA_MAX_BYTES);
    attributes_walk(login.attributes);
    login_build(out, 1, &login);
    int rc = login_parse(payload_of(out), &again);
    assert(rc == 0);
    login_same(&login, &again);
}

static void change_user_round(struct span payload, struct buf *out, uint8_t choice)
{
    uint64_t capabilities = CLIENT_PROTOCOL_41;
    capabilities |= choice & 0x80 ? 0 : CLIENT_SECURE_CONNECTION;
    capabilities |= choice & 0x40 ? 0 : CLIENT_PLUGIN_AUTH;
    capabilities |= choice & 0x20 ? 0 : CLIENT_CONNECT_ATTRS;
    struct login login, again;
    if (change_user_parse(payload, capabilities, &login) < 0)
        return;
    attributes_walk(login.attributes);
    if (!(capabilities & CLIENT_SECURE_CONNECTION))
        return;
    change_user_build(out, &login, capabilities);
    int rc = change_user_parse(payload_of(out), capabilities, &again);
    assert(rc == 0);
    login_same(&login, &again);
}

static void auth_switch_round(struct span payload, struct buf *out)
{
    struct auth_switch auth_switch, again;
    if (auth_switch_parse(payload, &auth_switch) < 0)
        return;
    auth_switch_build(out, 1, &auth_switch);
    int rc = auth_switch_parse(payload_of(out), &again);
    assert(rc == 0);
    assert(span_equal(auth_switch.plugin, again.plugin));
    assert(span_equal(auth_switch.data, again.data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1 || len > PACKET_PAYLOAD_MAX)
        return 0;
    struct span payload = span_of(data + 1, len - 1);
    struct err_reply err;
    struct buf out = {0};
    switch (data[0] % 5) {
    case 0: greeting_round(payload, &out); break;
    case 1: login_round(payload, &out); break;
    case 2: change_user_round(payload, &out, data[0]); break;
    case 3: auth_switch_round(payload, &out); break;
    default: err_parse(payload, &err); break;
    }
    buf_free(&out);
    return 0;
}
