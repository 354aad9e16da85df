/*
 * Reflect: sends each datagram back to where it came from (RFC 862, UDP), as a service.
 *
 * It cannot be made to talk to itself or to another that answers everything, nor to somebody at the cost of a third:
 * nothing goes to port 0, to its own address, to the ports of services that answer whatever comes (echo, discard,
 * daytime, qotd, chargen, time), in answer to what was sent to a group or to everybody, or, without leave, more than
 * came.
 */
#ifndef SOCKT_SERVICE_REFLECT_H
#define SOCKT_SERVICE_REFLECT_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/event/loop.h"
#include "lib/service/server.h"

struct reflect_args {
	const char *prefix;	/* before each answer; NULL: none */
	bool allow_amplify;	/* a prefix also for those who are not on this machine */
	bool once;		/* one answer, and it is over */
	bool stats;
};

struct reflect;

extern const struct service reflect_service;	/* its instance is a struct reflect */

/*
 * over is called when it is over: with once (err NULL: in order), or when it cannot go on. args and log are borrowed
 * until reflect_free(). NULL and err without memory.
 */
struct reflect *reflect_new(struct loop *loop, const struct reflect_args *args,
	    void (*over)(void *arg, const struct err *err), void *arg, const struct log *log, struct err *err);

void	reflect_free(struct reflect *reflect);	/* says --stats if asked. NULL is fine */

#endif
