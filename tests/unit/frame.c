/*
 * Frames: whole, byte by byte, split at every place and at a page's edge, the same messages come out, with the same
 * verdict and the same words; what is stamped is cut again; limits hold to the byte.
 */
#include "lib/wire/frame.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/check.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* What was heard of a stream: its messages one behind the other, a piece of one that was cut off as well. */
struct heard {
	unsigned char *bytes;
	size_t n, *ends, n_ends;	/* ends: where each whole message ends in bytes */
	size_t used;
	enum frame_verdict verdict;	/* the last one */
	bool fine;			/* each answer was one that frame.h allows */
	bool cut;
	char words[128];
};

static struct heard
heard_new(size_t n)
{
	struct heard heard = { .bytes = malloc(n + 1), .ends = calloc(n + 1, sizeof(size_t)), .fine = true };

	if (heard.bytes == NULL || heard.ends == NULL)
		abort();
	return heard;
}

static void
heard_free(struct heard *heard)
{
	free(heard->bytes);
	free(heard->ends);
}

/* Feeds p[0..n) until the cutter wants more, or is of no use. */
static void
feed(struct frame_cutter *c, const unsigned char *p, size_t n, struct heard *heard)
{
	size_t used;
	struct frame_piece piece;
	bool fine = true;

	do {
		heard->verdict = frame_cut(c, p, n, &used, &piece);
		fine = fine && used <= n;
		switch (heard->verdict) {
		case FRAME_MORE:
			fine = fine && used == n && piece.n == 0;
			break;
		case FRAME_PIECE:
			fine = fine && piece.n > 0;
			break;
		case FRAME_WHOLE:
			fine = fine && used > 0;
			break;
		case FRAME_TOO_LONG:
		case FRAME_BAD:
			fine = fine && piece.n == 0;
			break;
		}
		fine = fine && piece.bytes >= p && piece.bytes + piece.n <= p + used;
		if (!fine)
			break;
		memcpy(heard->bytes + heard->n, piece.bytes, piece.n);
		heard->n += piece.n;
		if (heard->verdict == FRAME_WHOLE)
			heard->ends[heard->n_ends++] = heard->n;
		heard->used += used;
		p += used;
		n -= used;
	} while (heard->verdict == FRAME_PIECE || heard->verdict == FRAME_WHOLE);
	heard->fine = heard->fine && fine;
}

/* Feeds in[0..n) in two, or in pieces of step bytes if that is not 0. */
static struct heard
hear(struct frame_format format, uint64_t max, const unsigned char *in, size_t n, size_t split, size_t step)
{
	struct frame_cutter c = FRAME_CUTTER(format, max);
	struct heard heard = heard_new(n);
	size_t next;

	for (size_t at = 0; at <= n; at = next) {
		next = step > 0 ? at + step : at < split ? split : n + (at == n);
		feed(&c, in + at, (next < n ? next : n) - at, &heard);
		if (heard.verdict != FRAME_MORE || !heard.fine)
			break;
	}
	CHECK(heard.fine);
	heard.cut = frame_is_cut(&c);
	frame_words(&c, heard.verdict, heard.words, sizeof(heard.words));
	return heard;
}

static bool
same(const struct heard *a, const struct heard *b)
{
	return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0 && a->n_ends == b->n_ends &&
	    memcmp(a->ends, b->ends, a->n_ends * sizeof(a->ends[0])) == 0 && a->used == b->used &&
	    a->verdict == b->verdict && a->cut == b->cut && strcmp(a->words, b->words) == 0;
}

static void
check_same(const struct heard *want, struct heard got)
{
	CHECK(same(want, &got));
	if (!same(want, &got))
		printf("\twhole: %d '%s', split: %d '%s'\n", want->verdict, want->words, got.verdict, got.words);
	heard_free(&got);
}

/* The same, however it is split, and with both ends of the input against a page that may not be read. */
static void
all_splits(struct frame_format format, uint64_t max, const unsigned char *in, size_t n, const struct heard *want)
{
	static const size_t steps[] = { 1, 2, 3, 7 };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *area = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *edge;

	CHECK(area != MAP_FAILED);
	if (area == MAP_FAILED || mprotect(area + page, page, PROT_READ | PROT_WRITE) < 0)
		return;
	edge = area + page;
	CHECK(n <= page);
	for (int end = 0; end < 2 && n <= page; end++) {
		unsigned char *at = end ? edge + page - n : edge;
		memcpy(at, in, n);
		check_same(want, hear(format, max, at, n, n, 0));
		for (size_t split = 0; split < n; split++)
			check_same(want, hear(format, max, at, n, split, 0));
		for (size_t i = 0; i < N(steps); i++)
			check_same(want, hear(format, max, at, n, 0, steps[i]));
	}
	munmap(area, 3 * page);
}

