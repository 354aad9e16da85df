/*
 * Limits: see limits.h. Sources live in a hash table while they have clients or a past that counts; those without
 * clients are also in a ring that is looked through a little at every arrival, so that no timer is needed to forget.
 */
#include "lib/service/limits.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/opts.h"
#include "lib/base/window.h"

#define SOURCES_MAX	65536	/* then the one that was idle longest is forgotten, whatever its past */
#define BUCKETS_FIRST	64
#define LOOKS		2	/* at idle sources, an arrival */
#define PAUSE_FIRST_MS	100	/* after a request too many; doubles */
#define PAUSE_MAX_MS	30000

struct source {
	struct source *next;			/* in its bucket */
	struct source *idle_prev, *idle_next;	/* in the ring of those without clients; NULL when not in it */
	uint64_t prefix;			/* the IPv4 address, or the upper half of the IPv6 one */
	bool v6;
	uint64_t clients;
	struct window conns, requests;
	int64_t banned_until_us;		/* 0: not banned */
	int64_t offence_us;			/* when the last limit was broken */
	int64_t pause_until_us;			/* the end of the last pause that was asked for */
	int offences;				/* in ban_ms */
	int pauses;				/* in a row */
};

struct limits {
	const struct limits_args *args;
	pthread_mutex_t lock;
	struct limits_counts counts;
	struct source **buckets;
	size_t n_buckets, n_sources;
	struct source *idle;		/* the one that has been idle longest; its idle_prev is the latest */
	uint64_t seed;
};

/* ---- sources ---- */

static bool
counts_sources(const struct limits_args *args)
{
	return args->max_per_source != OPT_UNSET || args->conn_rate.n > 0 || args->request_rate.n > 0;
}

/* The source's name: false where there is none. */
static bool
source_name(const struct addr *addr, uint64_t *prefix, bool *v6)
{
	uint8_t bytes[16];

	if (!addr_bytes(addr, bytes))
		return false;
	*v6 = !IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)bytes);
	memcpy(prefix, *v6 ? bytes : bytes + 8, sizeof(*prefix));
	return true;
}

/* Seeded, so that nobody who chooses addresses chooses buckets. The mixing is MurmurHash3's finalizer. */
static size_t
bucket_of(const struct limits *l, uint64_t prefix, bool v6)
{
	uint64_t h = prefix ^ l->seed ^ v6;

	h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return (size_t)(h ^ (h >> 33)) & (l->n_buckets - 1);
}

static void
idle_drop(struct limits *l, struct source *s)
{
	if (s->idle_next == NULL)
		return;
	if (l->idle == s)
		l->idle = s->idle_next == s ? NULL : s->idle_next;
	s->idle_prev->idle_next = s->idle_next;
	s->idle_next->idle_prev = s->idle_prev;
	s->idle_prev = s->idle_next = NULL;
}

/* Puts it at the end of the ring. */
static void
idle_add(struct limits *l, struct source *s)
{
	if (l->idle == NULL) {
		l->idle = s->idle_prev = s->idle_next = s;
		return;
	}
	s->idle_next = l->idle;
	s->idle_prev = l->idle->idle_prev;
	s->idle_prev->idle_next = s;
	s->idle_next->idle_prev = s;
}

static void
source_forget(struct limits *l, struct source *s)
{
	struct source **at = &l->buckets[bucket_of(l, s->prefix, s->v6)];

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	idle_drop(l, s);
	window_free(&s->conns);
	window_free(&s->requests);
	free(s);
	l->n_sources--;
}

/* Has it a past that still counts? */
static bool
has_past(const struct limits *l, struct source *s, int64_t now_us)
{
	const struct limits_args *args = l->args;

	return s->banned_until_us > now_us || s->pause_until_us > now_us ||
	    (args->ban_ms > 0 && s->offences > 0 && (now_us - s->offence_us) / 1000 < args->ban_ms) ||
	    !window_is_over(&s->conns, &args->conn_rate, now_us) ||
	    !window_is_over(&s->requests, &args->request_rate, now_us);
}

/* Looks at the sources that have been idle longest and forgets whom it can. */
static void
sweep(struct limits *l, int64_t now_us)
{
	for (int i = 0; i < LOOKS && l->idle != NULL; i++) {
		struct source *s = l->idle;
		if (l->n_sources >= SOURCES_MAX || !has_past(l, s, now_us))
			source_forget(l, s);
		else
			l->idle = s->idle_next;		/* a ring: the first becomes the last */
	}
}

