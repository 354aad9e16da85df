/*
 * Bytes as text and back: the vectors of RFC 4648, every byte, every short length, what is refused, and no byte read or
 * written beyond what was given: inputs end at an unreadable page.
 */
#include "lib/wire/notation.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/check.h"

#define MIB ((size_t)1024 * 1024)
#define ROOM (8 * MIB)

static const enum notation all[] = { NOTATION_HEX, NOTATION_BASE64, NOTATION_JSON };
#define N_ALL (sizeof(all) / sizeof(all[0]))

static unsigned char *edge;	/* behind it nothing may be read or written, before it there is room */

static bool
make_edge(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *pages = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + ROOM, page, PROT_NONE) < 0)
		return false;
	edge = pages + ROOM;
	return true;
}

static unsigned char *
at_the_edge(const void *bytes, size_t n)
{
	if (n > 0)
		memcpy(edge - n, bytes, n);
	return edge - n;
}

static bool
write_all(enum notation notation, const void *bytes, size_t n, struct buf *out)
{
	return notation_write(notation, at_the_edge(bytes, n), n, out);
}

/* These bytes are written like that. */
static void
writes_n(enum notation notation, const void *bytes, size_t n, const char *want)
{
	struct buf out = BUF_EMPTY(4096);
	char text[4096];

	CHECK(write_all(notation, bytes, n, &out));
	snprintf(text, sizeof(text), "%.*s", (int)buf_len(&out), (const char *)buf_bytes(&out));
	CHECK_TEXT(text, want);
	CHECK_INT(buf_len(&out), strlen(want));
	buf_free(&out);
}

/* This line says these bytes. */
static void
reads_n(enum notation notation, const void *line, size_t n_line, const void *want, size_t n)
{
	unsigned char *p = at_the_edge(line, n_line);
	size_t got = SIZE_MAX;
	bool good = notation_read(notation, p, n_line, &got) && got == n && (n == 0 || memcmp(p, want, n) == 0);

	CHECK(good);
	if (!good)
		printf("\tread '%.*s'\n", (int)n_line, (const char *)line);
}

static void
reads(enum notation notation, const char *line, const char *want)
{
	reads_n(notation, line, strlen(line), want, strlen(want));
}

static void
refuses_n(enum notation notation, const void *line, size_t n)
{
	size_t got;
	bool taken = notation_read(notation, at_the_edge(line, n), n, &got);

	CHECK(!taken);
	if (taken)
		printf("\ttaken: '%.*s'\n", (int)n, (const char *)line);
}

static void
refuses(enum notation notation, const char *line)
{
	refuses_n(notation, line, strlen(line));
}

static void
both(enum notation notation, const char *bytes, const char *line)
{
	writes_n(notation, bytes, strlen(bytes), line);
	reads(notation, line, bytes);
}

/* Writes, keeps to the bound, and reads back; also behind what is there already. */
static void
round_trip(enum notation notation, const unsigned char *bytes, size_t n)
{
	struct buf out = BUF_EMPTY(ROOM);
	unsigned char *line;
	size_t len, got = SIZE_MAX;
	bool good = buf_put(&out, "before", 6) && write_all(notation, bytes, n, &out);

	CHECK(good);
	if (!good)
		return;
	CHECK(memcmp(buf_bytes(&out), "before", 6) == 0);
	len = buf_len(&out) - 6;
	CHECK(len >= n && len <= notation_bound(notation, n));
	CHECK(memchr(buf_bytes(&out), '\n', buf_len(&out)) == NULL);
	line = at_the_edge(buf_bytes(&out) + 6, len);
	good = notation_read(notation, line, len, &got) && got == n && (n == 0 || memcmp(line, bytes, n) == 0);
	CHECK(good);
	if (!good)
		printf("\tnotation %d, %zu bytes, line of %zu\n", (int)notation, n, len);
	buf_free(&out);
}

static void
rfc4648(void)
{
	both(NOTATION_BASE64, "", "");
	both(NOTATION_BASE64, "f", "Zg==");
	both(NOTATION_BASE64, "fo", "Zm8=");
	both(NOTATION_BASE64, "foo", "Zm9v");
	both(NOTATION_BASE64, "foob", "Zm9vYg==");
	both(NOTATION_BASE64, "fooba", "Zm9vYmE=");
	both(NOTATION_BASE64, "foobar", "Zm9vYmFy");
	both(NOTATION_HEX, "", "");
	both(NOTATION_HEX, "f", "66");
	both(NOTATION_HEX, "fo", "666f");
	both(NOTATION_HEX, "foo", "666f6f");
	both(NOTATION_HEX, "foob", "666f6f62");
	both(NOTATION_HEX, "fooba", "666f6f6261");
	both(NOTATION_HEX, "foobar", "666f6f626172");
}

