/*
 * Relay: see relay.h. Moving bytes is the two flows' business; here is decided when it is over, and how it ended.
 */
#include "lib/service/relay.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/opts.h"
#include "lib/service/flow.h"
#include "lib/service/pulse.h"

#define SETTLE_MIN_MS	1		/* how soon and how seldom to ask whether all is acknowledged */
#define SETTLE_MAX_MS	50

enum relay_state {
	RELAY_MOVING,
	RELAY_SETTLING,		/* nothing more will move; the peer's system owes acknowledgements */
	RELAY_OVER
};

struct relay {
	struct loop *loop;
	struct stream *local, *remote;
	const struct relay_args *args;
	const struct log *log;
	const char *name;
	void (*done)(void *arg, const struct err *err);
	void *arg;

	enum relay_state state;
	struct flow up, down;
	bool hung_up;			/* the remote stream reported trouble: need not be told again */
	bool left;			/* linger ran out: what the other side may still say is not waited for */
	struct pulse pulse;
	int64_t settle_ms;
	struct loop_timer idle, linger, settle, finish;
	struct err err;			/* the outcome; ERR_NONE: all well */
};

static void relay_update(struct relay *r);

/* Settles the outcome; done hears of it in a step of its own, so that it may free the relay. err NULL: all well. */
static void
relay_end(struct relay *r, const struct err *err)
{
	if (r->state == RELAY_OVER)
		return;
	r->state = RELAY_OVER;
	if (err != NULL) {
		r->err = *err;
		err_count(&r->err, r->name, r->up.bytes, r->down.bytes);
	}
	stream_want(r->local, 0);
	stream_want(r->remote, 0);
	loop_timer_stop(&r->idle);
	loop_timer_stop(&r->linger);
	loop_timer_stop(&r->settle);
	loop_timer_set(&r->finish, clock_ms());
}

static void
on_finish(void *arg)
{
	struct relay *r = arg;

	if (r->up.state == FLOW_ENDED && !r->args->no_half_close && !r->args->send_only && r->down.bytes == 0 &&
	    r->err.kind == ERR_NONE)
		log_hint(r->log, r->name, "the peer answered nothing after our half-close; if it takes that for "
		    "goodbye, try --no-half-close");
	r->done(r->arg, r->err.kind != ERR_NONE ? &r->err : NULL);
}

/* Which byte was due when nobody moved. */
static const char *
what_was_due(const struct relay *r)
{
	if (r->state == RELAY_SETTLING)
		return "the peer acknowledged nothing";
	if (flow_active(&r->up) && r->up.wait == WAIT_SINK)
		return "the peer took nothing";
	if (flow_active(&r->down) && r->down.wait == WAIT_SINK)
		return "stdout took nothing";
	if (!flow_active(&r->up))
		return "nothing came from the peer";
	return flow_active(&r->down) ? "nothing came from stdin or the peer" : "nothing came from stdin";
}

static void
on_idle(void *arg)
{
	struct relay *r = arg;
	int64_t again = pulse_ask(&r->pulse, stream_queued(r->remote), r->args->idle_ms);
	char span[32];
	struct err err;

	if (again != CLOCK_NEVER) {
		loop_timer_set(&r->idle, again);
		return;
	}
	err_set(&err, ERR_TIMEOUT, 0, "idle for %s, %s,", clock_words(r->args->idle_ms, span, sizeof(span)),
	    what_was_due(r));
	relay_end(r, &err);
}

static int64_t
linger_ms(const struct relay *r)
{
	return r->args->linger_ms != OPT_UNSET ? r->args->linger_ms : RELAY_LINGER_S * 1000;
}

/* One side has ended: from now on the other's silence counts. */
static void
linger_begin(struct relay *r)
{
	pulse_beat(&r->pulse);
	loop_timer_set(&r->linger, clock_ms());
}

/* Takes a step in both directions. Returns whether bytes moved. */
static bool
relay_step(struct relay *r)
{
	uint64_t before = r->up.bytes + r->down.bytes;

	flow_step(&r->up);
	flow_step(&r->down);
	return r->up.bytes + r->down.bytes != before;
}

