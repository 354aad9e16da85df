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
#define LAST_STEPS	8		/* of a flow that is to end */

enum relay_state {
	RELAY_MOVING,
	RELAY_SETTLING,		/* nothing more will move; the peer's system owes acknowledgements */
	RELAY_OVER
};

struct relay {
	struct loop *loop;
	struct relay_job job;
	const struct relay_args *args;		/* the job's */
	struct stream *local, *remote;

	enum relay_state state;
	struct stream *settling;	/* whose acknowledgements are awaited */
	const struct err *first;	/* with RELAY_SETTLING: the outcome if all goes well from here; NULL: all well */
	int64_t settle_until_ms;	/* whatever is acknowledged by then */
	bool acknowledged;		/* all that went up: what breaks from here on breaks nothing */
	struct flow up, down;
	bool hung_up;			/* the remote stream reported trouble: need not be told again */
	bool local_hung_up;		/* the same of the local one, where it is a client */
	bool input_ends;		/* relay_end_input() */
	bool left;			/* linger ran out: what the other side may still say is not waited for */
	struct pulse pulse;
	int64_t settle_ms;
	struct loop_timer idle, linger, settle, broken_timer, finish;
	struct err broken;		/* one side is gone, which ends it when the rest has moved; ERR_NONE: no */
	uint64_t broken_seen;		/* what had moved when that was last looked at */
	struct err err;			/* the outcome; ERR_NONE: all well */
};

static void relay_update(struct relay *r);

/* Waits for nothing any more. */
static void
relay_rest(struct relay *r)
{
	stream_want(r->local, 0);
	stream_want(r->remote, 0);
	loop_timer_stop(&r->idle);
	loop_timer_stop(&r->linger);
	loop_timer_stop(&r->settle);
	loop_timer_stop(&r->broken_timer);
}

/* Settles the outcome; done hears of it in a step of its own, so that it may free the relay. err NULL: all well. */
static void
relay_end(struct relay *r, const struct err *err)
{
	struct relay_counts counts = relay_counts(r);

	if (r->state == RELAY_OVER)
		return;
	r->state = RELAY_OVER;
	if (err != NULL) {
		r->err = *err;
		err_count(&r->err, r->job.name, counts.sent, counts.received);
	}
	relay_rest(r);
	loop_timer_set(&r->finish, clock_ms());
}

static void
on_finish(void *arg)
{
	struct relay *r = arg;

	bool told_the_end = r->up.state == FLOW_ENDED && !r->args->no_half_close && !r->args->send_only &&
	    !r->args->frames.packets;

	if (r->job.kind == RELAY_STDIO && told_the_end && r->down.bytes == 0 && r->err.kind == ERR_NONE)
		log_hint(r->job.log, r->job.name, "the peer answered nothing after our half-close; if it takes that for "
		    "goodbye, try --no-half-close");
	r->job.done(r->job.arg, r->err.kind != ERR_NONE ? &r->err : NULL);
}

/* Which layer of ours holds bytes back? */
static enum stream_hold
hold(const struct relay *r)
{
	enum stream_hold remote = stream_hold(r->remote);

	return remote != HOLD_NONE ? remote : stream_hold(r->local);
}

/* Which byte was due when nobody moved. */
static void
what_was_due(const struct relay *r, struct err *err)
{
	static const struct { const char *in, *out, *remote; } names[] = {
		[RELAY_STDIO] = { "stdin", "stdout", "the peer" },
		[RELAY_CLIENT] = { "the client", "the client", "the target" },
		[RELAY_PROGRAM] = { "the program", "the program", "the peer" },
	};
	const char *in = names[r->job.kind].in, *out = names[r->job.kind].out, *remote = names[r->job.kind].remote;

	if (hold(r) == HOLD_RECORD)
		err_add(err, "the record of it was taken by nobody,");
	else if (r->state == RELAY_SETTLING && !flow_holds(&r->down))
		err_add(err, "%s acknowledged nothing,", r->settling == r->local ? out : remote);
	else if (flow_active(&r->up) && r->up.wait == WAIT_SINK)
		err_add(err, "%s took nothing,", remote);
	else if (flow_active(&r->down) && r->down.wait == WAIT_SINK)
		err_add(err, "%s took nothing,", out);
	else if (!flow_active(&r->up))
		err_add(err, "nothing came from %s,", remote);
	else if (flow_active(&r->down))
		err_add(err, "nothing came from %s or %s,", in, remote);
	else
		err_add(err, "nothing came from %s,", in);
}

