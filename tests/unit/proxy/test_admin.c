/* The console as a client library sees it: a real socket, Connector/C on the other side. */
#include "proxy/admin.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <mysql.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLIENTS_MAX = 32, LOGIN_TIMEOUT_MS = 300 };

/* What stands in for the control thread: its loop, and the functions that the console calls. */
struct house {
    struct ev_loop *loop;
    struct ev_async wake;
    struct ev_timer later;
    pthread_t thread;
    struct admin *admin;
    struct config *config;
    char folder[32];
    char console[64];
    int port;
    int reload_error;
    const char *reload_report;
    char drained[64];
    enum { AT_ONCE, SOON, ON_ORDER } collecting;
    atomic_int collects; /* begun */
    atomic_bool ending;
    atomic_bool release; /* answer the collects that were held back */
    struct {
        struct admin_table *out;
        void (*done)(void *);
        void *done_context;
    } held[64];
    int held_count;
};

/* --- the source --- */

static void fill(struct admin_table *out, const char *what, int rows)
{
    static const char *const names[] = {"name", "value"};
    admin_table_columns(out, 2, names);
    for (int i = 0; i < rows; i++) {
        admin_table_printf(out, "%s%d", what, i);
        admin_table_number(out, (uint64_t)i);
    }
}

static void show_servers(void *context, struct admin_table *out)
{
    (void)context;
    fill(out, "db", 3);
}

static void show_positions(void *context, struct admin_table *out)
{
    (void)context;
    fill(out, "position", 0);
}

static int do_reload(void *context, struct buf *report)
{
    struct house *house = context;
    buf_append_text(report, house->reload_report);
    return house->reload_error;
}

static int do_drain(void *context, const char *server, bool drained)
{
    struct house *house = context;
    if (strcmp(server, "db1") != 0)
        return -ENOENT;
    snprintf(house->drained, sizeof(house->drained), "%s %d", server, drained);
    return 0;
}

static void release_held(struct house *house)
{
    int count = house->held_count;
    house->held_count = 0;
    for (int i = 0; i < count; i++) {
        fill(house->held[i].out, "row", 20000);
        house->held[i].done(house->held[i].done_context);
    }
}

static void do_collect(void *context, enum admin_topic topic, struct admin_table *out,
                       void (*done)(void *done_context), void *done_context)
{
    struct house *house = context;
    ck_assert(topic == ADMIN_SESSIONS || topic == ADMIN_POOLS || topic == ADMIN_STATS);
    atomic_fetch_add(&house->collects, 1);
    if (house->collecting == AT_ONCE) {
        fill(out, "at once ", 1);
        done(done_context);
        return;
    }
    house->held[house->held_count].out = out;
    house->held[house->held_count].done = done;
    house->held[house->held_count++].done_context = done_context;
    if (house->collecting == SOON)
        ev_timer_start(house->loop, &house->later);
}

/* --- the loop's thread --- */

static void on_later(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    release_held(timer->data);
}

static void on_wake(struct ev_loop *loop, struct ev_async *wake, int events)
{
    (void)events;
    struct house *house = wake->data;
    if (atomic_exchange(&house->release, false))
        release_held(house);
    if (atomic_load(&house->ending))
        ev_break(loop, EVBREAK_ALL);
}

static void *run_loop(void *context)
{
    struct house *house = context;
    ev_run(house->loop, 0);
    return NULL;
}

static void load_config(struct house *house)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/proxy.ini", house->folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file,
            "[proxy]\nconsole = %s\nconsole_password = pass word\nlogin_timeout = %dms\n"
            "[cluster]\nuser = causeway\npassword = hunter2\n"
            "[server:db1]\naddress = 127.0.0.1:1\n"
            "[rule:r1]\nmatch = ^x\nto = leader\n[rule:r2]\nuser = u\nconsistency = eventual\n",
            house->console, LOGIN_TIMEOUT_MS);
    ck_assert_int_eq(fclose(file), 0);
    struct config_errors errors;
    house->config = config_load(path, &errors);
    ck_assert_ptr_nonnull(house->config);
    config_errors_free(&errors);
    unlink(path);
}

