/* The console's socket and its life: see admin.h. The clients stand in admin_client.c. */
#include "proxy/admin.h"

#include "proxy/admin_client.h"
#include "proxy/base/clock.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/proto/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SOCKET_MODE = 0600, ERROR_TOO_MANY = 1040 };

void admin_reap(struct admin *admin)
{
    list_for_each_safe (node, &admin->closed) {
        list_remove(node);
        free(list_object(node, struct admin_client, node));
    }
}

static void on_reap(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
    (void)events;
    ev_prepare_stop(loop, prepare);
    admin_reap(list_object(prepare, struct admin, reaper));
}

static void refuse_client(int fd)
{
    struct buf packet = {0};
    err_build(&packet, 0, ERROR_TOO_MANY, NULL, span_text("Too many connections"));
    ssize_t sent = send(fd, packet.data, packet.len, MSG_NOSIGNAL);
    (void)sent;
    buf_free(&packet);
    close(fd);
}

static void on_accepted(struct listener *listener, int fd, const struct sockaddr *peer,
                        void *context)
{
    (void)listener;
    struct admin *admin = context;
    if (admin->client_count < ADMIN_CLIENTS_MAX) {
        admin_client_open(admin, fd, peer);
        return;
    }
    log_warn("console: %d clients are there already; refusing one more", ADMIN_CLIENTS_MAX);
    refuse_client(fd);
}

static int start_listening(struct admin *admin)
{
    const char *address = admin->config->console;
    if (!address)
        return 0;
    int fd = listener_bind(address, SOCKET_MODE, false);
    if (fd < 0) {
        log_error("console: can't listen on %s: %s", address, strerror(-fd));
        return fd;
    }
    admin->open_door = strncmp(address, "unix:", 5) == 0;
    listener_start(&admin->listener, admin->loop, fd, on_accepted, admin);
    log_info("console: listening on %s", address);
    return 0;
}

int admin_start(struct admin **out, struct ev_loop *loop, struct config *config,
                const struct admin_source *source)
{
    struct admin *admin = memory_zalloc(sizeof(*admin));
    admin->loop = loop;
    admin->source = *source;
    admin->config = config_ref(config);
    admin->started_ms = clock_now_ms();
    list_init(&admin->clients);
    list_init(&admin->closed);
    stream_pool_init(&admin->pool);
    ev_prepare_init(&admin->reaper, on_reap);
    int error = start_listening(admin);
    if (error) {
        admin_stop(admin);
        return error;
    }
    *out = admin;
    return 0;
}

void admin_reconfigure(struct admin *admin, struct config *config)
{
    struct config *old = admin->config;
    admin->config = config_ref(config);
    config_unref(old);
}

void admin_stop(struct admin *admin)
{
    if (!admin)
        return;
    const char *address = admin->config->console;
    bool listens = admin->listener.loop != NULL;
    listener_stop(&admin->listener);
    if (listens && strncmp(address, "unix:", 5) == 0)
        unlink(address + 5);
    list_for_each_safe (node, &admin->clients) {
        admin_client_close(list_object(node, struct admin_client, node), "the console ends");
    }
    ev_prepare_stop(admin->loop, &admin->reaper);
    admin_reap(admin);
    stream_pool_close(&admin->pool);
    config_unref(admin->config);
    free(admin);
}