static struct frame_format
format_of(const char *word)
{
	struct frame_format format = { .kind = FRAME_NONE };

	CHECK(frame_format_parse(&format, word, true));
	return format;
}

/* A stream, the messages in it with '|' behind each and '^' for NUL, and what is said at its end. */
struct stream {
	const char *format;
	uint64_t max;
	const char *in;
	size_t n;
	const char *want;
	enum frame_verdict verdict;
	const char *words;
};

#define IN(text) (text), sizeof(text) - 1

static void
check_stream(const struct stream *stream)
{
	struct frame_format format = format_of(stream->format);
	const unsigned char *in = (const unsigned char *)stream->in;
	struct heard heard = hear(format, stream->max, in, stream->n, stream->n, 0);
	char got[256] = "", *to = got;
	int failures = check_failures;

	for (size_t at = 0, end = 0; at < heard.n || end < heard.n_ends; ) {
		if (end < heard.n_ends && heard.ends[end] == at) {
			*to++ = '|';
			end++;
		} else {
			*to++ = heard.bytes[at] == '\0' ? '^' : (char)heard.bytes[at];
			at++;
		}
	}
	*to = '\0';
	CHECK_TEXT(got, stream->want);
	CHECK_INT(heard.verdict, stream->verdict);
	CHECK_TEXT(heard.words, stream->words);
	if (heard.verdict == FRAME_MORE)
		CHECK_INT(heard.cut, strcmp(stream->words, "before a message") != 0);
	all_splits(format, stream->max, in, stream->n, &heard);
	if (check_failures != failures)
		printf("\tin %s: '%s'\n", stream->format, stream->in);
	heard_free(&heard);
}

#define NONE "before a message"

static void
ended(void)
{
	static const struct stream streams[] = {
		{ "line", 9, IN(""), "", FRAME_MORE, NONE },
		{ "line", 9, IN("one\n\ntwo\r\n"), "one||two\r|", FRAME_MORE, NONE },
		{ "line", 9, IN("\n\n\n"), "|||", FRAME_MORE, NONE },
		{ "line", 9, IN("a\nbc"), "a|bc", FRAME_MORE, "2 bytes of a line without its end" },
		{ "line", 9, IN("a\nb"), "a|b", FRAME_MORE, "1 byte of a line without its end" },
		{ "line", 3, IN("abc\nabc\n"), "abc|abc|", FRAME_MORE, NONE },
		{ "line", 3, IN("a\nabc"), "a|abc", FRAME_MORE, "3 bytes of a line without its end" },
		{ "line", 3, IN("a\nabcd\n"), "a|abc", FRAME_TOO_LONG, "a message of more than 3 bytes" },
		{ "line", 1, IN("ab"), "a", FRAME_TOO_LONG, "a message of more than 1 byte" },
		{ "line", 0, IN("\n\n"), "||", FRAME_MORE, NONE },
		{ "line", 0, IN("\na"), "|", FRAME_TOO_LONG, "a message of more than 0 bytes" },
		{ "line", UINT64_MAX, IN("a\nb"), "a|b", FRAME_MORE, "1 byte of a line without its end" },
		{ "nul", 3, IN("a\nb\0\0abc\0"), "a\nb||abc|", FRAME_MORE, NONE },
		{ "nul", 3, IN("a\0abc"), "a|abc", FRAME_MORE, "3 bytes of a message without its end" },
		{ "nul", 3, IN("abcd\0"), "abc", FRAME_TOO_LONG, "a message of more than 3 bytes" },
		{ "hex", 6, IN("616263\n\n61"), "616263||61", FRAME_MORE, "2 bytes of a line without its end" },
		{ "base64", 4, IN("YWJj\nYWJjZ"), "YWJj|YWJj", FRAME_TOO_LONG, "a message of more than 4 bytes" },
		{ "json", 99, IN("\"a\\n\"\n\"\"\n"), "\"a\\n\"|\"\"|", FRAME_MORE, NONE },
		{ "raw", 99, IN("a\nb,c"), "a\nb,c", FRAME_MORE, "5 bytes of a message" },
		{ "raw", 3, IN("abc"), "abc", FRAME_MORE, "3 bytes of a message" },
		{ "raw", 3, IN("abcd"), "abc", FRAME_TOO_LONG, "a message of more than 3 bytes" },
		{ "raw", 0, IN("a"), "", FRAME_TOO_LONG, "a message of more than 0 bytes" },
		{ "raw", 0, IN(""), "", FRAME_MORE, NONE },
	};

	for (size_t i = 0; i < N(streams); i++)
		check_stream(&streams[i]);
}

