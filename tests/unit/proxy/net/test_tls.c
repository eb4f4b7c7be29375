/* TLS over real sockets, both ends streams: what goes in comes out, in order, whatever the sizes.
 */
#include "proxy/net/tls.h"

#include "proxy/base/memory.h"

#include <check.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/test_tls.XXXXXX";
static char cert_path[64];
static char key_path[64];

static void add_text(X509 *cert, int kind, const char *text)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, text);
    if (X509_add_ext(cert, extension, -1) != 1)
        abort();
    X509_EXTENSION_free(extension);
}

/* A certificate for localhost that vouches for itself. */
static void make_papers(void)
{
    if (!mkdtemp(folder))
        abort();
    snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", folder);
    snprintf(key_path, sizeof(key_path), "%s/key.pem", folder);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"one", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    add_text(cert, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    add_text(cert, NID_basic_constraints, "CA:TRUE");
    if (X509_sign(cert, key, EVP_sha256()) <= 0)
        abort();
    FILE *file = fopen(cert_path, "w");
    PEM_write_X509(file, cert);
    fclose(file);
    umask(077);
    file = fopen(key_path, "w");
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void remove_papers(void)
{
    unlink(cert_path);
    unlink(key_path);
    rmdir(folder);
}

/* --- two streams that talk to each other --- */

struct end {
    struct stream stream;
    struct buf got;
    bool ended;
    int error;
};

struct pair {
    struct ev_loop *loop;
    struct stream_pool pool;
    struct end client;
    struct end server;
};

static void on_event(struct stream *stream, enum stream_event event)
{
    struct end *end = stream->owner;
    if (event == STREAM_DRAINED)
        return;
    ssize_t n = event == STREAM_READABLE ? stream_receive(stream) : stream->error;
    if (n == -EAGAIN)
        return;
    if (n > 0) {
        buf_append(&end->got, stream_data(stream), stream_len(stream));
        stream_consume(stream, stream_len(stream));
        return;
    }
    end->ended = true;
    end->error = (int)n;
    stream_pause(stream);
}

static void pair_open(struct pair *pair)
{
    int fds[2];
    *pair = (struct pair){.loop = ev_loop_new(EVFLAG_AUTO)};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    stream_pool_init(&pair->pool);
    stream_open(&pair->client.stream, pair->loop, &pair->pool, fds[0], on_event, &pair->client);
    stream_open(&pair->server.stream, pair->loop, &pair->pool, fds[1], on_event, &pair->server);
}

static void pair_close(struct pair *pair)
{
    stream_close(&pair->client.stream);
    stream_close(&pair->server.stream);
    buf_free(&pair->client.got);
    buf_free(&pair->server.got);
    stream_pool_close(&pair->pool);
    ev_loop_destroy(pair->loop);
}

/* `verify`: the client checks the certificate, which must name `host`. */
static void pair_encrypt(struct pair *pair, const char *host, bool verify)
{
    struct tls_files files = {cert_path, key_path, NULL};
    struct tls_files peer = {NULL, NULL, cert_path};
    struct tls_problem problem;
    struct tls_context *accepting = tls_context_for_clients(&files, &problem);
    struct tls_context *connecting = tls_context_for_servers(&peer, verify, &problem);
    ck_assert(accepting && connecting);
    tls_accept(&pair->server.stream, accepting);
    ck_assert_int_eq(tls_connect(&pair->client.stream, connecting, host, NULL), 0);
    tls_context_unref(accepting);
    tls_context_unref(connecting);
}

static void run_until(struct pair *pair, const struct end *end, size_t len)
{
    for (int turns = 0; turns < 100000 && end->got.len < len && !end->ended; turns++)
        ev_run(pair->loop, EVRUN_ONCE);
}

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static void send_pattern(struct stream *stream, size_t len, size_t cut)
{
    uint8_t *data = memory_zalloc(len);
    for (size_t i = 0; i < len; i++)
        data[i] = byte_at(i);
    struct iovec parts[3] = {{data, cut}, {data + cut, 0}, {data + cut, len - cut}};
    ck_assert_int_eq(stream_write(stream, parts, 3), 0);
    free(data);
}

static void check_pattern(const struct end *end, size_t len)
{
    ck_assert_uint_eq(end->got.len, len);
    size_t i = 0;
    while (i < len && end->got.data[i] == byte_at(i))
        i++;
    ck_assert_uint_eq(i, len); /* one assertion for all: each costs a message */
}

static const size_t sizes[] = {1, 100, 16383, 16384, 16385, 40000, 3000000};

START_TEST(bytes_of_any_number_arrive_whole)
{
    struct pair pair;
    size_t len = sizes[_i];
    pair_open(&pair);
    pair_encrypt(&pair, "127.0.0.1", true);
    /* Before the handshake has ended: it waits for it. */
    send_pattern(&pair.client.stream, len, len / 3);
    run_until(&pair, &pair.server, len);
    check_pattern(&pair.server, len);
    send_pattern(&pair.server.stream, len, len / 2);
    run_until(&pair, &pair.client, len);
    check_pattern(&pair.client, len);
    ck_assert(stream_is_tls(&pair.server.stream));
    ck_assert_uint_eq(pair.pool.borrowed_bytes, 0); /* idle: no buffer is held */
    pair_close(&pair);
}
END_TEST

START_TEST(a_good_bye_is_an_end_of_file)
{
    struct pair pair;
    pair_open(&pair);
    pair_encrypt(&pair, "localhost", true);
    send_pattern(&pair.client.stream, 10, 1);
    run_until(&pair, &pair.server, 10);
    stream_close(&pair.client.stream);
    run_until(&pair, &pair.server, 11);
    ck_assert(pair.server.ended);
    ck_assert_int_eq(pair.server.error, 0);
    pair_close(&pair);
}
END_TEST

START_TEST(a_certificate_for_another_host_is_refused_with_the_reason)
{
    struct pair pair;
    pair_open(&pair);
    pair_encrypt(&pair, "elsewhere", true);
    run_until(&pair, &pair.client, 1);
    ck_assert_int_eq(pair.client.error, -EPROTO);
    ck_assert_str_eq(stream_error_text(&pair.client.stream, -EPROTO), "hostname mismatch");
    pair_close(&pair);
}
END_TEST

START_TEST(without_verification_any_certificate_will_do)
{
    struct pair pair;
    pair_open(&pair);
    pair_encrypt(&pair, "elsewhere", false);
    send_pattern(&pair.client.stream, 10, 1);
    run_until(&pair, &pair.server, 10);
    check_pattern(&pair.server, 10);
    pair_close(&pair);
}
END_TEST

START_TEST(bytes_in_the_clear_are_an_error)
{
    struct pair pair;
    struct tls_files files = {cert_path, key_path, NULL};
    struct tls_problem problem;
    struct tls_context *accepting = tls_context_for_clients(&files, &problem);
    pair_open(&pair);
    tls_accept(&pair.server.stream, accepting);
    tls_context_unref(accepting);
    send_pattern(&pair.client.stream, 200, 1);
    run_until(&pair, &pair.server, 1);
    ck_assert_int_eq(pair.server.error, -EPROTO);
    ck_assert_uint_eq(pair.server.got.len, 0);
    pair_close(&pair);
}
END_TEST

START_TEST(what_is_wrong_with_a_file_is_said)
{
    struct tls_problem problem;
    struct tls_files missing = {"/nowhere/cert.pem", key_path, NULL};
    struct tls_files swapped = {cert_path, cert_path, NULL};
    struct tls_files directory = {cert_path, key_path, folder};
    ck_assert_ptr_null(tls_context_for_clients(&missing, &problem));
    ck_assert_str_eq(problem.text, "/nowhere/cert.pem: No such file or directory");
    ck_assert_int_eq(problem.file, TLS_FILE_CERT);
    chmod(cert_path, 0600);
    ck_assert_ptr_null(tls_context_for_clients(&swapped, &problem));
    ck_assert_int_eq(problem.file, TLS_FILE_KEY);
    ck_assert_ptr_nonnull(strstr(problem.text, "no usable private key"));
    ck_assert_ptr_null(tls_context_for_clients(&directory, &problem));
    ck_assert_int_eq(problem.file, TLS_FILE_CA);
    chmod(key_path, 0644);
    struct tls_files open_to_all = {cert_path, key_path, NULL};
    ck_assert_ptr_null(tls_context_for_clients(&open_to_all, &problem));
    ck_assert_ptr_nonnull(strstr(problem.text, "every user of this machine"));
    chmod(key_path, 0600);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls");
    TCase *tcase = tcase_create("tls");
    SRunner *runner = srunner_create(suite);
    make_papers();
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, bytes_of_any_number_arrive_whole, 0,
                        (int)(sizeof(sizes) / sizeof(sizes[0])));
    tcase_add_test(tcase, a_good_bye_is_an_end_of_file);
    tcase_add_test(tcase, a_certificate_for_another_host_is_refused_with_the_reason);
    tcase_add_test(tcase, without_verification_any_certificate_will_do);
    tcase_add_test(tcase, bytes_in_the_clear_are_an_error);
    tcase_add_test(tcase, what_is_wrong_with_a_file_is_said);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    remove_papers();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
