/*
 * The table of subcommands, and what they have in common. Apart from main() so that the generator of completions can link it.
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
cmd_endpoint(const struct cmd *cmd, const struct cmd_call *call, enum endpoint_use use, struct endpoint *ep,
    struct err *err)
{
	if (call->n_operands == 1)
		return endpoint_parse(ep, call->operands[0], use, err);
	if (call->n_operands == 2)
		return endpoint_pair(ep, call->operands[0], call->operands[1], use, err);
	err_set(err, ERR_USAGE, 0, "%s; usage: sockt %s [OPTION]... %s",
	    call->n_operands == 0 ? "no address given" : "too many operands", cmd->name, cmd->operands);
	err->stage = STAGE_USAGE;
	return -1;
}
