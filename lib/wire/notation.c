/*
 * Bytes written as text on one line, and back: see notation.h.
 *
 * How long json becomes is counted before it is written: out then grows once, by no more than is needed, and is as it
 * was when that does not fit. Reading in place works because what is made never overtakes what it is made from.
 */
#include "lib/wire/notation.h"

#include <string.h>

#include "lib/base/utf8.h"

#define LONE_BYTE 0xdc00	/* a byte that is not UTF-8 is this surrogate plus itself */

#define HEX_DIGIT 0x10		/* set in hex_value[] for what is a digit */
#define BASE64_DIGIT 0x40	/* and in base64_value[] */

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const uint8_t hex_value[256] = {
	['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14, ['5'] = 0x15, ['6'] = 0x16,
	['7'] = 0x17, ['8'] = 0x18, ['9'] = 0x19, ['a'] = 0x1a, ['b'] = 0x1b, ['c'] = 0x1c, ['d'] = 0x1d,
	['e'] = 0x1e, ['f'] = 0x1f, ['A'] = 0x1a, ['B'] = 0x1b, ['C'] = 0x1c, ['D'] = 0x1d, ['E'] = 0x1e,
	['F'] = 0x1f,
};

static const uint8_t base64_value[256] = {
	['A'] = 0x40, ['B'] = 0x41, ['C'] = 0x42, ['D'] = 0x43, ['E'] = 0x44, ['F'] = 0x45, ['G'] = 0x46,
	['H'] = 0x47, ['I'] = 0x48, ['J'] = 0x49, ['K'] = 0x4a, ['L'] = 0x4b, ['M'] = 0x4c, ['N'] = 0x4d,
	['O'] = 0x4e, ['P'] = 0x4f, ['Q'] = 0x50, ['R'] = 0x51, ['S'] = 0x52, ['T'] = 0x53, ['U'] = 0x54,
	['V'] = 0x55, ['W'] = 0x56, ['X'] = 0x57, ['Y'] = 0x58, ['Z'] = 0x59, ['a'] = 0x5a, ['b'] = 0x5b,
	['c'] = 0x5c, ['d'] = 0x5d, ['e'] = 0x5e, ['f'] = 0x5f, ['g'] = 0x60, ['h'] = 0x61, ['i'] = 0x62,
	['j'] = 0x63, ['k'] = 0x64, ['l'] = 0x65, ['m'] = 0x66, ['n'] = 0x67, ['o'] = 0x68, ['p'] = 0x69,
	['q'] = 0x6a, ['r'] = 0x6b, ['s'] = 0x6c, ['t'] = 0x6d, ['u'] = 0x6e, ['v'] = 0x6f, ['w'] = 0x70,
	['x'] = 0x71, ['y'] = 0x72, ['z'] = 0x73, ['0'] = 0x74, ['1'] = 0x75, ['2'] = 0x76, ['3'] = 0x77,
	['4'] = 0x78, ['5'] = 0x79, ['6'] = 0x7a, ['7'] = 0x7b, ['8'] = 0x7c, ['9'] = 0x7d, ['+'] = 0x7e,
	['/'] = 0x7f,
};

static bool
is_blank(unsigned char c)
{
	return c == ' ' || c == '\t';
}

static void
hex_write(const unsigned char *p, size_t n, unsigned char *out)
{
	for (size_t i = 0; i < n; i++) {
		*out++ = (unsigned char)hex_digits[p[i] >> 4];
		*out++ = (unsigned char)hex_digits[p[i] & 0xf];
	}
}

static bool
hex_read(unsigned char *p, size_t n, size_t *got)
{
	size_t at = 0, used = 0;

	if (n > 0 && is_blank(p[0]))
		return false;
	while (at < n) {
		if (is_blank(p[at])) {
			at++;
			continue;
		}
		if (n - at < 2)
			return false;
		uint8_t high = hex_value[p[at]], low = hex_value[p[at + 1]];
		if (!(high & low & HEX_DIGIT))
			return false;
		p[used++] = (unsigned char)(high << 4 | (low & 0xf));
		at += 2;
	}
	*got = used;
	return true;
}

static void
base64_write(const unsigned char *p, size_t n, unsigned char *out)
{
	uint32_t bits;

	for (; n >= 3; n -= 3, p += 3) {
		bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*out++ = (unsigned char)base64_digits[bits >> 18];
		*out++ = (unsigned char)base64_digits[bits >> 12 & 0x3f];
		*out++ = (unsigned char)base64_digits[bits >> 6 & 0x3f];
		*out++ = (unsigned char)base64_digits[bits & 0x3f];
	}
	if (n == 0)
		return;
	bits = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);
	*out++ = (unsigned char)base64_digits[bits >> 18];
	*out++ = (unsigned char)base64_digits[bits >> 12 & 0x3f];
	*out++ = n == 2 ? (unsigned char)base64_digits[bits >> 6 & 0x3f] : '=';
	*out++ = '=';
}

