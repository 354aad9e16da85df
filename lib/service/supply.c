/*
 * Supply: see supply.h. What is read becomes frames in a queue, from which datagrams are sent as they lie; and no more
 * is read before these have gone.
 */
#include "lib/service/supply.h"

#include <errno.h>
#include <string.h>

#include "lib/net/packets.h"

#define CHUNK		(64 * 1024)	/* one read */
#define MESSAGE_MAX	(1024 * 1024)	/* longer than any datagram may be, so that it can be said how long it was */
#define KEEP		(256 * 1024)	/* a queue that grew beyond this is given back when it is empty */

void
supply_list(struct supply *s, const struct supply_item *items, size_t n, int64_t rounds)
{
	*s = (struct supply){ .items = items, .n_items = n, .rounds = rounds };
}

void
supply_stream(struct supply *s, struct stream *stream, const struct frame_format *format)
{
	*s = (struct supply){ .stream = stream, .filter = filter_recode(&(struct recode_args){ .from = *format,
	    .to = { .kind = FRAME_LEN32 }, .max = MESSAGE_MAX, .from_local = true }) };
	s->queue = BUF_EMPTY(filter_bound(&s->filter, CHUNK));
}

void
supply_free(struct supply *s)
{
	if (s->stream == NULL)
		return;
	filter_free(&s->filter);
	buf_free(&s->queue);
}

static size_t
peek_list(const struct supply *s, struct dgram *v, size_t most)
{
	int64_t rounds = s->rounds;
	size_t at = s->at, n = 0;

	while (n < most && rounds > 0) {
		v[n] = (struct dgram){ .bytes = s->items[at].bytes, .n = s->items[at].n };
		n++;
		if (++at < s->n_items)
			continue;
		at = 0;
		rounds--;
	}
	return n;
}

size_t
supply_peek(const struct supply *s, struct dgram *v, size_t most)
{
	return s->stream != NULL ? packets_peek(&s->queue, v, most) : peek_list(s, v, most);
}

void
supply_took(struct supply *s, const struct dgram *v, size_t n)
{
	size_t bytes = 0;

	if (s->stream != NULL) {
		for (size_t i = 0; i < n; i++)
			bytes += PACKETS_HEAD + v[i].n;
		buf_take(&s->queue, bytes);
		if (buf_len(&s->queue) == 0 && s->queue.cap > KEEP)
			buf_free(&s->queue);
		return;
	}
	s->at += n;
	s->rounds -= (int64_t)(s->at / s->n_items);
	s->at %= s->n_items;
}

bool
supply_wants_read(const struct supply *s)
{
	return s->stream != NULL && !s->ended && s->fault.kind == ERR_NONE && buf_len(&s->queue) == 0;
}

/* A message that is longer than any may be is one more datagram that is too long, and said like one. */
static void
reword(struct err *fault)
{
	static const char message[] = "a message";
	struct err longer = *fault;
	const char *rest = longer.text + strlen(message), *comma = strchr(longer.text, ',');

	if (longer.kind != ERR_LIMIT || comma == NULL || strncmp(longer.text, message, strlen(message)) != 0)
		return;
	err_set(fault, ERR_LIMIT, 0, "a datagram%.*s is longer than the %d that UDP can carry", (int)(comma - rest),
	    rest, DGRAM_UDP6_MAX);
	fault->errnum = EMSGSIZE;
}

bool
supply_read(struct supply *s)
{
	unsigned char raw[CHUNK];
	size_t got = 0;
	int rc = 0;

	switch (stream_read(s->stream, raw, sizeof(raw), &got, &s->fault)) {
	case IO_DONE:
		rc = filter_push(&s->filter, raw, got, &s->queue, &s->fault);
		break;
	case IO_EOF:
		s->ended = true;
		rc = filter_finish(&s->filter, &s->queue, &s->fault);
		break;
	case IO_WOULD_BLOCK:
		return false;
	case IO_FAILED:
		rc = -1;
		break;
	}
	if (rc < 0) {
		reword(&s->fault);
		err_at(&s->fault, STAGE_TRANSFER, "stdin");
	}
	return true;
}

bool
supply_is_over(const struct supply *s)
{
	if (s->stream == NULL)
		return s->rounds == 0;
	return buf_len(&s->queue) == 0 && (s->ended || s->fault.kind != ERR_NONE);
}
