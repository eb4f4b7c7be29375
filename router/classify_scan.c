/* See classify_scan.h. */
#include "router/classify_scan.h"

#include <strings.h>

#define DIGEST_FACTOR 0x9e3779b97f4a7c15u

/* What a literal puts into the digest; no word begins like this. */
enum { DIGEST_LITERAL = 1, DIGEST_SYMBOL = 2 };

static uint64_t mix(uint64_t digest, uint64_t value)
{
    digest = (digest << 5 | digest >> 59) ^ value;
    return digest * DIGEST_FACTOR;
}

/* Letters of either case count the same: the bit that tells them apart is set in all bytes. */
static uint64_t mix_text(uint64_t digest, struct span text)
{
    const uint64_t caseless = 0x2020202020202020u;
    uint64_t chunk;
    while (text.len >= sizeof(chunk)) {
        memcpy(&chunk, text.data, sizeof(chunk));
        digest = mix(digest, chunk | caseless);
        text.data += sizeof(chunk);
        text.len -= sizeof(chunk);
    }
    chunk = 0;
    for (size_t i = 0; i < text.len; i++)
        chunk = chunk << 8 | text.data[i];
    return mix(digest, (chunk | caseless) ^ (uint64_t)text.len << 56);
}

static bool token_is_literal(const struct token *token)
{
    return token->kind == TOKEN_STRING || token->kind == TOKEN_NUMBER || token->kind == TOKEN_BAD ||
           (token->kind == TOKEN_SYMBOL && token->symbol == '?');
}

/* A list of literals counts as one, so that IN (1,2) and IN (1,2,3) are the same statement. */
static void digest_token(struct scan *scan)
{
    const struct token *token = &scan->token;
    if (token_is_literal(token)) {
        if (!scan->digest_comma)
            scan->digest = mix(scan->digest, DIGEST_LITERAL);
        scan->digest_comma = false;
        scan->digest_literal = true;
        return;
    }
    bool comma = token->kind == TOKEN_SYMBOL && token->symbol == ',';
    if (scan->digest_comma)
        scan->digest = mix(scan->digest, DIGEST_SYMBOL | ',' << 8);
    scan->digest_comma = comma && scan->digest_literal;
    scan->digest_literal = false;
    if (scan->digest_comma)
        return;
    if (token->kind == TOKEN_SYMBOL)
        scan->digest = mix(scan->digest, DIGEST_SYMBOL | (uint64_t)token->symbol << 8);
    else
        scan->digest = mix_text(scan->digest, token->text);
}

uint64_t scan_digest(const struct scan *scan)
{
    uint64_t digest = scan->digest;
    digest ^= digest >> 32;
    digest *= DIGEST_FACTOR;
    return digest ^ digest >> 29;
}

static void look_up(struct scan *scan)
{
    scan->word = NULL;
    if (scan->token.kind == TOKEN_WORD)
        scan->word = word_find(scan->token.text);
}

void scan_start(struct scan *scan, struct span sql, unsigned mode)
{
    *scan = (struct scan){.digest = DIGEST_FACTOR};
    lex_start(&scan->lexer, sql, mode);
    lex_next(&scan->lexer, &scan->token);
    lex_next(&scan->lexer, &scan->next);
    look_up(scan);
}

void scan_begin_statement(struct scan *scan)
{
    scan->verdict = VERDICT_READ;
    scan->flags = 0;
    scan->calls = CALLS_OFF;
    scan->reading = scan->assigning = scan->quiet = scan->skips = false;
    scan->selects = scan->tables = 0;
    scan->system_time = scan->information = false;
    scan->depth = 0;
    scan->with_levels = 0;
    scan->previous = (struct scan_previous){.kind = TOKEN_END};
}

