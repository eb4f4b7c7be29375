/* Taking a server's address apart, and looking a name up. */
#include "router/cluster/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

static int refuse(struct server_place *place, const char *text)
{
    snprintf(place->error, sizeof(place->error),
             "`%.60s` is not an address (host:port or unix:/path)", text);
    return -EINVAL;
}

static int unix_parse(const char *text, struct server_place *place)
{
    const char *path = text + strlen("unix:");

    if (path[0] != '/' || strlen(path) >= sizeof(place->address.local.sun_path))
        return refuse(place, text);
    place->address.local.sun_family = AF_UNIX;
    snprintf(place->address.local.sun_path, sizeof(place->address.local.sun_path), "%s", path);
    snprintf(place->unix_path, sizeof(place->unix_path), "%s", path);
    place->address_len = sizeof(place->address.local);
    return 0;
}

static int resolve(struct server_place *place, const char *port_text)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const struct addrinfo *pick = NULL;
    int failed = getaddrinfo(place->host, port_text, &hints, &found);

    if (failed != 0) {
        snprintf(place->error, sizeof(place->error), "host name can't be resolved: %s",
                 gai_strerror(failed));
        return -EHOSTUNREACH;
    }
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        bool fits = at->ai_addrlen <= sizeof(place->address) &&
                    (at->ai_family == AF_INET || at->ai_family == AF_INET6);
        /* MariaDB listens on IPv4 more often than not: a name with both is taken as IPv4 */
        if (fits && (pick == NULL || (pick->ai_family == AF_INET6 && at->ai_family == AF_INET)))
            pick = at;
    }
    if (pick != NULL) {
        memcpy(&place->address, pick->ai_addr, pick->ai_addrlen);
        place->address_len = pick->ai_addrlen;
        getnameinfo(pick->ai_addr, pick->ai_addrlen, place->ip, sizeof(place->ip), NULL, 0,
                    NI_NUMERICHOST);
    } else {
        snprintf(place->error, sizeof(place->error), "host name has no IP address");
    }
    freeaddrinfo(found);
    return pick != NULL ? 0 : -EHOSTUNREACH;
}

int server_place_parse(const char *text, struct server_place *place)
{
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t host_len;
    char *end = NULL;
    unsigned long port;

    memset(place, 0, sizeof(*place));
    if (strncmp(text, "unix:", 5) == 0)
        return unix_parse(text, place);
    if (colon == NULL || colon == text || colon[1] < '0' || colon[1] > '9')
        return refuse(place, text);
    port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || port == 0 || port > 65535)
        return refuse(place, text);
    host_len = (size_t)(colon - text);
    if (host[0] == '[' && host_len > 2 && host[host_len - 1] == ']') {
        host++;
        host_len -= 2;
    }
    if (host_len >= sizeof(place->host))
        return refuse(place, text);
    memcpy(place->host, host, host_len);
    place->port = (unsigned)port;
    return resolve(place, colon + 1);
}
