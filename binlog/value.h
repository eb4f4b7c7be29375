/* One cell of a row. Numbers and temporals are held as such; strings are spans into the event (or,
 * where they had to be made, into the row reader's scratch), nothing is copied without need. */
#ifndef CAUSEWAY_BINLOG_VALUE_H
#define CAUSEWAY_BINLOG_VALUE_H

#include "binlog/table_map.h"
#include "binlog/temporal.h"
#include "proxy/base/buf.h"

enum value_kind {
    VALUE_ABSENT,  /* the image does not hold this column (binlog_row_image MINIMAL, NOBLOB) */
    VALUE_NULL,    /* SQL NULL */
    VALUE_INT,     /* .integer; sign as the table map says, signed where it doesn't */
    VALUE_UINT,    /* .uinteger: a column known to be unsigned */
    VALUE_FLOAT,   /* .real, of single precision */
    VALUE_DOUBLE,  /* .real */
    VALUE_DECIMAL, /* .bytes: text "-12.50" */
    VALUE_YEAR,    /* .uinteger: 0 or 1901..2155 */
    VALUE_BIT,     /* .uinteger, column->bits wide */
    VALUE_ENUM,    /* .uinteger: 1 is the first text, 0 the empty (wrong) value */
    VALUE_SET,     /* .uinteger: a bit a member, the first in the lowest */
    VALUE_DATE,    /* .temporal, also the three below */
    VALUE_TIME,
    VALUE_DATETIME,
    VALUE_TIMESTAMP, /* .temporal.epoch_seconds */
    VALUE_STRING,    /* .bytes: CHAR, VARCHAR, BINARY, BLOB ...; text or not: the column tells */
    VALUE_GEOMETRY,  /* .bytes: SRID 4, then WKB */
    VALUE_VECTOR,    /* .bytes: floats */
    VALUE_JSON,      /* .bytes: MySQL's binary JSON; json_binary_print() makes text. MariaDB's JSON
                        is a VALUE_STRING */
    VALUE_JSON_DIFF, /* .bytes: differences to the before image; json_diff_print() */
};

struct value {
    enum value_kind kind;
    uint8_t width_bytes; /* VALUE_INT, VALUE_UINT: 1, 2, 3, 4 or 8 */
    union {
        int64_t integer;
        uint64_t uinteger;
        double real;
        struct temporal temporal;
        struct span bytes;
    };
};

/* An integer whose sign the log does not tell, read as unsigned: value of VALUE_INT or VALUE_UINT.
 */
uint64_t value_as_unsigned(const struct value *value);

/* Appends plain, unquoted text: numbers in full precision, temporals as SQL writes them (TIMESTAMP
 * as seconds "1700000000.123"), ENUM and SET as numbers, strings as they are, JSON as text, NULL
 * and ABSENT nothing. For tests and debugging; SQL and JSON output quote for themselves.
 * 0 or BINLOG_DAMAGED (binary JSON that isn't). */
int value_print(const struct value *value, struct buf *out);

#endif