static void
integers(void)
{
	static const struct stream streams[] = {
		{ "len8", 99, IN("\0\3abc\0\1d"), "|abc||d|", FRAME_MORE, NONE },
		{ "len8", 99, IN("\3ab"), "ab", FRAME_MORE, "2 of 3 bytes of a message" },
		{ "len8", 99, IN("\1"), "", FRAME_MORE, "0 of 1 byte of a message" },
		{ "len8", 3, IN("\3abc\4abcd"), "abc|", FRAME_TOO_LONG, "a message of 4 bytes" },
		{ "len8", 0, IN("\0\1a"), "|", FRAME_TOO_LONG, "a message of 1 byte" },
		{ "len8", 254, IN("\xff"), "", FRAME_TOO_LONG, "a message of 255 bytes" },
		{ "len8", 255, IN("\xff"), "", FRAME_MORE, "0 of 255 bytes of a message" },
		{ "len16", 99, IN("\0\2ab\0\0\0\1c"), "ab||c|", FRAME_MORE, NONE },
		{ "len16", 99, IN("\0"), "", FRAME_MORE, "1 of 2 bytes of a length" },
		{ "len16", 65536, IN("\1\2a"), "a", FRAME_MORE, "1 of 258 bytes of a message" },
		{ "len16", 65534, IN("\xff\xff""a"), "", FRAME_TOO_LONG, "a message of 65535 bytes" },
		{ "len16le", 99, IN("\2\0ab\0\0\1\0c"), "ab||c|", FRAME_MORE, NONE },
		{ "len16le", 65536, IN("\1\2a"), "a", FRAME_MORE, "1 of 513 bytes of a message" },
		{ "len16le", 99, IN("\1\1"), "", FRAME_TOO_LONG, "a message of 257 bytes" },
		{ "len32", 99, IN("\0\0\0\2ab\0\0\0\0"), "ab||", FRAME_MORE, NONE },
		{ "len32", 99, IN("\0\0\0"), "", FRAME_MORE, "3 of 4 bytes of a length" },
		{ "len32", UINT32_MAX, IN("\1\2\3\4a"), "a", FRAME_MORE, "1 of 16909060 bytes of a message" },
		{ "len32", UINT32_MAX, IN("\xff\xff\xff\xff"), "", FRAME_MORE, "0 of 4294967295 bytes of a message" },
		{ "len32", 1048576, IN("GET "), "", FRAME_TOO_LONG, "a message of 1195725856 bytes" },
		{ "len32le", 99, IN("\2\0\0\0ab\0\0\0\0"), "ab||", FRAME_MORE, NONE },
		{ "len32le", UINT32_MAX, IN("\1\2\3\4a"), "a", FRAME_MORE, "1 of 67305985 bytes of a message" },
		{ "len32le", 99, IN("\0\0\0\x80"), "", FRAME_TOO_LONG, "a message of 2147483648 bytes" },
		{ "fixed:1", 1, IN("abc"), "a|b|c|", FRAME_MORE, NONE },
		{ "fixed:3", 3, IN("abc\n\0,de"), "abc|\n^,|de", FRAME_MORE, "2 of 3 bytes of a message" },
		{ "fixed:3", 2, IN("a"), "", FRAME_TOO_LONG, "a message of 3 bytes" },
		{ "fixed:3", 2, IN(""), "", FRAME_MORE, NONE },
	};

	for (size_t i = 0; i < N(streams); i++)
		check_stream(&streams[i]);
}

/* A length alone, as a varint. */
static void
length(const char *in, size_t n, const char *want)
{
	struct stream stream = { "varint", UINT64_MAX, in, n, "", FRAME_MORE, want };

	check_stream(&stream);
}

