/*
 * Volley: see volley.h.
 *
 * One turn of the loop sends a bounded number of datagrams, so that answers, signals and time are heard in between.
 * What the network says of an earlier datagram comes up as an error of whatever is done next with the socket, and that
 * was not done then: it is done again.
 */
#include "lib/service/volley.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/tempo.h"
#include "lib/net/dgram.h"
#include "lib/net/dgram_line.h"
#include "lib/service/answers.h"
#include "lib/wire/filter.h"

#define TURN		16		/* batches in one turn of the loop */
#define TRIES		16		/* of one datagram, for what the network says of others */
#define NUMBERED_MAX	(256 * 1024)	/* bytes of numbered datagrams in one batch, if these are more than one */
#define OUT_ENOUGH	(1024 * 1024)	/* bytes of answers that wait for the sink: no more are taken */
#define FULL_MS		1		/* ENOBUFS: a device's queue is full, of whose end nobody tells */

enum volley_state { VOLLEY_SENDING, VOLLEY_WAITING, VOLLEY_FLUSHING, VOLLEY_OVER };

/* Why nothing is sent just now. */
enum stop { STOP_NONE, STOP_SOCKET, STOP_TIME, STOP_SOURCE };

struct volley {
	struct volley_job job;
	const struct volley_args *args;
	enum volley_state state;
	int64_t began_us;
	size_t max;			/* bytes of the longest datagram */

	struct tempo tempo;
	enum stop stop;
	unsigned tries;			/* of the next datagram, without success */
	int refused;			/* an errno that came with no answer; 0: none */
	struct buf numbered;		/* the datagrams of a batch with their numbers */

	struct dgram_in *in;		/* NULL: no answer is read */
	struct answers answers;
	struct filter down;
	struct buf out;			/* for the sink */
	bool is_piped;			/* the sink is a pipe, whose reader may go away */

	struct loop_io io;
	struct loop_timer timer;	/* when sending goes on; then, the end of patience */
	struct loop_timer finish;
	struct err verdict;		/* ERR_NONE: all went well */
};

static void volley_update(struct volley *v);

/* ---- the end ---- */

static void
enter(struct volley *v, enum volley_state state)
{
	static const char *const names[] = { [VOLLEY_SENDING] = "sending", [VOLLEY_WAITING] = "waiting",
	    [VOLLEY_FLUSHING] = "flushing", [VOLLEY_OVER] = "over" };

	if (v->state != state)
		log_state(v->job.log, v->job.name, names[v->state], names[state]);
	v->state = state;
}

/* It is over, but for answers that the sink has not taken yet. The first verdict stays. */
static void
volley_end(struct volley *v, const struct err *err)
{
	if (v->state >= VOLLEY_FLUSHING)
		return;
	if (err != NULL) {
		v->verdict = *err;
		err_at(&v->verdict, STAGE_TRANSFER, v->job.name);
	}
	loop_timer_stop(&v->timer);
	enter(v, VOLLEY_FLUSHING);
}

static void
on_finish(void *arg)
{
	struct volley *v = arg;

	v->job.done(v->job.arg, v->verdict.kind != ERR_NONE ? &v->verdict : NULL);
}

static void
no_memory(struct volley *v)
{
	struct err err;

	err_set(&err, ERR_LIMIT, ENOMEM, "datagrams");
	volley_end(v, &err);
}

/* ---- too long ---- */

/* Says that n bytes are too many. Returns -1. */
static int
too_long(const struct volley *v, size_t n, struct err *err)
{
	const char *number = v->args->numbered ? ", its number included," : "";

	if (n <= v->max)
		return dgram_too_long(v->job.fd, &v->job.peer, n, err);
	return err_set(err, ERR_LIMIT, 0, "a datagram of %zu bytes%s is longer than the %zu that UDP over IPv%d can carry",
	    n, number, v->max, v->max == DGRAM_UDP6_MAX ? 6 : 4);
}

