/* See client_address.h. */
#include "proxy/client_address.h"

#include "proxy/base/log.h"
#include "proxy/net/tls.h"
#include "proxy/proto/proxy_header.h"
#include "proxy/worker.h"

#include <errno.h>
#include <stdio.h>

bool client_address_take(struct session *session)
{
    struct stream *client = &session->client;
    const char *networks = session->worker->config->proxy_protocol_from;
    size_t len = stream_len(client);
    struct proxy_header header;
    if (!networks || session->proxied || len == 0 || stream_is_tls(client))
        return true;
    int found = proxy_header_parse(span_of(stream_data(client), len), &header);
    /* A header of who may send none is a packet out of order. */
    if (found == -ENOENT || !proxy_networks_hold(networks, session->peer))
        return true;
    if (found == 0 && !session->client_ended) {
        stream_want(client, len + 1);
        return false;
    }
    if (found <= 0) {
        session->worker->counters.protocol_errors++;
        session_refuse(session, 1105, "HY000", "The PROXY header is malformed");
        return false;
    }
    session->proxied = true;
    if (header.address[0]) {
        char sender[sizeof(session->peer)];
        snprintf(sender, sizeof(sender), "%s", session->peer);
        snprintf(session->peer, sizeof(session->peer), "%s", header.address);
        session_log(session, LOG_LEVEL_DEBUG, "%s tells that this is its address", sender);
    }
    stream_consume(client, header.len);
    return true;
}
