/* causeway_record: the program. `setup` makes the tables on the leader, `run` starts the clients.
 *
 *   causeway_record setup WORKLOAD --socket PATH
 *   causeway_record run WORKLOAD --port P[,P…] --folder DIR [--seconds N] [--reads N]
 *       [--most-seconds N] [--clients N] [--connections N] [--identity key|account|token]
 * [--domains] [--plain] [--user U --password P]
 *
 * Prints the number of reads. Histories are in DIR/client-N.history. */
#include "tests/consistency/record.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proxy/base/memory.h"

enum { CLIENTS_MAX = 16 };

static const struct workload *const workloads[] = {
    &workload_own,  &workload_monotonic, &workload_causes,  &workload_fork,
    &workload_bank, &workload_list,      &workload_register};

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("causeway_record: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

/* --- what the clients use --- */

bool client_goes_on(const struct client *client)
{
    return !atomic_load_explicit(&client->shared->stop, memory_order_relaxed);
}

uint32_t client_random(struct client *client, uint32_t below)
{
    uint64_t x = client->random; /* xorshift64* */
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    client->random = x;
    return below ? (uint32_t)((x * 2685821657736338717u) >> 33) % below : 0;
}

void client_pause(struct client *client, uint32_t below_us)
{
    struct timespec pause = {.tv_nsec = (long)client_random(client, below_us) * 1000};
    nanosleep(&pause, NULL);
}

void setup_sql(MYSQL *leader, const char *sql)
{
    if (mysql_query(leader, sql) != 0)
        die("%s: %s", sql, mysql_error(leader));
}

void setup_format(MYSQL *leader, const char *format, ...)
{
    char sql[2 * SQL_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(sql, sizeof(sql), format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof(sql))
        die("too long: %s", format);
    setup_sql(leader, sql);
}

/* --- options --- */

static const struct workload *workload_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
        if (strcmp(workloads[i]->name, name) == 0)
            return workloads[i];
    die("there is no workload '%s'", name);
}

static uint64_t number_of(const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || end == text || *end || number < least || number > most)
        die("'%s' is not a number from %" PRIu64 " to %" PRIu64, text, least, most);
    return number;
}

