/*
 * Filter: see filter.h.
 */
#include "lib/wire/filter.h"

#include <errno.h>
#include <stdint.h>

#include "lib/wire/crlf.h"

struct filter
filter_crlf(void)
{
	return (struct filter){ .kind = FILTER_CRLF };
}

struct filter
filter_guard(void)
{
	return (struct filter){ .kind = FILTER_GUARD };
}

struct filter
filter_recode(const struct recode_args *args)
{
	struct filter f = { .kind = FILTER_RECODE };

	recode_init(&f.recode, args);
	return f;
}

void
filter_free(struct filter *f)
{
	if (f->kind == FILTER_RECODE)
		recode_free(&f->recode);
	f->kind = FILTER_NONE;
}

size_t
filter_bound(const struct filter *f, size_t n)
{
	switch (f->kind) {
	case FILTER_NONE:	return n;
	case FILTER_CRLF:	return 2 * n;
	case FILTER_GUARD:	return GUARD_GROWTH * (n + sizeof(f->guard.held));
	case FILTER_RECODE:	return recode_bound(&f->recode.args, n);
	}
	return n;
}

static int
no_memory(struct err *err)
{
	return err_set(err, ERR_LIMIT, ENOMEM, "transfer");
}

int
filter_push(struct filter *f, const unsigned char *p, size_t n, struct buf *out, struct err *err)
{
	unsigned char *space;
	size_t used;

	if (n == 0 && f->kind != FILTER_RECODE)
		return 0;		/* an empty datagram on stdin */
	switch (f->kind) {
	case FILTER_NONE:
		return buf_put(out, p, n) ? 0 : no_memory(err);
	case FILTER_CRLF:
		if (2 * n > buf_room(out) || (space = buf_space(out, 2 * n)) == NULL)
			return no_memory(err);
		buf_added(out, crlf_expand(&f->after_cr, p, n, space));
		return 0;
	case FILTER_GUARD:
		return guard_push(&f->guard, p, n, out) ? 0 : no_memory(err);
	case FILTER_RECODE:
		return recode_push(&f->recode, p, n, SIZE_MAX, &used, out, err);
	}
	return 0;
}

int
filter_finish(struct filter *f, struct buf *out, struct err *err)
{
	switch (f->kind) {
	case FILTER_NONE:
	case FILTER_CRLF:
		return 0;
	case FILTER_GUARD:
		return guard_finish(&f->guard, out) ? 0 : no_memory(err);
	case FILTER_RECODE:
		return recode_finish(&f->recode, out, err);
	}
	return 0;
}

bool
filter_was_ambiguous(const struct filter *f)
{
	return f->kind == FILTER_RECODE && f->recode.ambiguous;
}
