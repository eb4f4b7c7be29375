/* What is this statement? One function for each statement that needs more than its first word; what
 * their expressions mean is judged by classify_scan.c. The judgement is the worst of all tokens. */
#include "router/classify.h"

#include "router/classify_hint.h"
#include "router/classify_scan.h"

#include <assert.h>

/* The statement is the leader's; its expressions are searched for what the text does not show. */
static void judge_write(struct scan *scan, enum scan_calls calls, uint32_t flags)
{
    scan->calls = calls;
    scan->flags |= flags;
    scan_raise(scan, VERDICT_LEADER);
    scan_take_rest(scan);
}

/* The same for a verb that reads rows with locks, as they are now, or none at all. */
static void judge_quiet(struct scan *scan, enum scan_calls calls, uint32_t flags)
{
    scan->quiet = true;
    judge_write(scan, calls, flags);
}

/* A body of statements: where it ends can't be told from its tokens, so it takes all of the text.
 */
static void judge_compound(struct scan *scan, uint32_t flags)
{
    scan_raise(scan, VERDICT_LEADER);
    scan->flags |= flags;
    scan_skip_rest(scan);
    while (scan_at_symbol(scan, ';'))
        scan_skip(scan);
    if (scan->token.kind == TOKEN_END)
        return;
    scan->flags |= CLASS_MULTI | CLASS_OPAQUE;
    while (scan->token.kind != TOKEN_END)
        scan_skip(scan);
}

static bool at_query(const struct scan *scan)
{
    enum word_id id = scan_id(scan);
    return id == WORD_SELECT || id == WORD_WITH || id == WORD_VALUES || id == WORD_TABLE ||
           scan_at_symbol(scan, '(');
}

static void judge_query(struct scan *scan)
{
    scan->previous = (struct scan_previous){.kind = TOKEN_END};
    scan->calls = CALLS_ON;
    scan->reading = true;
    scan_take_rest(scan);
}

/* A locking read is no plain one; what is read inside of it, or beside it, is. With SKIP LOCKED it
 * passes over the rows of a transaction that is about to show. */
static void judge_select(struct scan *scan)
{
    judge_query(scan);
    scan->quiet = (scan->flags & CLASS_LOCKING_READ) != 0 && scan->tables == 0 && !scan->skips;
    scan->selects -= scan->quiet;
}

/* DO is a SELECT without rows, and always OK: the error by which a follower stops a write would not
 * be seen. So what reads tables, or runs what is not built in, is the leader's whatever a hint
 * says. */
static void judge_do(struct scan *scan)
{
    scan_skip(scan);
    judge_query(scan);
    scan->flags |= CLASS_DO;
    if (scan->selects > 0 || scan->tables > 0 || (scan->flags & CLASS_OPAQUE) != 0)
        scan_raise(scan, VERDICT_LEADER);
}

/* "(" … may be anything in parentheses; only a query may. */
static void judge_parenthesis(struct scan *scan)
{
    while (scan_at_symbol(scan, '('))
        scan_take(scan);
    scan->calls = CALLS_ON;
    scan->reading = true;
    if (!at_query(scan))
        scan_raise(scan, VERDICT_LEADER);
    scan_take_rest(scan);
}

/* INSERT, REPLACE, UPDATE, DELETE: without a query inside, rows are read as they are now. `tables`:
 * how many keywords TABLE belong to the statement itself. */
static void judge_change(struct scan *scan, enum scan_calls calls, uint32_t tables)
{
    judge_quiet(scan, calls, 0);
    scan->quiet = scan->tables <= tables;
}

static void judge_update(struct scan *scan)
{
    scan->flags |= CLASS_SEMI_READ;
    judge_change(scan, CALLS_ON, 0);
}

static bool at_changing_verb(const struct scan *scan)
{
    enum word_id id = scan_id(scan);
    return id == WORD_INSERT || id == WORD_REPLACE || id == WORD_UPDATE || id == WORD_DELETE;
}

/* FORMAT = JSON */
static void skip_format(struct scan *scan)
{
    scan_skip(scan);
    if (!scan_at_symbol(scan, '='))
        return;
    scan_skip(scan);
    if (!scan_at_end(scan))
        scan_skip(scan);
}

