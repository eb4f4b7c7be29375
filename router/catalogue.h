/* The tables and views of the cluster that do more than a text that names them shows. Reads of some
 * are the leader's: views that reach a stored function or what describes one server, and tables
 * whose rows replication does not keep. Writes to others may set user variables: tables whose
 * triggers do. An immutable snapshot with a reference count. */
#ifndef CAUSEWAY_ROUTER_CATALOGUE_H
#define CAUSEWAY_ROUTER_CATALOGUE_H

#include "proxy/base/bytes.h"

#include <stdatomic.h>

struct catalogue_entry;
struct catalogue_body; /* of a view or trigger that is not judged yet */

enum catalogue_kind {
    CATALOGUE_LEADERS = 1, /* its reads are the leader's */
    CATALOGUE_SETS = 2,    /* writes to it may set user variables */
};

struct catalogue {
    atomic_uint references;
    unsigned kinds;      /* enum catalogue_kind: of all entries; of others nothing is looked up */
    bool hides_triggers; /* there may be some that were not seen */
    uint64_t changes; /* statements of clients that may have changed it: so many were through when
                         it was begun to be read */
    uint64_t generation; /* grows with every one that differs */
    uint64_t digest;     /* of all names */
    size_t count;        /* entries */
    size_t bucket_count; /* a power of two */
    struct catalogue_entry **buckets;
    struct catalogue_body *bodies;
};

/* Empty, one reference; triggers count as hidden until it is said that they are not. */
struct catalogue *catalogue_new(void);
struct catalogue *catalogue_ref(struct catalogue *catalogue);
void catalogue_unref(struct catalogue *catalogue);

/* A table of those kinds (enum catalogue_kind). Copies. */
void catalogue_add(struct catalogue *catalogue, unsigned kinds, struct span schema,
                   struct span name);
/* A view with the text of its query as information_schema.VIEWS shows it (names qualified and
 * quoted); empty: it may not be seen, and the view counts as of every kind. Copies. */
void catalogue_add_view(struct catalogue *catalogue, struct span schema, struct span name,
                        struct span definition);
/* A trigger of that table with its statement, as information_schema.TRIGGERS shows it. Copies. */
void catalogue_add_trigger(struct catalogue *catalogue, struct span schema, struct span table,
                           struct span statement);
/* Judges views and triggers, those over others too; then it is immutable. */
void catalogue_finish(struct catalogue *catalogue);
/* The same entries, for another count of changes. */
struct catalogue *catalogue_copy(const struct catalogue *catalogue);

/* True when the text names one of that kind, or may. Names without a schema are those of `schema`;
 * NULL: of any. Takes time linear in the text, allocates nothing. */
bool catalogue_names(const struct catalogue *catalogue, enum catalogue_kind kind, struct span sql,
                     unsigned lex_mode, const char *schema);

#endif
