/*
 * Filter: what bytes become on their way from a source to a sink.
 */
#ifndef SOCKT_WIRE_FILTER_H
#define SOCKT_WIRE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/wire/guard.h"
#include "lib/wire/recode.h"

enum filter_kind {
	FILTER_NONE,		/* themselves: there is nothing to call */
	FILTER_CRLF,		/* LF becomes CR LF (crlf.h) */
	FILTER_GUARD,		/* what a terminal may see (guard.h) */
	FILTER_RECODE		/* messages in another format (recode.h) */
};

struct filter {
	enum filter_kind kind;
	bool after_cr;
	struct guard guard;
	struct recode recode;
};

/* A filter is born as one of these, or zero: none. */
struct filter filter_crlf(void);
struct filter filter_guard(void);
struct filter filter_recode(const struct recode_args *args);

void	filter_free(struct filter *f);

/* The most that n bytes, or the end, can put out. */
size_t	filter_bound(const struct filter *f, size_t n);

/*
 * Takes p[0..n) and puts what it became behind what is in out, which has room for filter_bound() of it. Returns 0, or
 * -1 and err, without its object; what came before the fault is in out.
 */
int	filter_push(struct filter *f, const unsigned char *p, size_t n, struct buf *out, struct err *err);

/*
 * Nothing more comes: puts out what was held. Returns 0, or -1 and err when that is an end in the middle of something.
 */
int	filter_finish(struct filter *f, struct buf *out, struct err *err);

/* A message was put out that reads like two: to be said, once. */
bool	filter_was_ambiguous(const struct filter *f);

#endif
