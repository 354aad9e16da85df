/*
 * Record: what went over the connections of this run, written down as it happens: as a hex dump on stderr, and as a
 * transcript in a file. Taps (tap.h) bring the bytes.
 *
 * Hex dump: a line for up to 16 bytes, '>' for what was sent and '<' for what was received, then the offset in that
 * direction of that connection, the bytes in hex, and in ASCII. Lines are not filled over chunks. Where the connection
 * is another one than on the line before, its name comes first, on a line of its own. In colour on a terminal.
 *
 * Transcript: one JSON object a line for each chunk: "ts", "connection" (unique among runs), "peer", "direction"
 * ("sent", "received"), and the bytes, exactly: "text" where they are UTF-8, "base64" where they are not.
 *
 * Nothing blocks: what stderr or the file does not take at once is queued, and while there is a lot of it the record is
 * full, and taps put their streams off. So a slow reader slows the transfer down. What nobody has taken when it is over
 * is waited for in record_free(), for a while.
 */
#ifndef SOCKT_NET_RECORD_H
#define SOCKT_NET_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/event/loop.h"

struct record_args {
	bool hexdump;
	const char *transcript;		/* a file to append to, made if need be for its owner alone; NULL: none */
};

#define RECORD_CHUNK_MAX	(64 * 1024)	/* bytes of a stream: how much may come at once bounds the memory */
#define RECORD_PATIENCE_MS	3000

enum record_direction { RECORD_SENT, RECORD_RECEIVED };

struct record;

/* A point in the record: how much stderr and the file will have taken then. Zero is its beginning. */
struct record_mark {
	uint64_t taken[2];
};

/* A connection in the record: zero but for its name, which is borrowed. */
struct record_conn {
	const char *name;
	/* the record's own */
	uint64_t number;
	uint64_t offset[2];		/* by direction */
	struct record_mark mark;	/* behind its last chunk: for record_is_taken() */
};

/* One that was put off: see record_wait(). */
struct record_waiter {
	void (*fn)(void *arg);
	void *arg;
	/* the record's own */
	struct record_waiter *prev, *next;
	bool waits;
};

/*
 * Opens it; args is borrowed until record_free(). When writing fails later, that is record_error() from then on, and
 * failed, unless NULL, is called once, from the loop. NULL and err when the file cannot be opened or without memory.
 */
struct record *record_new(struct loop *loop, const struct record_args *args,
	    void (*failed)(void *arg, const struct err *err), void *arg, struct err *err);

/*
 * Writes n bytes down, 1 to RECORD_CHUNK_MAX, or a message, which may be empty and as long as messages are
 * (RECODE_MAX): the record must not be full, nor have failed.
 */
void	record_chunk(struct record *r, struct record_conn *conn, enum record_direction direction, const void *p, size_t n);

const struct err *record_error(const struct record *r);	/* why it cannot go on, or NULL */

/*
 * Is there too much queued for another chunk? Was all before the mark taken, whatever came since? One that failed is
 * not full, and nothing is to be waited for.
 */
bool	record_is_full(const struct record *r);
bool	record_is_taken(const struct record *r, const struct record_mark *mark);

/*
 * While it is full, or a mark not taken: to be called once, from the loop, when some was taken and it is not full, or
 * it failed. Who waits for more than that asks again. A second time changes nothing; record_forget() takes it back.
 */
void	record_wait(struct record *r, struct record_waiter *w);
void	record_forget(struct record *r, struct record_waiter *w);

/*
 * Writes what is queued, waiting up to RECORD_PATIENCE_MS for whoever takes it, and closes the file. No tap is left.
 * Returns how many bytes of the record were taken by nobody. NULL is fine.
 */
size_t	record_free(struct record *r);

#endif