/* Looks through a list for what is too long, at the longest number that it will have. Returns 0, or -1 and err. */
static int
check_list(const struct volley *v, struct err *err)
{
	const struct supply *s = v->job.supply;
	char number[ANSWERS_NUMBER_MAX];
	uint64_t last = (uint64_t)(s->rounds - 1) * s->n_items;

	for (size_t i = 0; s->stream == NULL && i < s->n_items; i++) {
		size_t n = s->items[i].n;
		if (v->args->numbered)
			n += (size_t)snprintf(number, sizeof(number), "%" PRIu64 " ", last + i + 1);
		if (n <= v->max)
			continue;
		too_long(v, n, err);
		return err_at(err, STAGE_TRANSFER, s->items[i].name);
	}
	return 0;
}

/* ---- what the network says ---- */

/*
 * Takes what the network says of datagrams that were sent. Who waits for answers takes that for one: there will be no
 * other. That one was too long for somebody's network is no such word, for the next will be cut in pieces there.
 */
static void
take_errors(struct volley *v)
{
	struct dgram_error error;
	int refused = v->refused;
	char name[ADDR_NAME_MAX], words[DGRAM_WORDS_MAX];
	struct err err;

	while (dgram_take_error(v->job.fd, &error)) {
		if (error.peer.len == 0)
			error.peer = v->job.peer;
		dgram_error_words(&error, words, sizeof(words));
		log_undelivered(v->job.log, addr_name(&error.peer, name, sizeof(name)), words, error.errnum);
		if (v->in == NULL || error.errnum == EMSGSIZE)
			continue;
		err_set(&err, ERR_CONNECT, 0, "%s", words);
		err.errnum = error.errnum;
		volley_end(v, &err);
	}
	v->refused = 0;
	if (refused == 0 || !dgram_is_from_network(refused))
		return;
	err_set(&err, ERR_CONNECT, refused, "%s", "");		/* a system that does not say more than that */
	volley_end(v, &err);
}

/* ---- out ---- */

/* It goes on later. */
static void
stop(struct volley *v, enum stop why, int64_t until_ms)
{
	v->stop = why;
	loop_timer_set(&v->timer, until_ms);
}

/* d was not sent: why, and what now? */
static void
not_sent(struct volley *v, const struct dgram *d, int errnum)
{
	struct err err;

	if (errnum == EAGAIN || errnum == EWOULDBLOCK) {
		stop(v, STOP_SOCKET, CLOCK_NEVER);
		return;
	}
	if (errnum == ENOBUFS) {
		stop(v, STOP_TIME, clock_ms() + FULL_MS);
		return;
	}
	take_errors(v);
	if (errnum == EMSGSIZE) {
		too_long(v, d->n, &err);
		err.errnum = errnum;
	} else if (dgram_is_from_network(errnum)) {
		if (v->in == NULL && ++v->tries < TRIES)
			return;		/* it was about another: once more */
		err_set(&err, ERR_CONNECT, errnum, "cannot send");
	} else {
		err_set(&err, errnum == ENOMEM ? ERR_LIMIT : ERR_LOCAL, errnum, "cannot send");
	}
	volley_end(v, &err);
}

/* Makes copies of v[0..n) with their numbers in to. Returns of how many, at least one; 0 without memory. */
static size_t
add_numbers(struct volley *v, const struct dgram *from, size_t n, struct dgram *to)
{
	char number[ANSWERS_NUMBER_MAX];
	size_t total = 0, i, len;
	unsigned char *at;

	for (i = 0; i < n && (i == 0 || total + from[i].n + ANSWERS_NUMBER_MAX <= NUMBERED_MAX); i++)
		total += from[i].n + ANSWERS_NUMBER_MAX;
	n = i;
	buf_cut(&v->numbered, 0);
	if ((at = buf_space(&v->numbered, total)) == NULL)
		return 0;
	for (i = 0; i < n; i++) {
		len = answers_number(&v->answers, i, number);
		to[i] = (struct dgram){ .bytes = at, .n = len + from[i].n };
		memcpy(at, number, len);
		if (from[i].n > 0)
			memcpy(at + len, from[i].bytes, from[i].n);
		at += to[i].n;
	}
	return n;
}

/* How many of v[0..n) come before one that is too long. */
static size_t
fitting(const struct volley *v, const struct dgram *d, size_t n)
{
	size_t i = 0;

	while (i < n && d[i].n <= v->max)
		i++;
	return i;
}

/* What was read has a message that is no datagram. */
static void
refuse(struct volley *v, const struct dgram *d)
{
	struct err err;

	too_long(v, d->n, &err);
	err.errnum = EMSGSIZE;
	err_at(&err, STAGE_TRANSFER, "stdin");
	volley_end(v, &err);
}