void scan_skip(struct scan *scan)
{
    if (scan->token.kind == TOKEN_END)
        return;
    digest_token(scan);
    scan->previous.kind = scan->token.kind;
    scan->previous.symbol = scan->token.symbol;
    scan->previous.id = (uint8_t)scan_id(scan);
    scan->token = scan->next;
    lex_next(&scan->lexer, &scan->next);
    look_up(scan);
}

void scan_raise(struct scan *scan, enum scan_verdict verdict)
{
    if (verdict > scan->verdict)
        scan->verdict = verdict;
}

static void raise_opaque(struct scan *scan)
{
    scan_raise(scan, VERDICT_ON_REQUEST);
    scan->flags |= CLASS_OPAQUE;
}

static bool next_is(const struct scan *scan, uint8_t symbol)
{
    return scan->next.kind == TOKEN_SYMBOL && scan->next.symbol == symbol;
}

static bool behind_symbol(const struct scan *scan, uint8_t symbol)
{
    return scan->previous.kind == TOKEN_SYMBOL && scan->previous.symbol == symbol;
}

static uint64_t level_bit(const struct scan *scan)
{
    return scan->depth < 64 ? UINT64_C(1) << scan->depth : 0;
}

/* WITH a (x, y) AS (…), b (z) AS (…): a and b are no functions. */
static bool at_cte_name(const struct scan *scan)
{
    if ((scan->with_levels & level_bit(scan)) == 0)
        return false;
    return scan->previous.id == WORD_WITH || scan->previous.id == WORD_RECURSIVE ||
           behind_symbol(scan, ',');
}

/* A call stands behind an operator, a keyword, a comma or an opening parenthesis; never right
 * behind an operand: there, `name (` is MATCH … AGAINST, COLUMNS of JSON_TABLE, a derived table's
 * columns. */
static bool call_may_stand_here(const struct scan *scan)
{
    enum token_kind kind = scan->previous.kind;
    return kind != TOKEN_STRING && kind != TOKEN_NUMBER && kind != TOKEN_QUOTED &&
           !behind_symbol(scan, ')') && scan->previous.id != WORD_AS && !at_cte_name(scan);
}

/* A word, maybe a quoted one, right before a parenthesis. */
static void judge_call(struct scan *scan)
{
    if (scan->calls != CALLS_ON)
        return;
    if (behind_symbol(scan, '.')) {
        raise_opaque(scan);
        return;
    }
    unsigned bits = scan_bits(scan);
    const unsigned known =
        IS_CALL | IS_CALL_TIGHT | IS_CALL_LEADER | IS_CALL_PREVIOUS | IS_PAREN | IS_LEADER;
    if ((bits & known) == 0) {
        if (call_may_stand_here(scan))
            raise_opaque(scan);
    } else if ((bits & IS_CALL_TIGHT) != 0 && scan->next.spaced) {
        raise_opaque(scan);
    } else if ((bits & IS_CALL_LEADER) != 0) {
        scan_raise(scan, VERDICT_LEADER);
        if (scan_id(scan) == WORD_LOCK_CALL)
            scan->flags |= CLASS_HOLDS;
        scan->own_word |= scan_id(scan) == WORD_CONNECTION_ID;
    } else if ((bits & IS_CALL_PREVIOUS) != 0) {
        scan_raise(scan, VERDICT_PREVIOUS);
    }
}

static void raise_locking(struct scan *scan)
{
    scan_raise(scan, VERDICT_LEADER);
    scan->flags |= CLASS_LOCKING_READ;
}

/* Keywords that mean something in a query alone. */
static void judge_query_word(struct scan *scan)
{
    enum word_id id = scan_id(scan);
    bool behind_for = scan->previous.id == WORD_FOR;
    if ((scan_bits(scan) & IS_LEADER) != 0)
        scan_raise(scan, VERDICT_LEADER);
    if (id == WORD_LOCK || (behind_for && (id == WORD_UPDATE || id == WORD_SHARE)))
        raise_locking(scan);
    if ((id == WORD_INSERT || id == WORD_REPLACE) && !next_is(scan, '('))
        scan_raise(scan, VERDICT_LEADER);
    scan->system_time |= id == WORD_SYSTEM_TIME;
    if (id == WORD_TRANSACTION && scan->system_time)
        scan_raise(scan, VERDICT_LEADER); /* each server numbers its transactions itself */
}

