/*
 * Filters: each does what its part does, whole and byte by byte, keeps to its bound, and takes nothing without harm.
 */
#include "lib/wire/filter.h"

#include <errno.h>

#include "tests/unit/check.h"

#define IN(text) (text), sizeof(text) - 1

static bool
is(const struct buf *out, const char *want, size_t n)
{
	return buf_len(out) == n && (n == 0 || memcmp(buf_bytes(out), want, n) == 0);
}

/* Puts in out what becomes of p[0..n), no more than is said, in pieces of step bytes with nothing between them. */
static int
run(struct filter *f, const char *p, size_t n, size_t step, struct buf *out, struct err *err)
{
	size_t before, bound;
	int rc = filter_push(f, NULL, 0, out, err);

	CHECK(rc == 0 && buf_len(out) == 0);
	for (size_t at = 0, len; at < n && rc == 0; at += len) {
		len = step < n - at ? step : n - at;
		before = buf_len(out);
		bound = filter_bound(f, len);
		rc = filter_push(f, (const unsigned char *)p + at, len, out, err);
		CHECK(buf_len(out) - before <= bound);
		before = buf_len(out);
		CHECK(rc < 0 || filter_push(f, NULL, 0, out, err) == 0);
		CHECK(buf_len(out) == before);
	}
	before = buf_len(out);
	bound = filter_bound(f, 0);
	if (rc == 0)
		rc = filter_finish(f, out, err);
	CHECK(buf_len(out) - before <= bound);
	return rc;
}

struct makes {
	struct filter (*make)(void);
	const char *in;
	size_t n;
	const char *want;
	size_t n_want;
	enum err_kind kind;
	const char *words;
};

static struct filter
none(void)
{
	return (struct filter){ .kind = FILTER_NONE };
}

static struct filter
recode(enum frame_kind from, enum frame_kind to)
{
	return filter_recode(&(struct recode_args){ .from = { .kind = from }, .to = { .kind = to }, .max = 5 });
}

static struct filter
lines_to_len8(void)
{
	return recode(FRAME_LINE, FRAME_LEN8);
}

static struct filter
netstrings_to_json(void)
{
	return recode(FRAME_NETSTRING, FRAME_JSON);
}

