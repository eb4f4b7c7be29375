/* Listening sockets. TCP listeners are opened once per worker with SO_REUSEPORT, so that the kernel
 * spreads the clients; a unix socket is opened once and shared. */
#ifndef CAUSEWAY_NET_LISTENER_H
#define CAUSEWAY_NET_LISTENER_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* "127.0.0.1:4006", "[::1]:4006", "0.0.0.0:4006", "unix:/path". No names are looked up here.
 * -EINVAL. *address_len gets the length in use. */
int address_parse(const char *text, struct sockaddr_storage *address, socklen_t *address_len);
/* The numeric text of a peer without port ("localhost" for a unix socket). */
void address_host_text(const struct sockaddr *address, char *out, size_t size);

/* A bound, listening, non-blocking socket, or a negative errno. A unix socket left behind by a
 * process that is gone is replaced; `mode` is its file mode. */
int listener_bind(const char *text, unsigned mode, bool reuse_port);

struct listener;
/* `peer` is valid during the call only; the callee owns `fd`. */
typedef void (*listener_accepted)(struct listener *listener, int fd, const struct sockaddr *peer,
                                  void *context);

struct listener {
    struct ev_io watcher;
    ev_tstamp warned_s;    /* when the log last said so */
    struct ev_timer retry; /* after EMFILE: accepting again a little later */
    struct ev_loop *loop;
    listener_accepted accepted;
    void *context;
};

/* Accepts on `fd` (from listener_bind) in this loop. */
void listener_start(struct listener *listener, struct ev_loop *loop, int fd,
                    listener_accepted accepted, void *context);
/* Stops accepting; closes the socket. */
void listener_stop(struct listener *listener);

#endif
