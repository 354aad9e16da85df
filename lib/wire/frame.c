/*
 * Messages cut out of a stream: see frame.h.
 *
 * A frame has a head, its length, or it has an end, or neither. Heads are read a byte at a time, whatever comes with
 * them; bodies are never looked at, only counted. So there is one state for every place where the input can be split,
 * and what is said afterwards is said from that state alone.
 */
#include "lib/wire/frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/num.h"

#define VARINT_BYTES	10	/* 64 bits, 7 in a byte */
#define NETSTRING_DIGITS 19	/* what fits 64 bits, whatever the digits */

/* How a format tells where a message ends. */
enum manner {
	OPEN,			/* not at all */
	AT_ONCE,		/* by what comes with it */
	ENDED,			/* by a byte behind it */
	BIG, LITTLE,		/* by its length, in an integer */
	VARINT, NETSTRING,	/* by its length, in as many bytes as it takes */
	FIXED			/* by its length, known beforehand */
};

static const struct shape {
	const char *name;
	enum manner manner;
	unsigned char end;	/* ENDED */
	unsigned char width;	/* BIG, LITTLE: bytes of the length */
} shapes[] = {
	[FRAME_NONE] = { "none", OPEN, 0, 0 },
	[FRAME_LINE] = { "line", ENDED, '\n', 0 },
	[FRAME_NUL] = { "nul", ENDED, '\0', 0 },
	[FRAME_LEN8] = { "len8", BIG, 0, 1 },
	[FRAME_LEN16] = { "len16", BIG, 0, 2 },
	[FRAME_LEN32] = { "len32", BIG, 0, 4 },
	[FRAME_LEN16LE] = { "len16le", LITTLE, 0, 2 },
	[FRAME_LEN32LE] = { "len32le", LITTLE, 0, 4 },
	[FRAME_VARINT] = { "varint", VARINT, 0, 0 },
	[FRAME_NETSTRING] = { "netstring", NETSTRING, 0, 0 },
	[FRAME_FIXED] = { "fixed:", FIXED, 0, 0 },
	[FRAME_HEX] = { "hex", ENDED, '\n', 0 },
	[FRAME_BASE64] = { "base64", ENDED, '\n', 0 },
	[FRAME_JSON] = { "json", ENDED, '\n', 0 },
	[FRAME_RAW] = { "raw", OPEN, 0, 0 },
	[FRAME_READ] = { "read", AT_ONCE, 0, 0 },
};

#define WIRE_NAMES "line nul len8 len16 len32 len16le len32le varint netstring fixed:N"

const char frame_wire_names[] = WIRE_NAMES;
const char frame_local_names[] = WIRE_NAMES " hex base64 json raw";

bool
frame_format_parse(struct frame_format *format, const char *word, bool local)
{
	static const char fixed[] = "fixed:";
	const char *count = word + sizeof(fixed) - 1;
	int64_t n;

	if (strncmp(word, fixed, sizeof(fixed) - 1) == 0) {
		if (count[0] == '0' || !num_int(count, 1, FRAME_FIXED_MAX, &n))
			return false;
		*format = (struct frame_format){ .kind = FRAME_FIXED, .fixed = (size_t)n };
		return true;
	}
	for (enum frame_kind kind = FRAME_LINE; kind <= (local ? FRAME_RAW : FRAME_FIXED); kind++) {
		if (strcmp(word, shapes[kind].name) == 0) {
			*format = (struct frame_format){ .kind = kind };
			return true;
		}
	}
	return false;
}

const char *
frame_format_name(const struct frame_format *format, char *out, size_t size)
{
	if (format->kind == FRAME_FIXED)
		snprintf(out, size, "%s%zu", shapes[FRAME_FIXED].name, format->fixed);
	else
		snprintf(out, size, "%s", shapes[format->kind].name);
	return out;
}

/* Makes ready for the next message. */
static void
start_over(struct frame_cutter *c)
{
	c->in_body = false;
	c->n_head = 0;
	c->length = c->got = 0;
}

static enum frame_verdict
bad(struct frame_cutter *c, unsigned char byte)
{
	c->wrong = byte;
	return FRAME_BAD;
}

static enum frame_verdict
length_known(struct frame_cutter *c)
{
	c->in_body = true;
	return c->length > c->max ? FRAME_TOO_LONG : FRAME_MORE;
}

static enum frame_verdict
take_integer(struct frame_cutter *c, const struct shape *shape, unsigned char byte)
{
	if (shape->manner == BIG)
		c->length = c->length << 8 | byte;
	else
		c->length |= (uint64_t)byte << (8 * c->n_head);
	return ++c->n_head < shape->width ? FRAME_MORE : length_known(c);
}

static enum frame_verdict
take_varint(struct frame_cutter *c, unsigned char byte)
{
	if (c->n_head == VARINT_BYTES - 1 && byte > 1)
		return bad(c, byte);
	c->length |= (uint64_t)(byte & 0x7f) << (7 * c->n_head++);
	return byte & 0x80 ? FRAME_MORE : length_known(c);
}