static void
each(void)
{
	static const struct makes all[] = {
		{ none, IN("a\0\n\x1b\xff"), IN("a\0\n\x1b\xff"), ERR_NONE, "" },
		{ none, IN(""), IN(""), ERR_NONE, "" },
		{ filter_crlf, IN(""), IN(""), ERR_NONE, "" },
		{ filter_crlf, IN("\n\n\n\n\n\n\n\n"), IN("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"), ERR_NONE, "" },
		{ filter_crlf, IN("a\nb\r\n\0\x1b\r\r\nc"), IN("a\r\nb\r\n\0\x1b\r\r\nc"), ERR_NONE, "" },
		{ filter_crlf, IN("a\r"), IN("a\r"), ERR_NONE, "" },
		{ filter_guard, IN(""), IN(""), ERR_NONE, "" },
		{ filter_guard, IN("\x1b[0m\r\n\xc3\xa9\t\0"), IN("\\x1b[0m\r\n\xc3\xa9\t\\x00"), ERR_NONE, "" },
		{ filter_guard, IN("\a\a\a\a\a"), IN("\\x07\\x07\\x07\\x07\\x07"), ERR_NONE, "" },
		{ filter_guard, IN("a\xf0\x9d\x84"), IN("a\\xf0\\x9d\\x84"), ERR_NONE, "" },
		{ filter_guard, IN("\xf0\x9d\x84\a"), IN("\\xf0\\x9d\\x84\\x07"), ERR_NONE, "" },
		{ filter_guard, IN("a\r"), IN("a\\x0d"), ERR_NONE, "" },
		{ lines_to_len8, IN(""), IN(""), ERR_NONE, "" },
		{ lines_to_len8, IN("ab\n\nc\n"), IN("\2ab\0\1c"), ERR_NONE, "" },
		{ lines_to_len8, IN("ab\nc"), IN("\2ab"), ERR_BROKEN, "ended with 1 byte of a line without its end" },
		{ lines_to_len8, IN("ab\nabcdef\n"), IN("\2ab"), ERR_LIMIT,
		    "a message of more than 5 bytes, longer than --max-message 5" },
		{ netstrings_to_json, IN("1:\x1b,1:\n,0:,"), IN("\"\\u001b\"\n\"\\n\"\n\"\"\n"), ERR_NONE, "" },
		{ netstrings_to_json, IN("1:a,x"), IN("\"a\"\n"), ERR_PROTOCOL, "a netstring begins with 'x'" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (size_t step = 1; step <= 32; step++) {
			struct buf out = BUF_EMPTY(1024);
			struct err err = ERR_EMPTY;
			struct filter f = all[i].make();
			int rc = run(&f, all[i].in, all[i].n, step, &out, &err);
			CHECK_INT(rc, all[i].kind == ERR_NONE ? 0 : -1);
			CHECK(is(&out, all[i].want, all[i].n_want));
			CHECK_INT(err.kind, all[i].kind);
			CHECK_TEXT(err.text, all[i].words);
			CHECK(err.object[0] == '\0' && !filter_was_ambiguous(&f));
			filter_free(&f);
			CHECK_INT(f.kind, FILTER_NONE);
			filter_free(&f);		/* accepts empty */
			buf_free(&out);
		}
	}
}

/* The start of a character that is held is part of what comes next. */
static void
bounds(void)
{
	struct filter f = filter_guard();
	struct buf out = BUF_EMPTY(64);
	struct err err;

	CHECK(filter_push(&f, (const unsigned char *)"\xf0\x9d\x84", 3, &out, &err) == 0 && buf_len(&out) == 0);
	CHECK(filter_bound(&f, 0) >= 12 && filter_bound(&f, 1) >= 16 && filter_bound(&f, 1000) >= 4012);
	CHECK(filter_push(&f, (const unsigned char *)"\a", 1, &out, &err) == 0 && buf_len(&out) == 16);
	filter_free(&f);
	f = filter_crlf();
	CHECK(filter_bound(&f, 0) == 0 && filter_bound(&f, 1) >= 2 && filter_bound(&f, 1000) >= 2000);
	f = none();
	CHECK(filter_bound(&f, 0) == 0 && filter_bound(&f, 1000) == 1000);
	f = lines_to_len8();
	CHECK_INT(filter_bound(&f, 0), recode_bound(&f.recode.args, 0));
	CHECK_INT(filter_bound(&f, 1000), recode_bound(&f.recode.args, 1000));
	filter_free(&f);
	buf_free(&out);
}

static void
ambiguous(void)
{
	struct filter f = filter_recode(&(struct recode_args){ .from = { .kind = FRAME_LEN8 }, .max = 9,
	    .to = { .kind = FRAME_LINE }, .to_local = true });
	struct buf out = BUF_EMPTY(64);
	struct err err;

	CHECK(filter_push(&f, (const unsigned char *)"\1a\1", 3, &out, &err) == 0 && !filter_was_ambiguous(&f));
	CHECK(filter_push(&f, (const unsigned char *)"\n", 1, &out, &err) == 0 && filter_was_ambiguous(&f));
	CHECK(filter_push(&f, (const unsigned char *)"\1a", 2, &out, &err) == 0 && filter_was_ambiguous(&f));
	CHECK(is(&out, IN("a\n\n\na\n")));
	filter_free(&f);
	CHECK(!filter_was_ambiguous(&f));
	buf_free(&out);
}

/* What a filter keeps goes with it. */
static void
frees(void)
{
	struct filter f = lines_to_len8();
	struct buf out = BUF_EMPTY(64);
	struct err err;

	CHECK(filter_push(&f, (const unsigned char *)"abc", 3, &out, &err) == 0 && f.recode.message.cap > 0);
	filter_free(&f);
	CHECK(f.recode.message.cap == 0 && f.recode.message.data == NULL);
	buf_free(&out);
}

/* As if without memory. */
static void
no_room(void)
{
	struct filter guard = filter_guard(), plain = none(), lines = lines_to_len8();
	struct filter *const all[] = { &guard, &plain, &lines };

	for (size_t i = 0; i < 3; i++) {
		struct buf out = BUF_EMPTY(1);
		struct err err = ERR_EMPTY;
		CHECK(filter_push(all[i], (const unsigned char *)"ab\n", 3, &out, &err) < 0);
		CHECK(err.kind == ERR_LIMIT && err.errnum == ENOMEM && err.object[0] == '\0');
		CHECK(strncmp(err.text, i < 2 ? "transfer: " : "message: ", i < 2 ? 10 : 9) == 0);
		filter_free(all[i]);
		buf_free(&out);
	}
	guard = filter_guard();
	for (int i = 0; i < 2; i++) {
		struct buf out = BUF_EMPTY(i == 0 ? 3 : 4);
		struct err err = ERR_EMPTY;
		CHECK(filter_push(&guard, (const unsigned char *)"\r", 1, &out, &err) == 0 && buf_len(&out) == 0);
		CHECK_INT(filter_finish(&guard, &out, &err), i == 0 ? -1 : 0);
		CHECK_INT(err.kind, i == 0 ? ERR_LIMIT : ERR_NONE);
		buf_free(&out);
	}
}

int
main(void)
{
	each();
	bounds();
	ambiguous();
	frees();
	no_room();
	return check_done("filter");
}
