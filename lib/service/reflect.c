/*
 * Reflect: see reflect.h. A batch is read, judged and sent back from where it lies: nothing is copied but what gets a
 * prefix. What the socket does not take at once stays, and nothing more is read until it went, so that a flood is the
 * system's to drop, and not ours to keep.
 */
#include "lib/service/reflect.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <bsd/string.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/net/sock.h"
#include "lib/service/losses.h"
#include "lib/service/stats.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ROUNDS_MAX	4		/* batches in a turn; then it is the neighbours' */
#define FAULTS_MAX	16		/* errors of the socket in a row, with nothing heard in between */
#define RETRY_MS	1		/* until the next try where no event says when */
#define LOOK_MS		1000		/* how often to ask what the system has dropped: it costs a call */
#define GIVE_UP_MS	1000		/* a batch may wait for who takes no answer; then those who do not go without */

enum verdict {
	ANSWER,
	NOT_ALLOWED, NOT_ITS_PORT, NOT_OURSELVES, NOT_TO_MANY, NOT_NAMED, NOT_MORE,
	NOT_SO_LONG, NOT_SENT,	/* found out only by sending */
	VERDICTS
};

/* What --stats says of those that were not answered, and -v of each; reason NULL: others say it. */
static const struct {
	const char *key, *words, *reason;
} verdicts[VERDICTS] = {
	[NOT_ALLOWED] = { "refused", "refused", NULL },
	[NOT_ITS_PORT] = { "from_port", "from ports that are not answered",
	    "its port is not answered: it is 0, or that of a service that answers whatever comes" },
	[NOT_OURSELVES] = { "from_self", "from our own address", "it has our own address" },
	[NOT_TO_MANY] = { "to_many", "to a group or to everybody", "it sent to a group or to everybody" },
	[NOT_NAMED] = { "unnamed", "without a name to answer to", "it has no name to answer to" },
	[NOT_MORE] = { "amplified", "that a prefix would have amplified", NULL },
	[NOT_SO_LONG] = { "too_long", "too long with the prefix", "with the prefix the answer is too long" },
	[NOT_SENT] = { "unsent", "could not be sent", NULL },
};

/* One socket. */
struct door {
	struct reflect *reflect;
	struct door *next;
	struct server *server;
	int fd;
	struct addr local;
	struct dgram_in *in;
	struct dgram answers[DGRAM_BATCH];	/* answers[first..n) are to go */
	size_t first, n;
	unsigned char *space;			/* for answers with a prefix; NULL: there is none */
	struct loop_io io;
	struct loop_timer retry;
	int64_t give_up_ms;			/* a batch has to wait, until then; 0: none does */
	int faults;
	uint64_t lost;				/* of what dgram_in_lost() says, that were counted */
};

struct reflect {
	struct loop *loop;
	const struct reflect_args *args;
	void (*over)(void *arg, const struct err *err);
	void *arg;
	const struct log *log;
	struct door *doors;
	size_t prefix_len;
	int64_t began_us;
	bool said_amplify;
	struct stats_datagrams counts;
	uint64_t not[VERDICTS];
	struct losses losses;
	struct loop_timer look;
};

/* ---- the end ---- */

/* Counts what the system has dropped since, and says so. */
static void
count_lost(struct door *door)
{
	uint64_t lost = dgram_in_lost(door->in), more = lost - door->lost;

	if (more == 0)
		return;
	door->lost = lost;
	door->reflect->counts.lost += more;
	losses_add(&door->reflect->losses, LOSS_NO_ROOM, &door->local, more, "the system had no room for them");
}

/* Hears no more. The descriptor may be closed from here on. */
static void
door_stop(struct door *door)
{
	if (door->io.loop != NULL)
		count_lost(door);
	loop_io_stop(&door->io);
	loop_timer_stop(&door->retry);
}

static void
door_free(struct door *door)
{
	door_stop(door);
	dgram_in_free(door->in);
	free(door->space);
	free(door);
}

static void
reflect_stop(void *service)
{
	struct reflect *r = service;

	loop_timer_stop(&r->look);
	for (struct door *door = r->doors; door != NULL; door = door->next)
		door_stop(door);
}

/* The last that is done with r in a turn. */
static void
reflect_over(struct reflect *r, const struct err *err)
{
	reflect_stop(r);
	r->over(r->arg, err);
}

/* ---- who is answered ---- */

static bool
is_ourselves(const struct reflect *r, const struct addr *peer)
{
	for (const struct door *door = r->doors; door != NULL; door = door->next) {
		if (sock_is_at(&door->local, peer))
			return true;
	}
	return false;
}

/* Port 0 is nobody's; the others answer whatever comes, and with them it would never end (RFC 862 to 868). */
static bool
is_answered_port(unsigned port)
{
	static const unsigned not[] = { 0, 7, 9, 13, 17, 19, 37 };

	for (size_t i = 0; i < COUNT(not); i++) {
		if (port == not[i])
			return false;
	}
	return true;
}

