/*
 * Answers: see answers.h.
 */
#include "lib/service/answers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_SHOTS 64		/* room for times to begin with */

void
answers_init(struct answers *a, bool numbered, int64_t limit_us)
{
	*a = (struct answers){ .numbered = numbered, .limit_us = limit_us };
}

void
answers_free(struct answers *a)
{
	free(a->shots);
	a->shots = NULL;
	a->cap = 0;
}

size_t
answers_number(const struct answers *a, size_t i, char out[ANSWERS_NUMBER_MAX])
{
	return (size_t)snprintf(out, ANSWERS_NUMBER_MAX, "%" PRIu64 " ", a->sent + i + 1);
}

/* ---- what was sent ---- */

/* Makes room for one more time, or goes round. While there is less than all that is kept, number n is at n - 1. */
static bool
grow(struct answers *a)
{
	size_t cap = a->cap > 0 ? a->cap * 2 : FIRST_SHOTS;
	int64_t *shots;

	if (a->sent < a->cap || a->cap == ANSWERS_KEPT)
		return true;
	if ((shots = realloc(a->shots, cap * sizeof(*shots))) == NULL)
		return false;
	a->shots = shots;
	a->cap = cap;
	return true;
}

bool
answers_sent(struct answers *a, const struct dgram *v, size_t n, int64_t sent_us)
{
	if (sent_us != a->last_us) {
		a->before_us = a->last_us;
		a->last_us = sent_us;
	}
	for (size_t i = 0; i < n; i++) {
		if (a->numbered && !grow(a))
			return false;
		if (a->numbered)
			a->shots[a->sent % a->cap] = sent_us;
		a->sent++;
		a->sent_bytes += v[i].n;
	}
	return true;
}

/* ---- what came ---- */

/* The number that it begins with, if we have sent one of that number; otherwise -1. */
static int64_t
read_number(const struct answers *a, const struct dgram *d)
{
	uint64_t number = 0;
	size_t i = 0;

	for (; i < d->n && i < ANSWERS_NUMBER_MAX && d->bytes[i] >= '0' && d->bytes[i] <= '9'; i++) {
		number = number * 10 + (uint64_t)(d->bytes[i] - '0');
		if (number == 0 || number > a->sent)
			return -1;
	}
	return i > 0 && (i == d->n || d->bytes[i] == ' ') ? (int64_t)number : -1;
}

static void
note_rtt(struct answers *a, int64_t rtt_us)
{
	if (a->n_rtts == 0 || rtt_us < a->rtt_min_us)
		a->rtt_min_us = rtt_us;
	if (rtt_us > a->rtt_max_us)
		a->rtt_max_us = rtt_us;
	a->rtt_sum_us += rtt_us;
	a->n_rtts++;
}

/* A clock that was put back must not make it negative. */
static int64_t
since(int64_t sent_us, int64_t came_us)
{
	return came_us > sent_us ? came_us - sent_us : 0;
}

/* One that came before the last was sent may be read after it. */
static struct answer
take_unnumbered(struct answers *a, int64_t came_us)
{
	int64_t sent_us = a->last_us > came_us ? a->before_us : a->last_us;
	struct answer answer = { .number = -1, .rtt_us = -1 };

	a->counted++;
	if (sent_us != 0 && sent_us <= came_us) {
		answer.rtt_us = came_us - sent_us;
		note_rtt(a, answer.rtt_us);
	}
	return answer;
}

static struct answer
take_numbered(struct answers *a, int64_t number, int64_t came_us)
{
	struct answer answer = { .number = number, .rtt_us = -1 };
	int64_t *shot = &a->shots[(uint64_t)(number - 1) % a->cap];

	if (a->sent - (uint64_t)number >= a->cap) {	/* its time is another's by now: it took long */
		a->late++;
		return answer;
	}
	answer.rtt_us = since(*shot < 0 ? -*shot : *shot, came_us);
	if (*shot < 0) {
		a->duplicate++;
		return answer;
	}
	*shot = -*shot;
	note_rtt(a, answer.rtt_us);
	if (answer.rtt_us > a->limit_us)
		a->late++;
	else
		a->counted++;
	return answer;
}

struct answer
answers_take(struct answers *a, const struct dgram *d, int64_t now_us)
{
	int64_t came_us = d->stamp_us != 0 ? d->stamp_us : now_us, number;

	a->came++;
	a->came_bytes += d->size;
	if (!a->numbered)
		return take_unnumbered(a, came_us);
	if ((number = read_number(a, d)) > 0)
		return take_numbered(a, number, came_us);
	a->strange++;
	return (struct answer){ .number = -1, .rtt_us = -1 };
}

/* ---- the sum of it ---- */

void
answers_say(const struct answers *a, bool awaited, const struct log *log, const char *peer, int64_t took_us)
{
	uint64_t found = a->counted + a->late, lost = found < a->sent ? a->sent - found : 0;
	int64_t avg_us = a->n_rtts > 0 ? a->rtt_sum_us / (int64_t)a->n_rtts : 0;
	struct log_field fields[14] = { LOG_NUM("sent", a->sent_bytes), LOG_NUM("received", a->came_bytes),
	    LOG_NUM("took_us", took_us), LOG_NUM("datagrams_sent", a->sent), LOG_NUM("datagrams_received", a->came) };
	char counts[192] = "", rtts[96] = "";
	size_t n = 5;

	if (a->numbered && awaited) {
		fields[n++] = (struct log_field)LOG_NUM("answered", a->counted);
		fields[n++] = (struct log_field)LOG_NUM("lost", lost);
		fields[n++] = (struct log_field)LOG_NUM("duplicate", a->duplicate);
		fields[n++] = (struct log_field)LOG_NUM("late", a->late);
		fields[n++] = (struct log_field)LOG_NUM("strange", a->strange);
		snprintf(counts, sizeof(counts), ", answered %" PRIu64 ", lost %" PRIu64 ", duplicate %" PRIu64
		    ", late %" PRIu64 ", strange %" PRIu64, a->counted, lost, a->duplicate, a->late, a->strange);
	}
	if (a->n_rtts > 0) {
		fields[n++] = (struct log_field)LOG_NUM("rtt_min_us", a->rtt_min_us);
		fields[n++] = (struct log_field)LOG_NUM("rtt_avg_us", avg_us);
		fields[n++] = (struct log_field)LOG_NUM("rtt_max_us", a->rtt_max_us);
		snprintf(rtts, sizeof(rtts), ", rtt min %.3f, avg %.3f, max %.3f ms", (double)a->rtt_min_us / 1000,
		    (double)avg_us / 1000, (double)a->rtt_max_us / 1000);
	}
	log_say(log, LOG_QUIET, LOG_ABOUT, "stats", peer, fields, n,
	    "sent %" PRIu64 " datagrams, %" PRIu64 " bytes, received %" PRIu64 " datagrams, %" PRIu64 " bytes%s in "
	    "%.3f s%s", a->sent, a->sent_bytes, a->came, a->came_bytes, counts, (double)took_us / 1e6, rtts);
}
