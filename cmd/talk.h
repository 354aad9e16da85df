/*
 * Talk: the standard streams joined with one connection, until it is over. What `connect` and a single `listen` do
 * once they have their peer.
 */
#ifndef SOCKT_CMD_TALK_H
#define SOCKT_CMD_TALK_H

#include "cmd/session.h"
#include "lib/base/log.h"
#include "lib/service/relay.h"

/*
 * Takes the connected socket fd over, relays, says --stats if asked, and closes it. name is the peer in messages.
 * Returns 0 when everything was delivered, or -1 and err.
 */
int	talk(struct session *session, int fd, const char *name, const struct relay_args *args, bool stats,
	    const struct log *log, struct err *err);

#endif
