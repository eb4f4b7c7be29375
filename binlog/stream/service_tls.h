/* What Connector/C keeps to itself about the TLS of a connection. */
#ifndef CAUSEWAY_BINLOG_STREAM_SERVICE_TLS_H
#define CAUSEWAY_BINLOG_STREAM_SERVICE_TLS_H

struct st_mysql;
struct ssl_st;

/* Another reference of the SSL object that the library uses for that connection; NULL: it is in the
 * clear. */
struct ssl_st *service_tls_take(struct st_mysql *mysql);

#endif
