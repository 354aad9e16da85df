/*
 * A datagram that came, as a line for scripts: one flat JSON object (RFC 8259) and LF.
 *
 *	ts		when it is written: RFC 3339, in UTC, with microseconds
 *	event		"datagram", or what the caller says
 *	peer		who sent it: "10.0.0.1:53"; "unix:" for who has no name
 *	local		which address of ours it came to, where that is known
 *	size		how many bytes it had
 *	stamp		when the system got it, as ts, where that is known
 *	truncated	true, where it had more bytes than there are here; otherwise left out
 *	pid, uid, gid	who sent it, where the system vouches for that
 *	…		what the caller adds
 *	text		its bytes, where they are UTF-8; otherwise
 *	base64		these
 */
#ifndef SOCKT_NET_DGRAM_LINE_H
#define SOCKT_NET_DGRAM_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/net/dgram.h"

/* The longest line of a datagram of n bytes. */
size_t	dgram_line_bound(size_t n);

/*
 * Writes it behind what is in out, with fields before the bytes. Returns false, with out as it was, when it does not
 * fit or there is no memory.
 */
bool	dgram_line_write(const char *event, const struct dgram *d, const struct log_field *fields, size_t n_fields,
	    struct buf *out);

#endif