/* How much the systems that we sent to have not acknowledged. */
static size_t
queued(const struct relay *r)
{
	return stream_queued(r->remote) + (r->job.kind == RELAY_STDIO ? 0 : stream_queued(r->local));
}

/* Has nothing moved for span_ms, as pulse_ask() says? Where a limit of ours holds bytes back, so is the silence. */
static int64_t
ask_pulse(struct relay *r, int64_t span_ms)
{
	if (hold(r) == HOLD_PACE)
		pulse_beat(&r->pulse);
	return pulse_ask(&r->pulse, queued(r), span_ms);
}

static void
on_idle(void *arg)
{
	struct relay *r = arg;
	int64_t again = ask_pulse(r, r->args->idle_ms);
	char span[32];
	struct err err;

	if (again != CLOCK_NEVER) {
		loop_timer_set(&r->idle, again);
		return;
	}
	if (r->args->idle_is_end && !r->input_ends) {
		pulse_beat(&r->pulse);
		loop_timer_set(&r->idle, clock_ms());
		relay_end_input(r);
		return;
	}
	err_set(&err, ERR_TIMEOUT, 0, "idle for %s, ", clock_words(r->args->idle_ms, span, sizeof(span)));
	what_was_due(r, &err);
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
	uint64_t before = r->up.moved + r->down.moved;

	flow_step(&r->up);
	flow_step(&r->down);
	return r->up.moved + r->down.moved != before;
}

/* How many messages have come down. */
static uint64_t
answers(const struct relay *r)
{
	return r->down.filter.kind == FILTER_RECODE ? r->down.filter.recode.messages : 0;
}

/* Are answers awaited that have not come? */
static bool
owes_answers(const struct relay *r)
{
	return r->args->replies > 0 && answers(r) < (uint64_t)r->args->replies;
}

static void
too_few_answers(struct relay *r)
{
	char span[32];
	struct err err;

	err_set(&err, ERR_TIMEOUT, 0, "%llu of %lld answers came, and then nothing for %s", (unsigned long long)answers(r),
	    (long long)r->args->replies, clock_words(linger_ms(r), span, sizeof(span)));
	relay_end(r, &err);
}

/* Was the other side silent for the time it had? Then it is enough. */
static void
on_linger(void *arg)
{
	struct relay *r = arg;
	int64_t again = ask_pulse(r, linger_ms(r));
	bool blocked = (flow_active(&r->up) && r->up.wait == WAIT_SINK) ||
	    (flow_active(&r->down) && r->down.wait == WAIT_SINK);

	/* A moment of no time, or one in which we had no processor, is no silence either: try what there is. */
	if (again == CLOCK_NEVER && relay_step(r))
		again = clock_ms();
	blocked |= hold(r) != HOLD_NONE;
	if (blocked && again == CLOCK_NEVER)	/* bytes that are due but find no taker are not silence */
		again = clock_ms() + linger_ms(r) + 1;
	if (again != CLOCK_NEVER) {
		loop_timer_set(&r->linger, again);
		relay_update(r);
		return;
	}
	if (r->up.state == FLOW_ENDED && owes_answers(r)) {
		too_few_answers(r);
		return;
	}
	r->left = true;
	flow_finish(&r->up);
	flow_step(&r->up);
	relay_update(r);
}

/* Whose acknowledgements are awaited when r->settling has given its own; NULL: nobody's. */
static struct stream *
settles_next(const struct relay *r)
{
	return r->job.kind == RELAY_CLIENT && r->first == NULL && r->settling == r->remote ? r->local : NULL;
}

/* Is the client of a program still sending what that never read? Closing on it would reset what it has yet to read. */
static bool
peer_goes_on(const struct relay *r)
{
	return r->job.kind == RELAY_PROGRAM && r->first == NULL && flow_active(&r->down) && r->down.dropped > 0 &&
	    clock_ms() < r->settle_until_ms;
}

/* Our source failed, while the sink still has to take what the peer sent before that: goes on with it. Is any left? */
static bool
down_is_due(struct relay *r)
{
	uint64_t before = r->down.moved;

	if (r->job.kind == RELAY_CLIENT || r->first != &r->up.err || !flow_active(&r->down))
		return false;
	flow_step(&r->down);
	return flow_active(&r->down) && (flow_holds(&r->down) || r->down.moved != before);
}

