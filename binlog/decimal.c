/* DECIMAL: groups of nine digits in four big-endian bytes, the odd digits at both ends in fewer;
 * the first bit is flipped, and all bits are where the number is negative. */
#include "binlog/decimal.h"

#include <assert.h>

enum { DIGITS_PER_GROUP = 9, GROUP_BYTES = 4, SIGN_BIT = 0x80 };

static const uint8_t DIGITS_BYTES[DIGITS_PER_GROUP + 1] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
static const uint32_t POWERS_OF_TEN[DIGITS_PER_GROUP + 1] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};

static size_t digits_bytes(unsigned digits)
{
    return digits / DIGITS_PER_GROUP * GROUP_BYTES + DIGITS_BYTES[digits % DIGITS_PER_GROUP];
}

size_t decimal_bytes(unsigned precision, unsigned scale)
{
    if (precision == 0 || precision > DECIMAL_PRECISION_MAX || scale > DECIMAL_SCALE_MAX ||
        scale > precision)
        return 0;
    return digits_bytes(precision - scale) + digits_bytes(scale);
}

struct digits_reader {
    const uint8_t *at;
    uint8_t first_mask; /* for the first byte, which holds the sign */
    uint8_t mask;       /* 0xff where the number is negative */
    char *out;
};

/* One group of up to nine digits, with leading zeros. */
static bool group_print(struct digits_reader *reader, unsigned digits)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < DIGITS_BYTES[digits]; i++) {
        value = value << 8 | (uint8_t)(*reader->at++ ^ reader->first_mask);
        reader->first_mask = reader->mask;
    }
    if (value >= POWERS_OF_TEN[digits])
        return false;
    for (unsigned i = digits; i > 0; i--)
        *reader->out++ = (char)('0' + value / POWERS_OF_TEN[i - 1] % 10);
    return true;
}

static bool integer_print(struct digits_reader *reader, unsigned digits)
{
    bool is_right = group_print(reader, digits % DIGITS_PER_GROUP);

    for (unsigned i = 0; is_right && i < digits / DIGITS_PER_GROUP; i++)
        is_right = group_print(reader, DIGITS_PER_GROUP);
    return is_right;
}

static bool fraction_print(struct digits_reader *reader, unsigned digits)
{
    bool is_right = true;

    for (unsigned i = 0; is_right && i < digits / DIGITS_PER_GROUP; i++)
        is_right = group_print(reader, DIGITS_PER_GROUP);
    return is_right && group_print(reader, digits % DIGITS_PER_GROUP);
}

size_t decimal_print(const uint8_t *bytes, unsigned precision, unsigned scale,
                     char out[DECIMAL_TEXT_MAX])
{
    bool is_negative = (bytes[0] & SIGN_BIT) == 0;
    uint8_t mask = is_negative ? 0xff : 0;
    char digits[DECIMAL_TEXT_MAX] = {0};
    struct digits_reader reader = {
        .at = bytes, .first_mask = (uint8_t)(mask ^ SIGN_BIT), .mask = mask, .out = digits};
    unsigned integer_digits = precision - scale;
    unsigned zeros = 0;
    size_t len = 0;

    assert(decimal_bytes(precision, scale) > 0);
    if (!integer_print(&reader, integer_digits) || !fraction_print(&reader, scale))
        return 0;
    while (zeros < integer_digits && digits[zeros] == '0')
        zeros++;
    if (is_negative)
        out[len++] = '-';
    if (zeros == integer_digits)
        out[len++] = '0';
    memcpy(out + len, digits + zeros, integer_digits - zeros);
    len += integer_digits - zeros;
    if (scale > 0) {
        out[len++] = '.';
        memcpy(out + len, digits + integer_digits, scale);
        len += scale;
    }
    out[len] = '\0';
    return len;
}
