/* Dates and times. The ...2 forms are big-endian with an offset that makes them sort as bytes; the
 * fraction follows in as many bytes as its digits need. */
#include "binlog/temporal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum {
    DECIMALS_MAX = 6,
    TIME_HOURS_MAX = 838,
    MONTHS = 12,
    DAYS = 31,
    YEAR_MAX = 9999,
    HOURS_OF_DAY = 24,
    SIXTY = 60,
    MONTH_BASE = 13, /* year and month in one number: year * 13 + month */
};

static const uint32_t MILLION = 1000000;
static const int64_t DATETIME2_OFFSET = INT64_C(0x8000000000);
static const int64_t TIME2_OFFSET = 0x800000;

static uint64_t big_endian(const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    return value;
}

size_t temporal_fraction_bytes(unsigned decimals)
{
    assert(decimals <= DECIMALS_MAX);
    return (decimals + 1) / 2;
}

/* 1 or 2 digits are stored as hundredths, 3 or 4 as ten-thousandths, 5 or 6 as millionths. */
static uint32_t fraction_to_microseconds(uint32_t stored, size_t bytes)
{
    static const uint32_t scales[] = {0, 10000, 100, 1};
    return stored * scales[bytes];
}

static bool clock_is_right(const struct temporal *temporal, unsigned hours_max)
{
    return temporal->hour <= hours_max && temporal->minute < SIXTY && temporal->second < SIXTY &&
           temporal->microseconds < MILLION;
}

static bool date_is_right(const struct temporal *temporal)
{
    return temporal->year <= YEAR_MAX && temporal->month <= MONTHS && temporal->day <= DAYS;
}

bool temporal_date(const uint8_t bytes[3], struct temporal *out)
{
    uint32_t packed = load_u24(bytes);

    *out = (struct temporal){.year = (uint16_t)(packed >> 9),
                             .month = (uint8_t)(packed >> 5 & 0x0f),
                             .day = (uint8_t)(packed & 0x1f)};
    return date_is_right(out);
}

/* hour:10 minute:6 second:6 with the fraction below as one signed number. */
bool temporal_time2(const uint8_t *bytes, unsigned decimals, struct temporal *out)
{
    size_t fraction_bytes = temporal_fraction_bytes(decimals);
    unsigned fraction_bits = (unsigned)fraction_bytes * 8;
    int64_t packed = (int64_t)big_endian(bytes, 3 + fraction_bytes) -
                     (int64_t)((uint64_t)TIME2_OFFSET << fraction_bits);
    uint64_t size = (uint64_t)(packed < 0 ? -packed : packed);
    uint64_t clock = size >> fraction_bits;
    uint32_t fraction = (uint32_t)(size & ((UINT64_C(1) << fraction_bits) - 1));

    *out = (struct temporal){.is_negative = packed < 0,
                             .decimals = (uint8_t)decimals,
                             .hour = (uint16_t)(clock >> 12),
                             .minute = (uint8_t)(clock >> 6 & 0x3f),
                             .second = (uint8_t)(clock & 0x3f)};
    out->microseconds = fraction_to_microseconds(fraction, fraction_bytes);
    return clock_is_right(out, TIME_HOURS_MAX);
}

/* sign:1 (year * 13 + month):17 day:5 hour:5 minute:6 second:6 */
bool temporal_datetime2(const uint8_t *bytes, unsigned decimals, struct temporal *out)
{
    size_t fraction_bytes = temporal_fraction_bytes(decimals);
    int64_t packed = (int64_t)big_endian(bytes, 5) - DATETIME2_OFFSET;
    uint64_t size = (uint64_t)packed;
    uint64_t year_month = size >> 22;

    if (packed < 0)
        return false; /* no server stores dates before the year 0 */
    *out = (struct temporal){.decimals = (uint8_t)decimals,
                             .year = (uint16_t)(year_month / MONTH_BASE),
                             .month = (uint8_t)(year_month % MONTH_BASE),
                             .day = (uint8_t)(size >> 17 & 0x1f),
                             .hour = (uint16_t)(size >> 12 & 0x1f),
                             .minute = (uint8_t)(size >> 6 & 0x3f),
                             .second = (uint8_t)(size & 0x3f)};
    out->microseconds =
        fraction_to_microseconds((uint32_t)big_endian(bytes + 5, fraction_bytes), fraction_bytes);
    return date_is_right(out) && clock_is_right(out, HOURS_OF_DAY - 1);
}

bool temporal_timestamp2(const uint8_t *bytes, unsigned decimals, struct temporal *out)
{
    size_t fraction_bytes = temporal_fraction_bytes(decimals);

    *out = (struct temporal){.decimals = (uint8_t)decimals,
                             .epoch_seconds = (uint32_t)big_endian(bytes, 4)};
    out->microseconds =
        fraction_to_microseconds((uint32_t)big_endian(bytes + 4, fraction_bytes), fraction_bytes);
    return out->microseconds < MILLION;
}

