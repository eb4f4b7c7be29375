/* A session's state as its server reports it: see sessvars.h. */
#include "router/sessvars.h"

#include "proxy/base/memory.h"
#include "proxy/proto/definitions.h"
#include "router/reading.h"
#include "router/set_targets.h"

#include <stdlib.h>
#include <strings.h>

struct sessvar {
    struct sessvar *next;
    uint64_t version;
    bool on_leader; /* replayed on leader connections alone */
    char *value;
    size_t value_len;
    char name[];
};

/* What becomes of a variable that the server reports. */
enum replay {
    REPLAY,
    IGNORE,      /* Causeway's own business, or its value does not last */
    ON_LEADER,   /* without meaning on a follower, or not to be changed there */
    LEADER_ONLY, /* keeps the session on the leader */
    WANTED,      /* what the client wants to be told */
};

static const struct {
    const char *name;
    enum replay replay;
} special[] = {
    {"last_gtid", IGNORE},
    {"autocommit", ON_LEADER},   /* without it everything runs on the leader: status flags tell */
    {"tx_read_only", ON_LEADER}, /* on a follower it is the guard */
    {"transaction_read_only", ON_LEADER},
    {"session_track_system_variables", WANTED},
    {"session_track_schema", WANTED},
    {"session_track_state_change", WANTED},
    {"session_track_transaction_info", WANTED},
    {"last_insert_id", IGNORE},
    {"identity", IGNORE},
    {"insert_id", IGNORE},
    {"gtid_seq_no", IGNORE},
    {"default_master_connection", IGNORE},
    {"gtid_domain_id", ON_LEADER},
    {"server_id", ON_LEADER},
    {"skip_replication", ON_LEADER},
    {"binlog_format", ON_LEADER},
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

static void forget_wanted(struct sessvars *vars)
{
    free(vars->wanted.variables);
    memset(&vars->wanted, 0, sizeof(vars->wanted));
}

static void forget_results_collation(struct sessvars *vars)
{
    free(vars->results_collation);
    vars->results_collation = NULL;
    vars->results_as_connection = false;
}

void sessvars_free(struct sessvars *vars)
{
    free_variables(vars);
    forget_wanted(vars);
    forget_results_collation(vars);
    buf_free(&vars->again);
    free(vars->schema);
    free(vars->role);
    vars->schema = NULL;
    vars->role = NULL;
}

void sessvars_forget(struct sessvars *vars)
{
    sessvars_reset(vars);
    sessvars_set_schema(vars, (struct span){0});
    free(vars->role);
    vars->role = NULL;
    vars->asks = 0;
}

void sessvars_reset(struct sessvars *vars)
{
    free_variables(vars);
    forget_wanted(vars);
    vars->again.len = 0;
    vars->asks &= SESSVARS_ASK_ROLE;
    vars->isolation = ISOLATION_DEFAULT;
    vars->looks_back = 0;
    vars->unreported = false;
    forget_results_collation(vars);
    vars->leader_only = vars->unlogged;
    vars->bare_schema = vars->schema != NULL;
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

static void drop_variable(struct sessvars *vars, const char *name)
{
    struct sessvar *var = take(vars, span_text(name));
    if (!var)
        return;
    free(var->value);
    free(var);
}

static struct sessvar *set_variable(struct sessvars *vars, struct span name, struct span value)
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
    return var;
}

static void enter_schema(struct sessvars *vars)
{
    drop_variable(vars, "character_set_database");
    drop_variable(vars, "collation_database");
    vars->bare_schema = false;
    vars->schema_version = ++vars->version;
}

void sessvars_set_schema(struct sessvars *vars, struct span schema)
{
    free(vars->schema);
    vars->schema = schema.len ? memory_strndup(schema.data, schema.len) : NULL;
    enter_schema(vars);
}

/* An option of ALTER DATABASE: no name was given. */
static bool is_schema_option(const struct token *token)
{
    static const char *const options[] = {"default", "character", "charset",
                                          "char",    "collate",   "comment"};
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (token_is_word(token, options[i]))
            return true;
    return false;
}

static bool names_schema(const struct token *token, const char *schema)
{
    struct span name = token->text;
    if (token->kind == TOKEN_QUOTED && name.len > 2)
        name = span_of(name.data + 1, name.len - 2);
    return name.len == strlen(schema) &&
           strncasecmp((const char *)name.data, schema, name.len) == 0;
}

void sessvars_note_alter(struct sessvars *vars, struct span sql, unsigned lex_mode)
{
    struct reading reading;
    reading_start(&reading, sql, lex_mode);
    if (!vars->schema || !token_is_word(&reading.token, "alter") ||
        !(token_is_word(&reading.next, "database") || token_is_word(&reading.next, "schema")))
        return;
    reading_step(&reading);
    reading_step(&reading);
    if (is_schema_option(&reading.token) || names_schema(&reading.token, vars->schema))
        enter_schema(vars);
}

static const struct sessvar *find(const struct sessvars *vars, const char *name)
{
    const struct sessvar *var = vars->first;
    while (var && strcmp(var->name, name) != 0)
        var = var->next;
    return var;
}

/* Of that character set: the names of collations begin with it. */
static bool collation_fits(struct span collation, const struct sessvar *charset)
{
    return collation.len > charset->value_len &&
           memcmp(collation.data, charset->value, charset->value_len) == 0 &&
           collation.data[charset->value_len] == '_';
}

static void set_results_collation(struct sessvars *vars, struct span collation)
{
    forget_results_collation(vars);
    if (collation.len)
        vars->results_collation = memory_strndup(collation.data, collation.len);
}

/* It says more than the character set, and replaces it. */
static void note_collation(struct sessvars *vars)
{
    drop_variable(vars, "character_set_connection");
    vars->asks &= ~(unsigned)SESSVARS_ASK_COLLATION;
}

void sessvars_set_collation(struct sessvars *vars, struct span collation)
{
    const struct sessvar *results = find(vars, "character_set_results");
    set_variable(vars, span_text("collation_connection"), collation);
    if (vars->results_as_connection && results && collation_fits(collation, results))
        set_results_collation(vars, collation);
    vars->results_as_connection = false;
    note_collation(vars);
}

void sessvars_note_collations(struct sessvars *vars, struct span sql, unsigned lex_mode, bool ran)
{
    if (!vars->results_changed && !vars->connection_changed)
        return;
    struct set_collations found = {.asks = true};
    if (ran)
        set_collations_read(sql, lex_mode, &found);
    if (vars->connection_changed && !found.asks)
        vars->asks &= ~(unsigned)SESSVARS_ASK_COLLATION;
    const struct sessvar *connection = find(vars, "character_set_connection");
    if (vars->connection_changed && connection && collation_fits(found.connection, connection))
        sessvars_set_collation(vars, found.connection);
    if (vars->results_changed) {
        set_results_collation(vars, found.results);
        vars->results_as_connection = found.as_connection;
    }
    vars->results_changed = vars->connection_changed = false;
}

void sessvars_set_role(struct sessvars *vars, struct span role)
{
    free(vars->role);
    vars->role = memory_strndup(role.len ? role.data : (const uint8_t *)"", role.len);
    vars->role_version = ++vars->version;
    vars->asks &= ~(unsigned)SESSVARS_ASK_ROLE;
}

/* --- what the client wants to be told --- */

void sessvars_want_variables(struct sessvars *vars, struct span list)
{
    free(vars->wanted.variables);
    vars->wanted.variables = memory_strndup(list.len ? list.data : (const uint8_t *)"", list.len);
    vars->asks &= ~(unsigned)SESSVARS_ASK_TRACKING;
}

static void want(struct sessvars *vars, const struct track_entry *entry)
{
    bool on = span_equal(entry->value, span_text("ON"));
    if (span_equal(entry->name, span_text("session_track_schema"))) {
        vars->wanted.no_schema = !on;
    } else if (span_equal(entry->name, span_text("session_track_state_change"))) {
        vars->wanted.state_change = on;
    } else if (span_equal(entry->name, span_text("session_track_transaction_info"))) {
        vars->wanted.characteristics = span_equal(entry->value, span_text("CHARACTERISTICS"));
        vars->wanted.transaction = !span_equal(entry->value, span_text("OFF"));
    } else {
        sessvars_want_variables(vars, entry->value);
    }
}

/* True when a comma separated list holds the name, or is "*". */
static bool in_list(const char *list, struct span name)
{
    if (strcmp(list, "*") == 0)
        return true;
    while (*list) {
        size_t len = strcspn(list, ",");
        if (span_equal(span_of(list, len), name))
            return true;
        list += len + (list[len] == ',');
    }
    return false;
}

bool sessvars_wanted(const struct sessvars *vars, const struct track_entry *entry,
                     const char *usual)
{
    switch (entry->type) {
    case TRACK_SYSTEM_VARIABLE:
        return in_list(vars->wanted.variables ? vars->wanted.variables : usual, entry->name);
    case TRACK_SCHEMA: return !vars->wanted.no_schema;
    case TRACK_STATE_CHANGE: return vars->wanted.state_change;
    case TRACK_TRANSACTION_CHARACTERISTICS: return vars->wanted.characteristics;
    case TRACK_TRANSACTION_STATE: return vars->wanted.transaction;
    default: return false;
    }
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
    vars->client_charset = (uint32_t)definitions_digest(1, name);
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

static void note_looking_back(struct sessvars *vars, const struct track_entry *entry)
{
    static const struct {
        const char *name, *off;
        enum sessvars_look look;
    } known[] = {
        {"sql_auto_is_null", "OFF", LOOK_LAST_ROW},
        {"optimizer_trace", "enabled=off", LOOK_TRACE},
        {"profiling", "OFF", LOOK_PROFILES},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!span_equal(entry->name, span_text(known[i].name)))
            continue;
        vars->looks_back &= ~(unsigned)known[i].look;
        if (!span_equal(entry->value, span_text(known[i].off)))
            vars->looks_back |= known[i].look;
    }
}

static bool track_variable(struct sessvars *vars, const struct track_entry *entry)
{
    enum replay replay = replay_of(entry->name);
    switch (replay) {
    case IGNORE: return false;
    case WANTED: want(vars, entry); return true;
    case LEADER_ONLY: note_leader_only(vars, entry); break;
    case ON_LEADER:
    case REPLAY: break;
    }
    /* They go on counting where they were set; and a log that was never off needs no turning on,
     * which takes a right that SET … = DEFAULT does not. */
    if (replay == LEADER_ONLY &&
        (!vars->unlogged || !span_equal(entry->name, span_text("sql_log_bin"))))
        return true;
    set_variable(vars, entry->name, entry->value)->on_leader = replay != REPLAY;
    note_looking_back(vars, entry);
    if (span_equal(entry->name, span_text("tx_isolation")))
        note_isolation(vars, entry->value);
    if (span_equal(entry->name, span_text("character_set_results"))) {
        forget_results_collation(vars);
        vars->results_changed = true;
    }
    if (span_equal(entry->name, span_text("character_set_client")))
        note_client_charset(vars, entry->value);
    if (span_equal(entry->name, span_text("character_set_connection"))) {
        drop_variable(vars, "collation_connection");
        vars->connection_changed = true;
        vars->asks |= SESSVARS_ASK_COLLATION;
    } else if (span_equal(entry->name, span_text("collation_connection"))) {
        note_collation(vars);
    }
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

/* Variables with texts that may be empty for NULL, or look like numbers. */
static const char *const texts[] = {"debug",
                                    "debug_dbug",
                                    "default_tmp_storage_engine",
                                    "enforce_storage_engine",
                                    "innodb_ft_user_stopword_table",
                                    "innodb_tmpdir"};

static bool is_text(const char *name)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(name, texts[i]) == 0)
            return true;
    return false;
}

