/*
 * Progress: a line on the terminal that says how far a transfer is. Where stderr is no terminal there is none.
 */
#ifndef SOCKT_CMD_PROGRESS_H
#define SOCKT_CMD_PROGRESS_H

#include <stdint.h>

#include "cmd/words.h"
#include "lib/event/loop.h"
#include "lib/service/relay.h"

struct progress {
	struct words *words;		/* NULL: there is none */
	struct relay_counts (*counts)(void *arg);
	void *arg;
	int64_t size;			/* of what is sent; -1: nobody knows */
	int64_t began_us, seen_us;
	uint64_t seen;			/* what the rate is of, then: what is sent, or with no size what moves either way */
	double rate;			/* bytes a second lately */
	struct loop_timer timer;
};

/* How many bytes stdin has yet to say, where that is a file; -1 where nobody knows. */
int64_t	progress_size_of_stdin(void);

/* Draws ten times a second what counts(arg) says, until progress_end(). words is borrowed as long. */
void	progress_start(struct progress *p, struct loop *loop, struct words *words, int64_t size,
	    struct relay_counts (*counts)(void *arg), void *arg);

/* Draws it for the last time, and leaves it there. counts may still be called. One that is zero is fine. */
void	progress_end(struct progress *p);

#endif
