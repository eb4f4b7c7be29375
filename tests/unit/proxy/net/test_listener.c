/* Listening sockets: addresses, busy ports, and unix sockets that were left behind. */
#include "proxy/net/listener.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* --- addresses --- */

#define PATH_107                                                                                   \
    "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaa"                                                                                        \
    "aaaaaaaaaa"

static const struct {
    const char *text;
    int family; /* 0: refused */
    const char *host;
    int port;
} addresses[] = {
    {"127.0.0.1:4006", AF_INET, "127.0.0.1", 4006},
    {"0.0.0.0:0", AF_INET, "0.0.0.0", 0},
    {"255.255.255.255:65535", AF_INET, "255.255.255.255", 65535},
    {"[::1]:4006", AF_INET6, "::1", 4006},
    {"[::]:1", AF_INET6, "::", 1},
    {"[fe80:0:0:0:1:2:3:4]:80", AF_INET6, "fe80::1:2:3:4", 80},
    {"[::ffff:10.1.2.3]:80", AF_INET6, "10.1.2.3", 80},
    {"unix:/run/x.sock", AF_UNIX, "localhost", 0},
    {"unix:relative", AF_UNIX, "localhost", 0},
    {"unix:" PATH_107, AF_UNIX, "localhost", 0},
    {"unix:" PATH_107 "a", 0, NULL, 0},
    {"unix:", 0, NULL, 0},
    {"", 0, NULL, 0},
    {":", 0, NULL, 0},
    {":4006", 0, NULL, 0},
    {"4006", 0, NULL, 0},
    {"127.0.0.1", 0, NULL, 0},
    {"127.0.0.1:", 0, NULL, 0},
    {"127.0.0.1:65536", 0, NULL, 0},
    {"127.0.0.1:99999999999999999999999", 0, NULL, 0},
    {"127.0.0.1:-1", 0, NULL, 0},
    {"127.0.0.1:+1", 0, NULL, 0},
    {"127.0.0.1: 1", 0, NULL, 0},
    {"127.0.0.1:1x", 0, NULL, 0},
    {"127.0.0.1:0x50", 0, NULL, 0},
    {"127.0.0.1:80:90", 0, NULL, 0},
    {"127.0.0:80", 0, NULL, 0},
    {"256.0.0.1:80", 0, NULL, 0},
    {" 127.0.0.1:80", 0, NULL, 0},
    {"localhost:80", 0, NULL, 0},
    {"::1:80", 0, NULL, 0},
    {"::1", 0, NULL, 0},
    {"[::1]", 0, NULL, 0},
    {"[::1]:", 0, NULL, 0},
    {"[]:80", 0, NULL, 0},
    {"[:80", 0, NULL, 0},
    {"]:80", 0, NULL, 0},
    {"[127.0.0.1]:80", 0, NULL, 0},
    {"[::1]x:80", 0, NULL, 0},
    {"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80", 0, NULL, 0},
};

START_TEST(addresses_are_read_and_printed)
{
    struct sockaddr_storage address;
    socklen_t len = 0;
    char host[INET6_ADDRSTRLEN];
    int result = address_parse(addresses[_i].text, &address, &len);
    if (addresses[_i].family == 0) {
        ck_assert_msg(result == -EINVAL, "'%s' was taken", addresses[_i].text);
        return;
    }
    ck_assert_msg(result == 0, "'%s' was refused", addresses[_i].text);
    ck_assert_int_eq(address.ss_family, addresses[_i].family);
    address_host_text((struct sockaddr *)&address, host, sizeof(host));
    ck_assert_str_eq(host, addresses[_i].host);
    if (address.ss_family == AF_INET) {
        ck_assert_uint_eq(len, sizeof(struct sockaddr_in));
        ck_assert_int_eq(ntohs(((struct sockaddr_in *)&address)->sin_port), addresses[_i].port);
    } else if (address.ss_family == AF_INET6) {
        ck_assert_uint_eq(len, sizeof(struct sockaddr_in6));
        ck_assert_int_eq(ntohs(((struct sockaddr_in6 *)&address)->sin6_port), addresses[_i].port);
    } else {
        ck_assert_str_eq(((struct sockaddr_un *)&address)->sun_path, addresses[_i].text + 5);
        ck_assert_uint_le(len, sizeof(struct sockaddr_un));
    }
}
END_TEST

/* --- TCP --- */

static void text_of(int fd, char out[64])
{
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(out, 64, "127.0.0.1:%d", ntohs(address.sin_port));
}

