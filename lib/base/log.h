/*
 * What lib/ has to say, as records: words for people and fields for scripts. Where they go is decided by cmd/, which
 * sets the sink.
 */
#ifndef SOCKT_BASE_LOG_H
#define SOCKT_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_QUIET,	/* nothing but errors, which do not come this way */
	LOG_NOTICE,	/* always, unless --quiet: the ready line, a client that was dropped */
	LOG_VERBOSE,	/* -v: what happened */
	LOG_TRACE	/* -vv: why */
};

/* A member of the JSON form; str is NULL for a number. */
struct log_field {
	const char *key, *str;
	int64_t num;
};

/* How the words stand on a line. */
enum log_form {
	LOG_ABOUT,	/* behind the object: "OBJECT: WORDS" */
	LOG_SENTENCE,	/* they name the object themselves */
	LOG_ALONE	/* nothing else is on the line, so that a script can match the whole of it */
};

struct log_record {
	enum log_level level;
	enum log_form form;
	const char *event;	/* one word, frozen in sockt-json(5) */
	const char *object;	/* a peer, an address, a file */
	const char *words;
	const struct log_field *fields;
	size_t n_fields;
};

struct log {
	enum log_level level;	/* records above it are not made */
	void (*sink)(void *arg, const struct log_record *record);
	void *arg;
};

#define LOG_STR(key_, value_) { .key = (key_), .str = (value_) }
#define LOG_NUM(key_, value_) { .key = (key_), .num = (int64_t)(value_) }

/* Says it to the sink if the level asks for it. The record lives until the sink returns. */
void	log_say(const struct log *log, enum log_level level, enum log_form form, const char *event, const char *object,
	    const struct log_field *fields, size_t n_fields, const char *fmt, ...)
	    __attribute__((format(printf, 8, 9)));

/* The noteworthy events, worded once. */
void	log_trying(const struct log *log, const char *addr);
void	log_failed(const struct log *log, const char *addr, const char *reason, int errnum);
void	log_connected(const struct log *log, const char *addr, const char *local, int64_t took_us);
void	log_retrying(const struct log *log, const char *object, const char *reason, int64_t delay_ms);
void	log_listening(const struct log *log, const char *addr);
void	log_accepted(const struct log *log, const char *peer, const char *local);
void	log_peer(const struct log *log, const char *peer, int64_t pid, int64_t uid, int64_t gid);
void	log_refused(const struct log *log, const char *peer, const char *reason);
void	log_closed(const struct log *log, const char *peer, uint64_t sent, uint64_t received, int64_t took_us,
	    const char *reason);	/* reason NULL: it ended in order */
void	log_client_gone(const struct log *log, const char *peer, uint64_t sent, uint64_t received, int64_t took_us,
	    const char *reason);	/* the same, of one that was accepted */
void	log_dropped(const struct log *log, const char *peer, const char *reason);
void	log_accepting_paused(const struct log *log, const char *addr, const char *reason);
void	log_accepting_again(const struct log *log, const char *addr);
void	log_draining(const struct log *log, size_t clients, int64_t drain_ms);
void	log_program_started(const struct log *log, const char *peer, const char *program, int64_t pid);
void	log_program_ended(const struct log *log, const char *peer, int64_t pid, int status);
void	log_counts(const struct log *log, uint64_t now, uint64_t most, uint64_t accepted, uint64_t refused);
void	log_hint(const struct log *log, const char *object, const char *words);
void	log_warning(const struct log *log, const char *object, const char *words);
void	log_ignored(const struct log *log, const char *object, const char *reason);
void	log_ambiguous(const struct log *log, const char *object);
void	log_lost(const struct log *log, uint64_t bytes);	/* of the record of connections */
void	log_datagrams_lost(const struct log *log, const char *object, uint64_t n, const char *why);
void	log_datagrams_cut(const struct log *log, const char *peer, uint64_t n, const char *why);
void	log_undelivered(const struct log *log, const char *peer, const char *reason, int errnum);
void	log_path(const struct log *log, const char *object, const char *flow, const char *path);	/* -vv */
void	log_state(const struct log *log, const char *object, const char *from, const char *to);	/* -vv */

#endif