/* Sends one batch of n. */
static void
send_batch(struct volley *v, const struct dgram *raw, size_t n)
{
	struct dgram ready[DGRAM_BATCH];
	const struct dgram *batch = raw;
	int64_t now_us = clock_epoch_us();
	size_t went;
	int errnum = 0;

	if (v->args->numbered) {
		if ((n = add_numbers(v, raw, n, ready)) == 0) {
			no_memory(v);
			return;
		}
		batch = ready;
	} else if (!v->job.connected) {
		memcpy(ready, raw, n * sizeof(*raw));
		batch = ready;
	}
	for (size_t i = 0; i < n && !v->job.connected; i++)
		ready[i].peer = v->job.peer;
	went = dgram_send(v->job.fd, batch, n, &errnum);
	tempo_took(&v->tempo, went);
	if (went > 0)
		v->tries = 0;
	if (!answers_sent(&v->answers, batch, went, now_us))
		no_memory(v);
	supply_took(v->job.supply, raw, went);
	if (went < n)
		not_sent(v, &batch[went], errnum);
}

/* Have all answers come that are waited for, and everything gone? */
static bool
is_answered(const struct volley *v)
{
	return v->state == VOLLEY_WAITING && v->answers.counted >= (uint64_t)v->args->replies;
}

/* Everything was sent, as far as there was something to be sent. */
static void
sending_over(struct volley *v)
{
	const struct err *fault = &v->job.supply->fault;
	struct err none;

	if (v->in == NULL || fault->kind != ERR_NONE) {
		volley_end(v, fault->kind != ERR_NONE ? fault : NULL);
		return;
	}
	if (v->answers.sent == 0) {
		err_set(&none, ERR_TIMEOUT, 0, "no answer will come, for nothing was sent");
		volley_end(v, &none);
		return;
	}
	enter(v, VOLLEY_WAITING);
	if (is_answered(v)) {
		volley_end(v, NULL);
		return;
	}
	loop_timer_set(&v->timer, v->args->patience_ms > 0 ? clock_deadline(v->args->patience_ms) : CLOCK_NEVER);
}

/* Sends what may go now, as long as it is this one's turn. */
static void
send_some(struct volley *v)
{
	struct dgram batch[DGRAM_BATCH];
	size_t n, room;

	v->stop = STOP_NONE;
	for (unsigned i = 0; i < TURN && v->stop == STOP_NONE && v->state == VOLLEY_SENDING; i++) {
		if (supply_is_over(v->job.supply)) {
			sending_over(v);
			return;
		}
		if (supply_wants_read(v->job.supply)) {
			if (!supply_read(v->job.supply)) {
				tempo_rest(&v->tempo);
				stop(v, STOP_SOURCE, CLOCK_NEVER);
			}
			continue;
		}
		n = fitting(v, batch, supply_peek(v->job.supply, batch, DGRAM_BATCH));
		room = tempo_room(&v->tempo, clock_us(), n);
		if (n == 0)
			refuse(v, &batch[0]);
		else if (room == 0)
			stop(v, STOP_TIME, (tempo_due(&v->tempo) + 999) / 1000);
		else
			send_batch(v, batch, room);
	}
	if (v->stop == STOP_NONE && v->state == VOLLEY_SENDING)
		stop(v, STOP_TIME, clock_ms());		/* the others' turn */
}

/* ---- in ---- */

/* Puts the answer into the sink's queue. */
static void
put(struct volley *v, const struct dgram *d, const struct answer *answer)
{
	static const struct frame_format frame = { .kind = FRAME_LEN32 };
	struct log_field fields[2];
	struct frame_stamp stamp;
	struct err err;
	size_t n = 0;

	if (v->args->json) {
		if (answer->rtt_us >= 0)
			fields[n++] = (struct log_field)LOG_NUM("rtt_us", answer->rtt_us);
		if (answer->number >= 0)
			fields[n++] = (struct log_field)LOG_NUM("seq", answer->number);
		if (!dgram_line_write("answer", d, fields, n, &v->out))
			no_memory(v);
		return;
	}
	frame_stamp(&frame, d->bytes, d->n, &stamp);
	if (filter_push(&v->down, stamp.head, stamp.n_head, &v->out, &err) < 0 ||
	    filter_push(&v->down, d->bytes, d->n, &v->out, &err) < 0)
		volley_end(v, &err);
}

