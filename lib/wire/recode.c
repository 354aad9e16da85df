/*
 * Recode: see recode.h.
 */
#include "lib/wire/recode.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/wire/guard.h"
#include "lib/wire/notation.h"

#define STAMP_MAX sizeof(struct frame_stamp)

/* Is it text on a line, and in which notation? */
static bool
has_notation(const struct frame_format *format, enum notation *notation)
{
	switch (format->kind) {
	case FRAME_HEX:		*notation = NOTATION_HEX; return true;
	case FRAME_BASE64:	*notation = NOTATION_BASE64; return true;
	case FRAME_JSON:	*notation = NOTATION_JSON; return true;
	case FRAME_NONE:
	case FRAME_LINE:
	case FRAME_NUL:
	case FRAME_LEN8:
	case FRAME_LEN16:
	case FRAME_LEN32:
	case FRAME_LEN16LE:
	case FRAME_LEN32LE:
	case FRAME_VARINT:
	case FRAME_NETSTRING:
	case FRAME_FIXED:
	case FRAME_RAW:
	case FRAME_READ:	return false;
	}
	return false;
}

/* The longest line that can say a message of max bytes: with blanks between them, a CR at its end, and some more. */
static size_t
text_max(const struct recode_args *args)
{
	size_t max = (size_t)args->max;
	enum notation notation;

	return has_notation(&args->from, &notation) ? notation_bound(notation, max) + max + 16 : max;
}

static size_t
prefix_len(const struct recode_args *args)
{
	return args->prefix != NULL ? strlen(args->prefix) : 0;
}

void
recode_init(struct recode *r, const struct recode_args *args)
{
	*r = (struct recode){ .args = *args, .cutter = FRAME_CUTTER(args->from, text_max(args)),
	    .message = BUF_EMPTY(text_max(args) + prefix_len(args)) };
}

void
recode_free(struct recode *r)
{
	buf_free(&r->message);
}

/* A message takes at least a byte of what comes, and has a stamp and a prefix of its own. */
size_t
recode_bound(const struct recode_args *args, size_t n)
{
	size_t content = (size_t)args->max + n + prefix_len(args) * (n + 1), frames = (n + 1) * STAMP_MAX;
	enum notation notation;

	if (has_notation(&args->to, &notation))
		return notation_bound(notation, content) + frames;
	return args->guard ? (content + frames) * GUARD_GROWTH : content + frames;
}

/* ---- out ---- */

/* For a terminal. The head may be as bad as the message, and a CR at the end of that belongs to the LF behind it. */
static bool
put_guarded(const struct frame_stamp *stamp, bool line, const unsigned char *p, size_t n, struct buf *out)
{
	struct guard guard = GUARD_EMPTY;
	bool good = guard_push(&guard, stamp->head, stamp->n_head, out) && guard_push(&guard, p, n, out);

	if (line)
		return good && guard_push(&guard, stamp->tail, stamp->n_tail, out);
	return good && guard_finish(&guard, out) && buf_put(out, stamp->tail, stamp->n_tail);
}

static bool
put_message(const struct recode *r, const struct frame_stamp *stamp, const unsigned char *p, size_t n, struct buf *out)
{
	bool line = r->args.to.kind == FRAME_LINE, good;
	enum notation notation;

	if (r->args.guard && !has_notation(&r->args.to, &notation))
		return put_guarded(stamp, line, p, n, out);
	if (has_notation(&r->args.to, &notation))
		good = notation_write(notation, p, n, out);
	else
		good = buf_put(out, stamp->head, stamp->n_head) && buf_put(out, p, n);
	if (good && r->args.crlf && line && (n == 0 || p[n - 1] != '\r'))
		good = buf_put(out, "\r", 1);
	return good && buf_put(out, stamp->tail, stamp->n_tail);
}

/* Hands a whole message on. */
static int
emit(struct recode *r, const unsigned char *p, size_t n, struct buf *out, struct err *err)
{
	struct frame_stamp stamp;
	enum frame_fit fit = frame_stamp(&r->args.to, p, n, &stamp);
	size_t before = buf_len(out);
	char name[32];

	if (fit == FRAME_LENGTH)
		return err_set(err, ERR_LIMIT, 0, "a message of %zu byte%s does not fit %s", n, n == 1 ? "" : "s",
		    frame_format_name(&r->args.to, name, sizeof(name)));
	if (fit == FRAME_AMBIGUOUS && !r->args.to_local)
		return err_set(err, ERR_LIMIT, 0, "a message contains %s, which ends one in %s",
		    r->args.to.kind == FRAME_LINE ? "LF" : "NUL", frame_format_name(&r->args.to, name, sizeof(name)));
	if (!put_message(r, &stamp, p, n, out)) {
		buf_cut(out, before);		/* not a part of it */
		return err_set(err, ERR_LIMIT, ENOMEM, "message");
	}
	r->ambiguous |= fit == FRAME_AMBIGUOUS;
	r->messages++;
	return 0;
}

