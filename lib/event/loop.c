/*
 * The loop: see loop.h. Watches change as often as their owners like; the poller hears of it once a turn, just before
 * the loop waits, so that wanting to write and not wanting it any more costs nothing.
 */
#include "lib/event/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/event/poller.h"

/* A growing array of watches. Entries are emptied in place, so that walking it by index survives any callback. */
struct io_list {
	struct loop_io **v;
	size_t n, cap;
};

struct loop {
	struct poller *poller;
	struct io_list changed;		/* wants differs from armed, perhaps */
	struct io_list always;		/* files */
	struct loop_timer **heap;	/* heap[0] is the next to come; timer->place is its index + 1 */
	size_t n_timers, timers_cap;
	bool stopped, no_memory;
};

struct loop *
loop_new(struct err *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL || (loop->poller = poller_new()) == NULL) {
		err_set(err, ERR_LIMIT, errno, "cannot watch descriptors");
		free(loop);
		return NULL;
	}
	return loop;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	poller_free(loop->poller);
	free(loop->changed.v);
	free(loop->always.v);
	free(loop->heap);
	free(loop);
}

/* ---- watches ---- */

static bool
list_add(struct io_list *list, struct loop_io *io)
{
	struct loop_io **v;
	size_t cap;

	if (list->n == list->cap) {
		cap = list->cap > 0 ? list->cap * 2 : 16;
		if ((v = realloc(list->v, cap * sizeof(struct loop_io *))) == NULL)
			return false;
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n++] = io;
	return true;
}

static void
list_drop(struct io_list *list, const struct loop_io *io)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i] == io)
			list->v[i] = NULL;
	}
}

static void
list_compact(struct io_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i] != NULL)
			list->v[kept++] = list->v[i];
	}
	list->n = kept;
}

void
loop_io_init(struct loop_io *io, struct loop *loop, int fd, void (*fn)(void *, unsigned), void *arg)
{
	*io = (struct loop_io){ .loop = loop, .fd = fd, .fn = fn, .arg = arg };
}

void
loop_io_want(struct loop_io *io, unsigned wants)
{
	io->wants = wants;
	if (io->always || io->listed || wants == io->armed)
		return;
	if (list_add(&io->loop->changed, io))
		io->listed = true;
	else
		io->loop->no_memory = true;	/* loop_run() says so at once */
}

static void
io_forget(struct loop_io *io)
{
	if (io->listed)
		list_drop(&io->loop->changed, io);
	if (io->always)
		list_drop(&io->loop->always, io);
	*io = (struct loop_io){ .fd = -1 };
}

void
loop_io_stop(struct loop_io *io)
{
	if (io->loop == NULL)
		return;
	if (io->armed != 0)
		poller_set(io->loop->poller, io, 0);
	io_forget(io);
}

void
loop_io_abandon(struct loop_io *io)
{
	if (io->loop == NULL)
		return;
	if (io->armed != 0)
		poller_abandon(io->loop->poller, io);
	io_forget(io);
}

/* Tells the poller what changed since it last waited. */
static int
apply_changes(struct loop *loop, struct err *err)
{
	for (size_t i = 0; i < loop->changed.n; i++) {
		struct loop_io *io = loop->changed.v[i];
		if (io == NULL)
			continue;
		io->listed = false;
		if (io->wants == io->armed)
			continue;
		if (poller_set(loop->poller, io, io->wants) == 0) {
			io->armed = io->wants;
		} else if (errno == EPERM && list_add(&loop->always, io)) {
			io->always = true;
		} else {
			return err_set(err, ERR_LIMIT, errno, "cannot watch descriptor %d", io->fd);
		}
	}
	loop->changed.n = 0;
	return 0;
}

static void
call_io(struct loop_io *io, unsigned ready)
{
	/* What a neighbour stopped wanting in this turn is not delivered. */
	if (ready & LOOP_TROUBLE)
		ready |= LOOP_READ | LOOP_WRITE;
	ready &= io->wants;
	if (ready != 0)
		io->fn(io->arg, ready);
}

static bool
has_ready_files(const struct loop *loop)
{
	for (size_t i = 0; i < loop->always.n; i++) {
		if (loop->always.v[i] != NULL && (loop->always.v[i]->wants & (LOOP_READ | LOOP_WRITE)))
			return true;
	}
	return false;
}

