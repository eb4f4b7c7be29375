/* The certificates and keys that proxy.ini names: see config_tls.h. They are read with the file, so
 * a reload takes new ones over together with it or not at all. */
#include "proxy/config_tls.h"

#include "proxy/config_secrets.h"
#include "proxy/net/tls.h"

#include <stdlib.h>

enum { FILES = TLS_FILE_CA + 1 };

/* One use of TLS: the keys that name its files, in the order of enum tls_file, and what they hold.
 */
struct papers {
    const struct config_part *part;
    const char *keys[FILES];
    const char *written[FILES]; /* NULL: not there */
    char *paths[FILES];
};

/* The files beside proxy.ini. False: a key stands without its certificate. */
static bool papers_find(struct config_parse *parse, struct papers *papers, struct tls_files *files)
{
    for (unsigned i = 0; i < FILES; i++)
        if (papers->written[i])
            papers->paths[i] = config_path_beside(parse->config->path, papers->written[i]);
    *files = (struct tls_files){papers->paths[TLS_FILE_CERT], papers->paths[TLS_FILE_KEY],
                                papers->paths[TLS_FILE_CA]};
    if (!files->key || files->cert)
        return true;
    config_problem(&parse->problems, config_part_line(papers->part, papers->keys[TLS_FILE_KEY]),
                   "`%s` without `%s`", papers->keys[TLS_FILE_KEY], papers->keys[TLS_FILE_CERT]);
    return false;
}

/* `context` NULL: says what was wrong. */
static void papers_done(struct config_parse *parse, struct papers *papers,
                        const struct tls_context *context, const struct tls_problem *problem)
{
    if (!context && problem->text[0]) {
        int line = config_part_line(papers->part, papers->keys[problem->file]);
        /* A private key in the certificate's file. */
        line = line ? line : config_part_line(papers->part, papers->keys[TLS_FILE_CERT]);
        config_problem(&parse->problems, line, "%s %s", papers->keys[problem->file], problem->text);
    }
    for (unsigned i = 0; i < FILES; i++)
        free(papers->paths[i]);
}

static void load_for_clients(struct config_parse *parse)
{
    struct config *config = parse->config;
    struct papers papers = {.part = config_parse_find(parse, CONFIG_PROXY, NULL),
                            .keys = {"tls_cert", "tls_key", "tls_ca"},
                            .written = {config->tls_cert, config->tls_key, config->tls_ca}};
    struct tls_problem problem = {0};
    struct tls_files files;
    if (config->tls == TLS_OFF)
        return;
    if (!config->tls_cert)
        config_problem(&parse->problems, config_part_line(papers.part, "tls"),
                       "`tls` needs a certificate: `tls_cert`, and `tls_key` for its private key");
    else if (papers_find(parse, &papers, &files))
        config->client_tls = tls_context_for_clients(&files, &problem);
    papers_done(parse, &papers, config->client_tls, &problem);
}

static void load_for_servers(struct config_parse *parse)
{
    struct config *config = parse->config;
    struct papers papers = {
        .part = config_parse_find(parse, CONFIG_CLUSTER, NULL),
        .keys = {"server_cert", "server_key", "server_ca"},
        .written = {config->server_cert, config->server_key, config->server_ca}};
    struct tls_problem problem = {0};
    struct tls_files files;
    if (config->server_tls == SERVER_TLS_OFF)
        return;
    if (papers_find(parse, &papers, &files))
        config->server_context =
            tls_context_for_servers(&files, config->server_tls == SERVER_TLS_VERIFY, &problem);
    /* The control connections' library reads them by itself. */
    memcpy(config->server_paths, papers.paths, sizeof(papers.paths));
    memset(papers.paths, 0, sizeof(papers.paths));
    papers_done(parse, &papers, config->server_context, &problem);
}

static void load_for_user(struct config_parse *parse, struct config_user *user)
{
    struct config *config = parse->config;
    struct papers papers = {.part = config_parse_find(parse, CONFIG_USER, user->name),
                            .keys = {"server_cert", "server_key", "server_ca"},
                            .written = {user->server_cert, user->server_key, config->server_ca}};
    struct tls_problem problem = {0};
    struct tls_files files;
    if (!user->server_cert && !user->server_key)
        return;
    if (config->server_tls == SERVER_TLS_OFF)
        config_problem(&parse->problems, config_part_line(papers.part, "server_cert"),
                       "`server_cert` needs `server_tls` in [cluster]");
    else if (papers_find(parse, &papers, &files))
        user->context =
            tls_context_for_servers(&files, config->server_tls == SERVER_TLS_VERIFY, &problem);
    if (problem.file == TLS_FILE_CA)
        problem.text[0] = '\0'; /* said at [cluster] */
    papers_done(parse, &papers, user->context, &problem);
}

void config_tls_load(struct config_parse *parse)
{
    load_for_clients(parse);
    load_for_servers(parse);
    for (size_t i = 0; i < parse->config->user_count; i++)
        load_for_user(parse, &parse->config->users[i]);
}

void config_tls_release(struct config *config)
{
    tls_context_unref(config->client_tls);
    tls_context_unref(config->server_context);
    for (unsigned i = 0; i < FILES; i++)
        free(config->server_paths[i]);
    for (size_t i = 0; i < config->user_count; i++)
        tls_context_unref(config->users[i].context);
}