/* Nothing more will move: over as soon as the systems that we sent to have everything. */
static void
on_settle(void *arg)
{
	struct relay *r = arg;
	struct err err;
	enum io io = stream_settled(r->settling, &err);

	r->acknowledged = io == IO_DONE && r->settling == r->remote;
	if (io == IO_FAILED) {
		relay_end(r, r->first != NULL ? r->first : &err);
	} else if ((io == IO_WOULD_BLOCK && (r->first == NULL || clock_ms() < r->settle_until_ms ||
	    r->job.kind != RELAY_CLIENT)) || peer_goes_on(r) || down_is_due(r)) {
		loop_timer_set(&r->settle, clock_ms() + r->settle_ms);
		r->settle_ms = r->settle_ms * 2 < SETTLE_MAX_MS ? r->settle_ms * 2 : SETTLE_MAX_MS;
	} else if (io == IO_DONE && settles_next(r) != NULL) {
		r->settling = settles_next(r);
		loop_timer_set(&r->settle, clock_ms());
	} else {
		relay_end(r, r->first);
	}
}

/*
 * While acknowledgements are awaited, what still comes down is handed on: a peer whose answer nobody takes may stop
 * taking ours. Not so from or to a client or target that was reset.
 */
static void
settle_on(struct relay *r)
{
	bool down = flow_active(&r->down) && !(r->job.kind == RELAY_CLIENT && r->first != NULL);

	if (r->down.state == FLOW_FAILED && r->first != &r->down.err) {
		relay_end(r, r->first != NULL || r->acknowledged ? r->first : &r->down.err);
		return;
	}
	stream_want(r->local, down && r->down.wait == WAIT_SINK ? STREAM_WRITE : 0);
	stream_want(r->remote, down && r->down.wait == WAIT_SOURCE ? STREAM_READ : 0);
}

