/*
 * Rights: descriptors that travel over a Unix socket (unix(7), SCM_RIGHTS).
 */
#ifndef SOCKT_NET_RIGHTS_H
#define SOCKT_NET_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "lib/base/err.h"
#include "lib/net/stream.h"

#define RIGHTS_MAX 253		/* in one message: SCM_MAX_FD of Linux */

struct rights {
	int v[RIGHTS_MAX];
	size_t n;
};

/*
 * A layer over below, which is the stream over the Unix socket fd itself, with no layer between: the first bytes that
 * are written go with the descriptors; after that they just pass, though never by splice. If none ever are, the end
 * brings them, as rights_send() does. rights and its descriptors are borrowed until the stream is freed. Takes below.
 * NULL and err without memory: then below is freed too.
 */
struct stream *rights_stream(struct stream *below, int fd, const struct rights *rights, struct err *err);

/*
 * Sends them on the connected socket fd for themselves: with a byte NUL, for without one they do not travel over a
 * stream, or in a socket of messages with an empty one. Returns 0, or -1 and err, also if it would have to wait.
 */
int	rights_send(int fd, const struct rights *rights, struct err *err);

/*
 * Looks at what waits on the Unix socket fd for descriptors, and leaves the bytes there. IO_DONE: what came first has
 * brought rights->n of them, perhaps 0, which are the caller's to close; IO_WOULD_BLOCK: nothing has come; IO_EOF: the
 * peer has ended; IO_FAILED and err, also ERR_LIMIT when there were too many to take.
 */
enum io	rights_peek(int fd, struct rights *rights, struct err *err);

/*
 * Closes what came along with a message, asked for or not: a peer may send descriptors to whoever gives recvmsg(2) room
 * for anything beside the bytes. Returns whether the credentials of who sent it came along.
 */
bool	rights_refuse(struct msghdr *msg);

void	rights_close(struct rights *rights);

#endif
