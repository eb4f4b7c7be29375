/* Inside the classifier: one pass over the tokens of a text, a token judged at a time.
 * classify.c knows the statements and steers; classify_scan.c knows what a token in an expression
 * means; nothing here is for others to include. */
#ifndef CAUSEWAY_ROUTER_CLASSIFY_SCAN_H
#define CAUSEWAY_ROUTER_CLASSIFY_SCAN_H

#include "router/classify.h"
#include "router/classify_words.h"
#include "router/lex.h"

/* Is `name(` a call of a function, or a table with its columns? */
enum scan_calls {
    CALLS_OFF,          /* no expressions here */
    CALLS_AFTER_SELECT, /* CREATE TABLE … SELECT */
    CALLS_AFTER_LIST,   /* INSERT INTO t (…): from the first parenthesis or keyword on */
    CALLS_ON,
};

/* From harmless to not: a statement is as bad as its worst token. */
enum scan_verdict { VERDICT_READ, VERDICT_PREVIOUS, VERDICT_ON_REQUEST, VERDICT_LEADER };

/* What the token before was; TOKEN_END at the beginning of a statement. */
struct scan_previous {
    enum token_kind kind;
    uint8_t symbol;
    uint8_t id;
};

struct scan {
    struct lexer lexer;
    struct token token; /* the one at hand */
    struct token next;
    const struct word *word; /* of a TOKEN_WORD at hand that the table has, else NULL */
    struct scan_previous previous;
    uint64_t digest;
    bool digest_literal; /* the last token put into the digest was a literal … */
    bool digest_comma;   /* … and a comma followed */

    enum scan_verdict verdict; /* of the statement under way, with its flags */
    uint32_t flags;
    enum scan_calls calls;
    bool reading;         /* it is a query: keywords of locking reads and of INTO count */
    bool quiet;           /* its verb does no plain read; only its expressions may */
    bool own_word;        /* @causeway_key or @@causeway_token was met */
    uint32_t selects;     /* SELECTs met */
    bool skips;           /* SKIP (LOCKED) was met */
    uint32_t tables;      /* keywords TABLE met: TABLE t is a query */
    bool assigning;       /* it is a SET: := is an assignment like = */
    bool system_time;     /* FOR SYSTEM_TIME was met */
    bool information;     /* information_schema. was just met */
    uint32_t depth;       /* of parentheses */
    uint64_t with_levels; /* a bit for each depth that is inside the list of a WITH */
};

void scan_start(struct scan *scan, struct span sql, unsigned mode);

/* Forgets the statement before; the token at hand is the first of the next. */
void scan_begin_statement(struct scan *scan);

/* Steps to the next token without judging this one. */
void scan_skip(struct scan *scan);

/* Judges the token at hand as part of an expression or clause, and steps on. */
void scan_take(struct scan *scan);

/* Takes, or skips, everything up to the statement's end. */
void scan_take_rest(struct scan *scan);
void scan_skip_rest(struct scan *scan);

void scan_raise(struct scan *scan, enum scan_verdict verdict);

/* At the name of a variable that a SET sets: is it one of Causeway's own? */
void scan_note_own_variable(struct scan *scan, const struct token *token);

/* At any name: is it a variable of session tracking? */
void scan_note_tracking(struct scan *scan);

uint64_t scan_digest(const struct scan *scan);

/* At the end of the text, or at a semicolon. */
static inline bool scan_at_end(const struct scan *scan)
{
    return scan->token.kind == TOKEN_END ||
           (scan->token.kind == TOKEN_SYMBOL && scan->token.symbol == ';');
}

static inline bool scan_at_symbol(const struct scan *scan, uint8_t symbol)
{
    return scan->token.kind == TOKEN_SYMBOL && scan->token.symbol == symbol;
}

static inline enum word_id scan_id(const struct scan *scan)
{
    return scan->word != NULL ? (enum word_id)scan->word->id : WORD_NONE;
}

static inline unsigned scan_bits(const struct scan *scan)
{
    return scan->word != NULL ? scan->word->bits : 0;
}

#endif
