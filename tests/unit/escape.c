/*
 * Untrusted bytes on a terminal: what passes, what is spelled out, and that a small buffer is never overrun and never
 * ends in half a character or half an escape.
 */
#include "lib/base/escape.h"

#include <stdlib.h>

#include "tests/unit/check.h"

#define GUARD 0xa5

static void
shows_n(const void *bytes, size_t n, const char *want)
{
	char out[4096];
	size_t len = escape_text(out, sizeof(out), bytes, n);

	CHECK_TEXT(out, want);
	CHECK_INT(len, strlen(want));
}

static void
shows(const char *text, const char *want)
{
	shows_n(text, strlen(text), want);
}

/* Encodes a code point by the book, whether or not the book allows it. */
static size_t
encode(uint32_t c, unsigned char *out)
{
	if (c < 0x80) {
		out[0] = (unsigned char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (unsigned char)(0xc0 | c >> 6);
		out[1] = (unsigned char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (unsigned char)(0xe0 | c >> 12);
		out[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (unsigned char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (unsigned char)(0xf0 | c >> 18);
	out[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (unsigned char)(0x80 | (c & 0x3f));
	return 4;
}

/* Does it pass as it is, or as one \xNN for each byte? Anything else is neither. */
static bool
is_spelled_out(const unsigned char *bytes, size_t n)
{
	char out[32], want[32];

	for (size_t i = 0; i < n; i++)
		snprintf(want + 4 * i, sizeof(want) - 4 * i, "\\x%02x", bytes[i]);
	return escape_text(out, sizeof(out), bytes, n) == 4 * n && strcmp(out, want) == 0;
}

static bool
passes(const unsigned char *bytes, size_t n)
{
	char out[32];

	return escape_text(out, sizeof(out), bytes, n) == n && memcmp(out, bytes, n) == 0;
}

/* Every code point there is, and some that there are not. */
static void
every_code_point(void)
{
	unsigned char bytes[4];
	uint32_t wrong = 0;
	bool harmful, good = true;

	for (uint32_t c = 0; c < 0x200000 && good; c++) {
		size_t n = encode(c, bytes);
		harmful = c < 0x20 || c == '\\' || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f ||
		    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || (c >= 0xd800 && c <= 0xdfff) ||
		    c > 0x10ffff;
		good = harmful ? is_spelled_out(bytes, n) : passes(bytes, n);
		wrong = c;
	}
	CHECK(good);
	if (!good)
		printf("\tat U+%04" PRIX32 "\n", wrong);
}

static void
known_cases(void)
{
	static const unsigned char reversed[] = { 'a', 'b', 'c', 0xe2, 0x80, 0xae, 'g', 'p', 'j', '.', 'e', 'x', 'e' };

	shows("", "");
	shows("plain text, with ~ and ' and \"", "plain text, with ~ and ' and \"");
	shows("a\\b", "a\\x5cb");
	shows("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m");
	shows("line\nline\r\n", "line\\x0aline\\x0d\\x0a");
	shows("tab\tbell\a", "tab\\x09bell\\x07");
	shows("grün € 𝄞", "grün € 𝄞");
	shows("csi \xc2\x9b", "csi \\xc2\\x9b");	/* C1 as UTF-8 */
	shows("csi \x9b", "csi \\x9b");			/* and as a byte of its own */
	shows_n(reversed, sizeof(reversed), "abc\\xe2\\x80\\xaegpj.exe");
	shows_n("a\0b", 3, "a\\x00b");
	shows("\x7f", "\\x7f");

	/* Not well-formed (RFC 3629): byte by byte, and what follows is not swallowed. */
	shows("\xc0\xaf", "\\xc0\\xaf");
	shows("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
	shows("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf");
	shows("\xc1\xbf", "\\xc1\\xbf");
	shows("\xed\xa0\x80", "\\xed\\xa0\\x80");
	shows("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	shows("\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80");
	shows("\xfe\xff", "\\xfe\\xff");
	shows("\x80", "\\x80");
	shows("\xe2\x82", "\\xe2\\x82");
	shows("\xe2x", "\\xe2x");
	shows("\xe2\x82€", "\\xe2\\x82€");
	shows("\xe2\x1b[0m", "\\xe2\\x1b[0m");
	shows_n("\xe2\x82\xac", 2, "\\xe2\\x82");	/* the third byte is not ours to look at */
}

/* Is it a beginning of whole that does not end inside a character or an escape? */
static bool
is_whole_prefix(const char *part, const char *whole)
{
	size_t n = strlen(part), at = 0;

	if (strncmp(part, whole, n) != 0)
		return false;
	while (at < n) {
		unsigned char c = (unsigned char)whole[at];
		at += c == '\\' ? 4 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
	}
	return at == n;
}

/* Memory of just the right size, so that a sanitizer sees a byte too many; a guard sees it without one. */
static void
at_any_size(const char *text)
{
	size_t n = strlen(text);
	char whole[512];
	size_t whole_len = escape_text(whole, sizeof(whole), text, n);

	for (size_t size = 0; size <= whole_len + 3; size++) {
		char *in = malloc(n > 0 ? n : 1), *out = malloc(size + 1);
		if (in == NULL || out == NULL) {
			CHECK(false);
			free(in);
			free(out);
			return;
		}
		for (size_t i = 0; i < n; i++)
			in[i] = text[i];	/* without the NUL */
		memset(out, GUARD, size + 1);
		size_t len = escape_text(out, size, in, n);
		CHECK((unsigned char)out[size] == GUARD);
		CHECK(size == 0 ? len == 0 : len < size && out[len] == '\0' && strlen(out) == len);
		CHECK(size == 0 || is_whole_prefix(out, whole));
		CHECK(size <= whole_len || len == whole_len);
		CHECK(size == 0 || size > whole_len || len + 5 > size);	/* and as much as fits */
		free(in);
		free(out);
	}
}

int
main(void)
{
	static const char *const texts[] = {
		"", "plain", "\x1b\x1b\x1b", "ab\033cd", "€€€€", "a€b𝄞c\nü", "𝄞𝄞𝄞", "\xe2\x82\xe2\x82", "\\\\\\",
		"x\xc2\x9by", "\xc2\x9b\xc2\x9b",
	};

	known_cases();
	every_code_point();
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		at_any_size(texts[i]);
	return check_done("escape");
}