static bool
base64_read(unsigned char *p, size_t n, size_t *got)
{
	size_t used = 0, padding = 0;

	/* Padding is read as zeros; then the bytes that only it had a part in have to be zero, and go. */
	if (n % 4 != 0)
		return false;
	for (; padding < 2 && padding < n && p[n - 1 - padding] == '='; padding++)
		p[n - 1 - padding] = 'A';
	for (size_t i = 0; i < n; i += 4) {
		uint8_t a = base64_value[p[i]], b = base64_value[p[i + 1]];
		uint8_t c = base64_value[p[i + 2]], d = base64_value[p[i + 3]];
		if (!(a & b & c & d & BASE64_DIGIT))
			return false;
		p[used++] = (unsigned char)(a << 2 | (b >> 4 & 0x3));
		p[used++] = (unsigned char)(b << 4 | (c >> 2 & 0xf));
		p[used++] = (unsigned char)(c << 6 | (d & 0x3f));
	}
	for (; padding > 0; padding--) {
		if (p[--used] != 0)
			return false;
	}
	*got = used;
	return true;
}

/*
 * May this code point stand in a string as it is? Beside what RFC 8259 forbids we escape what could drive a terminal.
 */
static bool
json_is_plain(uint32_t code)
{
	return utf8_is_harmless(code) && code != '"' && code != '\\';
}

/* How many bytes from p on stand as they are. */
static size_t
json_run(const unsigned char *p, size_t n)
{
	size_t at = 0, len;
	uint32_t code;

	while (at < n) {
		if (p[at] < 0x80) {
			if (!json_is_plain(p[at]))
				break;
			at++;
		} else {
			if ((len = utf8_next(p + at, n - at, &code)) == 0 || !json_is_plain(code))
				break;
			at += len;
		}
	}
	return at;
}