/* Takes the answers that have come, as far as they are waited for and the sink has room. */
static void
take_answers(struct volley *v)
{
	int64_t now_us = clock_epoch_us();
	ssize_t n = 1;

	while (n > 0 && v->state < VOLLEY_FLUSHING && !is_answered(v) && buf_len(&v->out) < OUT_ENOUGH) {
		uint64_t missing = (uint64_t)v->args->replies - v->answers.counted;
		/* With everything sent, no more are taken than are missing: the others are somebody else's. */
		n = dgram_in_fill(v->in, v->state == VOLLEY_WAITING && missing < DGRAM_BATCH ? missing : DGRAM_BATCH);
		if (n < 0) {		/* it was about one that was sent: what has come is there all the same */
			v->refused = errno;
			n = dgram_in_fill(v->in, 1);
		}
		for (ssize_t i = 0; i < n && v->state < VOLLEY_FLUSHING; i++) {
			const struct dgram *d = dgram_in_get(v->in, (size_t)i);
			struct answer answer = answers_take(&v->answers, d, now_us);
			put(v, d, &answer);
		}
	}
	if (is_answered(v))
		volley_end(v, NULL);
}

/* The sink takes no more: what came of the rest does not matter any more. */
static void
give_up(struct volley *v, const struct err *err)
{
	buf_free(&v->out);
	v->verdict = *err;
	loop_timer_stop(&v->timer);
	enter(v, VOLLEY_FLUSHING);
}

/* Writes what waits for the sink, as far as it goes. */
static void
flush_out(struct volley *v)
{
	struct err err;
	size_t done;

	while (buf_len(&v->out) > 0) {
		switch (stream_write(v->job.local, buf_bytes(&v->out), buf_len(&v->out), &done, &err)) {
		case IO_DONE:
			buf_take(&v->out, done);
			continue;
		case IO_WOULD_BLOCK:
			return;
		case IO_EOF:
		case IO_FAILED:
			give_up(v, &err);
			return;
		}
	}
}

static void
patience_over(struct volley *v)
{
	const struct answers *a = &v->answers;
	uint64_t dropped;
	char span[32];
	struct err err;

	take_answers(v);		/* what has come is there, however late we are */
	if (v->state != VOLLEY_WAITING)
		return;
	dropped = dgram_in_lost(v->in);
	clock_words(v->args->patience_ms, span, sizeof(span));
	if (v->args->replies == 1 && a->came == 0)
		err_set(&err, ERR_TIMEOUT, 0, "no answer came within %s", span);
	else
		err_set(&err, ERR_TIMEOUT, 0, "%" PRIu64 " of %" PRId64 " answers came within %s", a->counted,
		    v->args->replies, span);
	if (a->late > 0)
		err_add(&err, ", %" PRIu64 " came too late", a->late);
	if (a->duplicate > 0)
		err_add(&err, ", %" PRIu64 " came again", a->duplicate);
	if (a->strange > 0)
		err_add(&err, ", %" PRIu64 " had no number of ours", a->strange);
	if (dropped > 0)
		err_add(&err, ", %" PRIu64 " were dropped, for the system had no room for them", dropped);
	volley_end(v, &err);
}

/* ---- events ---- */

/* What is waited for now. */
static void
volley_update(struct volley *v)
{
	unsigned socket = 0, local = 0;

	if (v->in != NULL && v->state < VOLLEY_FLUSHING && buf_len(&v->out) < OUT_ENOUGH)
		socket |= LOOP_READ;
	if (v->state == VOLLEY_SENDING && v->stop == STOP_SOCKET)
		socket |= LOOP_WRITE;
	if (v->state == VOLLEY_SENDING && v->stop == STOP_SOURCE)
		local |= STREAM_READ;
	if (buf_len(&v->out) > 0)
		local |= STREAM_WRITE;
	else if (local == 0 && v->is_piped && v->state < VOLLEY_FLUSHING)
		local |= STREAM_TROUBLE;	/* a reader that went away ends it */
	loop_io_want(&v->io, socket);
	if (v->job.local != NULL)
		stream_want(v->job.local, local);
	if (v->state != VOLLEY_FLUSHING || buf_len(&v->out) > 0)
		return;
	enter(v, VOLLEY_OVER);
	loop_timer_set(&v->finish, clock_ms());
}

