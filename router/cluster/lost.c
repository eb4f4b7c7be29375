/* Saving and undoing what was lost: see lost.h. The log is read and turned into SQL by `causeway
 * binlog`, this program itself, as a process of its own. */
#include "router/cluster/lost.h"

#include "proxy/base/buf.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_ROOM = 4096, UNDO_MS = 600000, LOOK_EVERY_MS = 5 };

static const char delimiter[] = "/*!*/;\n";

extern char **environ;

/* Runs `causeway binlog …` into a file; 0, or its exit status, or -1. */
static int binlog_run(struct operation *operation, char *const arguments[], const char *path)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status = -1;
    const bool never = false;
    uint64_t until_ms = clock_now_ms() + UNDO_MS;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, path, O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    if (posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ) != 0)
        child = -1;
    posix_spawn_file_actions_destroy(&actions);
    if (child < 0)
        return -1;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (atomic_load(&operation->cancelled) || clock_now_ms() >= until_ms) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return -1;
        }
        crew_wait(operation->crew, &never, LOOK_EVERY_MS);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Written beside, then renamed: a file in lost/ is whole. */
static bool log_write(struct operation *operation, unsigned server, char *from, bool undo,
                      const char *path)
{
    struct operation_order *order = operation->order;
    char part[PATH_ROOM];
    char *arguments[] = {"causeway",
                         "binlog",
                         "--format=sql",
                         "-c",
                         order->settings.config_path,
                         "--server",
                         order->servers[server].name,
                         "--from",
                         from,
                         undo ? "--flashback" : NULL,
                         NULL};
    int status;

    snprintf(part, sizeof(part), "%.4000s.part", path);
    status = binlog_run(operation, arguments, part);
    if (status == 0 && rename(part, path) == 0)
        return true;
    unlink(part);
    return operation_fails(operation, "the log of %s behind %s can't be %s (causeway binlog: %d)",
                           order->servers[server].name, from, undo ? "undone" : "saved", status);
}

/* state_dir/lost/db1_0-1-17.sql: what db1 had behind that position. */
static bool path_make(struct operation *operation, unsigned server, const char *from,
                      const char *suffix, char path[PATH_ROOM])
{
    const char *folder = operation->order->settings.state_dir;

    if (folder == NULL)
        return operation_fails(operation, "there is no place to save it: state_dir is not set");
    snprintf(path, PATH_ROOM, "%s/lost", folder);
    if ((mkdir(folder, 0700) != 0 && errno != EEXIST) ||
        (mkdir(path, 0700) != 0 && errno != EEXIST))
        return operation_fails(operation, "%s: %s", path, strerror(errno));
    snprintf(path, PATH_ROOM, "%s/lost/%s_%s%s", folder, operation_name(operation, server),
             from[0] != '\0' ? from : "0", suffix);
    return true;
}

static bool file_read(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "re");
    char piece[65536];
    size_t len;

    if (file == NULL)
        return false;
    while ((len = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_append(out, piece, len);
    bool whole = ferror(file) == 0;
    fclose(file);
    buf_append_u8(out, 0);
    return whole;
}

static void row_ignore(const struct service_reply *row, void *context)
{
    (void)row;
    (void)context;
}

/* The statement behind its comment lines. */
static const char *words_of(const char *statement)
{
    while (*statement == '#' && strchr(statement, '\n') != NULL)
        statement = strchr(statement, '\n') + 1;
    return statement;
}

/* What stands between the delimiters of such a file, statement by statement, as one transaction. */
static bool file_apply(struct operation *operation, unsigned server, char *text)
{
    char *at = strstr(text, "DELIMITER /*!*/;\n");
    char *end;

    if (at == NULL)
        return operation_fails(operation, "nothing to undo was found");
    for (at += strlen("DELIMITER /*!*/;\n"); (end = strstr(at, delimiter)) != NULL;
         at = end + strlen(delimiter)) {
        const char *words = words_of(at);

        *end = '\0';
        if (strncmp(words, "START TRANSACTION", 17) == 0 || strncmp(words, "COMMIT", 6) == 0)
            continue;
        if (crew_rows(operation->crew, server, UNDO_MS, row_ignore, NULL, at) != 0)
            return operation_fails(operation, "%s: what was lost can't be undone: %s",
                                   operation_name(operation, server), crew_why(operation->crew));
    }
    return true;
}

static bool undo(struct operation *operation, unsigned server, const char *path)
{
    struct buf text = {0};
    bool done;

    if (crew_run(operation->crew, server, STATEMENT_MS,
                 "SET SESSION sql_log_bin = 0, pseudo_slave_mode = 1") != 0)
        return operation_fails(operation, "%s: %s", operation_name(operation, server),
                               crew_why(operation->crew));
    done = file_read(path, &text) &&
           crew_run(operation->crew, server, STATEMENT_MS, "START TRANSACTION") == 0 &&
           file_apply(operation, server, (char *)text.data);
    if (crew_run(operation->crew, server, UNDO_MS, done ? "COMMIT" : "ROLLBACK") != 0 && done)
        done = operation_fails(operation, "%s: %s", operation_name(operation, server),
                               crew_why(operation->crew));
    buf_free(&text);
    crew_run(operation->crew, server, STATEMENT_MS,
             "SET SESSION pseudo_slave_mode = 0, sql_log_bin = 1");
    return done;
}

static bool log_reset(struct operation *operation, unsigned server, const char *state,
                      const char *position)
{
    if (crew_run(operation->crew, server, STATEMENT_MS, "RESET MASTER") == 0 &&
        crew_run(operation->crew, server, STATEMENT_MS, "SET GLOBAL gtid_binlog_state = '%s'",
                 state) == 0 &&
        crew_run(operation->crew, server, STATEMENT_MS, "SET GLOBAL gtid_slave_pos = '%s'",
                 position) == 0)
        return true;
    return operation_fails(operation, "%s: its position can't be set back: %s",
                           operation_name(operation, server), crew_why(operation->crew));
}

bool lost_settle(struct operation *operation, unsigned server, const char *mine,
                 const char *leaders)
{
    struct gtid_vector common;
    char state[HISTORY_MAX];
    char from[GTID_DOMAINS_MAX * GTID_TEXT_MAX];
    char saved[PATH_ROOM];
    char undoing[PATH_ROOM];
    char done[PATH_ROOM];

    if (history_fork(mine, leaders, &common, state) != 0)
        return operation_fails(operation, "its history can't be read");
    gtid_vector_print(&common, from, sizeof(from));
    if (!operation_step(operation, "save") || !path_make(operation, server, from, ".sql", saved) ||
        !path_make(operation, server, from, ".undo", undoing) ||
        !log_write(operation, server, from, false, saved))
        return false;
    log_error("lost: what %s had behind %s is in no other server's log; it is saved as %s",
              operation_name(operation, server), from, saved);
    if (!operation_step(operation, "undo") || !log_write(operation, server, from, true, undoing))
        return false;
    /* It stays until the log is set back: what is undone is not undone twice. */
    snprintf(done, sizeof(done), "%.4000s.done", undoing);
    if (access(done, F_OK) != 0 &&
        (!undo(operation, server, undoing) || rename(undoing, done) != 0))
        return false;
    if (!log_reset(operation, server, state, from))
        return false;
    unlink(done);
    unlink(undoing);
    return true;
}