/* Was the other side silent for the time it had? Then it is enough. */
static void
on_linger(void *arg)
{
	struct relay *r = arg;
	int64_t again = pulse_ask(&r->pulse, stream_queued(r->remote), linger_ms(r));
	bool blocked = (flow_active(&r->up) && r->up.wait == WAIT_SINK) ||
	    (flow_active(&r->down) && r->down.wait == WAIT_SINK);

	/* A moment of no time, or one in which we had no processor, is no silence either: try what there is. */
	if (again == CLOCK_NEVER && relay_step(r))
		again = clock_ms();
	if (blocked && again == CLOCK_NEVER)	/* bytes that are due but find no taker are not silence */
		again = clock_ms() + linger_ms(r) + 1;
	if (again != CLOCK_NEVER) {
		loop_timer_set(&r->linger, again);
		relay_update(r);
		return;
	}
	r->left = true;
	flow_finish(&r->up);
	flow_step(&r->up);
	relay_update(r);
}

/* Nothing more will move: over as soon as the peer's system has everything. */
static void
on_settle(void *arg)
{
	struct relay *r = arg;
	const struct err *first = r->up.state == FLOW_FAILED ? &r->up.err : NULL;
	struct err err;

	switch (stream_settled(r->remote, &err)) {
	case IO_FAILED:
		relay_end(r, first != NULL ? first : &err);
		break;
	case IO_WOULD_BLOCK:
		loop_timer_set(&r->settle, clock_ms() + r->settle_ms);
		r->settle_ms = r->settle_ms * 2 < SETTLE_MAX_MS ? r->settle_ms * 2 : SETTLE_MAX_MS;
		break;
	case IO_DONE:
	case IO_EOF:
		relay_end(r, first);
		break;
	}
}

/*
 * While acknowledgements are awaited, what still comes down is handed on: a peer whose answer nobody takes may stop
 * taking ours.
 */
static void
settle_on(struct relay *r)
{
	bool down = flow_active(&r->down);

	if (r->down.state == FLOW_FAILED) {
		relay_end(r, r->up.state == FLOW_FAILED ? &r->up.err : &r->down.err);
		return;
	}
	stream_want(r->local, down && r->down.wait == WAIT_SINK ? STREAM_WRITE : 0);
	stream_want(r->remote, down && r->down.wait == WAIT_SOURCE ? STREAM_READ : 0);
}

static void
relay_settle(struct relay *r)
{
	r->state = RELAY_SETTLING;
	settle_on(r);
	if (r->state == RELAY_SETTLING)
		on_settle(r);
}

enum relay_after
relay_after(enum stream_medium source)
{
	switch (source) {
	case MEDIUM_TERMINAL:	return AFTER_DROP;	/* nobody is there to read what would be typed */
	case MEDIUM_PIPE:
	case MEDIUM_SOCKET:	return AFTER_LINGER;
	case MEDIUM_FILE:
	case MEDIUM_DEVICE:
	case MEDIUM_NULL:	return AFTER_TO_ITS_END;
	}
	return AFTER_TO_ITS_END;
}

/* Down has ended while up has not: how long is the local source listened to? */
static void
down_ended_first(struct relay *r)
{
	switch (relay_after(stream_plain(r->local, STREAM_READ).medium)) {
	case AFTER_DROP:
		flow_finish(&r->up);
		flow_step(&r->up);
		break;
	case AFTER_LINGER:
		if (r->linger.place == 0)
			linger_begin(r);
		break;
	case AFTER_TO_ITS_END:
		break;
	}
}

/* Has a flow failed in a way that ends the relay? */
static bool
check_failures(struct relay *r)
{
	if (r->down.state == FLOW_FAILED) {
		/* When both ends of one connection failed, the reading side knows the reason. */
		relay_end(r, &r->down.err);
		return true;
	}
	if (r->up.state == FLOW_FAILED && !r->up.sink_failed) {
		relay_settle(r);	/* what was read before that is still to arrive */
		return true;
	}
	if (r->up.state == FLOW_FAILED && !flow_active(&r->down)) {
		relay_end(r, &r->up.err);
		return true;
	}
	return false;		/* the peer takes no more, but what it sent before is still coming in */
}

/* Is there nothing more to wait for in either direction? */
static bool
both_ended(struct relay *r)
{
	if (r->down.state == FLOW_ENDED && r->up.state == FLOW_MOVING)
		down_ended_first(r);
	if (flow_active(&r->up) || r->up.state == FLOW_FAILED)
		return false;
	if (r->up.state == FLOW_ENDED && r->args->linger_ms != OPT_UNSET && !r->left && flow_active(&r->down) &&
	    r->linger.place == 0)
		linger_begin(r);
	return r->down.state == FLOW_ENDED || r->left ||
	    (r->up.state == FLOW_ENDED && r->args->send_only && r->args->linger_ms == OPT_UNSET);
}

