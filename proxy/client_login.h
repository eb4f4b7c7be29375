/* A login under way, between the files that carry it out: client_auth.c has its packets,
 * client_verify.c the account and the proof. */
#ifndef CAUSEWAY_PROXY_CLIENT_LOGIN_H
#define CAUSEWAY_PROXY_CLIENT_LOGIN_H

#include "proxy/session.h"

/* A login under way: of a new client, or a COM_CHANGE_USER. */
struct login_state {
    char *user;
    char *schema; /* NULL: none asked for */
    char *key;    /* connection attribute causeway_key; NULL: none */
    uint8_t proof[NATIVE_HASH_BYTES];
    size_t proof_len;
    uint16_t collation;
    uint8_t seq; /* of Causeway's next packet */
    bool changes_user;
    bool replaces; /* … and the session it was is gone already */
    bool switched; /* asked for the native plugin already */
    bool reread;   /* the accounts were read again for this login */
};

#endif
