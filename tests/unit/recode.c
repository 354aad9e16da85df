/*
 * Recode: from every format to every other, whole, byte by byte, cut anywhere and at a page's edge, the same comes out
 * with the same fault and the same words; no more than recode_bound() at a time; and what is kept of a message that is
 * not whole grows with what came.
 */
#include "lib/wire/recode.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/wire/guard.h"
#include "tests/unit/check.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define IN(text) (text), sizeof(text) - 1
#define MIB ((size_t)1024 * 1024)
#define EDGE_ROOM (8 * MIB)

static unsigned char *edge;	/* behind it nothing may be read, before it there is room for EDGE_ROOM */

static bool
make_edge(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *pages = mmap(NULL, EDGE_ROOM + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + EDGE_ROOM, page, PROT_NONE) < 0)
		return false;
	edge = pages + EDGE_ROOM;
	return true;
}

/* ---- a stream, told in pieces ---- */

/* How a stream is cut into pieces: ENDS takes single bytes at both ends of it. */
enum cut { WHOLE, BYTES, ENDS, RANDOM };

#define END_BYTES 40

static size_t
piece_len(enum cut cut, size_t at, size_t n, uint32_t *seed)
{
	switch (cut) {
	case WHOLE:
		return n - at;
	case BYTES:
		return 1;
	case ENDS:
		return at < END_BYTES || n - at <= END_BYTES ? 1 : n - at - END_BYTES;
	case RANDOM:
		*seed = *seed * 1664525 + 1013904223;
		return (*seed >> 16) % (n < 200 ? 8 : n / 8) % (n - at + 1);
	}
	return 0;
}

/* What became of a stream. */
struct said {
	struct buf out;
	int rc;
	struct err err;
	uint64_t messages;
	bool ambiguous;
};

static const unsigned char *
out_bytes(const struct buf *out)
{
	return buf_len(out) > 0 ? buf_bytes(out) : (const unsigned char *)"";
}

static bool
is(const struct buf *out, const void *want, size_t n)
{
	return buf_len(out) == n && memcmp(out_bytes(out), want, n) == 0;
}

/* Moves what one step put out, which is no more than it may be, behind what was there. */
static void
move(struct buf *step, struct buf *out, size_t bound)
{
	CHECK(buf_len(step) <= bound);
	CHECK(buf_put(out, out_bytes(step), buf_len(step)));
	buf_take(step, buf_len(step));
}

/* Pushes from the edge, into an out that has just the room it has to have. Returns what recode_push() says. */
static int
push(struct recode *r, const unsigned char *p, size_t n, struct said *said)
{
	size_t bound = recode_bound(&r->args, n), used = SIZE_MAX;
	struct buf step = BUF_EMPTY(bound);

	if (n > 0)
		memcpy(edge - n, p, n);
	said->rc = recode_push(r, edge - n, n, SIZE_MAX, &used, &step, &said->err);
	if (n > 0)
		memset(edge - n, '#', n);
	CHECK(said->rc == 0 ? used == n : used < n);
	move(&step, &said->out, bound);
	buf_free(&step);
	return said->rc;
}

static struct said
hear(const struct recode_args *args, const unsigned char *in, size_t n, enum cut cut, uint32_t seed)
{
	struct said said = { .out = BUF_EMPTY(SIZE_MAX / 2), .err = ERR_EMPTY };
	size_t bound = recode_bound(args, 0), prefix = args->prefix != NULL ? strlen(args->prefix) : 0;
	struct buf step = BUF_EMPTY(bound);
	struct recode r;

	recode_init(&r, args);
	for (size_t at = 0, len; at < n && said.rc == 0; at += len) {
		len = piece_len(cut, at, n, &seed);
		push(&r, in + at, len, &said);
		CHECK(r.message.cap <= 2 * (at + len + prefix) + 512);
	}
	if (said.rc == 0) {
		said.rc = recode_finish(&r, &step, &said.err);
		move(&step, &said.out, bound);
	}
	said.messages = r.messages;
	said.ambiguous = r.ambiguous;
	CHECK(said.rc == 0 || said.rc == -1);
	CHECK(said.err.object[0] == '\0' && said.err.errnum == 0);	/* there was room for all of it */
	CHECK((said.err.kind == ERR_NONE) == (said.rc == 0) && (said.err.text[0] == '\0') == (said.rc == 0));
	buf_free(&step);
	recode_free(&r);
	CHECK(r.message.data == NULL && r.message.cap == 0);
	recode_free(&r);	/* accepts empty */
	return said;
}

static bool
same(const struct said *a, const struct said *b)
{
	return is(&a->out, out_bytes(&b->out), buf_len(&b->out)) && a->rc == b->rc && a->err.kind == b->err.kind &&
	    a->err.errnum == b->err.errnum && strcmp(a->err.text, b->err.text) == 0 && a->messages == b->messages &&
	    a->ambiguous == b->ambiguous;
}

static void
check_same(const struct said *want, struct said got)
{
	CHECK(same(want, &got));
	if (!same(want, &got))
		printf("\twhole: %zu bytes '%s', cut: %zu bytes '%s'\n", buf_len(&want->out), want->err.text,
		    buf_len(&got.out), got.err.text);
	buf_free(&got.out);
}

/* Never with more than a message in out at a time: the same. */
static void
check_enough(const struct recode_args *args, const unsigned char *in, size_t n, size_t enough, const struct said *want)
{
	struct said said = { .out = BUF_EMPTY(SIZE_MAX / 2), .err = ERR_EMPTY };
	struct buf step = BUF_EMPTY(enough + recode_bound(args, 1));
	struct recode r;
	size_t used;

	recode_init(&r, args);
	for (size_t at = 0; at < n && said.rc == 0; at += used) {
		said.rc = recode_push(&r, in + at, n - at, enough, &used, &step, &said.err);
		CHECK(used <= n - at && (used > 0 || said.rc < 0));
		CHECK(said.rc < 0 || at + used == n || buf_len(&step) >= enough);
		move(&step, &said.out, enough - 1 + recode_bound(args, 1));
		if (used == 0)
			break;
	}
	if (said.rc == 0) {
		said.rc = recode_finish(&r, &step, &said.err);
		move(&step, &said.out, recode_bound(args, 0));
	}
	said.messages = r.messages;
	said.ambiguous = r.ambiguous;
	check_same(want, said);
	buf_free(&step);
	recode_free(&r);
}