static void open_with(struct scan *scan)
{
    bool begins_query = scan->previous.kind == TOKEN_END || behind_symbol(scan, '(');
    if (begins_query)
        scan->with_levels |= level_bit(scan);
}

static void judge_keyword(struct scan *scan)
{
    if (scan->reading)
        judge_query_word(scan);
    switch (scan_id(scan)) {
    case WORD_SELECT:
        scan->selects++;
        scan->with_levels &= ~level_bit(scan);
        scan->calls = scan->calls == CALLS_OFF ? CALLS_OFF : CALLS_ON;
        break;
    case WORD_SKIP: scan->skips = true; break;
    case WORD_TABLE: scan->tables++; break;
    case WORD_WITH: open_with(scan); break;
    case WORD_TRACKING: scan->flags |= CLASS_TRACKING; break;
    case WORD_VALUE:
        if (scan->previous.id == WORD_NEXT || scan->previous.id == WORD_PREVIOUS)
            scan_raise(scan, VERDICT_LEADER); /* NEXT VALUE FOR sequence */
        break;
    default: break;
    }
    enum word_id id = scan_id(scan);
    bool begins_values = id == WORD_SET || id == WORD_VALUES || id == WORD_VALUE || id == WORD_WITH;
    if (begins_values && scan->calls == CALLS_AFTER_LIST)
        scan->calls = CALLS_ON;
}

/* The inside of a quoted name, for looking it up; names with doubled quotes are not in the table.
 */
static struct span unquoted(const struct token *token)
{
    if (token->kind == TOKEN_QUOTED && token->text.len >= 2)
        return span_of(token->text.data + 1, token->text.len - 2);
    return token->text;
}

/* information_schema.OPTIMIZER_TRACE: of the statement before. */
static bool is_trace(const struct scan *scan)
{
    static const char name[] = "optimizer_trace";
    struct span text = unquoted(&scan->token);
    return text.len == sizeof(name) - 1 &&
           strncasecmp((const char *)text.data, name, text.len) == 0;
}

/* A name with a dot before or behind it: schema.table, sequence.nextval. */
static void judge_qualified(struct scan *scan)
{
    bool before_dot = next_is(scan, '.');
    bool behind_dot = behind_symbol(scan, '.');
    bool information = scan->information;
    scan->information = false;
    if (!before_dot && !behind_dot)
        return;
    const struct word *word = word_find(unquoted(&scan->token));
    unsigned bits = word != NULL ? word->bits : 0;
    bool harmless_table = (bits & IS_SCHEMA_TABLE) != 0;
    if (word != NULL && word->id == WORD_TRACKING)
        scan->flags |= CLASS_TRACKING;
    if (behind_dot && information && is_trace(scan))
        scan_raise(scan, VERDICT_PREVIOUS);
    else if (behind_dot && information && !harmless_table)
        scan_raise(scan, VERDICT_ON_REQUEST);
    if (behind_dot && (bits & IS_SEQUENCE) != 0)
        scan_raise(scan, VERDICT_LEADER);
    if (before_dot && (bits & IS_SERVER_SCHEMA) != 0)
        scan_raise(scan, VERDICT_ON_REQUEST);
    scan->information = before_dot && word != NULL && word->id == WORD_INFORMATION_SCHEMA;
}

static void judge_name(struct scan *scan)
{
    judge_qualified(scan);
    bool owner = next_is(scan, '.') && !scan->next.spaced; /* select.x: a table named select */
    if (scan->token.kind == TOKEN_WORD && !scan->token.name && !owner)
        judge_keyword(scan);
    if (next_is(scan, '('))
        judge_call(scan);
}