static enum verdict
judge(const struct door *door, const struct dgram *d)
{
	const struct reflect *r = door->reflect;

	if (!server_hears(door->server, d))
		return NOT_ALLOWED;
	if (d->peer.len <= sizeof(sa_family_t))
		return NOT_NAMED;
	if (addr_is_inet(&d->peer) && !is_answered_port(addr_port(&d->peer)))
		return NOT_ITS_PORT;
	if (d->to_many)
		return NOT_TO_MANY;
	if (is_ourselves(r, &d->peer))
		return NOT_OURSELVES;
	if (r->prefix_len > 0 && !r->args->allow_amplify && !addr_is_local(&d->peer))
		return NOT_MORE;
	return ANSWER;
}

static void
not_answered(struct reflect *r, enum verdict verdict, const struct dgram *d, int errnum)
{
	char name[ADDR_NAME_MAX];

	r->not[verdict]++;
	if (r->log->level < LOG_VERBOSE)
		return;
	addr_name(&d->peer, name, sizeof(name));
	if (verdicts[verdict].reason != NULL)
		log_refused(r->log, name, verdicts[verdict].reason);
	else if (verdict == NOT_SENT)
		log_undelivered(r->log, name, strerror(errnum), errnum);
	else if (verdict == NOT_MORE && !r->said_amplify)
		log_hint(r->log, name, "not answered, for with --prefix more would go back than came, and who asked "
		    "for it cannot be known; --allow-amplify answers those who are not on this machine as well");
	r->said_amplify |= verdict == NOT_MORE;
}

/* ---- out ---- */

/* The answer to d; with a prefix its bytes are at *space, which moves on. */
static struct dgram
answer_to(const struct reflect *r, const struct dgram *d, unsigned char **space)
{
	struct dgram answer = { .peer = d->peer, .local = d->local, .bytes = d->bytes, .n = d->n };

	if (r->prefix_len > 0) {
		answer.bytes = *space;
		answer.n = r->prefix_len + d->n;
		memcpy(*space, r->args->prefix, r->prefix_len);
		memcpy(*space + r->prefix_len, d->bytes, d->n);
		*space += answer.n;
	}
	return answer;
}

static void
judge_batch(struct door *door, size_t n)
{
	struct stats_datagrams *counts = &door->reflect->counts;
	unsigned char *space = door->space;

	door->first = door->n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct dgram *d = dgram_in_get(door->in, i);
		enum verdict verdict = judge(door, d);
		counts->received++;
		counts->bytes_received += d->n;
		if (verdict == ANSWER)
			door->answers[door->n++] = answer_to(door->reflect, d, &space);
		else
			not_answered(door->reflect, verdict, d, 0);
	}
}

/*
 * The socket does not take the next answer now. Returns whether it is worth to wait. A Unix socket is ready to write
 * however full the peer's queue is, and one of UDP however full the interface's: then no event says when.
 */
static bool
door_wait(struct door *door, int errnum)
{
	bool by_time = errnum == ENOBUFS || !addr_is_inet(&door->local);
	int64_t now_ms = clock_ms();

	if (door->give_up_ms == 0)
		door->give_up_ms = now_ms + GIVE_UP_MS;
	if (now_ms >= door->give_up_ms)
		return false;
	loop_io_want(&door->io, by_time ? 0 : LOOP_WRITE);
	loop_timer_set(&door->retry, by_time ? clock_deadline(RETRY_MS) : door->give_up_ms);
	return true;
}

static void
count_answers(struct door *door, size_t n)
{
	struct reflect *r = door->reflect;

	r->counts.sent += n;
	for (; n > 0; n--)
		r->counts.bytes_sent += door->answers[door->first++].n;
}

/* Sends what is to go. Returns whether all is done, and reading may go on. */
static bool
door_flush(struct door *door)
{
	struct reflect *r = door->reflect;
	int errnum;

	while (door->first < door->n) {
		count_answers(door, dgram_send(door->fd, door->answers + door->first, door->n - door->first, &errnum));
		if (r->args->once && r->counts.sent > 0) {
			reflect_over(r, NULL);
			return false;
		}
		if (door->first == door->n)
			break;
		if ((errnum == EAGAIN || errnum == EWOULDBLOCK || errnum == ENOBUFS) && door_wait(door, errnum))
			return false;
		not_answered(r, errnum == EMSGSIZE ? NOT_SO_LONG : NOT_SENT, &door->answers[door->first], errnum);
		door->first++;
	}
	if (door->give_up_ms != 0) {
		door->give_up_ms = 0;
		loop_timer_stop(&door->retry);
		loop_io_want(&door->io, LOOP_READ);
	}
	return true;
}

/* ---- in ---- */

