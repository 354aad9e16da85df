/*
 * Talk: the standard streams joined with one connection, until it is over.
 */
#ifndef SOCKT_CMD_TALK_H
#define SOCKT_CMD_TALK_H

#include "cmd/session.h"
#include "cmd/words.h"
#include "lib/base/log.h"
#include "lib/net/stream.h"
#include "lib/service/relay.h"

/*
 * The standard streams as one. With progress, a terminal on stdout is given over by words when the first byte comes
 * that is for it. NULL and err without memory.
 */
struct stream *talk_local(struct loop *loop, struct words *words, bool progress, struct err *err);

/*
 * Takes remote, the stream of the connection fd, relays, shows progress and says --stats if asked, and frees it. name
 * is the peer in messages. Returns 0 when everything was delivered, or -1 and err.
 */
int	talk(struct session *session, struct stream *remote, int fd, const char *name, const struct relay_args *args,
	    const struct transfer_args *transfer, struct words *words, struct err *err);

/*
 * Says what there is to say of the connection fd, which began at began_us and is about to be closed: its statistics if
 * asked, and at -v its end, which was in order if err is NULL.
 */
void	talk_say_end(const struct log *log, const char *name, int fd, struct relay_counts counts, int64_t began_us,
	    bool stats, const struct err *err);

#endif