/* Doubles the buckets. Without memory the chains are longer, that is all. */
static void
grow(struct limits *l)
{
	size_t n = l->n_buckets, all = n * 2;
	struct source **old = l->buckets, **buckets = calloc(all, sizeof(struct source *));

	if (buckets == NULL)
		return;
	l->buckets = buckets;
	l->n_buckets = all;
	for (size_t i = 0; i < n; i++) {
		while (old[i] != NULL) {
			struct source *s = old[i], **at = &buckets[bucket_of(l, s->prefix, s->v6)];
			old[i] = s->next;
			s->next = *at;
			*at = s;
		}
	}
	free(old);
}

/* Finds or makes the entry of that name; NULL without memory. */
static struct source *
source_get(struct limits *l, uint64_t prefix, bool v6)
{
	struct source *s = l->buckets[bucket_of(l, prefix, v6)];

	while (s != NULL && (s->prefix != prefix || s->v6 != v6))
		s = s->next;
	if (s != NULL)
		return s;
	if (l->n_sources >= l->n_buckets)
		grow(l);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->prefix = prefix;
	s->v6 = v6;
	struct source **at = &l->buckets[bucket_of(l, prefix, v6)];
	s->next = *at;
	*at = s;
	l->n_sources++;
	idle_add(l, s);
	return s;
}

/* ---- verdicts ---- */

/* Who has no IP address cannot be told by one, and is let in. */
static bool
is_allowed(const struct limits_args *args, const struct addr *addr)
{
	uint8_t bytes[16];

	if (!addr_bytes(addr, bytes))
		return true;
	return (args->allow == NULL || access_has(args->allow, addr)) &&
	    (args->deny == NULL || !access_has(args->deny, addr));
}

/* The source broke a limit: once too often, and it is banned. */
static void
offend(const struct limits *l, struct source *s, int64_t now_us)
{
	if (l->args->ban_ms <= 0)
		return;
	if ((now_us - s->offence_us) / 1000 >= l->args->ban_ms)
		s->offences = 0;
	s->offence_us = now_us;
	if (++s->offences >= l->args->ban_after)
		s->banned_until_us = now_us + l->args->ban_ms * 1000;
}

static enum limits_verdict
judge_source(struct limits *l, struct source *s, int64_t now_us)
{
	const struct limits_args *args = l->args;

	if (s->banned_until_us > now_us)
		return LIMITS_BANNED;
	if (s->banned_until_us != 0)
		s->offences = 0;		/* it has paid */
	s->banned_until_us = 0;
	if (args->max_per_source != OPT_UNSET && s->clients >= (uint64_t)args->max_per_source) {
		offend(l, s, now_us);
		return LIMITS_SOURCE_FULL;
	}
	/* Asked last: what is let in here has been let in everywhere. */
	if (args->conn_rate.n > 0 && !window_try(&s->conns, &args->conn_rate, now_us)) {
		offend(l, s, now_us);
		return LIMITS_TOO_FAST;
	}
	return LIMITS_OK;
}

static enum limits_verdict
judge(struct limits *l, const struct addr *addr, struct source **source)
{
	int64_t now_us = clock_us();
	enum limits_verdict verdict;
	uint64_t prefix;
	struct source *s;
	bool v6;

	if (l->args->max_conns != OPT_UNSET && l->counts.now >= (uint64_t)l->args->max_conns)
		return LIMITS_FULL;
	if (!counts_sources(l->args) || !source_name(addr, &prefix, &v6))
		return LIMITS_OK;
	sweep(l, now_us);
	if ((s = source_get(l, prefix, v6)) == NULL)
		return LIMITS_NO_MEMORY;
	if ((verdict = judge_source(l, s, now_us)) != LIMITS_OK)
		return verdict;
	idle_drop(l, s);
	s->clients++;
	*source = s;
	return LIMITS_OK;
}

