/*
 * Progress: see progress.h.
 */
#include "cmd/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/num.h"

#define REDRAW_MS	100
#define RATE_US		2000000.0	/* the rate that is shown is that of about so long */

int64_t
progress_size_of_stdin(void)
{
	struct stat st;
	off_t at;

	if (fstat(STDIN_FILENO, &st) < 0 || !S_ISREG(st.st_mode) || (at = lseek(STDIN_FILENO, 0, SEEK_CUR)) < 0)
		return -1;
	return st.st_size > at ? st.st_size - at : 0;
}

static const char *
span_words(int64_t us, char *out, size_t size)
{
	int64_t s = us / 1000000;

	if (s >= 3600)
		snprintf(out, size, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
	else
		snprintf(out, size, "%d:%02d", (int)(s / 60), (int)(s % 60));
	return out;
}

/* Follows the rate: what was seen lately weighs most. */
static void
follow(struct progress *p, uint64_t bytes, int64_t now_us)
{
	int64_t took_us = now_us - p->seen_us;
	double weight = (double)took_us / (RATE_US + (double)took_us);

	if (took_us <= 0)
		return;
	/* At first all there was counts, or the rate would seem to rise for seconds. */
	if (now_us - p->began_us < (int64_t)RATE_US)
		p->rate = (double)bytes * 1e6 / (double)(now_us - p->began_us);
	else
		p->rate += weight * ((double)(bytes - p->seen) * 1e6 / (double)took_us - p->rate);
	p->seen = bytes;
	p->seen_us = now_us;
}

static void
draw(struct progress *p, bool over)
{
	struct relay_counts counts = p->counts(p->arg);
	uint64_t bytes = counts.sent + (p->size >= 0 ? 0 : counts.received);
	int64_t now_us = clock_us();
	char sent[24], size[24], received[24], rate[24], took[24], eta[24], line[256];
	double left;
	int n;

	left = p->size >= 0 && (uint64_t)p->size > counts.sent ? (double)p->size - (double)counts.sent : 0;
	follow(p, bytes, now_us);
	if (over && now_us > p->began_us)
		p->rate = (double)bytes * 1e6 / (double)(now_us - p->began_us);
	n = snprintf(line, sizeof(line), "sent %s", num_size_words((double)counts.sent, sent, sizeof(sent)));
	if (p->size > 0)
		n += snprintf(line + n, sizeof(line) - (size_t)n, " of %s (%d%%)",
		    num_size_words((double)p->size, size, sizeof(size)),
		    (int)(100 * (1 - left / (double)p->size)));
	n += snprintf(line + n, sizeof(line) - (size_t)n, ", received %s, %s/s, %s",
	    num_size_words((double)counts.received, received, sizeof(received)),
	    num_size_words(p->rate, rate, sizeof(rate)), span_words(now_us - p->began_us, took, sizeof(took)));
	if (left > 0 && p->rate >= 1 && !over)
		snprintf(line + n, sizeof(line) - (size_t)n, ", ETA %s",
		    span_words((int64_t)(left / p->rate * 1e6), eta, sizeof(eta)));
	words_draw(p->words, line);
}

static void
on_timer(void *arg)
{
	struct progress *p = arg;

	draw(p, false);
	loop_timer_set(&p->timer, clock_deadline(REDRAW_MS));
}

void
progress_start(struct progress *p, struct loop *loop, struct words *words, int64_t size,
    struct relay_counts (*counts)(void *arg), void *arg)
{
	*p = (struct progress){ .counts = counts, .arg = arg, .size = size, .began_us = clock_us() };
	if (!isatty(STDERR_FILENO))
		return;
	p->words = words;
	p->seen_us = p->began_us;
	loop_timer_init(&p->timer, loop, on_timer, p);
	loop_timer_set(&p->timer, clock_deadline(REDRAW_MS));
}

void
progress_end(struct progress *p)
{
	if (p->words == NULL)
		return;
	loop_timer_stop(&p->timer);
	draw(p, true);
	words_draw(p->words, NULL);
	p->words = NULL;
}
