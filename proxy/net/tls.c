/* TLS as a layer of a stream: see tls.h. OpenSSL never touches the socket: it reads from the bytes
 * that the layer has received, and what it writes is gathered and sent at once. */
#include "proxy/net/stream_layer.h"
#include "proxy/net/tls_context.h"

#include "proxy/base/memory.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

enum { RECORD_BYTES = 16 << 10 };

struct tls_layer {
    struct stream_layer layer;
    struct stream *stream;
    struct tls_context *context; /* a reference; NULL: the connection was adopted */
    BIO_METHOD *bio;             /* of an adopted connection */
    SSL *ssl;
    struct buf *wire; /* where OpenSSL's output goes; set for the time of a call */
    struct buf early; /* written before the handshake has ended */
    bool broken;      /* no more words to the peer */
};

static struct tls_layer *tls_of(struct stream_layer *layer)
{
    return (struct tls_layer *)layer;
}

/* --- OpenSSL's side --- */

static int bio_read(BIO *bio, char *data, int len)
{
    struct tls_layer *tls = BIO_get_data(bio);
    struct span input = stream_layer_input(&tls->layer);
    BIO_clear_retry_flags(bio);
    if (input.len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = input.len < (size_t)len ? input.len : (size_t)len;
    memcpy(data, input.data, n);
    stream_layer_consume(tls->stream, &tls->layer, n);
    return (int)n;
}

static int bio_write(BIO *bio, const char *data, int len)
{
    struct tls_layer *tls = BIO_get_data(bio);
    buf_append(tls->wire, data, (size_t)len);
    return len;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *tls_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");
    if (!method)
        return NULL;
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_create(method, bio_create);
    return method;
}

/* --- errors --- */

static int fail(struct tls_layer *tls)
{
    unsigned long error = ERR_peek_error();
    const char *reason = ERR_reason_error_string(error);
    if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        reason = X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl));
    tls->stream->reason = reason ? reason : "the peer broke the TLS protocol";
    tls->broken = true;
    ERR_clear_error();
    return -EPROTO;
}

/* --- out --- */

static int encrypt(struct tls_layer *tls, const void *data, size_t len)
{
    size_t written;
    if (len == 0)
        return 0;
    ERR_clear_error();
    return SSL_write_ex(tls->ssl, data, len, &written) == 1 && written == len ? 0 : fail(tls);
}

/* Short parts share a record. */
static int encrypt_parts(struct tls_layer *tls, const struct iovec *parts, int count)
{
    uint8_t record[RECORD_BYTES];
    size_t filled = 0;
    for (int i = 0; i < count; i++) {
        const uint8_t *data = parts[i].iov_base;
        size_t left = parts[i].iov_len;
        while (left > 0) {
            size_t room = RECORD_BYTES - filled;
            size_t n = left < room ? left : room;
            bool direct = filled == 0 && (i == count - 1 || n == RECORD_BYTES);
            if (!direct)
                memcpy(record + filled, data, n);
            filled += n;
            if ((direct || filled == RECORD_BYTES) && encrypt(tls, direct ? data : record, filled))
                return -EPROTO;
            if (direct || filled == RECORD_BYTES)
                filled = 0;
            data += n;
            left -= n;
        }
    }
    return encrypt(tls, record, filled);
}

static int tls_encode(struct stream *stream, struct stream_layer *layer, const struct iovec *parts,
                      int count, struct buf *wire)
{
    (void)stream;
    struct tls_layer *tls = tls_of(layer);
    if (!SSL_is_init_finished(tls->ssl)) {
        for (int i = 0; i < count; i++)
            buf_append(&tls->early, parts[i].iov_base, parts[i].iov_len);
        return 0;
    }
    tls->wire = wire;
    return encrypt_parts(tls, parts, count);
}

static void tls_finish(struct stream *stream, struct stream_layer *layer, struct buf *wire)
{
    (void)stream;
    struct tls_layer *tls = tls_of(layer);
    tls->wire = wire;
    if (!tls->broken && SSL_is_init_finished(tls->ssl))
        SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

/* --- in --- */

/* Decrypts what is there: number of bytes, 0 for the peer's end, -EAGAIN or -EPROTO. */
static ssize_t decrypt(struct tls_layer *tls, uint8_t *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        size_t n = 0;
        ERR_clear_error();
        int ok = SSL_read_ex(tls->ssl, data + done, len - done, &n);
        done += n;
        if (ok == 1)
            continue;
        int error = SSL_get_error(tls->ssl, ok);
        if (error == SSL_ERROR_WANT_READ)
            return done ? (ssize_t)done : -EAGAIN;
        if (error == SSL_ERROR_ZERO_RETURN)
            return (ssize_t)done;
        return fail(tls);
    }
    return (ssize_t)done;
}

static bool tls_pending(const struct stream_layer *layer)
{
    const SSL *ssl = ((const struct tls_layer *)layer)->ssl;
    return layer->in || SSL_pending(ssl) > 0 || (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN);
}

/* What OpenSSL has to say after reading (a handshake, an alert), and what waited for the handshake.
 */
static int speak(struct stream *stream, struct tls_layer *tls)
{
    int error = 0;
    if (tls->early.len && SSL_is_init_finished(tls->ssl)) {
        error = encrypt(tls, tls->early.data, tls->early.len);
        memory_wipe(tls->early.data, tls->early.cap);
        buf_free(&tls->early);
    }
    int sent = stream_send_wire(stream, tls->wire);
    return error ? error : sent;
}

