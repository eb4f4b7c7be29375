/* `causeway binlog`: options, the files beside the output, the exit code. */
#include "proxy/binlog_command.h"

#include "proxy/base/memory.h"
#include "proxy/binlog_source.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "causeway binlog [OPTION]... FILE...                    print binary log files; - is standard\n"
    "                                                       input\n"
    "causeway binlog [OPTION]... -c proxy.ini --server NAME print the log of a server of "
    "proxy.ini\n"
    "\n"
    "  --format=text   one line an event, rows below it (default)\n"
    "  --format=json   one object a transaction, one line each\n"
    "  --format=sql    statements that replay the log: | mariadb --binary-mode\n"
    "  --flashback     SQL that undoes the log instead, newest transaction first. Rows only: DDL,\n"
    "                  statements logged as such, and rows not logged whole are refused\n"
    "  --keep-gtids    SQL: transactions keep the GTIDs they have in the log\n"
    "  --load-files=FOLDER    SQL: the data of LOAD DATA statements is put there\n"
    "  --start-position=BYTE  of the first file: begin with the event there\n"
    "  --stop-position=BYTE   of the last file: end before the event there\n"
    "\n"
    "  --server NAME   read from that server, as a follower would, with [cluster] user\n"
    "  --from GTID     begin behind that position, a list of GTIDs; else with the server's first "
    "log\n"
    "  --follow        don't end where the log ends: wait for more\n"
    "  --server-id N   the id to log in with; must be no other follower's (default: a random one)\n"
    "\n"
    "Times are UTC. A log that is damaged or cut off is printed up to there; the error names the\n"
    "byte. Exit code 0; 1 where a log could not be read or printed to its end; 2 for misuse.\n";

struct options {
    enum print_format format;
    bool flashback;
    bool keep_gtids;
    const char *load_files;
    struct binlog_range range;
    struct binlog_server server;
};

/* --- files beside the output --- */

static int spool_write(struct span bytes, void *context)
{
    FILE *file = context;

    return fwrite(bytes.data, 1, bytes.len, file) == bytes.len ? 0 : -EIO;
}

static int spool_read(uint64_t offset, size_t len, struct buf *out, void *context)
{
    FILE *file = context;

    if (fseeko(file, (off_t)offset, SEEK_SET) != 0 ||
        fread(buf_reserve(out, len), 1, len, file) != len)
        return -EIO;
    out->len += len;
    return 0;
}

/* A temporary file without a name, in TMPDIR. */
static FILE *spool_open(void)
{
    const char *folder = getenv("TMPDIR");
    struct buf path = {0};
    FILE *file = NULL;
    int fd;

    buf_printf(&path, "%s/causeway-flashback-XXXXXX", folder && folder[0] ? folder : "/tmp");
    buf_append_u8(&path, '\0');
    fd = mkostemp((char *)path.data, O_CLOEXEC);
    if (fd >= 0) {
        unlink((const char *)path.data);
        file = fdopen(fd, "w+b");
    }
    if (file == NULL)
        fprintf(stderr, "causeway: no temporary file %s: %s\n", (const char *)path.data,
                strerror(errno));
    buf_free(&path);
    return file;
}

/* LOAD DATA files. An id of the log may come again in another file, so each gets a number. */
struct loads {
    char folder[PATH_MAX];
    struct load {
        uint32_t file_id;
        unsigned number;
    } * list;
    size_t count;
    unsigned numbers;
};

static struct load *load_find(struct loads *loads, uint32_t file_id)
{
    for (size_t i = 0; i < loads->count; i++) {
        if (loads->list[i].file_id == file_id)
            return &loads->list[i];
    }
    loads->list = memory_resize(loads->list, (loads->count + 1) * sizeof(*loads->list));
    loads->list[loads->count] = (struct load){.file_id = file_id};
    return &loads->list[loads->count++];
}

static void load_path(uint32_t file_id, struct buf *out, void *context)
{
    struct loads *loads = context;

    buf_printf(out, "%s/load-%u", loads->folder, load_find(loads, file_id)->number);
}