static void
hex(void)
{
	static const char *const refused[] = {
		"6", "666", "6 6", " 66", "\t66", "6g", "g6", "0x66", "66,66", "66 6", "66\r66", "\r66", "66\r\r",
		"66\r ", "66\n", "66-66", "66:66", "/0", ":0", "@0", "`0", "G0", "\xb1\xb1",
	};

	reads(NOTATION_HEX, "666F6f", "foo");
	reads(NOTATION_HEX, "4A 4b\t4C  \t4d", "JKLM");
	reads(NOTATION_HEX, "66\r", "f");
	reads(NOTATION_HEX, "66 \t \r", "f");
	reads(NOTATION_HEX, "66  ", "f");
	reads(NOTATION_HEX, " \t\r", "");
	reads_n(NOTATION_HEX, "00fF", 4, "\0\xff", 2);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		refuses(NOTATION_HEX, refused[i]);
	refuses_n(NOTATION_HEX, "6\0", 2);
}

static void
base64(void)
{
	static const char *const refused[] = {
		"Z", "Zg", "Zg=", "Zg===", "Zg==Zg==", "Zm8", "Zm8=Zm9v", "=", "==", "===", "====", "A===", "Z===",
		"=Zg=", "Zg=a", "Zm 9v", "Zm9v Zm9v", " Zm9v", "Zm9v\rZm9v", "Zm9v\r\r", "Zm9v\n", "Zm9v-", "Zm9_",
		"Zm9-", "Zm9.", "Zm9*", "Zh==", "Zk==", "Zv==", "Zm9=", "Zm8==", "Zm+=", "Zm/=", "Zm9@", "Zm9[", "Zm9`",
		"Zm9{", "Zm9:", "Zm9,", "Zm9\xc3",
	};

	writes_n(NOTATION_BASE64, "\xfb\xff\xbf", 3, "+/+/");
	reads(NOTATION_BASE64, "+/+/", "\xfb\xff\xbf");
	reads(NOTATION_BASE64, "Zg==\r", "f");
	reads(NOTATION_BASE64, "Zg== \t\r", "f");
	reads(NOTATION_BASE64, "Zg==  ", "f");
	reads(NOTATION_BASE64, " \r", "");
	reads_n(NOTATION_BASE64, "AAAA", 4, "\0\0\0", 3);
	reads_n(NOTATION_BASE64, "AAA=", 4, "\0\0", 2);
	reads_n(NOTATION_BASE64, "AA==", 4, "\0", 1);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		refuses(NOTATION_BASE64, refused[i]);
	refuses_n(NOTATION_BASE64, "Zm9\0", 4);
}