static void
all_ways(const struct recode_args *args, const unsigned char *in, size_t n, const struct said *want)
{
	if (n <= 2048)
		check_same(want, hear(args, in, n, BYTES, 0));
	check_same(want, hear(args, in, n, ENDS, 0));
	check_same(want, hear(args, in, n, RANDOM, 1));
	if (n <= 2048) {
		for (uint32_t seed = 2; seed < 6; seed++)
			check_same(want, hear(args, in, n, RANDOM, seed));
	}
}

static struct frame_format
format_of(const char *word)
{
	struct frame_format format = { .kind = FRAME_NONE };

	CHECK(frame_format_parse(&format, word, true));
	return format;
}

/* ---- from every format to every other ---- */

/* How frame.h says that a message is told apart. Notations are written by hand. */
static const struct shape {
	unsigned width;		/* bytes of the length in front */
	bool little;
	const char *end;
	size_t n_end, most;	/* most: how many bytes there is room for */
} shapes[] = {
	[FRAME_LINE] = { 0, false, IN("\n"), SIZE_MAX },
	[FRAME_NUL] = { 0, false, IN("\0"), SIZE_MAX },
	[FRAME_LEN8] = { 1, false, IN(""), 255 },
	[FRAME_LEN16] = { 2, false, IN(""), 65535 },
	[FRAME_LEN32] = { 4, false, IN(""), SIZE_MAX },
	[FRAME_LEN16LE] = { 2, true, IN(""), 65535 },
	[FRAME_LEN32LE] = { 4, true, IN(""), SIZE_MAX },
	[FRAME_VARINT] = { 0, false, IN(""), SIZE_MAX },
	[FRAME_NETSTRING] = { 0, false, IN(","), SIZE_MAX },
	[FRAME_FIXED] = { 0, false, IN(""), SIZE_MAX },
	[FRAME_HEX] = { 0, false, IN("\n"), SIZE_MAX },
	[FRAME_BASE64] = { 0, false, IN("\n"), SIZE_MAX },
	[FRAME_JSON] = { 0, false, IN("\"\n"), SIZE_MAX },
	[FRAME_RAW] = { 0, false, IN(""), SIZE_MAX },
};

static bool
has_room(const struct frame_format *format, size_t n)
{
	return format->kind == FRAME_FIXED ? n == format->fixed : n <= shapes[format->kind].most;
}

static void
put(struct buf *out, const void *p, size_t n)
{
	CHECK(buf_put(out, p, n));
}

/* What stands before a message. */
static void
put_head(struct buf *out, enum frame_kind kind, size_t n)
{
	const struct shape *shape = &shapes[kind];
	unsigned char head[32];
	size_t used = shape->width;

	for (unsigned i = 0; i < shape->width; i++)
		head[i] = (unsigned char)(n >> (8 * (shape->little ? i : shape->width - 1 - i)) & 255);
	if (kind == FRAME_VARINT) {
		for (; n >= 128; n /= 128)
			head[used++] = (unsigned char)(128 + n % 128);
		head[used++] = (unsigned char)n;
	} else if (kind == FRAME_NETSTRING)
		used = (size_t)snprintf((char *)head, sizeof(head), "%zu:", n);
	else if (kind == FRAME_JSON)
		head[used++] = '"';
	put(out, head, used);
}

static void
put_hex(struct buf *out, const unsigned char *p, size_t n)
{
	unsigned char *space = buf_space(out, 2 * n + 1);

	for (size_t i = 0; space != NULL && i < 2 * n; i++)
		space[i] = (unsigned char)"0123456789abcdef"[i % 2 == 0 ? p[i / 2] / 16 : p[i / 2] % 16];
	buf_added(out, 2 * n);
}

static void
put_base64(struct buf *out, const unsigned char *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = (n + 2) / 3 * 4;
	unsigned char *space = buf_space(out, len + 1);

	for (size_t i = 0; space != NULL && i < len; i++) {
		size_t bit = i * 6, at = bit / 8;
		unsigned two = (at < n ? p[at] * 256U : 0) + (at + 1 < n ? p[at + 1] : 0);
		space[i] = at >= n ? '=' : (unsigned char)digits[two >> (10 - bit % 8) & 63];
	}
	buf_added(out, len);
}

/* Writes a frame without the functions that are tested: p has no LF, no NUL and nothing that json escapes. */
static void
put_frame(struct buf *out, enum frame_kind kind, const unsigned char *p, size_t n)
{
	put_head(out, kind, n);
	if (kind == FRAME_HEX)
		put_hex(out, p, n);
	else if (kind == FRAME_BASE64)
		put_base64(out, p, n);
	else
		put(out, p, n);
	put(out, shapes[kind].end, shapes[kind].n_end);
}

static unsigned char text[MIB];	/* printable, and nothing that json escapes; digits, ':' and ',' are among it */

static void
make_text(void)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)('#' + (i * 31 + i / 977) % 57);	/* up to '[' */
}

