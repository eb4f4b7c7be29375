/* The packets of a login, both sides. Source: protocol page "connection" (initial handshake,
 * handshake response, authentication switch) and "com_change_user". */
#ifndef CAUSEWAY_PROTO_HANDSHAKE_H
#define CAUSEWAY_PROTO_HANDSHAKE_H

#include "proxy/proto/packet.h"

enum {
    SALT_BYTES = 20,
    HANDSHAKE_USER_MAX_CHARACTERS = 128,
    HANDSHAKE_USER_MAX_BYTES = 384,   /* of utf8 */
    HANDSHAKE_SCHEMA_MAX_BYTES = 256, /* 64 characters of utf8mb4 */
};

/* What a server says first. */
struct greeting {
    struct span version;
    uint32_t connection_id;
    uint8_t salt[SALT_BYTES];
    uint64_t capabilities; /* extended ones in bits 32 and up; CLIENT_LONG_PASSWORD is cleared by a
                              MariaDB server, which is how it says that bits 32 and up count */
    uint8_t collation;
    uint16_t status;
    struct span plugin;
};

/* Payload of the server's first packet. An ERR packet there (too many connections) is
 * -ECONNREFUSED: read it with err_parse. Protocol versions other than 10: -EPROTO. */
int greeting_parse(struct span payload, struct greeting *greeting);
/* Appends the whole packet (seq 0). */
void greeting_build(struct buf *out, const struct greeting *greeting);

/* What a client answers, or sends in COM_CHANGE_USER. */
struct login {
    uint64_t capabilities; /* not in COM_CHANGE_USER: the ones of the login hold, and stand here */
    uint32_t max_packet;
    uint16_t collation;
    struct span user;
    struct span auth; /* the answer to the salt */
    struct span schema;
    struct span plugin; /* empty when the client did not say */
    struct span
        attributes; /* connection attributes: the key/value pairs without the outer length */
};

/* Payload of a HandshakeResponse41. -EPROTO when malformed or too long; -EOPNOTSUPP for a client
 * without PROTOCOL_41; -EAGAIN for an SSLRequest (32 bytes with CLIENT_SSL: TLS is not offered). */
int login_parse(struct span payload, struct login *login);
/* Appends the whole packet with sequence number `seq`. The flags that say which fields are there
 * (CONNECT_WITH_DB, PLUGIN_AUTH, CONNECT_ATTRS) are set by which of them are not empty. */
/* The request for TLS that goes ahead of that login: its first 32 bytes with CLIENT_SSL. */
void ssl_request_build(struct buf *out, uint8_t seq, const struct login *login);
void login_build(struct buf *out, uint8_t seq, const struct login *login);

/* Payload of COM_CHANGE_USER with its command byte; `capabilities` are those of the session. */
int change_user_parse(struct span payload, uint64_t capabilities, struct login *login);
void change_user_build(struct buf *out, const struct login *login, uint64_t capabilities);

/* 0xfe, plugin name NUL, data. A salt of 20 bytes has a NUL behind it on the wire, which is not
 * part of `data` on either side; other data is what it is. A payload of one byte 0xfe is the
 * old-password switch: -EPROTO. */
struct auth_switch {
    struct span plugin;
    struct span data;
};
int auth_switch_parse(struct span payload, struct auth_switch *auth_switch);
void auth_switch_build(struct buf *out, uint8_t seq, const struct auth_switch *auth_switch);

/* Connection attributes, one by one: 1, 0 at the end, -EPROTO when malformed. */
int attribute_next(struct reader *attributes, struct span *key, struct span *value);
/* The attribute of that exact name in `attributes` of a login: 1 with its value (inside
 * `attributes`; of several, the first), 0 when it is not there, -EPROTO when they are malformed. */
int attributes_find(struct span attributes, const char *name, struct span *value);

#endif
