/* The compressed protocol on a stream, over the plain socket or over TLS. */
#ifndef CAUSEWAY_NET_COMPRESS_H
#define CAUSEWAY_NET_COMPRESS_H

#include "proxy/net/stream.h"

/* From the next byte on both sides speak the compressed protocol. The numbers of the packets within
 * are made those of an uncompressed connection: a peer may number them as it likes here (servers
 * and Connector/C do, measured). */
void compress_with_client(struct stream *stream);
void compress_with_server(struct stream *stream);

#endif
