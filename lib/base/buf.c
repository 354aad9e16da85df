/*
 * A byte queue with a stated maximum: see buf.h.
 */
#include "lib/base/buf.h"

#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 512	/* the smallest allocation worth making */

size_t
buf_len(const struct buf *b)
{
	return b->tail - b->head;
}

const unsigned char *
buf_bytes(const struct buf *b)
{
	return b->head == 0 ? b->data : b->data + b->head;	/* NULL has no offsets, not even 0 */
}

size_t
buf_room(const struct buf *b)
{
	return b->max - buf_len(b);
}

unsigned char *
buf_space(struct buf *b, size_t n)
{
	size_t cap, len = buf_len(b);
	unsigned char *data;

	if (n <= b->cap - b->tail)
		return b->data + b->tail;

	/* Sliding is enough when it frees at least half: that keeps the copying linear in the bytes that pass. */
	if (n <= b->cap - len && b->head >= b->cap / 2) {
		memmove(b->data, b->data + b->head, len);
	} else {
		cap = b->cap > 0 ? b->cap : BUF_FIRST;
		while (cap - len < n)
			cap = cap > b->max / 2 ? b->max : cap * 2;
		if (cap > b->max)
			cap = b->max;
		if ((data = malloc(cap)) == NULL)
			return NULL;
		if (len > 0)
			memcpy(data, b->data + b->head, len);
		free(b->data);
		b->data = data;
		b->cap = cap;
	}
	b->head = 0;
	b->tail = len;
	return b->data + b->tail;
}

void
buf_added(struct buf *b, size_t n)
{
	b->tail += n;
}

bool
buf_put(struct buf *b, const void *bytes, size_t n)
{
	unsigned char *space;

	if (n == 0)
		return true;
	if (n > buf_room(b) || (space = buf_space(b, n)) == NULL)
		return false;
	memcpy(space, bytes, n);
	buf_added(b, n);
	return true;
}

void
buf_take(struct buf *b, size_t n)
{
	b->head += n;
	if (b->head == b->tail)
		b->head = b->tail = 0;
}

void
buf_cut(struct buf *b, size_t len)
{
	b->tail = b->head + len;
}

void
buf_free(struct buf *b)
{
	free(b->data);
	*b = BUF_EMPTY(b->max);
}