static int free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static struct house *house_new(bool unix_socket)
{
    struct house *house = memory_zalloc(sizeof(*house));
    log_set_level(LOG_LEVEL_ERROR);
    snprintf(house->folder, sizeof(house->folder), "/tmp/test_admin.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(house->folder));
    house->port = free_port();
    if (unix_socket)
        snprintf(house->console, sizeof(house->console), "unix:%s/socket", house->folder);
    else
        snprintf(house->console, sizeof(house->console), "127.0.0.1:%d", house->port);
    house->reload_report = "";
    load_config(house);
    house->loop = ev_loop_new(0);
    ev_async_init(&house->wake, on_wake);
    house->wake.data = house;
    ev_async_start(house->loop, &house->wake);
    ev_timer_init(&house->later, on_later, 0.05, 0.);
    house->later.data = house;
    const struct admin_source source = {.context = house,
                                        .servers = show_servers,
                                        .positions = show_positions,
                                        .reload = do_reload,
                                        .drain = do_drain,
                                        .collect = do_collect};
    ck_assert_int_eq(admin_start(&house->admin, house->loop, house->config, &source), 0);
    ck_assert_int_eq(pthread_create(&house->thread, NULL, run_loop, house), 0);
    return house;
}

static void house_free(struct house *house)
{
    char path[64];
    atomic_store(&house->ending, true);
    ev_async_send(house->loop, &house->wake);
    pthread_join(house->thread, NULL);
    admin_stop(house->admin);
    release_held(house); /* the console may be gone before the rows come */
    ev_loop_destroy(house->loop);
    config_unref(house->config);
    snprintf(path, sizeof(path), "%s/socket", house->folder);
    unlink(path);
    ck_assert_int_eq(rmdir(house->folder), 0);
    free(house);
}

/* --- the client's side --- */

static MYSQL *try_login(struct house *house, const char *user, const char *password)
{
    MYSQL *mysql = mysql_init(NULL);
    const char *socket_path = strncmp(house->console, "unix:", 5) == 0 ? house->console + 5 : NULL;
    unsigned protocol = socket_path ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
    MYSQL *connected = mysql_real_connect(mysql, socket_path ? "localhost" : "127.0.0.1", user,
                                          password, NULL, (unsigned)house->port, socket_path, 0);
    ck_assert(!connected || connected == mysql);
    return mysql;
}

static MYSQL *login(struct house *house)
{
    MYSQL *mysql = try_login(house, "admin", "pass word");
    ck_assert_str_eq(mysql_error(mysql), "");
    return mysql;
}

/* All rows of the answer, "cell,cell;" each; an error as "code text". Valid until the next call. */
static const char *ask(MYSQL *mysql, const char *sql)
{
    static char all[8192];
    size_t len = 0;
    all[0] = '\0';
    if (mysql_query(mysql, sql)) {
        snprintf(all, sizeof(all), "%u %s", mysql_errno(mysql), mysql_error(mysql));
        return all;
    }
    MYSQL_RES *result = mysql_store_result(mysql);
    if (!result)
        return all;
    for (MYSQL_ROW row = mysql_fetch_row(result); row; row = mysql_fetch_row(result))
        for (unsigned i = 0; i < mysql_num_fields(result); i++)
            if (len < sizeof(all))
                len +=
                    (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", row[i] ? row[i] : "NULL",
                                     i + 1 == mysql_num_fields(result) ? ";" : ",");
    mysql_free_result(result);
    return all;
}

static int raw_connect(struct house *house)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)house->port)};
    const struct timeval patience = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Reads until the console closes; the number of bytes, or -1 when it does not close. */
static ssize_t read_to_end(int fd)
{
    char bytes[4096];
    ssize_t total = 0;
    for (;;) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
        if (n < 0 && errno != ECONNRESET)
            return -1;
        if (n <= 0)
            return total;
        total += n;
    }
}

static void wait_for(const atomic_int *counter, int least)
{
    uint64_t end_ms = clock_now_ms() + 5000;
    while (atomic_load(counter) < least) {
        ck_assert_msg(clock_now_ms() < end_ms, "it does not come");
        usleep(1000);
    }
}

/* --- tests --- */

