/* What tls.c and tls_context.c share. */
#ifndef CAUSEWAY_NET_TLS_CONTEXT_H
#define CAUSEWAY_NET_TLS_CONTEXT_H

#include "proxy/net/tls.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

struct tls_context {
    atomic_uint references;
    SSL_CTX *ctx;
    BIO_METHOD *bio; /* how OpenSSL gets at the bytes of a stream's layer */
    bool verify;     /* the server's certificate must name its host */
};

/* NULL: out of memory. */
BIO_METHOD *tls_bio_method(void);

#endif
