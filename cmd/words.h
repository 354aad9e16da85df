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
	int fd;			/* stderr; a terminal is opened again, so that it can be written to without blocking */
	bool drawn;		/* the cursor stands on a line that words_draw() drew */
	bool yielded;		/* words_yield() */
};

/* Must come first. */
void	words_open(struct words *words);

/* Sets how much is said and in what form. words is borrowed by its own log. */
void	words_init(struct words *words, const char *verb, const struct words_args *args);

/*
 * Draws text over the line where the cursor is, if the terminal on stderr is ready for it, cut to its width. Whatever
 * is said later takes its place. NULL: that line stays, and the next begins.
 */
void	words_draw(struct words *words, const char *text);

/* Somebody else writes to the same terminal from here on: what was drawn is erased, and nothing is drawn any more. */
void	words_yield(struct words *words);

/*
 * Says the error in one line, or one JSON object, with the exit status it leads to. The last word: waits ten seconds
 * for a stderr that takes nothing.
 */
void	words_error(struct words *words, const struct err *err, int status);

#endif