/* Three messages, of which the second is empty, where both formats can tell them apart. */
static void
pair(struct frame_format from, struct frame_format to, size_t n)
{
	size_t sizes[] = { n, 0, n };
	size_t count = from.kind == FRAME_RAW ? n > 0 : n == MIB ? 2 : N(sizes);
	struct recode_args args = { .from = from, .to = to, .max = (int64_t)n, .from_local = true };
	struct buf in = BUF_EMPTY(EDGE_ROOM), want = BUF_EMPTY(EDGE_ROOM);
	uint64_t messages = 0;
	char name[32], words[128] = "";
	int failures = check_failures;
	struct said said;

	for (size_t i = 0; i < count; i++) {
		if (from.kind == FRAME_FIXED && sizes[i] == 0)
			continue;
		put_frame(&in, from.kind, text + i, sizes[i]);
		if (words[0] == '\0' && !has_room(&to, sizes[i])) {
			snprintf(words, sizeof(words), "a message of %zu bytes does not fit %s", sizes[i],
			    frame_format_name(&to, name, sizeof(name)));
		} else if (words[0] == '\0') {
			put_frame(&want, to.kind, text + i, sizes[i]);
			messages++;
		}
	}
	said = hear(&args, out_bytes(&in), buf_len(&in), WHOLE, 0);
	CHECK(is(&said.out, out_bytes(&want), buf_len(&want)));
	CHECK_TEXT(said.err.text, words);
	CHECK_INT(said.err.kind, words[0] != '\0' ? ERR_LIMIT : ERR_NONE);
	CHECK_INT(said.messages, messages);
	CHECK(!said.ambiguous);
	all_ways(&args, out_bytes(&in), buf_len(&in), &said);
	if (n <= 256) {
		check_enough(&args, out_bytes(&in), buf_len(&in), 1, &said);
		check_enough(&args, out_bytes(&in), buf_len(&in), 300, &said);
	}
	if (check_failures != failures)
		printf("\tfrom kind %d to kind %d, %zu bytes\n", from.kind, to.kind, n);
	buf_free(&said.out);
	buf_free(&in);
	buf_free(&want);
}

static void
pairs(void)
{
	static const size_t sizes[] = { 0, 1, 255, 256, 65535, 65536, MIB };

	make_text();
	for (size_t i = 0; i < N(sizes); i++) {
		size_t n = sizes[i];
		for (enum frame_kind f = FRAME_LINE; f <= FRAME_RAW; f++) {
			struct frame_format from = { .kind = f, .fixed = n };
			if (!has_room(&from, n) || (f == FRAME_FIXED && n == 0))
				continue;
			for (enum frame_kind t = FRAME_LINE; t <= FRAME_RAW; t++) {
				if (n < MIB || f == FRAME_LEN32 || t == FRAME_LEN32 || f == t)
					pair(from, (struct frame_format){ .kind = t, .fixed = n + (n == 0) }, n);
			}
		}
	}
}

/* ---- rows: what comes, what it becomes, and what is said ---- */

/* Whose bytes come: kinds are a peer's, and ours are ERR_LOCAL instead of ERR_PROTOCOL and ERR_BROKEN. */
#define PEER	0x01
#define OURS	0x02
#define TO_LOCAL 0x04
#define CRLF	0x08
#define GUARD	0x10
#define AMBIGUOUS 0x20
#define ANY	(PEER | OURS)

#define LF_IN_LINE "a message contains LF, which ends one in line"
#define LONGER(n) ", longer than --max-message " #n

struct row {
	const char *from, *to;
	int64_t max;
	unsigned flags;
	const char *prefix;
	const char *in;
	size_t n;
	const char *want;
	size_t n_want;
	unsigned messages;
	enum err_kind kind;
	const char *words;
};

#define FINE ERR_NONE, ""

static void
check_row_as(const struct row *row, bool ours)
{
	struct recode_args args = { .from = format_of(row->from), .to = format_of(row->to), .max = row->max,
	    .prefix = row->prefix, .from_local = ours, .to_local = row->flags & TO_LOCAL, .crlf = row->flags & CRLF,
	    .guard = row->flags & GUARD };
	bool fault = row->kind == ERR_PROTOCOL || row->kind == ERR_BROKEN;
	const unsigned char *in = (const unsigned char *)row->in;
	struct said said = hear(&args, in, row->n, WHOLE, 0);
	int failures = check_failures;

	CHECK(is(&said.out, row->want, row->n_want));
	CHECK_TEXT(said.err.text, row->words);
	CHECK_INT(said.err.kind, ours && fault ? ERR_LOCAL : row->kind);
	CHECK_INT(said.messages, row->messages);
	CHECK_INT(said.ambiguous, (row->flags & AMBIGUOUS) != 0);
	all_ways(&args, in, row->n, &said);
	for (size_t enough = 1; enough < 9; enough++)
		check_enough(&args, in, row->n, enough, &said);
	if (check_failures != failures)
		printf("\t%s to %s, %s: '%s' became '%.*s'\n", row->from, row->to, ours ? "ours" : "a peer's", row->in,
		    (int)buf_len(&said.out), (const char *)out_bytes(&said.out));
	buf_free(&said.out);
}

static void
check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].flags & PEER)
			check_row_as(&rows[i], false);
		if (rows[i].flags & OURS)
			check_row_as(&rows[i], true);
	}
}