/* ---- in ---- */

static int
keep(struct recode *r, const struct frame_piece *piece, struct err *err)
{
	if (buf_len(&r->message) == 0 && !buf_put(&r->message, r->args.prefix, prefix_len(&r->args)))
		return err_set(err, ERR_LIMIT, ENOMEM, "message");
	if (!buf_put(&r->message, piece->bytes, piece->n))
		return err_set(err, ERR_LIMIT, ENOMEM, "message");
	return 0;
}

/* A message is whole: what was kept of it, and its last piece. */
static int
complete(struct recode *r, const struct frame_piece *last, struct buf *out, struct err *err)
{
	enum notation notation;
	bool is_text = has_notation(&r->args.from, &notation);
	size_t n;
	char name[32];

	/* Most come in one piece, and need not be kept. */
	if (buf_len(&r->message) == 0 && !is_text && r->args.prefix == NULL)
		return emit(r, last->bytes, last->n, out, err);
	if (keep(r, last, err) < 0)
		return -1;
	n = buf_len(&r->message);
	if (is_text && !notation_read(notation, r->message.data, n, &n)) {
		frame_format_name(&r->args.from, name, sizeof(name));
		return err_set(err, r->args.from_local ? ERR_LOCAL : ERR_PROTOCOL, 0, "line %" PRIu64 " is not %s",
		    r->messages + 1, name);
	}
	if (n > (size_t)r->args.max + prefix_len(&r->args))
		return err_set(err, ERR_LIMIT, 0, "a message of %zu bytes, longer than --max-message %" PRId64, n, r->args.max);
	if (emit(r, n > 0 ? buf_bytes(&r->message) : last->bytes, n, out, err) < 0)
		return -1;
	buf_free(&r->message);
	return 0;
}

/* What the cutter did not like. */
static int
refuse(const struct recode *r, enum frame_verdict verdict, struct err *err)
{
	char words[128];

	frame_words(&r->cutter, verdict, words, sizeof(words));
	if (verdict == FRAME_TOO_LONG)
		return err_set(err, ERR_LIMIT, 0, "%s, longer than --max-message %" PRId64, words, r->args.max);
	return err_set(err, r->args.from_local ? ERR_LOCAL : ERR_PROTOCOL, 0, "%s", words);
}

int
recode_push(struct recode *r, const unsigned char *p, size_t n, size_t enough, size_t *used, struct buf *out,
    struct err *err)
{
	struct frame_piece piece;
	size_t step;

	*used = 0;
	if (n == 0 && r->args.from.kind == FRAME_READ)
		return complete(r, &(struct frame_piece){ .bytes = (const unsigned char *)"", .n = 0 }, out, err);
	for (; *used < n && buf_len(out) < enough; *used += step) {
		enum frame_verdict verdict = frame_cut(&r->cutter, p + *used, n - *used, &step, &piece);
		int rc = 0;
		switch (verdict) {
		case FRAME_MORE:	break;
		case FRAME_PIECE:	rc = keep(r, &piece, err); break;
		case FRAME_WHOLE:	rc = complete(r, &piece, out, err); break;
		case FRAME_TOO_LONG:
		case FRAME_BAD:		rc = refuse(r, verdict, err); break;
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* May an end end a message? Where one is told apart by what stands behind it, ours may go without. */
static bool
ends_with_the_stream(const struct recode_args *args)
{
	enum notation notation;

	return args->from_local && (args->from.kind == FRAME_LINE || args->from.kind == FRAME_NUL ||
	    args->from.kind == FRAME_RAW || has_notation(&args->from, &notation));
}

int
recode_finish(struct recode *r, struct buf *out, struct err *err)
{
	char words[128];

	if (!frame_is_cut(&r->cutter))
		return 0;
	if (ends_with_the_stream(&r->args))
		return complete(r, &(struct frame_piece){ .bytes = (const unsigned char *)"", .n = 0 }, out, err);
	frame_words(&r->cutter, FRAME_MORE, words, sizeof(words));
	return err_set(err, r->args.from_local ? ERR_LOCAL : ERR_BROKEN, 0, "ended with %s", words);
}
