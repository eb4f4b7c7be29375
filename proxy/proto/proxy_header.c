/* See proxy_header.h. */
#include "proxy/proto/proxy_header.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    V1_MAX_BYTES = 107, /* with its CR LF */
    V2_FIXED_BYTES = 16,
    V2_VERSION = 0x20,
    V2_LOCAL = 0x20,
    V2_PROXY = 0x21,
    V2_TCP4 = 0x11,
    V2_TCP6 = 0x21,
    V2_TCP4_BYTES = 12,
    V2_TCP6_BYTES = 36,
    V2_UNIX = 0x31,
    V2_UNIX_BYTES = 216,
    PORTS_BYTES = 4,
    NETWORK_MAX_BYTES = 64,
};

static const char v1_signature[] = "PROXY ";
static const char v2_signature[] = "\r\n\r\n\0\r\nQUIT\n";

/* 1: it begins so; 0: it may yet; -1: it does not. */
static int begins_with(struct span bytes, const char *signature, size_t len)
{
    size_t common = bytes.len < len ? bytes.len : len;
    if (common > 0 && memcmp(bytes.data, signature, common) != 0)
        return -1;
    return bytes.len >= len ? 1 : 0;
}

/* Numeric text as Causeway writes it everywhere: an IPv4 address in IPv6's clothes is IPv4. */
static void address_print(int family, const void *address, char out[PROXY_ADDRESS_BYTES])
{
    const struct in6_addr *in6 = address;
    if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(in6))
        inet_ntop(AF_INET, &in6->s6_addr[12], out, PROXY_ADDRESS_BYTES);
    else
        inet_ntop(family, address, out, PROXY_ADDRESS_BYTES);
}

/* --- version 1: PROXY TCP4 192.0.2.1 192.0.2.2 56324 4006 CR LF --- */

/* The next word; words are parted by one blank. False: there is none. */
static bool take_word(char **at, const char **word)
{
    if (!*at || !**at || **at == ' ')
        return false;
    *word = *at;
    *at = strchr(*at, ' ');
    if (*at)
        *(*at)++ = '\0';
    return true;
}

static bool is_port(const char *text)
{
    size_t len = strspn(text, "0123456789");
    return len > 0 && len <= 5 && text[len] == '\0' && strtoul(text, NULL, 10) <= UINT16_MAX;
}

static int v1_fields(char *line, struct proxy_header *header)
{
    const char *protocol = NULL;
    const char *from = NULL;
    const char *to = NULL;
    const char *port_from = NULL;
    const char *port_to = NULL;
    uint8_t address[sizeof(struct in6_addr)];
    uint8_t ignored[sizeof(struct in6_addr)];
    if (!take_word(&line, &protocol))
        return -EPROTO;
    if (strcmp(protocol, "UNKNOWN") == 0)
        return 1; /* whatever follows */
    int family = strcmp(protocol, "TCP4") == 0 ? AF_INET : AF_INET6;
    if (family == AF_INET6 && strcmp(protocol, "TCP6") != 0)
        return -EPROTO;
    if (!take_word(&line, &from) || !take_word(&line, &to) || !take_word(&line, &port_from) ||
        !take_word(&line, &port_to) || line || !is_port(port_from) || !is_port(port_to))
        return -EPROTO;
    if (inet_pton(family, from, address) != 1 || inet_pton(family, to, ignored) != 1)
        return -EPROTO;
    address_print(family, address, header->address);
    return 1;
}

static int v1_parse(struct span bytes, struct proxy_header *header)
{
    char line[V1_MAX_BYTES + 1];
    size_t within = bytes.len < V1_MAX_BYTES ? bytes.len : V1_MAX_BYTES;
    const uint8_t *end = memchr(bytes.data, '\n', within);
    if (!end)
        return within < V1_MAX_BYTES ? 0 : -EPROTO;
    size_t len = (size_t)(end - bytes.data);
    if (bytes.data[len - 1] != '\r' || memchr(bytes.data, 0, len))
        return -EPROTO;
    header->len = len + 1;
    memcpy(line, bytes.data, len - 1);
    line[len - 1] = '\0';
    if (len < sizeof(v1_signature))
        return -EPROTO;
    return v1_fields(line + sizeof(v1_signature) - 1, header);
}

/* --- version 2 --- */

static int v2_parse(struct span bytes, struct proxy_header *header)
{
    if (bytes.len < V2_FIXED_BYTES)
        return 0;
    uint8_t command = bytes.data[12];
    uint8_t family = bytes.data[13];
    size_t len = (size_t)bytes.data[14] << 8 | bytes.data[15];
    const uint8_t *addresses = bytes.data + V2_FIXED_BYTES;
    if ((command & 0xf0) != V2_VERSION || command > V2_PROXY ||
        len > PROXY_HEADER_MAX_BYTES - V2_FIXED_BYTES)
        return -EPROTO;
    header->len = V2_FIXED_BYTES + len;
    if ((family == V2_TCP4 && len < V2_TCP4_BYTES) || (family == V2_TCP6 && len < V2_TCP6_BYTES))
        return -EPROTO;
    if (bytes.len < header->len)
        return 0;
    if (command == V2_LOCAL)
        return 1;
    if (family == V2_TCP4)
        address_print(AF_INET, addresses, header->address);
    else if (family == V2_TCP6)
        address_print(AF_INET6, addresses, header->address);
    return 1;
}