static int load_write(uint32_t file_id, bool begins, struct span data, void *context)
{
    struct loads *loads = context;
    struct buf path = {0};
    FILE *file;
    int result = 0;

    if (begins)
        load_find(loads, file_id)->number = ++loads->numbers;
    load_path(file_id, &path, loads);
    buf_append_u8(&path, '\0');
    file = fopen((const char *)path.data, begins ? "wxe" : "ae");
    if (file == NULL || fwrite(data.data, 1, data.len, file) != data.len)
        result = -1;
    if (file != NULL && fclose(file) != 0)
        result = -1;
    if (result < 0)
        fprintf(stderr, "causeway: %s: %s\n", (const char *)path.data, strerror(errno));
    buf_free(&path);
    return result;
}

/* --- the run --- */

/* Prints what stands behind everything. */
static int finish(struct binlog_output *output)
{
    struct binlog_error error = {0};
    int result;

    do {
        result = printer_end(output->printer, &output->pending, &error);
        if (result < 0)
            fprintf(stderr, "causeway: %s\n", error.text);
        if (!binlog_output_flush(output))
            return output->closed ? 0 : -1;
    } while (result > 0);
    return result;
}

static int read_all(struct binlog_output *output, const struct options *options, int count,
                    char **paths)
{
    struct binlog_range range;

    if (options->server.name != NULL)
        return binlog_read_server(output, &options->server);
    for (int i = 0; i < count; i++) {
        range.start = i == 0 ? options->range.start : 0;
        range.stop = i == count - 1 ? options->range.stop : 0;
        if (binlog_read_file(output, paths[i], &range) < 0)
            return -1;
        if (output->closed || output->failed)
            break;
    }
    return 0;
}

static int print_all(const struct options *options, int count, char **paths, FILE *temporary,
                     struct loads *loads)
{
    const struct print_spool spool = {spool_write, spool_read, temporary};
    const struct print_loads load_files = {load_write, load_path, loads};
    const struct print_settings settings = {
        .format = options->format,
        .flashback = options->flashback,
        .keep_gtids = options->keep_gtids,
        .spool = &spool,
        .loads = options->load_files ? &load_files : NULL,
    };
    struct binlog_output output = {.printer = printer_new(&settings)};
    int result;

    signal(SIGPIPE, SIG_IGN); /* a closed pipe is EPIPE, here and in the client library */
    printer_begin(output.printer, &output.pending);
    result = read_all(&output, options, count, paths);
    if (!output.closed && !output.failed && finish(&output) < 0)
        result = -1;
    if (output.failed)
        result = -1;
    printer_free(output.printer);
    buf_free(&output.pending);
    return result < 0 ? 1 : 0;
}

static int run(const struct options *options, int count, char **paths)
{
    FILE *temporary = NULL;
    struct loads loads = {0};
    int code = 1;

    if (options->load_files && realpath(options->load_files, loads.folder) == NULL) {
        fprintf(stderr, "causeway: %s: %s\n", options->load_files, strerror(errno));
        return 1;
    }
    if (options->flashback)
        temporary = spool_open();
    if (!options->flashback || temporary != NULL)
        code = print_all(options, count, paths, temporary, &loads);
    if (temporary != NULL)
        fclose(temporary);
    free(loads.list);
    return code;
}

/* --- options --- */

static int misuse(const char *what)
{
    fprintf(stderr, "causeway binlog: %s\n\n%s", what, usage);
    return 2;
}

static bool number_parse(const char *text, uint64_t max, uint64_t *out)
{
    char *end;
    unsigned long long number;

    errno = 0;
    number = strtoull(text, &end, 10);
    *out = number;
    return errno == 0 && end != text && *end == '\0' && text[0] != '-' && number <= max;
}

static bool format_parse(const char *text, enum print_format *format)
{
    if (strcmp(text, "text") == 0)
        *format = PRINT_TEXT;
    else if (strcmp(text, "json") == 0)
        *format = PRINT_JSON;
    else if (strcmp(text, "sql") == 0)
        *format = PRINT_SQL;
    else
        return false;
    return true;
}

