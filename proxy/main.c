/* The process: its command line. */
#include "proxy/binlog_command.h"
#include "proxy/config.h"
#include "proxy/control.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "causeway " CAUSEWAY_VERSION ", a replication proxy for MariaDB and MySQL\n"
    "\n"
    "  causeway [run] -c proxy.ini   run in the foreground, log to standard error\n"
    "  causeway check proxy.ini      say what is wrong with a configuration, all at once\n"
    "  causeway binlog FILE...       print a binary log; causeway binlog --help tells more\n"
    "  causeway --version\n"
    "  causeway --help\n"
    "\n"
    "SIGHUP reads proxy.ini again, SIGTERM finishes open transactions and leaves.\n";

static struct config *load(const char *path)
{
    struct config_errors errors = {0};
    struct config *config = config_load(path, &errors);
    for (size_t i = 0; i < errors.count; i++)
        fprintf(stderr, "%s\n", errors.lines[i]);
    config_errors_free(&errors);
    return config;
}

static int check(const char *path)
{
    struct config *config = load(path);
    if (!config)
        return 1;
    printf("%s is in order: %zu servers, %zu rules\n", path, config->server_count,
           rules_count(config->rules));
    config_unref(config);
    return 0;
}

static int run(const char *path)
{
    struct config *config = load(path);
    return config ? control_run(config) : 1;
}

static int misuse(const char *what)
{
    fprintf(stderr, "causeway: %s\n\n%s", what, usage);
    return 2;
}

int main(int argc, char **argv)
{
    int at = 1;
    if (at < argc && (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    if (at < argc && strcmp(argv[at], "--version") == 0) {
        puts("causeway " CAUSEWAY_VERSION);
        return 0;
    }
    if (at < argc && strcmp(argv[at], "check") == 0)
        return argc == 3 ? check(argv[2]) : misuse("check takes one file");
    if (at < argc && strcmp(argv[at], "binlog") == 0)
        return binlog_command(argc - at, argv + at);
    if (at < argc && strcmp(argv[at], "run") == 0)
        at++;
    if (argc - at == 2 && strcmp(argv[at], "-c") == 0)
        return run(argv[at + 1]);
    return misuse(argc == 1 ? "no configuration given" : "the command line is not understood");
}