static void
varints(void)
{
	static const struct stream streams[] = {
		{ "varint", 99, IN("\0\3abc\0\1d"), "|abc||d|", FRAME_MORE, NONE },
		{ "varint", 99, IN("\x80"), "", FRAME_MORE, "1 byte of a length without its end" },
		{ "varint", 99, IN("\x83\x80\x80"), "", FRAME_MORE, "3 bytes of a length without its end" },
		{ "varint", 99, IN("\x83\x80\0abc\x80\0"), "abc||", FRAME_MORE, NONE },	/* longer than need be */
		{ "varint", 99, IN("\x81\x80\x80\x80\x80\x80\x80\x80\x80\0a"), "a|", FRAME_MORE, NONE },
		{ "varint", 99, IN("\1a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\0"), "a|", FRAME_BAD,
		    "a varint of more than 10 bytes" },
		{ "varint", 99, IN("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x81"), "", FRAME_BAD,
		    "a varint of more than 10 bytes" },
		{ "varint", 99, IN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\2"), "", FRAME_BAD,
		    "a varint of more than 64 bits" },
		{ "varint", 99, IN("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f"), "", FRAME_BAD,
		    "a varint of more than 64 bits" },
		{ "varint", UINT64_MAX - 1, IN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), "", FRAME_TOO_LONG,
		    "a message of 18446744073709551615 bytes" },
		{ "varint", 127, IN("\x80\1"), "", FRAME_TOO_LONG, "a message of 128 bytes" },
	};

	for (size_t i = 0; i < N(streams); i++)
		check_stream(&streams[i]);

	/* protobuf.dev/programming-guides/encoding, "Base 128 Varints" */
	length(IN("\x01"), "0 of 1 byte of a message");
	length(IN("\x96\x01"), "0 of 150 bytes of a message");
	length(IN("\xac\x02"), "0 of 300 bytes of a message");
	/* DWARF 5, section 7.6, "Examples of unsigned LEB128 encodings" */
	length(IN("\x02"), "0 of 2 bytes of a message");
	length(IN("\x7f"), "0 of 127 bytes of a message");
	length(IN("\x80\x01"), "0 of 128 bytes of a message");
	length(IN("\x81\x01"), "0 of 129 bytes of a message");
	length(IN("\xb9\x64"), "0 of 12857 bytes of a message");
	length(IN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), "0 of 18446744073709551615 bytes of a message");
}

#define NOT_COLON(shown) "the length of a netstring ends with " shown " in place of ':'"

