/* The optional fields of a TABLE_MAP: a type, a length, and then one entry for each column of a
 * class (numbers, texts, enums, ...), in the columns' order. */
#include "binlog/table_metadata.h"

enum field_type {
    FIELD_SIGNEDNESS = 1,
    FIELD_DEFAULT_CHARSET = 2,
    FIELD_COLUMN_CHARSET = 3,
    FIELD_COLUMN_NAME = 4,
    FIELD_SET_VALUES = 5,
    FIELD_ENUM_VALUES = 6,
    FIELD_GEOMETRY_TYPE = 7,
    FIELD_SIMPLE_PRIMARY_KEY = 8,
    FIELD_PRIMARY_KEY_WITH_PREFIX = 9,
    FIELD_ENUM_SET_DEFAULT_CHARSET = 10,
    FIELD_ENUM_SET_COLUMN_CHARSET = 11,
    FIELD_VISIBILITY = 12,
};

typedef bool (*column_class)(const struct table_column *column);

/* YEAR has a sign, too: MariaDB says unsigned, MySQL signed. */
static bool column_is_number(const struct table_column *column)
{
    switch (column->type) {
    case COLUMN_DECIMAL_OLD:
    case COLUMN_YEAR:
    case COLUMN_TINY:
    case COLUMN_SHORT:
    case COLUMN_INT24:
    case COLUMN_LONG:
    case COLUMN_LONGLONG:
    case COLUMN_DECIMAL:
    case COLUMN_FLOAT:
    case COLUMN_DOUBLE: return true;
    default: return false;
    }
}

static bool column_is_string(const struct table_column *column)
{
    switch (column->type) {
    case COLUMN_STRING:
    case COLUMN_VAR_STRING:
    case COLUMN_VARCHAR:
    case COLUMN_VARCHAR_COMPRESSED:
    case COLUMN_BLOB:
    case COLUMN_BLOB_COMPRESSED: return true;
    default: return false;
    }
}

/* MariaDB gives GEOMETRY, a blob to it, an entry among the strings' collations. */
static bool column_is_string_or_geometry(const struct table_column *column)
{
    return column_is_string(column) || column->type == COLUMN_GEOMETRY;
}

static bool column_is_enum(const struct table_column *column)
{
    return column->type == COLUMN_ENUM;
}

static bool column_is_set(const struct table_column *column)
{
    return column->type == COLUMN_SET;
}

static bool column_is_enum_or_set(const struct table_column *column)
{
    return column_is_enum(column) || column_is_set(column);
}

static bool column_is_geometry(const struct table_column *column)
{
    return column->type == COLUMN_GEOMETRY;
}

/* The first column of the class at or behind `from`; NULL: none. */
static struct table_column *class_next(struct table_map *table, uint32_t *from, column_class is_of)
{
    while (*from < table->column_count) {
        struct table_column *column = &table->columns[(*from)++];

        if (is_of(column))
            return column;
    }
    return NULL;
}

/* A bit a column of numbers, the first in the highest bit. */
static void signedness_take(struct table_map *table, struct cursor *field)
{
    struct table_column *column;
    uint32_t from = 0;
    uint32_t bit = 0;
    uint8_t byte = 0;

    while ((column = class_next(table, &from, column_is_number)) != NULL) {
        if (bit % 8 == 0)
            byte = cursor_u8(field);
        column->is_unsigned = (byte << bit % 8 & 0x80) != 0;
        bit++;
    }
    table->has_signedness = true;
}

static void visibility_take(struct table_map *table, struct cursor *field)
{
    uint8_t byte = 0;

    for (uint32_t i = 0; i < table->column_count; i++) {
        if (i % 8 == 0)
            byte = cursor_u8(field);
        table->columns[i].is_invisible = (byte << i % 8 & 0x80) == 0;
    }
}

/* One collation for all of the class, then pairs: which of them differ, and theirs. */
static void default_charset_take(struct table_map *table, struct cursor *field, column_class is_of)
{
    uint32_t collation = (uint32_t)cursor_lenenc(field);
    struct table_column *column;
    uint32_t from = 0;
    uint32_t place = 0;
    uint64_t odd_place = cursor_left(field) > 0 ? cursor_lenenc(field) : UINT64_MAX;

    while ((column = class_next(table, &from, is_of)) != NULL) {
        column->collation = collation;
        if (place++ != odd_place)
            continue;
        column->collation = (uint32_t)cursor_lenenc(field);
        odd_place = cursor_left(field) > 0 ? cursor_lenenc(field) : UINT64_MAX;
    }
}

