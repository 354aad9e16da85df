/*
 * A datagram as a line for scripts: see dgram_line.h.
 */
#include "lib/net/dgram_line.h"

#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/json.h"
#include "lib/wire/notation.h"

#define HEAD_SIZE	4096	/* the members before the bytes: room for any two names, and what callers add */
#define END_SIZE	4	/* ",", "}\n" */

static void
write_head(struct json *j, const char *event, const struct dgram *d)
{
	char stamp[CLOCK_STAMP_SIZE], name[ADDR_NAME_MAX];

	clock_stamp(stamp, sizeof(stamp));
	json_str(j, "ts", stamp);
	json_str(j, "event", event);
	json_str(j, "peer", d->peer.len > 0 ? addr_name(&d->peer, name, sizeof(name)) : "unix:");
	if (d->local.len > 0)
		json_str(j, "local", addr_name(&d->local, name, sizeof(name)));
	json_int(j, "size", (int64_t)d->size);
	if (d->stamp_us != 0) {
		clock_stamp_of(d->stamp_us, stamp, sizeof(stamp));
		json_str(j, "stamp", stamp);
	}
	if (d->size > d->n)
		json_bool(j, "truncated", true);
	if (d->has_sender) {
		if (d->pid != 0)
			json_int(j, "pid", d->pid);
		json_int(j, "uid", d->uid);
		json_int(j, "gid", d->gid);
	}
}

size_t
dgram_line_bound(size_t n)
{
	size_t bound = notation_member_bound(n);

	return bound > SIZE_MAX - HEAD_SIZE - END_SIZE ? SIZE_MAX : HEAD_SIZE + bound + END_SIZE;
}

bool
dgram_line_write(const char *event, const struct dgram *d, const struct log_field *fields, size_t n_fields,
    struct buf *out)
{
	size_t before = buf_len(out);
	char head[HEAD_SIZE];
	struct json j;

	json_begin(&j, head, sizeof(head));
	write_head(&j, event, d);
	for (size_t i = 0; i < n_fields; i++) {
		if (fields[i].str != NULL)
			json_str(&j, fields[i].key, fields[i].str);
		else
			json_int(&j, fields[i].key, fields[i].num);
	}
	/* The bytes come before the brace: any number of them. */
	if (buf_put(out, head, json_end(&j) - 1) && buf_put(out, ",", 1) && notation_write_member(d->bytes, d->n, out) &&
	    buf_put(out, "}\n", 2))
		return true;
	buf_cut(out, before);
	return false;
}
