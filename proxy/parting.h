/* Before a connection is taken from its session (lend.h) it is asked what only it knows and the
 * session may want to know later: LAST_INSERT_ID(), ROW_COUNT() and FOUND_ROWS(); the warnings of
 * its last statement; and the values of its user variables, when they are not known from what set
 * them. */
#ifndef CAUSEWAY_PROXY_PARTING_H
#define CAUSEWAY_PROXY_PARTING_H

struct backend;

/* What a connection is just being asked. */
enum parting {
    PARTING_NOT,
    PARTING_COUNTS,
    PARTING_WARNINGS,
    PARTING_NAMES,  /* of user variables */
    PARTING_VALUES, /* of these */
    PARTING_ROLLBACK,
};

/* Asks a lent connection without work. When it has answered it is lent again and can be taken; a
 * session that begins a statement meanwhile waits for the answer (SESSION_WAIT_SERVER). */
void parting_ask(struct backend *backend);

/* Ends the transaction on a connection without work that stays with its session; the rest as above.
 */
void parting_roll_back(struct backend *backend);

#endif
