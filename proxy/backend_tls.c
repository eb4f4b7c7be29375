/* TLS of a server connection: what proxy.ini asks for, with the certificate that the server is to
 * see. */
#include "proxy/backend_login.h"
#include "proxy/net/tls.h"
#include "proxy/proto/capability.h"
#include "proxy/worker.h"

#include <arpa/inet.h>
#include <stdio.h>

/* What the server's certificate must name: the address of its section without the port. */
static void host_of(const struct backend *backend, char *host, size_t size)
{
    const struct topology_server *server = worker_server(backend->worker, (int)backend->slot);
    const char *address = server ? server->address_text : "";
    size_t len = strlen(address);
    if (strncmp(address, "unix:", 5) == 0) {
        snprintf(host, size, "localhost");
        return;
    }
    const char *colon = strrchr(address, ':');
    if (colon)
        len = (size_t)(colon - address);
    if (len > 1 && address[0] == '[') {
        address++;
        len -= 2;
    }
    snprintf(host, size, "%.*s", (int)len, address);
}

static struct tls_context *context_of(const struct backend *backend)
{
    const struct config *config = backend->worker->config;
    const struct identity *identity = backend->identity;
    const struct config_user *user =
        identity->account_user ? config_user_find(config, identity->user) : NULL;
    return user && user->context ? user->context : config->server_context;
}

int backend_tls_start(struct backend *backend, struct login *login, uint64_t offered,
                      size_t greeting_len)
{
    struct tls_context *context = context_of(backend);
    if (!context)
        return 1;
    if (!(offered & CLIENT_SSL)) {
        backend_fail(backend, 2026, "HY000",
                     "%s offers no TLS, and server_tls of proxy.ini asks for it",
                     backend_server_name(backend));
        return -1;
    }
    char host[256];
    struct buf out = {0};
    host_of(backend, host, sizeof(host));
    login->capabilities |= CLIENT_SSL;
    ssl_request_build(&out, 1, login);
    int error = stream_write_span(&backend->stream, buf_span(&out));
    buf_free(&out);
    stream_consume(&backend->stream, greeting_len);
    if (error || tls_connect(&backend->stream, context, host, backend->identity->tls_cipher)) {
        backend_fail(backend, 2026, "HY000", "TLS to %s can't begin", backend_server_name(backend));
        return -1;
    }
    return 2;
}

bool backend_is_private(const struct backend *backend)
{
    const struct topology_server *server = worker_server(backend->worker, (int)backend->slot);
    if (!server)
        return false;
    const struct sockaddr *any = &server->address.any;
    const struct sockaddr_in *v4 = (const void *)any;
    const struct sockaddr_in6 *v6 = (const void *)any;
    return any->sa_family == AF_UNIX || stream_is_tls(&backend->stream) ||
           (any->sa_family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == 127) ||
           (any->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
}
