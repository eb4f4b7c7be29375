/* Names of the commands: see command.h. */
#include "proxy/proto/command.h"

static const char *const names[256] = {
#define X(name, code, reply) [code] = "COM_" #name,
    COMMANDS(X)
#undef X
};

const char *command_name(uint8_t command)
{
    return names[command] ? names[command] : "COM_UNKNOWN";
}

bool command_known(uint8_t command)
{
    return names[command] != NULL;
}
