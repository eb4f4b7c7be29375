/* The value of a user variable as SQL text.
 * Source: MariaDB sql/log_event_client.cc, User_var_log_event::print. */
#include "binlog/decimal.h"
#include "binlog/event.h"

#include <inttypes.h>
#include <math.h>

enum { NUMBER_BYTES = 8, DECIMAL_HEADER_BYTES = 2 };

static int decimal_text(struct span value, struct buf *out)
{
    char text[DECIMAL_TEXT_MAX];
    unsigned precision;
    unsigned scale;

    if (value.len < DECIMAL_HEADER_BYTES)
        return BINLOG_DAMAGED;
    precision = value.data[0];
    scale = value.data[1];
    if (decimal_bytes(precision, scale) == 0 ||
        value.len - DECIMAL_HEADER_BYTES < decimal_bytes(precision, scale) ||
        decimal_print(value.data + DECIMAL_HEADER_BYTES, precision, scale, text) == 0)
        return BINLOG_DAMAGED;
    buf_append_text(out, text);
    return 0;
}

int event_user_var_text(const struct event_user_var *var, struct buf *out)
{
    uint64_t bits;
    double real;

    if (var->is_null || var->type == EVENT_USER_VAR_STRING)
        return 0;
    if (var->type == EVENT_USER_VAR_DECIMAL)
        return decimal_text(var->value, out);
    if (var->value.len != NUMBER_BYTES)
        return BINLOG_DAMAGED;
    bits = load_u64(var->value.data);
    memcpy(&real, &bits, sizeof(real));
    if (var->type == EVENT_USER_VAR_INT && var->is_unsigned)
        buf_printf(out, "%" PRIu64, bits);
    else if (var->type == EVENT_USER_VAR_INT)
        buf_printf(out, "%" PRId64, (int64_t)bits);
    else if (var->type == EVENT_USER_VAR_REAL && isfinite(real))
        buf_printf(out, "%.17e", real);
    else
        return BINLOG_DAMAGED;
    return 0;
}
