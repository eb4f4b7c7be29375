/* See execute.h. */
#include "proxy/proto/execute.h"

#include "proxy/proto/command.h"

#include <errno.h>
#include <inttypes.h>

/* Types of the binary protocol: protocol page "result set packets", field types. */
enum parameter_type {
    TYPE_DECIMAL = 0,
    TYPE_TINY = 1,
    TYPE_SHORT = 2,
    TYPE_LONG = 3,
    TYPE_NULL = 6,
    TYPE_LONGLONG = 8,
    TYPE_INT24 = 9,
    TYPE_YEAR = 13,
    TYPE_VARCHAR = 15,
    TYPE_BIT = 16,
    TYPE_JSON = 245,
    TYPE_NEWDECIMAL = 246,
    TYPE_ENUM = 247,
    TYPE_SET = 248,
    TYPE_TINY_BLOB = 249,
    TYPE_MEDIUM_BLOB = 250,
    TYPE_LONG_BLOB = 251,
    TYPE_BLOB = 252,
    TYPE_VAR_STRING = 253,
    TYPE_STRING = 254,
};

enum { TYPE_BYTES = 2, PARAMETER_UNSIGNED = 0x80 };

/* How many bytes an integer of that type has; 0: it is no integer. */
static unsigned integer_bytes(uint8_t type)
{
    switch (type) {
    case TYPE_TINY: return 1;
    case TYPE_SHORT:
    case TYPE_YEAR: return 2;
    case TYPE_LONG:
    case TYPE_INT24: return 4;
    case TYPE_LONGLONG: return 8;
    default: return 0;
    }
}

static bool has_text(uint8_t type)
{
    switch (type) {
    case TYPE_DECIMAL:
    case TYPE_VARCHAR:
    case TYPE_BIT:
    case TYPE_JSON:
    case TYPE_NEWDECIMAL:
    case TYPE_ENUM:
    case TYPE_SET:
    case TYPE_TINY_BLOB:
    case TYPE_MEDIUM_BLOB:
    case TYPE_LONG_BLOB:
    case TYPE_BLOB:
    case TYPE_VAR_STRING:
    case TYPE_STRING: return true;
    default: return false;
    }
}

static int append_integer(struct reader *reader, unsigned bytes, bool is_unsigned, struct buf *out)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)read_u8(reader) << (8 * i);
    if (reader->bad)
        return -EPROTO;
    const unsigned shift = 64 - 8 * bytes;
    if (is_unsigned)
        buf_printf(out, "%" PRIu64, value);
    else
        buf_printf(out, "%" PRId64, (int64_t)(value << shift) >> shift);
    return 1;
}

static int append_value(struct reader *reader, const uint8_t *type, struct buf *out)
{
    unsigned bytes = integer_bytes(type[0]);
    if (bytes > 0)
        return append_integer(reader, bytes, (type[1] & PARAMETER_UNSIGNED) != 0, out);
    if (!has_text(type[0]))
        return -EOPNOTSUPP;
    struct span text = read_lenenc_span(reader);
    if (reader->bad)
        return -EPROTO;
    buf_append_span(out, text);
    return 1;
}

int execute_text_parameter(struct span payload, struct span types, struct buf *out)
{
    struct reader reader = reader_of(payload);
    if (read_u8(&reader) != COM_STMT_EXECUTE)
        return -EPROTO;
    (void)read_u32(&reader); /* the statement's id */
    (void)read_u8(&reader);  /* cursor */
    (void)read_u32(&reader); /* iterations: always 1 */
    bool null = (read_u8(&reader) & 1) != 0;
    bool types_follow = read_u8(&reader) != 0;
    if (types_follow)
        types = read_span(&reader, TYPE_BYTES);
    if (reader.bad)
        return -EPROTO;
    if (null)
        return 0;
    if (types.len < TYPE_BYTES)
        return -EPROTO;
    return types.data[0] == TYPE_NULL ? 0 : append_value(&reader, types.data, out);
}