static void
call_files(struct loop *loop)
{
	for (size_t i = 0; i < loop->always.n; i++) {
		if (loop->always.v[i] != NULL)
			call_io(loop->always.v[i], LOOP_READ | LOOP_WRITE);
	}
	list_compact(&loop->always);
}

/* ---- timers: a binary heap ---- */

static void
heap_place(struct loop *loop, size_t i, struct loop_timer *timer)
{
	loop->heap[i] = timer;
	timer->place = i + 1;
}

/* Moves the timer, whose place i is free for it, up or down to where it belongs. */
static void
heap_settle(struct loop *loop, size_t i, struct loop_timer *timer)
{
	while (i > 0 && loop->heap[(i - 1) / 2]->deadline_ms > timer->deadline_ms) {
		heap_place(loop, i, loop->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * i + 1;
		if (child + 1 < loop->n_timers &&
		    loop->heap[child + 1]->deadline_ms < loop->heap[child]->deadline_ms)
			child++;
		if (child >= loop->n_timers || loop->heap[child]->deadline_ms >= timer->deadline_ms)
			break;
		heap_place(loop, i, loop->heap[child]);
		i = child;
	}
	heap_place(loop, i, timer);
}

void
loop_timer_init(struct loop_timer *timer, struct loop *loop, void (*fn)(void *), void *arg)
{
	*timer = (struct loop_timer){ .loop = loop, .fn = fn, .arg = arg };
}

void
loop_timer_set(struct loop_timer *timer, int64_t deadline_ms)
{
	struct loop *loop = timer->loop;
	struct loop_timer **heap;
	size_t cap;

	if (deadline_ms == CLOCK_NEVER) {
		loop_timer_stop(timer);
		return;
	}
	timer->deadline_ms = deadline_ms;
	if (timer->place == 0) {
		if (loop->n_timers == loop->timers_cap) {
			cap = loop->timers_cap > 0 ? loop->timers_cap * 2 : 16;
			if ((heap = realloc(loop->heap, cap * sizeof(struct loop_timer *))) == NULL) {
				loop->no_memory = true;
				return;
			}
			loop->heap = heap;
			loop->timers_cap = cap;
		}
		timer->place = ++loop->n_timers;
	}
	heap_settle(loop, timer->place - 1, timer);
}

void
loop_timer_stop(struct loop_timer *timer)
{
	struct loop *loop = timer->loop;
	size_t i = timer->place - 1;

	if (timer->place == 0)
		return;
	timer->place = 0;
	if (i != --loop->n_timers)
		heap_settle(loop, i, loop->heap[loop->n_timers]);
}

static void
call_timers(struct loop *loop)
{
	int64_t now;

	if (loop->n_timers == 0)
		return;
	now = clock_ms();
	while (loop->n_timers > 0 && loop->heap[0]->deadline_ms <= now) {
		struct loop_timer *timer = loop->heap[0];
		loop_timer_stop(timer);
		timer->fn(timer->arg);
	}
}

/* How long the poller may wait: not at all with a file ready, until the next timer, or for ever. */
static int
wait_ms(const struct loop *loop)
{
	int64_t left;

	if (has_ready_files(loop))
		return 0;
	if (loop->n_timers == 0)
		return -1;
	left = loop->heap[0]->deadline_ms - clock_ms();
	return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* ---- the turn ---- */

void
loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

int
loop_run(struct loop *loop, struct err *err)
{
	struct loop_io *io;
	unsigned ready;

	loop->stopped = false;
	while (!loop->stopped) {
		if (apply_changes(loop, err) < 0)
			return -1;
		if (loop->no_memory)
			return err_set(err, ERR_LIMIT, ENOMEM, "cannot watch descriptors");
		if (poller_wait(loop->poller, wait_ms(loop)) < 0)
			return err_set(err, ERR_LIMIT, errno, "cannot wait");
		/*
		 * What came is looked at before the time is: after a while without the processor, or stopped by a
		 * signal, both may be due, and a timer that asks whether something came must hear of it.
		 */
		while ((io = poller_next(loop->poller, &ready)) != NULL)
			call_io(io, ready);
		call_files(loop);
		call_timers(loop);
	}
	return 0;
}
