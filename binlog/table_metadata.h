/* Inside of table_map.c: the optional fields of a TABLE_MAP event. Nobody else's.
 * Source: MariaDB sql/log_event.h, Table_map_log_event::Optional_metadata_field_type; MySQL
 * libs/mysql/binlog/event/rows_event.h. */
#ifndef CAUSEWAY_BINLOG_TABLE_METADATA_H
#define CAUSEWAY_BINLOG_TABLE_METADATA_H

#include "binlog/cursor.h"
#include "binlog/table_map.h"

/* Fills what the fields tell of table->columns, whose types are known. NULL; or the byte that is
 * wrong. Fields that aren't known are skipped. `is_mariadb`: which server wrote them. */
const uint8_t *table_metadata_parse(struct table_map *table, struct cursor *fields,
                                    bool is_mariadb);

#endif
