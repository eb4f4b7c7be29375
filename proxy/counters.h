/* What a worker counts; the console adds the workers up. One table. Written by the worker alone,
 * read in its thread (a visit), so plain integers do. */
#ifndef CAUSEWAY_PROXY_COUNTERS_H
#define CAUSEWAY_PROXY_COUNTERS_H

#include <stdint.h>

#define COUNTERS(X)                                                                                \
    X(connections, "client connections accepted")                                                  \
    X(connections_refused, "client connections refused: max_clients")                              \
    X(logins_failed, "logins refused")                                                             \
    X(statements, "statements sent to servers")                                                    \
    X(statements_leader, "statements run on the leader")                                           \
    X(statements_follower, "statements run on a follower")                                         \
    X(moves, "reads on another server than the last one")                                          \
    X(bounds_fetched, "leader positions fetched for moves")                                        \
    X(shown_fetched, "times the leader was asked what it shows")                                   \
    X(shown_denied, "of those: refused, BINLOG MONITOR is missing")                                \
    X(causal_waits, "reads held until a follower had caught up")                                   \
    X(causal_timeouts, "of those: causal_timeout ran out")                                         \
    X(leader_waits, "statements held until there was a leader")                                    \
    X(reads_retried, "reads run again because their server failed")                                \
    X(writes_found, "reads that turned out to write and ran again on the leader")                  \
    X(leader_lost, "sessions that lost their leader connection")                                   \
    X(lost_writes, "sessions told of a write that the new leader does not have")                   \
    X(keys_refused, "statements refused: too many keys")                                           \
    X(server_connects, "server connections opened")                                                \
    X(server_connect_errors, "server connections that failed")                                     \
    X(server_reuses, "server connections taken from the pool")                                     \
    X(server_lends, "server connections taken over from another session")                          \
    X(server_partings, "of a connection asked first: what its session must keep")                  \
    X(place_waits, "statements held until a server connection came free")                          \
    X(place_timeouts, "of those: pool_wait ran out")                                               \
    X(protocol_errors, "sessions ended for malformed packets")                                     \
    X(bytes_to_clients, "bytes of results")                                                        \
    X(bytes_to_servers, "bytes of commands")

struct counters {
#define X(name, text) uint64_t name;
    COUNTERS(X)
#undef X
};

/* Server connections to one server that no statement is using. */
struct pool_counts {
    uint64_t idle;    /* nobody's */
    uint64_t lent;    /* with a session, until another one needs them */
    uint64_t leaving; /* until the server has closed them */
};

#endif
