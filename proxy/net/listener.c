/* Listening sockets: see listener.h. */
#include "proxy/net/listener.h"

#include "proxy/base/list.h"
#include "proxy/base/log.h"
#include "proxy/net/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, ACCEPTS_PER_WAKE = 64 };
static const double retry_s = 0.1;
static const double warn_every_s = 10.;

/* --- addresses --- */

static int parse_unix(const char *path, struct sockaddr_storage *address, socklen_t *address_len)
{
    struct sockaddr_un *local = (struct sockaddr_un *)address;
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(local->sun_path))
        return -EINVAL;
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, path, len + 1);
    *address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    return 0;
}

static int parse_port(const char *text, uint16_t *port)
{
    char *end;
    if (*text < '0' || *text > '9')
        return -EINVAL;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || value > 65535)
        return -EINVAL;
    *port = htons((uint16_t)value);
    return 0;
}

int address_parse(const char *text, struct sockaddr_storage *address, socklen_t *address_len)
{
    memset(address, 0, sizeof(*address));
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, address, address_len);
    const char *colon = strrchr(text, ':');
    if (!colon)
        return -EINVAL;
    bool bracket = text[0] == '[' && colon > text && colon[-1] == ']';
    const char *start = bracket ? text + 1 : text;
    size_t len = (size_t)(colon - start) - (bracket ? 1 : 0);
    char host[INET6_ADDRSTRLEN];
    if (len == 0 || len >= sizeof(host))
        return -EINVAL;
    memcpy(host, start, len);
    host[len] = '\0';
    if (bracket) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
        in6->sin6_family = AF_INET6;
        *address_len = sizeof(*in6);
        if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
            return -EINVAL;
        return parse_port(colon + 1, &in6->sin6_port);
    }
    struct sockaddr_in *in4 = (struct sockaddr_in *)address;
    in4->sin_family = AF_INET;
    *address_len = sizeof(*in4);
    if (inet_pton(AF_INET, host, &in4->sin_addr) != 1)
        return -EINVAL;
    return parse_port(colon + 1, &in4->sin_port);
}

void address_host_text(const struct sockaddr *address, char *out, size_t size)
{
    out[0] = '\0';
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &in4->sin_addr, out, (socklen_t)size);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
            inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], out, (socklen_t)size);
        else
            inet_ntop(AF_INET6, &in6->sin6_addr, out, (socklen_t)size);
    } else {
        snprintf(out, size, "localhost");
    }
}

/* --- binding --- */

/* True when nobody answers on that unix socket: it was left behind. Any other file refuses a
 * connection as well, and must stay; and a socket whose queue is full must not keep us waiting. */
static bool socket_is_stale(const struct sockaddr_storage *address, socklen_t address_len)
{
    struct stat file;
    if (lstat(((const struct sockaddr_un *)address)->sun_path, &file) < 0 ||
        !S_ISSOCK(file.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool stale =
        connect(fd, (const struct sockaddr *)address, address_len) < 0 && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static int bind_socket(int fd, const struct sockaddr_storage *address, socklen_t address_len,
                       unsigned mode)
{
    if (address->ss_family != AF_UNIX)
        return bind(fd, (const struct sockaddr *)address, address_len) < 0 ? -errno : 0;
    const char *path = ((const struct sockaddr_un *)address)->sun_path;
    if (socket_is_stale(address, address_len))
        unlink(path);
    /* The mode holds from the first moment on: nobody can slip in before a chmod. */
    mode_t old_mask = umask((mode_t)(~mode & 0777));
    int error = bind(fd, (const struct sockaddr *)address, address_len) < 0 ? -errno : 0;
    umask(old_mask);
    return error;
}

int listener_bind(const char *text, unsigned mode, bool reuse_port)
{
    struct sockaddr_storage address;
    socklen_t address_len;
    int error = address_parse(text, &address, &address_len);
    if (error)
        return error;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (reuse_port && address.ss_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    stream_set_options(fd);
    error = bind_socket(fd, &address, address_len, mode);
    if (!error && listen(fd, BACKLOG) < 0)
        error = -errno;
    if (error) {
        close(fd);
        return error;
    }
    return fd;
}

/* --- accepting --- */

static void on_retry(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)events;
    struct listener *listener = list_object(timer, struct listener, retry);
    ev_io_start(loop, &listener->watcher);
}

/* Out of descriptors: stop asking for a moment, or the loop would spin. */
static void rest(struct listener *listener, int error)
{
    if (ev_now(listener->loop) - listener->warned_s > warn_every_s) {
        log_warn("can't accept a client: %s; trying again every %.0f ms", strerror(error),
                 retry_s * 1000);
        listener->warned_s = ev_now(listener->loop);
    }
    ev_io_stop(listener->loop, &listener->watcher);
    ev_timer_set(&listener->retry, retry_s, 0.);
    ev_timer_start(listener->loop, &listener->retry);
}

static void on_acceptable(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    struct listener *listener = list_object(watcher, struct listener, watcher);
    for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t len = sizeof(peer);
        int fd = accept4(watcher->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                rest(listener, errno);
            return;
        }
        listener->accepted(listener, fd, (const struct sockaddr *)&peer, listener->context);
        if (!ev_is_active(watcher))
            return;
    }
}

void listener_start(struct listener *listener, struct ev_loop *loop, int fd,
                    listener_accepted accepted, void *context)
{
    *listener = (struct listener){.loop = loop, .accepted = accepted, .context = context};
    ev_io_init(&listener->watcher, on_acceptable, fd, EV_READ);
    ev_timer_init(&listener->retry, on_retry, retry_s, 0.);
    ev_io_start(loop, &listener->watcher);
}

void listener_stop(struct listener *listener)
{
    if (!listener->loop)
        return;
    ev_io_stop(listener->loop, &listener->watcher);
    ev_timer_stop(listener->loop, &listener->retry);
    close(listener->watcher.fd);
    listener->loop = NULL;
}
