/* Errors of the decoder: one line that names the byte. */
#include "binlog/binlog_error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

int binlog_error_set(struct binlog_error *error, int code, uint64_t offset, const char *format, ...)
{
    char message[BINLOG_ERROR_TEXT_MAX - 32];
    va_list args;

    if (error == NULL)
        return code;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    error->code = code;
    error->offset = offset;
    snprintf(error->text, sizeof(error->text), "%s at byte %" PRIu64, message, offset);
    return code;
}
