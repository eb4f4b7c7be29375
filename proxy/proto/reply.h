/* OK, ERR and EOF packets: parse, build, and rewrite for a client that negotiated less than
 * Causeway does with the servers. Source: protocol pages "ok_packet", "err_packet", "eof_packet";
 * the session state block as measured on MariaDB 10.11: with SERVER_SESSION_STATE_CHANGED
 * set, info (length-encoded) is followed by a length-encoded block of {type, length, data}. */
#ifndef CAUSEWAY_PROTO_REPLY_H
#define CAUSEWAY_PROTO_REPLY_H

#include "proxy/proto/packet.h"

struct ok_reply {
    uint8_t header; /* 0x00, or 0xfe as the terminator of a result set */
    uint64_t affected_rows;
    uint64_t insert_id;
    uint16_t status;
    uint16_t warnings;
    struct span info;  /* empty when absent */
    struct span state; /* the session state block without its length; empty when absent */
};

struct err_reply {
    uint16_t code;
    char sqlstate[6]; /* "HY000" when the packet has none (an error before login) */
    struct span message;
};

/* Payload (without the packet header) of a reply of a server that negotiated PROTOCOL_41,
 * SESSION_TRACK and DEPRECATE_EOF. 0, or -EPROTO when malformed. Spans point into the payload.
 * ok_parse also takes the 5-byte EOF that MariaDB still sends here and there (COM_SET_OPTION). */
int ok_parse(struct span payload, struct ok_reply *ok);
int err_parse(struct span payload, struct err_reply *err);

/* Appends a whole packet to `out`. `capabilities` are the client's: without SESSION_TRACK the state
 * block is left out and the 0x4000 flag cleared; ok_build with header 0xfe for a client without
 * DEPRECATE_EOF writes the 5-byte EOF instead (warnings, status). The 0x4000 flag is set exactly
 * when ok->state is not empty and the client has SESSION_TRACK, in an EOF too (as a server does
 * it). err_build without `sqlstate` (NULL) writes an error as it stands before a login. err_printf
 * cuts the text at the 511 bytes that client libraries keep. */
void ok_build(struct buf *out, uint8_t seq, const struct ok_reply *ok, uint64_t capabilities);
void err_build(struct buf *out, uint8_t seq, uint16_t code, const char *sqlstate,
               struct span message);
void err_printf(struct buf *out, uint8_t seq, uint16_t code, const char *sqlstate,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The 5-byte EOF packet of a client without DEPRECATE_EOF. */
void eof_build(struct buf *out, uint8_t seq, uint16_t warnings, uint16_t status);

#endif