/* Escapes what ended a run. Returns how long out became, and in *taken how many bytes of p that stands for. */
static size_t
json_escape(const unsigned char *p, size_t n, size_t *taken, unsigned char out[6])
{
	static const char shorts[0x80] = {
		['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
	};
	uint32_t code;

	if ((*taken = utf8_next(p, n, &code)) == 0) {
		*taken = 1;
		code = LONE_BYTE | p[0];
	}
	out[0] = '\\';
	if (code < sizeof(shorts) && shorts[code] != '\0') {
		out[1] = (unsigned char)shorts[code];
		return 2;
	}
	out[1] = 'u';
	for (unsigned i = 0; i < 4; i++)
		out[2 + i] = (unsigned char)hex_digits[code >> (12 - 4 * i) & 0xf];
	return 6;
}

/* Writes the string, or if out is NULL only counts. Returns its length. */
static size_t
json_write(const unsigned char *p, size_t n, unsigned char *out)
{
	size_t at = 0, used = 1, run, taken;
	unsigned char escaped[6];

	if (out != NULL)
		out[0] = '"';
	while (at < n) {
		run = json_run(p + at, n - at);
		if (out != NULL)
			memcpy(out + used, p + at, run);
		at += run;
		used += run;
		if (at == n)
			break;
		run = json_escape(p + at, n - at, &taken, escaped);
		if (out != NULL)
			memcpy(out + used, escaped, run);
		at += taken;
		used += run;
	}
	if (out != NULL)
		out[used] = '"';
	return used + 1;
}

/* Reads \uXXXX. Returns false if p[0..n) does not begin with that. */
static bool
json_unit(const unsigned char *p, size_t n, uint32_t *unit)
{
	*unit = 0;
	if (n < 6 || p[0] != '\\' || p[1] != 'u')
		return false;
	for (unsigned i = 2; i < 6; i++) {
		uint8_t digit = hex_value[p[i]];
		if (!(digit & HEX_DIGIT))
			return false;
		*unit = *unit << 4 | (digit & 0xfU);
	}
	return true;
}

/*
 * Reads the escape at p into out, which may be the same place. Returns how many bytes it has, 0 if it is none, and in
 * *made how many bytes it stands for.
 */
static size_t
json_unescape(const unsigned char *p, size_t n, unsigned char *out, size_t *made)
{
	static const unsigned char shorts[256] = {
		['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b',
		['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
	};
	uint32_t code, low;

	*made = 1;
	if (n >= 2 && shorts[p[1]] != '\0') {
		out[0] = shorts[p[1]];
		return 2;
	}
	if (!json_unit(p, n, &code))
		return 0;
	if (code < 0xd800 || code > 0xdfff) {
		*made = utf8_put(code, out);
		return 6;
	}
	if (code >= (LONE_BYTE | 0x80) && code <= (LONE_BYTE | 0xff)) {
		out[0] = (unsigned char)(code & 0xff);
		return 6;
	}
	if (code > 0xdbff || !json_unit(p + 6, n - 6, &low) || low < 0xdc00 || low > 0xdfff)
		return 0;
	*made = utf8_put(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00), out);
	return 12;
}

/* Reads what ended a run, likewise: an escape, or what we would have escaped and others need not. */
static size_t
json_odd(const unsigned char *p, size_t n, unsigned char *out, size_t *made)
{
	uint32_t code;

	if (p[0] == '\\')
		return json_unescape(p, n, out, made);
	*made = utf8_next(p, n, &code);
	if (*made == 0 || code < 0x20 || code == '"')
		return 0;
	memmove(out, p, *made);
	return *made;
}

static bool
json_read(unsigned char *p, size_t n, size_t *got)
{
	size_t at = 0, used = 0, len, made;

	while (at < n && is_blank(p[at]))
		at++;
	if (n - at < 2 || p[at] != '"' || p[n - 1] != '"')
		return false;
	at++;
	n--;
	while (at < n) {
		len = json_run(p + at, n - at);
		memmove(p + used, p + at, len);
		at += len;
		used += len;
		if (at == n)
			break;
		if ((len = json_odd(p + at, n - at, p + used, &made)) == 0)
			return false;
		at += len;
		used += made;
	}
	*got = used;
	return true;
}

size_t
notation_bound(enum notation notation, size_t n)
{
	switch (notation) {
	case NOTATION_HEX:
		return n > SIZE_MAX / 2 ? SIZE_MAX : 2 * n;
	case NOTATION_BASE64:
		n = n / 3 + (n % 3 != 0);
		return n > SIZE_MAX / 4 ? SIZE_MAX : 4 * n;
	case NOTATION_JSON:
		return n > (SIZE_MAX - 2) / 6 ? SIZE_MAX : 6 * n + 2;
	}
	return SIZE_MAX;
}

bool
notation_write(enum notation notation, const unsigned char *p, size_t n, struct buf *out)
{
	size_t len = notation_bound(notation, n);	/* of hex and base64, just what it takes */
	unsigned char *space;

	if (len == SIZE_MAX)
		return false;
	if (notation == NOTATION_JSON)
		len = json_write(p, n, NULL);
	if (len == 0)
		return true;
	if (len > buf_room(out) || (space = buf_space(out, len)) == NULL)
		return false;
	switch (notation) {
	case NOTATION_HEX:
		hex_write(p, n, space);
		break;
	case NOTATION_BASE64:
		base64_write(p, n, space);
		break;
	case NOTATION_JSON:
		json_write(p, n, space);
		break;
	}
	buf_added(out, len);
	return true;
}

bool
notation_read(enum notation notation, unsigned char *p, size_t n, size_t *got)
{
	if (n > 0 && p[n - 1] == '\r')
		n--;
	while (n > 0 && is_blank(p[n - 1]))
		n--;
	switch (notation) {
	case NOTATION_HEX:
		return hex_read(p, n, got);
	case NOTATION_BASE64:
		return base64_read(p, n, got);
	case NOTATION_JSON:
		return json_read(p, n, got);
	}
	return false;
}

bool
notation_is_text(const unsigned char *p, size_t n)
{
	size_t len;
	uint32_t code;

	for (size_t at = 0; at < n; at += len) {
		len = p[at] < 0x80 ? 1 : utf8_next(p + at, n - at, &code);
		if (len == 0)
			return false;
	}
	return true;
}

static const char text_key[] = "\"text\":", base64_key[] = "\"base64\":\"";

size_t
notation_member_bound(size_t n)
{
	size_t bound = notation_bound(NOTATION_JSON, n);	/* base64 takes less */

	return bound > SIZE_MAX - sizeof(base64_key) ? SIZE_MAX : bound + sizeof(base64_key);
}

bool
notation_write_member(const unsigned char *p, size_t n, struct buf *out)
{
	size_t before = buf_len(out);
	bool good;

	if (notation_is_text(p, n))
		good = buf_put(out, text_key, sizeof(text_key) - 1) && notation_write(NOTATION_JSON, p, n, out);
	else
		good = buf_put(out, base64_key, sizeof(base64_key) - 1) && notation_write(NOTATION_BASE64, p, n, out) &&
		    buf_put(out, "\"", 1);
	if (!good)
		buf_cut(out, before);
	return good;
}