static void
json_written(void)
{
	both(NOTATION_JSON, "", "\"\"");
	both(NOTATION_JSON, "plain ~ / '", "\"plain ~ / '\"");
	both(NOTATION_JSON, "\"", "\"\\\"\"");
	both(NOTATION_JSON, "\\\\", "\"\\\\\\\\\"");
	both(NOTATION_JSON, "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"");
	both(NOTATION_JSON, "a\x01z\x1b[0m\x1f\x7f", "\"a\\u0001z\\u001b[0m\\u001f\\u007f\"");
	both(NOTATION_JSON, "\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "\"\\u0080\\u009b\\u009f\xc2\xa0\"");
	both(NOTATION_JSON, "\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9", "\"\xe2\x80\xa7\\u2028\\u2029\"");
	both(NOTATION_JSON, "\xe2\x80\xaa\xe2\x80\xac", "\"\\u202a\\u202c\"");
	both(NOTATION_JSON, "grün € 𝄞", "\"grün € 𝄞\"");
	both(NOTATION_JSON, "\xf4\x8f\xbf\xbf\xef\xbf\xbf", "\"\xf4\x8f\xbf\xbf\xef\xbf\xbf\"");
	writes_n(NOTATION_JSON, "a\0b", 3, "\"a\\u0000b\"");

	/* Not UTF-8: byte by byte, and what follows is not swallowed. */
	both(NOTATION_JSON, "\x80\xff\xfe", "\"\\udc80\\udcff\\udcfe\"");
	both(NOTATION_JSON, "\xc0\xaf", "\"\\udcc0\\udcaf\"");
	both(NOTATION_JSON, "\xed\xa0\x80", "\"\\udced\\udca0\\udc80\"");
	both(NOTATION_JSON, "\xf4\x90\x80\x80", "\"\\udcf4\\udc90\\udc80\\udc80\"");
	both(NOTATION_JSON, "\xe2\x82", "\"\\udce2\\udc82\"");
	both(NOTATION_JSON, "\xe2\x82\"", "\"\\udce2\\udc82\\\"\"");
	both(NOTATION_JSON, "\xe2\x82€", "\"\\udce2\\udc82€\"");
	writes_n(NOTATION_JSON, "\xe2\x82\xac", 2, "\"\\udce2\\udc82\"");
}

static void
json_read(void)
{
	reads(NOTATION_JSON, "\"\\/\\\"\\\\\\b\\f\\n\\r\\t\"", "/\"\\\b\f\n\r\t");
	reads(NOTATION_JSON, " \t \"x\" \t", "x");
	reads(NOTATION_JSON, "\"x\"\r", "x");
	reads(NOTATION_JSON, "\"x\" \r", "x");
	reads(NOTATION_JSON, "\" x \"", " x ");
	reads(NOTATION_JSON, "\"\x7f\xc2\x9b\xe2\x80\xa8/\"", "\x7f\xc2\x9b\xe2\x80\xa8/");	/* as others may */
	reads(NOTATION_JSON, "\"\\u0041\\u00e9\\u20AC\\u20ac\\uFFFF\"", "Aé€€\xef\xbf\xbf");
	reads(NOTATION_JSON, "\"\\u007f\\u0080\\u07ff\\u0800\\ud7ff\\ue000\"",
	    "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80");
	reads(NOTATION_JSON, "\"\\ud834\\udd1e\\uD834\\uDD1E\"", "𝄞𝄞");
	reads(NOTATION_JSON, "\"\\ud800\\udc00\\udbff\\udfff\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
	reads(NOTATION_JSON, "\"\\ud800\\udc80\"", "\xf0\x90\x82\x80");	/* a pair, and no byte */
	reads(NOTATION_JSON, "\"\\udc80\\uDCFF\"", "\x80\xff");
	reads(NOTATION_JSON, "\"\\udce2\\udc82\\udcac\"", "€");
	reads(NOTATION_JSON, "\"\\\\u0041\"", "\\u0041");
	reads_n(NOTATION_JSON, "\"\\u0000\"", 8, "\0", 1);
}

static void
json_refused(void)
{
	static const char *const refused[] = {
		"", " ", "\"", " \"", "\" ", "x", "x\"", "\"x", "'x'", "\"x\"y", "\"x\",", "y\"x\"", "\"x\" \"y\"",
		"\"x\"y\"", "null", "1", "[\"x\"]", "{}", "\"\\\"", "\"x\\\"", "\"\\\\\\\"", "\"\\", "\r\"x\"",
		"\"x\"\r\r", "\"x\"\r ", "\"a\tb\"", "\"a\nb\"", "\"a\rb\"", "\"\x1b\"", "\"\x01\"", "\"\x1f\"",
		"\"\\a\"", "\"\\v\"", "\"\\0\"", "\"\\x41\"", "\"\\'\"", "\"\\U0041\"", "\"\\N\"", "\"\\ \"",
		"\"\\\xc3\xa9\"", "\"\\u\"", "\"\\u4\"", "\"\\u41\"", "\"\\u041\"", "\"\\u004g\"", "\"\\u 041\"",
		"\"\\u+041\"", "\"\\u-041\"", "\"\\u{41}\"", "\"\\u0x41\"", "\"\\u00\\u0041\"", "\"\\u004",
		"\"\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\\"", "\"\\ud800\\n\"", "\"\\ud800\\u\"",
		"\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"", "\"\\ud800\\udbff\"", "\"\\ud800\\ue000\"",
		"\"\\ud834\\udd1\"", "\"\\ud834\\udd1g\"", "\"\\ud834 \\udd1e\"", "\"\\ud834\\xdd1e\"",
		"\"\\ud834udd1e\"", "\"\\ud834/udd1e\"", "\"\\udbff\"", "\"\\udc00\"", "\"\\udc7f\"", "\"\\udd00\"",
		"\"\\udfff\"", "\"\\udd1e\\ud834\"", "\"\\udd00\\udc00\"", "\"\x80\"", "\"\xff\"", "\"\xe2\x82\"",
		"\"\xe2\"", "\"\xc0\xaf\"", "\"\xc1\xbf\"", "\"\xe0\x80\xaf\"", "\"\xed\xa0\x80\"", "\"\xed\xb2\x80\"",
		"\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xf0\x9d\x84\"", "\xef\xbb\xbf\"x\"",
		"\xc2\xa0\"x\"", "\"x\"\xc2\xa0",
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		refuses(NOTATION_JSON, refused[i]);
	refuses_n(NOTATION_JSON, "\"\0\"", 3);
	refuses_n(NOTATION_JSON, "\"x\"\0", 4);
}

/* A line cut short anywhere is refused, or in hex and base64 says the beginning of what it said. */
static void
cut(void)
{
	static const char line[] = "\"a\\\"\\\\\\u20ac\\ud834\\udd1e\\udcff€𝄞\"";
	size_t n = sizeof(line) - 1;

	for (size_t i = 0; i < n; i++)
		refuses_n(NOTATION_JSON, line, i);
	reads(NOTATION_JSON, line, "a\"\\€𝄞\xff€𝄞");
	for (size_t i = 0; i <= 12; i++) {
		if (i % 2 == 0)
			reads_n(NOTATION_HEX, "666f6f626172", i, "foobar", i / 2);
		else
			refuses_n(NOTATION_HEX, "666f6f626172", i);
	}
	for (size_t i = 0; i <= 8; i++) {
		if (i % 4 == 0)
			reads_n(NOTATION_BASE64, "Zm9vYmFy", i, "foobar", i / 4 * 3);
		else
			refuses_n(NOTATION_BASE64, "Zm9vYmFy", i);
	}
}

static void
every_byte(void)
{
	unsigned char bytes[256];

	for (unsigned i = 0; i < 256; i++) {
		bytes[i] = (unsigned char)i;
		for (size_t k = 0; k < N_ALL; k++)
			round_trip(all[k], &bytes[i], 1);
	}
	for (size_t k = 0; k < N_ALL; k++)
		round_trip(all[k], bytes, sizeof(bytes));
}

static bool
is_in(const char *set, unsigned char c)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* Two bytes as digits of hex, and as the last two of base64: what is taken, by the book. */
static void
every_two_digits(void)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t got, wrong = 0;

	for (unsigned i = 0; i < 0x10000; i++) {
		unsigned char a = (unsigned char)(i >> 8), b = (unsigned char)i;
		unsigned char pair[2] = { a, b }, quad[4] = { 'A', 'A', a, b };
		bool padded = b == '=' && (a == '=' || is_in("AEIMQUYcgkosw048", a));
		if (!is_in(" \t\r", b))
			wrong += notation_read(NOTATION_HEX, pair, 2, &got) != (is_in(digits, a) && is_in(digits, b));
		wrong += notation_read(NOTATION_BASE64, quad, 4, &got) !=
		    (padded || (is_in(digits64, a) && is_in(digits64, b)));
	}
	CHECK_INT(wrong, 0);
}

/* Two bytes as a message. */
static void
every_two_bytes(enum notation notation)
{
	size_t got, wrong = 0;

	for (unsigned i = 0; i < 0x10000; i++) {
		unsigned char two[2] = { (unsigned char)(i >> 8), (unsigned char)i }, *line;
		struct buf out = BUF_EMPTY(16);
		wrong += !notation_write(notation, two, 2, &out);
		line = at_the_edge(buf_bytes(&out), buf_len(&out));
		wrong += !notation_read(notation, line, buf_len(&out), &got) || got != 2 || memcmp(line, two, 2) != 0;
		buf_free(&out);
	}
	CHECK_INT(wrong, 0);
}

/* Every short length, of all kinds of bytes; and that json is as long as it can be where each byte is escaped. */
static void
every_length(void)
{
	static const char *const kinds[] = {
		"plain text without end ", "\x01", "\xff", "\xf0\x9d\x84\x9e", "é", "\"\\", "\xe2\x82",
		"a\nb\x1b€\xc2\x9b\xfe",
	};
	unsigned char bytes[70];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		for (size_t n = 0; n < sizeof(bytes); n++)
			bytes[n] = (unsigned char)kinds[i][n % strlen(kinds[i])];
		for (size_t n = 0; n <= sizeof(bytes); n++) {
			for (size_t k = 0; k < N_ALL; k++)
				round_trip(all[k], bytes, n);
		}
	}
	memset(bytes, 0x01, sizeof(bytes));
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		for (size_t k = 0; k < N_ALL; k++) {
			struct buf out = BUF_EMPTY(1024);
			CHECK(write_all(all[k], bytes, n, &out));
			CHECK_INT(buf_len(&out), notation_bound(all[k], n));
			buf_free(&out);
		}
	}
}

