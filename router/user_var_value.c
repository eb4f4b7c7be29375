/* See user_var_value.h. */
#include "router/user_var_value.h"

#include <string.h>

enum { TEXT_MAX_BYTES = 2048 }; /* twice that of a character string: it comes in hex */

/* In the bytes that are meant, whatever character sets the session has chosen. */
#define PLAIN_BEGIN "CAST(CONVERT("
#define PLAIN_END   " USING latin1) AS BINARY)"

void user_var_names_sql(struct buf *sql, unsigned max)
{
    buf_printf(sql,
               "SELECT " PLAIN_BEGIN "VARIABLE_NAME" PLAIN_END ", " PLAIN_BEGIN
               "VARIABLE_TYPE" PLAIN_END " FROM information_schema.USER_VARIABLES LIMIT %u",
               max + 1);
}

static bool is_string(struct span type)
{
    return span_equal(type, span_text("VARCHAR"));
}

static void append_name(struct buf *sql, struct span name)
{
    buf_append_text(sql, "@`");
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '`')
            buf_append_u8(sql, '`');
        buf_append_u8(sql, name.data[i]);
    }
    buf_append_u8(sql, '`');
}

static void append_hex(struct buf *sql, struct span text)
{
    buf_append_text(sql, "x'");
    for (size_t i = 0; i < text.len; i++)
        buf_printf(sql, "%02x", text.data[i]);
    buf_append_u8(sql, '\'');
}

void user_var_cells_sql(struct buf *sql, struct span name, struct span type)
{
    append_hex(sql, name);
    buf_append_text(sql, ", ");
    append_hex(sql, type);
    buf_append_text(sql, ", " PLAIN_BEGIN "COLLATION(");
    append_name(sql, name);
    buf_append_text(sql, ")" PLAIN_END ", " PLAIN_BEGIN "LEFT(");
    buf_append_text(sql, is_string(type) ? "HEX(" : "(");
    append_name(sql, name);
    buf_printf(sql, "), %d)" PLAIN_END, TEXT_MAX_BYTES + 1);
}

static bool all_of(struct span text, const char *bytes)
{
    for (size_t i = 0; i < text.len; i++)
        if (!memchr(bytes, text.data[i], strlen(bytes)))
            return false;
    return text.len > 0;
}

static bool string_literal(struct span collation, struct span text, struct buf *literal)
{
    const uint8_t *underscore = memchr(collation.data, '_', collation.len);
    size_t charset_len = underscore ? (size_t)(underscore - collation.data) : collation.len;
    if (!all_of(collation, "abcdefghijklmnopqrstuvwxyz0123456789_"))
        return false;
    if (text.data) {
        if ((text.len > 0 && !all_of(text, "0123456789ABCDEF")) || text.len % 2 != 0)
            return false;
        buf_append_u8(literal, '_');
        buf_append(literal, collation.data, charset_len);
        buf_append_text(literal, " x'");
        buf_append_span(literal, text);
        buf_append_u8(literal, '\'');
    } else {
        buf_append_text(literal, "CONVERT(NULL USING ");
        buf_append(literal, collation.data, charset_len);
        buf_append_u8(literal, ')');
    }
    if (underscore) { /* not "binary" */
        buf_append_text(literal, " COLLATE ");
        buf_append_span(literal, collation);
    }
    return true;
}

static void cast(struct buf *literal, struct span text, const char *type)
{
    buf_append_text(literal, "CAST(");
    buf_append_span(literal, text);
    buf_printf(literal, " AS %s)", type);
}

bool user_var_literal(struct span type, struct span collation, struct span text,
                      struct buf *literal)
{
    if (text.len > TEXT_MAX_BYTES)
        return false;
    if (is_string(type))
        return string_literal(collation, text, literal);
    if (text.data && !all_of(text, "-+.e0123456789"))
        return false;
    struct span value = text.data ? text : span_text("NULL");
    if (span_equal(type, span_text("INT"))) {
        cast(literal, value, "SIGNED");
    } else if (span_equal(type, span_text("INT UNSIGNED"))) {
        cast(literal, value, "UNSIGNED");
    } else if (span_equal(type, span_text("DECIMAL"))) {
        if (text.data && memchr(text.data, '.', text.len))
            buf_append_span(literal, text);
        else
            cast(literal, value, "DECIMAL(65)");
    } else if (span_equal(type, span_text("DOUBLE"))) {
        if (!text.data)
            cast(literal, value, "DOUBLE");
        else
            buf_append_span(literal, text);
        if (text.data && !memchr(text.data, 'e', text.len))
            buf_append_text(literal, "e0");
    } else {
        return false;
    }
    return true;
}
