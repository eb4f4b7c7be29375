/* A login under way, between the files that carry it out: client_auth.c has its packets,
 * client_verify.c the account and the proof. */
#ifndef CAUSEWAY_PROXY_CLIENT_LOGIN_H
#define CAUSEWAY_PROXY_CLIENT_LOGIN_H

#include "proxy/proto/auth_plugin.h"
#include "proxy/session.h"

enum { LOGIN_ANSWERS_MAX = 5 }; /* one of each plugin */

/* What the client answered to a nonce. */
struct login_answer {
    const struct auth_plugin *plugin;
    uint8_t nonce[AUTH_NONCE_MAX_BYTES];
    uint8_t proof[AUTH_PROOF_MAX_BYTES];
    size_t len;
};

/* A login under way: of a new client, or a COM_CHANGE_USER. */
struct login_state {
    char *user;
    char *schema;          /* NULL: none asked for */
    char *key;             /* connection attribute causeway_key; NULL: none */
    struct buf attributes; /* all of them, not trusted */
    size_t answer_count;
    struct login_answer answers[LOGIN_ANSWERS_MAX];
    const struct auth_plugin *asked; /* what the client was asked for last; NULL: nothing */
    uint8_t nonce[AUTH_NONCE_MAX_BYTES];
    uint16_t collation;
    uint8_t seq;        /* of Causeway's next packet */
    bool answers_again; /* a client that is known to answer a second AuthSwitch */
    bool relays_proof;  /* the plugin that a server asks for now has no password in its answers */
    bool reader_tried;  /* a relayed login: a follower's connection was opened, or was not */
    bool changes_user;
    bool replaces;           /* … and the session it was is gone already: */
    struct identity *former; /* whose it was, and what of it a refusal leaves */
    char *former_schema;
    char *former_role;
    uint16_t former_collation;
    bool hidden; /* the client would have to send its password in the open */
    bool reread; /* the accounts were read again for this login */
};

/* The answer to that plugin's question, or NULL: it was not asked yet. */
const struct login_answer *client_login_answer(const struct login_state *login,
                                               const struct auth_plugin *plugin);
/* The client's answer to the last question, whole: 1, 0 when more must come, negative when the
 * session was closed. */
int client_login_peek_answer(struct session *session, struct span *payload);
/* Gives the session, once its login has succeeded, the key that comes with it. False: there are too
 * many. */
bool client_login_take_key(struct session *session);
/* A COM_CHANGE_USER is refused: what it leaves is a new session of the same user, in the same
 * schema and role (measured). */
void client_login_undo(struct session *session);
/* Tells the client that its short proof holds; the OK, or why not, comes behind it. */
void client_login_notice(struct session *session, const struct auth_plugin *plugin);
/* Asks the client for a proof of that plugin. */
enum step client_login_ask(struct session *session, const struct auth_plugin *plugin);

#endif
