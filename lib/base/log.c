/*
 * What lib/ has to say: see log.h.
 */
#include "lib/base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void
log_say(const struct log *log, enum log_level level, const char *event, const char *object,
    const struct log_field *fields, size_t n_fields, const char *fmt, ...)
{
	char words[1024];
	va_list ap;

	if (level > log->level)
		return;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	log->sink(log->arg, &(struct log_record){ .level = level, .event = event, .object = object,
	    .words = words, .fields = fields, .n_fields = n_fields });
}

void
log_trying(const struct log *log, const char *addr)
{
	log_say(log, LOG_VERBOSE, "trying", addr, NULL, 0, "trying");
}

void
log_failed(const struct log *log, const char *addr, const char *reason, int errnum)
{
	const struct log_field fields[] = { LOG_STR("reason", reason), LOG_STR("errno", err_errno_name(errnum)) };

	log_say(log, LOG_VERBOSE, "failed", addr, fields, COUNT(fields), "%s", reason);
}

void
log_connected(const struct log *log, const char *addr, const char *local, int64_t took_us)
{
	const struct log_field fields[] = { LOG_STR("local", local), LOG_NUM("took_us", took_us) };

	log_say(log, LOG_VERBOSE, "connected", addr, fields, COUNT(fields), "connected from %s in %.3f ms", local,
	    (double)took_us / 1000);
}

void
log_retrying(const struct log *log, const char *object, const char *reason, int64_t delay_ms)
{
	const struct log_field fields[] = { LOG_STR("reason", reason), LOG_NUM("delay_ms", delay_ms) };

	log_say(log, LOG_VERBOSE, "retrying", object, fields, COUNT(fields), "%s; trying again in %" PRId64 " ms",
	    reason, delay_ms);
}

void
log_listening(const struct log *log, const char *addr)
{
	log_say(log, LOG_NOTICE, "listening", addr, NULL, 0, "listening on %s", addr);
}

void
log_accepted(const struct log *log, const char *peer, const char *local)
{
	const struct log_field fields[] = { LOG_STR("local", local) };

	log_say(log, LOG_VERBOSE, "accepted", peer, fields, COUNT(fields), "connected to %s", local);
}

void
log_closed(const struct log *log, const char *peer, uint64_t sent, uint64_t received, int64_t took_us,
    const char *reason)
{
	const struct log_field fields[] = { LOG_NUM("sent", sent), LOG_NUM("received", received),
	    LOG_NUM("took_us", took_us), LOG_STR("reason", reason != NULL ? reason : "") };

	log_say(log, LOG_VERBOSE, "closed", peer, fields, COUNT(fields),
	    "disconnected after %" PRIu64 " bytes sent, %" PRIu64 " received, %.3f s%s%s", sent, received,
	    (double)took_us / 1e6, reason != NULL ? ": " : "", reason != NULL ? reason : "");
}

void
log_dropped(const struct log *log, const char *peer, const char *reason)
{
	const struct log_field fields[] = { LOG_STR("reason", reason) };

	log_say(log, LOG_NOTICE, "dropped", peer, fields, COUNT(fields), "dropped: %s", reason);
}

void
log_accepting_paused(const struct log *log, const char *addr, const char *reason)
{
	const struct log_field fields[] = { LOG_STR("reason", reason) };

	log_say(log, LOG_VERBOSE, "paused", addr, fields, COUNT(fields), "new clients wait: %s", reason);
}

void
log_accepting_again(const struct log *log, const char *addr)
{
	log_say(log, LOG_VERBOSE, "resumed", addr, NULL, 0, "accepting again");
}

void
log_draining(const struct log *log, size_t clients, int64_t drain_ms)
{
	const struct log_field fields[] = { LOG_NUM("clients", clients), LOG_NUM("drain_ms", drain_ms) };
	char span[32];

	log_say(log, LOG_VERBOSE, "draining", "", fields, COUNT(fields), "no new clients; %zu left have %s to end",
	    clients, clock_words(drain_ms, span, sizeof(span)));
}

void
log_hint(const struct log *log, const char *object, const char *words)
{
	const struct log_field fields[] = { LOG_STR("words", words) };

	log_say(log, LOG_VERBOSE, "hint", object, fields, COUNT(fields), "%s", words);
}

void
log_ignored(const struct log *log, const char *object, const char *reason)
{
	const struct log_field fields[] = { LOG_STR("reason", reason) };

	log_say(log, LOG_NOTICE, "ignored", object, fields, COUNT(fields), "of no effect: %s", reason);
}

void
log_path(const struct log *log, const char *object, const char *flow, const char *path)
{
	const struct log_field fields[] = { LOG_STR("flow", flow), LOG_STR("path", path) };

	log_say(log, LOG_TRACE, "path", object, fields, COUNT(fields), "%s by %s", flow, path);
}

void
log_state(const struct log *log, const char *object, const char *from, const char *to)
{
	const struct log_field fields[] = { LOG_STR("from", from), LOG_STR("to", to) };

	log_say(log, LOG_TRACE, "state", object, fields, COUNT(fields), "%s -> %s", from, to);
}