/* EXPLAIN query, EXPLAIN write, EXPLAIN FOR CONNECTION, DESCRIBE table */
static void judge_explain(struct scan *scan)
{
    scan_skip(scan);
    if (scan_id(scan) == WORD_ANALYZE || scan_id(scan) == WORD_EXTENDED ||
        scan_id(scan) == WORD_PARTITIONS)
        scan_skip(scan);
    if (scan_id(scan) == WORD_FORMAT)
        skip_format(scan);
    if (scan_id(scan) == WORD_FOR || at_changing_verb(scan))
        judge_write(scan, CALLS_AFTER_LIST, 0);
    else
        judge_query(scan);
}

/* ANALYZE [FORMAT = JSON] query runs the query; all else of ANALYZE writes. */
static void judge_analyze(struct scan *scan)
{
    scan_skip(scan);
    if (scan_id(scan) == WORD_FORMAT)
        skip_format(scan);
    if (at_query(scan) && scan_id(scan) != WORD_TABLE)
        judge_query(scan);
    else if (at_changing_verb(scan))
        judge_write(scan, CALLS_AFTER_LIST, 0);
    else
        judge_write(scan, CALLS_OFF, 0);
}

/* Of SHOW CREATE x, SHOW x STATUS, and the like: behind SHOW [FULL | EXTENDED]. What shows the next
 * AUTO_INCREMENT (a failed INSERT takes one on the leader alone), sizes, times and statistics is no
 * read: SHOW CREATE TABLE, SHOW TABLE STATUS, SHOW INDEX. */
static bool show_is_read(struct scan *scan)
{
    unsigned bits = scan_bits(scan);
    enum word_id id = scan_id(scan);
    scan_skip(scan);
    if ((bits & IS_SHOW) != 0)
        return true;
    if ((bits & IS_ROUTINE) != 0)
        return scan_id(scan) == WORD_STATUS;
    if (id == WORD_CHARACTER)
        return scan_id(scan) == WORD_SET;
    if (id != WORD_CREATE || (scan_bits(scan) & IS_SHOW_CREATE) == 0)
        return false;
    scan_skip(scan);
    return true;
}

static void judge_show(struct scan *scan)
{
    scan_skip(scan);
    while (scan_id(scan) == WORD_FULL || scan_id(scan) == WORD_EXTENDED)
        scan_skip(scan);
    enum word_id id = scan_id(scan);
    if (id == WORD_WARNINGS || id == WORD_ERRORS || id == WORD_COUNT) {
        scan_raise(scan, VERDICT_PREVIOUS);
        scan->flags |= CLASS_DIAGNOSTICS;
        scan_skip_rest(scan);
        return;
    }
    if (id == WORD_TRACKING)
        scan->flags |= CLASS_TRACKING;
    if (!show_is_read(scan))
        scan_raise(scan, VERDICT_ON_REQUEST);
    scan->calls = CALLS_ON;
    scan->reading = true;
    scan_take_rest(scan);
}

/* Steps over "@@SESSION." and the name of a variable that is set. False: more than this session's
 * own variable. */
static bool set_target_is_own(struct scan *scan)
{
    enum word_id id = scan_id(scan);
    if (id == WORD_SESSION) {
        scan_skip(scan);
        id = scan_id(scan);
    }
    if (scan->token.kind == TOKEN_SYSTEM_VARIABLE) {
        scan_skip(scan);
        id = scan_id(scan);
        if (id == WORD_SESSION) {
            scan_skip(scan); /* and the dot */
            scan_skip(scan);
        }
    }
    bool own = id != WORD_GLOBAL && id != WORD_PASSWORD && id != WORD_TRANSACTION &&
               id != WORD_ROLE && id != WORD_STATEMENT && id != WORD_DEFAULT;
    if (id == WORD_PASSWORD || id == WORD_DEFAULT)
        scan->flags |= CLASS_ACCOUNTS;
    if (id == WORD_GLOBAL) {
        scan->flags |= CLASS_SET_GLOBAL;
        scan_skip(scan);
    }
    bool dotted = id == WORD_GLOBAL && scan_at_symbol(scan, '.');
    scan_note_own_variable(scan, dotted ? &scan->next : &scan->token);
    scan_note_tracking(scan);
    if (id != WORD_GLOBAL && scan->token.kind == TOKEN_WORD)
        scan_skip(scan);
    return own;
}

/* The assignments of a SET, up to its end. True when each sets a variable of the session to
 * something that neither reads tables nor runs what we don't know. */
static bool assignments_are_own(struct scan *scan)
{
    bool own = true;
    bool at_target = true;
    while (!scan_at_end(scan)) {
        if (at_target) {
            own = set_target_is_own(scan) && own;
            at_target = false;
            continue;
        }
        at_target = scan_at_symbol(scan, ',') && scan->depth == 0;
        scan_take(scan);
    }
    return own && scan->selects == 0 && scan->verdict == VERDICT_READ;
}