static ssize_t tls_receive(struct stream *stream, struct stream_layer *layer, void *data,
                           size_t len)
{
    struct tls_layer *tls = tls_of(layer);
    bool had = tls_pending(layer);
    tls->wire = &stream->pool->wire;
    tls->wire->len = 0;
    ssize_t n = -EAGAIN;
    if (had)
        n = decrypt(tls, data, len);
    if (n == -EAGAIN && !had) {
        n = stream_layer_fill(stream, layer);
        if (n > 0)
            n = decrypt(tls, data, len);
    }
    int error = speak(stream, tls);
    return n >= 0 && error ? error : n;
}

/* --- life --- */

static void tls_free(struct stream_layer *layer)
{
    struct tls_layer *tls = tls_of(layer);
    if (tls->bio) /* others may still say good-bye on it */
        SSL_set_bio(tls->ssl, BIO_new(BIO_s_null()), BIO_new(BIO_s_null()));
    SSL_free(tls->ssl);
    BIO_meth_free(tls->bio);
    tls_context_unref(tls->context);
    if (tls->early.data)
        memory_wipe(tls->early.data, tls->early.cap);
    buf_free(&tls->early);
    free(tls);
}

static const struct stream_layer_kind tls_kind = {tls_receive, tls_encode, tls_pending, tls_finish,
                                                  tls_free};

static struct tls_layer *tls_new(struct stream *stream, SSL *ssl, BIO_METHOD *method)
{
    struct tls_layer *tls = memory_zalloc(sizeof(*tls));
    BIO *bio = ssl ? BIO_new(method) : NULL;
    if (!bio)
        abort(); /* out of memory: as everywhere */
    BIO_set_data(bio, tls);
    SSL_set_bio(ssl, bio, bio);
    tls->layer.kind = &tls_kind;
    tls->stream = stream;
    tls->ssl = ssl;
    return tls;
}

void tls_accept(struct stream *stream, struct tls_context *context)
{
    struct tls_layer *tls = tls_new(stream, SSL_new(context->ctx), context->bio);
    tls->context = tls_context_ref(context);
    SSL_set_accept_state(tls->ssl);
    stream_push(stream, &tls->layer);
}

/* What the certificate must name; without a name there is nothing to look up on the way (SNI). */
static void name_host(SSL *ssl, const char *host, bool verify)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct in6_addr ip;
    bool numeric = inet_pton(AF_INET, host, &ip) == 1 || inet_pton(AF_INET6, host, &ip) == 1;
    if (!numeric)
        SSL_set_tlsext_host_name(ssl, host);
    if (verify && numeric)
        X509_VERIFY_PARAM_set1_ip_asc(param, host);
    else if (verify)
        X509_VERIFY_PARAM_set1_host(param, host, 0);
}

/* Names of TLS 1.3 begin with TLS_, the others are of 1.2. */
static bool choose_cipher(SSL *ssl, const char *cipher)
{
    if (strncmp(cipher, "TLS_", 4) == 0)
        return SSL_set_min_proto_version(ssl, TLS1_3_VERSION) == 1 &&
               SSL_set_ciphersuites(ssl, cipher) == 1;
    return SSL_set_max_proto_version(ssl, TLS1_2_VERSION) == 1 &&
           SSL_set_cipher_list(ssl, cipher) == 1;
}

int tls_connect(struct stream *stream, struct tls_context *context, const char *host,
                const char *cipher)
{
    struct tls_layer *tls = tls_new(stream, SSL_new(context->ctx), context->bio);
    tls->context = tls_context_ref(context);
    name_host(tls->ssl, host, context->verify);
    SSL_set_connect_state(tls->ssl);
    stream_push(stream, &tls->layer);
    tls->wire = &stream->pool->wire;
    tls->wire->len = 0;
    ERR_clear_error();
    if (cipher && !choose_cipher(tls->ssl, cipher))
        return fail(tls);
    int ok = SSL_do_handshake(tls->ssl);
    if (SSL_get_error(tls->ssl, ok) != SSL_ERROR_WANT_READ)
        return fail(tls);
    return stream_send_wire(stream, tls->wire);
}

void tls_adopt(struct stream *stream, SSL *ssl)
{
    BIO_METHOD *method = tls_bio_method();
    if (!method)
        abort(); /* out of memory: as everywhere */
    struct tls_layer *tls = tls_new(stream, ssl, method);
    tls->bio = method;
    stream_push(stream, &tls->layer);
}

/* --- what the handshake has shown --- */

static SSL *ssl_of(const struct stream *stream)
{
    struct stream_layer *layer = stream_layer_find(stream, &tls_kind);
    assert(layer);
    return tls_of(layer)->ssl;
}

bool stream_is_tls(const struct stream *stream)
{
    return stream_layer_find(stream, &tls_kind) != NULL;
}

const char *tls_cipher(const struct stream *stream)
{
    return SSL_get_cipher_name(ssl_of(stream));
}

bool tls_peer_verified(const struct stream *stream)
{
    const SSL *ssl = ssl_of(stream);
    return SSL_get_verify_result(ssl) == X509_V_OK && SSL_get0_peer_certificate(ssl) != NULL;
}

static bool name_is(const X509_NAME *name, const char *wanted)
{
    char *text = X509_NAME_oneline(name, NULL, 0);
    bool same = text && strcmp(text, wanted) == 0;
    OPENSSL_free(text);
    return same;
}

bool tls_peer_issuer_is(const struct stream *stream, const char *issuer)
{
    X509 *cert = SSL_get0_peer_certificate(ssl_of(stream));
    return cert && name_is(X509_get_issuer_name(cert), issuer);
}

bool tls_peer_subject_is(const struct stream *stream, const char *subject)
{
    X509 *cert = SSL_get0_peer_certificate(ssl_of(stream));
    return cert && name_is(X509_get_subject_name(cert), subject);
}
