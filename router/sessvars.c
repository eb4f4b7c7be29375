/* A session's state as its server reports it: see sessvars.h. */
#include "router/sessvars.h"

#include "proxy/base/memory.h"

#include <stdlib.h>

struct sessvar {
    struct sessvar *next;
    uint64_t version;
    char *value;
    size_t value_len;
    char name[];
};

/* What becomes of a variable that the server reports. */
enum replay {
    REPLAY,
    IGNORE,      /* Causeway's own business, or without meaning on a follower */
    LEADER_ONLY, /* keeps the session on the leader */
};

static const struct {
    const char *name;
    enum replay replay;
} special[] = {
    {"last_gtid", IGNORE},
    {"autocommit", IGNORE}, /* status flags tell; without it everything runs on the leader */
    {"tx_read_only", IGNORE},
    {"transaction_read_only", IGNORE},
    {"session_track_system_variables", IGNORE},
    {"session_track_schema", IGNORE},
    {"session_track_state_change", IGNORE},
    {"session_track_transaction_info", IGNORE},
    {"last_insert_id", IGNORE},
    {"identity", IGNORE},
    {"insert_id", IGNORE},
    {"gtid_domain_id", IGNORE},
    {"gtid_seq_no", IGNORE},
    {"server_id", IGNORE},
    {"skip_replication", IGNORE},
    {"binlog_format", IGNORE},
    {"sql_log_bin", LEADER_ONLY},
    {"timestamp", LEADER_ONLY},
    {"rand_seed1", LEADER_ONLY},
    {"rand_seed2", LEADER_ONLY},
    {"pseudo_thread_id", LEADER_ONLY},
    {"pseudo_slave_mode", LEADER_ONLY},
};

static enum replay replay_of(struct span name)
{
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
        if (span_equal(name, span_text(special[i].name)))
            return special[i].replay;
    return REPLAY;
}

void sessvars_init(struct sessvars *vars)
{
    *vars = (struct sessvars){0};
}

static void free_variables(struct sessvars *vars)
{
    while (vars->first) {
        struct sessvar *var = vars->first;
        vars->first = var->next;
        free(var->value);
        free(var);
    }
}

void sessvars_free(struct sessvars *vars)
{
    free_variables(vars);
    free(vars->schema);
    vars->schema = NULL;
}

void sessvars_reset(struct sessvars *vars)
{
    free_variables(vars);
    vars->collation_unknown = false;
    vars->isolation = ISOLATION_DEFAULT;
    vars->leader_only = vars->unlogged;
}

/* Takes the variable out of the list; NULL when it is not there. */
static struct sessvar *take(struct sessvars *vars, struct span name)
{
    for (struct sessvar **at = &vars->first; *at; at = &(*at)->next) {
        struct sessvar *var = *at;
        if (!span_equal(span_text(var->name), name))
            continue;
        *at = var->next;
        return var;
    }
    return NULL;
}

static void set_variable(struct sessvars *vars, struct span name, struct span value)
{
    struct sessvar *var = take(vars, name);
    if (!var) {
        var = memory_zalloc(sizeof(*var) + name.len + 1);
        memcpy(var->name, name.data, name.len);
    }
    free(var->value);
    var->value = memory_strndup(value.data, value.len);
    var->value_len = value.len;
    var->version = ++vars->version;
    var->next = NULL;
    struct sessvar **last = &vars->first;
    while (*last)
        last = &(*last)->next;
    *last = var;
}

void sessvars_set_schema(struct sessvars *vars, struct span schema)
{
    free(vars->schema);
    vars->schema = schema.len ? memory_strndup(schema.data, schema.len) : NULL;
    vars->schema_version = ++vars->version;
}

void sessvars_set_collation(struct sessvars *vars, struct span collation)
{
    set_variable(vars, span_text("collation_connection"), collation);
    vars->collation_unknown = false;
}

/* Character sets with multi-byte characters whose later bytes may be ASCII, or (swe7) with other
 * characters in the place of ASCII ones; and the numbers of their collations without NOPAD. */
static const struct {
    const char *name;
    uint16_t collations[2];
} wide_charsets[] = {{"big5", {1, 84}},
                     {"gbk", {28, 87}},
                     {"sjis", {13, 88}},
                     {"cp932", {95, 96}},
                     {"swe7", {10, 82}}};

