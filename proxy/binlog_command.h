/* `causeway binlog`: a binary log, from files or from a server, as text, JSON or SQL. */
#ifndef CAUSEWAY_PROXY_BINLOG_COMMAND_H
#define CAUSEWAY_PROXY_BINLOG_COMMAND_H

/* argv[0] is "binlog". Prints to standard output, what went wrong to standard error.
 * Returns the exit code: 0; 1: the log could not be read or printed to its end; 2: misused. */
int binlog_command(int argc, char **argv);

#endif
