/* The passwords of proxy.ini, which may stand in the file itself, in a file of their own, or in the
 * environment. */
#ifndef CAUSEWAY_PROXY_CONFIG_SECRETS_H
#define CAUSEWAY_PROXY_CONFIG_SECRETS_H

#include "proxy/config_parse.h"

/* A file's path counts from the folder of proxy.ini. malloc'd. */
char *config_path_beside(const char *ini_path, const char *path);

/* `key` and `file_key` exclude each other; the first line of the file at `path` becomes `password`.
 * True when one of them is there. What is wrong becomes a problem of `parse`. */
bool config_check_password(struct config_parse *parse, enum config_section section, const char *key,
                           const char *file_key, const char *path, char **password);

/* Exactly one of a [user:NAME]'s three keys must be there, with server_cert at most one; it fills
 * in user->password. */
void config_check_user_password(struct config_parse *parse, const struct config_part *part,
                                struct config_user *user);

#endif