static void ports_read(struct options *options, char *text)
{
    char *rest = NULL;
    for (char *part = strtok_r(text, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
        if (options->port_count == ENDPOINTS_MAX)
            die("at most %d ports", ENDPOINTS_MAX);
        options->ports[options->port_count++] = (unsigned)number_of(part, 1, 65535);
    }
}

static enum identity identity_of(const char *name)
{
    if (strcmp(name, "none") == 0)
        return IDENTITY_NONE;
    if (strcmp(name, "key") == 0)
        return IDENTITY_KEY;
    if (strcmp(name, "account") == 0)
        return IDENTITY_ACCOUNT;
    if (strcmp(name, "token") == 0)
        return IDENTITY_TOKEN;
    die("there is no identity '%s'", name);
}

enum option_index {
    OPTION_PORT,
    OPTION_FOLDER,
    OPTION_SECONDS,
    OPTION_READS,
    OPTION_MOST,
    OPTION_CLIENTS,
    OPTION_CONNECTIONS,
    OPTION_IDENTITY,
    OPTION_DOMAINS,
    OPTION_PLAIN,
    OPTION_USER,
    OPTION_PASSWORD,
    OPTION_SOCKET,
};

static const struct option_name {
    const char *name;
    int argument;
} names[] = {
    [OPTION_PORT] = {"port", required_argument},
    [OPTION_FOLDER] = {"folder", required_argument},
    [OPTION_SECONDS] = {"seconds", required_argument},
    [OPTION_READS] = {"reads", required_argument},
    [OPTION_MOST] = {"most-seconds", required_argument},
    [OPTION_CLIENTS] = {"clients", required_argument},
    [OPTION_CONNECTIONS] = {"connections", required_argument},
    [OPTION_IDENTITY] = {"identity", required_argument},
    [OPTION_DOMAINS] = {"domains", no_argument},
    [OPTION_PLAIN] = {"plain", no_argument},
    [OPTION_USER] = {"user", required_argument},
    [OPTION_PASSWORD] = {"password", required_argument},
    [OPTION_SOCKET] = {"socket", required_argument},
};

enum { OPTION_COUNT = sizeof(names) / sizeof(names[0]) };

static void option_take(struct options *options, const char **unix_socket, enum option_index which,
                        char *value)
{
    switch (which) {
    case OPTION_PORT: ports_read(options, value); break;
    case OPTION_FOLDER: options->folder = value; break;
    case OPTION_SECONDS: options->seconds = (unsigned)number_of(value, 1, 86400); break;
    case OPTION_READS: options->reads = number_of(value, 1, UINT64_MAX); break;
    case OPTION_MOST: options->most_seconds = (unsigned)number_of(value, 1, 86400); break;
    case OPTION_CLIENTS: options->clients = (unsigned)number_of(value, 1, CLIENTS_MAX); break;
    case OPTION_CONNECTIONS:
        options->connections = (unsigned)number_of(value, 1, CONNECTIONS_MAX);
        break;
    case OPTION_IDENTITY: options->identity = identity_of(value); break;
    case OPTION_DOMAINS: options->domains = true; break;
    case OPTION_PLAIN: options->plain = true; break;
    case OPTION_USER: options->user = value; break;
    case OPTION_PASSWORD: options->password = value; break;
    case OPTION_SOCKET: *unix_socket = value; break;
    }
}

static void options_read(int count, char **arguments, struct options *options,
                         const char **unix_socket)
{
    struct option known[OPTION_COUNT + 1];
    memset(known, 0, sizeof(known));
    for (int i = 0; i < OPTION_COUNT; i++)
        known[i] = (struct option){names[i].name, names[i].argument, NULL, i + 1};
    for (int found; (found = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        if (found == '?')
            exit(2);
        option_take(options, unix_socket, (enum option_index)(found - 1), optarg);
    }
    if (optind != count - 2)
        die("usage: causeway_record setup|run WORKLOAD [options]");
    options->workload = workload_by_name(arguments[optind + 1]);
}

/* --- the two commands --- */

static void setup(const struct options *options, const char *unix_socket)
{
    if (!unix_socket)
        die("setup needs --socket");
    MYSQL *leader = mysql_init(NULL);
    if (!mysql_real_connect(leader, NULL, "root", NULL, NULL, 0, unix_socket, 0))
        die("%s: %s", unix_socket, mysql_error(leader));
    options->workload->setup(leader);
    mysql_close(leader);
}

static void client_begin(struct client *client, struct shared *shared, unsigned number)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/client-%u.history", shared->options.folder, number);
    *client = (struct client){.shared = shared, .number = number, .user = number, .last = -1};
    if (client_has_twin(client))
        client->user = number / 2; /* two clients, one user */
    client->random = now_ns() * 2 + 1 + number * 7919u;
    client->history = fopen(path, "we");
    if (!client->history)
        die("%s: %s", path, strerror(errno));
}

static void *client_thread(void *argument)
{
    struct client *client = argument;
    mysql_thread_init();
    client->shared->options.workload->client(client);
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        connection_close(&client->connections[i]);
    mysql_thread_end();
    return NULL;
}

static void wait_for_end(struct shared *shared)
{
    const struct options *options = &shared->options;
    uint64_t start_ns = now_ns();
    uint64_t least_ns = (uint64_t)options->seconds * 1000000000u;
    uint64_t most_ns = (uint64_t)options->most_seconds * 1000000000u;
    struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    for (;;) {
        uint64_t passed_ns = now_ns() - start_ns;
        bool enough = atomic_load(&shared->reads) >= options->reads || passed_ns >= most_ns;
        if (passed_ns >= least_ns && enough)
            break;
        nanosleep(&pause, NULL);
    }
    atomic_store(&shared->stop, true);
}

static void run(const struct options *options)
{
    pthread_t threads[CLIENTS_MAX];
    if (options->port_count == 0 || !options->folder)
        die("run needs --port and --folder");
    struct shared *shared = memory_zalloc(sizeof(*shared));
    struct client *clients = memory_zalloc(options->clients * sizeof(*clients));
    shared->options = *options;
    for (unsigned i = 0; i < options->clients; i++)
        client_begin(&clients[i], shared, i);
    for (unsigned i = 0; i < options->clients; i++)
        if (pthread_create(&threads[i], NULL, client_thread, &clients[i]) != 0)
            die("no thread to be had");
    wait_for_end(shared);
    for (unsigned i = 0; i < options->clients; i++) {
        pthread_join(threads[i], NULL);
        if (fclose(clients[i].history) != 0)
            die("a history could not be written: %s", strerror(errno));
    }
    printf("%" PRIu64 "\n", atomic_load(&shared->reads));
    free(clients);
    free(shared);
}

int main(int count, char **arguments)
{
    struct options options = {.host = "127.0.0.1",
                              .user = "app",
                              .password = "app-demo",
                              .clients = 6,
                              .connections = 1,
                              .seconds = 10,
                              .most_seconds = 600};
    const char *unix_socket = NULL;
    mysql_library_init(0, NULL, NULL);
    options_read(count, arguments, &options, &unix_socket);
    const char *command = arguments[optind];
    if (strcmp(command, "setup") == 0)
        setup(&options, unix_socket);
    else if (strcmp(command, "run") == 0)
        run(&options);
    else
        die("there is no command '%s'", command);
    mysql_library_end();
    return 0;
}
