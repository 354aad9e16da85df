/*
 * Side: a descriptor that is not ours alone, to read from or to write to without ever blocking and without setting
 * O_NONBLOCK on what others share: stdin, stdout, stderr, and files that were named.
 *
 * Sockets have MSG_DONTWAIT. Pipes and terminals are opened a second time through /proc/self/fd, which makes an open
 * file of our own to set the flag on. Where that is not allowed, we read only what poll has announced and write to a
 * pipe no more than PIPE_BUF, which a pipe that poll calls writable takes whole. Files never block for long.
 */
#ifndef SOCKT_NET_SIDE_H
#define SOCKT_NET_SIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/event/loop.h"
#include "lib/net/stream.h"

/* Embedded by its owner; only side_*() change it. */
struct side {
	int fd;			/* borrowed */
	int own;		/* the same, opened again and non-blocking, or its stand-in; -1 without */
	bool tried;		/* to open it again */
	bool hangs_up;		/* a socket of messages that knows an end: seqpacket */
	enum stream_kind kind;	/* what is read: messages from a socket of messages */
	enum stream_medium medium;
	struct loop_io io;
};

/* What fd is; MEDIUM_NULL too when it is not open. */
enum stream_medium side_medium(int fd);

/*
 * Looks at fd, which is for reading (O_RDONLY) or writing (O_WRONLY), and binds a watch to it that rests. fd is
 * borrowed until side_close().
 */
void	side_init(struct side *side, struct loop *loop, int fd, int access, void (*fn)(void *arg, unsigned ready),
	    void *arg);

/*
 * Reads up to n bytes or writes some of n > 0. IO_DONE sets *moved (a read of nothing is IO_DONE with 0 too: what it
 * means side_has_ended() knows); IO_FAILED leaves errno, EMSGSIZE for a message longer than n. Never IO_EOF.
 */
enum io	side_read(struct side *side, void *p, size_t n, size_t *moved);
enum io	side_write(struct side *side, const void *p, size_t n, size_t *moved);

/* After a read of nothing: was that the end, and not an empty message? */
bool	side_has_ended(const struct side *side);

/* What to be called for: bits of the loop. */
void	side_want(struct side *side, unsigned wants);

/* Forgets the descriptor, which stays open. */
void	side_close(struct side *side);

#endif