static enum frame_verdict
take_digit(struct frame_cutter *c, unsigned char byte)
{
	if (byte == ':' && c->n_head > 0)
		return length_known(c);
	if (byte < '0' || byte > '9' || c->n_head == NETSTRING_DIGITS || (c->n_head == 1 && c->length == 0))
		return bad(c, byte);
	c->length = c->length * 10 + (byte - '0');
	c->n_head++;
	return FRAME_MORE;
}

/* Reads the length as far as it has come. FRAME_MORE: there may be more of it, or it is known. */
static enum frame_verdict
cut_head(struct frame_cutter *c, const struct shape *shape, const unsigned char *p, size_t n, size_t *used)
{
	enum frame_verdict verdict = FRAME_MORE;

	if (shape->manner == FIXED && !c->in_body) {
		c->length = c->format.fixed;
		verdict = length_known(c);
	}
	while (verdict == FRAME_MORE && !c->in_body && *used < n) {
		unsigned char byte = p[(*used)++];
		verdict = shape->manner == VARINT ? take_varint(c, byte) :
		    shape->manner == NETSTRING ? take_digit(c, byte) : take_integer(c, shape, byte);
	}
	return verdict;
}

/* A message whose length is known: *used bytes of p[0..n) were the end of its head. */
static enum frame_verdict
cut_counted(struct frame_cutter *c, const struct shape *shape, const unsigned char *p, size_t n, size_t *used,
    struct frame_piece *piece)
{
	uint64_t rest = c->length - c->got;
	size_t take = n - *used < rest ? n - *used : (size_t)rest;

	*piece = (struct frame_piece){ p + *used, take };
	*used += take;
	c->got += take;
	if (c->got < c->length)
		return take > 0 ? FRAME_PIECE : FRAME_MORE;
	if (shape->manner == NETSTRING) {
		bool comma = *used < n && p[*used] == ',';
		if (!comma && take > 0)
			return FRAME_PIECE;	/* whether it is a frame at all, the next call says */
		if (*used == n)
			return FRAME_MORE;
		(*used)++;
		if (!comma)
			return bad(c, p[*used - 1]);
	}
	start_over(c);
	return FRAME_WHOLE;
}

/* A message that goes on to its end byte, or for ever. Of one that is too long, max bytes are given all the same. */
static enum frame_verdict
cut_uncounted(struct frame_cutter *c, const struct shape *shape, const unsigned char *p, size_t n, size_t *used,
    struct frame_piece *piece)
{
	uint64_t room = c->max - c->got;
	size_t take = n <= room ? n : (size_t)room;
	const unsigned char *end = shape->manner == OPEN ? NULL : memchr(p, shape->end, take < n ? take + 1 : n);

	if (end != NULL)
		take = (size_t)(end - p);
	*piece = (struct frame_piece){ p, take };
	*used = take;
	if (end != NULL) {
		(*used)++;
		start_over(c);
		return FRAME_WHOLE;
	}
	c->got += take;
	return take > 0 ? FRAME_PIECE : FRAME_TOO_LONG;
}

static enum frame_verdict
cut_at_once(const struct frame_cutter *c, const unsigned char *p, size_t n, size_t *used, struct frame_piece *piece)
{
	size_t max = c->max < FRAME_READ_MAX ? (size_t)c->max : FRAME_READ_MAX;

	*used = n < max ? n : max;
	*piece = (struct frame_piece){ p, *used };
	return FRAME_WHOLE;
}

enum frame_verdict
frame_cut(struct frame_cutter *c, const unsigned char *p, size_t n, size_t *used, struct frame_piece *piece)
{
	const struct shape *shape = &shapes[c->format.kind];
	enum frame_verdict verdict;

	*used = 0;
	*piece = (struct frame_piece){ p, 0 };
	if (n == 0)
		return FRAME_MORE;
	if (shape->manner == OPEN || shape->manner == ENDED)
		return cut_uncounted(c, shape, p, n, used, piece);
	if (shape->manner == AT_ONCE)
		return cut_at_once(c, p, n, used, piece);
	verdict = cut_head(c, shape, p, n, used);
	if (verdict != FRAME_MORE || !c->in_body)
		return verdict;
	return cut_counted(c, shape, p, n, used, piece);
}

bool
frame_is_cut(const struct frame_cutter *c)
{
	return c->n_head > 0 || c->got > 0;
}

static const char *
bytes(uint64_t n)
{
	return n == 1 ? "byte" : "bytes";
}