static void
limits(void)
{
	static const struct row rows[] = {
		{ "line", "len8", 3, ANY, NULL, IN("abc\n\nd\n"), IN("\3abc\0\1d"), 3, FINE },
		{ "line", "len8", 3, ANY, NULL, IN("a\n\nabcd\n"), IN("\1a\0"), 2, ERR_LIMIT,
		    "a message of more than 3 bytes" LONGER(3) },
		{ "line", "len8", 3, ANY, NULL, IN("a\nabcd"), IN("\1a"), 1, ERR_LIMIT,
		    "a message of more than 3 bytes" LONGER(3) },
		{ "len16", "line", 3, ANY, NULL, IN("\0\3abc\0\4"), IN("abc\n"), 1, ERR_LIMIT,
		    "a message of 4 bytes" LONGER(3) },
		{ "len32", "line", 1048576, ANY, NULL, IN("GET / HTTP/1.1\r\n"), IN(""), 0, ERR_LIMIT,
		    "a message of 1195725856 bytes" LONGER(1048576) },
		{ "fixed:4", "line", 3, ANY, NULL, IN("a"), IN(""), 0, ERR_LIMIT, "a message of 4 bytes" LONGER(3) },
		{ "netstring", "line", 3, ANY, NULL, IN("3:abc,4:abcd,"), IN("abc\n"), 1, ERR_LIMIT,
		    "a message of 4 bytes" LONGER(3) },
		{ "raw", "len8", 3, ANY, NULL, IN("abcd"), IN(""), 0, ERR_LIMIT,
		    "a message of more than 3 bytes" LONGER(3) },

		/* No room in the new format. */
		{ "line", "fixed:3", 9, ANY, NULL, IN("abc\nabcd\nabc\n"), IN("abc"), 1, ERR_LIMIT,
		    "a message of 4 bytes does not fit fixed:3" },
		{ "line", "fixed:3", 9, ANY, NULL, IN("abc\nde\n"), IN("abc"), 1, ERR_LIMIT,
		    "a message of 2 bytes does not fit fixed:3" },
		{ "line", "fixed:2", 9, ANY, NULL, IN("a\n"), IN(""), 0, ERR_LIMIT,
		    "a message of 1 byte does not fit fixed:2" },
		{ "line", "fixed:1", 9, ANY, NULL, IN("a\n\nb\n"), IN("a"), 1, ERR_LIMIT,
		    "a message of 0 bytes does not fit fixed:1" },
		{ "line", "fixed:3", 9, OURS, NULL, IN("abc\nde"), IN("abc"), 1, ERR_LIMIT,
		    "a message of 2 bytes does not fit fixed:3" },

		/* What ends a message is in it: towards the wire a fault, here a warning. */
		{ "nul", "line", 9, ANY, NULL, IN("ab\0c\nd\0e\0"), IN("ab\n"), 1, ERR_LIMIT, LF_IN_LINE },
		{ "line", "nul", 9, ANY, NULL, IN("ab\nc\0d\ne\n"), IN("ab\0"), 1, ERR_LIMIT,
		    "a message contains NUL, which ends one in nul" },
		{ "nul", "line", 9, OURS, NULL, IN("ab\0\n"), IN("ab\n"), 1, ERR_LIMIT, LF_IN_LINE },
		{ "nul", "line", 9, ANY | TO_LOCAL | AMBIGUOUS, NULL, IN("ab\0c\nd\0e\0"), IN("ab\nc\nd\ne\n"), 3,
		    FINE },
		{ "line", "nul", 9, ANY | TO_LOCAL | AMBIGUOUS, NULL, IN("\0\n"), IN("\0\0"), 1, FINE },
		{ "line", "nul", 9, ANY | TO_LOCAL, NULL, IN("ab\nc\n"), IN("ab\0c\0"), 2, FINE },
		{ "len8", "line", 9, ANY | TO_LOCAL | AMBIGUOUS, NULL, IN("\1\n\1a"), IN("\n\na\n"), 2, FINE },
		{ "len8", "json", 9, ANY | TO_LOCAL, NULL, IN("\3\n\0\r\1a"), IN("\"\\n\\u0000\\r\"\n\"a\"\n"), 2,
		    FINE },
		{ "len8", "hex", 9, ANY | TO_LOCAL, NULL, IN("\2\n\0"), IN("0a00\n"), 1, FINE },
		{ "len8", "base64", 9, ANY | TO_LOCAL, NULL, IN("\3\n\0\n"), IN("CgAK\n"), 1, FINE },
		{ "len8", "raw", 9, ANY | TO_LOCAL, NULL, IN("\3\n\0\n\0\1a"), IN("\n\0\na"), 3, FINE },
		{ "nul", "netstring", 9, ANY, NULL, IN("\n,\0\0"), IN("2:\n,,0:,"), 2, FINE },
	};

	check_rows(rows, N(rows));
}