static void
bounds(void)
{
	CHECK_INT(notation_bound(NOTATION_HEX, 0), 0);
	CHECK_INT(notation_bound(NOTATION_HEX, 5), 10);
	CHECK_INT(notation_bound(NOTATION_BASE64, 0), 0);
	CHECK_INT(notation_bound(NOTATION_BASE64, 1), 4);
	CHECK_INT(notation_bound(NOTATION_BASE64, 3), 4);
	CHECK_INT(notation_bound(NOTATION_BASE64, 4), 8);
	CHECK_INT(notation_bound(NOTATION_JSON, 0), 2);
	CHECK_INT(notation_bound(NOTATION_JSON, 1), 8);

	/* The last that a size_t holds, and the first that it does not. */
	CHECK(notation_bound(NOTATION_HEX, SIZE_MAX / 2) == SIZE_MAX - 1);
	CHECK(notation_bound(NOTATION_HEX, SIZE_MAX / 2 + 1) == SIZE_MAX);
	CHECK(notation_bound(NOTATION_BASE64, SIZE_MAX / 4 * 3) == SIZE_MAX - 3);
	CHECK(notation_bound(NOTATION_BASE64, SIZE_MAX / 4 * 3 + 1) == SIZE_MAX);
	CHECK(notation_bound(NOTATION_JSON, (SIZE_MAX - 2) / 6) == (SIZE_MAX - 2) / 6 * 6 + 2);
	CHECK(notation_bound(NOTATION_JSON, (SIZE_MAX - 2) / 6 + 1) == SIZE_MAX);
	for (size_t k = 0; k < N_ALL; k++)
		CHECK(notation_bound(all[k], SIZE_MAX) == SIZE_MAX);
}

