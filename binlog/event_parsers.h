/* Inside of the event parser: what event.c hands to the parsers of each kind. Nobody else's. */
#ifndef CAUSEWAY_BINLOG_EVENT_PARSERS_H
#define CAUSEWAY_BINLOG_EVENT_PARSERS_H

#include "binlog/cursor.h"
#include "binlog/event.h"

struct event_parse {
    const struct event_context *context;
    struct cursor body; /* behind the header, without checksum */
    struct binlog_event *event;
    struct binlog_error *error;
};

/* Each reads parse->body into its member of the event's union. 0 or a code; a body that was too
 * short need not be reported: event.c looks at body.is_short. */
int event_parse_query(struct event_parse *parse);
int event_parse_table_map(struct event_parse *parse);
int event_parse_rows(struct event_parse *parse);
int event_parse_mysql_gtid(struct event_parse *parse);
int event_parse_payload(struct event_parse *parse);

/* An error at the byte that parse->body stands at. */
int event_parse_fail(const struct event_parse *parse, int code, const char *what);

/* The part behind the header that the format description gives a fixed length: skips what is there
 * beyond `known_bytes`, which were read. */
void event_parse_skip_post_header(struct event_parse *parse, size_t known_bytes);

/* Inflates the rest of the body into the scratch buffer; the body goes on there. */
int event_parse_inflate(struct event_parse *parse);

#endif