static void
faults(void)
{
	static const struct row rows[] = {
		{ "netstring", "line", 9, ANY, NULL, IN("1:a,xyz"), IN("a\n"), 1, ERR_PROTOCOL,
		    "a netstring begins with 'x'" },
		{ "netstring", "line", 9, ANY, NULL, IN("1:a,2:abc,"), IN("a\n"), 1, ERR_PROTOCOL,
		    "a netstring of 2 bytes ends with 'c' in place of ','" },
		{ "varint", "hex", 9, ANY, NULL, IN("\1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\2"), IN("61\n"), 1,
		    ERR_PROTOCOL, "a varint of more than 64 bits" },
		{ "hex", "line", 9, ANY, NULL, IN("61\n6\n62\n"), IN("a\n"), 1, ERR_PROTOCOL, "line 2 is not hex" },
		{ "base64", "line", 9, ANY, NULL, IN("YQ==\n\nYQ\n"), IN("a\n\n"), 2, ERR_PROTOCOL,
		    "line 3 is not base64" },
		{ "json", "line", 9, ANY, NULL, IN("a\n\"b\"\n"), IN(""), 0, ERR_PROTOCOL, "line 1 is not json" },
		{ "json", "line", 9, ANY, NULL, IN("\"a\"\n\n\"b\"\n"), IN("a\n"), 1, ERR_PROTOCOL,
		    "line 2 is not json" },
		{ "hex", "line", 9, OURS, NULL, IN("61\n6"), IN("a\n"), 1, ERR_PROTOCOL, "line 2 is not hex" },

		/* The end in the middle of one, where that is no end of it. */
		{ "len8", "line", 9, ANY, NULL, IN("\1a\5ab"), IN("a\n"), 1, ERR_BROKEN,
		    "ended with 2 of 5 bytes of a message" },
		{ "len16", "line", 9, ANY, NULL, IN("\0\1a\0"), IN("a\n"), 1, ERR_BROKEN,
		    "ended with 1 of 2 bytes of a length" },
		{ "len16le", "line", 9, ANY, NULL, IN("\1\0a\1\0"), IN("a\n"), 1, ERR_BROKEN,
		    "ended with 0 of 1 byte of a message" },
		{ "len32", "line", 9, ANY, NULL, IN("\0\0\0"), IN(""), 0, ERR_BROKEN,
		    "ended with 3 of 4 bytes of a length" },
		{ "len32le", "line", 9, ANY, NULL, IN("\2\0\0\0a"), IN(""), 0, ERR_BROKEN,
		    "ended with 1 of 2 bytes of a message" },
		{ "varint", "line", 9, ANY, NULL, IN("\0\x80"), IN("\n"), 1, ERR_BROKEN,
		    "ended with 1 byte of a length without its end" },
		{ "netstring", "line", 9, ANY, NULL, IN("0:,2:ab"), IN("\n"), 1, ERR_BROKEN,
		    "ended with a message of 2 bytes without its ','" },
		{ "fixed:3", "line", 9, ANY, NULL, IN("abcde"), IN("abc\n"), 1, ERR_BROKEN,
		    "ended with 2 of 3 bytes of a message" },

		/* Ours may go without an end, a peer's may not. */
		{ "line", "len8", 9, PEER, NULL, IN("a\nbc"), IN("\1a"), 1, ERR_BROKEN,
		    "ended with 2 bytes of a line without its end" },
		{ "nul", "len8", 9, PEER, NULL, IN("a\0b"), IN("\1a"), 1, ERR_BROKEN,
		    "ended with 1 byte of a message without its end" },
		{ "hex", "len8", 9, PEER, NULL, IN("61"), IN(""), 0, ERR_BROKEN,
		    "ended with 2 bytes of a line without its end" },
		{ "raw", "len8", 9, PEER, NULL, IN("a\nb"), IN(""), 0, ERR_BROKEN, "ended with 3 bytes of a message" },
		{ "line", "len8", 9, OURS, NULL, IN("a\nbc"), IN("\1a\2bc"), 2, FINE },
		{ "nul", "len8", 9, OURS, NULL, IN("a\0b"), IN("\1a\1b"), 2, FINE },
		{ "hex", "len8", 9, OURS, NULL, IN("61\n6263"), IN("\1a\2bc"), 2, FINE },
		{ "base64", "len8", 9, OURS, NULL, IN("YQ==\nYg=="), IN("\1a\1b"), 2, FINE },
		{ "json", "len8", 9, OURS, NULL, IN("\"a\"\n\"\""), IN("\1a\0"), 2, FINE },
		{ "raw", "len8", 9, OURS, NULL, IN("a\nb"), IN("\3a\nb"), 1, FINE },

		/* Nothing came, or nothing but whole messages: nothing is made up. */
		{ "line", "len8", 9, ANY, "p", IN(""), IN(""), 0, FINE },
		{ "raw", "len8", 9, ANY, "p", IN(""), IN(""), 0, FINE },
		{ "json", "line", 9, ANY, NULL, IN(""), IN(""), 0, FINE },
		{ "fixed:1", "line", 9, ANY, "p", IN("a"), IN("pa\n"), 1, FINE },
	};

	check_rows(rows, N(rows));
}

/* Messages that come as text: as long as max when they are read, however long the line was. */
static void
notations(void)
{
	static const struct row rows[] = {
		{ "hex", "line", 2, ANY, NULL, IN("6162\n\n61\n"), IN("ab\n\na\n"), 3, FINE },
		{ "hex", "line", 2, ANY, NULL, IN("61 62 \t\r\n4A4b\n"), IN("ab\nJK\n"), 2, FINE },
		{ "hex", "line", 2, ANY, NULL, IN("61\n616263\n"), IN("a\n"), 1, ERR_LIMIT,
		    "a message of 3 bytes" LONGER(2) },
		{ "base64", "line", 3, ANY, NULL, IN("YWJj\r\nYWJjZA==\n"), IN("abc\n"), 1, ERR_LIMIT,
		    "a message of 4 bytes" LONGER(3) },
		{ "json", "line", 2, ANY, NULL, IN("\"\\u0061\\u0062\"\n\"abc\"\n"), IN("ab\n"), 1, ERR_LIMIT,
		    "a message of 3 bytes" LONGER(2) },
		{ "json", "nul", 4, ANY, NULL, IN(" \"\\ud834\\udd1e\" \r\n\"a\\nb\"\n"),
		    IN("\xf0\x9d\x84\x9e\0a\nb\0"), 2, FINE },
		{ "json", "len8", 4, ANY, NULL, IN("\"\\udcff\\u0000\"\n"), IN("\2\xff\0"), 1, FINE },
		{ "json", "line", 4, ANY, NULL, IN("\"a\\nb\"\n"), IN(""), 0, ERR_LIMIT, LF_IN_LINE },
		{ "hex", "json", 4, ANY, NULL, IN("22 5c 1b 41\n"), IN("\"\\\"\\\\\\u001bA\"\n"), 1, FINE },
		{ "base64", "hex", 4, ANY, NULL, IN("AAH/\n\n"), IN("0001ff\n\n"), 2, FINE },
		{ "json", "base64", 4, ANY, NULL, IN("\"\"\n\"ab\"\n"), IN("\nYWI=\n"), 2, FINE },
		{ "hex", "fixed:2", 4, ANY, NULL, IN("6162\n616\n"), IN("ab"), 1, ERR_PROTOCOL, "line 2 is not hex" },
	};
	/* A line that goes on and on is no message, whatever it says: hex may have blanks, but not for ever. */
	struct recode_args args = { .from = format_of("hex"), .to = format_of("line"), .max = 1 };
	unsigned char blanks[1000] = "61";
	struct said said;

	check_rows(rows, N(rows));
	memset(blanks + 2, ' ', sizeof(blanks) - 2);
	said = hear(&args, blanks, sizeof(blanks), WHOLE, 0);
	CHECK(said.rc < 0 && said.err.kind == ERR_LIMIT && buf_len(&said.out) == 0);
	all_ways(&args, blanks, sizeof(blanks), &said);
	buf_free(&said.out);
}