START_TEST(each_command_is_answered)
{
    struct house *house = house_new(false);
    MYSQL *mysql = login(house);
    ck_assert_str_eq(mysql_get_server_info(mysql), "10.11.0-Causeway-" CAUSEWAY_VERSION);
    ck_assert_str_eq(ask(mysql, "SHOW SERVERS"), "db0,0;db1,1;db2,2;");
    ck_assert_str_eq(ask(mysql, "show servers like 'DB1';"), "db1,1;");
    ck_assert_str_eq(ask(mysql, "SHOW POSITIONS"), "");
    ck_assert_str_eq(ask(mysql, "SHOW SESSIONS"), "at once 0,0;");
    ck_assert_str_eq(ask(mysql, "SHOW POOLS"), "at once 0,0;");
    ck_assert_str_eq(ask(mysql, "SHOW STATS"), "at once 0,0;");
    ck_assert_str_eq(ask(mysql, "SHOW RULES"), "r1,^x,NULL,NULL,leader,NULL;"
                                               "r2,NULL,u,NULL,NULL,eventual;");
    const char *config = ask(mysql, "SHOW CONFIG");
    ck_assert_ptr_nonnull(strstr(config, "proxy,console_password,***;"));
    ck_assert_ptr_nonnull(strstr(config, "server:db1,address,127.0.0.1:1;"));
    ck_assert_ptr_null(strstr(config, "hunter2"));
    ck_assert_str_eq(ask(mysql, "SHOW CONFIG LIKE 'weight'"), "server:db1,weight,1;");
    ck_assert_ptr_nonnull(strstr(ask(mysql, "SHOW HELP"), "RELOAD,"));
    ck_assert_str_eq(ask(mysql, "SELECT @@version_comment LIMIT 1"), "Causeway console;");
    ck_assert_str_eq(ask(mysql, "SELECT USER()"), "admin;");
    ck_assert_str_eq(ask(mysql, "SET NAMES utf8"), "");
    ck_assert_str_eq(ask(mysql, "SHOW WARNINGS"), "");
    ck_assert_str_eq(ask(mysql, "SHOW DATABASES"), "");
    ck_assert_int_eq(mysql_ping(mysql), 0);
    ck_assert_int_eq(mysql_select_db(mysql, "any"), 0);
    ck_assert_int_eq(mysql_reset_connection(mysql), 0);
    ck_assert_ptr_nonnull(strstr(mysql_stat(mysql), "Uptime: "));
    ck_assert_str_eq(ask(mysql, "SELECT @@nothing"),
                     "1193 the console has no variable '@@nothing'");
    ck_assert_str_eq(
        ask(mysql, "DELETE FROM t"),
        "1064 this is the console of Causeway; it knows: SHOW SERVERS | POSITIONS | "
        "SESSIONS | POOLS | KEYS | RULES | FAILOVER | STATS | CONFIG | HELP, RELOAD, DRAIN "
        "server, RESUME server, SWITCHOVER TO server, FAILOVER [TO server], REJOIN server");
    ck_assert_str_eq(mysql_sqlstate(mysql), "42000");
    MYSQL_STMT *statement = mysql_stmt_init(mysql);
    ck_assert_int_ne(mysql_stmt_prepare(statement, "SHOW SERVERS", 12), 0);
    ck_assert_uint_eq(mysql_stmt_errno(statement), 1295);
    mysql_stmt_close(statement);
    ck_assert_str_eq(ask(mysql, "SHOW SERVERS LIKE 'db0'"), "db0,0;");
    mysql_close(mysql);
    house_free(house);
}
END_TEST

START_TEST(drain_and_resume_reach_the_cluster)
{
    struct house *house = house_new(false);
    MYSQL *mysql = login(house);
    ck_assert_str_eq(ask(mysql, "DRAIN db1"), "");
    ck_assert_str_eq(house->drained, "db1 1");
    ck_assert_str_eq(ask(mysql, "RESUME db1"), "");
    ck_assert_str_eq(house->drained, "db1 0");
    ck_assert_str_eq(ask(mysql, "DRAIN db9"),
                     "1105 there is no server 'db9'; SHOW SERVERS lists them");
    mysql_close(mysql);
    house_free(house);
}
END_TEST

