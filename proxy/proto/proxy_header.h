/* The header that a load balancer puts ahead of a client's first bytes to tell the client's
 * address: the PROXY protocol, versions 1 (text) and 2 (binary). Causeway reads them from load
 * balancers, and writes version 2 ahead of its own connections to the servers. Pure. Source:
 * haproxy's doc/proxy-protocol.txt, sections 2.1 and 2.2; what a server makes of it:
 * sql/proxy_protocol.cc.
 */
#ifndef CAUSEWAY_PROTO_PROXY_HEADER_H
#define CAUSEWAY_PROTO_PROXY_HEADER_H

#include "proxy/base/buf.h"

enum {
    PROXY_ADDRESS_BYTES = 46,      /* of a numeric address, with its NUL */
    PROXY_HEADER_MAX_BYTES = 4096, /* longer ones (of extensions) are refused */
};

struct proxy_header {
    size_t len;                        /* of the header; the client's own bytes follow */
    char address[PROXY_ADDRESS_BYTES]; /* the client's; "": LOCAL, UNKNOWN or another family, the
                                          sender's own address counts */
};

/* Of the first bytes of a connection.
 *   1           a whole header
 *   0           the beginning of one: more bytes must come
 *   -ENOENT     none (no packet of MariaDB's protocol begins like one)
 *   -EPROTO     one that is malformed, or longer than PROXY_HEADER_MAX_BYTES */
int proxy_header_parse(struct span bytes, struct proxy_header *header);

/* Appends a header of version 2 that tells the client's address, as session->peer has it: numeric,
 * or "localhost" for a client of a unix socket; NULL: the sender speaks for itself (LOCAL). The
 * destination and the ports are zero: nobody asks for them. */
void proxy_header_build(struct buf *out, const char *address);

/* Networks that headers are taken from: "10.0.0.0/8, 192.168.1.7, fd00::/8, localhost", where
 * localhost is unix sockets and * everything; as a server's proxy_protocol_networks. */
bool proxy_networks_valid(const char *networks);
/* Is the address (numeric, or "localhost") in one of them? False for networks that are not valid.
 */
bool proxy_networks_hold(const char *networks, const char *address);

#endif
