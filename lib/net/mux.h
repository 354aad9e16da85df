/*
 * Mux: one socket of datagrams, and a stream for each peer that sends to it: what accept(2) would do if datagrams had
 * connections. The streams are of messages (STREAM_MESSAGES): one read is one datagram, one write sends one, and none
 * ever ends by itself.
 *
 * A peer is an address and port; those without a name (unix(7)) are one together, and cannot be answered. What a peer
 * sends while nobody reads its stream is kept, up to a bound for each and one for all. Beyond it is dropped, and
 * counted; but on a Unix socket, where senders can wait, nothing is read of anybody until there is room again.
 *
 * What the network says of a datagram that was sent (ICMP) is an error of that peer's stream, behind what it had sent.
 */
#ifndef SOCKT_NET_MUX_H
#define SOCKT_NET_MUX_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/event/loop.h"
#include "lib/net/addr.h"
#include "lib/net/dgram.h"
#include "lib/net/stream.h"

struct mux;

struct mux_calls {
	/*
	 * Somebody new has sent this: mux_accept() makes a stream of it, here and now, or else it is dropped. With
	 * nobody accepted, the next that it sends is asked about again.
	 */
	void (*peer)(void *arg, struct mux *mux, const struct dgram *first);
	/* May this be heard at all? Asked of each datagram, also of those who have a stream. NULL: it may. */
	bool (*hears)(void *arg, const struct dgram *d);
	/*
	 * So many datagrams of that peer had to be dropped since this was last called; about once a second, and for
	 * what is left when its stream is freed, or the mux: from within these calls. peer NULL: of whoever it was for
	 * whom the system had no room.
	 */
	void (*lost)(void *arg, const struct addr *peer, uint64_t n);
	/* The socket itself does not work any more: nothing comes. The streams are there yet. */
	void (*failed)(void *arg, const struct err *err);
};

/*
 * Watches the bound non-blocking socket fd, which is borrowed, as calls and arg are, until mux_free(). NULL and err
 * without memory.
 */
struct mux *mux_new(struct loop *loop, int fd, const struct mux_calls *calls, void *arg, struct err *err);

/*
 * From within calls->peer(): the stream, with the datagram in it; its owner frees it, when it likes. From then on the
 * peer is new again. NULL and err without memory.
 */
struct stream *mux_accept(struct mux *mux, const struct dgram *first, struct err *err);

/* Nobody new is asked about any more: what they send is dropped. */
void	mux_close_door(struct mux *mux);

/* Every stream has been freed before; not from within its calls. NULL is fine. */
void	mux_free(struct mux *mux);

#endif
