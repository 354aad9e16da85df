/*
 * Volley: datagrams of a supply to one peer, each whole, at a tempo if asked, and the answers to them to a stream, as a
 * job.
 *
 * Without answers to wait for it is over when the last datagram is the system's: what the network says of it afterwards
 * nobody hears. With them it is over when so many have come, or some time after the last datagram; and when the network
 * says that there is nobody to answer.
 */
#ifndef SOCKT_SERVICE_VOLLEY_H
#define SOCKT_SERVICE_VOLLEY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/net/addr.h"
#include "lib/net/stream.h"
#include "lib/service/supply.h"
#include "lib/wire/frame.h"

struct volley_args {
	int64_t n, per_us;		/* send n in each per_us; n 0: as fast as it goes */
	int64_t replies;		/* how many answers to wait for; 0: none, and none is read */
	int64_t patience_ms;		/* for how long after the last datagram; 0: for ever */
	struct frame_format format;	/* what an answer becomes; FRAME_NONE: a line */
	bool json;			/* a record an answer (sockt-json(5)), instead of what it says */
	bool raw;			/* let it drive the terminal */
	bool numbered;			/* a number goes in front of each datagram, by which its answer is known */
	bool stats;
};

/* All of it is borrowed until volley_free(). */
struct volley_job {
	int fd;				/* bound or connected, non-blocking */
	struct addr peer;
	bool connected;			/* fd is, to peer; otherwise anybody may answer */
	struct supply *supply;
	struct stream *local;		/* what the supply reads, if it does, and where answers go; NULL: no need */
	const char *name;		/* the peer in messages */
	const struct volley_args *args;
	const struct log *log;
	void (*done)(void *arg, const struct err *err);		/* from the loop, once; err NULL: all went well */
	void *arg;
};

struct volley;

/*
 * Begins. A list is looked through first: with a datagram in it that the socket cannot carry, nothing is sent. Returns
 * NULL and err then, ERR_LIMIT, and without memory.
 */
struct volley *volley_start(struct loop *loop, const struct volley_job *job, struct err *err);

void	volley_free(struct volley *volley);	/* says --stats if asked. NULL is fine */

#endif
