/* Passwords of proxy.ini: see config_secrets.h. */
#include "proxy/config_secrets.h"

#include "proxy/base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

char *config_path_beside(const char *ini_path, const char *path)
{
    const char *slash = strrchr(ini_path, '/');
    struct buf full = {0};
    if (path[0] != '/' && slash)
        buf_append(&full, ini_path, (size_t)(slash - ini_path) + 1);
    buf_append(&full, path, strlen(path) + 1);
    return (char *)full.data;
}

/* The first line into `line`; NULL, or what is wrong with the file. */
static const char *read_first_line(FILE *file, char *line, size_t size)
{
    struct stat info;
    if (fstat(fileno(file), &info) < 0)
        return strerror(errno);
    if (S_ISDIR(info.st_mode))
        return "it is a folder";
    if (info.st_mode & (S_IROTH | S_IWOTH))
        return "every user of this machine can read or write it; use chmod 640 or 600";
    if (!fgets(line, (int)size, file))
        return ferror(file) ? strerror(errno) : "it is empty";
    size_t len = strcspn(line, "\r\n");
    if (len == size - 1)
        return "its first line is too long";
    line[len] = '\0';
    return len > 0 ? NULL : "its first line is empty";
}

static void read_password_file(struct config_parse *parse, const struct config_part *part,
                               const char *key, const char *path, char **password)
{
    char line[514]; /* the longest password, a line end and a NUL */
    char *full = config_path_beside(parse->config->path, path);
    FILE *file = fopen(full, "re");
    const char *why = file ? read_first_line(file, line, sizeof(line)) : strerror(errno);
    if (why)
        config_problem(&parse->problems, config_part_line(part, key), "%s %s: %s", key,
                       config_quote(full).text, why);
    else
        *password = memory_strdup(line);
    if (file)
        fclose(file);
    free(full);
    memory_wipe(line, sizeof(line));
}

bool config_check_password(struct config_parse *parse, enum config_section section, const char *key,
                           const char *file_key, const char *path, char **password)
{
    struct config_part *part = config_parse_find(parse, section, NULL);
    int line = config_part_line(part, key);
    int file_line = config_part_line(part, file_key);
    if (line && file_line)
        config_problem(&parse->problems, line > file_line ? line : file_line,
                       "`%s` and `%s` are both there; leave one out", key, file_key);
    else if (file_line && path)
        read_password_file(parse, part, file_key, path, password);
    return line || file_line;
}

static void read_password_env(struct config_parse *parse, const struct config_part *part,
                              const char *name, char **password)
{
    const char *value = getenv(name);
    if (value && value[0])
        *password = memory_strdup(value);
    else
        config_problem(&parse->problems, config_part_line(part, "password_env"),
                       "password_env: the environment has no %s, or an empty one",
                       config_quote(name).text);
}

void config_check_user_password(struct config_parse *parse, const struct config_part *part,
                                struct config_user *user)
{
    int given = !!config_part_line(part, "password") + !!config_part_line(part, "password_file") +
                !!config_part_line(part, "password_env");
    bool needed = !config_part_line(part, "server_cert"); /* else the section is there for that */
    if (given > 1 || (needed && given == 0)) {
        config_problem(&parse->problems, part->line,
                       "[user:%s] needs exactly one of `password`, `password_file` and "
                       "`password_env`",
                       part->name);
        return;
    }
    if (user->password_file)
        read_password_file(parse, part, "password_file", user->password_file, &user->password);
    if (user->password_env)
        read_password_env(parse, part, user->password_env, &user->password);
}
