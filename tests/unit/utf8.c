/*
 * UTF-8: every character there is, every start of one, and every few bytes that are neither. What is well-formed and
 * what is harmless, escape.c's driver holds against a coder of its own.
 */
#include "lib/base/utf8.h"

#include "tests/unit/check.h"

/* Which one, two and three bytes a longer character begins with. */
static bool one[256], two[256][256], three[256][256][256];

static void
every_character(void)
{
	unsigned char bytes[UTF8_MAX];
	uint32_t code, wrong = 0;

	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		size_t n = utf8_put(c, bytes);
		code = UINT32_MAX;
		wrong += n != (c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
		wrong += utf8_next(bytes, n, &code) != n || code != c;
		wrong += utf8_next(bytes, n - (n > 1), &code) != (n == 1);
		wrong += utf8_is_start(bytes, n);
		one[bytes[0]] = n > 1;
		if (n > 2)
			two[bytes[0]][bytes[1]] = true;
		if (n > 3)
			three[bytes[0]][bytes[1]][bytes[2]] = true;
	}
	CHECK_INT(wrong, 0);
}

/* All one and two bytes, and three where the first may begin four. */
static void
every_start(void)
{
	unsigned wrong = 0;

	for (unsigned a = 0; a < 256; a++) {
		unsigned char bytes[UTF8_MAX] = { (unsigned char)a };
		wrong += utf8_is_start(bytes, 1) != one[a];
		for (unsigned b = 0; b < 256; b++) {
			bytes[1] = (unsigned char)b;
			wrong += utf8_is_start(bytes, 2) != two[a][b];
			for (unsigned c = 0; a >= 0xe0 && c < 256; c++) {
				bytes[2] = (unsigned char)c;
				wrong += utf8_is_start(bytes, 3) != three[a][b][c];
				wrong += utf8_is_start(bytes, 4);
			}
		}
	}
	CHECK_INT(wrong, 0);
	CHECK(!utf8_is_start((const unsigned char *)"", 0));
	CHECK(!utf8_is_start((const unsigned char *)"\xc3\xa9\xe2", 3));	/* it starts with a whole one */
	CHECK(!utf8_is_start((const unsigned char *)"a\xe2", 2));
	CHECK(!utf8_is_start((const unsigned char *)"\xf0\x9d\x84 and more", 12));
	CHECK(utf8_is_start((const unsigned char *)"\xf0\x9d\x84\x9e", 3));
}

static void
harmless(void)
{
	CHECK(utf8_is_harmless(' '));
	CHECK(utf8_is_harmless('~'));
	CHECK(utf8_is_harmless('\\'));		/* who spells bytes out with it looks for it */
	CHECK(utf8_is_harmless(0xa0));
	CHECK(utf8_is_harmless(0x10ffff));
	CHECK(!utf8_is_harmless(0x1f));
	CHECK(!utf8_is_harmless(0x7f));
	CHECK(!utf8_is_harmless(0x80));
	CHECK(!utf8_is_harmless(0x9f));
	CHECK(!utf8_is_harmless(0x202e));
}

int
main(void)
{
	every_character();
	every_start();
	harmless();
	return check_done("utf8");
}
