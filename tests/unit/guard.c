/*
 * A peer's bytes on a terminal: what passes, what is spelled out, that it is the same wherever the bytes are cut, and
 * that nothing beyond them is looked at: every piece ends at an unreadable page.
 */
#include "lib/wire/guard.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/escape.h"
#include "tests/unit/check.h"

#define MIB ((size_t)1024 * 1024)

static unsigned char *edge;	/* behind it nothing may be read, before it there is room for MIB */

static bool
make_edge(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *pages = mmap(NULL, MIB + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + MIB, page, PROT_NONE) < 0)
		return false;
	edge = pages + MIB;
	return true;
}

/* Pushes from the edge; what is held after that, and what came out, keeps to what the header says. */
static bool
push(struct guard *g, const void *bytes, size_t n, struct buf *out)
{
	size_t before = buf_len(out), held = g->n_held;
	bool good;

	if (n > 0)
		memcpy(edge - n, bytes, n);
	good = guard_push(g, edge - n, n, out);
	if (n > 0)
		memset(edge - n, '#', n);
	CHECK(buf_len(out) - before <= GUARD_GROWTH * (n + held));
	CHECK(g->n_held < sizeof(g->held));
	return good;
}

static bool
is(const struct buf *out, const char *want, size_t n)
{
	return buf_len(out) == n && (n == 0 || memcmp(buf_bytes(out), want, n) == 0);
}

/* In one piece, in two wherever they are cut, in three around each byte, byte by byte, and with pauses. */
static void
shows_n(const char *bytes, size_t n, const char *want)
{
	size_t n_want = strlen(want);
	struct buf out = BUF_EMPTY(4096);
	struct guard g;
	bool good = true;

	for (size_t first = 0; first <= n; first++) {
		for (size_t second = first; second <= n; second++) {
			g = GUARD_EMPTY;
			buf_take(&out, buf_len(&out));
			good = good && push(&g, bytes, first, &out) &&
			    push(&g, bytes + first, second - first, &out) &&
			    push(&g, bytes + second, n - second, &out) && guard_finish(&g, &out) &&
			    is(&out, want, n_want);
		}
	}
	g = GUARD_EMPTY;
	buf_take(&out, buf_len(&out));
	for (size_t i = 0; i < n; i++)
		good = good && push(&g, bytes + i, 1, &out) && push(&g, NULL, 0, &out);
	good = good && guard_finish(&g, &out) && is(&out, want, n_want);
	CHECK(good);
	if (!good)
		printf("\tgot '%.*s', wanted '%s'\n", (int)buf_len(&out), (const char *)buf_bytes(&out), want);
	CHECK_INT(g.n_held, 0);
	CHECK(guard_finish(&g, &out) && (!good || is(&out, want, n_want)));	/* once is enough */
	buf_free(&out);
}

static void
shows(const char *bytes, const char *want)
{
	shows_n(bytes, strlen(bytes), want);
}

static void
line_ends(void)
{
	shows("", "");
	shows("plain text, with ~ and ' and \" and \\", "plain text, with ~ and ' and \" and \\");
	shows("one\ntwo\n\n", "one\ntwo\n\n");
	shows("a\tb", "a\tb");
	shows("one\r\ntwo\r\n", "one\r\ntwo\r\n");
	shows("\r\n\r\n", "\r\n\r\n");
	shows("login: root\roverwritten", "login: root\\x0doverwritten");
	shows("\r", "\\x0d");
	shows("end\r", "end\\x0d");
	shows("\r\r\n", "\\x0d\r\n");
	shows("\r\r\r", "\\x0d\\x0d\\x0d");
	shows("\n\r", "\n\\x0d");
	shows("\r€", "\\x0d€");
	shows("\r\x1b", "\\x0d\\x1b");
	shows("\r\xe2\x82\r\n", "\\x0d\\xe2\\x82\r\n");
}