enum option_code {
    OPTION_HELP = 'h',
    OPTION_CONFIG = 'c',
    OPTION_FORMAT = 256,
    OPTION_FLASHBACK,
    OPTION_KEEP_GTIDS,
    OPTION_LOAD_FILES,
    OPTION_START,
    OPTION_STOP,
    OPTION_SERVER,
    OPTION_FROM,
    OPTION_FOLLOW,
    OPTION_SERVER_ID,
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"flashback", no_argument, NULL, OPTION_FLASHBACK},
    {"keep-gtids", no_argument, NULL, OPTION_KEEP_GTIDS},
    {"load-files", required_argument, NULL, OPTION_LOAD_FILES},
    {"start-position", required_argument, NULL, OPTION_START},
    {"stop-position", required_argument, NULL, OPTION_STOP},
    {"server", required_argument, NULL, OPTION_SERVER},
    {"from", required_argument, NULL, OPTION_FROM},
    {"follow", no_argument, NULL, OPTION_FOLLOW},
    {"server-id", required_argument, NULL, OPTION_SERVER_ID},
    {NULL, 0, NULL, 0},
};

/* What is wrong with the option, NULL when nothing is. */
static const char *option_take(struct options *options, int option, const char *value)
{
    uint64_t number;

    switch (option) {
    case OPTION_CONFIG: options->server.config = value; return NULL;
    case OPTION_FORMAT:
        return format_parse(value, &options->format) ? NULL : "the format is text, json or sql";
    case OPTION_FLASHBACK: options->flashback = true; return NULL;
    case OPTION_KEEP_GTIDS: options->keep_gtids = true; return NULL;
    case OPTION_LOAD_FILES: options->load_files = value; return NULL;
    case OPTION_START:
        return number_parse(value, UINT64_MAX, &options->range.start) ? NULL
                                                                      : "a position is a number";
    case OPTION_STOP:
        return number_parse(value, UINT64_MAX, &options->range.stop) ? NULL
                                                                     : "a position is a number";
    case OPTION_SERVER: options->server.name = value; return NULL;
    case OPTION_FROM: options->server.from = value; return NULL;
    case OPTION_FOLLOW: options->server.follow = true; return NULL;
    case OPTION_SERVER_ID:
        if (!number_parse(value, UINT32_MAX, &number) || number == 0)
            return "a server id is a number from 1 to 4294967295";
        options->server.server_id = (uint32_t)number;
        return NULL;
    default: return "the command line is not understood";
    }
}

/* What doesn't go together, NULL when all does. */
static const char *options_judge(const struct options *options, int files)
{
    const struct binlog_server *server = &options->server;

    if (server->name != NULL && server->config == NULL)
        return "--server needs -c proxy.ini";
    if (server->name != NULL && files > 0)
        return "either files or --server";
    if (server->name == NULL && files == 0)
        return "no log file given";
    if (server->name == NULL && (server->from || server->follow || server->config))
        return "-c, --from and --follow are for --server";
    if (server->name != NULL && (options->range.start || options->range.stop))
        return "--start-position and --stop-position are for files";
    if (options->flashback && options->format != PRINT_SQL)
        return "--flashback goes with --format=sql";
    if (options->flashback && (options->keep_gtids || server->follow))
        return "--flashback goes with neither --keep-gtids nor --follow";
    return NULL;
}

int binlog_command(int argc, char **argv)
{
    struct options options = {.format = PRINT_TEXT};
    const char *wrong = NULL;
    int option;

    opterr = 0;
    while (wrong == NULL && (option = getopt_long(argc, argv, "hc:", long_options, NULL)) != -1) {
        if (option == OPTION_HELP) {
            fputs(usage, stdout);
            return 0;
        }
        wrong = option_take(&options, option, optarg);
    }
    if (wrong == NULL)
        wrong = options_judge(&options, argc - optind);
    return wrong ? misuse(wrong) : run(&options, argc - optind, argv + optind);
}
