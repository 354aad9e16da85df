/*
 * Supply: where the datagrams come from that are to be sent: a list, a number of times, or the messages of a stream,
 * each as soon as it is there.
 */
#ifndef SOCKT_SERVICE_SUPPLY_H
#define SOCKT_SERVICE_SUPPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/net/dgram.h"
#include "lib/net/stream.h"
#include "lib/wire/filter.h"
#include "lib/wire/frame.h"

/* One of a list. */
struct supply_item {
	const char *name;		/* in an error */
	const unsigned char *bytes;
	size_t n;
};

/* Embedded by its owner; only supply_*() change it. */
struct supply {
	/* a list */
	const struct supply_item *items;
	size_t n_items, at;
	int64_t rounds;			/* still to go, the one under way among them */
	/* a stream */
	struct stream *stream;		/* NULL: it is a list */
	bool ended;
	struct filter filter;
	struct buf queue;		/* of frames, len32 */
	struct err fault;		/* what was read ends in something that is no message; ERR_NONE: not so far */
};

/* A list, borrowed, that is gone through so often, at least once. */
void	supply_list(struct supply *s, const struct supply_item *items, size_t n, int64_t rounds);

/* A stream, borrowed, whose messages are told apart as format says: a wire format or a notation of frame.h. */
void	supply_stream(struct supply *s, struct stream *stream, const struct frame_format *format);

void	supply_free(struct supply *s);

/* Fills v[0..most) with bytes and n of the next ones, which stay there until supply_took(). Returns of how many. */
size_t	supply_peek(const struct supply *s, struct dgram *v, size_t most);

/* The first n of v, as supply_peek() filled it, are done with. */
void	supply_took(struct supply *s, const struct dgram *v, size_t n);

/* Does it have to be read for there to be more? Then supply_read() does. Would the stream block, returns false. */
bool	supply_wants_read(const struct supply *s);
bool	supply_read(struct supply *s);

/* There is none left, and none will come. With s->fault, that is why. */
bool	supply_is_over(const struct supply *s);

#endif
