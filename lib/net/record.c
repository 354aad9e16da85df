/*
 * Record: see record.h.
 *
 * Each of the two places it goes to has a queue. A chunk is put there as text at once, and comes only while no queue
 * holds FULL or more. So a queue never holds more than FULL and the text of one chunk: of 64 KiB that is 384 KiB and a
 * little where json escapes every byte, and some 400 KiB as a dump in colour.
 *
 * Others write to the same stderr, pipe or file. Among theirs a line of ours stays whole when one write takes it: a
 * file takes any length in one, and a pipe PIPE_BUF.
 */
#include "lib/net/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/escape.h"
#include "lib/base/fd.h"
#include "lib/base/json.h"
#include "lib/net/side.h"
#include "lib/wire/notation.h"
#include "lib/wire/recode.h"

#define FULL		(64 * 1024)	/* queued: enough to keep a slow reader busy */
#define NAME_SIZE	2048		/* the longest name line */
#define DUMPED_A_LINE	16		/* bytes */
#define DUMP_SIZE	112		/* the longest line of these, in colour */
#define DUMP_MAX	(NAME_SIZE + ((size_t)RECODE_MAX / DUMPED_A_LINE + 1) * DUMP_SIZE)
#define HEAD_SIZE	5120		/* the members of an object before the bytes: room for any name json.h writes */

enum place { DUMP, TRANSCRIPT, PLACES };

/* One place it goes to. */
struct outlet {
	struct record *record;		/* NULL: it does not go there */
	const char *name;		/* in an error */
	struct side side;
	struct buf queue;
	uint64_t taken;			/* bytes, ever */
};

struct record {
	const struct record_args *args;
	struct outlet outlets[PLACES];
	int file;			/* the transcript; -1 without */
	bool colour;
	uint32_t run[2];		/* at random: what tells this run from all others */
	uint64_t n_conns;
	uint64_t dumped;		/* whose lines were dumped last; 0: nobody's */
	struct record_waiter waiters;	/* the ring's head */
	struct loop_timer news;		/* for the waiters, or of a failure */
	struct err err;			/* ERR_NONE: none yet */
	void (*failed)(void *arg, const struct err *err);	/* NULL once it was called */
	void *arg;
};

const struct err *
record_error(const struct record *r)
{
	return r->err.kind != ERR_NONE ? &r->err : NULL;
}

bool
record_is_full(const struct record *r)
{
	bool full = false;

	for (size_t i = 0; i < PLACES; i++)
		full |= buf_len(&r->outlets[i].queue) >= FULL;
	return full && record_error(r) == NULL;
}

bool
record_is_taken(const struct record *r, const struct record_mark *mark)
{
	bool taken = true;

	for (size_t i = 0; i < PLACES; i++)
		taken &= r->outlets[i].taken >= mark->taken[i];
	return taken || record_error(r) != NULL;
}

/* ---- who was put off ---- */

static void
ring_init(struct record_waiter *head)
{
	head->prev = head->next = head;
}

void
record_wait(struct record *r, struct record_waiter *w)
{
	if (w->waits)
		return;
	w->waits = true;
	w->prev = r->waiters.prev;
	w->next = &r->waiters;
	w->prev->next = w->next->prev = w;
}

void
record_forget(struct record *r, struct record_waiter *w)
{
	(void)r;
	if (!w->waits)
		return;
	w->waits = false;
	w->prev->next = w->next;
	w->next->prev = w->prev;
}

/* Calls those who wait now: not who waits again, and one may forget another. */
static void
call_waiters(struct record *r)
{
	struct record_waiter called;

	if (r->waiters.next == &r->waiters)
		return;
	called = r->waiters;
	called.prev->next = called.next->prev = &called;
	ring_init(&r->waiters);
	while (called.next != &called) {
		struct record_waiter *w = called.next;
		record_forget(r, w);
		w->fn(w->arg);
	}
}

static void
on_news(void *arg)
{
	struct record *r = arg;
	void (*failed)(void *, const struct err *) = r->failed;

	if (!record_is_full(r))
		call_waiters(r);
	if (record_error(r) == NULL || failed == NULL)
		return;
	r->failed = NULL;
	failed(r->arg, &r->err);
}

/* ---- writing ---- */

static void
record_fail(struct record *r, const char *name, enum err_kind kind, int errnum)
{
	if (record_error(r) != NULL)
		return;
	err_set(&r->err, kind, errnum, "cannot write");
	err_at(&r->err, STAGE_TRANSFER, name);
	loop_timer_set(&r->news, clock_ms());
}

