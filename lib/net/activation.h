/*
 * Sockets from a service manager, and words to it: the protocols of sd_listen_fds(3) and sd_notify(3), without
 * libsystemd. They live in environment variables, so no other thread may be there that uses the environment.
 */
#ifndef SOCKT_NET_ACTIVATION_H
#define SOCKT_NET_ACTIVATION_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/net/listener.h"

/*
 * Takes the listening sockets of that type (bound ones, if SOCK_DGRAM) that came as descriptors 3 and up, if LISTEN_PID
 * and LISTEN_FDS say that they are this process's: *l owns them then, as if listener_open() had made them, and *taken
 * is true. Otherwise *taken is false and *l empty. Call it before descriptors are opened. The variables are removed in
 * any case, since no child of ours is the one they mean. Returns 0, or -1 with ERR_BIND, the object naming the variable
 * or descriptor that is wrong, and nothing taken.
 *
 * Never unlink the path of a Unix one: it is the service manager's. A client that was waiting before we started, as the
 * one we are started for, has not inherited what sock_tune() sets.
 */
int	activation_take(struct listener *l, int type, bool *taken, struct err *err);

/* Do LISTEN_PID and LISTEN_FDS speak of this process? They may yet be wrong, which activation_take() says. */
bool	activation_offered(void);

/* Names the address that activation_notify() sends to. */
#define ACTIVATION_NOTIFY_VARIABLE "NOTIFY_SOCKET"

/*
 * Tells the service manager, if there is one that wants to know: "READY=1", "STOPPING=1", "STATUS=…", several with LF
 * between them. Never blocks. Returns 0 too when there is nobody to tell, or -1 with ERR_LOCAL: then it was not told,
 * which is worth a word, but seldom a reason to end.
 *
 * The variable stays where it is, so that this works at any time, after privileges are given up too: whoever starts
 * programs keeps it from them, or they could speak in our name.
 */
int	activation_notify(const char *state, struct err *err);

#endif
