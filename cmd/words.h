/*
 * Words for people and scripts: everything that goes to stderr.
 */
#ifndef SOCKT_CMD_WORDS_H
#define SOCKT_CMD_WORDS_H

#include "cmd/options.h"
#include "lib/base/err.h"
#include "lib/base/log.h"

struct words {
	struct log log;
	const char *verb;	/* the subcommand, NULL before it is known */
	bool json;
};

/* Sets how much is said and in what form. words is borrowed by its own log. */
void	words_init(struct words *words, const char *verb, const struct words_args *args);

/* Says the error in one line, or one JSON object, with the exit status it leads to. The last word: waits for stderr. */
void	words_error(const struct words *words, const struct err *err, int status);

#endif
