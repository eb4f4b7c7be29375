/* What a collation's number stands for, and text of any charset as UTF-8.
 * Source: information_schema.collations of MariaDB 10.11; MySQL manual "Character Sets". */
#ifndef CAUSEWAY_BINLOG_PRINT_CHARSET_H
#define CAUSEWAY_BINLOG_PRINT_CHARSET_H

#include "proxy/base/buf.h"

enum { COLLATION_NAME_MAX = 64, CHARSET_NAME_MAX = 16 };

/* "utf8mb4_general_ci", NUL-terminated. False: a number that isn't known. */
bool collation_name(uint32_t id, char out[COLLATION_NAME_MAX]);
/* "utf8mb4". False: a number that isn't known. Knows the charset of MySQL 8's utf8mb4 collations
 * too, which have no name here. */
bool collation_charset(uint32_t id, char out[CHARSET_NAME_MAX]);

/* True for well-formed UTF-8 (no surrogates, nothing overlong). */
bool utf8_is_valid(struct span text);

/* Appends `text`, of that collation's charset, as UTF-8. False, and nothing appended: the charset
 * isn't known, is binary, has no converter, or the bytes are not of it. */
bool charset_to_utf8(uint32_t collation, struct span text, struct buf *out);

#endif