static void
netstrings(void)
{
	static const struct stream streams[] = {
		/* cr.yp.to/proto/netstrings.txt: both examples */
		{ "netstring", 99, IN("12:hello world!,0:,"), "hello world!||", FRAME_MORE, NONE },
		{ "netstring", 99, IN("3:a,:,3:\n\0x,"), "a,:|\n^x|", FRAME_MORE, NONE },
		{ "netstring", 99, IN("1"), "", FRAME_MORE, "1 byte of a length without its end" },
		{ "netstring", 99, IN("12"), "", FRAME_MORE, "2 bytes of a length without its end" },
		{ "netstring", 99, IN("12:"), "", FRAME_MORE, "0 of 12 bytes of a message" },
		{ "netstring", 99, IN("12:hello"), "hello", FRAME_MORE, "5 of 12 bytes of a message" },
		{ "netstring", 99, IN("5:hello"), "hello", FRAME_MORE, "a message of 5 bytes without its ','" },
		{ "netstring", 99, IN("0:"), "", FRAME_MORE, "a message of 0 bytes without its ','" },
		{ "netstring", 5, IN("5:hello,6:hello!,"), "hello|", FRAME_TOO_LONG, "a message of 6 bytes" },
		{ "netstring", 5, IN("66"), "", FRAME_MORE, "2 bytes of a length without its end" },
		{ "netstring", 0, IN("0:,1:"), "|", FRAME_TOO_LONG, "a message of 1 byte" },
		{ "netstring", UINT64_MAX, IN("9999999999999999999:"), "", FRAME_MORE,
		    "0 of 9999999999999999999 bytes of a message" },
		{ "netstring", 99, IN("10000000000000000000:"), "", FRAME_BAD,
		    "the length of a netstring has more than 19 digits" },
		{ "netstring", 99, IN("99999999999999999999:"), "", FRAME_BAD,
		    "the length of a netstring has more than 19 digits" },
		{ "netstring", 99, IN("1:a,x"), "a|", FRAME_BAD, "a netstring begins with 'x'" },
		{ "netstring", 99, IN("\n"), "", FRAME_BAD, "a netstring begins with 0x0a" },
		{ "netstring", 99, IN("\xc3\xa9"), "", FRAME_BAD, "a netstring begins with 0xc3" },
		{ "netstring", 99, IN(":,"), "", FRAME_BAD, "a netstring begins with ':'" },
		{ "netstring", 99, IN("-1:a,"), "", FRAME_BAD, "a netstring begins with '-'" },
		{ "netstring", 99, IN(" 1:a,"), "", FRAME_BAD, "a netstring begins with 0x20" },
		{ "netstring", 99, IN("1 :a,"), "", FRAME_BAD, NOT_COLON("0x20") },
		{ "netstring", 99, IN("3;abc,"), "", FRAME_BAD, NOT_COLON("';'") },
		{ "netstring", 99, IN("3/abc,"), "", FRAME_BAD, NOT_COLON("'/'") },
		{ "netstring", 99, IN("3\0abc,"), "", FRAME_BAD, NOT_COLON("0x00") },
		{ "netstring", 99, IN("1111111111111111111x"), "", FRAME_BAD, NOT_COLON("'x'") },
		{ "netstring", 99, IN("0x"), "", FRAME_BAD, NOT_COLON("'x'") },
		{ "netstring", 99, IN("03:abc,"), "", FRAME_BAD,
		    "the length of a netstring begins with 0 and goes on with 3" },
		{ "netstring", 99, IN("00:,"), "", FRAME_BAD,
		    "the length of a netstring begins with 0 and goes on with 0" },
		{ "netstring", 99, IN("5:hello\n"), "hello", FRAME_BAD,
		    "a netstring of 5 bytes ends with 0x0a in place of ','" },
		{ "netstring", 99, IN("1:hello,"), "h", FRAME_BAD,
		    "a netstring of 1 byte ends with 'e' in place of ','" },
		{ "netstring", 99, IN("0:0:,"), "", FRAME_BAD, "a netstring of 0 bytes ends with '0' in place of ','" },
	};

	for (size_t i = 0; i < N(streams); i++)
		check_stream(&streams[i]);
}

/* Puts stamp and message in a row. Returns the end. */
static unsigned char *
put_frame(unsigned char *to, const struct frame_stamp *stamp, const unsigned char *p, size_t n)
{
	memcpy(to, stamp->head, stamp->n_head);
	to += stamp->n_head;
	memcpy(to, p, n);
	to += n;
	memcpy(to, stamp->tail, stamp->n_tail);
	return to + stamp->n_tail;
}

/* Two messages of n bytes, stamped, then cut: whole, in steps, and split in two around each end of each part. */
static void
round_trip(struct frame_format format, const unsigned char *message, size_t n, enum frame_fit fit)
{
	struct frame_stamp stamp;
	size_t size, near[4];
	unsigned char *frames = malloc(2 * (n + sizeof(stamp))), *end;
	struct heard heard;

	CHECK_INT(frame_stamp(&format, message, n, &stamp), fit);
	CHECK(stamp.n_head <= sizeof(stamp.head) && stamp.n_tail <= sizeof(stamp.tail));
	if (fit != FRAME_FITS || frames == NULL) {
		free(frames);
		return;
	}
	end = put_frame(put_frame(frames, &stamp, message, n), &stamp, message, n);
	size = (size_t)(end - frames);
	heard = hear(format, n, frames, size, size, 0);
	CHECK(heard.verdict == FRAME_MORE && heard.used == size && !heard.cut && heard.n_ends == 2 && heard.n == 2 * n);
	if (heard.n_ends == 2 && heard.n == 2 * n) {
		CHECK(heard.ends[0] == n && heard.ends[1] == 2 * n);
		CHECK(memcmp(heard.bytes, message, n) == 0 && memcmp(heard.bytes + n, message, n) == 0);
	}
	check_same(&heard, hear(format, n, frames, size, 0, 1));
	check_same(&heard, hear(format, n, frames, size, 0, 4093));
	near[0] = stamp.n_head;
	near[1] = size / 2 - stamp.n_tail;
	near[2] = size / 2 + stamp.n_head;
	near[3] = size - stamp.n_tail;
	for (size_t i = 0; i < N(near); i++) {
		for (size_t split = near[i] < 3 ? 0 : near[i] - 3; split <= near[i] + 3 && split <= size; split++)
			check_same(&heard, hear(format, n, frames, size, split, 0));
	}
	heard_free(&heard);

	/* A byte less than that is allowed: too long, and not a message of it whole. */
	if (n > 0) {
		heard = hear(format, n - 1, frames, size, size, 0);
		CHECK(heard.verdict == FRAME_TOO_LONG && heard.n_ends == 0);
		check_same(&heard, hear(format, n - 1, frames, size, 0, 1));
		heard_free(&heard);
	}
	free(frames);
}

