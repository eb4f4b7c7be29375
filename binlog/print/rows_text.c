/* Rows for people to read. */
#include "binlog/print/rows_text.h"

#include "binlog/print/literal.h"

void rows_text_column(struct buf *out, const struct table_map *table, uint32_t at)
{
    struct span name = table->columns[at].name;

    if (name.len == 0)
        buf_printf(out, "@%u", at + 1);
    else
        literal_name_shown(out, name);
}

/* The columns that the image has, as name=value, each between two texts. */
static int image_cells(struct buf *out, const char *before, const char *after,
                       const struct table_map *table, const struct row_image *image)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (image->values[i].kind == VALUE_ABSENT)
            continue;
        buf_append_text(out, before);
        rows_text_column(out, table, i);
        buf_append_u8(out, '=');
        if (literal_cell(out, table, i, &image->values[i]) != 0)
            return BINLOG_DAMAGED;
        buf_append_text(out, after);
    }
    return 0;
}

static int image_line(struct buf *out, char sign, const struct table_map *table,
                      const struct row_image *image)
{
    int result;

    if (!image->is_present)
        return 0;
    buf_printf(out, "    %c", sign);
    result = image_cells(out, " ", "", table, image);
    if (result == 0)
        buf_append_u8(out, '\n');
    return result;
}

int rows_text_line(struct buf *out, const struct table_map *table, const struct row *row)
{
    int result = image_line(out, '-', table, &row->before);

    return result ? result : image_line(out, '+', table, &row->after);
}

static int image_comment(struct buf *out, const char *clause, const struct table_map *table,
                         const struct row_image *image)
{
    if (!image->is_present)
        return 0;
    buf_printf(out, "### %s\n", clause);
    return image_cells(out, "###   ", "\n", table, image);
}

int rows_text_comment(struct buf *out, const struct table_map *table, const struct row *row,
                      bool undo)
{
    const struct row_image *where = undo ? &row->after : &row->before;
    const struct row_image *set = undo ? &row->before : &row->after;
    int result;

    buf_append_text(out, "### ");
    buf_append_text(out, !where->is_present ? "INSERT INTO "
                         : set->is_present  ? "UPDATE "
                                            : "DELETE FROM ");
    literal_table_shown(out, table);
    buf_append_u8(out, '\n');
    result = image_comment(out, "WHERE", table, where);
    return result ? result : image_comment(out, "SET", table, set);
}
