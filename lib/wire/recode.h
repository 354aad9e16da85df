/*
 * Recode: messages of one format turned into messages of another.
 *
 * A message is handed on when it is whole, and whole: who reads what comes out never takes a part for a message. What
 * is kept of one that is not whole grows with the bytes that came, never with a length that somebody claimed.
 */
#ifndef SOCKT_WIRE_RECODE_H
#define SOCKT_WIRE_RECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/wire/frame.h"

/* The options of framing. */
struct frame_args {
	struct frame_format wire;	/* FRAME_NONE: bytes have no frames */
	struct frame_format local;	/* FRAME_NONE: lines */
	int64_t max_message;		/* bytes, up to RECODE_MAX */
	/*
	 * The socket itself keeps messages apart (packets.h). Then wire is how they are told apart in what is read here
	 * (FRAME_NONE: a read is one), and local how they are in what is written (FRAME_NONE: as in wire, or not at all).
	 */
	bool packets;
};

/* The longest message there may be: what becomes of it, in the worst of formats, has to have a size_t. */
#define RECODE_MAX (SIZE_MAX / 64 < FRAME_FIXED_MAX ? (int64_t)(SIZE_MAX / 64) : FRAME_FIXED_MAX)

#define RECODE_MAX_DEFAULT (1024 * 1024)	/* where nothing else is asked for */

struct recode_args {
	struct frame_format from, to;
	int64_t max;		/* the longest message that is taken */
	const char *prefix;	/* becomes the beginning of each message; not with text as from; borrowed; NULL: none */
	bool from_local;	/* what comes is ours, not a peer's: its faults are ours, and an end may end a message */
	bool to_local;		/* a message that contains what ends it is written all the same */
	bool crlf;		/* lines are written with CR LF */
	bool guard;		/* written for a terminal: guard.h */
};

struct recode {
	struct recode_args args;
	struct frame_cutter cutter;
	struct buf message;	/* what has come of one that is not whole */
	uint64_t messages;	/* handed on so far */
	bool ambiguous;		/* one of them contained what ends it */
};

void	recode_init(struct recode *r, const struct recode_args *args);
void	recode_free(struct recode *r);

/* The most that pushing n bytes, or the end, can put out: what out has to have room for. */
size_t	recode_bound(const struct recode_args *args, size_t n);

/*
 * Takes bytes from p[0..n) until all are taken or out holds at least enough of them, and puts what messages became
 * behind what is in out. *used becomes how many were taken; none at all are an empty message to FRAME_READ. Returns 0,
 * or -1 and err without its object: ERR_LIMIT for a message too long for max or for its new format, ERR_PROTOCOL
 * (ERR_LOCAL for ours) for what is none; messages before it are in out. After that it is of no use any more.
 */
int	recode_push(struct recode *r, const unsigned char *p, size_t n, size_t enough, size_t *used, struct buf *out,
	    struct err *err);

/*
 * Nothing more comes; to be called once. Returns 0, or -1 and err: ERR_BROKEN (ERR_LOCAL for ours) when that cuts a
 * message off.
 */
int	recode_finish(struct recode *r, struct buf *out, struct err *err);

#endif
