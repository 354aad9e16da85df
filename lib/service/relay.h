/*
 * Relay: two streams joined until both directions have ended, without losing a byte.
 *
 * "Up" is from the local stream to the remote one, "down" the other way; each has its own state. An end of one is
 * passed on when everything before it is. The rules of the end:
 *
 * - Up ends: the remote stream is shut down (FIN), and down goes on until the peer ends.
 * - The local source is /dev/null, a closed descriptor, or not to be read: up is quiet, which is no end.
 * - Down ends first: a terminal is dropped at once, a file is sent to its end, a pipe or socket is sent on until it
 *   ends or has been silent for linger_ms.
 * - It is done when both have ended and the peer's system has acknowledged what was sent.
 */
#ifndef SOCKT_SERVICE_RELAY_H
#define SOCKT_SERVICE_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/stream.h"

struct relay_args {
	bool crlf;		/* LF becomes CR LF on the way up */
	bool no_stdin;		/* up is quiet */
	bool recv_only;		/* the same, by its other name */
	bool send_only;		/* what comes down is read and dropped; done when up is */
	bool no_half_close;	/* the end of up is not passed on */
	int64_t linger_ms;	/* OPT_UNSET: RELAY_LINGER_S after down ended, no limit after up did */
	int64_t idle_ms;	/* longest time without a byte either way; OPT_UNSET or 0: no limit */
};

#define RELAY_LINGER_S 1	/* how long a pipe may be silent once the peer has ended, by default */

/* What becomes of the local source when the peer has ended first. */
enum relay_after { AFTER_DROP, AFTER_LINGER, AFTER_TO_ITS_END };

enum relay_after relay_after(enum stream_medium source);

struct relay_counts {
	uint64_t sent, received;
};

struct relay;

/*
 * Joins local and remote, which it borrows until relay_free(). Ends in one call of done(arg, err), err NULL when all
 * was delivered; never from within another call of the relay's. name is the peer in messages; args, log and name are
 * borrowed. NULL and err without memory.
 */
struct relay *relay_start(struct loop *loop, struct stream *local, struct stream *remote,
	    const struct relay_args *args, const struct log *log, const char *name,
	    void (*done)(void *arg, const struct err *err), void *arg, struct err *err);

/* Bytes that were handed on so far. */
struct relay_counts relay_counts(const struct relay *r);

/*
 * May be called at any time; done will not be called any more. NULL is fine. The streams stay with their owners; a
 * remote one to which bytes were on their way is marked to be aborted.
 */
void	relay_free(struct relay *r);

#endif
