/*
 * The table of subcommands. Apart from main() so that the generator of completions can link it.
 */
#include "cmd/cmd.h"

#include <string.h>

const struct cmd *const commands[] = {
	&cmd_connect,
	&cmd_listen,
	NULL
};

const struct cmd *
cmd_find(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

int
cmd_usage(const struct cmd *cmd, const char *what, struct err *err)
{
	err_set(err, ERR_USAGE, 0, "%s; usage: sockt %s [OPTION]... %s", what, cmd->name, cmd->operands);
	err->stage = STAGE_USAGE;
	return -1;
}
