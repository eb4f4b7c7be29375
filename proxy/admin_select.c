/* SELECT of constants: what client programs ask at the start of a connection, before a person has
 * typed anything. See admin_command.h. */
#include "proxy/admin_command.h"
#include "proxy/admin_lex.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

enum { SELECT_ITEMS_MAX = 64 };

/* NULL: from the identity. */
static const struct {
    const char *name;
    const char *value;
} variables[] = {
    {"auto_increment_increment", "1"},
    {"autocommit", "1"},
    {"character_set_client", "utf8mb4"},
    {"character_set_connection", "utf8mb4"},
    {"character_set_database", "utf8mb4"},
    {"character_set_results", "utf8mb4"},
    {"character_set_server", "utf8mb4"},
    {"collation_connection", "utf8mb4_general_ci"},
    {"collation_database", "utf8mb4_general_ci"},
    {"collation_server", "utf8mb4_general_ci"},
    {"init_connect", ""},
    {"interactive_timeout", "28800"},
    {"license", "GPL"},
    {"lower_case_table_names", "0"},
    {"max_allowed_packet", "16777216"},
    {"net_write_timeout", "60"},
    {"performance_schema", "0"},
    {"sql_mode", ""},
    {"system_time_zone", "UTC"},
    {"time_zone", "SYSTEM"},
    {"transaction_isolation", "REPEATABLE-READ"},
    {"tx_isolation", "REPEATABLE-READ"},
    {"tx_read_only", "0"},
    {"version", NULL},
    {"version_comment", "Causeway console"},
    {"version_compile_os", "Linux"},
    {"wait_timeout", "28800"},
};

enum { VARIABLE_COUNT = sizeof(variables) / sizeof(variables[0]) };

static const char *variable_value(size_t index, const struct admin_identity *identity)
{
    return variables[index].value ? variables[index].value : identity->version;
}

void admin_variables(const struct admin_identity *identity, struct admin_table *table)
{
    static const char *const names[] = {"Variable_name", "Value"};
    admin_table_columns(table, 2, names);
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        const char *const row[] = {variables[i].name, variable_value(i, identity)};
        admin_table_row(table, 2, row);
    }
}

/* One selected value and the name of its column. */
struct item {
    char name[ADMIN_WORD_MAX];
    char value[ADMIN_WORD_MAX];
    bool null;
};

static void copy_text(char out[ADMIN_WORD_MAX], struct span text)
{
    size_t len = text.len < ADMIN_WORD_MAX ? text.len : ADMIN_WORD_MAX - 1;
    if (len > 0)
        memcpy(out, text.data, len);
    out[len] = '\0';
}

/* "@@name", "@@session.name", "@@global.name". */
static int take_variable(struct admin_token token, const struct admin_identity *identity,
                         struct item *item)
{
    const char *name = item->name + 2;
    if (strncasecmp(name, "session.", 8) == 0)
        name += 8;
    else if (strncasecmp(name, "global.", 7) == 0)
        name += 7;
    if (token.text.len >= ADMIN_WORD_MAX)
        return -EINVAL;
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        if (strcasecmp(name, variables[i].name) == 0) {
            snprintf(item->value, sizeof(item->value), "%s", variable_value(i, identity));
            return 0;
        }
    }
    return -ENOENT;
}

/* The function's name was read; the parentheses are still to come. */
static int take_function(struct admin_token token, struct span *sql,
                         const struct admin_identity *identity, struct item *item)
{
    struct span rest = *sql;
    bool called = admin_token_is_symbol(admin_lex(&rest), '(') &&
                  admin_token_is_symbol(admin_lex(&rest), ')');
    if (called)
        *sql = rest;
    else if (!admin_token_is(token, "CURRENT_USER"))
        return -EINVAL;
    if (admin_token_is(token, "VERSION"))
        snprintf(item->value, sizeof(item->value), "%s", identity->version);
    else if (admin_token_is(token, "USER") || admin_token_is(token, "CURRENT_USER"))
        snprintf(item->value, sizeof(item->value), "%s", identity->user);
    else if (admin_token_is(token, "CONNECTION_ID"))
        snprintf(item->value, sizeof(item->value), "%u", identity->connection_id);
    else if (admin_token_is(token, "DATABASE") || admin_token_is(token, "SCHEMA"))
        item->null = true;
    else
        return -EINVAL;
    if (called)
        snprintf(item->name, sizeof(item->name), "%.*s()", (int)token.text.len,
                 (const char *)token.text.data);
    return 0;
}

static bool is_number(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len > 0;
}

static int take_item(struct span *sql, const struct admin_identity *identity, struct item *item)
{
    struct admin_token token = admin_lex(sql);
    *item = (struct item){0};
    copy_text(item->name, token.text);
    copy_text(item->value, token.text);
    if (token.kind == ADMIN_TOKEN_QUOTED)
        return 0;
    if (token.kind != ADMIN_TOKEN_WORD)
        return -EINVAL;
    if (token.text.len > 2 && memcmp(token.text.data, "@@", 2) == 0)
        return take_variable(token, identity, item);
    if (is_number(token.text))
        return 0;
    return take_function(token, sql, identity, item);
}

/* AS name, or nothing; the token behind it comes back. */
static struct admin_token take_alias(struct span *sql, struct item *item)
{
    struct admin_token token = admin_lex(sql);
    if (!admin_token_is(token, "AS"))
        return token;
    copy_text(item->name, admin_lex(sql).text);
    return admin_lex(sql);
}

static int check_tail(struct admin_token token, struct span sql)
{
    if (admin_token_is(token, "LIMIT")) {
        if (!is_number(admin_lex(&sql).text))
            return -EINVAL;
        token = admin_lex(&sql);
    }
    if (admin_token_is_symbol(token, ';'))
        token = admin_lex(&sql);
    return token.kind == ADMIN_TOKEN_END ? 0 : -EINVAL;
}

static void fill_table(struct admin_table *table, const struct item *items, size_t count)
{
    const char *names[SELECT_ITEMS_MAX];
    const char *values[SELECT_ITEMS_MAX];
    for (size_t i = 0; i < count; i++) {
        names[i] = items[i].name;
        values[i] = items[i].null ? NULL : items[i].value;
    }
    admin_table_columns(table, count, names);
    admin_table_row(table, count, values);
}

int admin_select(struct span sql, const struct admin_identity *identity, struct admin_table *table,
                 char unknown[ADMIN_WORD_MAX])
{
    struct item items[SELECT_ITEMS_MAX];
    size_t count = 0;
    unknown[0] = '\0';
    struct admin_token token;
    (void)admin_lex(&sql); /* SELECT */
    do {
        if (count == SELECT_ITEMS_MAX)
            return -EINVAL;
        int error = take_item(&sql, identity, &items[count]);
        if (error == -ENOENT)
            memcpy(unknown, items[count].name, ADMIN_WORD_MAX);
        if (error)
            return error;
        token = take_alias(&sql, &items[count++]);
    } while (admin_token_is_symbol(token, ','));
    int error = check_tail(token, sql);
    if (!error)
        fill_table(table, items, count);
    return error;
}
