/*
 * Dial: see dial.h. A round is a lookup and a race of its addresses; the state machine runs rounds until one wins,
 * the failures do not promise to heal, or the deadline comes.
 */
#include "lib/net/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/opts.h"
#include "lib/net/dgram.h"

#define STAGGER_MS	250	/* RFC 8305 section 5: Connection Attempt Delay */
#define RACERS_MAX	6
#define BACKLOG_MS	10	/* a Unix listener's backlog was full: look again after this */
#define RETRY_MAX_MS	30000	/* the backoff of --retry ends here */
#define WAIT_FIRST_MS	10	/* --wait: attempts start this far apart, times 1.5 ... */
#define WAIT_LOCAL_MS	40	/* ... up to this for loopback and Unix, which answer at once */
#define WAIT_REMOTE_MS	500	/* ... and this elsewhere, to be no burden */

enum dial_state { DIAL_PAUSING, DIAL_RESOLVING, DIAL_RACING, DIAL_OVER };

/* One attempt at one address. fd is -1 when the place is free. */
struct racer {
	struct dial *dial;
	int fd;
	struct addr addr;
	struct loop_io io;
	struct loop_timer timer;	/* ends the attempt, or looks at a full Unix backlog again */
	int64_t deadline_ms, began_us;
};

struct dial {
	struct loop *loop;
	struct endpoint ep;
	char name[320];			/* the endpoint in messages */
	const struct dial_args *args;
	const struct log *log;
	void (*done)(void *arg, int fd, const struct addr *peer, const struct err *err);
	void *arg;

	enum dial_state state;
	int64_t deadline_ms, limit_ms;
	struct loop_timer overall, pause, stagger, finish;

	/* this round */
	int64_t round_began_ms;
	struct resolver *resolver;
	struct addr_list addrs;
	size_t next_addr;
	struct racer racers[RACERS_MAX];
	size_t n_racing;
	bool may_heal, timed_out;	/* of the failures so far */
	bool all_local;
	struct err failures;		/* their text, joined by "; " */

	/* across rounds */
	int64_t rounds_left, delay_ms;
	struct err last;		/* what the last whole round said */

	/* the outcome, until done hears of it */
	int fd;
	struct addr peer;
	struct err err;
};

static void round_begin(void *arg);
static void race_go_on(struct dial *d);

static void
dial_enter(struct dial *d, enum dial_state state)
{
	static const char *const names[] = {
		[DIAL_PAUSING] = "pausing", [DIAL_RESOLVING] = "resolving", [DIAL_RACING] = "dialing",
		[DIAL_OVER] = "over",
	};

	if (d->state != state)
		log_state(d->log, d->name, names[d->state], names[state]);
	d->state = state;
}

/* ---- the end ---- */

static void
racer_close(struct racer *r)
{
	if (r->fd < 0)
		return;
	loop_io_stop(&r->io);
	loop_timer_stop(&r->timer);
	fd_close(&r->fd);
	r->dial->n_racing--;
}

/* Everything this round has under way is let go. */
static void
round_clear(struct dial *d)
{
	resolve_cancel(&d->resolver);
	loop_timer_stop(&d->stagger);
	for (size_t i = 0; i < RACERS_MAX; i++)
		racer_close(&d->racers[i]);
	addr_list_free(&d->addrs);
}

/* Settles the outcome. done hears of it in a step of its own, so that it may free the dial. */
static void
dial_end(struct dial *d, int fd, const struct addr *peer, const struct err *err)
{
	dial_enter(d, DIAL_OVER);
	d->fd = fd;
	if (peer != NULL)
		d->peer = *peer;
	if (err != NULL)
		d->err = *err;
	round_clear(d);
	loop_timer_stop(&d->overall);
	loop_timer_stop(&d->pause);
	loop_timer_set(&d->finish, clock_ms());
}

static void
on_finish(void *arg)
{
	struct dial *d = arg;
	int fd = d->fd;

	d->fd = -1;
	d->done(d->arg, fd, &d->peer, fd < 0 ? &d->err : NULL);
}

