/* The library has no call that hands out its TLS state, but its installed headers have the
 * structures. They take two things for granted that only its own build defines. */
#include "binlog/stream/service_tls.h"

#include <mysql.h>
#include <openssl/ssl.h>
#include <stddef.h>

#define HAVE_TLS
typedef unsigned char uchar;
#include <ma_pvio.h>

struct ssl_st *service_tls_take(struct st_mysql *mysql)
{
    const MARIADB_PVIO *pvio = mysql->net.pvio;
    SSL *ssl = pvio != NULL && pvio->ctls != NULL ? pvio->ctls->ssl : NULL;

    if (ssl != NULL)
        SSL_up_ref(ssl);
    return ssl;
}
