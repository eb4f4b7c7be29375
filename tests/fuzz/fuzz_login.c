/* Fuzzes a login from both ends: the client's bytes, and those of the servers that Causeway logs in
 * to or passes the login on to. The input is a first byte of circumstances and then pieces: one
 * byte says who sends (0 the client, else the server connection of that number) and whether the
 * piece is the payload of a packet, which gets the number that is due, or bytes as they are; one
 * byte its length. Nobody may be let in who has not proven who he is, and no input do harm. */
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/client_login.h"
#include "proxy/config.h"
#include "proxy/keys.h"
#include "proxy/passwords.h"
#include "proxy/places.h"
#include "proxy/worker.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The first connection to the leader is one of Causeway's own. */
enum { CONNECTIONS_MAX = 3, OWN_CONNECTIONS = 1, TURNS = 3, SERVERS = 2 };
enum { CLIENT_IS_REMOTE = 1, SERVER_IS_REMOTE = 2, HAS_FOLLOWER = 4 };
enum { PIECE_FROM = 3, PIECE_IS_PACKET = 4 };

/* One end of a connection, as its peer sees it. */
struct end {
    int fd;
    uint8_t number; /* of the next packet that the peer may send */
};

struct lab {
    struct worker *worker;
    struct accounts *accounts;
    struct topology *topology;
    bool reread;
    int listener;
    struct end client;
    struct end servers[CONNECTIONS_MAX];
    unsigned server_count;
    struct buf sent; /* by the client */
};

/* The one that Causeway can check; with few rounds, so that a run is short. */
#define PASSWORD "hashcat"
#define DIGEST   "$A$001$salt of twenty bytesfnHLm6mNo/4j.XLXvnGXh3qreZxpPA7o6lIMHhjdqC/"

static const struct {
    const char *user;
    const char *plugin;
    const char *hash;
} accounts[] = {
    {"pam", "pam", ""},
    {"ed", "ed25519", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"},
    {"sha", "caching_sha2_password", DIGEST},
    {"shown", "caching_sha2_password", DIGEST},
    {"other", "caching_sha2_password", "$B$"},
    {"native", "mysql_native_password", "*667F407DE7C6AD07358FA38DAED7828A72014B4E"},
    {"open", "mysql_native_password", ""},
};

/* --- what a worker needs --- */

static void ask_accounts(void *context)
{
    struct lab *lab = context;
    lab->reread = true;
}

static void ignore_slot(void *context, unsigned slot)
{
    (void)context;
    (void)slot;
}

static void ignore_changes(void *context, uint64_t changes)
{
    (void)context;
    (void)changes;
}

static bool visit_nobody(void *context, unsigned index,
                         void (*visit)(struct worker *worker, void *content), void *content)
{
    (void)context;
    (void)index;
    (void)visit;
    (void)content;
    return false;
}

static struct config *make_config(void)
{
    static const char text[] = "[proxy]\nlisten=127.0.0.1:1\nthreads=1\nconsole_password=x\n"
                               "log_level=error\n"
                               "[cluster]\nuser=u\npassword=p\n"
                               "[server:db1]\naddress=127.0.0.1:2\n"
                               "[user:sha]\npassword=" PASSWORD "\n"
                               "[user:pam]\npassword=secret\n";
    char path[] = "/tmp/fuzz-login-XXXXXX";
    struct config_errors errors;
    int fd = mkstemp(path);
    assert(fd >= 0 && write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1);
    close(fd);
    struct config *config = config_load(path, &errors);
    for (size_t i = 0; i < errors.count; i++)
        fprintf(stderr, "%s\n", errors.lines[i]);
    unlink(path);
    config_errors_free(&errors);
    assert(config);
    log_set_level(LOG_LEVEL_ERROR);
    return config;
}

static struct accounts *make_accounts(void)
{
    struct accounts *made = accounts_new();
    for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
        struct account account = {.user = (char *)(uintptr_t)accounts[i].user, .host = (char *)"%"};
        int error = account_fill(&account, span_text(accounts[i].plugin),
                                 span_text(accounts[i].hash), span_text(""));
        assert(!error);
        accounts_add(made, &account);
        account_clear(&account);
    }
    accounts_finish(made);
    return made;
}

static struct topology *make_topology(const struct sockaddr_un *address, socklen_t len, bool both)
{
    struct topology *topology = topology_new(both ? SERVERS : 1);
    topology->leader = 0;
    topology->epoch = 1;
    for (unsigned i = 0; i < topology->count; i++) {
        struct topology_server *server = &topology->servers[i];
        snprintf(server->name, sizeof(server->name), "db%u", i + 1);
        server->address.local = *address;
        server->address_len = len;
        server->slot = i;
        server->weight = 1;
        server->role = i ? ROLE_FOLLOWER : ROLE_LEADER;
        server->reachable = true;
        server->in_rotation = i > 0;
    }
    return topology;
}

/* A listener without a name in the file system. */
static int listen_somewhere(struct sockaddr_un *address, socklen_t *len)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    *len = sizeof(address->sun_family); /* the kernel picks an abstract name */
    if (bind(fd, (struct sockaddr *)address, *len) || listen(fd, CONNECTIONS_MAX * 2))
        abort();
    *len = sizeof(*address);
    if (getsockname(fd, (struct sockaddr *)address, len))
        abort();
    return fd;
}

/* --- the ends --- */

static void end_close(struct end *end)
{
    if (end->fd >= 0)
        close(end->fd);
    end->fd = -1;
}

/* Takes what Causeway has written there, and notes the number that is due. Packets of a login are
 * small, and each comes in one write. */
