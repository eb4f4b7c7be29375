/* The tables and views of the cluster whose reads are the leader's, though a text that names them
 * looks like any other read: views that reach a stored function or what describes one server, and
 * tables whose rows replication does not keep. An immutable snapshot with a reference count. */
#ifndef CAUSEWAY_ROUTER_CATALOGUE_H
#define CAUSEWAY_ROUTER_CATALOGUE_H

#include "proxy/base/bytes.h"

#include <stdatomic.h>

struct catalogue_entry;
struct catalogue_view; /* a view that is not judged yet */

struct catalogue {
    atomic_uint references;
    uint64_t changes; /* statements of clients that may have changed it: so many were through when
                         it was begun to be read */
    uint64_t generation; /* grows with every one that differs */
    uint64_t digest;     /* of all names */
    size_t count;        /* entries; 0: nothing is ever to be looked up */
    size_t bucket_count; /* a power of two */
    struct catalogue_entry **buckets;
    struct catalogue_view *views;
};

struct catalogue *catalogue_new(void); /* empty, one reference */
struct catalogue *catalogue_ref(struct catalogue *catalogue);
void catalogue_unref(struct catalogue *catalogue);

/* A table that is the leader's. Copies. */
void catalogue_add(struct catalogue *catalogue, struct span schema, struct span name);
/* A view with the text of its query as information_schema.VIEWS shows it (names qualified and
 * quoted); empty: it may not be seen, and the view counts as the leader's. Copies. */
void catalogue_add_view(struct catalogue *catalogue, struct span schema, struct span name,
                        struct span definition);
/* Judges the views, those over others too; then it is immutable. */
void catalogue_finish(struct catalogue *catalogue);
/* The same entries, for another count of changes. */
struct catalogue *catalogue_copy(const struct catalogue *catalogue);

/* True when the text names one of them, or may. Names without a schema are those of `schema`; NULL:
 * of any. Takes time linear in the text, allocates nothing. */
bool catalogue_names(const struct catalogue *catalogue, struct span sql, unsigned lex_mode,
                     const char *schema);

#endif
