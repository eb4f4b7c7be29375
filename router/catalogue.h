/* The tables, views and routines of the cluster that do more than a text that names them shows.
 * Reads of some are the leader's: views that reach a stored function or what describes one server,
 * and tables whose rows replication does not keep. Writes to others may set user variables, or hold
 * what only the connection has: tables whose triggers do; and so do routines. An immutable snapshot
 * with a reference count. */
#ifndef CAUSEWAY_ROUTER_CATALOGUE_H
#define CAUSEWAY_ROUTER_CATALOGUE_H

#include "router/routine_body.h"

#include <stdatomic.h>

struct catalogue_body; /* of a view, trigger or routine that is not judged yet */

enum catalogue_kind {
    CATALOGUE_LEADERS = 1,  /* its reads are the leader's */
    CATALOGUE_SETS = 2,     /* statements that name it may set user variables … */
    CATALOGUE_HOLDS = 4,    /* … or leave more behind: enum routine_leaves … */
    CATALOGUE_SETTINGS = 8, /* … or set system variables unseen */
};

struct catalogue {
    atomic_uint references;
    struct names tables; /* and views, with enum catalogue_kind */
    struct routines routines;
    bool hides_triggers; /* there may be some that were not seen */
    uint64_t changes; /* statements of clients that may have changed it: so many were through when
                         it was begun to be read */
    uint64_t routine_changes; /* the same of those that may have changed routines */
    uint64_t generation;      /* grows with every one that differs */
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
/* A name of a system variable of the server. Copies. */
void catalogue_add_setting(struct catalogue *catalogue, struct span name);
/* A procedure, or function, with the text of its body and the lexer's modes under which it was
 * written; empty: it may not be seen, or is not to be judged. Copies. */
void catalogue_add_routine(struct catalogue *catalogue, bool function, struct span schema,
                           struct span name, struct span body, unsigned lex_mode);
/* Judges views, triggers and routines, those over others too; then it is immutable.
 * `routines_known`: all that there are were added, with the settings. */
void catalogue_finish(struct catalogue *catalogue, bool routines_known);
/* The same tables and views, for another count of changes; of routines nothing is known. */
struct catalogue *catalogue_copy(const struct catalogue *catalogue);
/* Of all that it says. */
uint64_t catalogue_digest(const struct catalogue *catalogue);

/* True when the text names one of that kind, or may. Names without a schema are those of `schema`;
 * NULL: of any. Takes time linear in the text, allocates nothing. */
bool catalogue_names(const struct catalogue *catalogue, enum catalogue_kind kind, struct span sql,
                     unsigned lex_mode, const char *schema);

/* What a statement that runs routines may leave on its connection by them, and by the triggers of
 * what it names: enum routine_leaves. The rest as above. */
unsigned catalogue_leaves(const struct catalogue *catalogue, struct span sql, unsigned lex_mode,
                          const char *schema);

#endif
