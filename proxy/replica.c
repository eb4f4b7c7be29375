/* Replicas that follow the leader's log through Causeway: see replica.h. */
#include "proxy/replica.h"

#include "proxy/proto/command.h"
#include "proxy/worker.h"

bool replica_says(struct span sql)
{
    static const char *const texts[] = {"SELECT UNIX_TIMESTAMP()",
                                        "SHOW VARIABLES LIKE 'SERVER_ID'"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (span_equal(sql, span_text(texts[i])))
            return true;
    return false;
}

bool replica_streams(const struct session *session)
{
    const struct command *command = &session->command;
    return session->state >= SESSION_SEND && session->state != SESSION_CLOSED &&
           (command->code == COM_BINLOG_DUMP || command->code == COM_BINLOG_DUMP_GTID);
}

bool replica_pass(struct session *session)
{
    struct stream *client = &session->client;
    struct backend *leader = session->running;
    if (session->client_ended) {
        session_close(session, "the replica left");
        return false;
    }
    if (stream_blocked(&leader->stream)) {
        if (!client->paused)
            stream_pause(client);
        return true;
    }
    if (client->paused)
        stream_resume(client);
    size_t len = stream_len(client);
    if (len == 0)
        return true;
    int error = stream_write_span(&leader->stream, span_of(stream_data(client), len));
    if (error) {
        backend_fail(leader, 2013, "08S01", "%s", strerror(-error));
        return false;
    }
    session->worker->counters.bytes_to_servers += len;
    stream_consume(client, len);
    return true;
}