/* The time is up: say in which phase, and what was seen last. */
static void
on_deadline(void *arg)
{
	struct dial *d = arg;
	char span[32], addr[ADDR_NAME_MAX], where[400] = "";
	struct err err;

	for (size_t i = 0; i < RACERS_MAX; i++) {
		if (d->racers[i].fd < 0)
			continue;
		strlcat(where, where[0] != '\0' ? ", " : " to ", sizeof(where));
		strlcat(where, addr_name(&d->racers[i].addr, addr, sizeof(addr)), sizeof(where));
	}
	err_set(&err, ERR_TIMEOUT, 0, "timed out after %s %s%s", clock_words(d->limit_ms, span, sizeof(span)),
	    d->state == DIAL_RESOLVING ? "looking up the name" : "connecting", where);
	if (d->failures.text[0] != '\0') {
		err_add(&err, "; %s", d->failures.text);
		err.errnum = d->failures.errnum;
	} else if (d->last.kind != ERR_NONE) {
		err_add(&err, "; last: %s", d->last.text);
		err.errnum = d->last.errnum;
	}
	err_at(&err, d->state == DIAL_RESOLVING ? STAGE_LOOKUP : STAGE_CONNECT, d->name);
	dial_end(d, -1, NULL, &err);
}

/* ---- the end of a round ---- */

/* The pause before the next round: exponential, with jitter so that many clients do not come back as one. */
static int64_t
backoff_ms(struct dial *d)
{
	int64_t delay = d->delay_ms;

	if (d->args->wait_ms != OPT_UNSET) {
		int64_t cap = d->all_local ? WAIT_LOCAL_MS : WAIT_REMOTE_MS;
		int64_t due = d->round_began_ms + (delay < cap ? delay : cap) - clock_ms();
		d->delay_ms = delay < cap ? (delay * 3 + 1) / 2 : cap;
		return due > 0 ? due : 0;
	}
	d->delay_ms = delay < RETRY_MAX_MS / 2 ? delay * 2 : RETRY_MAX_MS;
	return delay - delay / 4 + (int64_t)arc4random_uniform((uint32_t)(delay / 2 + 1));
}

/* No address is left. Another round, or the end. */
static void
round_failed(struct dial *d, const struct err *why, bool may_heal)
{
	int64_t delay_ms;

	round_clear(d);
	d->failures = ERR_EMPTY;
	d->last = *why;
	if (d->args->wait_ms != OPT_UNSET)
		may_heal = why->kind == ERR_CONNECT || why->kind == ERR_TIMEOUT || why->kind == ERR_LOOKUP;
	else if (may_heal)
		may_heal = d->rounds_left-- > 0;
	if (may_heal) {
		delay_ms = backoff_ms(d);
		if (d->args->wait_ms != OPT_UNSET || delay_ms < d->deadline_ms - clock_ms()) {
			dial_enter(d, DIAL_PAUSING);
			log_retrying(d->log, d->name, why->text, delay_ms);
			loop_timer_set(&d->pause, clock_ms() + delay_ms);
			return;
		}
	}
	dial_end(d, -1, NULL, why);
}

/* Every address failed: one error out of all of them. */
static void
race_lost(struct dial *d)
{
	struct err err = d->failures;	/* round_failed() clears it */

	/* "Every address refused" is an answer; one that never answered leaves the question open. */
	err.kind = d->timed_out ? ERR_TIMEOUT : ERR_CONNECT;
	err_at(&err, STAGE_CONNECT, d->name);
	round_failed(d, &err, d->may_heal);
}

/* ---- one attempt ---- */

/* Is this failure one that time may heal? */
static bool
heals(const struct dial *d, int errnum)
{
	switch (errnum) {
	case ETIMEDOUT: case ENETUNREACH: case EHOSTUNREACH: case ENETDOWN: case EHOSTDOWN: case ECONNRESET:
	case ECONNABORTED: case EAGAIN:
		return true;
	case ECONNREFUSED: case ENOENT:		/* no listener; ENOENT: no Unix listener yet */
		return d->args->retry_refused;
	default:
		return false;
	}
}

/* Notes that an address failed, reason being more than the errno says, or NULL. */
static void
note_failure(struct dial *d, const struct addr *addr, int errnum, const char *reason)
{
	char name[ADDR_NAME_MAX];

	addr_name(addr, name, sizeof(name));
	if (reason == NULL)
		reason = strerror(errnum);
	log_failed(d->log, name, reason, errnum);
	d->may_heal |= heals(d, errnum);
	d->timed_out |= errnum == ETIMEDOUT;
	d->failures.errnum = errnum;
	if (d->failures.text[0] != '\0')
		err_add(&d->failures, "; ");
	if (strcmp(name, d->name) != 0)
		err_add(&d->failures, "%s: ", name);
	err_add(&d->failures, "%s", reason);
}

/* No other address will mend it. Returns -1. */
static int
source_failed(const struct dial *d, int errnum, struct err *err)
{
	char name[ADDR_NAME_MAX];

	err_set(err, ERR_BIND, errnum, "cannot send from this address");
	return err_at(err, STAGE_CONNECT, addr_name(&d->args->source, name, sizeof(name)));
}