static void
round_trips(void)
{
	static const size_t sizes[] = { 0, 1, 2, 127, 128, 255, 256, 16383, 16384, 65535, 65536, 1048576 };
	static const struct { const char *name; size_t most; } formats[] = {
		{ "line", SIZE_MAX }, { "nul", SIZE_MAX }, { "len8", 255 }, { "len16", 65535 }, { "len32", UINT32_MAX },
		{ "len16le", 65535 }, { "len32le", UINT32_MAX }, { "varint", SIZE_MAX }, { "netstring", SIZE_MAX },
		{ "hex", SIZE_MAX }, { "base64", SIZE_MAX }, { "json", SIZE_MAX },
	};
	static unsigned char message[1048576];

	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (unsigned char)('!' + i * 31 % 89);	/* no LF, no NUL; digits, ':' and ',' */
	for (size_t i = 0; i < N(sizes); i++) {
		struct frame_format fixed = { .kind = FRAME_FIXED, .fixed = sizes[i] };
		for (size_t j = 0; j < N(formats); j++)
			round_trip(format_of(formats[j].name), message, sizes[i],
			    sizes[i] <= formats[j].most ? FRAME_FITS : FRAME_LENGTH);
		if (sizes[i] > 0)
			round_trip(fixed, message, sizes[i], FRAME_FITS);
	}
}

static void
check_stamp(const char *format, const char *message, size_t n, enum frame_fit fit, const char *head, size_t n_head,
    const char *tail, size_t n_tail)
{
	struct frame_format parsed = format_of(format);
	struct frame_stamp stamp;

	memset(&stamp, 0xa5, sizeof(stamp));
	CHECK_INT(frame_stamp(&parsed, (const unsigned char *)message, n, &stamp), fit);
	CHECK(stamp.n_head == n_head && memcmp(stamp.head, head, n_head) == 0);
	CHECK(stamp.n_tail == n_tail && memcmp(stamp.tail, tail, n_tail) == 0);
	if (stamp.n_head != n_head || stamp.n_tail != n_tail)
		printf("\tin %s: %zu before %zu, %zu behind\n", format, stamp.n_head, n, stamp.n_tail);
}

