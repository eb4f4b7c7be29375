/* The certificates and keys that proxy.ini names: see config_tls.h. They are read with the file, so
 * a reload takes new ones over together with it or not at all. */
#include "proxy/config_tls.h"

#include "proxy/config_secrets.h"
#include "proxy/net/tls.h"

#include <stdlib.h>

/* The keys that name the files of one use of TLS, in the order of enum tls_file. */
struct tls_keys {
    enum config_section section;
    const char *names[3];
    const char *paths[3]; /* as written; NULL: not there */
};

/* Paths beside proxy.ini; malloc'd, or NULL. */
static void find_files(const struct config_parse *parse, const struct tls_keys *keys,
                       char *found[3])
{
    for (unsigned i = 0; i < 3; i++)
        found[i] = keys->paths[i] ? config_path_beside(parse->config->path, keys->paths[i]) : NULL;
}

static int line_of(const struct config_parse *parse, const struct tls_keys *keys,
                   enum tls_file file)
{
    const struct config_part *part = config_parse_find(parse, keys->section, NULL);
    int line = config_part_line(part, keys->names[file]);
    /* A key in the certificate's file. */
    return line ? line : config_part_line(part, keys->names[TLS_FILE_CERT]);
}

static bool key_alone(struct config_parse *parse, const struct tls_keys *keys)
{
    if (!keys->paths[TLS_FILE_KEY] || keys->paths[TLS_FILE_CERT])
        return false;
    config_problem(&parse->problems, line_of(parse, keys, TLS_FILE_KEY), "`%s` without `%s`",
                   keys->names[TLS_FILE_KEY], keys->names[TLS_FILE_CERT]);
    return true;
}

static void load_for_clients(struct config_parse *parse)
{
    struct config *config = parse->config;
    struct tls_keys keys = {CONFIG_PROXY,
                            {"tls_cert", "tls_key", "tls_ca"},
                            {config->tls_cert, config->tls_key, config->tls_ca}};
    if (config->tls == TLS_OFF || key_alone(parse, &keys))
        return;
    if (!config->tls_cert) {
        config_problem(&parse->problems,
                       config_part_line(config_parse_find(parse, CONFIG_PROXY, NULL), "tls"),
                       "`tls` needs a certificate: `tls_cert`, and `tls_key` for its private key");
        return;
    }
    char *paths[3];
    struct tls_problem problem;
    find_files(parse, &keys, paths);
    struct tls_files files = {paths[0], paths[1], paths[2]};
    config->client_tls = tls_context_for_clients(&files, &problem);
    if (!config->client_tls)
        config_problem(&parse->problems, line_of(parse, &keys, problem.file), "%s %s",
                       keys.names[problem.file], problem.text);
    for (unsigned i = 0; i < 3; i++)
        free(paths[i]);
}

void config_tls_load(struct config_parse *parse)
{
    load_for_clients(parse);
}

void config_tls_release(struct config *config)
{
    tls_context_unref(config->client_tls);
}
