/* The session state block of an OK packet, read entry by entry, and filtered for a client.
 * Source: protocol page "ok_packet", session state info; types as measured on MariaDB 10.11.
 */
#ifndef CAUSEWAY_PROTO_SESSION_TRACK_H
#define CAUSEWAY_PROTO_SESSION_TRACK_H

#include "proxy/proto/packet.h"

enum track_type {
    TRACK_SYSTEM_VARIABLE = 0,
    TRACK_SCHEMA = 1,
    TRACK_STATE_CHANGE = 2,
    TRACK_GTIDS = 3, /* MySQL */
    TRACK_TRANSACTION_CHARACTERISTICS = 4,
    TRACK_TRANSACTION_STATE = 5,
};

struct track_entry {
    uint8_t type;      /* enum track_type, or one unknown here */
    struct span name;  /* of a system variable */
    struct span value; /* its value; the schema; "1" of a state change; the text otherwise */
    struct span raw;   /* the whole entry: type, length, data */
};

/* Reads the next entry: 1, 0 at the end, -EPROTO when malformed. One raw entry may hold several
 * system variables (name and value pairs one after the other); each is returned on its own, then
 * with the `raw` of the whole. */
struct track_reader {
    struct reader block;
    struct reader pairs;
    struct span raw;
};
void track_open(struct track_reader *reader, struct span block);
int track_next(struct track_reader *reader, struct track_entry *entry);

/* Appends to `out` the entries for which keep() is true, as a block without its length. A system
 * variable entry is written anew with only the kept pairs. */
typedef bool (*track_keep)(const struct track_entry *entry, void *context);
int track_filter(struct buf *out, struct span block, track_keep keep, void *context);

#endif