/* Reads a batch and answers it. Returns whether there may be more. */
static bool
door_turn(struct door *door)
{
	struct reflect *r = door->reflect;
	size_t most = r->args->once ? 1 : DGRAM_BATCH;
	ssize_t n = dgram_in_fill(door->in, most);
	struct err err;

	if (n < 0 && ++door->faults >= FAULTS_MAX) {
		char name[ADDR_NAME_MAX];
		err_set(&err, ERR_BROKEN, errno, "%s", "");
		err_at(&err, STAGE_TRANSFER, addr_name(&door->local, name, sizeof(name)));
		reflect_over(r, &err);
		return false;
	}
	if (n < 0)
		return true;
	door->faults = 0;
	if (n > 0 && r->look.place == 0)
		loop_timer_set(&r->look, clock_deadline(LOOK_MS));
	judge_batch(door, (size_t)n);
	return door_flush(door) && (size_t)n == most;
}

static void
door_run(struct door *door)
{
	if (!door_flush(door))
		return;
	for (int i = 0; i < ROUNDS_MAX; i++) {
		if (!door_turn(door))
			return;
	}
}

static void
on_ready(void *arg, unsigned ready)
{
	(void)ready;
	door_run(arg);
}

static void
on_retry(void *arg)
{
	door_run(arg);
}

static int
reflect_open(void *service, struct server *server, int fd, const struct addr *local, struct err *err)
{
	struct reflect *r = service;
	struct door *door = calloc(1, sizeof(*door));
	size_t max = addr_is_inet(local) ? DGRAM_UDP6_MAX : DGRAM_UNIX_MAX;

	if (door == NULL)
		return err_set(err, ERR_LIMIT, ENOMEM, "datagrams");
	door->reflect = r;
	door->server = server;
	door->fd = fd;
	sock_local(fd, &door->local);		/* as the system writes it, to compare with */
	if ((door->in = dgram_in_new(fd, max, DGRAM_LOCAL | DGRAM_SENDER, err)) == NULL) {
		door_free(door);
		return -1;
	}
	if (r->prefix_len > 0 && (door->space = malloc(DGRAM_BATCH * (max + r->prefix_len))) == NULL) {
		door_free(door);
		return err_set(err, ERR_LIMIT, ENOMEM, "datagrams");
	}
	loop_timer_init(&door->retry, r->loop, on_retry, door);
	loop_io_init(&door->io, r->loop, fd, on_ready, door);
	loop_io_want(&door->io, LOOP_READ);
	door->next = r->doors;
	r->doors = door;
	return 0;
}

const struct service reflect_service = { .open = reflect_open };

/* ---- outside ---- */

static void
on_look(void *arg)
{
	struct reflect *r = arg;

	for (struct door *door = r->doors; door != NULL; door = door->next)
		count_lost(door);
}

struct reflect *
reflect_new(struct loop *loop, const struct reflect_args *args, void (*over)(void *arg, const struct err *err),
    void *arg, const struct log *log, struct err *err)
{
	struct reflect *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		err_set(err, ERR_LIMIT, ENOMEM, "echo");
		return NULL;
	}
	*r = (struct reflect){ .loop = loop, .args = args, .over = over, .arg = arg, .log = log,
	    .prefix_len = args->prefix != NULL ? strlen(args->prefix) : 0, .began_us = clock_us() };
	losses_init(&r->losses, loop, log);
	loop_timer_init(&r->look, loop, on_look, r);
	return r;
}

/* Of those not answered, the words have only what there was, and the fields everything. */
static void
say_unanswered(const struct reflect *r, const char *object)
{
	struct log_field fields[VERDICTS];
	char words[512] = "", more[96];
	size_t n = 0;

	for (size_t i = ANSWER + 1; i < VERDICTS; i++) {
		fields[n++] = (struct log_field)LOG_NUM(verdicts[i].key, r->not[i]);
		if (r->not[i] == 0)
			continue;
		snprintf(more, sizeof(more), "%s%" PRIu64 " %s", words[0] != '\0' ? ", " : "", r->not[i],
		    verdicts[i].words);
		strlcat(words, more, sizeof(words));
	}
	if (words[0] != '\0')
		log_say(r->log, LOG_QUIET, LOG_ABOUT, "unanswered", object, fields, n, "not answered: %s", words);
}

void
reflect_free(struct reflect *reflect)
{
	char name[ADDR_NAME_MAX] = "";

	if (reflect == NULL)
		return;
	reflect_stop(reflect);
	losses_finish(&reflect->losses);
	if (reflect->doors != NULL)
		addr_name(&reflect->doors->local, name, sizeof(name));
	if (reflect->args->stats) {
		stats_say_datagrams(reflect->log, name, &reflect->counts, clock_us() - reflect->began_us);
		say_unanswered(reflect, name);
	}
	while (reflect->doors != NULL) {
		struct door *door = reflect->doors;
		reflect->doors = door->next;
		door_free(door);
	}
	free(reflect);
}
