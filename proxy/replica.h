/* Replicas that follow the leader's log through Causeway: servers, mariadb-binlog, change data
 * capture. Their session becomes a stream of events; what they say meanwhile (the acknowledgements
 * of semi-synchronous replication) passes to the leader. When another server leads the connection
 * ends, as it would when the server itself went away, and the replica connects anew. */
#ifndef CAUSEWAY_PROXY_REPLICA_H
#define CAUSEWAY_PROXY_REPLICA_H

#include "proxy/session.h"

/* True for the text of a statement that a server says before it asks for the log. It speaks of the
 * server whose log that is. Source: server source sql/slave.cc (get_master_version_and_clock). */
bool replica_says(struct span sql);

/* True while the session is a stream of events. */
bool replica_streams(const struct session *session);

/* Passes on what the replica has said. False: the session has ended. */
bool replica_pass(struct session *session);

#endif