static void column_charset_take(struct table_map *table, struct cursor *field, column_class is_of)
{
    struct table_column *column;
    uint32_t from = 0;

    while ((column = class_next(table, &from, is_of)) != NULL)
        column->collation = (uint32_t)cursor_lenenc(field);
}

static void names_take(struct table_map *table, struct cursor *field)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        table->columns[i].name = cursor_take(field, cursor_lenenc(field));
    table->has_names = true;
}

static void values_take(struct table_map *table, struct cursor *field, column_class is_of)
{
    struct table_column *column;
    uint32_t from = 0;

    while ((column = class_next(table, &from, is_of)) != NULL) {
        uint64_t count = cursor_lenenc(field);
        const uint8_t *start = field->at;

        if (count > UINT16_MAX) {
            field->is_short = true;
            return;
        }
        for (uint64_t i = 0; i < count; i++)
            cursor_take(field, cursor_lenenc(field));
        column->values = span_of(start, (size_t)(field->at - start));
        column->value_count = (uint32_t)count;
    }
    table->has_values = true;
}

static void geometry_take(struct table_map *table, struct cursor *field)
{
    struct table_column *column;
    uint32_t from = 0;

    while ((column = class_next(table, &from, column_is_geometry)) != NULL)
        column->geometry_type = (uint32_t)cursor_lenenc(field);
    table->has_geometry = true;
}

static void primary_key_take(struct table_map *table, struct cursor *field, bool has_prefix)
{
    while (cursor_left(field) > 0 && !field->is_short) {
        uint64_t at = cursor_lenenc(field);
        uint64_t prefix = has_prefix ? cursor_lenenc(field) : 0;

        if (at >= table->column_count) {
            field->is_short = true;
            return;
        }
        table->columns[at].is_primary_key = true;
        table->columns[at].key_prefix = (uint16_t)prefix;
    }
    table->has_primary_key = true;
}

static void field_take(struct table_map *table, uint8_t type, struct cursor *field, bool is_mariadb)
{
    column_class is_string = is_mariadb ? column_is_string_or_geometry : column_is_string;

    switch (type) {
    case FIELD_SIGNEDNESS: signedness_take(table, field); break;
    case FIELD_DEFAULT_CHARSET:
        default_charset_take(table, field, is_string);
        table->has_collations = true;
        break;
    case FIELD_COLUMN_CHARSET:
        column_charset_take(table, field, is_string);
        table->has_collations = true;
        break;
    case FIELD_COLUMN_NAME: names_take(table, field); break;
    case FIELD_SET_VALUES: values_take(table, field, column_is_set); break;
    case FIELD_ENUM_VALUES: values_take(table, field, column_is_enum); break;
    case FIELD_GEOMETRY_TYPE: geometry_take(table, field); break;
    case FIELD_SIMPLE_PRIMARY_KEY: primary_key_take(table, field, false); break;
    case FIELD_PRIMARY_KEY_WITH_PREFIX: primary_key_take(table, field, true); break;
    case FIELD_ENUM_SET_DEFAULT_CHARSET:
        default_charset_take(table, field, column_is_enum_or_set);
        break;
    case FIELD_ENUM_SET_COLUMN_CHARSET:
        column_charset_take(table, field, column_is_enum_or_set);
        break;
    case FIELD_VISIBILITY: visibility_take(table, field); break;
    default: cursor_rest(field); break;
    }
}

const uint8_t *table_metadata_parse(struct table_map *table, struct cursor *fields, bool is_mariadb)
{
    while (cursor_left(fields) > 0) {
        const uint8_t *start = fields->at;
        uint8_t type = cursor_u8(fields);
        struct cursor field = cursor_of(cursor_take(fields, cursor_lenenc(fields)));

        if (fields->is_short)
            return start;
        field_take(table, type, &field, is_mariadb);
        if (field.is_short || cursor_left(&field) > 0)
            return start;
    }
    return NULL;
}
