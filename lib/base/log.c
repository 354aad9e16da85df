/*
 * What lib/ has to say: see log.h.
 */
#include "lib/base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/err.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void
log_say(const struct log *log, enum log_level level, enum log_form form, const char *event, const char *object,
    const struct log_field *fields, size_t n_fields, const char *fmt, ...)
{
	char words[1024];
	va_list ap;

	if (level > log->level)
		return;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	log->sink(log->arg, &(struct log_record){ .level = level, .form = form, .event = event, .object = object,
	    .words = words, .fields = fields, .n_fields = n_fields });
}

void
log_trying(const struct log *log, const char *addr)
{
	log_say(log, LOG_VERBOSE, LOG_ABOUT, "trying", addr, NULL, 0, "trying");
}

void
log_failed(const struct log *log, const char *addr, const char *reason, int errnum)
{
	const struct log_field fields[] = { LOG_STR("reason", reason), LOG_STR("errno", err_errno_name(errnum)) };

	log_say(log, LOG_VERBOSE, LOG_ABOUT, "failed", addr, fields, COUNT(fields), "%s", reason);
}

void
log_connected(const struct log *log, const char *addr, const char *local, int64_t took_us)
{
	const struct log_field fields[] = { LOG_STR("local", local), LOG_NUM("took_us", took_us) };

	log_say(log, LOG_VERBOSE, LOG_ABOUT, "connected", addr, fields, COUNT(fields), "connected from %s in %.3f ms", local,
	    (double)took_us / 1000);
}

void
log_retrying(const struct log *log, const char *object, const char *reason, int64_t delay_ms)
{
	const struct log_field fields[] = { LOG_STR("reason", reason), LOG_NUM("delay_ms", delay_ms) };

	log_say(log, LOG_VERBOSE, LOG_ABOUT, "retrying", object, fields, COUNT(fields), "%s; trying again in %" PRId64 " ms",
	    reason, delay_ms);
}

void
log_listening(const struct log *log, const char *addr)
{
	log_say(log, LOG_NOTICE, LOG_ALONE, "listening", addr, NULL, 0, "listening on %s", addr);
}

void
log_accepted(const struct log *log, const char *peer, const char *local)
{
	const struct log_field fields[] = { LOG_STR("local", local) };

	log_say(log, LOG_VERBOSE, LOG_SENTENCE, "accepted", peer, fields, COUNT(fields), "client %s connected to %s", peer,
	    local);
}

void
log_peer(const struct log *log, const char *peer, int64_t pid, int64_t uid, int64_t gid)
{
	const struct log_field fields[] = { LOG_NUM("pid", pid), LOG_NUM("uid", uid), LOG_NUM("gid", gid) };

	bool unseen = pid == 0;
	char process[32] = "a process";

	if (!unseen)
		snprintf(process, sizeof(process), "process %" PRId64, pid);
	log_say(log, LOG_VERBOSE, LOG_ABOUT, "peer", peer, fields + unseen, COUNT(fields) - unseen,
	    "%s of user %" PRId64 ", group %" PRId64, process, uid, gid);
}

void
log_refused(const struct log *log, const char *peer, const char *reason)
{
	const struct log_field fields[] = { LOG_STR("reason", reason) };

	log_say(log, LOG_VERBOSE, LOG_SENTENCE, "refused", peer, fields, COUNT(fields), "client %s refused: %s", peer,
	    reason);
}

/* "12 bytes sent, 30 received, 0.003 s", or one number where both are the same. */
static const char *
transfer_words(char *out, size_t size, uint64_t sent, uint64_t received, int64_t took_us)
{
	double seconds = (double)took_us / 1e6;

	if (sent == received)
		snprintf(out, size, "%" PRIu64 " bytes, %.3f s", sent, seconds);
	else
		snprintf(out, size, "%" PRIu64 " bytes sent, %" PRIu64 " received, %.3f s", sent, received, seconds);
	return out;
}

static void
say_closed(const struct log *log, bool client, const char *peer, uint64_t sent, uint64_t received, int64_t took_us,
    const char *reason)
{
	const struct log_field fields[] = { LOG_NUM("sent", sent), LOG_NUM("received", received),
	    LOG_NUM("took_us", took_us), LOG_STR("reason", reason != NULL ? reason : "") };
	char words[96];

	log_say(log, LOG_VERBOSE, client ? LOG_SENTENCE : LOG_ABOUT, "closed", peer, fields, COUNT(fields),
	    "%s%s%sdisconnected after %s%s%s", client ? "client " : "", client ? peer : "", client ? " " : "",
	    transfer_words(words, sizeof(words), sent, received, took_us),
	    reason != NULL ? ": " : "", reason != NULL ? reason : "");
}

void
log_closed(const struct log *log, const char *peer, uint64_t sent, uint64_t received, int64_t took_us,
    const char *reason)
{
	say_closed(log, false, peer, sent, received, took_us, reason);
}

void
log_client_gone(const struct log *log, const char *peer, uint64_t sent, uint64_t received, int64_t took_us,
    const char *reason)
{
	say_closed(log, true, peer, sent, received, took_us, reason);
}

void
log_dropped(const struct log *log, const char *peer, const char *reason)
{
	const struct log_field fields[] = { LOG_STR("reason", reason) };

	log_say(log, LOG_NOTICE, LOG_ABOUT, "dropped", peer, fields, COUNT(fields), "dropped: %s", reason);
}