void scan_note_own_variable(struct scan *scan, const struct token *token)
{
    static const char name[] = "causeway_token";
    struct span text = unquoted(token);
    scan->own_word |= text.len == sizeof(name) - 1 &&
                      strncasecmp((const char *)text.data, name, sizeof(name) - 1) == 0;
}

void scan_note_tracking(struct scan *scan)
{
    const struct word *word = word_find(unquoted(&scan->token));
    if (word != NULL && word->id == WORD_TRACKING)
        scan->flags |= CLASS_TRACKING;
}

/* @causeway_key; or the bare @ of @`causeway_key`, @'causeway_key', @"causeway_key". */
static void judge_user_variable(struct scan *scan)
{
    static const char name[] = "@causeway_key";
    if (scan->assigning)
        scan_raise(scan, VERDICT_LEADER);
    scan->flags |= CLASS_USER_VARIABLE;
    struct span text = scan->token.text;
    const char *wanted = name;
    size_t len = sizeof(name) - 1;
    if (text.len == 1 && scan->next.text.len == len + 1) { /* with its quotes */
        text = span_of(scan->next.text.data + 1, len - 1);
        wanted++;
        len--;
    }
    scan->own_word |= text.len == len && strncasecmp((const char *)text.data, wanted, len) == 0;
}

/* @@[GLOBAL. | SESSION. | LOCAL.]name: at the @@, stops at the last token of the name. */
static void judge_system_variable(struct scan *scan)
{
    scan_skip(scan);
    if (scan->token.kind != TOKEN_WORD && scan->token.kind != TOKEN_QUOTED) {
        scan->lexer.doubt = true;
        return;
    }
    if (scan_id(scan) == WORD_SESSION && next_is(scan, '.')) {
        scan_skip(scan);
        scan_skip(scan);
    }
    const struct word *word = word_find(unquoted(&scan->token));
    unsigned bits = word != NULL ? word->bits : 0;
    scan_note_tracking(scan);
    if (next_is(scan, '.')) /* @@global.x, @@cache.key_buffer_size */
        scan_raise(scan, VERDICT_ON_REQUEST);
    else if ((bits & IS_PREVIOUS_VARIABLE) != 0) {
        scan_raise(scan, VERDICT_PREVIOUS);
        scan->flags |= CLASS_DIAGNOSTICS;
    } else if ((bits & IS_VARIABLE) == 0) {
        scan_raise(scan, VERDICT_ON_REQUEST);
        scan_note_own_variable(scan, &scan->token);
    }
}

static void judge_symbol(struct scan *scan)
{
    switch (scan->token.symbol) {
    case '(':
        scan->depth++;
        scan->with_levels &= ~level_bit(scan);
        if (scan->calls == CALLS_AFTER_LIST)
            scan->calls = CALLS_ON;
        break;
    case ')': scan->depth -= scan->depth > 0; break;
    case SYMBOL_ASSIGN:
        if (!scan->assigning)
            scan_raise(scan, VERDICT_LEADER);
        break;
    default: break;
    }
}

void scan_take(struct scan *scan)
{
    switch (scan->token.kind) {
    case TOKEN_WORD:
    case TOKEN_QUOTED: judge_name(scan); break;
    case TOKEN_SYMBOL: judge_symbol(scan); break;
    case TOKEN_SYSTEM_VARIABLE: judge_system_variable(scan); break;
    case TOKEN_USER_VARIABLE: judge_user_variable(scan); break;
    case TOKEN_BAD: scan_raise(scan, VERDICT_LEADER); break;
    case TOKEN_STRING:
    case TOKEN_NUMBER:
    case TOKEN_END: break;
    }
    scan_skip(scan);
}

void scan_take_rest(struct scan *scan)
{
    while (!scan_at_end(scan))
        scan_take(scan);
}

void scan_skip_rest(struct scan *scan)
{
    while (!scan_at_end(scan))
        scan_skip(scan);
}