START_TEST(reload_reports_every_error)
{
    struct house *house = house_new(false);
    MYSQL *mysql = login(house);
    ck_assert_str_eq(ask(mysql, "RELOAD"), "");
    ck_assert_uint_eq(mysql_warning_count(mysql), 0);
    house->reload_report = "listen needs a restart\n";
    ck_assert_str_eq(ask(mysql, "RELOAD"), "");
    ck_assert_uint_eq(mysql_warning_count(mysql), 1);
    ck_assert_str_eq(ask(mysql, "SHOW WARNINGS"), "Warning,1105,listen needs a restart;");
    house->reload_error = -EINVAL;
    house->reload_report = "proxy.ini:1: one\nproxy.ini:2: two\nproxy.ini:3: three";
    ck_assert_str_eq(ask(mysql, "RELOAD"), "1105 nothing was changed: proxy.ini:1: one (and 2 "
                                           "more: SHOW WARNINGS)");
    ck_assert_str_eq(ask(mysql, "SHOW WARNINGS"),
                     "Error,1105,proxy.ini:1: one;Error,1105,proxy.ini:2: two;"
                     "Error,1105,proxy.ini:3: three;");
    ck_assert_str_eq(ask(mysql, "SHOW SERVERS LIKE 'db0'"), "db0,0;");
    ck_assert_str_eq(ask(mysql, "SHOW WARNINGS"), "");
    mysql_close(mysql);
    house_free(house);
}
END_TEST

static const struct {
    const char *user;
    const char *password;
    const char *error; /* NULL: gets in */
} logins[] = {
    {"admin", "pass word", NULL},
    {"admin", "wrong", "Access denied for user 'admin'@'127.0.0.1' (using password: YES)"},
    {"admin", "", "Access denied for user 'admin'@'127.0.0.1' (using password: NO)"},
    {"root", "pass word", "Access denied for user 'root'@'127.0.0.1' (using password: YES)"},
};

START_TEST(only_the_right_password_gets_in)
{
    struct house *house = house_new(false);
    MYSQL *mysql = try_login(house, logins[_i].user, logins[_i].password);
    ck_assert_uint_eq(mysql_errno(mysql), logins[_i].error ? 1045 : 0);
    ck_assert_str_eq(mysql_error(mysql), logins[_i].error ? logins[_i].error : "");
    mysql_close(mysql);
    house_free(house);
}
END_TEST

START_TEST(client_with_another_plugin_is_asked_for_the_native_one)
{
    struct house *house = house_new(false);
    MYSQL *mysql = mysql_init(NULL);
    mysql_options(mysql, MYSQL_DEFAULT_AUTH, "caching_sha2_password");
    ck_assert_msg(mysql_real_connect(mysql, "127.0.0.1", "admin", "pass word", NULL,
                                     (unsigned)house->port, NULL, 0) != NULL,
                  "%s", mysql_error(mysql));
    ck_assert_str_eq(ask(mysql, "SHOW SERVERS LIKE 'db0'"), "db0,0;");
    mysql_close(mysql);
    house_free(house);
}
END_TEST

