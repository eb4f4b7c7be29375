/* Reading for `causeway binlog`: pieces of a file go through the log reader, events of a server
 * come one by one; both end in the printer, and its output on standard output. */
#include "proxy/binlog_source.h"

#include "binlog/log_reader.h"
#include "binlog/stream/dump.h"
#include "proxy/base/memory.h"
#include "proxy/config.h"
#include "router/cluster/address.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    READ_BYTES = 256 * 1024,
    WRITE_BYTES = 64 * 1024,
    KEEP_BYTES = 4 << 20, /* a larger buffer is given back once it is written */
    LOGIN_TIMEOUT_MS = 10000,
    HEARTBEAT_MS = 5000,
};

bool binlog_output_flush(struct binlog_output *output)
{
    size_t at = 0;

    while (at < output->pending.len && !output->closed && !output->failed) {
        ssize_t wrote = write(STDOUT_FILENO, output->pending.data + at, output->pending.len - at);
        if (wrote > 0) {
            at += (size_t)wrote;
        } else if (errno == EPIPE) {
            output->closed = true;
        } else if (errno != EINTR) {
            output->failed = true;
            fprintf(stderr, "causeway: standard output: %s\n", strerror(errno));
        }
    }
    output->pending.len = 0;
    if (output->pending.cap > KEEP_BYTES)
        buf_free(&output->pending);
    return !output->closed && !output->failed;
}

/* Prints one event; what has gathered is written. */
static int print(struct binlog_output *output, const struct binlog_event *event,
                 struct binlog_error *error)
{
    int result = printer_event(output->printer, event, &output->pending, error);

    if (output->pending.len >= WRITE_BYTES)
        binlog_output_flush(output);
    return result;
}

/* --- files --- */

static bool in_range(const struct binlog_range *range, const struct binlog_event *event)
{
    return event->offset >= range->start || event->payload == EVENT_PAYLOAD_FORMAT;
}

static bool past_range(const struct binlog_range *range, const struct binlog_event *event)
{
    return range->stop != 0 && event->offset >= range->stop;
}

/* Prints what was fed. 1: all of it; 0: the range has ended, or the output; or an error. */
static int print_fed(struct binlog_output *output, struct log_reader *reader,
                     const struct binlog_range *range, struct binlog_error *error)
{
    struct binlog_event event;
    int result;

    while ((result = log_reader_next(reader, &event, error)) > 0) {
        if (past_range(range, &event))
            return 0;
        if (in_range(range, &event))
            result = print(output, &event, error);
        if (result < 0 || output->closed || output->failed)
            return result < 0 ? result : 0;
    }
    return result < 0 ? result : 1;
}

static int read_failed(const char *path)
{
    fprintf(stderr, "causeway: %s: %s\n", path, strerror(errno));
    return -1;
}

static int read_pieces(struct binlog_output *output, const char *path, int fd,
                       struct log_reader *reader, const struct binlog_range *range)
{
    struct binlog_error error = {0};
    uint8_t *piece = memory_zalloc(READ_BYTES);
    ssize_t got = 0;
    int result = 1;

    while (result > 0 && (got = read(fd, piece, READ_BYTES)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        log_reader_feed(reader, span_of(piece, (size_t)got));
        result = print_fed(output, reader, range, &error);
    }
    free(piece);
    if (got < 0)
        return read_failed(path);
    if (result > 0)
        result = log_reader_end(reader, &error);
    if (result < 0)
        fprintf(stderr, "causeway: %s: %s%s\n", path, error.text,
                error.code == BINLOG_TRUNCATED && log_reader_in_use(reader)
                    ? " (the log is being written, or its server died)"
                    : "");
    return result < 0 ? -1 : 0;
}

int binlog_read_file(struct binlog_output *output, const char *path,
                     const struct binlog_range *range)
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *slash = strrchr(path, '/');
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct log_reader *reader;
    int result;

    if (fd < 0)
        return read_failed(path);
    printer_file(output->printer, span_text(is_stdin ? "" : slash ? slash + 1 : path));
    reader = log_reader_new(NULL);
    result = read_pieces(output, is_stdin ? "standard input" : path, fd, reader, range);
    log_reader_free(reader);
    if (!is_stdin)
        close(fd);
    return result;
}

/* --- a server --- */

struct server_reader {
    struct ev_loop *loop;
    struct binlog_output *output;
    const struct binlog_server *server;
    struct decoder *decoder;
    struct dump *dump;
    struct buf file; /* the log that the server stands in */
    int result;
};

static void stop(struct server_reader *reader, int result)
{
    reader->result = result;
    ev_break(reader->loop, EVBREAK_ALL);
}

static void complain(struct server_reader *reader, const char *text)
{
    fprintf(stderr, "causeway: server %s, log %.*s: %s\n", reader->server->name,
            (int)reader->file.len, reader->file.data ? (const char *)reader->file.data : "", text);
    stop(reader, -1);
}

/* What the server adds for the stream's sake is not part of its log; but the printers must know the
 * format and the file. */
