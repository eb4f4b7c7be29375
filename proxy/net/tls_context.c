/* Certificates and keys from their files: see tls.h. */
#include "proxy/net/tls_context.h"

#include "proxy/base/memory.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void say(struct tls_problem *problem, enum tls_file file, const char *path, const char *why)
{
    problem->file = file;
    snprintf(problem->text, sizeof(problem->text), "%s: %s", path, why);
}

/* The reason that OpenSSL gave first, which is the deepest. */
static void say_library(struct tls_problem *problem, enum tls_file file, const char *path,
                        const char *otherwise)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    char why[160];
    snprintf(why, sizeof(why), "%s%s%s", otherwise, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    say(problem, file, path, why);
}

static int check_readable(struct tls_problem *problem, enum tls_file file, const char *path)
{
    struct stat info;
    FILE *opened = fopen(path, "re");
    const char *why = NULL;
    if (!opened)
        why = strerror(errno);
    else if (fstat(fileno(opened), &info) == 0 && S_ISDIR(info.st_mode))
        why = "it is a folder";
    else if (file == TLS_FILE_KEY && (info.st_mode & (S_IROTH | S_IWOTH)))
        why = "every user of this machine can read or write it; use chmod 640 or 600";
    if (opened)
        fclose(opened);
    if (why)
        say(problem, file, path, why);
    return why ? -EINVAL : 0;
}

/* A key with a passphrase: nobody is there to be asked for it. */
static int no_passphrase(char *out, int size, int writing, void *context)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static int load_own(SSL_CTX *ctx, const struct tls_files *files, struct tls_problem *problem)
{
    const char *key = files->key ? files->key : files->cert;
    if (!files->cert)
        return 0;
    if (check_readable(problem, TLS_FILE_CERT, files->cert) ||
        check_readable(problem, TLS_FILE_KEY, key))
        return -EINVAL;
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(ctx, files->cert) != 1) {
        say_library(problem, TLS_FILE_CERT, files->cert, "no usable certificate in it");
        return -EINVAL;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        say_library(problem, TLS_FILE_KEY, key,
                    "no usable private key in it (it must be without a passphrase and belong to "
                    "the certificate)");
        return -EINVAL;
    }
    return 0;
}

static int load_ca(SSL_CTX *ctx, const struct tls_files *files, struct tls_problem *problem)
{
    if (!files->ca)
        return 0;
    if (check_readable(problem, TLS_FILE_CA, files->ca))
        return -EINVAL;
    if (SSL_CTX_load_verify_locations(ctx, files->ca, NULL) == 1)
        return 0;
    say_library(problem, TLS_FILE_CA, files->ca, "no usable certificate in it");
    return -EINVAL;
}

static void context_free(struct tls_context *context)
{
    SSL_CTX_free(context->ctx);
    BIO_meth_free(context->bio);
    free(context);
}

static struct tls_context *context_new(const SSL_METHOD *method, const struct tls_files *files,
                                       struct tls_problem *problem)
{
    struct tls_context *context = memory_zalloc(sizeof(*context));
    atomic_init(&context->references, 1);
    ERR_clear_error();
    context->ctx = SSL_CTX_new(method);
    context->bio = tls_bio_method();
    if (!context->ctx || !context->bio)
        abort(); /* out of memory: as everywhere */
    SSL_CTX_set_min_proto_version(context->ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(context->ctx, SSL_MODE_RELEASE_BUFFERS);
    /* Sessions are not resumed, as a server doesn't: nothing about a client is kept or sealed into
     * a ticket. */
    SSL_CTX_set_options(context->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context->ctx, 0);
    if (load_own(context->ctx, files, problem) || load_ca(context->ctx, files, problem)) {
        context_free(context);
        return NULL;
    }
    return context;
}

struct tls_context *tls_context_for_clients(const struct tls_files *files,
                                            struct tls_problem *problem)
{
    struct tls_context *context = context_new(TLS_server_method(), files, problem);
    if (!context || !files->ca)
        return context;
    SSL_CTX_set_client_CA_list(context->ctx, SSL_load_client_CA_file(files->ca));
    SSL_CTX_set_verify(context->ctx, SSL_VERIFY_PEER, NULL);
    return context;
}

struct tls_context *tls_context_for_servers(const struct tls_files *files, bool verify,
                                            struct tls_problem *problem)
{
    struct tls_context *context = context_new(TLS_client_method(), files, problem);
    if (!context || !verify)
        return context;
    context->verify = true;
    if (!files->ca)
        SSL_CTX_set_default_verify_paths(context->ctx);
    SSL_CTX_set_verify(context->ctx, SSL_VERIFY_PEER, NULL);
    return context;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (context && atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) == 1)
        context_free(context);
}