START_TEST(unix_socket_is_private_and_needs_no_password)
{
    struct house *house = house_new(true);
    struct stat info;
    ck_assert_int_eq(stat(house->console + 5, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0600);
    MYSQL *mysql = try_login(house, "anybody", "");
    ck_assert_str_eq(mysql_error(mysql), "");
    ck_assert_str_eq(ask(mysql, "SELECT USER()"), "anybody;");
    mysql_close(mysql);
    house_free(house);
}
END_TEST

START_TEST(rows_of_the_workers_come_later)
{
    struct house *house = house_new(false);
    house->collecting = SOON;
    MYSQL *mysql = login(house);
    ck_assert_int_eq(mysql_query(mysql, "SHOW SESSIONS"), 0);
    MYSQL_RES *result = mysql_store_result(mysql);
    ck_assert_uint_eq(mysql_num_rows(result), 20000);
    mysql_free_result(result);
    ck_assert_str_eq(ask(mysql, "SHOW STATS LIKE 'row19999'"), "row19999,19999;");
    mysql_close(mysql);
    house_free(house);
}
END_TEST

START_TEST(client_may_vanish_while_its_rows_are_collected)
{
    struct house *house = house_new(false);
    house->collecting = ON_ORDER;
    MYSQL *gone = login(house);
    MYSQL *stays = login(house);
    ck_assert_int_eq(mysql_send_query(gone, "SHOW SESSIONS", 13), 0);
    ck_assert_int_eq(mysql_send_query(stays, "SHOW SESSIONS", 13), 0);
    wait_for(&house->collects, 2);
    shutdown(mysql_get_socket(gone), SHUT_RDWR);
    mysql_close(gone);
    usleep(50000);
    atomic_store(&house->release, true);
    ev_async_send(house->loop, &house->wake);
    ck_assert_int_eq(mysql_read_query_result(stays), 0);
    MYSQL_RES *result = mysql_store_result(stays);
    ck_assert_uint_eq(mysql_num_rows(result), 20000);
    mysql_free_result(result);
    mysql_close(stays);
    house_free(house);
}
END_TEST

START_TEST(console_may_end_while_rows_are_collected)
{
    struct house *house = house_new(false);
    house->collecting = ON_ORDER;
    MYSQL *mysql = login(house);
    ck_assert_int_eq(mysql_send_query(mysql, "SHOW SESSIONS", 13), 0);
    wait_for(&house->collects, 1);
    house_free(house);
    ck_assert_int_ne(mysql_read_query_result(mysql), 0);
    mysql_close(mysql);
}
END_TEST

/* A COM_QUERY packet; returns its length. */
static size_t put_query(uint8_t *at, const char *sql)
{
    size_t len = strlen(sql);
    store_u24(at, (uint32_t)len + 1);
    at[3] = 0;
    at[4] = 3;
    memcpy(at + 5, sql, len);
    return len + 5;
}

START_TEST(pipelined_commands_are_answered_in_order_and_an_unread_answer_holds_them)
{
    enum { COUNT = 40 };
    struct house *house = house_new(false);
    house->collecting = SOON;
    MYSQL *mysql = login(house);
    uint8_t packets[COUNT * 64];
    size_t len = 0;
    for (int i = 0; i < COUNT; i++)
        len += put_query(packets + len, "SHOW SESSIONS");
    int fd = mysql_get_socket(mysql);
    ck_assert_int_eq(send(fd, packets, len, 0), (ssize_t)len);
    usleep(500000);
    /* Nobody reads: the socket takes a few answers, the others are not even begun. */
    ck_assert_int_lt(atomic_load(&house->collects), COUNT);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(mysql_read_query_result(mysql), 0);
        MYSQL_RES *result = mysql_store_result(mysql);
        ck_assert_uint_eq(mysql_num_rows(result), 20000);
        mysql_free_result(result);
        mysql->status = MYSQL_STATUS_READY; /* sent past the library */
    }
    ck_assert_int_eq(atomic_load(&house->collects), COUNT);
    mysql_close(mysql);
    house_free(house);
}
END_TEST

START_TEST(number_of_clients_is_bounded)
{
    struct house *house = house_new(false);
    MYSQL *clients[CLIENTS_MAX];
    for (int i = 0; i < CLIENTS_MAX; i++)
        clients[i] = login(house);
    MYSQL *refused = try_login(house, "admin", "pass word");
    ck_assert_uint_eq(mysql_errno(refused), 1040);
    mysql_close(refused);
    mysql_close(clients[0]);
    usleep(20000);
    clients[0] = login(house);
    for (int i = 0; i < CLIENTS_MAX; i++)
        mysql_close(clients[i]);
    house_free(house);
}
END_TEST

START_TEST(silent_client_is_closed_before_login)
{
    struct house *house = house_new(false);
    uint64_t start_ms = clock_now_ms();
    int fd = raw_connect(house);
    ck_assert_int_gt(read_to_end(fd), 50); /* the greeting */
    ck_assert_uint_ge(clock_now_ms() - start_ms, LOGIN_TIMEOUT_MS - 50);
    ck_assert_uint_lt(clock_now_ms() - start_ms, 4000);
    close(fd);
    house_free(house);
}
END_TEST

static const struct {
    const char *bytes;
    size_t len;
} malformed[] = {
    {"\xff\xff\xff\x01", 4},                           /* a login of 16 MiB */
    {"\x01\x00\x00\x00\x00", 5},                       /* sequence number 0 */
    {"\x01\x00\x00\x01\x00", 5},                       /* a login of one byte */
    {"\x00\x00\x00\x01", 4},                           /* an empty one */
    {"\x04\x00\x00\x01\x00\x02\x00\x00", 8},           /* cut behind the capabilities */
    {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35}, /* another protocol */
};

START_TEST(malformed_login_closes_that_client_alone)
{
    struct house *house = house_new(false);
    MYSQL *other = login(house);
    int fd = raw_connect(house);
    uint64_t start_ms = clock_now_ms();
    ck_assert_int_eq(send(fd, malformed[_i].bytes, malformed[_i].len, 0),
                     (ssize_t)malformed[_i].len);
    ck_assert_int_ge(read_to_end(fd), 0);
    ck_assert_uint_lt(clock_now_ms() - start_ms, LOGIN_TIMEOUT_MS);
    close(fd);
    ck_assert_str_eq(ask(other, "SHOW SERVERS LIKE 'db0'"), "db0,0;");
    mysql_close(other);
    house_free(house);
}
END_TEST

