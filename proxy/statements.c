/* The prepared statements of a session: see statements.h. Source: protocol pages
 * "com_stmt_prepare", "com_stmt_execute" and "com_stmt_bulk_execute". */
#include "proxy/statements.h"

#include "proxy/backend.h"
#include "proxy/proto/command.h"
#include "proxy/proto/packet.h"

#include <errno.h>

/* Offsets in a COM_STMT_EXECUTE and a COM_STMT_BULK_EXECUTE packet, header included. */
enum {
    EXECUTE_NULLS_AT = PACKET_HEADER_BYTES + 1 + 4 + 1 + 4,
    BULK_FLAGS_AT = PACKET_HEADER_BYTES + 1 + 4,
    BULK_SENDS_TYPES = 128,
};

void statements_init(struct statements *statements, struct slab *slab)
{
    *statements = (struct statements){.slab = slab, .next_id = 1};
    list_init(&statements->list);
}

void statements_clear(struct statements *statements)
{
    while (!list_empty(&statements->list))
        statements_remove(statements, list_object(statements->list.next, struct statement, node));
    statements->last_prepared = 0;
}

struct statement *statements_add(struct statements *statements, struct span sql,
                                 const struct statement_class *class)
{
    struct statement *statement = slab_get(statements->slab);
    statement->id = statements->next_id++;
    if (statements->next_id == STATEMENT_ID_LAST)
        statements->next_id = 1;
    statement->target = class->target;
    statement->flags = class->flags;
    statement->digest = class->digest;
    buf_append_span(&statement->sql, sql);
    list_prepend(&statements->list, &statement->node);
    statements->last_prepared = statement->id;
    statements->count++;
    statements->unkept += sql.len == 0;
    return statement;
}

struct statement *statements_find(struct statements *statements, uint32_t id)
{
    if (id == STATEMENT_ID_LAST)
        id = statements->last_prepared;
    list_for_each (node, &statements->list) {
        struct statement *statement = list_object(node, struct statement, node);
        if (statement->id != id)
            continue;
        if (statements->list.next != node) {
            list_remove(node);
            list_prepend(&statements->list, node);
        }
        return statement;
    }
    return NULL;
}

void statements_remove(struct statements *statements, struct statement *statement)
{
    list_remove(&statement->node);
    statements->unkept -= statement->sql.len == 0;
    buf_free(&statement->sql);
    buf_free(&statement->key);
    buf_free(&statement->types);
    slab_put(statements->slab, statement);
    statements->count--;
}

struct prepared_on *statement_on(struct statement *statement, const struct backend *backend)
{
    for (int i = 0; i < 2; i++)
        if (backend && statement->on[i].serial == backend->serial)
            return &statement->on[i];
    return NULL;
}

bool statements_know(const struct statements *statements, const struct backend *backend,
                     uint32_t remote_id)
{
    list_for_each (node, &statements->list) {
        struct statement *statement = list_object(node, struct statement, node);
        const struct prepared_on *on = statement_on(statement, backend);
        if (on && on->remote_id == remote_id)
            return true;
    }
    return false;
}

void statement_prepared(struct statement *statement, const struct backend *backend,
                        uint32_t server_id)
{
    /* One place for the leader's connection, one for the reader's: a new reader takes the old
     * one's. */
    statement->on[backend->guarded ? 1 : 0] =
        (struct prepared_on){.serial = backend->serial, .remote_id = server_id};
}

/* --- parameter types --- */

/* Where the types stand in the packet of an execution, or would; header included. */
struct types_place {
    size_t flag_at;
    size_t types_at;
    uint8_t flag; /* what says that they are there */
};

/* False: the command has none. */
static bool types_place(const struct statement *statement, uint8_t code, struct types_place *place)
{
    if (statement->parameters == 0)
        return false;
    if (code == COM_STMT_EXECUTE) {
        place->flag_at = EXECUTE_NULLS_AT + ((size_t)statement->parameters + 7) / 8;
        place->types_at = place->flag_at + 1;
        place->flag = 1;
        return true;
    }
    place->flag_at = BULK_FLAGS_AT;
    place->types_at = place->flag_at + 2;
    place->flag = BULK_SENDS_TYPES;
    return code == COM_STMT_BULK_EXECUTE;
}

static size_t types_len(const struct statement *statement)
{
    return 2 * (size_t)statement->parameters;
}

size_t statement_types_end(const struct statement *statement, uint8_t code)
{
    struct types_place place;
    return types_place(statement, code, &place) ? place.types_at + types_len(statement) : 0;
}

/* A server takes any flag of COM_STMT_EXECUTE but 0 for "types follow". */
static bool types_sent(struct span packet, const struct types_place *place)
{
    uint8_t mask = packet.data[PACKET_HEADER_BYTES] == COM_STMT_EXECUTE ? 0xff : place->flag;
    return (packet.data[place->flag_at] & mask) != 0;
}

int statement_note_types(struct statement *statement, struct span packet)
{
    struct types_place place;
    if (packet.len <= PACKET_HEADER_BYTES ||
        !types_place(statement, packet.data[PACKET_HEADER_BYTES], &place))
        return 0;
    if (packet.len < place.types_at)
        return -EPROTO;
    if (!types_sent(packet, &place))
        return 0;
    if (packet.len < place.types_at + types_len(statement))
        return -EPROTO;
    struct span types = span_of(packet.data + place.types_at, types_len(statement));
    if (!span_equal(types, buf_span(&statement->types))) {
        statement->types.len = 0;
        buf_append_span(&statement->types, types);
        statement->types_version++;
    }
    return 0;
}

int statement_add_types(const struct statement *statement, const struct prepared_on *on,
                        struct span packet, struct buf *out)
{
    struct types_place place;
    if (!types_place(statement, packet.data[PACKET_HEADER_BYTES], &place) ||
        statement->types.len == 0 || on->types_version == statement->types_version ||
        packet.len < place.types_at || types_sent(packet, &place))
        return 0;
    size_t payload_len = packet_payload_len(packet.data) + statement->types.len;
    if (payload_len >= PACKET_PAYLOAD_MAX)
        return -E2BIG;
    size_t begin = out->len;
    buf_append(out, packet.data, place.types_at);
    store_u24(out->data + begin, (uint32_t)payload_len);
    out->data[begin + place.flag_at] |= place.flag;
    buf_append_span(out, buf_span(&statement->types));
    buf_append(out, packet.data + place.types_at, packet.len - place.types_at);
    return 1;
}