/* Just what it takes is enough; one byte less, and out is as it was. */
static void
out_of_room(void)
{
	static const unsigned char bytes[] = "some \x1b bytes \xff and é";

	for (size_t k = 0; k < N_ALL; k++) {
		struct buf whole = BUF_EMPTY(1024);
		CHECK(notation_write(all[k], bytes, sizeof(bytes), &whole));
		for (size_t room = 0; room <= buf_len(&whole); room++) {
			struct buf out = BUF_EMPTY(room + 4);
			bool fits = room == buf_len(&whole);
			CHECK(buf_put(&out, "kept", 4));
			CHECK(notation_write(all[k], bytes, sizeof(bytes), &out) == fits);
			CHECK_INT(buf_len(&out), 4 + (fits ? room : 0));
			CHECK(memcmp(buf_bytes(&out), "kept", 4) == 0);
			CHECK(!fits || memcmp(buf_bytes(&out) + 4, buf_bytes(&whole), room) == 0);
			buf_free(&out);
		}
		buf_free(&whole);
	}
	struct buf none = BUF_EMPTY(0);
	CHECK(notation_write(NOTATION_HEX, NULL, 0, &none));
	CHECK(notation_write(NOTATION_BASE64, NULL, 0, &none));
	CHECK(!notation_write(NOTATION_JSON, NULL, 0, &none));
	for (size_t k = 0; k < N_ALL; k++)
		CHECK(!notation_write(all[k], bytes, SIZE_MAX, &none));
}

/* A message of a mebibyte, of all kinds of bytes. */
static void
large(void)
{
	static unsigned char bytes[MIB];
	uint64_t seed = 88172645463325252U;

	memset(bytes, 'a', sizeof(bytes));
	for (size_t k = 0; k < N_ALL; k++)
		round_trip(all[k], bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		bytes[i] = (unsigned char)(seed >> 32);
	}
	for (size_t k = 0; k < N_ALL; k++)
		round_trip(all[k], bytes, sizeof(bytes));
}

static void
is_text(const char *bytes, size_t n, bool want)
{
	CHECK(notation_is_text(at_the_edge(bytes, n), n) == want);
}

static void
texts(void)
{
	is_text("", 0, true);
	is_text("a\0\x7f\n", 4, true);
	is_text("\xc2\x80", 2, true);
	is_text("grün", 5, true);
	is_text("€𝄞", 7, true);
	is_text("€𝄞", 6, false);
	is_text("€𝄞", 2, false);
	is_text("a\xff", 2, false);
	is_text("\x80z", 2, false);
	is_text("\xed\xa0\x80", 3, false);
	is_text("\xc0\x80", 2, false);
	is_text("\xf4\x90\x80\x80", 4, false);
}

int
main(void)
{
	if (!make_edge()) {
		perror("notation: mmap");
		return 1;
	}
	rfc4648();
	hex();
	base64();
	json_written();
	json_read();
	json_refused();
	cut();
	every_byte();
	every_two_digits();
	for (size_t k = 0; k < N_ALL; k++)
		every_two_bytes(all[k]);
	every_length();
	bounds();
	out_of_room();
	large();
	texts();
	return check_done("notation");
}