/* hhmmss as a decimal number, signed. */
bool temporal_time_old(const uint8_t bytes[3], struct temporal *out)
{
    uint32_t stored = load_u24(bytes);
    bool is_negative = (stored & 0x800000) != 0;
    uint32_t number = is_negative ? 0x1000000 - stored : stored;

    *out = (struct temporal){.is_negative = is_negative,
                             .hour = (uint16_t)(number / 10000),
                             .minute = (uint8_t)(number / 100 % 100),
                             .second = (uint8_t)(number % 100)};
    return clock_is_right(out, TIME_HOURS_MAX);
}

/* YYYYMMDDhhmmss as a decimal number. */
bool temporal_datetime_old(const uint8_t bytes[8], struct temporal *out)
{
    uint64_t number = load_u64(bytes);
    uint64_t date = number / MILLION;
    uint64_t clock = number % MILLION;

    if (date > UINT64_C(99991231))
        return false;
    *out = (struct temporal){.year = (uint16_t)(date / 10000),
                             .month = (uint8_t)(date / 100 % 100),
                             .day = (uint8_t)(date % 100),
                             .hour = (uint16_t)(clock / 10000),
                             .minute = (uint8_t)(clock / 100 % 100),
                             .second = (uint8_t)(clock % 100)};
    return date_is_right(out) && clock_is_right(out, HOURS_OF_DAY - 1);
}

bool temporal_timestamp_old(const uint8_t bytes[4], struct temporal *out)
{
    *out = (struct temporal){.epoch_seconds = load_u32(bytes)};
    return true;
}

/* --- text --- */

/* ".123": as many digits as the type has. */
static size_t fraction_print(const struct temporal *temporal, char *out, size_t size)
{
    char digits[8];

    if (temporal->decimals == 0)
        return 0;
    snprintf(digits, sizeof(digits), "%06u", temporal->microseconds % MILLION);
    return (size_t)snprintf(out, size, ".%.*s", (int)temporal->decimals, digits);
}

size_t temporal_print_date(const struct temporal *temporal, char out[TEMPORAL_TEXT_MAX])
{
    return (size_t)snprintf(out, TEMPORAL_TEXT_MAX, "%04u-%02u-%02u", temporal->year,
                            temporal->month, temporal->day);
}

size_t temporal_print_time(const struct temporal *temporal, char out[TEMPORAL_TEXT_MAX])
{
    size_t len = (size_t)snprintf(out, TEMPORAL_TEXT_MAX, "%s%02u:%02u:%02u",
                                  temporal->is_negative ? "-" : "", temporal->hour,
                                  temporal->minute, temporal->second);
    return len + fraction_print(temporal, out + len, TEMPORAL_TEXT_MAX - len);
}

size_t temporal_print_datetime(const struct temporal *temporal, char out[TEMPORAL_TEXT_MAX])
{
    size_t len = (size_t)snprintf(out, TEMPORAL_TEXT_MAX, "%04u-%02u-%02u %02u:%02u:%02u",
                                  temporal->year, temporal->month, temporal->day, temporal->hour,
                                  temporal->minute, temporal->second);
    return len + fraction_print(temporal, out + len, TEMPORAL_TEXT_MAX - len);
}

size_t temporal_print_epoch(const struct temporal *temporal, char out[TEMPORAL_TEXT_MAX])
{
    size_t len = (size_t)snprintf(out, TEMPORAL_TEXT_MAX, "%" PRIu32, temporal->epoch_seconds);
    return len + fraction_print(temporal, out + len, TEMPORAL_TEXT_MAX - len);
}

size_t temporal_print_utc(const struct temporal *temporal, char out[TEMPORAL_TEXT_MAX])
{
    struct temporal utc = {.decimals = temporal->decimals, .microseconds = temporal->microseconds};
    time_t seconds = (time_t)temporal->epoch_seconds;
    struct tm parts;

    /* Within 32 bits gmtime_r() can't fail. */
    if ((seconds != 0 || temporal->microseconds != 0) && gmtime_r(&seconds, &parts) != NULL) {
        utc.year = (uint16_t)(parts.tm_year + 1900);
        utc.month = (uint8_t)(parts.tm_mon + 1);
        utc.day = (uint8_t)parts.tm_mday;
        utc.hour = (uint16_t)parts.tm_hour;
        utc.minute = (uint8_t)parts.tm_min;
        utc.second = (uint8_t)parts.tm_sec;
    }
    return temporal_print_datetime(&utc, out);
}