/* SET STATEMENT a = 1 FOR …: up to the statement that it is for. */
static void skip_set_statement(struct scan *scan)
{
    scan->calls = CALLS_ON;
    while (!scan_at_end(scan) && !(scan_id(scan) == WORD_FOR && scan->depth == 0))
        scan_take(scan);
    if (!scan_at_end(scan))
        scan_skip(scan);
    scan->previous = (struct scan_previous){.kind = TOKEN_END};
    scan->calls = CALLS_OFF;
    scan->assigning = false;
    scan_raise(scan, VERDICT_LEADER);
}

/* False: it was SET STATEMENT … FOR, and the token at hand begins the statement behind it. */
static bool judge_set(struct scan *scan)
{
    scan_skip(scan);
    scan->assigning = true;
    if (scan_id(scan) == WORD_STATEMENT) {
        scan->flags |= CLASS_SET_STATEMENT;
        skip_set_statement(scan);
        return false;
    }
    if (scan_id(scan) == WORD_ROLE || scan_id(scan) == WORD_DEFAULT)
        scan->flags |= CLASS_SET_ROLE;
    scan->calls = CALLS_ON;
    if (assignments_are_own(scan))
        scan->flags |= CLASS_SET;
    scan->quiet = scan->tables == 0;
    scan_raise(scan, VERDICT_LEADER);
    return true;
}

/* Behind START TRANSACTION: true when the transaction is read only. A snapshot is a plain read. */
static bool transaction_is_read_only(struct scan *scan)
{
    static const enum word_id snapshot[] = {WORD_WITH, WORD_CONSISTENT, WORD_SNAPSHOT};
    static const enum word_id read_only[] = {WORD_READ, WORD_ONLY};
    bool found = false;
    while (!scan_at_end(scan)) {
        bool with = scan_id(scan) == WORD_WITH;
        scan->quiet &= !with;
        const enum word_id *words = with ? snapshot : read_only;
        size_t count = with ? 3 : 2;
        for (size_t i = 0; i < count; i++) {
            if (scan_id(scan) != words[i])
                return false;
            scan_skip(scan);
        }
        found |= !with;
        if (scan_at_symbol(scan, ','))
            scan_skip(scan);
        else if (!scan_at_end(scan))
            return false;
    }
    return found;
}

/* True: it opens a read-only transaction. */
static bool judge_start(struct scan *scan)
{
    scan->flags |= CLASS_HOLDS;
    scan_skip(scan);
    bool transaction = scan_id(scan) == WORD_TRANSACTION;
    if (transaction)
        scan_skip(scan);
    scan->quiet = transaction;
    bool read_only = transaction && transaction_is_read_only(scan);
    if (!read_only)
        scan_raise(scan, VERDICT_LEADER);
    if (transaction && !read_only)
        scan->flags |= CLASS_BEGIN;
    for (; !scan_at_end(scan); scan_skip(scan))
        scan->quiet &= scan_id(scan) != WORD_WITH;
    return read_only;
}

static void judge_begin(struct scan *scan)
{
    scan_skip(scan);
    if (!scan_at_end(scan) && scan_id(scan) != WORD_WORK)
        judge_compound(scan, CLASS_OPAQUE);
    else
        judge_quiet(scan, CALLS_OFF, CLASS_HOLDS | CLASS_BEGIN);
}

/* CREATE and ALTER: temporary, or with a body of statements? */
static void judge_ddl(struct scan *scan, bool create)
{
    uint32_t commits = CLASS_DDL;
    scan->flags |= create ? 0 : CLASS_HOLDS;
    scan_skip(scan);
    while (!scan_at_end(scan)) {
        if ((scan_bits(scan) & IS_ROUTINE) != 0) {
            judge_compound(scan, commits);
            return;
        }
        if ((scan_bits(scan) & IS_DDL_OBJECT) != 0)
            break;
        if (scan_id(scan) == WORD_TEMPORARY && create) {
            scan->flags |= CLASS_HOLDS;
            commits = 0;
        }
        scan_skip(scan);
    }
    scan->quiet = !scan_at_end(scan);
    judge_write(scan, CALLS_AFTER_SELECT, commits);
    scan->quiet &= !create || scan->tables <= 1; /* the one of CREATE TABLE */
}

