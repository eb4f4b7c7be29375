/* The certificates and keys that proxy.ini names. */
#ifndef CAUSEWAY_PROXY_CONFIG_TLS_H
#define CAUSEWAY_PROXY_CONFIG_TLS_H

#include "proxy/config_parse.h"

/* Reads the files; what is wrong with one is an error at the line of its key. */
void config_tls_load(struct config_parse *parse);
void config_tls_release(struct config *config);

#endif