static int connect_to(const char *text)
{
    struct sockaddr_storage address;
    socklen_t len;
    ck_assert_int_eq(address_parse(text, &address, &len), 0);
    int fd = socket(address.ss_family, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, len) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

START_TEST(a_bound_port_listens_without_blocking)
{
    char text[64];
    int fd = listener_bind("127.0.0.1:0", 0, false);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_lt(accept(fd, NULL, NULL), 0);
    ck_assert_int_eq(errno, EAGAIN);
    text_of(fd, text);
    int client = connect_to(text);
    ck_assert_int_ge(client, 0);
    close(client);
    close(fd);
}
END_TEST

static const struct {
    bool first, second;
    int result; /* of the second */
} shares[] = {
    {false, false, -EADDRINUSE},
    {true, false, -EADDRINUSE},
    {false, true, -EADDRINUSE},
    {true, true, 0},
};

START_TEST(a_port_is_shared_only_when_both_say_so)
{
    char text[64];
    int first = listener_bind("127.0.0.1:0", 0, shares[_i].first);
    ck_assert_int_ge(first, 0);
    text_of(first, text);
    int second = listener_bind(text, 0, shares[_i].second);
    ck_assert_int_eq(second < 0 ? second : 0, shares[_i].result);
    if (second >= 0)
        close(second);
    close(first);
}
END_TEST

/* A connection that lingers must not keep a restarted process from its port. */
START_TEST(a_port_is_free_again_at_once)
{
    char text[64];
    int fd = listener_bind("127.0.0.1:0", 0, false);
    text_of(fd, text);
    int client = connect_to(text);
    int served = accept(fd, NULL, NULL);
    ck_assert_int_ge(served, 0);
    close(served); /* first: this side is left in TIME_WAIT */
    close(client);
    close(fd);
    fd = listener_bind(text, 0, false);
    ck_assert_int_ge(fd, 0);
    close(fd);
}
END_TEST

START_TEST(a_bad_address_is_an_error)
{
    ck_assert_int_eq(listener_bind("nowhere:1", 0, false), -EINVAL);
    ck_assert_int_eq(listener_bind("192.0.2.1:0", 0, false), -EADDRNOTAVAIL);
    ck_assert_int_eq(listener_bind("unix:/nonexistent/folder/x", 0600, false), -ENOENT);
}
END_TEST

/* --- unix sockets --- */

static char folder[32];
static char path[64];
static char unix_text[80];

static void open_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/test_listener.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
    snprintf(unix_text, sizeof(unix_text), "unix:%s", path);
}