/* After every step: is it over, and if not, what is waited for? */
static void
relay_update(struct relay *r)
{
	unsigned local = 0, remote = 0;

	if (r->state == RELAY_SETTLING)
		settle_on(r);
	if (r->state != RELAY_MOVING || check_failures(r))
		return;
	if (both_ended(r)) {
		relay_settle(r);
		return;
	}
	if (check_failures(r))		/* both_ended() may have taken a step */
		return;
	if (flow_active(&r->up)) {
		local |= r->up.wait == WAIT_SOURCE ? STREAM_READ : 0;
		remote |= r->up.wait == WAIT_SINK ? STREAM_WRITE : r->hung_up ? 0 : STREAM_TROUBLE;
	} else if (r->up.state == FLOW_QUIET && stream_plain(r->local, STREAM_WRITE).medium == MEDIUM_PIPE) {
		local |= STREAM_TROUBLE;	/* only receiving counts: a reader that went away ends it */
	}
	if (flow_active(&r->down)) {
		remote |= r->down.wait == WAIT_SOURCE ? STREAM_READ : 0;
		local |= r->down.wait == WAIT_SINK ? STREAM_WRITE : 0;
	}
	stream_want(r->local, local);
	stream_want(r->remote, remote);
}

static void
on_local(void *arg, unsigned ready)
{
	struct relay *r = arg;
	struct err err;

	if (ready & STREAM_READ)
		flow_step(&r->up);
	if (ready & STREAM_WRITE) {
		flow_step(&r->down);
	} else if ((ready & STREAM_TROUBLE) && r->up.state == FLOW_QUIET) {
		stream_fail(r->local, STREAM_WRITE, EPIPE, &err);
		relay_end(r, &err);
	}
	relay_update(r);
}

static void
on_remote(void *arg, unsigned ready)
{
	struct relay *r = arg;
	struct err err;

	if (ready & STREAM_WRITE)
		flow_step(&r->up);
	if (ready & STREAM_READ)
		flow_step(&r->down);
	if (ready & STREAM_TROUBLE) {
		r->hung_up = true;	/* it would be reported for ever; reading comes to the reason, if it goes on */
		if (!flow_active(&r->down) && stream_settled(r->remote, &err) == IO_FAILED)
			relay_end(r, &err);
	}
	relay_update(r);
}

struct relay_counts
relay_counts(const struct relay *r)
{
	return (struct relay_counts){ .sent = r->up.bytes, .received = r->down.bytes };
}

struct relay *
relay_start(struct loop *loop, struct stream *local, struct stream *remote, const struct relay_args *args,
    const struct log *log, const char *name, void (*done)(void *arg, const struct err *err), void *arg,
    struct err *err)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "transfer");
		return NULL;
	}
	*r = (struct relay){ .loop = loop, .local = local, .remote = remote, .args = args, .log = log, .name = name,
	    .done = done, .arg = arg, .settle_ms = SETTLE_MIN_MS };
	pulse_beat(&r->pulse);
	flow_init(&r->up, &(struct flow_args){ .label = "sending", .from = local, .to = remote, .log = log,
	    .name = name, .pulse = &r->pulse, .crlf = args->crlf, .keep_open = args->no_half_close,
	    .quiet = args->no_stdin || args->recv_only || stream_plain(local, STREAM_READ).medium == MEDIUM_NULL });
	flow_init(&r->down, &(struct flow_args){ .label = "receiving", .from = remote, .to = local, .log = log,
	    .name = name, .pulse = &r->pulse, .drop = args->send_only });
	loop_timer_init(&r->idle, loop, on_idle, r);
	loop_timer_init(&r->linger, loop, on_linger, r);
	loop_timer_init(&r->settle, loop, on_settle, r);
	loop_timer_init(&r->finish, loop, on_finish, r);
	if (args->idle_ms > 0)
		loop_timer_set(&r->idle, r->pulse.last_ms + args->idle_ms / 4);
	stream_attach(local, on_local, r);
	stream_attach(remote, on_remote, r);
	relay_update(r);
	return r;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	/* Cut short with bytes on their way up, or still to be read: the peer must not take it for the end. */
	if ((flow_active(&r->up) && (flow_holds(&r->up) || r->up.wait == WAIT_SINK)) ||
	    (r->up.state == FLOW_FAILED && !r->up.sink_failed))
		stream_abort(r->remote);
	stream_want(r->local, 0);
	stream_want(r->remote, 0);
	loop_timer_stop(&r->idle);
	loop_timer_stop(&r->linger);
	loop_timer_stop(&r->settle);
	loop_timer_stop(&r->finish);
	flow_free(&r->up);
	flow_free(&r->down);
	free(r);
}
