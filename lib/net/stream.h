/*
 * A stream: one object over what carries bytes or messages, whatever is below it. Every call is non-blocking.
 *
 * Makers so far: a connected socket, one that keeps messages apart (messages.h), a peer of a socket of datagrams
 * (mux.h), our side of a program's, and the standard streams (stdio.h). A layer (tap.h, packets.h, pace.h; TLS, a proxy
 * tunnel) is a maker that owns the stream below it; layers.h puts them on.
 */
#ifndef SOCKT_NET_STREAM_H
#define SOCKT_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/event/loop.h"

enum stream_kind {
	STREAM_BYTES,		/* a read of nothing is the end */
	STREAM_MESSAGES		/* one read is one message, and a message may be empty */
};

/* What a source or destination is: decides how an end is understood and whether splice can help. */
enum stream_medium {
	MEDIUM_SOCKET,
	MEDIUM_PIPE,
	MEDIUM_FILE,		/* a regular file or block device: always ready, ends by itself */
	MEDIUM_TERMINAL,
	MEDIUM_NULL,		/* /dev/null, or a descriptor that was closed when we started */
	MEDIUM_DEVICE		/* any other character device */
};

/* Which layer of ours, rather than the other side, holds bytes back. */
enum stream_hold {
	HOLD_NONE,
	HOLD_PACE,		/* a limit of ours: time alone lets them go */
	HOLD_RECORD		/* the record of the connection, which nobody takes */
};

enum io { IO_DONE, IO_WOULD_BLOCK, IO_EOF, IO_FAILED };

/* What to wait for. The loop's own bits, so that a plain descriptor can hand them on. */
enum { STREAM_READ = LOOP_READ, STREAM_WRITE = LOOP_WRITE, STREAM_TROUBLE = LOOP_TROUBLE };

/* A plain descriptor under a stream's reading or writing side: what splice may be tried on. fd -1: there is none. */
struct stream_plain {
	int fd;
	enum stream_medium medium;
};

struct stream;

struct stream_ops {
	enum io (*read)(struct stream *s, void *p, size_t n, size_t *got, struct err *err);
	enum io (*write)(struct stream *s, const void *p, size_t n, size_t *put, struct err *err);
	enum io (*shutdown)(struct stream *s, struct err *err);
	size_t (*queued)(struct stream *s);
	enum io (*settled)(struct stream *s, struct err *err);
	void (*abort)(struct stream *s);
	enum stream_hold (*hold)(struct stream *s);
	uint64_t (*overhead)(struct stream *s, unsigned side);
	void (*want)(struct stream *s, unsigned wants);
	struct stream_plain (*plain)(struct stream *s, unsigned side);
	enum io (*fail)(struct stream *s, unsigned side, int errnum, struct err *err);
	void (*free)(struct stream *s);
};

/* Makers embed this at the front of their own struct. */
struct stream {
	const struct stream_ops *ops;
	enum stream_kind kind;
	void (*fn)(void *arg, unsigned ready);	/* set by stream_attach() */
	void *arg;
};

/* A connected non-blocking socket, which the stream takes over. NULL and err without memory; fd is closed then too. */
struct stream *stream_socket(struct loop *loop, int fd, struct err *err);

/*
 * The same for our end of a socketpair(2) whose other is a program's. When that ends with something unread, Linux says
 * ECONNRESET behind its last bytes: here it is the end.
 */
struct stream *stream_program(struct loop *loop, int fd, struct err *err);

/* Whom to call when what was wanted is there. Must come before the first stream_want(). */
void	stream_attach(struct stream *s, void (*fn)(void *arg, unsigned ready), void *arg);

/*
 * Reads up to n bytes (of a message: the whole of it). IO_DONE sets *got, which is 0 only for an empty message;
 * IO_FAILED sets err. What arrived before an error is read before the error is.
 */
enum io	stream_read(struct stream *s, void *p, size_t n, size_t *got, struct err *err);

/*
 * Writes some of n > 0 bytes: IO_DONE sets *put > 0. Of a message, which may be empty, the whole or nothing. Never
 * IO_EOF.
 */
enum io	stream_write(struct stream *s, const void *p, size_t n, size_t *put, struct err *err);

/* Says that nothing more will be written: FIN on a socket. Never IO_EOF. */
enum io	stream_shutdown(struct stream *s, struct err *err);

/* How many bytes that were written the other side's system has not acknowledged; 0 where nobody can tell. */
size_t	stream_queued(struct stream *s);

/*
 * Has the other side's system acknowledged everything that was written? IO_DONE or IO_WOULD_BLOCK, for which no event
 * comes: ask again later. IO_FAILED when it never will.
 */
enum io	stream_settled(struct stream *s, struct err *err);

/* Does a layer of ours hold bytes back just now, of those that stream_want() asked for? NULL in the ops: none does. */
enum stream_hold stream_hold(struct stream *s);

/*
 * How many of the bytes that were read (STREAM_READ) or written (STREAM_WRITE) were a layer's own, and never the
 * peer's. NULL in the ops: none.
 */
uint64_t stream_overhead(struct stream *s, unsigned side);

/*
 * What to be called for: STREAM_READ, STREAM_WRITE, or only STREAM_TROUBLE. 0 is rest. It holds until it is changed,
 * also after a call that would have blocked.
 */
void	stream_want(struct stream *s, unsigned wants);

/* The descriptor below one side (STREAM_READ or STREAM_WRITE), for splice and for asking what it is. */
struct stream_plain stream_plain(struct stream *s, unsigned side);

/*
 * What an errno means that a call on the plain descriptor gave: IO_FAILED and err in the stream's own words, or IO_EOF
 * where it is just the end.
 */
enum io	stream_fail(struct stream *s, unsigned side, int errnum, struct err *err);

/*
 * What was written is not all there was: when freed, the stream shall not look as if it had ended in order. A socket is
 * closed by RST, and what the peer had not acknowledged may be lost.
 */
void	stream_abort(struct stream *s);

/* Closes and frees. NULL is fine. */
void	stream_free(struct stream *s);

#endif