static void
controls(void)
{
	shows("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m");
	shows("\x1b]0;title\a", "\\x1b]0;title\\x07");
	shows("\x1bP1$r\x1b\\", "\\x1bP1$r\\x1b\\");
	shows("bell\a back\b\x7f form\f\v", "bell\\x07 back\\x08\\x7f form\\x0c\\x0b");
	shows_n("a\0b", 3, "a\\x00b");
	shows("csi \xc2\x9b" "31m", "csi \\xc2\\x9b31m");	/* C1 as UTF-8 */
	shows("csi \x9b" "31m", "csi \\x9b31m");		/* and as a byte of its own */
	shows("\xc2\x80\xc2\x9f\xc2\xa0", "\\xc2\\x80\\xc2\\x9f\xc2\xa0");
	shows("abc\xe2\x80\xaegpj.exe\xe2\x80\xac", "abc\\xe2\\x80\\xaegpj.exe\\xe2\\x80\\xac");
	shows("\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c");
	shows("\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9");
}

static void
utf8(void)
{
	shows("grün € 𝄞", "grün € 𝄞");
	shows("שלום, мир, 世界", "שלום, мир, 世界");
	shows("\xf4\x8f\xbf\xbf\xef\xbf\xbf\xee\x80\x80", "\xf4\x8f\xbf\xbf\xef\xbf\xbf\xee\x80\x80");

	/* Not well-formed (RFC 3629): byte by byte, and what follows is not swallowed. */
	shows("\xc0\xaf", "\\xc0\\xaf");
	shows("\xc1\xbf!", "\\xc1\\xbf!");
	shows("\xe0\x80\xaf!", "\\xe0\\x80\\xaf!");
	shows("\xf0\x80\x80\xaf!", "\\xf0\\x80\\x80\\xaf!");
	shows("\xed\xa0\x80!", "\\xed\\xa0\\x80!");
	shows("\xf4\x90\x80\x80!", "\\xf4\\x90\\x80\\x80!");
	shows("\xf5\x80\x80\x80!", "\\xf5\\x80\\x80\\x80!");
	shows("\xfe\xff\x80!", "\\xfe\\xff\\x80!");
	shows("\xe2x", "\\xe2x");
	shows("\xe2\x82\xe2\x82\xac", "\\xe2\\x82€");
	shows("\xf0\x9d\x84\xf0\x9d\x84\x9e", "\\xf0\\x9d\\x84𝄞");
	shows("\xf0\x9d\x84\xc3\xa9", "\\xf0\\x9d\\x84é");
	shows("\xe2\x1b[0m", "\\xe2\\x1b[0m");

	/* And where the end comes too soon. */
	shows("\xc3", "\\xc3");
	shows("x\xe2\x82", "x\\xe2\\x82");
	shows("x\xf0\x9d\x84", "x\\xf0\\x9d\\x84");
}

/* Nothing is held that can be shown: what a peer asks has to be seen before it is answered. */
static void
prompt(const char *bytes, const char *want, size_t held)
{
	struct buf out = BUF_EMPTY(4096);
	struct guard g = GUARD_EMPTY;

	CHECK(push(&g, bytes, strlen(bytes), &out));
	CHECK(is(&out, want, strlen(want)));
	CHECK_INT(g.n_held, held);
	buf_free(&out);
}

static void
prompts(void)
{
	prompt("login: ", "login: ", 0);
	prompt("grün", "grün", 0);
	prompt("x\r", "x", 1);
	prompt("x\xc3", "x", 1);
	prompt("x\xf0\x9d\x84", "x", 3);
	prompt("x\xc0", "x\\xc0", 0);
	prompt("x\xf5", "x\\xf5", 0);
	prompt("x\xe0\x80", "x\\xe0\\x80", 0);
	prompt("x\xed\xa0", "x\\xed\\xa0", 0);
	prompt("x\xf0\x8f\xbf", "x\\xf0\\x8f\\xbf", 0);
	prompt("x\xf4\x90", "x\\xf4\\x90", 0);
	prompt("x\x80", "x\\x80", 0);
}

