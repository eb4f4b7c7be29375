/* The prepared statements of a session. The client's id is Causeway's own; on each server
 * connection where the statement was prepared it has the server's id. A statement is prepared where
 * it first runs, and again where it has to run later. */
#ifndef CAUSEWAY_PROXY_STATEMENTS_H
#define CAUSEWAY_PROXY_STATEMENTS_H

#include "proxy/base/buf.h"
#include "proxy/base/list.h"
#include "proxy/base/slab.h"
#include "router/classify.h"

struct backend;

/* Where a statement stands prepared: on the leader connection and on the reader's, at most. */
struct prepared_on {
    uint64_t serial; /* of the backend; 0: nowhere */
    uint32_t remote_id;
    uint32_t types_version; /* of the parameter types that this connection was told */
};

struct statement {
    struct list node;
    uint32_t id;
    enum class_target target;
    uint32_t flags; /* enum class_flags */
    uint64_t digest;
    uint8_t own;        /* enum own_what: Causeway answers it itself, no server has it */
    uint8_t own_mode;   /* enum lex_mode when it was prepared */
    int8_t consistency; /* of a rule or hint: enum consistency, or -1 */
    int forced_slot;    /* of a rule or hint, or -1 */
    struct buf key;     /* that a hint names for it; empty: none */
    struct buf sql;     /* text, to prepare it elsewhere; empty: too long to be kept */
    struct prepared_on on[2];
    uint16_t parameters;
    uint64_t columns;              /* digest of the definitions that the client has; 0: not known */
    uint64_t long_data_serial;     /* connection that got parameters sent ahead: it must run there;
                                      0: none, LONG_DATA_LOST: not all of them arrived */
    uint64_t last_serial;          /* connection that ran it last: cursor, reset */
    bool cursor;                   /* … has a cursor open */
    uint32_t types_version;        /* raised when the client sends parameter types */
    struct buf types;              /* two bytes a parameter, as last sent */
    uint64_t catalogue_generation; /* it was looked up in that one … */
    bool catalogued;               /* … and found */
};

struct statements {
    struct list list; /* the one used last first */
    struct slab *slab;
    uint32_t next_id;
    uint32_t last_prepared; /* what id 0xffffffff means; 0: none */
    unsigned count;
    unsigned unkept; /* of them those without their text */
    bool bound;      /* some may have a cursor open, or parameters sent ahead */
};

/* Where the id stands in the packets that name a statement, header included. */
enum { STATEMENT_ID_AT = 5 };

#define STATEMENT_ID_LAST 0xffffffffu
#define LONG_DATA_LOST    UINT64_MAX

void statements_init(struct statements *statements, struct slab *slab);
void statements_clear(struct statements *statements);

/* A new statement with a copy of the text. */
struct statement *statements_add(struct statements *statements, struct span sql,
                                 const struct statement_class *class);
/* NULL when unknown. STATEMENT_ID_LAST is the one prepared last. */
struct statement *statements_find(struct statements *statements, uint32_t id);
void statements_remove(struct statements *statements, struct statement *statement);

/* Has that connection a statement of that id of the server's? */
bool statements_know(const struct statements *statements, const struct backend *backend,
                     uint32_t remote_id);

/* Its place on that connection, NULL when it is not prepared there. */
struct prepared_on *statement_on(struct statement *statement, const struct backend *backend);
/* Notes that it is prepared there now. */
void statement_prepared(struct statement *statement, const struct backend *backend,
                        uint32_t server_id);

/* COM_STMT_EXECUTE and COM_STMT_BULK_EXECUTE (others are left alone): takes note of parameter types
 * that the client sends in `packet` (header and payload, at least up to statement_types_end()).
 * -EPROTO when it is too short for its parameters. */
int statement_note_types(struct statement *statement, struct span packet);
/* As far as a packet with that command must be there for its types; 0: it has none. */
size_t statement_types_end(const struct statement *statement, uint8_t code);
/* 1 when the connection must be told the types that the client sent earlier: then `out` gets all
 * that is in `packet` (its beginning will do) with them put in, and the header says so. Otherwise
 * 0, and nothing is written; -E2BIG: they don't fit into the packet any more. */
__attribute__((warn_unused_result)) int statement_add_types(const struct statement *statement,
                                                            const struct prepared_on *on,
                                                            struct span packet, struct buf *out);

#endif