/* FLUSH TABLES … WITH READ LOCK, FLUSH TABLES … FOR EXPORT, FLUSH STATUS */
static void judge_flush(struct scan *scan)
{
    scan->quiet = true;
    scan->flags |= CLASS_ACCOUNTS;
    scan_raise(scan, VERDICT_LEADER);
    for (; !scan_at_end(scan); scan_skip(scan)) {
        enum word_id word = scan_id(scan);
        if (word == WORD_LOCK || word == WORD_EXPORT || word == WORD_STATUS)
            scan->flags |= CLASS_HOLDS;
    }
}

/* GET [CURRENT] DIAGNOSTICS */
static void judge_get(struct scan *scan)
{
    scan_skip(scan);
    if (scan_id(scan) == WORD_CURRENT)
        scan_skip(scan);
    bool diagnostics = scan_id(scan) == WORD_DIAGNOSTICS;
    scan_raise(scan, diagnostics ? VERDICT_PREVIOUS : VERDICT_LEADER);
    scan->flags |= diagnostics ? CLASS_DIAGNOSTICS : 0;
    scan_skip_rest(scan);
}

/* HELP 'topic', CHECKSUM TABLE t */
static void judge_small_read(struct scan *scan, bool behind_is_right)
{
    if (!behind_is_right)
        scan_raise(scan, VERDICT_LEADER);
    scan_take_rest(scan);
}

static void judge_checksum(struct scan *scan)
{
    scan_skip(scan);
    judge_small_read(scan, scan_id(scan) == WORD_TABLE || scan_id(scan) == WORD_TABLES);
}

static void judge_help(struct scan *scan)
{
    scan_skip(scan);
    judge_small_read(scan, scan->token.kind == TOKEN_STRING || scan->token.kind == TOKEN_WORD);
}

/* DROP, RENAME, GRANT …: all but DROP TEMPORARY commit. */
static void judge_ddl_verb(struct scan *scan)
{
    scan_skip(scan);
    judge_write(scan, CALLS_OFF, scan_id(scan) == WORD_TEMPORARY ? 0 : CLASS_DDL);
}

/* What a statement begins with when it needs no function of its own. */
static void judge_other(struct scan *scan)
{
    bool quiet = scan_id(scan) == WORD_QUIET || scan_id(scan) == WORD_QUIET_HOLDS;
    if (scan_id(scan) == WORD_HOLDS || scan_id(scan) == WORD_QUIET_HOLDS)
        scan->flags |= CLASS_HOLDS;
    if ((scan_bits(scan) & IS_DDL_VERB) != 0)
        judge_ddl_verb(scan);
    else if ((scan_bits(scan) & IS_VERB) != 0)
        judge_write(scan, CALLS_OFF, 0);
    else
        judge_compound(scan,
                       CLASS_OPAQUE); /* IF, LOOP, DECLARE, a label, or what we never heard of */
    scan->quiet = quiet;
    if (quiet)
        scan->selects = 0; /* none of them has expressions: it is GRANT SELECT */
}

/* Judges the statement that begins at the token at hand, up to its end.
 * True: it opens a read-only transaction. */
static bool judge_statement(struct scan *scan)
{
    while (scan_id(scan) == WORD_SET && judge_set(scan) == false)
        ;
    if (scan_at_end(scan))
        return false;
    bool label = scan->next.kind == TOKEN_SYMBOL && scan->next.symbol == ':';
    enum word_id id = label ? WORD_NONE : scan_id(scan);
    switch (id) {
    case WORD_SELECT: judge_select(scan); break;
    case WORD_WITH:
    case WORD_VALUES:
    case WORD_TABLE: judge_query(scan); break;
    case WORD_EXPLAIN:
    case WORD_DESCRIBE: judge_explain(scan); break;
    case WORD_ANALYZE: judge_analyze(scan); break;
    case WORD_SHOW: judge_show(scan); break;
    case WORD_HELP: judge_help(scan); break;
    case WORD_CHECKSUM: judge_checksum(scan); break;
    case WORD_GET: judge_get(scan); break;
    case WORD_INSERT:
    case WORD_REPLACE: judge_change(scan, CALLS_AFTER_LIST, 0); break;
    case WORD_LOAD: judge_change(scan, CALLS_AFTER_LIST, 1); break;
    case WORD_UPDATE: judge_update(scan); break;
    case WORD_DELETE: judge_change(scan, CALLS_ON, 0); break;
    case WORD_CREATE: judge_ddl(scan, true); break;
    case WORD_ALTER: judge_ddl(scan, false); break;
    case WORD_START: return judge_start(scan);
    case WORD_BEGIN: judge_begin(scan); break;
    case WORD_DO: judge_do(scan); break;
    case WORD_CALL:
    case WORD_EXECUTE: judge_write(scan, CALLS_ON, CLASS_OPAQUE); break;
    case WORD_KILL: judge_quiet(scan, CALLS_OFF, CLASS_KILL); break;
    case WORD_LOCK: judge_quiet(scan, CALLS_OFF, CLASS_HOLDS | CLASS_DDL); break;
    case WORD_UNLOCK: judge_quiet(scan, CALLS_OFF, CLASS_HOLDS); break;
    case WORD_USE: judge_quiet(scan, CALLS_OFF, CLASS_USE); break;
    case WORD_FLUSH: judge_flush(scan); break;
    default:
        if (scan_at_symbol(scan, '('))
            judge_parenthesis(scan);
        else if (label)
            judge_compound(scan, CLASS_OPAQUE);
        else
            judge_other(scan);
    }
    return false;
}

