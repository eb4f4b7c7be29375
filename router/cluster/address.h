/* The `address` of a [server:NAME] section. */
#ifndef CAUSEWAY_ROUTER_CLUSTER_ADDRESS_H
#define CAUSEWAY_ROUTER_CLUSTER_ADDRESS_H

#include "router/topology.h"

struct server_place {
    union server_address address;
    socklen_t address_len; /* 0: the name could not be resolved */
    char host[256];        /* as written, without brackets; "" for a unix socket */
    char ip[64];           /* numeric; "" for a unix socket or an unresolved name */
    char unix_path[108];   /* "" for TCP */
    unsigned port;
    char error[128]; /* in words when address_len is 0 */
};

/* "127.0.0.1:3306", "[::1]:3306", "host:3306", "unix:/path". A name is looked up, which blocks: not
 * for a worker. -EINVAL for another form, -EHOSTUNREACH for a name that has no address; `error`
 * says why. */
int server_place_parse(const char *text, struct server_place *place);

#endif
