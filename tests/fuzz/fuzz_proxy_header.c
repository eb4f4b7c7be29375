/* Fuzzes PROXY headers and lists of networks: what is read lies within the bytes, every part of a
 * whole header asks for more, and an address that is told is one. */
#include "proxy/proto/proxy_header.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_header(struct span bytes)
{
    struct proxy_header header;
    uint8_t address[sizeof(struct in6_addr)];
    int found = proxy_header_parse(bytes, &header);
    if (found <= 0)
        return;
    assert(header.len <= bytes.len && header.len <= PROXY_HEADER_MAX_BYTES);
    assert(!header.address[0] || inet_pton(AF_INET, header.address, address) == 1 ||
           inet_pton(AF_INET6, header.address, address) == 1);
    struct proxy_header part;
    int less = proxy_header_parse(span_of(bytes.data, header.len - 1), &part);
    assert(less == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1);
    if (!text)
        return 0;
    check_header(span_of(data, len));
    memcpy(text, data, len);
    text[len] = '\0';
    bool holds = proxy_networks_hold(text, "10.1.2.3");
    assert(!holds || proxy_networks_valid(text));
    free(text);
    return 0;
}
