/* TLS 1.2 and 1.3 on a stream, by OpenSSL: towards clients and towards servers. The handshake runs
 * along with the first receives; what is written before it has ended waits for its end. */
#ifndef CAUSEWAY_NET_TLS_H
#define CAUSEWAY_NET_TLS_H

#include "proxy/net/stream.h"

enum tls_file { TLS_FILE_CERT, TLS_FILE_KEY, TLS_FILE_CA };

/* PEM files. */
struct tls_files {
    const char *cert; /* own certificate, and those between it and the CA's; NULL: none */
    const char *key;  /* its private key; NULL: it is in `cert` */
    const char *ca;   /* certificates that vouch for the peer's; NULL: the system's, or none */
};

struct tls_problem {
    enum tls_file file; /* which one is wrong */
    char text[256];     /* how, in words, with the file's path */
};

/* Keys and certificates, read and checked: immutable, with a reference count; any thread. */
struct tls_context;

/* For connections that clients open; `cert` is needed. With `ca` a client may show a certificate,
 * and one that does not hold ends the handshake, as with a server. NULL: `problem` says why. */
struct tls_context *tls_context_for_clients(const struct tls_files *files,
                                            struct tls_problem *problem);
/* For connections to servers. `verify`: the server's certificate must be vouched for by `ca` (NULL:
 * by the system's) and name the host. */
struct tls_context *tls_context_for_servers(const struct tls_files *files, bool verify,
                                            struct tls_problem *problem);
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context); /* NULL is allowed */

/* The peer's next bytes are a ClientHello; those already received and not consumed, too. The stream
 * takes a reference of its own. */
void tls_accept(struct stream *stream, struct tls_context *context);
/* Begins a handshake as a client. `host`: the name or address that the certificate must have if the
 * context verifies. `cipher`: the only one that will do, by OpenSSL's name; NULL: any. 0 or a
 * negative errno: the stream is dead. */
__attribute__((warn_unused_result)) int tls_connect(struct stream *stream,
                                                    struct tls_context *context, const char *host,
                                                    const char *cipher);

struct ssl_st;
/* Takes over a connection whose handshake another library has made, with whatever it has read and
 * not given out. The SSL object belongs to the stream from now on. */
void tls_adopt(struct stream *stream, struct ssl_st *ssl);

bool stream_is_tls(const struct stream *stream);

/* --- what the handshake has shown; only with stream_is_tls() --- */

/* OpenSSL's name of the cipher: TLS_AES_256_GCM_SHA384. */
const char *tls_cipher(const struct stream *stream);
/* The peer has shown a certificate, and it holds. */
bool tls_peer_verified(const struct stream *stream);
/* Whether the certificate's issuer (subject) is that, in the form of X509_NAME_oneline, which is
 * how servers keep REQUIRE ISSUER and SUBJECT: "/C=FI/O=Example/CN=app". */
bool tls_peer_issuer_is(const struct stream *stream, const char *issuer);
bool tls_peer_subject_is(const struct stream *stream, const char *subject);

#endif