/* How much of the queue, which ends with a LF, goes into one write: whole lines, or the rest of one. */
static size_t
portion(const struct outlet *o)
{
	const unsigned char *bytes = buf_bytes(&o->queue), *end;
	size_t n = buf_len(&o->queue);

	if (n <= PIPE_BUF || o->side.medium == MEDIUM_FILE)
		return n;
	if ((end = memrchr(bytes, '\n', PIPE_BUF)) == NULL)
		end = memchr(bytes + PIPE_BUF, '\n', n - PIPE_BUF);
	return end == NULL ? n : (size_t)(end - bytes) + 1;
}

/* Writes what is queued, as far as it goes. */
static void
outlet_flush(struct outlet *o)
{
	struct record *r = o->record;
	uint64_t before = o->taken;
	enum io io = IO_DONE;
	size_t moved = 0;

	while (buf_len(&o->queue) > 0 && io == IO_DONE) {
		io = side_write(&o->side, buf_bytes(&o->queue), portion(o), &moved);
		if (io == IO_DONE) {
			buf_take(&o->queue, moved);
			o->taken += moved;
		}
	}
	if (io == IO_FAILED) {
		record_fail(r, o->name, ERR_LOCAL, errno);
		buf_free(&o->queue);
	}
	side_want(&o->side, buf_len(&o->queue) > 0 ? LOOP_WRITE : 0);
	if (o->taken != before && !record_is_full(r))
		loop_timer_set(&r->news, clock_ms());
}

static void
on_outlet_ready(void *arg, unsigned ready)
{
	(void)ready;
	outlet_flush(arg);
}

/* The same at the very end, when nothing else is to be done than to wait for it, until then. */
static void
outlet_finish(struct outlet *o, int64_t until_ms)
{
	int64_t left = until_ms - clock_ms();

	outlet_flush(o);
	while (buf_len(&o->queue) > 0 && left > 0 && fd_ready(o->side.fd, POLLOUT, (int)left)) {
		outlet_flush(o);
		left = until_ms - clock_ms();
	}
}

/* ---- the hex dump ---- */

/* Writes a line of up to 16 bytes to out, which has room for DUMP_SIZE. Returns its length. */
static size_t
dump_line(const struct record *r, enum record_direction direction, uint64_t offset, const unsigned char *p, size_t n,
    char *out)
{
	static const char digits[] = "0123456789abcdef", marks[] = { [RECORD_SENT] = '>', [RECORD_RECEIVED] = '<' };
	static const char *const colours[] = { [RECORD_SENT] = "\033[36m", [RECORD_RECEIVED] = "\033[33m" };
	size_t used = (size_t)snprintf(out, DUMP_SIZE, "%s%c %08" PRIx64 "  ", r->colour ? colours[direction] : "",
	    marks[direction], offset);

	for (size_t i = 0; i < DUMPED_A_LINE; i++) {
		out[used++] = i < n ? digits[p[i] >> 4] : ' ';
		out[used++] = i < n ? digits[p[i] & 0xf] : ' ';
		out[used++] = ' ';
		if (i == DUMPED_A_LINE / 2 - 1)
			out[used++] = ' ';
	}
	out[used++] = ' ';
	out[used++] = '|';
	for (size_t i = 0; i < n; i++)
		out[used++] = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '.';
	return used + (size_t)snprintf(out + used, DUMP_SIZE - used, "|%s\n", r->colour ? "\033[0m" : "");
}

/* Returns false without memory. */
static bool
dump(struct record *r, const struct record_conn *conn, enum record_direction direction, const unsigned char *p,
    size_t n)
{
	struct buf *queue = &r->outlets[DUMP].queue;
	size_t lines = n > 0 ? (n + DUMPED_A_LINE - 1) / DUMPED_A_LINE : 1, used = 0, len;
	char *out = (char *)buf_space(queue, NAME_SIZE + lines * DUMP_SIZE);

	if (out == NULL)
		return false;
	if (r->dumped != conn->number) {
		used = escape_text(out, NAME_SIZE, conn->name, strlen(conn->name));
		out[used++] = '\n';
		r->dumped = conn->number;
	}
	if (n == 0)
		used += dump_line(r, direction, conn->offset[direction], p, 0, out + used);
	for (size_t at = 0; at < n; at += len) {
		len = n - at < DUMPED_A_LINE ? n - at : DUMPED_A_LINE;
		used += dump_line(r, direction, conn->offset[direction] + at, p + at, len, out + used);
	}
	buf_added(queue, used);
	return true;
}