void
log_accepting_paused(const struct log *log, const char *addr, const char *reason)
{
	const struct log_field fields[] = { LOG_STR("reason", reason) };

	log_say(log, LOG_VERBOSE, LOG_ABOUT, "paused", addr, fields, COUNT(fields), "new clients wait: %s", reason);
}

void
log_accepting_again(const struct log *log, const char *addr)
{
	log_say(log, LOG_VERBOSE, LOG_ABOUT, "resumed", addr, NULL, 0, "accepting again");
}

void
log_draining(const struct log *log, size_t clients, int64_t drain_ms)
{
	const struct log_field fields[] = { LOG_NUM("clients", clients), LOG_NUM("drain_ms", drain_ms) };
	char span[32];

	log_say(log, LOG_VERBOSE, LOG_ABOUT, "draining", "", fields, COUNT(fields), "no new clients; %zu left have %s to end",
	    clients, clock_words(drain_ms, span, sizeof(span)));
}

void
log_program_started(const struct log *log, const char *peer, const char *program, int64_t pid)
{
	const struct log_field fields[] = { LOG_STR("program", program), LOG_NUM("pid", pid) };

	log_say(log, LOG_VERBOSE, LOG_ABOUT, "started", peer, fields, COUNT(fields), "runs %s, process %" PRId64, program,
	    pid);
}

void
log_program_ended(const struct log *log, const char *peer, int64_t pid, int status)
{
	const struct log_field fields[] = { LOG_NUM("pid", pid), LOG_NUM("status", status) };

	log_say(log, LOG_VERBOSE, LOG_ABOUT, "ended", peer, fields, COUNT(fields), "process %" PRId64
	    " ended with status %d", pid, status);
}

void
log_counts(const struct log *log, uint64_t now, uint64_t most, uint64_t accepted, uint64_t refused)
{
	const struct log_field fields[] = { LOG_NUM("clients", now), LOG_NUM("most", most), LOG_NUM("accepted", accepted),
	    LOG_NUM("refused", refused) };

	log_say(log, LOG_QUIET, LOG_ABOUT, "counts", "", fields, COUNT(fields), "%" PRIu64 " clients now, %" PRIu64
	    " at most, %" PRIu64 " accepted, %" PRIu64 " refused", now, most, accepted, refused);
}

void
log_hint(const struct log *log, const char *object, const char *words)
{
	const struct log_field fields[] = { LOG_STR("words", words) };

	log_say(log, LOG_VERBOSE, LOG_ABOUT, "hint", object, fields, COUNT(fields), "%s", words);
}

void
log_warning(const struct log *log, const char *object, const char *words)
{
	const struct log_field fields[] = { LOG_STR("words", words) };

	log_say(log, LOG_NOTICE, LOG_ABOUT, "warning", object, fields, COUNT(fields), "%s", words);
}

void
log_ignored(const struct log *log, const char *object, const char *reason)
{
	const struct log_field fields[] = { LOG_STR("reason", reason) };

	log_say(log, LOG_NOTICE, LOG_ABOUT, "ignored", object, fields, COUNT(fields), "of no effect: %s", reason);
}

void
log_ambiguous(const struct log *log, const char *object)
{
	log_say(log, LOG_NOTICE, LOG_ABOUT, "ambiguous", object, NULL, 0, "a message that contains what ends it was printed "
	    "all the same, and reads like several; --local-frame json, hex or len32 keeps messages apart");
}

void
log_lost(const struct log *log, uint64_t bytes)
{
	const struct log_field fields[] = { LOG_NUM("bytes", bytes) };

	log_say(log, LOG_NOTICE, LOG_SENTENCE, "lost", "", fields, COUNT(fields), "the last %" PRIu64
	    " bytes of the record were taken by nobody", bytes);
}

void
log_datagrams_lost(const struct log *log, const char *object, uint64_t n, const char *why)
{
	const struct log_field fields[] = { LOG_NUM("datagrams", n), LOG_STR("reason", why) };

	log_say(log, LOG_NOTICE, LOG_ABOUT, "datagrams-lost", object, fields, COUNT(fields), "%" PRIu64 " datagram%s lost: %s",
	    n, n == 1 ? "" : "s", why);
}

void
log_datagrams_cut(const struct log *log, const char *peer, uint64_t n, const char *why)
{
	const struct log_field fields[] = { LOG_NUM("datagrams", n), LOG_STR("reason", why) };

	log_say(log, LOG_NOTICE, LOG_ABOUT, "datagrams-cut", peer, fields, COUNT(fields), "%" PRIu64 " datagram%s cut: %s",
	    n, n == 1 ? "" : "s", why);
}

void
log_undelivered(const struct log *log, const char *peer, const char *reason, int errnum)
{
	const struct log_field fields[] = { LOG_STR("reason", reason), LOG_STR("errno", err_errno_name(errnum)) };

	log_say(log, LOG_VERBOSE, LOG_ABOUT, "undelivered", peer, fields, COUNT(fields), "%s", reason);
}

void
log_path(const struct log *log, const char *object, const char *flow, const char *path)
{
	const struct log_field fields[] = { LOG_STR("flow", flow), LOG_STR("path", path) };

	log_say(log, LOG_TRACE, LOG_ABOUT, "path", object, fields, COUNT(fields), "%s by %s", flow, path);
}

void
log_state(const struct log *log, const char *object, const char *from, const char *to)
{
	const struct log_field fields[] = { LOG_STR("from", from), LOG_STR("to", to) };

	log_say(log, LOG_TRACE, LOG_ABOUT, "state", object, fields, COUNT(fields), "%s -> %s", from, to);
}
