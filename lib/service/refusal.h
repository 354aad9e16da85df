/*
 * Refusals: a client that cannot be let in is told so in one line, where the protocol is lines, and what it sent is
 * read and dropped until it hangs up: a socket that is closed with bytes unread is reset, and a reset may overtake the
 * line (RFC 1122 section 4.2.2.13).
 */
#ifndef SOCKT_SERVICE_REFUSAL_H
#define SOCKT_SERVICE_REFUSAL_H

#include "lib/event/loop.h"

struct refusals;

struct refusals *refusals_new(struct loop *loop);	/* NULL without memory */
void	refusals_free(struct refusals *r);		/* closes whom it still holds. NULL is fine */

/*
 * Takes fd over, sends line and a FIN, and closes it when the client has ended, a second later at most. Those who come
 * when many are being told already are just closed, and told if it can be done at once.
 */
void	refusals_tell(struct refusals *r, int fd, const char *line);

#endif