/* NO_COLOR: see no-color.org. */
static bool
likes_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return (no_color == NULL || no_color[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

/* ---- the transcript ---- */

/* Returns false without memory: half an object is worse than none. */
static bool
transcribe(struct record *r, const struct record_conn *conn, enum record_direction direction, const unsigned char *p,
    size_t n)
{
	static const char *const names[] = { [RECORD_SENT] = "sent", [RECORD_RECEIVED] = "received" };
	struct buf *queue = &r->outlets[TRANSCRIPT].queue;
	char stamp[CLOCK_STAMP_SIZE], number[48];
	char *head = (char *)buf_space(queue, HEAD_SIZE + notation_member_bound(n));
	struct json j;

	if (head == NULL)
		return false;
	clock_stamp(stamp, sizeof(stamp));
	snprintf(number, sizeof(number), "%08" PRIx32 "%08" PRIx32 ".%" PRIu64, r->run[0], r->run[1], conn->number);
	json_begin(&j, head, HEAD_SIZE);
	json_str(&j, "ts", stamp);
	json_str(&j, "connection", number);
	json_str(&j, "peer", conn->name);
	json_str(&j, "direction", names[direction]);
	buf_added(queue, json_end(&j) - 1);	/* the bytes come before the brace: any number of them */
	return buf_put(queue, ",", 1) && notation_write_member(p, n, queue) && buf_put(queue, "}\n", 2);
}

/* O_NONBLOCK: a FIFO that nobody reads is an error at once. Returns the descriptor, or -1 and err. */
static int
open_transcript(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	int errnum = errno;
	struct stat st;

	if (fd >= 0)
		return fd;
	err_set(err, ERR_LOCAL, errnum, "cannot open");
	if (errnum == ENXIO && stat(path, &st) == 0 && S_ISFIFO(st.st_mode))
		err_add(err, " (nobody reads this FIFO)");
	return err_at(err, STAGE_TRANSFER, path);
}

/* ---- the whole ---- */

void
record_chunk(struct record *r, struct record_conn *conn, enum record_direction direction, const void *p, size_t n)
{
	static bool (*const write_down[])(struct record *, const struct record_conn *, enum record_direction,
	    const unsigned char *, size_t) = { [DUMP] = dump, [TRANSCRIPT] = transcribe };

	if (conn->number == 0)
		conn->number = ++r->n_conns;
	for (size_t i = 0; i < PLACES; i++) {
		struct outlet *o = &r->outlets[i];
		if (o->record == NULL)
			continue;
		if (!write_down[i](r, conn, direction, p, n))
			record_fail(r, o->name, ERR_LIMIT, ENOMEM);
		conn->mark.taken[i] = o->taken + buf_len(&o->queue);
		outlet_flush(o);
	}
	conn->offset[direction] += n;
}

static void
outlet_open(struct record *r, enum place place, struct loop *loop, int fd, const char *name, size_t max)
{
	struct outlet *o = &r->outlets[place];

	*o = (struct outlet){ .record = r, .name = name, .queue = BUF_EMPTY(max) };
	side_init(&o->side, loop, fd, O_WRONLY, on_outlet_ready, o);
}

struct record *
record_new(struct loop *loop, const struct record_args *args, void (*failed)(void *, const struct err *), void *arg,
    struct err *err)
{
	struct record *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "record");
		return NULL;
	}
	*r = (struct record){ .args = args, .file = -1, .failed = failed, .arg = arg,
	    .run = { arc4random(), arc4random() } };
	ring_init(&r->waiters);
	loop_timer_init(&r->news, loop, on_news, r);
	if (args->transcript != NULL && (r->file = open_transcript(args->transcript, err)) < 0) {
		free(r);
		return NULL;
	}
	if (args->hexdump)
		outlet_open(r, DUMP, loop, STDERR_FILENO, "stderr", FULL + DUMP_MAX);
	if (args->transcript != NULL)
		outlet_open(r, TRANSCRIPT, loop, r->file, args->transcript,
		    FULL + HEAD_SIZE + notation_member_bound((size_t)RECODE_MAX));
	r->colour = args->hexdump && r->outlets[DUMP].side.medium == MEDIUM_TERMINAL && likes_colour();
	return r;
}

size_t
record_free(struct record *r)
{
	int64_t until_ms = clock_deadline(RECORD_PATIENCE_MS);
	size_t lost = 0;

	for (size_t i = 0; r != NULL && i < PLACES; i++) {
		struct outlet *o = &r->outlets[i];
		if (o->record == NULL)
			continue;
		outlet_finish(o, until_ms);
		lost += buf_len(&o->queue);
		side_close(&o->side);
		buf_free(&o->queue);
	}
	if (r == NULL)
		return 0;
	loop_timer_stop(&r->news);
	fd_close(&r->file);
	free(r);
	return lost;
}