static void
racer_failed(struct racer *r, int errnum, const char *reason)
{
	struct dial *d = r->dial;
	struct err err;

	/* The system chose no port for us, or the one we asked for has such a connection already. */
	if (errnum == EADDRNOTAVAIL && d->args->source.len > 0) {
		source_failed(d, errnum, &err);
		round_failed(d, &err, false);
		return;
	}
	note_failure(d, &r->addr, errnum, reason);
	racer_close(r);
	race_go_on(d);		/* RFC 8305 section 5: a failure starts the next one at once */
}

/*
 * A connect to an ephemeral port of our own may meet itself (a simultaneous open with one party, RFC 9293 section
 * 3.5). There is no listener, so it counts as refused.
 */
static bool
is_self_connected(int fd, const struct addr *dialed)
{
	struct addr local, peer;

	sock_local(fd, &local);
	if (addr_port(&local) == 0 || addr_port(&local) != addr_port(dialed))
		return false;
	sock_peer(fd, &peer);		/* not always what was dialed: 0.0.0.0 is one of ours */
	return addr_equal(&local, &peer);
}

/*
 * Makes the socket what the options ask for: --interface, --sockopt, and bound to --source. Returns 0, or -1 and an
 * error no other address will mend.
 */
static int
prepare(const struct racer *r, struct err *err)
{
	const struct dial_args *args = r->dial->args;
	bool inet = addr_is_inet(&r->addr), bound = inet && args->source.len > 0;
	bool stream = !sock_has_messages(&args->sock);
	static const int on = 1;

	if (inet && args->interface != NULL &&
	    setsockopt(r->fd, SOL_SOCKET, SO_BINDTODEVICE, args->interface, (socklen_t)strlen(args->interface)) < 0) {
		err_set(err, errno == EPERM ? ERR_LOCAL : ERR_BIND, errno, "cannot use the interface");
		return err_at(err, STAGE_CONNECT, args->interface);
	}
	/* A given port may be shared by attempts at several addresses; without one, the choice waits for connect. */
	if (bound && stream && addr_port(&args->source) != 0)
		setsockopt(r->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	else if (bound && stream)
		setsockopt(r->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (inet && !stream)
		dgram_want_errors(r->fd, addr_family(&r->addr));
	if (inet && args->outgoing != NULL && outgoing_set(args->outgoing, r->fd, &r->addr, err) < 0)
		return -1;
	/* After our own choices, so that it can undo them, and before bind(2), which some have to precede. */
	if (sockopt_set(&args->sock.options, r->fd, addr_family(&r->addr), STAGE_CONNECT, err) < 0)
		return -1;
	if (!bound || bind(r->fd, (const void *)&args->source.ss, args->source.len) == 0)
		return 0;
	return source_failed(r->dial, errno, err);
}

/*
 * The socket has shown that there is a way, and another takes its place: Linux lets none of IPv6 that was ever
 * connected hear anybody else again. Returns false, with the round at its end, when there is none.
 */
static bool
replace_socket(struct racer *r)
{
	struct dial *d = r->dial;
	struct err err = ERR_EMPTY;

	fd_close(&r->fd);
	r->fd = sock_new(addr_family(&r->addr), &d->args->sock, STAGE_CONNECT, &err);
	if (r->fd >= 0 && prepare(r, &err) == 0)
		return true;
	err_at(&err, STAGE_CONNECT, d->name);
	if (r->fd < 0)
		d->n_racing--;
	round_failed(d, &err, false);
	return false;
}

static void
racer_won(struct racer *r)
{
	struct dial *d = r->dial;
	struct addr peer = r->addr, local;
	char name[ADDR_NAME_MAX], local_name[ADDR_NAME_MAX];
	int fd;

	if (is_self_connected(r->fd, &r->addr)) {
		loop_io_stop(&r->io);
		sock_reset(&r->fd);
		d->n_racing--;
		loop_timer_stop(&r->timer);
		note_failure(d, &r->addr, ECONNREFUSED, "Connection refused (it met itself)");
		race_go_on(d);
		return;
	}
	if (d->args->unconnected && !replace_socket(r))
		return;
	fd = r->fd;
	if (d->log->level >= LOG_VERBOSE && !d->args->unconnected) {
		sock_local(fd, &local);
		log_connected(d->log, addr_name(&peer, name, sizeof(name)),
		    addr_name(&local, local_name, sizeof(local_name)), clock_us() - r->began_us);
	}
	loop_io_stop(&r->io);
	r->fd = -1;		/* the callee owns it from here */
	d->n_racing--;
	loop_timer_stop(&r->timer);
	dial_end(d, fd, &peer, NULL);
}

/* Calls connect, again if need be, and waits for what it cannot say at once. */
static void
racer_connect(struct racer *r)
{
	int64_t now;

	if (connect(r->fd, (const void *)&r->addr.ss, r->addr.len) == 0) {
		racer_won(r);
	} else if (errno == EAGAIN && addr_family(&r->addr) == AF_UNIX) {
		now = clock_ms();	/* unix(7): the backlog is full, and nothing tells when it no longer is */
		if (now >= r->deadline_ms)
			racer_failed(r, ETIMEDOUT, "timed out, the listener's backlog is full");
		else
			loop_timer_set(&r->timer, now + BACKLOG_MS);
	} else if (errno == EINPROGRESS || errno == EINTR) {
		loop_io_want(&r->io, LOOP_WRITE);
		loop_timer_set(&r->timer, r->deadline_ms);
	} else {
		racer_failed(r, errno, NULL);
	}
}

static void
on_racer_ready(void *arg, unsigned ready)
{
	struct racer *r = arg;
	int errnum = sock_connect_error(r->fd);

	(void)ready;
	if (errnum != 0)
		racer_failed(r, errnum, NULL);
	else
		racer_won(r);
}

static void
on_racer_timer(void *arg)
{
	struct racer *r = arg;
	char span[32], text[64];

	if (addr_family(&r->addr) == AF_UNIX) {
		racer_connect(r);
		return;
	}
	snprintf(text, sizeof(text), "timed out after %s", clock_words(r->dial->args->attempt_ms, span, sizeof(span)));
	racer_failed(r, ETIMEDOUT, text);
}

/* ---- a round ---- */

/* Starts an attempt in a free place. Returns -1 and err when the round cannot go on at all. */
static int
racer_start(struct dial *d, const struct addr *addr, struct err *err)
{
	struct racer *r = d->racers;
	char name[ADDR_NAME_MAX];
	int64_t now = clock_ms();

	while (r->fd >= 0)
		r++;
	if (d->log->level >= LOG_VERBOSE)
		log_trying(d->log, addr_name(addr, name, sizeof(name)));
	r->addr = *addr;
	r->began_us = clock_us();
	/* Past the deadline of the whole, which speaks for every attempt at once, none needs one of its own. */
	r->deadline_ms = d->deadline_ms - now <= d->args->attempt_ms ? CLOCK_NEVER : now + d->args->attempt_ms;
	if ((r->fd = sock_new(addr_family(addr), &d->args->sock, STAGE_CONNECT, err)) < 0) {
		if (err->errnum == EAFNOSUPPORT) {	/* a host without IPv6 knows its addresses all the same */
			note_failure(d, addr, err->errnum, NULL);
			race_go_on(d);
			return 0;
		}
		return err_at(err, STAGE_CONNECT, d->name);
	}
	d->n_racing++;
	loop_io_init(&r->io, d->loop, r->fd, on_racer_ready, r);
	loop_timer_init(&r->timer, d->loop, on_racer_timer, r);
	if (prepare(r, err) < 0)
		return -1;
	racer_connect(r);
	return 0;
}

/* Starts what may start: the next address now if nothing else runs or the last one failed, the one after it later. */
static void
race_go_on(struct dial *d)
{
	struct err err = ERR_EMPTY;
	size_t begun = d->next_addr;

	while (d->state == DIAL_RACING && d->next_addr < d->addrs.n && d->n_racing < RACERS_MAX &&
	    (d->next_addr == begun || d->n_racing == 0)) {
		if (racer_start(d, &d->addrs.v[d->next_addr++], &err) < 0) {
			round_failed(d, &err, false);
			return;
		}
	}
	if (d->state != DIAL_RACING)
		return;
	if (d->n_racing == 0)
		race_lost(d);
	else if (d->next_addr < d->addrs.n)
		loop_timer_set(&d->stagger, clock_ms() + STAGGER_MS);
}

static void
on_stagger(void *arg)
{
	race_go_on(arg);
}

/* RFC 8305 section 4: the families take turns, beginning with that of the first; within one the order stays. */
static void
alternate_families(struct addr_list *list)
{
	for (size_t i = 1; i < list->n; i++) {
		size_t j = i;
		while (j < list->n && addr_family(&list->v[j]) == addr_family(&list->v[i - 1]))
			j++;
		if (j == list->n)
			return;		/* one family only from here on */
		struct addr moved = list->v[j];
		memmove(&list->v[i + 1], &list->v[i], (j - i) * sizeof(moved));
		list->v[i] = moved;
	}
}

/* Keeps the addresses that --source can reach. */
static void
keep_source_family(struct addr_list *list, const struct addr *source)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (source->len == 0 || addr_family(&list->v[i]) == addr_family(source) ||
		    !addr_is_inet(&list->v[i]))
			list->v[kept++] = list->v[i];
	}
	list->n = kept;
}

