/* The floor of what a proxy can cost: bytes go from one socket to the other, one thread, epoll,
 * nobody looks at them. For each client one connection to the server.
 *
 *     causeway_floor LISTEN_PORT SERVER_PORT        both on 127.0.0.1 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024, EVENTS = 256 };

/* What one end has sent and the other has not taken yet; nothing more is received from `from` until
 * it is gone. */
struct end {
    int fd;
    struct end *other;
    char *waiting; /* from the other end, for this one */
    size_t waiting_len;
};

struct floor {
    int epoll;
    int listener;
    struct sockaddr_in server;
    struct end *closed; /* pairs, the next one in `other` */
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(const struct floor *floor, struct end *end, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = end};
    if (epoll_ctl(floor->epoll, operation, end->fd, &event) != 0)
        die("epoll_ctl");
}

/* An end is listened to unless the other one has yet to take what it sent. */
static void watch_again(const struct floor *floor, struct end *end)
{
    uint32_t listen = end->other->waiting_len == 0 ? EPOLLIN : 0;
    uint32_t send = end->waiting_len == 0 ? 0 : EPOLLOUT;
    watch(floor, end, EPOLL_CTL_MOD, listen | send);
}

static void no_delay(int fd)
{
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

/* Both ends go together. Their memory, in one piece, goes after the batch: an event of it may still
 * name them. */
static void pair_close(struct floor *floor, struct end *end)
{
    struct end *pair = end < end->other ? end : end->other;
    for (int i = 0; i < 2; i++) {
        close(pair[i].fd);
        free(pair[i].waiting);
        pair[i].fd = -1;
    }
    pair->other = floor->closed;
    floor->closed = pair;
}

static void free_closed(struct floor *floor)
{
    while (floor->closed != NULL) {
        struct end *pair = floor->closed;
        floor->closed = pair->other;
        free(pair);
    }
}

static void accept_client(const struct floor *floor)
{
    int client = accept4(floor->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0)
        return;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 ||
        connect(server, (const struct sockaddr *)&floor->server, sizeof(floor->server)) != 0)
        die("the server");
    struct end *pair = calloc(2, sizeof(*pair));
    if (pair == NULL)
        die("memory");
    no_delay(client);
    no_delay(server);
    pair[0] = (struct end){.fd = client, .other = &pair[1]};
    pair[1] = (struct end){.fd = server, .other = &pair[0]};
    watch(floor, &pair[0], EPOLL_CTL_ADD, EPOLLIN);
    watch(floor, &pair[1], EPOLL_CTL_ADD, EPOLLIN);
}

/* What the receiver did not take at once. */
static void keep(const struct floor *floor, struct end *to, const char *bytes, size_t len)
{
    to->waiting = malloc(len);
    if (to->waiting == NULL)
        die("memory");
    memcpy(to->waiting, bytes, len);
    to->waiting_len = len;
    watch_again(floor, to);
    watch_again(floor, to->other);
}

/* How much went, 0 when the socket is full, -1 when it is gone. */
static ssize_t send_some(int fd, const char *bytes, size_t len)
{
    ssize_t sent = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

static void pass(struct floor *floor, struct end *from)
{
    static char chunk[CHUNK];
    ssize_t got = recv(from->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    ssize_t sent = got > 0 ? send_some(from->other->fd, chunk, (size_t)got) : -1;
    if (sent < 0)
        pair_close(floor, from);
    else if (sent < got)
        keep(floor, from->other, chunk + sent, (size_t)(got - sent));
}

static void pass_waiting(struct floor *floor, struct end *to)
{
    ssize_t sent = send_some(to->fd, to->waiting, to->waiting_len);
    if (sent < 0) {
        pair_close(floor, to);
        return;
    }
    to->waiting_len -= (size_t)sent;
    memmove(to->waiting, to->waiting + sent, to->waiting_len);
    if (to->waiting_len > 0)
        return;
    free(to->waiting);
    to->waiting = NULL;
    watch_again(floor, to);
    watch_again(floor, to->other);
}

static void serve(struct floor *floor)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(floor->epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct end *end = events[i].data.ptr;
            if (end == NULL)
                accept_client(floor);
            else if (end->fd >= 0 && (events[i].events & EPOLLOUT) != 0)
                pass_waiting(floor, end);
            else if (end->fd >= 0)
                pass(floor, end);
        }
        free_closed(floor);
    }
}

static struct sockaddr_in loopback(const char *port)
{
    unsigned long number = strtoul(port, NULL, 10);
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)number),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: causeway_floor LISTEN_PORT SERVER_PORT\n");
        return 2;
    }
    struct sockaddr_in here = loopback(argv[1]);
    struct floor floor = {.server = loopback(argv[2]),
                          .epoll = epoll_create1(EPOLL_CLOEXEC),
                          .listener =
                              socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    int yes = 1;
    setsockopt(floor.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(floor.listener, (struct sockaddr *)&here, sizeof(here)) != 0 ||
        listen(floor.listener, 1024) != 0)
        die("listening");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(floor.epoll, EPOLL_CTL_ADD, floor.listener, &event) != 0)
        die("epoll_ctl");
    serve(&floor);
}
