/* Dates and times in the log's encodings, old and new.
 * Sources: MariaDB sql/compat56.cc (the ...2 forms), sql/field.cc (the old forms and MariaDB's own
 * fractions, Field_timestamp_hires and friends); MySQL mysys/my_time.cc. */
#ifndef CAUSEWAY_BINLOG_TEMPORAL_H
#define CAUSEWAY_BINLOG_TEMPORAL_H

#include "proxy/base/bytes.h"

/* A date, a time or both; zero dates ("0000-00-00") and zero parts are as stored. */
struct temporal {
    bool is_negative; /* TIME */
    uint8_t decimals; /* digits behind the second, 0 to 6 */
    uint16_t year;
    uint8_t month;
    uint8_t day;
    uint16_t hour; /* TIME: up to 838 */
    uint8_t minute;
    uint8_t second;
    uint32_t microseconds;
    uint32_t epoch_seconds; /* TIMESTAMP: since 1970, UTC; 0 with no fraction: the zero timestamp */
};

enum { TEMPORAL_TEXT_MAX = 40 };

/* "2026-11-22", "-838:59:59.5", "2026-11-22 10:00:00.123456", and of a TIMESTAMP its seconds
 * "1700000000.123". Each NUL-terminated; returns the length. */
size_t temporal_print_date(const struct temporal *temporal, char out[TEMPORAL_TEXT_MAX]);
size_t temporal_print_time(const struct temporal *temporal, char out[TEMPORAL_TEXT_MAX]);
size_t temporal_print_datetime(const struct temporal *temporal, char out[TEMPORAL_TEXT_MAX]);
size_t temporal_print_epoch(const struct temporal *temporal, char out[TEMPORAL_TEXT_MAX]);
/* A TIMESTAMP as date and time in UTC (the zero timestamp: "0000-00-00 00:00:00"). */
size_t temporal_print_utc(const struct temporal *temporal, char out[TEMPORAL_TEXT_MAX]);

/* How many bytes a fraction of so many digits takes: 0, 1, 1, 2, 2, 3, 3. */
size_t temporal_fraction_bytes(unsigned decimals);

/* Each reads a value of that many bytes; false when the parts are out of all range (a month 13, a
 * minute 75): the log is damaged. `decimals` is at most 6. */

bool temporal_date(const uint8_t bytes[3], struct temporal *out);
bool temporal_time2(const uint8_t *bytes, unsigned decimals, struct temporal *out);      /* 3 + f */
bool temporal_datetime2(const uint8_t *bytes, unsigned decimals, struct temporal *out);  /* 5 + f */
bool temporal_timestamp2(const uint8_t *bytes, unsigned decimals, struct temporal *out); /* 4 + f */

bool temporal_time_old(const uint8_t bytes[3], struct temporal *out);
bool temporal_datetime_old(const uint8_t bytes[8], struct temporal *out);
bool temporal_timestamp_old(const uint8_t bytes[4], struct temporal *out);

#endif