/* Takes the list and races it. */
static void
race_begin(struct dial *d, struct addr_list *list)
{
	struct err err;
	char name[ADDR_NAME_MAX];

	d->addrs = *list;
	*list = ADDR_LIST_EMPTY;
	keep_source_family(&d->addrs, &d->args->source);
	if (d->addrs.n == 0) {
		err_set(&err, ERR_BIND, 0, "%s has no address of the same family", d->name);
		err_at(&err, STAGE_CONNECT, addr_name(&d->args->source, name, sizeof(name)));
		round_failed(d, &err, false);
		return;
	}
	if (sock_check(&d->args->sock, &d->addrs, STAGE_CONNECT, &err) < 0) {
		round_failed(d, &err, false);
		return;
	}
	alternate_families(&d->addrs);
	d->all_local = true;
	for (size_t i = 0; i < d->addrs.n; i++)
		d->all_local &= addr_is_local(&d->addrs.v[i]);
	d->next_addr = 0;
	dial_enter(d, DIAL_RACING);
	race_go_on(d);
}

static void
on_resolved(void *arg, struct addr_list *list, const struct err *err)
{
	struct dial *d = arg;

	d->resolver = NULL;
	if (err != NULL)
		round_failed(d, err, err->errnum == EAGAIN);
	else
		race_begin(d, list);
}