/* As a hex literal: right in every sql_mode and character set, no quoting to get wrong. */
static void append_text(struct buf *sql, struct span text)
{
    buf_append_text(sql, "_utf8mb4 x'");
    for (size_t i = 0; i < text.len; i++)
        buf_printf(sql, "%02x", text.data[i]);
    buf_append_u8(sql, '\'');
}

static void append_value(struct buf *sql, const struct sessvar *var)
{
    /* NULL is reported as an empty text: character_set_results = NULL. */
    bool text = is_text(var->name);
    if (var->value_len == 0 && (text || strncmp(var->name, "character_set_", 14) == 0))
        buf_append_text(sql, "NULL");
    else if (strcmp(var->name, "system_versioning_asof") == 0 && strcmp(var->value, "DEFAULT") == 0)
        buf_append_text(sql, "DEFAULT");
    else if (!text && is_number(var->value, var->value_len))
        buf_append(sql, var->value, var->value_len);
    else
        append_text(sql, span_of(var->value, var->value_len));
}

bool sessvars_set_schema_charset(const struct sessvars *vars)
{
    return find(vars, "character_set_database") || find(vars, "collation_database");
}

/* SET NAMES … COLLATE sets these as well. */
static bool goes_with_results(const struct sessvar *var)
{
    return strcmp(var->name, "character_set_client") == 0 ||
           strcmp(var->name, "character_set_connection") == 0 ||
           strcmp(var->name, "collation_connection") == 0;
}

