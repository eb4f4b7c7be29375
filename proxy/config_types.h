/* The kinds of values that proxy.ini has: how each is read, shown and explained. */
#ifndef CAUSEWAY_PROXY_CONFIG_TYPES_H
#define CAUSEWAY_PROXY_CONFIG_TYPES_H

#include "proxy/config_keys.h"

extern const struct config_type config_type_text;     /* char * */
extern const struct config_type config_type_networks; /* char *, of proto/proxy_header.h */
extern const struct config_type config_type_number;   /* uint32_t */
extern const struct config_type config_type_time; /* uint32_t, milliseconds: 500ms, 10s, 2m, 1h */
extern const struct config_type config_type_word; /* int: the place in key->words; -1: none */
extern const struct config_type config_type_threads; /* uint32_t: a number, or `auto` */
extern const struct config_type config_type_auto;    /* uint32_t: a number, or `auto`, which is 0 */
extern const struct config_type config_type_bind;    /* char *: an address of this machine */
extern const struct config_type config_type_address; /* char *: an address, names allowed */
extern const struct config_type config_type_listen;  /* struct config: listen, listen_count */
extern const struct config_type config_type_target;  /* struct rule: to, server */

#endif
