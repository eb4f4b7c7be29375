/* The control thread: watches the cluster, publishes topology, configuration and accounts to the
 * workers, rereads proxy.ini, answers the console. It is the process's first thread. */
#ifndef CAUSEWAY_PROXY_CONTROL_H
#define CAUSEWAY_PROXY_CONTROL_H

#include "proxy/config.h"

/* Runs until SIGTERM or SIGINT. Takes over the reference. Returns the exit status: 1 when something
 * that is needed could not be had (an address in use), said on standard error. */
int control_run(struct config *config);

#endif
