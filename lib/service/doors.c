/*
 * Doors: see doors.h.
 */
#include "lib/service/doors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "lib/net/sockopt.h"
#include "lib/service/losses.h"

#define ACCEPTS_MAX	64	/* in one turn; then it is the clients' */
#define SHORTAGE_MS	250	/* nobody tells when the system has descriptors again: look after this */

enum doors_state {
	DOORS_NEW,
	DOORS_ACCEPTING,
	DOORS_FULL,		/* the server has no room for more */
	DOORS_SHORT,		/* the system has no descriptors or memory for the next */
	DOORS_CLOSED
};

/* One socket: of a stream it is watched here, of datagrams by its mux. */
struct door {
	struct doors *doors;
	int fd;
	struct loop_io io;
	struct mux *mux;
};

struct doors {
	struct loop *loop;
	const struct listener *listener;
	const struct sock_args *args;
	const struct doors_calls *calls;
	void *arg;
	const struct log *log;

	enum doors_state state;
	struct door v[LISTENER_MAX];	/* v[i] is for listener->v[i] */
	struct loop_timer shortage;
	struct losses losses;
	bool was_short;			/* of descriptors, and nobody was accepted since */
	bool inherited;
};

static bool
has_datagrams(const struct doors *d)
{
	return sock_type(d->args) == SOCK_DGRAM;
}

static const char *
name_of(const struct doors *d, char *out, size_t size)
{
	return addr_name(&d->listener->v[0].addr, out, size);
}

/* ---- opening and closing ---- */

static void
want_guests(struct doors *d, bool yes)
{
	for (size_t i = 0; i < d->listener->n && !has_datagrams(d); i++)
		loop_io_want(&d->v[i].io, yes ? LOOP_READ : 0);
}

static void
pause_for(struct doors *d, enum doors_state state, const char *reason)
{
	char name[ADDR_NAME_MAX];

	want_guests(d, false);
	if (!d->was_short)
		log_accepting_paused(d->log, name_of(d, name, sizeof(name)), reason);
	d->was_short |= state == DOORS_SHORT;
	d->state = state;
}

static void
say_accepting(const struct doors *d)
{
	char name[ADDR_NAME_MAX];

	log_accepting_again(d->log, name_of(d, name, sizeof(name)));
}

void
doors_full(struct doors *d)
{
	if (d->state == DOORS_ACCEPTING)
		pause_for(d, DOORS_FULL, "no descriptors for more");
}

void
doors_again(struct doors *d)
{
	if (d->state != DOORS_FULL && d->state != DOORS_SHORT)
		return;
	loop_timer_stop(&d->shortage);
	if (d->state == DOORS_FULL)
		say_accepting(d);
	doors_accept(d);
}

static void
on_shortage_over(void *arg)
{
	doors_again(arg);
}

void
doors_accept(struct doors *d)
{
	d->state = DOORS_ACCEPTING;
	want_guests(d, true);
}

void
doors_close(struct doors *d)
{
	d->state = DOORS_CLOSED;
	loop_timer_stop(&d->shortage);
	for (size_t i = 0; i < d->listener->n; i++) {
		loop_io_stop(&d->v[i].io);
		if (d->v[i].mux != NULL)
			mux_close_door(d->v[i].mux);
	}
}

/* ---- streams ---- */

/* It may have come before the listener was ours. */
static void
tune(const struct doors *d, const struct guest *guest)
{
	int family = addr_family(&guest->peer);
	struct err err;

	sock_tune(guest->fd, family);
	sockopt_set(&d->args->options, guest->fd, family, STAGE_LISTEN, &err);	/* as far as it goes */
}

static void
let_in(struct doors *d, const struct guest *guest)
{
	if (d->inherited)
		tune(d, guest);
	if (d->was_short)
		say_accepting(d);
	d->was_short = false;
	d->calls->guest(d->arg, guest);
}

static void
on_ready(void *arg, unsigned ready)
{
	struct door *door = arg;
	struct doors *d = door->doors;
	struct guest guest = { .mux = NULL };

	(void)ready;
	for (int n = 0; n < ACCEPTS_MAX && d->state == DOORS_ACCEPTING; n++) {
		if ((guest.fd = listener_accept(door->fd, d->args, &guest.peer)) >= 0) {
			let_in(d, &guest);		/* which may have closed us */
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (!listener_is_transient(errno)) {
			/* EMFILE, ENFILE, ENOBUFS, ENOMEM, or what we do not know: wait rather than spin. */
			pause_for(d, DOORS_SHORT, strerror(errno));
			loop_timer_set(&d->shortage, clock_ms() + SHORTAGE_MS);
		}
	}
}

/* ---- datagrams ---- */

static void
on_peer(void *arg, struct mux *mux, const struct dgram *first)
{
	struct door *door = arg;
	struct doors *d = door->doors;
	const struct guest guest = { .fd = -1, .peer = first->peer, .mux = mux, .first = first };

	if (d->state == DOORS_ACCEPTING)
		d->calls->guest(d->arg, &guest);
	else if (d->state == DOORS_FULL)	/* a client of a stream waits, but datagrams do not */
		losses_add(&d->losses, LOSS_NO_CLIENT, &first->peer, 1, "no descriptors for more clients");
}

static bool
on_datagram(void *arg, const struct dgram *d)
{
	struct door *door = arg;

	return door->doors->calls->hears(door->doors->arg, d);
}

static void
on_lost(void *arg, const struct addr *peer, uint64_t n)
{
	const struct door *door = arg;
	const struct doors *d = door->doors;
	char name[ADDR_NAME_MAX];

	if (peer == NULL)
		log_datagrams_lost(d->log, name_of(d, name, sizeof(name)), n, "the system had no room");
	else
		log_datagrams_lost(d->log, addr_name(peer, name, sizeof(name)), n, "its program does not take them");
}

static void
on_failed(void *arg, const struct err *err)
{
	struct door *door = arg;

	door->doors->calls->failed(door->doors->arg, err);
}

/* ---- the whole ---- */

struct doors *
doors_new(struct loop *loop, const struct listener *listener, const struct sock_args *args,
    const struct doors_calls *calls, void *arg, const struct log *log)
{
	struct doors *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	*d = (struct doors){ .loop = loop, .listener = listener, .args = args, .calls = calls, .arg = arg, .log = log };
	loop_timer_init(&d->shortage, loop, on_shortage_over, d);
	losses_init(&d->losses, loop, log);
	return d;
}

void
doors_are_inherited(struct doors *d)
{
	d->inherited = true;
}

int
doors_open(struct doors *d, struct err *err)
{
	static const struct mux_calls calls = { .peer = on_peer, .hears = on_datagram, .lost = on_lost,
	    .failed = on_failed };

	for (size_t i = 0; i < d->listener->n; i++) {
		struct door *door = &d->v[i];
		door->doors = d;
		door->fd = d->listener->v[i].fd;
		if (!has_datagrams(d))
			loop_io_init(&door->io, d->loop, door->fd, on_ready, door);
		else if ((door->mux = mux_new(d->loop, door->fd, &calls, door, err)) == NULL)
			return -1;
	}
	return 0;
}

void
doors_free(struct doors *d)
{
	if (d == NULL)
		return;
	doors_close(d);
	losses_finish(&d->losses);
	for (size_t i = 0; i < LISTENER_MAX; i++)
		mux_free(d->v[i].mux);
	free(d);
}