static void
words_bad(const struct frame_cutter *c, char *out, size_t size)
{
	bool digit = c->wrong >= '0' && c->wrong <= '9';
	char shown[8];

	snprintf(shown, sizeof(shown), c->wrong > ' ' && c->wrong < 0x7f ? "'%c'" : "0x%02x", c->wrong);
	if (c->format.kind == FRAME_VARINT && c->wrong & 0x80)
		snprintf(out, size, "a varint of more than %d bytes", VARINT_BYTES);
	else if (c->format.kind == FRAME_VARINT)
		snprintf(out, size, "a varint of more than 64 bits");
	else if (c->in_body)
		snprintf(out, size, "a netstring of %" PRIu64 " %s ends with %s in place of ','", c->length,
		    bytes(c->length), shown);
	else if (c->n_head == 0)
		snprintf(out, size, "a netstring begins with %s", shown);
	else if (!digit)
		snprintf(out, size, "the length of a netstring ends with %s in place of ':'", shown);
	else if (c->length == 0)
		snprintf(out, size, "the length of a netstring begins with 0 and goes on with %c", c->wrong);
	else
		snprintf(out, size, "the length of a netstring has more than %d digits", NETSTRING_DIGITS);
}

static void
words_cut(const struct frame_cutter *c, const struct shape *shape, char *out, size_t size)
{
	if (!frame_is_cut(c))
		snprintf(out, size, "before a message");
	else if (shape->manner == OPEN)
		snprintf(out, size, "%" PRIu64 " %s of a message", c->got, bytes(c->got));
	else if (shape->manner == ENDED)
		snprintf(out, size, "%" PRIu64 " %s of a %s without its end", c->got, bytes(c->got),
		    shape->end == '\n' ? "line" : "message");
	else if (c->in_body && c->got == c->length)
		snprintf(out, size, "a message of %" PRIu64 " %s without its ','", c->length, bytes(c->length));
	else if (c->in_body)
		snprintf(out, size, "%" PRIu64 " of %" PRIu64 " %s of a message", c->got, c->length, bytes(c->length));
	else if (shape->width > 0)
		snprintf(out, size, "%u of %u bytes of a length", c->n_head, shape->width);
	else
		snprintf(out, size, "%u %s of a length without its end", c->n_head, bytes(c->n_head));
}

const char *
frame_words(const struct frame_cutter *c, enum frame_verdict verdict, char *out, size_t size)
{
	const struct shape *shape = &shapes[c->format.kind];

	switch (verdict) {
	case FRAME_MORE:
	case FRAME_PIECE:
	case FRAME_WHOLE:
		words_cut(c, shape, out, size);
		break;
	case FRAME_TOO_LONG:
		if (shape->manner == OPEN || shape->manner == ENDED)
			snprintf(out, size, "a message of more than %" PRIu64 " %s", c->max, bytes(c->max));
		else
			snprintf(out, size, "a message of %" PRIu64 " %s", c->length, bytes(c->length));
		break;
	case FRAME_BAD:
		words_bad(c, out, size);
		break;
	}
	return out;
}

/* Writes n as an integer of so many bytes. False: it does not fit. */
static bool
put_integer(const struct shape *shape, uint64_t n, struct frame_stamp *stamp)
{
	if (n >> (8 * shape->width) != 0)
		return false;
	for (unsigned i = 0; i < shape->width; i++) {
		unsigned place = shape->manner == BIG ? shape->width - 1U - i : i;
		stamp->head[i] = (unsigned char)(n >> (8 * place));
	}
	stamp->n_head = shape->width;
	return true;
}

static void
put_varint(uint64_t n, struct frame_stamp *stamp)
{
	for (; n > 0x7f; n >>= 7)
		stamp->head[stamp->n_head++] = (unsigned char)(n | 0x80);
	stamp->head[stamp->n_head++] = (unsigned char)n;
}

enum frame_fit
frame_stamp(const struct frame_format *format, const unsigned char *p, size_t n, struct frame_stamp *stamp)
{
	const struct shape *shape = &shapes[format->kind];
	bool literal = format->kind == FRAME_LINE || format->kind == FRAME_NUL;	/* and not in some notation */

	*stamp = (struct frame_stamp){ .n_head = 0 };
	switch (shape->manner) {
	case OPEN:
	case AT_ONCE:
		break;
	case ENDED:
		stamp->tail[stamp->n_tail++] = shape->end;
		return literal && n > 0 && memchr(p, shape->end, n) != NULL ? FRAME_AMBIGUOUS : FRAME_FITS;
	case BIG:
	case LITTLE:
		return put_integer(shape, n, stamp) ? FRAME_FITS : FRAME_LENGTH;
	case VARINT:
		put_varint(n, stamp);
		break;
	case NETSTRING:
		stamp->n_head = (size_t)snprintf((char *)stamp->head, sizeof(stamp->head), "%zu:", n);
		stamp->tail[stamp->n_tail++] = ',';
		break;
	case FIXED:
		return n == format->fixed ? FRAME_FITS : FRAME_LENGTH;
	}
	return FRAME_FITS;
}