static void
round_begin(void *arg)
{
	struct dial *d = arg;
	struct addr_list list = ADDR_LIST_EMPTY;
	struct err err;
	int rc;

	d->failures = ERR_EMPTY;
	d->may_heal = d->timed_out = d->all_local = false;
	d->round_began_ms = clock_ms();
	dial_enter(d, DIAL_RESOLVING);
	rc = resolve_start(d->loop, &d->ep, &d->args->names, on_resolved, d, &list, &d->resolver, &err);
	if (rc < 0)
		dial_end(d, -1, NULL, &err);	/* another round would hear the same */
	else if (rc == 0)
		race_begin(d, &list);
}

/* -w and --wait: the lesser of those that were given. */
static int64_t
limit_ms(const struct dial_args *args)
{
	int64_t limit = args->timeout_ms;

	if (args->wait_ms != OPT_UNSET && (limit == OPT_UNSET || limit == 0 || args->wait_ms < limit))
		return args->wait_ms;
	return limit == OPT_UNSET ? DIAL_TIMEOUT_S * 1000 : limit;
}

struct dial *
dial_start(struct loop *loop, const struct endpoint *ep, const struct dial_args *args, const struct log *log,
    void (*done)(void *arg, int fd, const struct addr *peer, const struct err *err), void *arg, struct err *err)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "connect");
		return NULL;
	}
	*d = (struct dial){ .loop = loop, .ep = *ep, .args = args, .log = log, .done = done, .arg = arg,
	    .fd = -1, .addrs = ADDR_LIST_EMPTY, .limit_ms = limit_ms(args),
	    .rounds_left = args->retries, .delay_ms = args->wait_ms != OPT_UNSET ? WAIT_FIRST_MS : args->retry_delay_ms };
	endpoint_name(ep, d->name, sizeof(d->name));
	for (size_t i = 0; i < RACERS_MAX; i++)
		d->racers[i] = (struct racer){ .dial = d, .fd = -1 };
	loop_timer_init(&d->overall, loop, on_deadline, d);
	loop_timer_init(&d->pause, loop, round_begin, d);
	loop_timer_init(&d->stagger, loop, on_stagger, d);
	loop_timer_init(&d->finish, loop, on_finish, d);
	d->deadline_ms = d->limit_ms == 0 ? CLOCK_NEVER : clock_deadline(d->limit_ms);
	loop_timer_set(&d->overall, d->deadline_ms);
	loop_timer_set(&d->pause, clock_ms());		/* the first step is the loop's */
	return d;
}

void
dial_free(struct dial *d)
{
	if (d == NULL)
		return;
	round_clear(d);
	loop_timer_stop(&d->overall);
	loop_timer_stop(&d->pause);
	loop_timer_stop(&d->finish);
	fd_close(&d->fd);
	free(d);
}