enum {
    NOPAD_COLLATIONS_AT = 1024,
    WIDE_CHARSETS = sizeof(wide_charsets) / sizeof(wide_charsets[0])
};

void sessvars_set_login_collation(struct sessvars *vars, uint16_t collation)
{
    uint16_t padded =
        collation >= NOPAD_COLLATIONS_AT ? (uint16_t)(collation - NOPAD_COLLATIONS_AT) : collation;
    vars->wide_charset = false;
    for (int i = 0; i < WIDE_CHARSETS; i++)
        for (int j = 0; j < 2; j++)
            if (wide_charsets[i].collations[j] == padded)
                vars->wide_charset = true;
}

static void note_client_charset(struct sessvars *vars, struct span name)
{
    vars->wide_charset = false;
    for (int i = 0; i < WIDE_CHARSETS; i++)
        if (span_equal(name, span_text(wide_charsets[i].name)))
            vars->wide_charset = true;
}

static void note_isolation(struct sessvars *vars, struct span level)
{
    bool committed = span_equal(level, span_text("READ-COMMITTED")) ||
                     span_equal(level, span_text("READ-UNCOMMITTED"));
    vars->isolation = committed ? ISOLATION_COMMITTED : ISOLATION_REPEATABLE;
}

/* One may be set back, but what was written without the log never reaches a follower. */
static void note_leader_only(struct sessvars *vars, const struct track_entry *entry)
{
    if (!span_equal(entry->name, span_text("sql_log_bin"))) {
        vars->leader_only = true;
    } else if (!span_equal(entry->value, span_text("ON"))) {
        vars->unlogged = true;
        vars->leader_only = true;
    }
}

static bool track_variable(struct sessvars *vars, const struct track_entry *entry)
{
    switch (replay_of(entry->name)) {
    case IGNORE: return false;
    case LEADER_ONLY: note_leader_only(vars, entry); return true;
    case REPLAY: break;
    }
    set_variable(vars, entry->name, entry->value);
    if (span_equal(entry->name, span_text("tx_isolation")))
        note_isolation(vars, entry->value);
    if (span_equal(entry->name, span_text("character_set_client")))
        note_client_charset(vars, entry->value);
    if (span_equal(entry->name, span_text("character_set_connection")))
        vars->collation_unknown = true;
    else if (span_equal(entry->name, span_text("collation_connection")))
        vars->collation_unknown = false;
    return true;
}

bool sessvars_track(struct sessvars *vars, const struct track_entry *entry)
{
    if (entry->type == TRACK_SYSTEM_VARIABLE)
        return track_variable(vars, entry);
    if (entry->type != TRACK_SCHEMA)
        return false;
    sessvars_set_schema(vars, entry->value);
    vars->schema_dropped = entry->value.len == 0;
    return true;
}

/* A value that the server reports as a number must be sent as one: numeric variables refuse
 * strings. */
static bool is_number(const char *value, size_t len)
{
    size_t i = len && value[0] == '-' ? 1 : 0;
    size_t digits = 0;
    size_t dots = 0;
    for (; i < len; i++) {
        if (value[i] == '.')
            dots++;
        else if (value[i] >= '0' && value[i] <= '9')
            digits++;
        else
            return false;
    }
    return digits > 0 && dots <= 1;
}

static void append_value(struct buf *sql, const struct sessvar *var)
{
    /* character_set_results = NULL is reported as an empty text. */
    if (var->value_len == 0 && strncmp(var->name, "character_set_", 14) == 0) {
        buf_append_text(sql, "NULL");
        return;
    }
    if (is_number(var->value, var->value_len)) {
        buf_append(sql, var->value, var->value_len);
        return;
    }
    /* As a hex literal: right in every sql_mode and character set, no quoting to get wrong. */
    buf_append_text(sql, "_utf8mb4 x'");
    for (size_t i = 0; i < var->value_len; i++)
        buf_printf(sql, "%02x", (unsigned char)var->value[i]);
    buf_append_u8(sql, '\'');
}

void sessvars_replay(const struct sessvars *vars, uint64_t since, struct buf *sql)
{
    const char *separator = "SET @@session.";
    for (const struct sessvar *var = vars->first; var; var = var->next) {
        if (var->version <= since)
            continue;
        buf_append_text(sql, separator);
        buf_append_text(sql, var->name);
        buf_append_u8(sql, '=');
        append_value(sql, var);
        separator = ", @@session.";
    }
}