static void
changed(void)
{
	static const struct row rows[] = {
		/* A prefix is part of the message, but not of what --max-message speaks of. */
		{ "line", "len8", 1, ANY, "ab", IN("c\n\nd\n"), IN("\3abc\2ab\3abd"), 3, FINE },
		{ "len8", "line", 1, ANY, "ab: ", IN("\1c\0"), IN("ab: c\nab: \n"), 2, FINE },
		{ "fixed:2", "netstring", 2, ANY, "x", IN("abcd"), IN("3:xab,3:xcd,"), 2, FINE },
		{ "line", "fixed:3", 9, ANY, "x", IN("ab\nabc\n"), IN("xab"), 1, ERR_LIMIT,
		    "a message of 4 bytes does not fit fixed:3" },
		{ "line", "len8", 1, ANY, "ab", IN("c\ncd\n"), IN("\3abc"), 1, ERR_LIMIT,
		    "a message of more than 1 byte" LONGER(1) },
		{ "line", "line", 9, ANY, "\n", IN("a\n"), IN(""), 0, ERR_LIMIT, LF_IN_LINE },
		{ "line", "line", 9, ANY, "", IN("a\n\n"), IN("a\n\n"), 2, FINE },
		{ "nul", "hex", 9, OURS, "a", IN("b\0\0c"), IN("6162\n61\n6163\n"), 3, FINE },
		{ "raw", "line", 9, OURS, "a", IN("b"), IN("ab\n"), 1, FINE },
		{ "nul", "line", 9, PEER, "a", IN("b"), IN(""), 0, ERR_BROKEN,
		    "ended with 1 byte of a message without its end" },

		/* CR LF ends a line, and is not doubled; other formats have no line ends of theirs. */
		{ "nul", "line", 9, ANY | CRLF, NULL, IN("a\0b\r\0\0\r\0\r\r\0c\rd\0"),
		    IN("a\r\nb\r\n\r\n\r\n\r\r\nc\rd\r\n"), 6, FINE },
		{ "line", "line", 9, OURS | CRLF, NULL, IN("a\r\nb"), IN("a\r\nb\r\n"), 2, FINE },
		{ "line", "line", 9, ANY | CRLF, "x", IN("\n"), IN("x\r\n"), 1, FINE },
		{ "line", "line", 9, ANY | CRLF, "x\r", IN("\n\r\n"), IN("x\r\nx\r\r\n"), 2, FINE },
		{ "json", "line", 9, ANY | CRLF, NULL, IN("\"a\\r\"\n\"a\"\n"), IN("a\r\na\r\n"), 2, FINE },
		{ "line", "nul", 9, ANY | CRLF, NULL, IN("a\n"), IN("a\0"), 1, FINE },
		{ "line", "netstring", 9, ANY | CRLF, NULL, IN("a\n"), IN("1:a,"), 1, FINE },
		{ "line", "hex", 9, ANY | CRLF, NULL, IN("a\n"), IN("61\n"), 1, FINE },
		{ "line", "fixed:1", 9, ANY | CRLF, NULL, IN("a\n"), IN("a"), 1, FINE },
		{ "line", "raw", 9, ANY | CRLF, NULL, IN("a\n"), IN("a"), 1, FINE },

		/* For a terminal: no byte that drives it, and each message is judged alone. */
		{ "nul", "line", 9, ANY | GUARD | TO_LOCAL | AMBIGUOUS, NULL, IN("\x1b[0m\0a\nb\t\0\xc3\xa9\0"),
		    IN("\\x1b[0m\na\nb\t\n\xc3\xa9\n"), 3, FINE },
		{ "len8", "line", 9, ANY | GUARD, NULL, IN("\1\xc3\1\xa9\2\ra\1\0"),
		    IN("\\xc3\n\\xa9\n\\x0da\n\\x00\n"), 4, FINE },
		{ "len8", "raw", 9, ANY | GUARD, NULL, IN("\1\xc3\1\xa9\1a\1\x1b"), IN("\\xc3\\xa9a\\x1b"), 4, FINE },
		{ "line", "len8", 30, ANY | GUARD, NULL,
		    IN("a\nabcdefghi\nabcdefghij\nabcdefghijklmnopqrstuvwxyz!\n"),
		    IN("\\x01a\tabcdefghi\nabcdefghij\\x1babcdefghijklmnopqrstuvwxyz!"), 4, FINE },
		{ "line", "len16", 9, ANY | GUARD, NULL, IN("\a\n"), IN("\\x00\\x01\\x07"), 1, FINE },
		{ "line", "len32le", 9, ANY | GUARD, NULL, IN("\n"), IN("\\x00\\x00\\x00\\x00"), 1, FINE },
		{ "line", "varint", 9, ANY | GUARD, NULL, IN("a\n"), IN("\\x01a"), 1, FINE },
		{ "line", "netstring", 9, ANY | GUARD, NULL, IN("\a\n"), IN("1:\\x07,"), 1, FINE },
		{ "line", "fixed:1", 9, ANY | GUARD, NULL, IN("\a\n"), IN("\\x07"), 1, FINE },
		{ "line", "nul", 9, ANY | GUARD, NULL, IN("\a\n"), IN("\\x07\0"), 1, FINE },
		{ "line", "line", 9, ANY | GUARD, "\a", IN("a\n"), IN("\\x07a\n"), 1, FINE },
		{ "line", "hex", 9, ANY | GUARD, NULL, IN("\a\n"), IN("07\n"), 1, FINE },
		{ "line", "json", 9, ANY | GUARD, NULL, IN("\a\xc2\x9b\xff\n"), IN("\"\\u0007\\u009b\\udcff\"\n"), 1,
		    FINE },
	};
	static unsigned char long_one[257];
	struct recode_args args = { .from = format_of("line"), .to = format_of("len8"), .max = 300,
	    .prefix = "prefix" };
	struct said said;

	check_rows(rows, N(rows));

	/* The prefix makes it a byte too long for the field. */
	memset(long_one, 'a', 250);
	long_one[249] = '\n';
	said = hear(&args, long_one, 250, WHOLE, 0);
	CHECK(said.rc == 0 && buf_len(&said.out) == 256 && out_bytes(&said.out)[0] == 255);
	buf_free(&said.out);
	long_one[249] = 'a';
	long_one[250] = '\n';
	said = hear(&args, long_one, 251, WHOLE, 0);
	CHECK_TEXT(said.err.text, "a message of 256 bytes does not fit len8");
	CHECK(said.err.kind == ERR_LIMIT && buf_len(&said.out) == 0);
	all_ways(&args, long_one, 251, &said);
	buf_free(&said.out);
}

