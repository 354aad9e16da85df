/*
 * Any stream of messages in any format, to be turned into any other: however it is cut, the same comes out, with the
 * same fault and the same words, and no more at a time than recode_bound() says. What came out says the same messages
 * when it is read again, and nothing in it drives a terminal where it was written for one.
 *
 * Bytes 0 and 1 choose the formats, 2 to 4 are the longest message (ffffff: 1 GiB), 5 are flags, 6 and 7 are N - 1 for
 * fixed:N. The rest is the stream.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire/guard.h"
#include "lib/wire/recode.h"

#define CHOICES 8
#define PREFIX "a\t"	/* fits everywhere */
#define ANY_LENGTH (1024 * 1024 * 1024)

enum { FROM_LOCAL = 1, TO_LOCAL = 2, WITH_CRLF = 4, GUARDED = 8, PREFIXED = 16 };

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What became of a stream. */
struct said {
	struct buf out;
	int rc;
	struct err err;
	uint64_t messages;
	bool ambiguous;
};

/* Memory of just that size, so that a sanitizer sees its end. */
static unsigned char *
copied(const unsigned char *p, size_t n)
{
	unsigned char *copy = malloc(n + (n == 0));

	if (copy == NULL)
		abort();
	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

static const unsigned char *
bytes(const struct buf *b)
{
	return buf_len(b) > 0 ? buf_bytes(b) : (const unsigned char *)"";
}

/* Moves what one step put out, which is no more than it may be, behind what was there. */
static void
move(struct buf *step, struct buf *out, size_t bound)
{
	if (buf_len(step) > bound || !buf_put(out, bytes(step), buf_len(step)))
		abort();
	buf_take(step, buf_len(step));
}

/* Pushes a piece, and empties out whenever it holds enough. */
static void
push(struct recode *r, const unsigned char *p, size_t n, size_t enough, struct said *said)
{
	size_t bound = recode_bound(&r->args, n), used;
	unsigned char *copy = copied(p, n);
	struct buf step = BUF_EMPTY(bound);

	for (size_t at = 0; at < n && said->rc == 0; at += used) {
		said->rc = recode_push(r, copy + at, n - at, enough, &used, &step, &said->err);
		if (said->rc == 0 ? used == 0 || (at + used < n && buf_len(&step) < enough) : used >= n - at)
			abort();
		move(&step, &said->out, bound);
	}
	free(copy);
	buf_free(&step);
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
static struct said
hear(const struct recode_args *args, const unsigned char *in, size_t n, size_t most, uint32_t seed, size_t enough)
{
	size_t bound = recode_bound(args, 0), prefix = args->prefix != NULL ? strlen(args->prefix) : 0;
	struct said said = { .out = BUF_EMPTY(SIZE_MAX / 2), .err = ERR_EMPTY };
	struct buf step = BUF_EMPTY(bound);
	struct recode r;

	recode_init(&r, args);
	for (size_t at = 0, len; at < n && said.rc == 0; at += len) {
		len = seed != 0 ? random_below(&seed, most + 1) : most;
		if (len > n - at)
			len = n - at;
		push(&r, in + at, len, enough, &said);
		if (r.message.cap > 2 * (at + len + prefix) + 512)
			abort();
	}
	if (said.rc == 0) {
		said.rc = recode_finish(&r, &step, &said.err);
		move(&step, &said.out, bound);
	}
	said.messages = r.messages;
	said.ambiguous = r.ambiguous;
	recode_free(&r);
	buf_free(&step);
	if (r.message.data != NULL || (said.rc < 0) != (said.err.kind != ERR_NONE) || said.err.object[0] != '\0' ||
	    said.err.errnum != 0 || (said.rc < 0) != (said.err.text[0] != '\0') || (said.ambiguous && !args->to_local))
		abort();
	if (said.rc < 0 && said.err.kind != ERR_LIMIT && (said.err.kind == ERR_LOCAL) != args->from_local)
		abort();
	return said;
}

static void
check_same(const struct said *want, struct said got)
{
	if (buf_len(&got.out) != buf_len(&want->out) ||
	    memcmp(bytes(&got.out), bytes(&want->out), buf_len(&got.out)) != 0 || got.rc != want->rc ||
	    got.err.kind != want->err.kind || strcmp(got.err.text, want->err.text) != 0 ||
	    got.messages != want->messages || got.ambiguous != want->ambiguous)
		abort();
	buf_free(&got.out);
}

/* What a terminal sees: the guard has nothing left to do. A NUL is the end of a message. */
static void
check_harmless(const struct said *said, bool nul)
{
	size_t n = buf_len(&said->out), nuls = 0;
	unsigned char *copy = copied(bytes(&said->out), n);
	struct buf again = BUF_EMPTY(GUARD_GROWTH * n);
	struct guard guard = GUARD_EMPTY;

	for (size_t i = 0; nul && i < n; i++) {
		if (copy[i] != '\0')
			continue;
		copy[i] = '\n';
		nuls++;
	}
	if (nul && nuls != said->messages)
		abort();
	if (!guard_push(&guard, copy, n, &again) || !guard_finish(&guard, &again) || buf_len(&again) != n ||
	    memcmp(bytes(&again), copy, n) != 0)
		abort();
	buf_free(&again);
	free(copy);
}

/* The first count messages of a stream, as lines of hex. */
static struct buf
as_hex(struct recode_args args, const unsigned char *in, size_t n, uint64_t count)
{
	struct buf lines = BUF_EMPTY(SIZE_MAX / 2);
	struct said said;
	size_t len = 0;

	args.to = (struct frame_format){ .kind = FRAME_HEX };
	args.crlf = args.guard = args.to_local = false;
	said = hear(&args, in, n, n, 0, SIZE_MAX);
	if (said.messages < count || said.ambiguous)
		abort();
	for (const unsigned char *p = bytes(&said.out); count > 0; len++)
		count -= p[len] == '\n';
	if (!buf_put(&lines, bytes(&said.out), len))
		abort();
	buf_free(&said.out);
	return lines;
}

/* Of raw bytes nobody can tell where a message ended, and a line that was written with CR LF has a CR more. */
static struct buf
as_written(const struct recode_args *args, const struct buf *lines)
{
	struct buf changed = BUF_EMPTY(SIZE_MAX / 2);
	const unsigned char *p = bytes(lines);
	size_t len;

	for (size_t at = 0, n = buf_len(lines); at < n; at += len + 1) {
		len = (size_t)((const unsigned char *)memchr(p + at, '\n', n - at) - p) - at;
		bool ends_in_cr = len >= 2 && memcmp(p + at + len - 2, "0d", 2) == 0;
		if (!buf_put(&changed, p + at, len))
			abort();
		if (args->crlf && args->to.kind == FRAME_LINE && !ends_in_cr && !buf_put(&changed, "0d", 2))
			abort();
		if (args->to.kind != FRAME_RAW && !buf_put(&changed, "\n", 1))
			abort();
	}
	if (args->to.kind == FRAME_RAW && buf_len(&changed) > 0 && !buf_put(&changed, "\n", 1))
		abort();
	return changed;
}

/* Reads what came out again: the same messages. */
static void
check_again(const struct recode_args *args, const unsigned char *in, size_t n, const struct said *said)
{
	struct recode_args back = { .from = args->to, .to = { .kind = FRAME_HEX }, .max = args->max + 1,
	    .from_local = args->to.kind == FRAME_RAW };
	struct buf lines = as_hex(*args, in, n, said->messages), want = as_written(args, &lines);
	size_t size = buf_len(&said->out);
	struct said again;

	back.max += args->prefix != NULL ? (int64_t)strlen(args->prefix) : 0;
	if (args->to.kind == FRAME_RAW)
		back.max += (int64_t)size;
	again = hear(&back, bytes(&said->out), size, size, 0, SIZE_MAX);
	if (again.rc < 0 || buf_len(&again.out) != buf_len(&want) ||
	    memcmp(bytes(&again.out), bytes(&want), buf_len(&want)) != 0)
		abort();
	buf_free(&again.out);
	buf_free(&want);
	buf_free(&lines);
}

static struct frame_format
format_of(unsigned choice, unsigned fixed)
{
	struct frame_format format = { .kind = FRAME_LINE + choice % (FRAME_RAW - FRAME_LINE + 1) };

	if (format.kind == FRAME_FIXED)
		format.fixed = fixed + 1;
	return format;
}

static bool
is_text(const struct frame_format *format)
{
	return format->kind == FRAME_HEX || format->kind == FRAME_BASE64 || format->kind == FRAME_JSON;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *in = data + CHOICES;
	size_t n = size - CHOICES;
	struct recode_args args;
	struct said whole;

	if (size < CHOICES)
		return 0;
	args = (struct recode_args){ .from = format_of(data[0], data[6]), .to = format_of(data[1], data[7]),
	    .max = (int64_t)data[2] << 16 | (int64_t)data[3] << 8 | data[4], .from_local = data[5] & FROM_LOCAL,
	    .to_local = data[5] & TO_LOCAL, .crlf = data[5] & WITH_CRLF, .guard = data[5] & GUARDED };
	if (args.max == 0xffffff)
		args.max = ANY_LENGTH;
	if (data[5] & PREFIXED && !is_text(&args.from))
		args.prefix = PREFIX;

	whole = hear(&args, in, n, n, 0, SIZE_MAX);
	check_same(&whole, hear(&args, in, n, 1, 0, SIZE_MAX));
	check_same(&whole, hear(&args, in, n, n, 0, 1));
	for (uint32_t seed = 1; seed <= 4; seed++)
		check_same(&whole, hear(&args, in, n, (size_t)1 << (2 * seed), seed * 2654435769U, seed * seed));
	if (args.guard)
		check_harmless(&whole, args.to.kind == FRAME_NUL);
	if ((!args.guard || is_text(&args.to)) && !whole.ambiguous)
		check_again(&args, in, n, &whole);
	buf_free(&whole.out);
	return 0;
}