/* Each byte on its own, and each two: escape_text() says the same, but for what only a guard lets through. */
static void
every_two(void)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < 0x10000; i++) {
		char two[2] = { (char)(i >> 8), (char)i }, want[16];
		struct buf out = BUF_EMPTY(8);
		struct guard g = GUARD_EMPTY;
		size_t n = 0;
		if (memcmp(two, "\r\n", 2) == 0) {
			memcpy(want, two, n = 2);
		} else if ((unsigned char)two[0] < 0x80 || (unsigned char)two[1] < 0x80) {
			for (size_t k = 0; k < 2; k++) {
				if (strchr("\n\t\\", two[k]) != NULL && two[k] != '\0')
					want[n++] = two[k];
				else
					n += escape_text(want + n, sizeof(want) - n, &two[k], 1);
			}
		} else {
			n = escape_text(want, sizeof(want), two, 2);
		}
		for (size_t k = 0; k < 2; k++)
			wrong += !guard_push(&g, (unsigned char *)&two[k], 1, &out);
		wrong += !guard_finish(&g, &out) || !is(&out, want, n);
		buf_free(&out);
	}
	CHECK_INT(wrong, 0);
}

/* Just what it takes is enough. With less it says so, what is there was right, and it does no harm to go on. */
static void
out_of_room(const char *bytes, size_t first)
{
	struct buf whole = BUF_EMPTY(4096);
	struct guard g = GUARD_EMPTY;
	size_t n = strlen(bytes);

	CHECK(push(&g, bytes, n, &whole) && guard_finish(&g, &whole));
	for (size_t room = 0; room <= buf_len(&whole); room++) {
		struct buf out = BUF_EMPTY(room);
		g = GUARD_EMPTY;
		bool fits = push(&g, bytes, first, &out) && push(&g, bytes + first, n - first, &out) &&
		    guard_finish(&g, &out);
		CHECK(fits == (room == buf_len(&whole)));
		CHECK(buf_len(&out) == 0 || memcmp(buf_bytes(&out), buf_bytes(&whole), buf_len(&out)) == 0);
		for (size_t i = 0; i < n; i++)
			push(&g, bytes + i, 1, &out);
		CHECK(buf_len(&out) <= room);
		buf_free(&out);
	}
	buf_free(&whole);
}

/* The most that it can grow, behind what is there already; and a long text in pieces of many lengths. */
static void
large(void)
{
	static unsigned char bytes[MIB];
	struct buf out = BUF_EMPTY(GUARD_GROWTH * MIB + 6);
	struct guard g = GUARD_EMPTY;

	memset(bytes, 0x1b, sizeof(bytes));
	CHECK(buf_put(&out, "before", 6));
	CHECK(push(&g, bytes, sizeof(bytes), &out));
	CHECK_INT(buf_len(&out), GUARD_GROWTH * MIB + 6);
	CHECK(memcmp(buf_bytes(&out), "before\\x1b\\x1b", 14) == 0);
	buf_free(&out);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)"a plain line, grün €\r\n"[i % 25];
	for (size_t at = 0, n; at < sizeof(bytes); at += n) {
		n = at % 1000 + 1 < sizeof(bytes) - at ? at % 1000 + 1 : sizeof(bytes) - at;
		CHECK(push(&g, bytes + at, n, &out));
	}
	CHECK(guard_finish(&g, &out));
	CHECK(is(&out, (const char *)bytes, sizeof(bytes)));
	buf_free(&out);
}

int
main(void)
{
	if (!make_edge()) {
		perror("guard: mmap");
		return 1;
	}
	line_ends();
	controls();
	utf8();
	prompts();
	every_two();
	for (size_t first = 0; first <= 3; first++) {
		out_of_room("\xf0\x9d\x84\x1b[0m€", first);
		out_of_room("\r\r\n\rx", first);
		out_of_room("€\xe2\x82\xe2", first);
	}
	large();
	return check_done("guard");
}