static void end_read(struct end *end)
{
    uint8_t bytes[32 << 10];
    ssize_t n;
    while (end->fd >= 0 && (n = recv(end->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) != -1) {
        if (n == 0) {
            end_close(end);
            return;
        }
        for (size_t at = 0; at + PACKET_HEADER_BYTES <= (size_t)n;
             at += PACKET_HEADER_BYTES + packet_payload_len(bytes + at))
            end->number = (uint8_t)(packet_seq(bytes + at) + 1);
    }
}

static void end_write(struct end *end, struct span piece, bool is_packet, struct buf *sent)
{
    struct buf out = {0};
    size_t begin = is_packet ? packet_begin(&out) : 0;
    buf_append_span(&out, piece);
    if (is_packet)
        packet_end(&out, begin, end->number++);
    if (end->fd >= 0) {
        ssize_t ignored = send(end->fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)ignored;
    }
    if (sent)
        buf_append_span(sent, buf_span(&out));
    buf_free(&out);
}

/* --- a run --- */

static void check_session(const struct session *session, bool password_was_sent)
{
    const struct identity *identity = session->identity;
    if (!identity || identity->relayed || identity->vouched)
        return;
    bool open = strcmp(identity->user, "open") == 0;
    bool sha = strcmp(identity->user, "sha") == 0 || strcmp(identity->user, "shown") == 0;
    assert(open || (sha && password_was_sent));
}

static void take_connections(struct lab *lab)
{
    int fd;
    while ((fd = accept4(lab->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (lab->server_count == CONNECTIONS_MAX)
            close(fd);
        else
            lab->servers[lab->server_count++].fd = fd;
    }
}

static void let_run(struct lab *lab)
{
    bool password_was_sent =
        lab->sent.len > 0 && memmem(lab->sent.data, lab->sent.len, PASSWORD, strlen(PASSWORD));
    for (int i = 0; i < TURNS; i++) {
        ev_run(lab->worker->loop, EVRUN_NOWAIT);
        if (lab->reread) {
            lab->reread = false;
            worker_send_accounts(lab->worker, accounts_ref(lab->accounts));
        }
        take_connections(lab);
        end_read(&lab->client);
        for (unsigned j = 0; j < lab->server_count; j++)
            end_read(&lab->servers[j]);
        list_for_each (node, &lab->worker->sessions)
            check_session(list_object(node, struct session, node), password_was_sent);
    }
}

static void open_client(struct lab *lab, bool remote)
{
    int pair[2];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
        abort();
    lab->client.fd = pair[1];
    session_open(lab->worker, pair[0],
                 remote ? (struct sockaddr *)&address : (struct sockaddr *)&local);
}

/* Made once: nothing of it is kept from one run to the next but what is wiped here. */
static struct shared *shared_by_runs(void)
{
    static struct shared shared;
    if (!shared.positions) {
        shared.positions = positions_new();
        shared.keys = keys_new();
        shared.places = places_new();
        shared.passwords = passwords_new();
    }
    struct accounts *none = accounts_new();
    passwords_sweep(shared.passwords, none);
    accounts_unref(none);
    return &shared;
}

static void open_lab(struct lab *lab, struct config *config, uint8_t circumstances)
{
    struct worker_requests requests = {.reread_accounts = ask_accounts,
                                       .accounts_changed = ignore_changes,
                                       .suspect = ignore_slot,
                                       .catalogue_changed = ignore_changes,
                                       .routines_changed = ignore_changes,
                                       .visit = visit_nobody,
                                       .context = lab};
    struct sockaddr_un address;
    socklen_t len;
    lab->listener = listen_somewhere(&address, &len);
    lab->accounts = make_accounts();
    lab->topology = make_topology(&address, len, circumstances & HAS_FOLLOWER);
    lab->worker =
        worker_new(0, shared_by_runs(), &requests, config_ref(config), topology_ref(lab->topology),
                   accounts_ref(lab->accounts), catalogue_new());
    open_client(lab, circumstances & CLIENT_IS_REMOTE);
}

static void close_lab(struct lab *lab)
{
    end_close(&lab->client);
    for (unsigned i = 0; i < lab->server_count; i++)
        end_close(&lab->servers[i]);
    close(lab->listener);
    ev_run(lab->worker->loop, EVRUN_NOWAIT);
    list_for_each_safe (node, &lab->worker->sessions)
        session_close(list_object(node, struct session, node), "the run is over");
    worker_free(lab->worker);
    topology_unref(lab->topology);
    accounts_unref(lab->accounts);
    buf_free(&lab->sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct config *config;
    struct reader reader = reader_of(span_of(data, len));
    struct lab lab = {.client.fd = -1};
    if (!config)
        config = make_config();
    uint8_t circumstances = read_u8(&reader);
    open_lab(&lab, config, circumstances);
    let_run(&lab);
    while (reader_left(&reader) > 1) {
        uint8_t how = read_u8(&reader);
        size_t piece_len = read_u8(&reader);
        if (piece_len > reader_left(&reader))
            piece_len = reader_left(&reader);
        struct span piece = read_span(&reader, piece_len);
        unsigned from = how & PIECE_FROM;
        if (from == 0)
            end_write(&lab.client, piece, how & PIECE_IS_PACKET, &lab.sent);
        else if (from <= lab.server_count)
            end_write(&lab.servers[from - 1], piece, how & PIECE_IS_PACKET, NULL);
        /* To the code that asks where the server is, it is now elsewhere. */
        if ((circumstances & SERVER_IS_REMOTE) && lab.server_count > OWN_CONNECTIONS)
            lab.topology->servers[0].address.any.sa_family = AF_INET;
        let_run(&lab);
    }
    close_lab(&lab);
    return 0;
}
