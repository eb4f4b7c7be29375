/* DECIMAL as it is stored: nine digits in four bytes, big-endian, sorted as bytes.
 * Source: MariaDB strings/decimal.c, decimal2bin. */
#ifndef CAUSEWAY_BINLOG_DECIMAL_H
#define CAUSEWAY_BINLOG_DECIMAL_H

#include "proxy/base/bytes.h"

enum {
    DECIMAL_PRECISION_MAX = 65,
    DECIMAL_SCALE_MAX = 38, /* MySQL allows 30 */
    DECIMAL_TEXT_MAX = 72,  /* sign, 65 digits, point, a leading zero, NUL */
};

/* How many bytes a DECIMAL(precision, scale) takes; 0 when there is no such type. */
size_t decimal_bytes(unsigned precision, unsigned scale);

/* Text like "-12.50", NUL-terminated, of decimal_bytes() bytes. Returns its length, or 0 when a
 * group holds more than its digits: the log is damaged. */
size_t decimal_print(const uint8_t *bytes, unsigned precision, unsigned scale,
                     char out[DECIMAL_TEXT_MAX]);

#endif