START_TEST(oversized_command_closes_the_client)
{
    struct house *house = house_new(false);
    MYSQL *mysql = login(house);
    char *large = memory_zalloc(70000);
    memset(large, ' ', 69999);
    ck_assert_int_ne(mysql_real_query(mysql, large, 69999), 0);
    mysql_close(mysql);
    mysql = login(house);
    memcpy(large, "SHOW SERVERS", 12);
    ck_assert_int_eq(mysql_real_query(mysql, large, 60000), 0);
    mysql_free_result(mysql_store_result(mysql));
    free(large);
    mysql_close(mysql);
    house_free(house);
}
END_TEST

START_TEST(new_password_counts_for_the_next_login)
{
    struct house *house = house_new(false);
    MYSQL *before = login(house);
    /* Only this thread reads the reloaded file; the loop has to be still while it is swapped. */
    atomic_store(&house->ending, true);
    ev_async_send(house->loop, &house->wake);
    pthread_join(house->thread, NULL);
    char *changed = memory_strdup("other");
    free(house->config->console_password);
    house->config->console_password = changed;
    admin_reconfigure(house->admin, house->config);
    atomic_store(&house->ending, false);
    ck_assert_int_eq(pthread_create(&house->thread, NULL, run_loop, house), 0);
    ck_assert_str_eq(ask(before, "SHOW SERVERS LIKE 'db0'"), "db0,0;");
    MYSQL *refused = try_login(house, "admin", "pass word");
    ck_assert_uint_eq(mysql_errno(refused), 1045);
    MYSQL *after = try_login(house, "admin", "other");
    ck_assert_uint_eq(mysql_errno(after), 0);
    mysql_close(refused);
    mysql_close(after);
    mysql_close(before);
    house_free(house);
}
END_TEST

START_TEST(busy_address_is_an_error_and_no_address_is_none)
{
    struct house *house = house_new(false);
    const struct admin_source source = {0};
    struct admin *second = NULL;
    struct ev_loop *loop = ev_loop_new(0);
    ck_assert_int_eq(admin_start(&second, loop, house->config, &source), -EADDRINUSE);
    ck_assert_ptr_null(second);
    struct config deaf = *house->config;
    deaf.console = NULL;
    atomic_init(&deaf.references, 2);
    ck_assert_int_eq(admin_start(&second, loop, &deaf, &source), 0);
    admin_stop(second);
    admin_stop(NULL);
    ev_loop_destroy(loop);
    house_free(house);
}
END_TEST

static Suite *admin_suite(void)
{
    Suite *suite = suite_create("admin");
    TCase *console = tcase_create("console");
    tcase_set_timeout(console, 30);
    tcase_add_test(console, each_command_is_answered);
    tcase_add_test(console, drain_and_resume_reach_the_cluster);
    tcase_add_test(console, reload_reports_every_error);
    tcase_add_loop_test(console, only_the_right_password_gets_in, 0,
                        (int)(sizeof(logins) / sizeof(logins[0])));
    tcase_add_test(console, client_with_another_plugin_is_asked_for_the_native_one);
    tcase_add_test(console, unix_socket_is_private_and_needs_no_password);
    tcase_add_test(console, rows_of_the_workers_come_later);
    tcase_add_test(console, client_may_vanish_while_its_rows_are_collected);
    tcase_add_test(console, console_may_end_while_rows_are_collected);
    tcase_add_test(console,
                   pipelined_commands_are_answered_in_order_and_an_unread_answer_holds_them);
    tcase_add_test(console, number_of_clients_is_bounded);
    tcase_add_test(console, silent_client_is_closed_before_login);
    tcase_add_loop_test(console, malformed_login_closes_that_client_alone, 0,
                        (int)(sizeof(malformed) / sizeof(malformed[0])));
    tcase_add_test(console, oversized_command_closes_the_client);
    tcase_add_test(console, new_password_counts_for_the_next_login);
    tcase_add_test(console, busy_address_is_an_error_and_no_address_is_none);
    suite_add_tcase(suite, console);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(admin_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