/* ---- how much at a time ---- */

static void
stops(void)
{
	static const unsigned char in[] = "aa\nbb\n\ncc\nd";
	struct recode_args args = { .from = format_of("line"), .to = format_of("len8"), .max = 9, .from_local = true };
	struct buf out = BUF_EMPTY(64);
	struct err err = ERR_EMPTY;
	struct recode r;
	size_t used = 99, n = sizeof(in) - 1;

	recode_init(&r, &args);
	CHECK(recode_push(&r, in, n, 0, &used, &out, &err) == 0 && used == 0 && buf_len(&out) == 0);
	CHECK(recode_push(&r, in, n, 1, &used, &out, &err) == 0 && used == 3 && is(&out, IN("\2aa")));
	CHECK(recode_push(&r, in + 3, n - 3, 3, &used, &out, &err) == 0 && used == 0 && is(&out, IN("\2aa")));
	CHECK(recode_push(&r, in + 3, n - 3, 4, &used, &out, &err) == 0 && used == 3 && is(&out, IN("\2aa\2bb")));
	CHECK(r.messages == 2);
	CHECK(recode_push(&r, in + 6, n - 6, 8, &used, &out, &err) == 0 && used == 4);
	CHECK(is(&out, IN("\2aa\2bb\0\2cc")));
	CHECK(recode_push(&r, in + 10, n - 10, 8, &used, &out, &err) == 0 && used == 0);
	CHECK(recode_push(&r, in + 10, n - 10, 99, &used, &out, &err) == 0 && used == 1);
	CHECK(recode_push(&r, NULL, 0, SIZE_MAX, &used, &out, &err) == 0 && used == 0);
	CHECK(r.messages == 4 && is(&out, IN("\2aa\2bb\0\2cc")));
	CHECK(recode_finish(&r, &out, &err) == 0 && r.messages == 5 && is(&out, IN("\2aa\2bb\0\2cc\1d")));
	CHECK(err.kind == ERR_NONE);
	recode_free(&r);

	/* What is behind a fault is not reached, and the fault not before there is room to reach it. */
	recode_init(&r, &args);
	r.args.to = format_of("fixed:2");
	buf_free(&out);
	CHECK(recode_push(&r, (const unsigned char *)"aa\nb\ncc\n", 8, 1, &used, &out, &err) == 0 && used == 3);
	CHECK(recode_push(&r, (const unsigned char *)"b\ncc\n", 5, 2, &used, &out, &err) == 0 && used == 0);
	CHECK(recode_push(&r, (const unsigned char *)"b\ncc\n", 5, 3, &used, &out, &err) < 0 && used == 0);
	CHECK(err.kind == ERR_LIMIT && is(&out, IN("aa")));
	recode_free(&r);
	buf_free(&out);
}

/* What came in one push is a lot of: messages as short as they can be, and bytes that grow the most. hear() counts. */
static void
bounds(void)
{
	static const char *const tos[] = { "line", "nul", "len8", "len16", "len32", "len32le", "varint", "netstring",
	    "fixed:1", "hex", "base64", "json", "raw" };
	static const char *const prefixes[] = { NULL, "\x01\x02\x03\x04\x05\x06\x07",
	    "sixty-four bytes, more than what stands around a message takes: " };
	static const char *const froms[] = { "line", "nul", "len8", "varint", "fixed:1", "raw" };
	static unsigned char in[4096];

	for (size_t kind = 0; kind < 3; kind++) {
		/* Nothing but ends, which are empty messages as well; bytes without; and both. */
		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = kind == 1 ? 0x1b : kind == 2 && i % 2 == 0 ? 1 : i % 4 == 3 ? '\n' : '\0';
		for (size_t i = 0; i < N(tos) * N(froms) * N(prefixes) * 4; i++) {
			struct recode_args args = { .from = format_of(froms[i / 4 % N(froms)]), .max = 4096,
			    .to = format_of(tos[i / 4 / N(froms) % N(tos)]), .crlf = i & 1, .guard = i & 2,
			    .prefix = prefixes[i / 4 / N(froms) / N(tos)], .from_local = true, .to_local = true };
			struct said said;
			if (args.to.kind == FRAME_FIXED && args.prefix != NULL)
				args.to.fixed = strlen(args.prefix);
			said = hear(&args, in, sizeof(in), WHOLE, 0);
			check_same(&said, hear(&args, in, sizeof(in), ENDS, 0));
			check_same(&said, hear(&args, in, sizeof(in), RANDOM, 7));
			buf_free(&said.out);
		}
	}
}

/* How much memory is held when len bytes came of a message that is said to be long. */
static void
holds(const char *from, const char *to, const char *head, size_t n_head, int64_t max)
{
	struct recode_args args = { .from = format_of(from), .to = format_of(to), .max = max, .from_local = true };
	struct buf out = BUF_EMPTY(SIZE_MAX / 2);
	struct err err = ERR_EMPTY;
	unsigned char chunk[1000];
	struct recode r;
	size_t used, came = 0;

	memset(chunk, '1', sizeof(chunk));
	recode_init(&r, &args);
	CHECK(recode_push(&r, (const unsigned char *)head, n_head, SIZE_MAX, &used, &out, &err) == 0 && used == n_head);
	CHECK(r.message.cap == 0);
	CHECK(recode_push(&r, chunk, 1, SIZE_MAX, &used, &out, &err) == 0);
	CHECK(buf_len(&r.message) == 1 && r.message.cap <= 512);
	for (came = 1; came < 100000; came += sizeof(chunk)) {
		CHECK(recode_push(&r, chunk, sizeof(chunk), SIZE_MAX, &used, &out, &err) == 0 && used == sizeof(chunk));
		CHECK(buf_len(&r.message) == came + sizeof(chunk) && r.message.cap <= 2 * (came + sizeof(chunk)));
	}
	CHECK(out.cap == 0);
	recode_free(&r);
	CHECK(r.message.data == NULL && r.message.cap == 0 && buf_len(&r.message) == 0);
}

