/* The statements that Causeway answers itself: the connection's key, its token and its id. */
#ifndef CAUSEWAY_PROXY_OWN_ANSWER_H
#define CAUSEWAY_PROXY_OWN_ANSWER_H

#include "router/own_words.h"

#include "proxy/session.h"

/* For a text with CLASS_OWN_WORD. True when it is Causeway's: it was answered, refused, or waits
 * for what its answer needs (then step_route calls own_answer). */
bool own_take(struct session *session, struct span sql);

/* The same for a text to prepare: answered, or refused, when true. */
bool own_prepare(struct session *session, struct span sql);

/* An execution of a statement that own_prepare() took. */
enum step own_execute(struct session *session, struct statement *statement);

/* Answers the command under way, whose `own` is set. */
enum step own_answer(struct session *session);

#endif