/* The collation that results say they have, a variable of no name: first, since it sets others. */
static bool append_names(const struct sessvars *vars, uint64_t since, struct buf *sql)
{
    const struct sessvar *results = find(vars, "character_set_results");
    if (!results || results->version <= since || !vars->results_collation)
        return false;
    buf_printf(sql, "SET NAMES '%s' COLLATE '%s'", results->value, vars->results_collation);
    return true;
}

void sessvars_replay(const struct sessvars *vars, uint64_t since, bool guarded, struct buf *sql)
{
    bool names = append_names(vars, since, sql);
    const char *separator = names ? ", @@session." : "SET @@session.";
    for (const struct sessvar *var = vars->first; var; var = var->next) {
        bool due = var->version > since || (names && goes_with_results(var));
        if (!due || (var->on_leader && guarded) ||
            (names && strcmp(var->name, "character_set_results") == 0))
            continue;
        buf_append_text(sql, separator);
        buf_append_text(sql, var->name);
        buf_append_u8(sql, '=');
        append_value(sql, var);
        separator = ", @@session.";
    }
}

void sessvars_replay_wanted(const struct sessvars *vars, const char *usual, bool all,
                            struct buf *sql)
{
    const char *list = vars->wanted.variables ? vars->wanted.variables : usual;
    buf_append_text(sql, "SET @@session.session_track_system_variables=");
    append_text(sql, span_text(all ? "*" : list));
    buf_printf(sql,
               ", @@session.session_track_schema=%d, @@session.session_track_state_change=%d, "
               "@@session.session_track_transaction_info=_utf8mb4'%s'",
               !vars->wanted.no_schema, vars->wanted.state_change,
               vars->wanted.characteristics ? "CHARACTERISTICS"
               : vars->wanted.transaction   ? "STATE"
                                            : "OFF");
}

void sessvars_replay_role(const struct sessvars *vars, uint64_t since, struct buf *sql)
{
    if (!vars->role || vars->role_version <= since)
        return;
    if (!*vars->role) {
        buf_append_text(sql, "SET ROLE NONE");
        return;
    }
    buf_append_text(sql, "SET ROLE `");
    for (const char *at = vars->role; *at; at++) {
        if (*at == '`')
            buf_append_u8(sql, '`');
        buf_append_u8(sql, (uint8_t)*at);
    }
    buf_append_u8(sql, '`');
}