enum limits_verdict
limits_enter(struct limits *l, const struct addr *addr, struct source **source)
{
	enum limits_verdict verdict = LIMITS_DENIED;

	*source = NULL;
	pthread_mutex_lock(&l->lock);
	if (is_allowed(l->args, addr))
		verdict = judge(l, addr, source);
	if (verdict == LIMITS_OK) {
		l->counts.accepted++;
		if (++l->counts.now > l->counts.most)
			l->counts.most = l->counts.now;
	} else {
		l->counts.refused++;
	}
	pthread_mutex_unlock(&l->lock);
	return verdict;
}

void
limits_leave(struct limits *l, struct source *source)
{
	pthread_mutex_lock(&l->lock);
	l->counts.now--;
	if (source != NULL && --source->clients == 0)
		idle_add(l, source);
	pthread_mutex_unlock(&l->lock);
}

/*
 * How long the source has to be still. Offences are in a row until a window has passed without one; while a pause
 * lasts, another connection's offence does not make it longer.
 */
static int64_t
pause_for(const struct limits *l, struct source *s, int64_t now_us)
{
	int64_t ms = PAUSE_FIRST_MS;

	if (now_us < s->pause_until_us)
		return (s->pause_until_us - now_us + 999) / 1000;
	if ((now_us - s->pause_until_us) / 1000 >= l->args->request_rate.per_ms)
		s->pauses = 0;
	for (int i = 0; i < s->pauses && ms < PAUSE_MAX_MS; i++)
		ms *= 2;
	ms = ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
	s->pauses++;
	s->pause_until_us = now_us + ms * 1000;
	return ms;
}

int64_t
limits_request(struct limits *l, struct source *source)
{
	int64_t now_us, pause_ms = 0;

	if (source == NULL || l->args->request_rate.n == 0)
		return 0;
	pthread_mutex_lock(&l->lock);
	now_us = clock_us();
	if (source->banned_until_us > now_us) {
		pause_ms = LIMITS_OUT;
	} else if (!window_try(&source->requests, &l->args->request_rate, now_us)) {
		offend(l, source, now_us);
		pause_ms = source->banned_until_us > now_us ? LIMITS_OUT : pause_for(l, source, now_us);
	}
	pthread_mutex_unlock(&l->lock);
	return pause_ms;
}

struct limits_counts
limits_counts(struct limits *l)
{
	struct limits_counts counts;

	pthread_mutex_lock(&l->lock);
	counts = l->counts;
	pthread_mutex_unlock(&l->lock);
	return counts;
}

const char *
limits_reason(enum limits_verdict verdict)
{
	switch (verdict) {
	case LIMITS_OK:			return "welcome";
	case LIMITS_FULL:		return "the server is full (--max-conns)";
	case LIMITS_SOURCE_FULL:	return "too many connections from its address (--max-conns-per-ip)";
	case LIMITS_TOO_FAST:		return "connections from its address come too fast (--conn-rate)";
	case LIMITS_BANNED:		return "its address is banned (--ban)";
	case LIMITS_DENIED:		return "its address is not allowed (--allow, --deny)";
	case LIMITS_NO_MEMORY:		return "out of memory";
	}
	return "";
}

/* ---- outside ---- */

struct limits *
limits_new(const struct limits_args *args, struct err *err)
{
	struct limits *l;

	if (args->ban_ms > 0 && !counts_sources(args)) {
		err_set(err, ERR_USAGE, 0, "needs a limit of a source that may be broken: --max-conns-per-ip or a rate");
		err_at(err, STAGE_USAGE, "--ban");
		return NULL;
	}
	l = calloc(1, sizeof(*l));
	if (l == NULL || (l->buckets = calloc(BUCKETS_FIRST, sizeof(struct source *))) == NULL) {
		free(l);
		err_set(err, ERR_LIMIT, ENOMEM, "limits");
		return NULL;
	}
	l->args = args;
	l->n_buckets = BUCKETS_FIRST;
	l->seed = (uint64_t)arc4random() << 32 | arc4random();
	pthread_mutex_init(&l->lock, NULL);
	if ((args->allow != NULL && access_load(args->allow, err) < 0) ||
	    (args->deny != NULL && access_load(args->deny, err) < 0)) {
		limits_free(l);
		return NULL;
	}
	return l;
}

void
limits_free(struct limits *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->n_buckets; i++) {
		for (struct source *s = l->buckets[i], *next; s != NULL; s = next) {
			next = s->next;
			source_forget(l, s);
		}
	}
	pthread_mutex_destroy(&l->lock);
	free(l->buckets);
	free(l);
}
