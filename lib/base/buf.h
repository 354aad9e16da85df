/*
 * A byte queue with a stated maximum: bytes go in at the end and come out at the front.
 *
 * Invariants: 0 <= head <= tail <= cap <= max; the bytes waiting are data[head..tail). Memory is taken when the first
 * byte comes and may be given back when none is left.
 */
#ifndef SOCKT_BASE_BUF_H
#define SOCKT_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	unsigned char *data;
	size_t head, tail, cap;
	size_t max;		/* never holds more than this */
};

#define BUF_EMPTY(maximum) ((struct buf){ .max = (maximum) })

/* Bytes waiting, and where they are: valid until the next call that changes the buffer. */
size_t	buf_len(const struct buf *b);
const unsigned char *buf_bytes(const struct buf *b);

/* How many bytes may still be put in. */
size_t	buf_room(const struct buf *b);

/*
 * Makes room for n more bytes, n <= buf_room(), and returns where to write them, or NULL without memory. What was
 * written counts only after buf_added().
 */
unsigned char *buf_space(struct buf *b, size_t n);
void	buf_added(struct buf *b, size_t n);

/* Copies n bytes in. Returns false, with nothing changed, when they do not fit or there is no memory. */
bool	buf_put(struct buf *b, const void *bytes, size_t n);

/* Takes n bytes, n <= buf_len(), off the front. */
void	buf_take(struct buf *b, size_t n);

/* Takes off the end what is beyond len bytes, len <= buf_len(). */
void	buf_cut(struct buf *b, size_t len);

/* Gives the memory back; the bytes are gone. */
void	buf_free(struct buf *b);

#endif