static bool reads_plainly(const struct scan *scan)
{
    return !scan->quiet || scan->selects > 0 || (scan->flags & CLASS_OPAQUE) != 0;
}

static enum class_target target_of(enum scan_verdict verdict)
{
    switch (verdict) {
    case VERDICT_READ: return CLASS_READ;
    case VERDICT_PREVIOUS: return CLASS_PREVIOUS;
    case VERDICT_ON_REQUEST:
    case VERDICT_LEADER: break;
    }
    return CLASS_LEADER;
}

/* Of several statements, all must be plain reads. */
static void add_statement(struct statement_class *out, enum class_target target, uint32_t flags,
                          size_t index)
{
    out->flags |= index == 0 ? flags : flags & ~(uint32_t)(CLASS_DDL | CLASS_BEGIN);
    if (index == 0) {
        out->target = target;
        return;
    }
    out->flags = (out->flags | CLASS_MULTI) &
                 ~(uint32_t)(CLASS_SET | CLASS_DO | CLASS_ON_REQUEST | CLASS_VARIABLE_READ);
    if (out->target != CLASS_READ || target != CLASS_READ)
        out->target = CLASS_LEADER;
}

/* User variables are known on the leader alone, but for those that the session can give to others.
 */
static void judge_variables(struct scan *scan)
{
    if ((scan->flags & CLASS_USER_VARIABLE) == 0)
        return;
    if (scan->verdict == VERDICT_READ)
        scan->flags |= CLASS_VARIABLE_READ;
    scan_raise(scan, VERDICT_LEADER);
}

void classify(struct span sql, unsigned lex_mode, struct statement_class *out)
{
    *out = (struct statement_class){.target = CLASS_LEADER};
    hint_read(sql, &out->hint);
    struct scan scan;
    scan_start(&scan, sql, lex_mode);
    size_t count = 0;
    while (scan.token.kind != TOKEN_END) {
        scan_begin_statement(&scan);
        bool empty = scan_at_end(&scan);
        bool read_only_trx = judge_statement(&scan);
        judge_variables(&scan);
        enum class_target target = empty ? CLASS_LEADER : target_of(scan.verdict);
        if (read_only_trx && target == CLASS_READ)
            target = CLASS_READ_TRX;
        if (!empty && scan.verdict == VERDICT_ON_REQUEST)
            scan.flags |= CLASS_ON_REQUEST;
        if (reads_plainly(&scan))
            scan.flags |= CLASS_PLAIN_READ;
        if (!empty || count == 0)
            add_statement(out, target, scan.flags, count++);
        if (scan.token.kind != TOKEN_END)
            scan_skip(&scan); /* the semicolon */
    }
    if (count == 0)
        out->flags |= CLASS_PLAIN_READ;
    out->digest = scan_digest(&scan);
    if (scan.lexer.doubt) {
        out->target = CLASS_LEADER;
        out->flags = (out->flags | CLASS_OPAQUE | CLASS_PLAIN_READ) &
                     ~(uint32_t)(CLASS_SET | CLASS_DO | CLASS_ON_REQUEST | CLASS_VARIABLE_READ);
    }
    bool unread = scan.lexer.doubt && (lex_mode & LEX_WIDE_CHARSET) != 0;
    if (scan.own_word || unread)
        out->flags |= CLASS_OWN_WORD;
    assert(out->target == CLASS_LEADER || (out->flags & CLASS_OPAQUE) == 0);
}
