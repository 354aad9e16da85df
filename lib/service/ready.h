/*
 * Ready: says to everyone who asked that a server's sockets are open.
 */
#ifndef SOCKT_SERVICE_READY_H
#define SOCKT_SERVICE_READY_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/net/listener.h"

/* Writes the addresses, a line each, to a file that appears with its content, under its name. Returns 0, or -1, err. */
int	ready_port_file(const struct listener *l, const char *path, struct err *err);

/*
 * Writes them to the descriptor fd (-1: none) and closes it, unless it is a standard one; says them on the log; and
 * tells whoever started us (sd_notify(3)). Returns 0, or -1 and err.
 */
int	ready_say(const struct listener *l, int fd, const struct log *log, struct err *err);

#endif