/* Waits until to has acknowledged what it got; then first, or NULL for all well, is the outcome. */
static void
relay_settle(struct relay *r, struct stream *to, const struct err *first)
{
	r->state = RELAY_SETTLING;
	r->settling = to;
	r->first = first;
	r->settle_until_ms = clock_deadline(RELAY_LINGER_S * 1000);
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
	enum relay_after after = relay_after(stream_plain(r->local, STREAM_READ).medium);

	/* A program may think for long before it answers, and a client's peer too, unless --linger bounds it. */
	if (r->job.kind != RELAY_STDIO)
		after = r->args->linger_ms != OPT_UNSET ? AFTER_LINGER : AFTER_TO_ITS_END;
	switch (after) {
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

/* What has moved to somebody who takes it. */
static uint64_t
moved(const struct relay *r)
{
	return (r->up.args.drop ? 0 : r->up.moved) + (r->down.args.drop ? 0 : r->down.moved);
}

/*
 * One side is gone. What it sent before that is still delivered, as long as it moves: whoever is to take it may be
 * blocked itself, on writing to the one that is gone.
 */
static void
relay_broken(struct relay *r, const struct err *err)
{
	if (r->broken.kind != ERR_NONE)
		return;
	r->broken = *err;
	r->broken_seen = moved(r);
	loop_timer_set(&r->broken_timer, clock_deadline(RELAY_LINGER_S * 1000));
}

static void
on_broken(void *arg)
{
	struct relay *r = arg;

	if (r->state != RELAY_MOVING)
		return;
	if (moved(r) == r->broken_seen && hold(r) == HOLD_NONE) {
		relay_end(r, &r->broken);
		return;
	}
	r->broken_seen = moved(r);
	loop_timer_set(&r->broken_timer, clock_deadline(RELAY_LINGER_S * 1000));
}

/*
 * A flow whose sink failed, while the other goes on: whoever writes to the one that is gone is read and not heard, or
 * it would never come to read in its turn. What that one sent before ends without an error, which this flow has taken;
 * it is no end in order all the same, and is not passed on as one.
 */
static void
sink_is_gone(struct relay *r, struct flow *f)
{
	struct flow *other = f == &r->up ? &r->down : &r->up;

	relay_broken(r, &f->err);
	flow_drop(f);
	other->args.keep_open = true;
}

/* A client and its target: who was reset is heard of by reading from it, and the other is to have all before that. */
static bool
check_alike(struct relay *r)
{
	struct flow *const flows[] = { &r->up, &r->down };

	for (size_t i = 0; i < 2; i++) {
		if (flows[i]->state == FLOW_FAILED && !flows[i]->sink_failed) {
			relay_settle(r, flows[i]->args.to, &flows[i]->err);
			return true;
		}
	}
	for (size_t i = 0; i < 2; i++) {
		if (flows[i]->state == FLOW_FAILED)
			sink_is_gone(r, flows[i]);
		if (flows[i]->args.drop && r->broken.kind != ERR_NONE && !flow_active(flows[1 - i])) {
			relay_settle(r, flows[i]->args.from, &r->broken);
			return true;
		}
	}
	return false;
}

/*
 * What the client said is no message: the program hears of it as the end, and what it has to say to those before goes
 * out yet. The client is not to take that for an end in order.
 */
static void
answer_yet(struct relay *r)
{
	struct err err;

	if (r->broken.kind != ERR_NONE)
		return;
	r->up.args.keep_open = true;
	stream_shutdown(r->local, &err);
	relay_broken(r, &r->down.err);
}

/* The same for a program and its client. */
static bool
check_program(struct relay *r)
{
	if (r->down.state == FLOW_FAILED && r->down.sink_failed)
		flow_drop(&r->down);		/* it wants no more of it, and may have much to say yet */
	if (r->down.faulty && r->down.state == FLOW_FAILED && flow_active(&r->up)) {
		answer_yet(r);
		return false;
	}
	if (r->up.state == FLOW_FAILED && r->up.sink_failed && r->up.err.kind != ERR_LIMIT)
		sink_is_gone(r, &r->up);	/* a message that is too long is the program's fault, and the client still there */
	if (r->down.faulty && r->broken.kind != ERR_NONE) {
		relay_settle(r, r->remote, &r->broken);
		return true;
	}
	if (r->down.state == FLOW_FAILED) {
		relay_end(r, &r->down.err);
		return true;
	}
	if (r->broken.kind != ERR_NONE && (!flow_active(&r->down) || !flow_active(&r->up))) {
		relay_end(r, &r->broken);
		return true;
	}
	if (r->up.state == FLOW_FAILED) {
		relay_settle(r, r->remote, &r->up.err);	/* what was read before that is still to arrive */
		return true;
	}
	return false;
}

/* Has a flow failed in a way that ends the relay? */
static bool
check_failures(struct relay *r)
{
	if (r->job.kind == RELAY_CLIENT)
		return check_alike(r);
	if (r->job.kind == RELAY_PROGRAM)
		return check_program(r);
	if (r->down.state == FLOW_FAILED && r->up.state == FLOW_ENDED && r->args->replies > 0 && !owes_answers(r)) {
		relay_settle(r, r->remote, NULL);	/* what was asked for is there */
		return true;
	}
	if (r->down.state == FLOW_FAILED) {
		/* When both ends of one connection failed, the reading side knows the reason. */
		relay_end(r, &r->down.err);
		return true;
	}
	if (r->up.state == FLOW_FAILED && !r->up.sink_failed) {
		relay_settle(r, r->remote, &r->up.err);	/* what was read before that is still to arrive */
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
	if (r->up.state == FLOW_ENDED && r->args->replies > 0 && !owes_answers(r) && !flow_holds(&r->down))
		r->left = true;
	if (r->up.state == FLOW_ENDED && r->args->linger_ms != OPT_UNSET && !r->left && flow_active(&r->down) &&
	    r->linger.place == 0)
		linger_begin(r);
	return r->down.state == FLOW_ENDED || r->left || (r->up.state == FLOW_ENDED &&
	    (r->job.kind == RELAY_PROGRAM || (r->args->send_only && r->args->linger_ms == OPT_UNSET)));
}

/*
 * The program's input is to end: what arrived before that is its own, also where the program has yet to take it, or a
 * layer of ours to let it through. One that never rests is cut off after some megabytes.
 */
static void
end_input_if_due(struct relay *r)
{
	uint64_t before = r->down.moved + 1;

	if (!r->input_ends || r->state != RELAY_MOVING)
		return;
	for (int i = 0; i < LAST_STEPS && r->down.state == FLOW_MOVING && r->down.moved != before; i++) {
		before = r->down.moved;
		flow_step(&r->down);
	}
	if (r->down.state != FLOW_MOVING || r->down.wait == WAIT_SINK)
		return;
	stream_want(r->remote, STREAM_READ);	/* a hold is one of what is wanted */
	if (stream_hold(r->remote) != HOLD_NONE)
		return;
	flow_finish(&r->down);
	flow_step(&r->down);
}

/* After every step: is it over, and if not, what is waited for? */
static void
relay_update(struct relay *r)
{
	unsigned local = 0, remote = 0;

	end_input_if_due(r);
	if (r->state == RELAY_SETTLING)
		settle_on(r);
	if (r->state != RELAY_MOVING || check_failures(r))
		return;
	if (both_ended(r)) {
		if (r->job.kind == RELAY_PROGRAM && flow_active(&r->down)) {
			flow_drop(&r->down);
			flow_step(&r->down);	/* is there any? */
		}
		relay_settle(r, r->remote, NULL);
		return;
	}
	if (check_failures(r))		/* both_ended() may have taken a step */
		return;
	if (flow_active(&r->up)) {
		local |= r->up.wait == WAIT_SOURCE ? STREAM_READ : 0;
		remote |= r->up.wait == WAIT_SINK ? STREAM_WRITE : r->hung_up ? 0 : STREAM_TROUBLE;
	} else if (r->job.kind == RELAY_STDIO && r->up.state == FLOW_QUIET &&
	    stream_plain(r->local, STREAM_WRITE).medium == MEDIUM_PIPE) {
		local |= STREAM_TROUBLE;	/* only receiving counts: a reader that went away ends it */
	}
	if (flow_active(&r->down)) {
		remote |= r->down.wait == WAIT_SOURCE ? STREAM_READ : 0;
		local |= r->down.wait == WAIT_SINK ? STREAM_WRITE : 0;
	}
	if (r->job.kind == RELAY_CLIENT && local == 0 && !r->local_hung_up)
		local = STREAM_TROUBLE;		/* who has ended may yet reset */
	stream_want(r->local, local);
	stream_want(r->remote, remote);
}

/*
 * A socket hung up, which is reported for ever, so it need not be told again. If reading goes on, that comes to the
 * reason; but a flow that waits for its sink does not read.
 */
static void
hung_up(struct relay *r, struct stream *s, const struct flow *from)
{
	struct err err;

	if (!flow_active(from)) {
		if (stream_settled(s, &err) != IO_FAILED)
			return;
		if (r->job.kind != RELAY_CLIENT) {
			relay_end(r, &err);
			return;
		}
		r->broken = err;
		relay_settle(r, from->args.to, &r->broken);
	} else if (r->job.kind != RELAY_STDIO && from->wait == WAIT_SINK) {
		stream_fail(s, STREAM_WRITE, ECONNRESET, &err);
		relay_broken(r, &err);
	}
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
	} else if ((ready & STREAM_TROUBLE) && r->job.kind == RELAY_CLIENT) {
		r->local_hung_up = true;
		hung_up(r, r->local, &r->up);
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

	if (ready & STREAM_WRITE)
		flow_step(&r->up);
	if (ready & STREAM_READ)
		flow_step(&r->down);
	if (ready & STREAM_TROUBLE) {
		r->hung_up = true;
		hung_up(r, r->remote, &r->down);
	}
	relay_update(r);
}

bool
relay_is_held(const struct relay *r)
{
	return hold(r) != HOLD_NONE;
}

/* What is read is not always counted as handed on yet. */
static uint64_t
less(uint64_t bytes, uint64_t overhead)
{
	return bytes > overhead ? bytes - overhead : 0;
}

struct relay_counts
relay_counts(const struct relay *r)
{
	if (r->job.kind == RELAY_CLIENT)	/* there the client is the local one */
		return (struct relay_counts){ .sent = r->down.bytes - r->down.dropped, .received = r->up.bytes };
	return (struct relay_counts){
	    .sent = less(r->up.bytes - r->up.dropped, stream_overhead(r->remote, STREAM_WRITE)),
	    .received = less(r->down.bytes, stream_overhead(r->remote, STREAM_READ)) };
}

void
relay_end_input(struct relay *r)
{
	r->input_ends = true;
	relay_update(r);
}

bool
relay_has_messages(const struct relay_args *args)
{
	return args->frames.packets || args->frames.wire.kind != FRAME_NONE;
}

struct filter
relay_filter_up(const struct relay_args *args)
{
	const struct frame_args *frames = &args->frames;

	if (frames->packets)
		return filter_recode(&(struct recode_args){ .to = { .kind = FRAME_LEN32 }, .max = frames->max_message,
		    .from_local = true, .from = frames->wire.kind != FRAME_NONE ? frames->wire :
		    (struct frame_format){ .kind = FRAME_READ } });
	if (frames->wire.kind == FRAME_NONE)
		return args->crlf ? filter_crlf() : (struct filter){ .kind = FILTER_NONE };
	return filter_recode(&(struct recode_args){ .to = frames->wire, .max = frames->max_message, .from_local = true,
	    .from = frames->local.kind != FRAME_NONE ? frames->local : (struct frame_format){ .kind = FRAME_LINE },
	    .crlf = args->crlf });
}

struct filter
relay_filter_down(const struct relay_args *args, enum stream_medium sink)
{
	const struct frame_args *frames = &args->frames;
	bool guard = sink == MEDIUM_TERMINAL && !args->raw;

	if (frames->packets)
		return filter_recode(&(struct recode_args){ .from = { .kind = FRAME_LEN32 }, .max = frames->max_message,
		    .to_local = true, .guard = guard, .to = frames->local.kind != FRAME_NONE ? frames->local :
		    frames->wire.kind != FRAME_NONE ? frames->wire : (struct frame_format){ .kind = FRAME_RAW } });
	if (frames->wire.kind == FRAME_NONE)
		return guard ? filter_guard() : (struct filter){ .kind = FILTER_NONE };
	return filter_recode(&(struct recode_args){ .from = frames->wire, .max = frames->max_message, .to_local = true,
	    .to = frames->local.kind != FRAME_NONE ? frames->local : (struct frame_format){ .kind = FRAME_LINE },
	    .guard = guard });
}

struct relay *
relay_start(struct loop *loop, const struct relay_job *job, struct err *err)
{
	const struct relay_args *args = job->args;
	bool quiet = args->no_stdin || args->recv_only || stream_plain(job->local, STREAM_READ).medium == MEDIUM_NULL;
	enum stream_medium sink = stream_plain(job->local, STREAM_WRITE).medium;
	struct relay *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "transfer");
		return NULL;
	}
	*r = (struct relay){ .loop = loop, .job = *job, .args = args, .local = job->local, .remote = job->remote,
	    .settle_ms = SETTLE_MIN_MS };
	pulse_beat(&r->pulse);
	flow_init(&r->up, &(struct flow_args){ .label = "sending", .from = job->local, .to = job->remote,
	    .log = job->log, .name = job->name, .pulse = &r->pulse, .keep_open = args->no_half_close, .quiet = quiet,
	    .source = job->kind == RELAY_STDIO ? "stdin" : job->kind == RELAY_PROGRAM ? "program" : NULL },
	    relay_filter_up(args));
	flow_init(&r->down, &(struct flow_args){ .label = "receiving", .from = job->remote, .to = job->local,
	    .log = job->log, .name = job->name, .pulse = &r->pulse, .from_peer = true, .drop = args->send_only },
	    relay_filter_down(args, sink));
	loop_timer_init(&r->idle, loop, on_idle, r);
	loop_timer_init(&r->linger, loop, on_linger, r);
	loop_timer_init(&r->settle, loop, on_settle, r);
	loop_timer_init(&r->broken_timer, loop, on_broken, r);
	loop_timer_init(&r->finish, loop, on_finish, r);
	if (args->idle_ms > 0)
		loop_timer_set(&r->idle, r->pulse.last_ms + args->idle_ms / 4);
	stream_attach(job->local, on_local, r);
	stream_attach(job->remote, on_remote, r);
	relay_update(r);
	return r;
}

/* A client or its target: after a failure, or cut off in the middle, nobody must take it for the end. */
static void
abort_alike(struct relay *r)
{
	if (r->err.kind == ERR_NONE && !flow_active(&r->up) && !flow_active(&r->down))
		return;
	stream_abort(r->local);
	stream_abort(r->remote);
}

/*
 * With bytes on their way up, or still to be read, or a program that had not ended: the peer must not take it for the
 * end.
 */
static bool
is_cut_short(const struct relay *r)
{
	if (r->down.faulty)
		return r->job.kind == RELAY_PROGRAM || flow_active(&r->up);	/* and it is to know that it is not all */
	if (flow_active(&r->up))
		return r->job.kind == RELAY_PROGRAM || flow_holds(&r->up) || r->up.wait == WAIT_SINK;
	return r->up.state == FLOW_FAILED && !r->up.sink_failed;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	if (r->job.kind == RELAY_CLIENT)
		abort_alike(r);
	else if (is_cut_short(r))
		stream_abort(r->remote);
	relay_rest(r);
	loop_timer_stop(&r->finish);
	flow_free(&r->up);
	flow_free(&r->down);
	free(r);
}
