/*
 * Any stream in any format: pieces lie inside it, one behind the other; however it is split, the same messages come out
 * with the same verdict and the same words; and a message that came whole can be stamped and cut again, which makes the
 * stream it came from.
 *
 * Byte 0 chooses the format, bytes 1 to 3 are the longest message (ffffff: no limit), byte 4 is N - 1 for fixed:N.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire/frame.h"

#define CHOICES 5

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was heard: messages one behind the other, the piece of one that is not whole, and how it ended. */
struct heard {
	unsigned char *bytes;
	size_t n, *ends, n_ends;	/* ends: where each whole message ends in bytes */
	enum frame_verdict verdict;
	bool cut;
	char words[128];
};

/* Memory of just that size, so that a sanitizer sees its end. */
static void *
memory(size_t n)
{
	void *p = malloc(n + (n == 0));

	if (p == NULL)
		abort();
	return p;
}

static struct heard
heard_new(size_t n)
{
	return (struct heard){ .bytes = memory(n), .ends = memory(n * sizeof(size_t)), .verdict = FRAME_MORE };
}

static void
heard_free(struct heard *heard)
{
	free(heard->bytes);
	free(heard->ends);
}

static void
feed(struct frame_cutter *c, const unsigned char *p, size_t n, struct heard *heard)
{
	struct frame_piece piece;
	size_t used;

	do {
		heard->verdict = frame_cut(c, p, n, &used, &piece);
		if (used > n || piece.bytes < p || piece.bytes + piece.n > p + used)
			abort();
		if (heard->verdict == FRAME_PIECE ? piece.n == 0 : heard->verdict != FRAME_WHOLE && piece.n > 0)
			abort();
		if (heard->verdict == FRAME_MORE ? used < n : heard->verdict == FRAME_WHOLE && used == 0)
			abort();
		memcpy(heard->bytes + heard->n, piece.bytes, piece.n);
		heard->n += piece.n;
		if (heard->verdict == FRAME_WHOLE)
			heard->ends[heard->n_ends++] = heard->n;
		p += used;
		n -= used;
	} while (heard->verdict == FRAME_PIECE || heard->verdict == FRAME_WHOLE);
}

static size_t
random_below(uint32_t *seed, size_t n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % n;
}

/* In pieces of up to most bytes, of random lengths (0 as well) if there is a seed. */
static struct heard
hear(struct frame_format format, uint64_t max, const unsigned char *in, size_t n, size_t most, uint32_t seed)
{
	struct frame_cutter c = FRAME_CUTTER(format, max);
	struct heard heard = heard_new(n);

	for (size_t at = 0, len; at < n && heard.verdict == FRAME_MORE; at += len) {
		len = seed != 0 ? random_below(&seed, most + 1) : most;
		if (len > n - at)
			len = n - at;
		unsigned char *copy = memory(len);
		memcpy(copy, in + at, len);
		feed(&c, copy, len, &heard);
		free(copy);
	}
	heard.cut = frame_is_cut(&c);
	frame_words(&c, heard.verdict, heard.words, sizeof(heard.words));
	if (heard.words[0] == '\0' || strlen(heard.words) + 1 == sizeof(heard.words))
		abort();
	if (heard.verdict == FRAME_MORE && heard.cut == (strcmp(heard.words, "before a message") == 0))
		abort();
	return heard;
}

static void
check_same(const struct heard *want, struct heard got)
{
	if (got.n != want->n || memcmp(got.bytes, want->bytes, got.n) != 0 || got.n_ends != want->n_ends ||
	    memcmp(got.ends, want->ends, got.n_ends * sizeof(got.ends[0])) != 0 || got.verdict != want->verdict ||
	    got.cut != want->cut || strcmp(got.words, want->words) != 0)
		abort();
	heard_free(&got);
}

/*
 * Stamps a message and cuts it again, whole and without its last byte. Returns how long its frame is. If from is not
 * NULL, the frame has to be what stands there.
 */
static size_t
check_again(struct frame_format format, uint64_t max, const unsigned char *p, size_t n, const unsigned char *from)
{
	struct frame_stamp stamp;
	struct heard heard;
	unsigned char *frame;
	size_t size;

	if (frame_stamp(&format, p, n, &stamp) != FRAME_FITS || stamp.n_head > sizeof(stamp.head) ||
	    stamp.n_tail > sizeof(stamp.tail))
		abort();
	size = stamp.n_head + n + stamp.n_tail;
	frame = memory(size);
	memcpy(frame, stamp.head, stamp.n_head);
	memcpy(frame + stamp.n_head, p, n);
	memcpy(frame + stamp.n_head + n, stamp.tail, stamp.n_tail);
	heard = hear(format, max, frame, size, size, 0);
	if (heard.verdict != FRAME_MORE || heard.cut || heard.n_ends != 1 || heard.n != n ||
	    memcmp(heard.bytes, p, n) != 0)
		abort();
	heard_free(&heard);
	heard = hear(format, max, frame, size - 1, size, 0);
	if (heard.verdict != FRAME_MORE || heard.cut != (size > 1) || heard.n_ends != 0)
		abort();
	heard_free(&heard);
	if (from != NULL && memcmp(from, frame, size) != 0)
		abort();
	free(frame);
	return size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_format format, again;
	struct heard whole;
	char name[32];
	uint64_t max;
	size_t start = 0, at = CHOICES;

	if (size < CHOICES)
		return 0;
	format = (struct frame_format){ .kind = FRAME_LINE + data[0] % (FRAME_RAW - FRAME_LINE + 1) };
	format.fixed = format.kind == FRAME_FIXED ? data[4] + 1U : 0;
	max = (uint64_t)data[1] << 16 | (uint64_t)data[2] << 8 | data[3];
	if (max == 0xffffff)
		max = UINT64_MAX;
	if (!frame_format_parse(&again, frame_format_name(&format, name, sizeof(name)), true) ||
	    again.kind != format.kind || again.fixed != format.fixed)
		abort();

	whole = hear(format, max, data + CHOICES, size - CHOICES, size - CHOICES, 0);
	check_same(&whole, hear(format, max, data + CHOICES, size - CHOICES, 1, 0));
	for (uint32_t seed = 1; seed <= 4; seed++)
		check_same(&whole, hear(format, max, data + CHOICES, size - CHOICES, (size_t)1 << (2 * seed),
		    seed * 2654435769U));

	/* Of a varint alone there is more than one way to write a length. */
	for (size_t i = 0; i < whole.n_ends; start = whole.ends[i++]) {
		if (whole.ends[i] - start > max)
			abort();
		at += check_again(format, max, whole.bytes + start, whole.ends[i] - start,
		    format.kind == FRAME_VARINT ? NULL : data + at);
	}
	heard_free(&whole);
	return 0;
}
