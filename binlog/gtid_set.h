/* Sets of GTIDs, of MariaDB and of MySQL.
 *
 * MariaDB: what a position stands for. "0-1-100,1-2-7" is in domain 0 everything up to 100, the
 * last by server 1. Where a domain has holes (after adding or subtracting) the other runs follow
 * behind colons: "0-1-100:105-110" is 1 to 100 and 105 to 110; "0-1-0:5" is only the fifth.
 * Sequence numbers alone are compared; the server is the one that wrote the domain's last.
 * MySQL: "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7,4f...:1".
 * Sources: MariaDB knowledge base "Global Transaction ID"; MySQL manual "GTID Format and Storage",
 * sql/rpl_gtid_set.cc for the binary form. */
#ifndef CAUSEWAY_BINLOG_GTID_SET_H
#define CAUSEWAY_BINLOG_GTID_SET_H

#include "binlog/gtid.h"
#include "proxy/base/buf.h"

enum gtid_set_kind {
    GTID_SET_MARIADB,
    GTID_SET_MYSQL,
};

enum { GTID_UUID_BYTES = 16, GTID_UUID_TEXT_MAX = 37 /* with its NUL */ };

/* first..last, both in it; first >= 1 */
struct gtid_run {
    uint64_t first;
    uint64_t last;
};

/* One domain, or one server's UUID: sorted runs that neither touch nor overlap, at least one. */
struct gtid_set_source {
    uint32_t domain;               /* MariaDB */
    uint32_t server;               /* MariaDB: who wrote the highest */
    uint8_t uuid[GTID_UUID_BYTES]; /* MySQL */
    struct gtid_run *runs;
    size_t run_count;
    size_t run_cap;
};

/* Sorted by domain, or by UUID. gtid_set_init(), gtid_set_free(). */
struct gtid_set {
    enum gtid_set_kind kind;
    struct gtid_set_source *sources;
    size_t source_count;
    size_t source_cap;
};

void gtid_set_init(struct gtid_set *set, enum gtid_set_kind kind);
void gtid_set_free(struct gtid_set *set);                             /* empty and usable again */
void gtid_set_copy(struct gtid_set *to, const struct gtid_set *from); /* `to` is initialised */

/* Which kind the text is of, by its looks: a UUID has eight hex digits before its first dash and
 * five groups. Empty text is -ENODATA (it is a set of either kind); -EINVAL: neither. */
int gtid_set_kind_of(struct span text);

/* Replaces what is in `set`. Blanks and newlines around commas and colons allowed, empty allowed.
 * -EINVAL (`set` is as before), -ENOTSUP for MySQL's tagged GTIDs. */
int gtid_set_parse(struct gtid_set *set, struct span text);
/* Appends the text, without blanks. */
void gtid_set_print(const struct gtid_set *set, struct buf *out);

/* The body of MySQL's PREVIOUS_GTIDS event, struct event_previous_gtids.set. -EINVAL, -ENOTSUP. */
int gtid_set_decode(struct gtid_set *set, struct span bytes);

/* Adds all of `run` to the domain or UUID (and, MariaDB, server) that `key` names; nothing else of
 * `key` is looked at. */
void gtid_set_add_run(struct gtid_set *set, const struct gtid_set_source *key, struct gtid_run run);

/* Adds one. `server` is kept if this one is the domain's highest. seq 0 adds nothing. */
void gtid_set_add(struct gtid_set *set, const struct gtid *gtid);
void gtid_set_add_uuid(struct gtid_set *set, const uint8_t uuid[GTID_UUID_BYTES], uint64_t seq);

bool gtid_set_has(const struct gtid_set *set, const struct gtid *gtid);
bool gtid_set_has_uuid(const struct gtid_set *set, const uint8_t uuid[GTID_UUID_BYTES],
                       uint64_t seq);
bool gtid_set_is_empty(const struct gtid_set *set);

/* For the next ones both sets are of one kind, else: not equal, not contained, nothing changed. */
bool gtid_set_equal(const struct gtid_set *a, const struct gtid_set *b); /* servers not compared */
bool gtid_set_contains(const struct gtid_set *set, const struct gtid_set *part);
void gtid_set_union(struct gtid_set *set, const struct gtid_set *other);
void gtid_set_subtract(struct gtid_set *set, const struct gtid_set *other);

/* Of a MariaDB set: the highest of each domain, as the servers write a position. -E2BIG. */
int gtid_set_position(const struct gtid_set *set, struct gtid_vector *out);

/* "3e11fa47-71ca-11e1-9e33-c80aa9429562". */
void gtid_uuid_print(const uint8_t uuid[GTID_UUID_BYTES], char out[GTID_UUID_TEXT_MAX]);
/* The whole of `text` is one UUID, dashes as above or none. -EINVAL. */
int gtid_uuid_parse(struct span text, uint8_t uuid[GTID_UUID_BYTES]);

#endif
