/* Cells as plain text. */
#include "binlog/value.h"

#include "binlog/json_binary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { FLOAT_DIGITS = 6, FLOAT_DIGITS_MAX = 9, DOUBLE_DIGITS = 15, DOUBLE_DIGITS_MAX = 17 };

uint64_t value_as_unsigned(const struct value *value)
{
    if (value->kind != VALUE_INT || value->width_bytes >= sizeof(uint64_t))
        return value->uinteger;
    return value->uinteger & ((UINT64_C(1) << value->width_bytes * 8) - 1);
}

/* The fewest digits that read back as the same number. */
static void real_print(double real, bool is_single, struct buf *out)
{
    char text[40];
    int digits = is_single ? FLOAT_DIGITS : DOUBLE_DIGITS;
    int digits_max = is_single ? FLOAT_DIGITS_MAX : DOUBLE_DIGITS_MAX;

    for (; digits <= digits_max; digits++) {
        bool is_same;

        snprintf(text, sizeof(text), "%.*g", digits, real);
        is_same = is_single ? strtof(text, NULL) == (float)real : strtod(text, NULL) == real;
        if (is_same)
            break;
    }
    buf_append_text(out, text);
}

static void temporal_append(const struct value *value, struct buf *out)
{
    char text[TEMPORAL_TEXT_MAX];

    switch (value->kind) {
    case VALUE_DATE: temporal_print_date(&value->temporal, text); break;
    case VALUE_TIME: temporal_print_time(&value->temporal, text); break;
    case VALUE_DATETIME: temporal_print_datetime(&value->temporal, text); break;
    default: temporal_print_epoch(&value->temporal, text); break;
    }
    buf_append_text(out, text);
}

static int json_diffs_append(struct span diffs, struct buf *out)
{
    return json_diff_print(diffs, span_text("@before"), out);
}

int value_print(const struct value *value, struct buf *out)
{
    switch (value->kind) {
    case VALUE_ABSENT:
    case VALUE_NULL: break;
    case VALUE_INT: buf_printf(out, "%" PRId64, value->integer); break;
    case VALUE_UINT:
    case VALUE_BIT:
    case VALUE_ENUM:
    case VALUE_SET: buf_printf(out, "%" PRIu64, value->uinteger); break;
    case VALUE_YEAR: buf_printf(out, "%04" PRIu64, value->uinteger); break;
    case VALUE_FLOAT: real_print(value->real, true, out); break;
    case VALUE_DOUBLE: real_print(value->real, false, out); break;
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_DATETIME:
    case VALUE_TIMESTAMP: temporal_append(value, out); break;
    case VALUE_DECIMAL:
    case VALUE_STRING:
    case VALUE_GEOMETRY:
    case VALUE_VECTOR: buf_append_span(out, value->bytes); break;
    case VALUE_JSON: return json_binary_print(value->bytes, out);
    case VALUE_JSON_DIFF: return json_diffs_append(value->bytes, out);
    }
    return 0;
}
