/*
 * --help and --version, written from the tables.
 */
#ifndef SOCKT_CMD_HELP_H
#define SOCKT_CMD_HELP_H

#include <stdio.h>

#include "cmd/cmd.h"

void	help_general(FILE *out);
void	help_cmd(FILE *out, const struct cmd *cmd);
void	help_version(FILE *out);

#endif
