/* What went wrong while a log was decoded, and at which byte. */
#ifndef CAUSEWAY_BINLOG_BINLOG_ERROR_H
#define CAUSEWAY_BINLOG_BINLOG_ERROR_H

#include <errno.h>
#include <stdint.h>

/* The negative codes that the decoder returns; 0 and above are said at each function. */
enum binlog_code {
    BINLOG_DAMAGED = -EBADMSG,     /* the bytes can't be what a server wrote */
    BINLOG_TRUNCATED = -ENODATA,   /* all is well so far, and then the bytes end inside an event */
    BINLOG_UNSUPPORTED = -ENOTSUP, /* whole, but of a kind that Causeway can't read (encrypted) */
    BINLOG_TOO_BIG = -E2BIG,       /* would need more memory than the limit that was set */
};

enum { BINLOG_ERROR_TEXT_MAX = 200 };

struct binlog_error {
    int code; /* enum binlog_code */
    /* The byte of the log (file, or stream position as the caller counts) that is wrong. For bytes
     * that stood compressed in the log: the first byte of the event that held them. */
    uint64_t offset;
    /* One line, NUL-terminated, that names the byte and what is wrong there. */
    char text[BINLOG_ERROR_TEXT_MAX];
};

/* Fills `error` (may be NULL) and returns `code`. The text becomes "<message> at byte <offset>". */
int binlog_error_set(struct binlog_error *error, int code, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
