/* Kinds of statements, and which events make a transaction. */
#include "binlog/print/trx.h"

#include <check.h>
#include <stdlib.h>

static const struct {
    const char *text;
    enum query_kind kind;
    const char *verb;
} queries[] = {
    {"BEGIN", QUERY_BEGIN, "BEGIN"},
    {"COMMIT", QUERY_COMMIT, "COMMIT"},
    {"ROLLBACK", QUERY_ROLLBACK, "ROLLBACK"},
    {"ROLLBACK TO `s`", QUERY_ROLLBACK_TO, "ROLLBACK TO"},
    {"SAVEPOINT `s`", QUERY_SAVEPOINT, "SAVEPOINT"},
    {"XA START X'61',X'',1", QUERY_XA_START, "XA START X"},
    {"XA COMMIT X'61',X'',1", QUERY_XA_COMMIT, "XA COMMIT X"},
    {"  /* note */ insert\tinto t values (1)", QUERY_DML, "INSERT INTO T VALUES"},
    {"-- a line\nUPDATE t SET a=1", QUERY_DML, "UPDATE T SET A"},
    {"DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`", QUERY_TEMPORARY, "DROP TEMPORARY TABLE IF"},
    {"CREATE OR REPLACE TEMPORARY TABLE t (a int)", QUERY_TEMPORARY, "CREATE OR REPLACE TEMPORARY"},
    {"DROP TABLE `t`", QUERY_OTHER, "DROP TABLE"},
    {"TRUNCATE t", QUERY_OTHER, "TRUNCATE T"},
    {"BEGINNER", QUERY_OTHER, "BEGINNER"},
    {"", QUERY_OTHER, ""},
    {"/* never closed", QUERY_OTHER, ""},
    {"/*!", QUERY_OTHER, ""},
};

START_TEST(a_statement_is_known_by_its_first_words)
{
    char verb[QUERY_VERB_MAX];

    query_verb(span_text(queries[_i].text), verb);
    ck_assert_str_eq(verb, queries[_i].verb);
    ck_assert_int_eq(query_kind_of(span_text(queries[_i].text)), queries[_i].kind);
}
END_TEST

static struct binlog_event event_of(char what)
{
    struct binlog_event event = {.payload = EVENT_PAYLOAD_QUERY};

    switch (what) {
    case 'G': event.payload = EVENT_PAYLOAD_GTID; break;
    case 'S':
        event.payload = EVENT_PAYLOAD_GTID;
        event.gtid.flags = EVENT_GTID_STANDALONE;
        break;
    case 'M': event.payload = EVENT_PAYLOAD_MYSQL_GTID; break;
    case 'X': event.payload = EVENT_PAYLOAD_XID; break;
    case 'P': event.payload = EVENT_PAYLOAD_XA_PREPARE; break;
    case 'T': event.payload = EVENT_PAYLOAD_TABLE_MAP; break;
    case 'R': event.payload = EVENT_PAYLOAD_ROWS; break;
    case 'I': event.payload = EVENT_PAYLOAD_INTVAR; break;
    case 'F': event.payload = EVENT_PAYLOAD_FORMAT; break;
    case 'L': event.payload = EVENT_PAYLOAD_GTID_LIST; break;
    case 'b': event.query.text = span_text("BEGIN"); break;
    case 'c': event.query.text = span_text("COMMIT"); break;
    case 'i': event.query.text = span_text("INSERT INTO t VALUES (1)"); break;
    default: event.query.text = span_text("CREATE TABLE t (a INT)"); break;
    }
    return event;
}

/* Events, and for each: ( begins, ) ends, | inside, . outside, * all in one; ! before it: what was
 * open never ended. */
static const struct {
    const char *events;
    const char *steps;
} sequences[] = {
    {"FLGTRX", "..(||)"},    /* MariaDB, rows */
    {"GTRTRc", "(||||)"},    /* an engine without transactions */
    {"SdGTRX", "()(||)"},    /* DDL, then rows */
    {"SIi", "(|)"},          /* a standalone statement with its insert id */
    {"GdTRX", "(|||)"},      /* CREATE TABLE .. SELECT */
    {"GTRP", "(||)"},        /* XA */
    {"MbTRX", "(|||)"},      /* MySQL, rows */
    {"MdMbTRX", "()(|||)"},  /* MySQL, DDL */
    {"bTRXd", "(||)*"},      /* no GTIDs */
    {"GTRGTRX", "(||!(||)"}, /* cut off, as after a crash */
    {"GTRF", "(||!."},
};

START_TEST(events_are_grouped_into_transactions)
{
    struct trx_tracker tracker = {0};
    char got[64];
    size_t len = 0;

    for (const char *at = sequences[_i].events; *at; at++) {
        struct binlog_event event = event_of(*at);
        struct trx_step step = trx_feed(&tracker, &event);
        if (step.broken)
            got[len++] = '!';
        got[len++] = step.begins && step.ends ? '*'
                     : step.begins            ? '('
                     : step.ends              ? ')'
                     : step.inside            ? '|'
                                              : '.';
    }
    got[len] = '\0';
    ck_assert_str_eq(got, sequences[_i].steps);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("print_trx");
    TCase *tcase = tcase_create("trx");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, a_statement_is_known_by_its_first_words, 0,
                        sizeof(queries) / sizeof(queries[0]));
    tcase_add_loop_test(tcase, events_are_grouped_into_transactions, 0,
                        sizeof(sequences) / sizeof(sequences[0]));
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