static void
memory(void)
{
	const int64_t gib = 1024 * 1024 * 1024;
	struct recode_args args = { .from = format_of("len32"), .to = format_of("line"), .max = gib };
	struct buf out = BUF_EMPTY(4096);
	struct err err = ERR_EMPTY;
	struct recode r;
	size_t used;

	holds("len32", "line", IN("\x40\0\0\0"), gib);
	holds("len32", "json", IN("\xff\xff\xff\xff"), UINT32_MAX);
	holds("len32le", "raw", IN("\0\0\0\x40"), gib);
	holds("varint", "len32", IN("\x80\x80\x80\x80\4"), gib);
	holds("netstring", "hex", IN("1073741824:"), gib);
	holds("fixed:1073741824", "line", IN(""), gib);
	holds("line", "len32", IN(""), gib);
	holds("hex", "json", IN(""), gib);
	holds("base64", "line", IN(""), gib);
	holds("json", "netstring", IN(""), gib);
	holds("raw", "line", IN(""), gib);

	/* A length that is more than max is refused before anything is kept. */
	recode_init(&r, &args);
	CHECK(recode_push(&r, (const unsigned char *)"\xff\xff\xff\xff", 4, SIZE_MAX, &used, &out, &err) < 0);
	CHECK(r.message.cap == 0 && err.kind == ERR_LIMIT);
	CHECK_TEXT(err.text, "a message of 4294967295 bytes, longer than --max-message 1073741824");
	recode_free(&r);

	/* A message that comes whole is not kept, and one that was kept leaves nothing. */
	recode_init(&r, &args);
	CHECK(recode_push(&r, (const unsigned char *)"\0\0\0\1a\0\0\0\0", 9, SIZE_MAX, &used, &out, &err) == 0);
	CHECK(r.message.cap == 0 && is(&out, IN("a\n\n")));
	CHECK(recode_push(&r, (const unsigned char *)"\0\0\0\2a", 5, SIZE_MAX, &used, &out, &err) == 0);
	CHECK(r.message.cap > 0);
	CHECK(recode_push(&r, (const unsigned char *)"b\0\0\0\1", 5, SIZE_MAX, &used, &out, &err) == 0);
	CHECK(r.message.cap == 0 && is(&out, IN("a\n\nab\n")));
	recode_free(&r);
	buf_free(&out);
}

/* As if without memory: out has room for so many bytes, and all there is room for are whole messages. */
static void
no_room(const char *from, const char *to, unsigned flags, const char *in, size_t n, size_t first, size_t second)
{
	struct recode_args args = { .from = format_of(from), .to = format_of(to), .max = 9, .from_local = true,
	    .crlf = flags & CRLF, .guard = flags & GUARD };

	for (size_t room = 0; room <= first + second; room++) {
		struct buf out = BUF_EMPTY(room);
		struct err err = ERR_EMPTY;
		struct recode r;
		size_t used;
		int rc;
		recode_init(&r, &args);
		rc = recode_push(&r, (const unsigned char *)in, n, SIZE_MAX, &used, &out, &err);
		if (rc == 0)
			rc = recode_finish(&r, &out, &err);
		CHECK_INT(rc, room < first + second ? -1 : 0);
		CHECK_INT(buf_len(&out), room < first ? 0 : room < first + second ? first : first + second);
		CHECK_INT(r.messages, (room >= first) + (room >= first + second));
		CHECK(rc == 0 || (err.kind == ERR_LIMIT && err.errnum == ENOMEM && err.object[0] == '\0'));
		if (rc < 0)
			CHECK(strncmp(err.text, "message: ", 9) == 0);
		recode_free(&r);
		buf_free(&out);
	}
}

static void
without_memory(void)
{
	struct recode_args args = { .from = format_of("line"), .to = format_of("line"), .max = 9, .prefix = "abc" };
	struct buf out = BUF_EMPTY(64);
	struct err err;
	struct recode r;
	size_t used;

	no_room("line", "line", 0, IN("ab\nc\n"), 3, 2);
	no_room("line", "line", CRLF, IN("ab\nc"), 4, 3);
	no_room("line", "line", GUARD, IN("ab\x1b\n\x1b"), 7, 5);
	no_room("line", "len16", 0, IN("ab\nc"), 4, 3);
	no_room("line", "len8", GUARD, IN("ab\n\r\n"), 6, 8);
	no_room("line", "netstring", 0, IN("ab\nc\n"), 5, 4);
	no_room("line", "fixed:2", 0, IN("ab\ncd\n"), 2, 2);
	no_room("line", "hex", 0, IN("ab\nc\n"), 5, 3);
	no_room("hex", "json", 0, IN("6162\n00\n"), 5, 9);
	no_room("nul", "base64", 0, IN("ab\0\0"), 5, 1);

	/* And for what is kept: neither the prefix nor the bytes. */
	for (size_t room = 0; room < 5; room++) {
		recode_init(&r, &args);
		r.message.max = room;
		CHECK(recode_push(&r, (const unsigned char *)"xy", 2, SIZE_MAX, &used, &out, &err) < 0);
		CHECK(err.kind == ERR_LIMIT && err.errnum == ENOMEM && buf_len(&out) == 0 && r.messages == 0);
		recode_free(&r);
		recode_init(&r, &args);
		r.message.max = room;
		CHECK(recode_push(&r, (const unsigned char *)"xy\n", 3, SIZE_MAX, &used, &out, &err) < 0);
		CHECK(err.kind == ERR_LIMIT && err.errnum == ENOMEM && buf_len(&out) == 0 && r.messages == 0);
		recode_free(&r);
	}
	buf_free(&out);
}

int
main(void)
{
	CHECK(make_edge());
	if (edge == NULL)
		return check_done("recode");
	limits();
	faults();
	notations();
	changed();
	stops();
	bounds();
	memory();
	without_memory();
	pairs();
	return check_done("recode");
}
