/*
 * Flow: bytes from one stream to another, one way, and then the end. What a relay has two of.
 *
 * Bytes between a pipe and a socket are spliced, which moves them without copying; between a socket and a file through
 * a pipe of our own, once there are enough of them to pay for it; otherwise through a buffer, and through a filter if
 * there is one. splice(2) may refuse at any time and then the buffer takes over where it stopped.
 */
#ifndef SOCKT_SERVICE_FLOW_H
#define SOCKT_SERVICE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/net/stream.h"
#include "lib/service/pulse.h"
#include "lib/wire/filter.h"

enum flow_state {
	FLOW_QUIET,		/* the source is never read */
	FLOW_MOVING,
	FLOW_FLUSHING,		/* the source has ended; what is held goes out yet */
	FLOW_ENDED,		/* all was handed on, and the end with it */
	FLOW_FAILED		/* err says why */
};

enum flow_path { PATH_BUFFER, PATH_SPLICE, PATH_PIPE };

/* What a flow waits for. It keeps waiting there after a success: the side that was slow is likely to be slow again. */
enum flow_wait { WAIT_SOURCE, WAIT_SINK };

/* What a flow is told once. Everything is borrowed until flow_free(). */
struct flow_args {
	const char *label;		/* "sending", "receiving" */
	struct stream *from, *to;
	const char *source;		/* what a fault of the filter's input is told of; NULL: of the peer */
	bool quiet;
	bool from_peer;			/* bytes are counted as they came, not as what the filter made of them */
	bool drop;			/* read, count and forget */
	bool keep_open;			/* the end of the source is not passed on */
	const struct log *log;
	const char *name;		/* the peer in messages */
	struct pulse *pulse;		/* beats with every step that moved bytes */
};

/* The state, the wait, the count and the error are for the owner to read; the rest is the flow's own. */
struct flow {
	struct flow_args args;
	enum flow_state state;
	enum flow_wait wait;
	uint64_t bytes;			/* handed on, or dropped */
	uint64_t dropped;
	uint64_t moved;			/* grows whenever anything was handed on or dropped, as long as that goes on */
	bool sink_failed;		/* with FLOW_FAILED: the sink, not the source */
	struct err err;

	enum flow_path path;
	struct filter filter;
	uint64_t taken;			/* read, and not in bytes yet */
	bool source_ended;		/* with FLOW_FLUSHING: by itself */
	bool finished;			/* so has the filter */
	bool faulty;			/* err says what was wrong with the input; what came before it goes out yet */
	bool told;			/* that a message was ambiguous */
	bool refused;			/* splice was tried and does not work here */
	bool stuck;			/* splice moved nothing though both ends were ready */
	struct buf buf;
	int pipe[2];			/* of our own; in_pipe bytes are in it */
	size_t in_pipe, pipe_size;
};

/* Takes the filter, which may be none. */
void	flow_init(struct flow *f, const struct flow_args *args, struct filter filter);
void	flow_free(struct flow *f);

/* Moves what can be moved now, then says in f->wait what it waits for. Does nothing unless it is active. */
void	flow_step(struct flow *f);

/* Reads no more from the source: what is held goes out, and then the end. */
void	flow_finish(struct flow *f);

/* The sink takes no more, or need not: what is held and what still comes is read, counted and forgotten. */
void	flow_drop(struct flow *f);

/* Is there anything left to do? */
bool	flow_active(const struct flow *f);

/* Has it taken bytes that it has not handed on? */
bool	flow_holds(const struct flow *f);

#endif
