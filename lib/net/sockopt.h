/*
 * Socket options by the names that setsockopt(2) knows them by. One table holds what there is to know of each; options
 * are parsed against it, set from it, and read back.
 */
#ifndef SOCKT_NET_SOCKOPT_H
#define SOCKT_NET_SOCKOPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/net/addr.h"

#define SOCKOPT_MAX 32		/* on one command line */

enum sockopt_kind {
	SOCKOPT_BOOL,		/* 0 or 1 */
	SOCKOPT_INT,		/* in the unit that the option has */
	SOCKOPT_SIZE,		/* bytes, also as 64k or 1M */
	SOCKOPT_LINGER,		/* seconds, or off */
	SOCKOPT_TEXT,
	SOCKOPT_IGNORED		/* taken, and of no effect on sockets that never block */
};

/* What a socket is for; a row has the sum of those that it suits. */
enum sockopt_side { SOCKOPT_CONNECT = 1, SOCKOPT_LISTEN = 2 };

struct sockopt_row {
	const char *name;
	const char *takes;	/* what the value is, in a word for manuals */
	const char *limit;	/* the sysctl that may hold it down, or NULL */
	const char *help;
	int64_t min, max;	/* of the number; of the length, for text */
	int level, option;
	int v6_twin;		/* an IPv6 option that means the same for IPv6; 0: none */
	enum sockopt_kind kind;
	unsigned sides;
	bool again;		/* what a listener accepts does not inherit it */
	bool doubled;		/* the system keeps twice what is asked for (socket(7)) */
};

/* The table; a row without a name ends it. */
extern const struct sockopt_row sockopt_rows[];

/* Options to be set, in order. All zero is none. */
struct sockopts {
	struct sockopt {
		const struct sockopt_row *row;
		int64_t num;		/* -1: SO_LINGER=off */
		const char *text;	/* borrowed */
	} v[SOCKOPT_MAX];
	size_t n;
};

/*
 * Adds NAME or NAME=VALUE, borrowed for as long as opts lives; of one name the last stays. Returns 0, or -1 with
 * ERR_USAGE and a text that goes on after the word: "is not a socket option that sockt knows".
 */
int	sockopt_add(struct sockopts *opts, const char *word, enum sockopt_side side, struct err *err);

/* Is the option of that name among them? */
bool	sockopt_given(const struct sockopts *opts, const char *name);

/*
 * Is there an address for each option? TCP and IP options need an IPv4 or IPv6 address, IPv6 options an IPv6 one.
 * Returns 0, or -1 and err, which is ERR_USAGE where the kind of address alone says so, else ERR_LOCAL of that stage.
 */
int	sockopt_check(const struct sockopts *opts, const struct addr_list *addrs, enum err_stage stage, struct err *err);

/*
 * Sets on a new socket what is for its family, and reads each back. Returns 0, or -1 and err with the option as the
 * object and that stage: ERR_LIMIT when the system gives less than asked, else ERR_LOCAL.
 */
int	sockopt_set(const struct sockopts *opts, int fd, int family, enum err_stage stage, struct err *err);

/* Sets on an accepted socket what it has not inherited. What worked for the listener is not checked again. */
void	sockopt_set_again(const struct sockopts *opts, int fd);

/* Says which of them are of no effect, and what to use instead. */
void	sockopt_say_ignored(const struct sockopts *opts, const struct log *log);

#endif
