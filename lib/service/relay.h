/*
 * Relay: two streams joined until both directions have ended, without losing a byte.
 *
 * "Up" is from the local stream to the remote one, "down" the other way; each has its own state. An end of one is
 * passed on when everything before it is. It is done when both have ended and the systems they went to have
 * acknowledged what was sent. What else ends it depends on what the local stream is:
 *
 * - Our standard streams. A source that is /dev/null, closed, or not to be read is quiet, which is no end. When the
 *   peer ends first, a terminal is dropped at once, a file is sent to its end, a pipe or socket is sent on until it
 *   ends or has been silent for linger_ms.
 * - A client, and the remote one its target: both are alike. A reset of one becomes a reset of the other.
 * - A program, and the remote one its client: when the program has said all, it is over; what it did not want to read
 *   is dropped.
 */
#ifndef SOCKT_SERVICE_RELAY_H
#define SOCKT_SERVICE_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/stream.h"
#include "lib/wire/filter.h"

struct relay_args {
	struct frame_args frames;	/* messages in frames on the remote side, in the local format on the other */
	bool raw;			/* a terminal gets the peer's bytes as they are */
	bool crlf;		/* LF becomes CR LF on the way up */
	bool no_stdin;		/* up is quiet */
	bool recv_only;		/* the same, by its other name */
	bool send_only;		/* what comes down is read and dropped; done when up is */
	bool no_half_close;	/* the end of up is not passed on */
	bool nc_half_close;	/* nc's -N: it is, as without */
	int64_t linger_ms;	/* OPT_UNSET: RELAY_LINGER_S after down ended, no limit after up did */
	int64_t idle_ms;	/* longest time without a byte either way; OPT_UNSET or 0: no limit */
	bool idle_is_end;	/* of a peer that cannot say so: its program's input ends first, and it is idle after that */
	int64_t replies;	/* of messages: done when up has ended and so many came; OPT_UNSET, 0: linger_ms decides */
};

enum relay_local { RELAY_STDIO, RELAY_CLIENT, RELAY_PROGRAM };

/* Everything is borrowed until relay_free(). */
struct relay_job {
	struct stream *local, *remote;
	enum relay_local kind;		/* of the local stream */
	const struct relay_args *args;
	const struct log *log;
	const char *name;		/* the peer in messages */
	/* Called once, never from within another call of the relay's; err NULL when all was delivered. */
	void (*done)(void *arg, const struct err *err);
	void *arg;
};

#define RELAY_LINGER_S 1	/* how long a pipe may be silent once the peer has ended, by default */

/* Are there messages rather than bytes on the remote side? */
bool	relay_has_messages(const struct relay_args *args);

/* What bytes become on the way up, and on the way down to a sink of that kind. */
struct filter relay_filter_up(const struct relay_args *args);
struct filter relay_filter_down(const struct relay_args *args, enum stream_medium sink);

/* What becomes of the local source when the peer has ended first. */
enum relay_after { AFTER_DROP, AFTER_LINGER, AFTER_TO_ITS_END };

enum relay_after relay_after(enum stream_medium source);

struct relay_counts {
	uint64_t sent, received;
};

struct relay;

#define RELAY_FDS 6	/* what a relay of two sockets may take: these, and two pipes to splice through */

/* Joins them. NULL and err without memory. */
struct relay *relay_start(struct loop *loop, const struct relay_job *job, struct err *err);

/* Does a layer of ours hold bytes back just now, which the peer cannot be blamed for? */
bool	relay_is_held(const struct relay *r);

/* The program will read no more and is to know it: its input ends, while its output goes on. For RELAY_PROGRAM. */
void	relay_end_input(struct relay *r);

/* Bytes that were handed on so far, to the peer or client and from it. */
struct relay_counts relay_counts(const struct relay *r);

/*
 * May be called at any time; done will not be called any more. NULL is fine. The streams stay with their owners; a
 * socket to which bytes were on their way, or whose other side was cut off, is marked to be aborted.
 */
void	relay_free(struct relay *r);

#endif