static void
on_socket(void *arg, unsigned ready)
{
	struct volley *v = arg;

	if (v->in != NULL)
		take_answers(v);
	take_errors(v);
	flush_out(v);
	if ((ready & LOOP_WRITE) && v->state == VOLLEY_SENDING)
		send_some(v);
	volley_update(v);
}

static void
on_local(void *arg, unsigned ready)
{
	struct volley *v = arg;
	struct err err;

	if (buf_len(&v->out) == 0 && (ready & STREAM_TROUBLE) && !(ready & STREAM_READ)) {
		stream_fail(v->job.local, STREAM_WRITE, EPIPE, &err);
		give_up(v, &err);
	}
	if (ready & (STREAM_WRITE | STREAM_TROUBLE))
		flush_out(v);
	if ((ready & STREAM_READ) && v->state == VOLLEY_SENDING)
		send_some(v);
	volley_update(v);
}

static void
on_timer(void *arg)
{
	struct volley *v = arg;

	if (v->state == VOLLEY_SENDING)
		send_some(v);
	else if (v->state == VOLLEY_WAITING)
		patience_over(v);
	flush_out(v);
	volley_update(v);
}

/* ---- outside ---- */

static struct filter
filter_of_answers(const struct volley *v)
{
	bool guard = v->job.local != NULL && !v->args->raw &&
	    stream_plain(v->job.local, STREAM_WRITE).medium == MEDIUM_TERMINAL;
	struct frame_format to = v->args->format;

	if (to.kind == FRAME_NONE)
		to.kind = FRAME_LINE;
	return filter_recode(&(struct recode_args){ .from = { .kind = FRAME_LEN32 }, .to = to, .max = DGRAM_MAX,
	    .to_local = true, .guard = guard });
}

struct volley *
volley_start(struct loop *loop, const struct volley_job *job, struct err *err)
{
	const struct volley_args *args = job->args;
	int64_t limit_us = args->patience_ms > 0 ? args->patience_ms * 1000 : CLOCK_NEVER;
	struct volley *v = calloc(1, sizeof(*v));

	if (v == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "datagrams");
		return NULL;
	}
	*v = (struct volley){ .job = *job, .args = args, .began_us = clock_us(),
	    .max = dgram_max(job->fd, &job->peer), .numbered = BUF_EMPTY(NUMBERED_MAX + 2 * DGRAM_MAX) };
	v->down = filter_of_answers(v);
	v->out = BUF_EMPTY(OUT_ENOUGH + DGRAM_BATCH * (args->json ? dgram_line_bound(DGRAM_MAX) :
	    filter_bound(&v->down, DGRAM_MAX)));
	tempo_init(&v->tempo, args->n, args->per_us);
	answers_init(&v->answers, args->numbered, limit_us);
	loop_io_init(&v->io, loop, job->fd, on_socket, v);
	loop_timer_init(&v->timer, loop, on_timer, v);
	loop_timer_init(&v->finish, loop, on_finish, v);
	if (job->local != NULL) {
		stream_attach(job->local, on_local, v);
		v->is_piped = stream_plain(job->local, STREAM_WRITE).medium == MEDIUM_PIPE;
	}
	if (check_list(v, err) < 0 || (args->replies > 0 &&
	    (v->in = dgram_in_new(job->fd, DGRAM_MAX, DGRAM_STAMP, err)) == NULL)) {
		filter_free(&v->down);
		free(v);
		return NULL;
	}
	stop(v, STOP_TIME, clock_ms());		/* the first step is the loop's */
	volley_update(v);
	return v;
}

void
volley_free(struct volley *v)
{
	if (v == NULL)
		return;
	if (v->args->stats)
		answers_say(&v->answers, v->in != NULL, v->job.log, v->job.name, clock_us() - v->began_us);
	loop_io_stop(&v->io);
	loop_timer_stop(&v->timer);
	loop_timer_stop(&v->finish);
	dgram_in_free(v->in);
	answers_free(&v->answers);
	filter_free(&v->down);
	buf_free(&v->out);
	buf_free(&v->numbered);
	free(v);
}
