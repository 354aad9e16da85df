/*
 * The byte queue: order and content whatever is put in and taken, never more than its maximum, always within itself.
 */
#include "lib/base/buf.h"

#include "tests/unit/check.h"

/* What buf.h promises of every buffer at any time. */
static bool
is_sound(const struct buf *b)
{
	return b->head <= b->tail && b->tail <= b->cap && b->cap <= b->max && buf_len(b) == b->tail - b->head &&
	    buf_room(b) == b->max - buf_len(b) && (b->cap == 0) == (b->data == NULL);
}

static unsigned char
nth(uint64_t i)
{
	return (unsigned char)(i * 131 + (i >> 8) * 17);
}

static void
starts_empty(void)
{
	struct buf b = BUF_EMPTY(100);

	CHECK(is_sound(&b));
	CHECK_INT(buf_len(&b), 0);
	CHECK_INT(buf_room(&b), 100);
	CHECK(b.data == NULL);		/* no memory before the first byte */
	buf_free(&b);
	buf_free(&b);			/* empty is fine to free, twice too */
	CHECK_INT(buf_room(&b), 100);	/* and may be used again */
	CHECK(buf_put(&b, "again", 5));
	CHECK(buf_len(&b) == 5 && memcmp(buf_bytes(&b), "again", 5) == 0);
	buf_free(&b);
	CHECK(b.data == NULL && b.max == 100);
}

static void
stops_at_its_maximum(void)
{
	static const unsigned char bytes[70000];
	static const size_t maxima[] = { 1, 2, 511, 512, 513, 1000, 1024, 65535, 65536, 65537 };

	for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
		struct buf b = BUF_EMPTY(maxima[i]);
		CHECK(!buf_put(&b, bytes, maxima[i] + 1));	/* refused whole */
		CHECK_INT(buf_len(&b), 0);
		CHECK(buf_put(&b, bytes, maxima[i] - 1));
		CHECK(!buf_put(&b, bytes, 2));
		CHECK(buf_put(&b, "z", 1));
		CHECK(is_sound(&b));
		CHECK_INT(buf_room(&b), 0);
		CHECK(!buf_put(&b, bytes, 1));
		CHECK(!buf_put(&b, bytes, SIZE_MAX));
		CHECK_INT(buf_bytes(&b)[maxima[i] - 1], 'z');
		buf_take(&b, maxima[i] - 1);
		CHECK(is_sound(&b) && buf_len(&b) == 1 && *buf_bytes(&b) == 'z');
		CHECK(buf_put(&b, bytes, maxima[i] - 1));	/* the room that was given back is room again */
		CHECK(is_sound(&b) && *buf_bytes(&b) == 'z');
		buf_free(&b);
	}
}

static void
counts_only_what_was_added(void)
{
	struct buf b = BUF_EMPTY(4096);
	unsigned char *space = buf_space(&b, 4096);

	CHECK(space != NULL);
	CHECK_INT(buf_len(&b), 0);
	if (space != NULL)
		memset(space, 'x', 4096);
	buf_added(&b, 10);
	CHECK_INT(buf_len(&b), 10);
	space = buf_space(&b, 4086);
	CHECK(space == buf_bytes(&b) + 10);
	buf_take(&b, 10);
	CHECK_INT(buf_len(&b), 0);
	CHECK_INT(b.head, 0);
	buf_free(&b);
}

/* A long random walk against a counter: the n-th byte in is the n-th byte out. */
static void
keeps_the_order(size_t max, uint32_t seed)
{
	struct buf b = BUF_EMPTY(max);
	unsigned char chunk[4096];
	uint64_t in = 0, out = 0;
	bool good = true;

	for (int i = 0; i < 20000 && good; i++) {
		seed = seed * 1664525 + 1013904223;
		size_t n = (seed >> 8) % (sizeof(chunk) < max ? sizeof(chunk) : max + 1);
		if (seed >> 31) {
			for (size_t k = 0; k < n; k++)
				chunk[k] = nth(in + k);
			bool fits = n <= buf_room(&b);
			good = buf_put(&b, chunk, n) == fits;
			in += fits ? n : 0;
		} else {
			n = n < buf_len(&b) ? n : buf_len(&b);
			for (size_t k = 0; k < n; k++)
				good = good && buf_bytes(&b)[k] == nth(out + k);
			buf_take(&b, n);
			out += n;
		}
		good = good && is_sound(&b) && buf_len(&b) == in - out;
	}
	CHECK(good);
	CHECK(in > 0 && out > 0);
	buf_free(&b);
}

int
main(void)
{
	starts_empty();
	stops_at_its_maximum();
	counts_only_what_was_added();
	keeps_the_order(1, 1);
	keeps_the_order(7, 2);
	keeps_the_order(600, 3);
	keeps_the_order(5000, 4);
	keeps_the_order(65536, 5);
	keeps_the_order(1024 * 1024 + 3, 6);
	return check_done("buf");
}