static void
stamps(void)
{
	check_stamp("line", IN("abc"), FRAME_FITS, IN(""), IN("\n"));
	check_stamp("line", NULL, 0, FRAME_FITS, IN(""), IN("\n"));
	check_stamp("line", IN("a\0b\r"), FRAME_FITS, IN(""), IN("\n"));
	check_stamp("line", IN("ab\n"), FRAME_AMBIGUOUS, IN(""), IN("\n"));
	check_stamp("nul", IN("ab\n"), FRAME_FITS, IN(""), IN("\0"));
	check_stamp("nul", IN("\0ab"), FRAME_AMBIGUOUS, IN(""), IN("\0"));
	check_stamp("hex", IN("a\n\0"), FRAME_FITS, IN(""), IN("\n"));
	check_stamp("base64", IN("a\n\0"), FRAME_FITS, IN(""), IN("\n"));
	check_stamp("json", IN("a\n\0"), FRAME_FITS, IN(""), IN("\n"));
	check_stamp("raw", IN("a\n\0"), FRAME_FITS, IN(""), IN(""));
	check_stamp("raw", NULL, 0, FRAME_FITS, IN(""), IN(""));
	check_stamp("fixed:3", IN("a\n\0"), FRAME_FITS, IN(""), IN(""));
	check_stamp("fixed:3", IN("ab"), FRAME_LENGTH, IN(""), IN(""));
	check_stamp("fixed:3", IN("abcd"), FRAME_LENGTH, IN(""), IN(""));
	check_stamp("fixed:3", NULL, 0, FRAME_LENGTH, IN(""), IN(""));

	/* Of a message with its length in front nothing is looked at. */
	check_stamp("len8", NULL, 0, FRAME_FITS, IN("\0"), IN(""));
	check_stamp("len8", NULL, 255, FRAME_FITS, IN("\xff"), IN(""));
	check_stamp("len8", NULL, 256, FRAME_LENGTH, IN(""), IN(""));
	check_stamp("len16", NULL, 258, FRAME_FITS, IN("\1\2"), IN(""));
	check_stamp("len16", NULL, 65535, FRAME_FITS, IN("\xff\xff"), IN(""));
	check_stamp("len16", NULL, 65536, FRAME_LENGTH, IN(""), IN(""));
	check_stamp("len16le", NULL, 258, FRAME_FITS, IN("\2\1"), IN(""));
	check_stamp("len16le", NULL, 65536, FRAME_LENGTH, IN(""), IN(""));
	check_stamp("len32", NULL, 0x01020304, FRAME_FITS, IN("\1\2\3\4"), IN(""));
	check_stamp("len32", NULL, UINT32_MAX, FRAME_FITS, IN("\xff\xff\xff\xff"), IN(""));
	check_stamp("len32le", NULL, 0x01020304, FRAME_FITS, IN("\4\3\2\1"), IN(""));
#if SIZE_MAX > UINT32_MAX
	check_stamp("len32", NULL, (size_t)UINT32_MAX + 1, FRAME_LENGTH, IN(""), IN(""));
	check_stamp("len32le", NULL, (size_t)UINT32_MAX + 1, FRAME_LENGTH, IN(""), IN(""));
	check_stamp("varint", NULL, SIZE_MAX, FRAME_FITS, IN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), IN(""));
	check_stamp("netstring", NULL, SIZE_MAX, FRAME_FITS, IN("18446744073709551615:"), IN(","));
#endif
	check_stamp("varint", NULL, 0, FRAME_FITS, IN("\0"), IN(""));
	check_stamp("varint", NULL, 127, FRAME_FITS, IN("\x7f"), IN(""));
	check_stamp("varint", NULL, 128, FRAME_FITS, IN("\x80\1"), IN(""));
	check_stamp("varint", NULL, 150, FRAME_FITS, IN("\x96\1"), IN(""));
	check_stamp("varint", NULL, 300, FRAME_FITS, IN("\xac\2"), IN(""));
	check_stamp("varint", NULL, 12857, FRAME_FITS, IN("\xb9\x64"), IN(""));
	check_stamp("varint", NULL, 16384, FRAME_FITS, IN("\x80\x80\1"), IN(""));
	check_stamp("netstring", IN("hello world!"), FRAME_FITS, IN("12:"), IN(","));
	check_stamp("netstring", NULL, 0, FRAME_FITS, IN("0:"), IN(","));
}

static void
names(void)
{
	static const char *const refused[] = {
		"", " ", "none", "Line", "LINE", "line ", " line", "lines", "lf", "null", "nul\n", "len", "len7",
		"len24", "len64", "len8le", "len16be", "len16LE", "len32l", "uvarint", "leb128", "netstrings",
		"fixed", "fixed:", "fixed:0", "fixed:-1", "fixed:+1", "fixed: 1", "fixed:1 ", "fixed:01", "fixed:1k",
		"fixed:0x10", "fixed:1073741825", "fixed:N", "fixed:99999999999999999999", "Fixed:1", "fixed8",
		"line nul",
	};
	char all[128], word[32], name[32];
	struct frame_format format;

	CHECK_TEXT(frame_wire_names, "line nul len8 len16 len32 len16le len32le varint netstring fixed:N");
	CHECK_TEXT(frame_local_names,
	    "line nul len8 len16 len32 len16le len32le varint netstring fixed:N hex base64 json raw");
	snprintf(all, sizeof(all), "%s ", frame_local_names);
	for (const char *at = all, *end; (end = strchr(at, ' ')) != NULL; at = end + 1) {
		bool on_wire = (size_t)(at - all) < strlen(frame_wire_names), fixed = strncmp(at, "fixed:", 6) == 0;
		snprintf(word, sizeof(word), "%.*s", fixed ? 6 : (int)(end - at), at);
		if (fixed)
			snprintf(word + 6, sizeof(word) - 6, "%d", FRAME_FIXED_MAX);
		for (int local = 0; local < 2; local++) {
			format = (struct frame_format){ .kind = FRAME_NONE, .fixed = 77 };
			CHECK(frame_format_parse(&format, word, local) == (on_wire || local));
			if (on_wire || local)
				CHECK_TEXT(frame_format_name(&format, name, sizeof(name)), word);
			CHECK_INT(format.fixed, !on_wire && !local ? 77 : fixed ? FRAME_FIXED_MAX : 0);
		}
	}
	for (size_t i = 0; i < N(refused); i++) {
		for (int local = 0; local < 2; local++) {
			format = (struct frame_format){ .kind = FRAME_NUL, .fixed = 77 };
			CHECK(!frame_format_parse(&format, refused[i], local));
			CHECK(format.kind == FRAME_NUL && format.fixed == 77);
		}
	}
	CHECK_INT(format_of("fixed:188").fixed, 188);
	CHECK_INT(format_of("fixed:1").fixed, 1);
	format = (struct frame_format){ .kind = FRAME_NONE };
	CHECK_TEXT(frame_format_name(&format, name, sizeof(name)), "none");
	format = format_of("netstring");
	CHECK_TEXT(frame_format_name(&format, name, 4), "net");
}

