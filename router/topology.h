/* The cluster as the control thread last saw it: an immutable snapshot with a reference count.
 * The control thread takes one reference for each worker and mails the pointer. */
#ifndef CAUSEWAY_ROUTER_TOPOLOGY_H
#define CAUSEWAY_ROUTER_TOPOLOGY_H

#include "binlog/positions.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/un.h>

enum { SERVER_NAME_MAX = 64, SERVER_VERSION_MAX = 96 };

enum server_role {
    ROLE_UNKNOWN, /* not seen yet, or it answers but fits nowhere */
    ROLE_LEADER,
    ROLE_FOLLOWER,
};

union server_address {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    struct sockaddr_un local;
};

struct topology_server {
    char name[SERVER_NAME_MAX]; /* of its section: db1 */
    char address_text[128];     /* as configured */
    union server_address address;
    socklen_t address_len;
    unsigned slot;       /* column of the positions board and of the counters; stable while the name
                            and address stay in proxy.ini */
    uint32_t generation; /* of the board when the snapshot was made */
    uint32_t weight;
    uint32_t server_id;
    enum server_role role;
    bool reachable;      /* the last probe was answered */
    bool in_rotation;    /* a follower that may serve reads */
    bool drained;        /* taken out by a person */
    bool partial;        /* filters or skipped errors: it may lack what its position says it has */
    uint32_t latency_us; /* of the probe */
    bool skip_name_resolve;
    char version[SERVER_VERSION_MAX];
    char why[160];       /* why it is not in rotation, in words; empty when it is */
    char defaults[1024]; /* assignments that give a session here the leader's defaults: empty, or
                            ", @@session.name=value" each */
};

/* While the leader is replaced there is none: what is sent to it waits. */
enum barrier {
    BARRIER_NONE,
    BARRIER_PAUSE, /* what had begun on the leader goes on: transactions end */
    BARRIER_CUT,   /* nobody gets another word of the old leader: what was under way is lost */
};

struct topology {
    atomic_uint references;
    uint64_t epoch; /* grows with every change of leader */
    int leader;     /* index into servers, or -1 */
    enum barrier barrier;
    unsigned count;
    char version[SERVER_VERSION_MAX]; /* for the greeting: the leader's, or the last one known */
    bool committed_isolation;         /* the leader's default is READ COMMITTED or below */
    uint64_t defaults_version;        /* grows when sessions begin with other values somewhere */
    char tracked_variables[1024];     /* the leader's global session_track_system_variables: what a
                                         client     with SESSION_TRACK expects to see */
    struct topology_server servers[];
};

struct topology *topology_new(unsigned count); /* one reference */
struct topology *topology_ref(struct topology *topology);
void topology_unref(struct topology *topology);

/* Index of the server with that name, or slot; -1 when there is none. */
int topology_by_name(const struct topology *topology, struct span name);
int topology_by_slot(const struct topology *topology, unsigned slot);

#endif
