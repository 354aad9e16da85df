/*
 * Line ends: whole, byte by byte, and cut in two at every place, the answer is the same.
 */
#include "lib/wire/crlf.h"

#include <stdlib.h>

#include "tests/unit/check.h"

struct text {
	const char *in, *want;
};

/* Feeds in[0..n) in pieces cut at a and b into memory of just the size that crlf.h asks for. */
static void
cut_at(const struct text *text, size_t a, size_t b)
{
	size_t n = strlen(text->in), cuts[] = { 0, a, b, n }, used = 0;
	char got[256];
	bool after_cr = false;

	for (int i = 0; i < 3; i++) {
		size_t len = cuts[i + 1] - cuts[i];
		unsigned char *in = malloc(len + 1), *out = malloc(2 * len + 1);
		if (in == NULL || out == NULL) {
			CHECK(false);
			free(in);
			free(out);
			return;
		}
		memcpy(in, text->in + cuts[i], len);
		out[2 * len] = 0xa5;
		size_t put = crlf_expand(&after_cr, in, len, out);
		CHECK(put >= len && put <= 2 * len && out[2 * len] == 0xa5);
		memcpy(got + used, out, put);
		used += put;
		free(in);
		free(out);
	}
	got[used] = '\0';
	CHECK_TEXT(got, text->want);
}

static void
byte_by_byte(const struct text *text)
{
	unsigned char out[2];
	char got[256];
	size_t used = 0;
	bool after_cr = false;

	for (const char *p = text->in; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		size_t put = crlf_expand(&after_cr, &c, 1, out);
		memcpy(got + used, out, put);
		used += put;
	}
	got[used] = '\0';
	CHECK_TEXT(got, text->want);
}

/* NUL and bytes above ASCII are bytes like any other. */
static void
any_byte(void)
{
	unsigned char in[256], out[512];
	bool after_cr = false;

	for (unsigned i = 0; i < 256; i++)
		in[i] = (unsigned char)i;
	CHECK_INT(crlf_expand(&after_cr, in, sizeof(in), out), 257);
	CHECK(memcmp(out, in, '\n') == 0 && out['\n'] == '\r');
	CHECK(memcmp(out + '\n' + 1, in + '\n', sizeof(in) - '\n') == 0);
	CHECK(!after_cr);
}

int
main(void)
{
	static const struct text texts[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "\n", "\r\n" },
		{ "\r\n", "\r\n" },
		{ "\r", "\r" },
		{ "\n\n\n", "\r\n\r\n\r\n" },
		{ "\r\r\n", "\r\r\n" },
		{ "\r\n\n", "\r\n\r\n" },
		{ "\n\r", "\r\n\r" },
		{ "\ra\n", "\ra\r\n" },
		{ "GET / HTTP/1.0\nHost: x\r\n\n", "GET / HTTP/1.0\r\nHost: x\r\n\r\n" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t n = strlen(texts[i].in);
		byte_by_byte(&texts[i]);
		for (size_t a = 0; a <= n; a++) {
			for (size_t b = a; b <= n; b++)
				cut_at(&texts[i], a, b);
		}
	}
	any_byte();
	return check_done("crlf");
}
