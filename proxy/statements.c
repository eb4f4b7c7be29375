/* The prepared statements of a session: see statements.h. Source: protocol pages "com_stmt_prepare"
 * and "com_stmt_execute". */
#include "proxy/statements.h"

#include "proxy/backend.h"
#include "proxy/proto/command.h"
#include "proxy/proto/packet.h"

#include <errno.h>

/* Offsets in a COM_STMT_EXECUTE packet, header included. */
enum {
    EXECUTE_NULLS_AT = PACKET_HEADER_BYTES + 1 + 4 + 1 + 4,
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

void statement_prepared(struct statement *statement, const struct backend *backend,
                        uint32_t server_id)
{
    /* One place for the leader's connection, one for the reader's: a new reader takes the old
     * one's. */
    statement->on[backend->guarded ? 1 : 0] =
        (struct prepared_on){.serial = backend->serial, .remote_id = server_id};
}

static size_t nulls_len(const struct statement *statement)
{
    return ((size_t)statement->parameters + 7) / 8;
}

int statement_note_types(struct statement *statement, struct span packet)
{
    if (statement->parameters == 0 || packet.len < PACKET_HEADER_BYTES + 1 ||
        packet.data[PACKET_HEADER_BYTES] != COM_STMT_EXECUTE)
        return 0;
    size_t flag_at = EXECUTE_NULLS_AT + nulls_len(statement);
    if (packet.len <= flag_at)
        return -EPROTO;
    if (packet.data[flag_at] == 0)
        return 0;
    size_t types_len = 2 * (size_t)statement->parameters;
    if (packet.len < flag_at + 1 + types_len)
        return -EPROTO;
    struct span types = span_of(packet.data + flag_at + 1, types_len);
    if (!span_equal(types, buf_span(&statement->types))) {
        statement->types.len = 0;
        buf_append_span(&statement->types, types);
        statement->types_version++;
    }
    return 0;
}

bool statement_add_types(const struct statement *statement, const struct prepared_on *on,
                         struct span packet, struct buf *out)
{
    size_t flag_at = EXECUTE_NULLS_AT + nulls_len(statement);
    if (statement->parameters == 0 || statement->types.len == 0 ||
        on->types_version == statement->types_version || packet.len <= flag_at ||
        packet.data[PACKET_HEADER_BYTES] != COM_STMT_EXECUTE || packet.data[flag_at] != 0)
        return false;
    size_t begin = packet_begin(out);
    buf_append(out, packet.data + PACKET_HEADER_BYTES, flag_at - PACKET_HEADER_BYTES);
    buf_append_u8(out, 1);
    buf_append_span(out, buf_span(&statement->types));
    buf_append(out, packet.data + flag_at + 1, packet.len - flag_at - 1);
    packet_end(out, begin, 0);
    return true;
}