static void remove_folder(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static const unsigned modes[] = {0600, 0660, 0666, 0777, 0000};

START_TEST(a_unix_socket_has_its_mode)
{
    struct stat file;
    mode_t mask = umask(0027);
    int fd = listener_bind(unix_text, modes[_i], false);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(umask(mask), 0027); /* the process's own mask is as it was */
    ck_assert_int_eq(stat(path, &file), 0);
    ck_assert(S_ISSOCK(file.st_mode));
    ck_assert_uint_eq(file.st_mode & 0777, modes[_i]);
    close(fd);
}
END_TEST

START_TEST(a_socket_left_behind_is_replaced)
{
    int first = listener_bind(unix_text, 0600, false);
    ck_assert_int_ge(first, 0);
    close(first);
    ck_assert_int_eq(connect_to(unix_text), -ECONNREFUSED);
    int second = listener_bind(unix_text, 0600, false);
    ck_assert_int_ge(second, 0);
    int client = connect_to(unix_text);
    ck_assert_int_ge(client, 0);
    close(client);
    close(second);
}
END_TEST

START_TEST(a_socket_in_use_stays)
{
    int first = listener_bind(unix_text, 0600, false);
    ck_assert_int_ge(first, 0);
    ck_assert_int_eq(listener_bind(unix_text, 0600, false), -EADDRINUSE);
    int client = connect_to(unix_text);
    ck_assert_int_ge(client, 0);
    close(client);
    close(first);
}
END_TEST

/* Nobody accepts and the queue is full: a look at it must not block the start. */
START_TEST(a_socket_whose_queue_is_full_is_in_use)
{
    struct sockaddr_storage address;
    socklen_t len;
    int clients[2];
    int busy = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(address_parse(unix_text, &address, &len), 0);
    ck_assert_int_eq(bind(busy, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(busy, 0), 0);
    for (int i = 0; i < 2; i++) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(clients[i], (struct sockaddr *)&address, len);
    }
    ck_assert_int_eq(listener_bind(unix_text, 0600, false), -EADDRINUSE);
    for (int i = 0; i < 2; i++)
        close(clients[i]);
    close(busy);
}
END_TEST

/* A mistyped path must not cost anybody a file. */
START_TEST(a_file_that_is_no_socket_stays)
{
    char text[8] = {0};
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    ck_assert_int_eq(write(file, "mine", 4), 4);
    close(file);
    ck_assert_int_eq(listener_bind(unix_text, 0600, false), -EADDRINUSE);
    file = open(path, O_RDONLY);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(read(file, text, sizeof(text)), 4);
    ck_assert_str_eq(text, "mine");
    close(file);
}
END_TEST

START_TEST(a_link_stays)
{
    char target[80];
    snprintf(target, sizeof(target), "%s/nothing", folder);
    ck_assert_int_eq(symlink(target, path), 0);
    ck_assert_int_eq(listener_bind(unix_text, 0600, false), -EADDRINUSE);
    struct stat file;
    ck_assert_int_eq(lstat(path, &file), 0);
    ck_assert(S_ISLNK(file.st_mode));
}
END_TEST

/* --- accepting --- */

enum { CLIENTS = 100 };

struct guest_book {
    int count;
    int stop_at;
    char host[INET6_ADDRSTRLEN];
    bool blocking;
};

static void on_accepted(struct listener *listener, int fd, const struct sockaddr *peer,
                        void *context)
{
    struct guest_book *book = context;
    address_host_text(peer, book->host, sizeof(book->host));
    if (!(fcntl(fd, F_GETFL) & O_NONBLOCK))
        book->blocking = true;
    close(fd);
    if (++book->count == book->stop_at) {
        listener_stop(listener);
        listener_stop(listener); /* harmless */
    }
}

static void turn(struct ev_loop *loop, int times)
{
    for (int i = 0; i < times; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

START_TEST(all_clients_are_accepted)
{
    char text[64];
    int clients[CLIENTS];
    struct guest_book book = {.stop_at = -1};
    struct listener listener;
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    int fd = listener_bind("127.0.0.1:0", 0, true);
    text_of(fd, text);
    listener_start(&listener, loop, fd, on_accepted, &book);
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_int_ge(clients[i] = connect_to(text), 0);
    turn(loop, 10);
    ck_assert_int_eq(book.count, CLIENTS);
    ck_assert_str_eq(book.host, "127.0.0.1");
    ck_assert(!book.blocking);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    listener_stop(&listener);
    ck_assert_int_eq(connect_to(text), -ECONNREFUSED);
    ev_loop_destroy(loop);
}
END_TEST

START_TEST(a_listener_may_be_stopped_from_within)
{
    char text[64];
    int clients[4];
    struct guest_book book = {.stop_at = 2};
    struct listener listener;
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    int fd = listener_bind("127.0.0.1:0", 0, false);
    text_of(fd, text);
    listener_start(&listener, loop, fd, on_accepted, &book);
    for (int i = 0; i < 4; i++)
        ck_assert_int_ge(clients[i] = connect_to(text), 0);
    turn(loop, 10);
    ck_assert_int_eq(book.count, 2);
    for (int i = 0; i < 4; i++)
        close(clients[i]);
    ev_loop_destroy(loop);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("listener");
    TCase *tcase = tcase_create("tcp");
    TCase *local = tcase_create("unix");
    SRunner *runner = srunner_create(suite);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, local);
    tcase_set_timeout(tcase, 20);
    tcase_set_timeout(local, 20);
    tcase_add_loop_test(tcase, addresses_are_read_and_printed, 0, COUNT(addresses));
    tcase_add_test(tcase, a_bound_port_listens_without_blocking);
    tcase_add_loop_test(tcase, a_port_is_shared_only_when_both_say_so, 0, COUNT(shares));
    tcase_add_test(tcase, a_port_is_free_again_at_once);
    tcase_add_test(tcase, a_bad_address_is_an_error);
    tcase_add_test(tcase, all_clients_are_accepted);
    tcase_add_test(tcase, a_listener_may_be_stopped_from_within);
    tcase_add_checked_fixture(local, open_folder, remove_folder);
    tcase_add_loop_test(local, a_unix_socket_has_its_mode, 0, COUNT(modes));
    tcase_add_test(local, a_socket_left_behind_is_replaced);
    tcase_add_test(local, a_socket_in_use_stays);
    tcase_add_test(local, a_socket_whose_queue_is_full_is_in_use);
    tcase_add_test(local, a_file_that_is_no_socket_stays);
    tcase_add_test(local, a_link_stays);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
