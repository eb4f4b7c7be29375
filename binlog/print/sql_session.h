/* The session state that a statement of the log ran under, as the SET statements that bring another
 * session to it. Only what differs from what was set before is printed. */
#ifndef CAUSEWAY_BINLOG_PRINT_SQL_SESSION_H
#define CAUSEWAY_BINLOG_PRINT_SQL_SESSION_H

#include "binlog/event.h"

/* What ends a statement of the output, behind a new line. */
#define SQL_END "/*!*/;\n"

/* Zeroed: nothing was set yet. */
struct sql_session {
    bool is_mariadb; /* whose log it is: some variables are MariaDB's own */
    bool knows_schema;
    struct buf schema;
    uint32_t thread_id; /* 0: not set */
    uint32_t known;     /* EVENT_QUERY_...: what of `status` the session is known to have */
    struct event_query_status status; /* its spans are not used */
    struct buf time_zone;
};

void sql_session_free(struct sql_session *session);

/* USE and the SETs for the statement of a QUERY event. BINLOG_DAMAGED for a time zone that is no
 * name. */
int sql_session_set(struct sql_session *session, const struct binlog_event *event, struct buf *out,
                    struct binlog_error *error);

/* The session speaks UTF-8: needed before names that the log holds as such. */
void sql_session_speak_utf8(struct sql_session *session, struct buf *out);

/* SET @`name`:=.., with the type, charset and collation of the log. */
int sql_session_user_var(struct sql_session *session, const struct binlog_event *event,
                         struct buf *out, struct binlog_error *error);

#endif