int proxy_header_parse(struct span bytes, struct proxy_header *header)
{
    *header = (struct proxy_header){0};
    int v1 = begins_with(bytes, v1_signature, sizeof(v1_signature) - 1);
    int v2 = begins_with(bytes, v2_signature, sizeof(v2_signature) - 1);
    if (v1 > 0)
        return v1_parse(bytes, header);
    if (v2 > 0)
        return v2_parse(bytes, header);
    return v1 == 0 || v2 == 0 ? 0 : -ENOENT;
}

static void v2_begin(struct buf *out, uint8_t command, uint8_t family, uint8_t len)
{
    buf_append(out, v2_signature, sizeof(v2_signature) - 1);
    const uint8_t fixed[] = {command, family, 0, len};
    buf_append(out, fixed, sizeof(fixed));
}

/* Both ends' addresses, of which only the first is known, and ports. */
static void v2_addresses(struct buf *out, uint8_t family, const void *address, size_t address_len)
{
    static const uint8_t zeroes[sizeof(struct in6_addr) + PORTS_BYTES];
    size_t rest = address_len + PORTS_BYTES;
    v2_begin(out, V2_PROXY, family, (uint8_t)(address_len + rest));
    buf_append(out, address, address_len);
    buf_append(out, zeroes, rest);
}

void proxy_header_build(struct buf *out, const char *address)
{
    static const uint8_t no_path[V2_UNIX_BYTES];
    uint8_t numeric[sizeof(struct in6_addr)];
    if (!address) {
        v2_begin(out, V2_LOCAL, 0, 0);
    } else if (inet_pton(AF_INET, address, numeric) == 1) {
        v2_addresses(out, V2_TCP4, numeric, sizeof(struct in_addr));
    } else if (inet_pton(AF_INET6, address, numeric) == 1) {
        v2_addresses(out, V2_TCP6, numeric, sizeof(struct in6_addr));
    } else {
        v2_begin(out, V2_PROXY, V2_UNIX, V2_UNIX_BYTES);
        buf_append(out, no_path, sizeof(no_path));
    }
}

/* --- networks --- */

struct network {
    bool all;
    bool local; /* unix sockets */
    int family;
    unsigned bits;
    uint8_t address[sizeof(struct in6_addr)];
};

static bool network_bits(const char *text, unsigned most, unsigned *bits)
{
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 3 || text[len])
        return false;
    *bits = (unsigned)strtoul(text, NULL, 10);
    return *bits <= most;
}

static bool network_parse(char *text, struct network *network)
{
    *network = (struct network){0};
    network->all = strcmp(text, "*") == 0;
    network->local = strcmp(text, "localhost") == 0;
    if (network->all || network->local)
        return true;
    char *slash = strchr(text, '/');
    if (slash)
        *slash++ = '\0';
    network->family = strchr(text, ':') ? AF_INET6 : AF_INET;
    unsigned most = network->family == AF_INET6 ? 128 : 32;
    network->bits = most;
    return inet_pton(network->family, text, network->address) == 1 &&
           (!slash || network_bits(slash, most, &network->bits));
}

static bool network_holds(const struct network *network, const char *address)
{
    uint8_t other[sizeof(struct in6_addr)] = {0};
    bool local = strcmp(address, "localhost") == 0;
    if (network->all || network->local || local)
        return network->all || (network->local && local);
    if (inet_pton(network->family, address, other) != 1)
        return false;
    for (unsigned bit = 0; bit < network->bits; bit++) {
        unsigned differ = network->address[bit / 8] ^ other[bit / 8];
        if (differ & (0x80u >> bit % 8))
            return false;
    }
    return true;
}

/* The next of the list. 1; 0 at its end; -EINVAL when it is malformed. */
static int network_next(const char **at, struct network *network)
{
    char text[NETWORK_MAX_BYTES];
    *at += strspn(*at, " \t,");
    size_t len = strcspn(*at, " \t,");
    if (len == 0)
        return 0;
    if (len >= sizeof(text))
        return -EINVAL;
    memcpy(text, *at, len);
    text[len] = '\0';
    *at += len;
    return network_parse(text, network) ? 1 : -EINVAL;
}

bool proxy_networks_valid(const char *networks)
{
    struct network network;
    int found;
    while ((found = network_next(&networks, &network)) > 0)
        ;
    return found == 0;
}

bool proxy_networks_hold(const char *networks, const char *address)
{
    struct network network;
    if (!proxy_networks_valid(networks))
        return false;
    while (network_next(&networks, &network) > 0)
        if (network_holds(&network, address))
            return true;
    return false;
}