/* A netstring that comes with its comma makes one piece; one that comes without makes a piece more, an empty one. */
static void
pieces(void)
{
	static const unsigned char in[] = "5:hello,1:";
	struct frame_cutter c = FRAME_CUTTER(format_of("netstring"), 5);
	struct frame_piece piece;
	size_t used = 99;

	CHECK(!frame_is_cut(&c));
	CHECK_INT(frame_cut(&c, NULL, 0, &used, &piece), FRAME_MORE);
	CHECK_INT(used, 0);
	CHECK_INT(frame_cut(&c, in, sizeof(in) - 1, &used, &piece), FRAME_WHOLE);
	CHECK(used == 8 && piece.bytes == in + 2 && piece.n == 5 && !frame_is_cut(&c));
	CHECK_INT(frame_cut(&c, in, 1, &used, &piece), FRAME_MORE);
	CHECK(used == 1 && frame_is_cut(&c));
	CHECK_INT(frame_cut(&c, in + 1, 4, &used, &piece), FRAME_PIECE);
	CHECK(used == 4 && piece.bytes == in + 2 && piece.n == 3 && frame_is_cut(&c));
	CHECK_INT(frame_cut(&c, in + 5, 2, &used, &piece), FRAME_PIECE);
	CHECK(used == 2 && piece.bytes == in + 5 && piece.n == 2 && frame_is_cut(&c));
	CHECK_INT(frame_cut(&c, in + 7, 3, &used, &piece), FRAME_WHOLE);
	CHECK(used == 1 && piece.n == 0 && !frame_is_cut(&c));
}

/* What comes at once is a message, cut where it is longer than the longest. */
static void
reads(void)
{
	static const unsigned char bytes[FRAME_READ_MAX + 10] = { 'a', '\n' };
	struct frame_cutter c = FRAME_CUTTER(((struct frame_format){ .kind = FRAME_READ }), 1 << 20);
	struct frame_cutter small = FRAME_CUTTER(((struct frame_format){ .kind = FRAME_READ }), 3);
	struct frame_format format = { .kind = FRAME_NONE };
	struct frame_piece piece;
	size_t used;

	CHECK_INT(frame_cut(&c, bytes, 2, &used, &piece), FRAME_WHOLE);
	CHECK(used == 2 && piece.n == 2 && piece.bytes == bytes);
	CHECK_INT(frame_cut(&c, bytes, sizeof(bytes), &used, &piece), FRAME_WHOLE);
	CHECK(used == FRAME_READ_MAX && piece.n == FRAME_READ_MAX);
	CHECK_INT(frame_cut(&c, bytes, 0, &used, &piece), FRAME_MORE);
	CHECK(!frame_is_cut(&c));
	CHECK_INT(frame_cut(&small, bytes, 5, &used, &piece), FRAME_WHOLE);
	CHECK(used == 3 && piece.n == 3);
	CHECK(!frame_format_parse(&format, "read", true));
}

int
main(void)
{
	reads();
	names();
	ended();
	integers();
	varints();
	netstrings();
	stamps();
	pieces();
	round_trips();
	return check_done("frame");
}
