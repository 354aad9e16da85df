/*
 * Errors as values. A function that can fail returns -1 and fills a struct err with a kind, which decides the exit
 * status, and a finished sentence. Nobody below cmd/ prints one.
 */
#ifndef SOCKT_BASE_ERR_H
#define SOCKT_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

enum err_kind {
	ERR_NONE,
	ERR_USAGE,	/* called wrongly; nothing was touched */
	ERR_LOOKUP,	/* a name or service does not resolve */
	ERR_CONNECT,	/* refused or unreachable, every address */
	ERR_TIMEOUT,	/* a deadline passed; the text says in which phase */
	ERR_BROKEN,	/* reset or cut after the start */
	ERR_BIND,	/* the local address cannot be had */
	ERR_PROTOCOL,	/* the peer broke the framing */
	ERR_LIMIT,	/* descriptors or memory ran out, or a message is too long */
	ERR_LOCAL,	/* stdin, stdout or a file failed, or a privilege is missing */
	ERR_NOT_RUN,	/* a program could not be run */
	ERR_NOT_FOUND,	/* a program was not found */
	ERR_PROGRAM,	/* a program ended with err->status, which is ours; text is empty, or what else went wrong */
	ERR_SIGNAL,	/* ended by err->signo */
	ERR_KINDS
};

/* Where things stood. Goes into the JSON of an error. */
enum err_stage { STAGE_USAGE, STAGE_LOOKUP, STAGE_CONNECT, STAGE_LISTEN, STAGE_TRANSFER };

struct err {
	enum err_kind kind;
	enum err_stage stage;
	int errnum;		/* the system's reason, or 0 */
	int signo;		/* with ERR_SIGNAL */
	int status;		/* with ERR_PROGRAM: 1 to 255 */
	bool counted;		/* sent and received say how far a transfer came */
	uint64_t sent, received;
	char object[320];	/* what it is about: a peer, an option, stdout; may be empty */
	char text[768];		/* the reason, without the object */
};

#define ERR_EMPTY ((struct err){ .kind = ERR_NONE })

/*
 * Fills *err, leaving the object empty. With errnum not 0 the system's words for it are appended after ": ", or
 * stand alone when fmt is "". Returns -1, so that callers may say `return err_set(…)`.
 */
int	err_set(struct err *err, enum err_kind kind, int errnum, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));

/* Adds to the sentence. */
void	err_add(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Says where the error happened and to what, unless that is said already: who knows best speaks first. Returns -1. */
int	err_at(struct err *err, enum err_stage stage, const char *object);

/*
 * Says how far a transfer with that peer had come, in the fields and, when it broke or ran out of time, in the words.
 * Does nothing the second time.
 */
void	err_count(struct err *err, const char *peer, uint64_t sent, uint64_t received);

/* The words scripts see in JSON: "connect", "timeout", … */
const char *err_kind_name(enum err_kind kind);
const char *err_stage_name(enum err_stage stage);

/* ECONNREFUSED for that errno; "" for 0. */
const char *err_errno_name(int errnum);

#endif