static bool is_of_the_log(const struct binlog_event *event)
{
    if (event->payload == EVENT_PAYLOAD_HEARTBEAT)
        return false;
    if (event->payload == EVENT_PAYLOAD_FORMAT)
        return true;
    return event->header.end_pos != 0 && !(event->header.flags & EVENT_FLAG_ARTIFICIAL);
}

static int take_event(struct server_reader *reader, const struct binlog_event *event,
                      struct binlog_error *error)
{
    int result = is_of_the_log(event) ? print(reader->output, event, error) : 0;

    if (event->payload == EVENT_PAYLOAD_ROTATE) {
        reader->file.len = 0;
        buf_append_span(&reader->file, event->rotate.file);
        printer_file(reader->output->printer, event->rotate.file);
    }
    return result;
}

static void on_event(const struct dump_event *received, void *context)
{
    struct server_reader *reader = context;
    struct event_header header = event_header_parse(received->bytes.data);
    uint64_t offset = header.end_pos >= received->len ? header.end_pos - received->len : 0;
    struct binlog_error error = {0};
    struct binlog_event event;
    int result;

    if (reader->result != 0)
        return;
    result = decoder_event(reader->decoder, received->bytes, offset, &event, &error);
    if (result == 0)
        result = take_event(reader, &event, &error);
    while (result >= 0 && (result = decoder_inner(reader->decoder, &event, &error)) > 0)
        result = print(reader->output, &event, &error);
    if (result < 0)
        complain(reader, error.text);
    else if (reader->output->closed || reader->output->failed)
        stop(reader, 0);
}

static void on_batch(void *context)
{
    struct server_reader *reader = context;

    if (!binlog_output_flush(reader->output))
        stop(reader, 0);
}

static void on_ended(const struct dump_end *end, void *context)
{
    struct server_reader *reader = context;

    if (reader->result == 0 && end->kind == DUMP_END_OF_LOG)
        stop(reader, 0);
    else if (reader->result == 0)
        complain(reader, end->text);
}

static void on_signal(struct ev_loop *loop, struct ev_signal *watcher, int events)
{
    (void)watcher;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

/* An id that is most likely nobody's: servers are seldom given such high ones. */
static uint32_t random_id(void)
{
    uint32_t number = 0;

    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        number = (uint32_t)getpid();
    return number | UINT32_C(0x80000000);
}

static int dump_all(struct server_reader *reader, const struct service_login *login)
{
    const struct binlog_server *server = reader->server;
    const struct dump_settings settings = {
        .login = login,
        .server_id = server->server_id ? server->server_id : random_id(),
        .gtid_position = server->from ? server->from : "",
        .stop_at_end = !server->follow,
        .annotate = true,
        .heartbeat_ms = HEARTBEAT_MS,
        .whole_events = true,
        .event = on_event,
        .batch = on_batch,
        .ended = on_ended,
        .context = reader,
    };
    struct ev_signal interrupted;
    struct ev_signal terminated;

    ev_signal_init(&interrupted, on_signal, SIGINT);
    ev_signal_init(&terminated, on_signal, SIGTERM);
    ev_signal_start(reader->loop, &interrupted);
    ev_signal_start(reader->loop, &terminated);
    reader->dump = dump_open(reader->loop, &settings);
    ev_run(reader->loop, 0);
    dump_free(reader->dump);
    ev_signal_stop(reader->loop, &interrupted);
    ev_signal_stop(reader->loop, &terminated);
    return reader->result;
}

static const struct config_server *find_server(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->server_count; i++) {
        if (strcmp(config->servers[i].name, name) == 0)
            return &config->servers[i];
    }
    return NULL;
}

static struct config *load_config(const char *path)
{
    struct config_errors errors = {0};
    struct config *config = config_load(path, &errors);

    for (size_t i = 0; i < errors.count; i++)
        fprintf(stderr, "%s\n", errors.lines[i]);
    config_errors_free(&errors);
    return config;
}

static int read_configured(struct binlog_output *output, const struct binlog_server *server,
                           const struct config *config)
{
    const struct config_server *found = find_server(config, server->name);
    struct server_place place;
    struct server_reader reader = {.output = output, .server = server};
    struct service_login login = {
        .user = config->cluster_user,
        .password = config->cluster_password,
        .timeout_ms = LOGIN_TIMEOUT_MS,
    };
    int result;

    if (found == NULL) {
        fprintf(stderr, "causeway: %s has no [server:%s]\n", server->config, server->name);
        return -1;
    }
    if (server_place_parse(found->address, &place) < 0) {
        fprintf(stderr, "causeway: server %s: %s\n", server->name, place.error);
        return -1;
    }
    login.unix_path = place.unix_path[0] != '\0' ? place.unix_path : NULL;
    login.host = login.unix_path ? NULL : place.ip;
    login.port = place.port;
    reader.loop = ev_loop_new(EVFLAG_AUTO);
    reader.decoder = decoder_new(NULL);
    result = dump_all(&reader, &login);
    decoder_free(reader.decoder);
    ev_loop_destroy(reader.loop);
    buf_free(&reader.file);
    return result;
}

int binlog_read_server(struct binlog_output *output, const struct binlog_server *server)
{
    struct config *config = load_config(server->config);
    int result = config ? read_configured(output, server, config) : -1;

    if (config)
        config_unref(config);
    return result;
}
