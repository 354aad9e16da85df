/*
 * Words for people and scripts: see words.h. Each line is one write, so that lines of several programs on one stderr
 * stay whole.
 */
#include "cmd/words.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/escape.h"
#include "lib/base/fd.h"
#include "lib/base/json.h"

#define LINE_MAX_BYTES 4096	/* PIPE_BUF of pipe(7): what a pipe that is ready takes whole */

/* There is nowhere to complain about a stderr that takes nothing. */
static void
write_line(const char *line, size_t n)
{
	while (n > 0) {
		ssize_t r = write(STDERR_FILENO, line, n);
		if (r < 0 && errno == EAGAIN)		/* somebody else made it non-blocking */
			fd_ready(STDERR_FILENO, POLLOUT, -1);
		else if (r < 0 && errno != EINTR)
			return;
		if (r > 0) {
			line += r;
			n -= (size_t)r;
		}
	}
}

/* Writes "sockt: VERB: OBJECT: TEXT". */
static void
say_line(const char *verb, const char *object, const char *text)
{
	char line[LINE_MAX_BYTES];
	size_t n = (size_t)snprintf(line, sizeof(line), "sockt: %s%s", verb != NULL ? verb : "", verb != NULL ? ": " : "");

	if (object[0] != '\0') {
		n += escape_text(line + n, sizeof(line) / 2 - n, object, strlen(object));
		n += (size_t)snprintf(line + n, sizeof(line) - n, ": ");
	}
	n += escape_text(line + n, sizeof(line) - 1 - n, text, strlen(text));
	line[n++] = '\n';
	write_line(line, n);
}

static void
json_line_begin(struct json *j, char *line, size_t size, const char *event)
{
	char stamp[32];

	clock_stamp(stamp, sizeof(stamp));
	json_begin(j, line, size);
	json_str(j, "ts", stamp);
	json_str(j, "event", event);
}

static void
json_line_end(struct json *j)
{
	size_t n = json_end(j);

	j->out[n++] = '\n';
	write_line(j->out, n);
}

static void
sink(void *arg, const struct log_record *record)
{
	const struct words *words = arg;
	char line[LINE_MAX_BYTES];
	struct json j;

	/* A stderr that takes nothing must not hold up a server: what happens meanwhile is not told. */
	if ((fd_ready(STDERR_FILENO, POLLOUT, 0) & POLLOUT) == 0)
		return;
	if (!words->json) {
		if (record->form == LOG_ALONE)
			write_line(line, (size_t)snprintf(line, sizeof(line), "%s\n", record->words));
		else
			say_line(words->verb, record->form == LOG_ABOUT ? record->object : "", record->words);
		return;
	}
	json_line_begin(&j, line, sizeof(line) - 1, record->event);
	if (record->object[0] != '\0')
		json_str(&j, "object", record->object);
	for (size_t i = 0; i < record->n_fields; i++) {
		const struct log_field *field = &record->fields[i];
		if (field->str != NULL)
			json_str(&j, field->key, field->str);
		else
			json_int(&j, field->key, field->num);
	}
	json_line_end(&j);
}

void
words_init(struct words *words, const char *verb, const struct words_args *args)
{
	enum log_level level = args->verbose > 1 ? LOG_TRACE : args->verbose == 1 || args->json ? LOG_VERBOSE : LOG_NOTICE;

	words->verb = verb;
	words->json = args->json;
	words->log = (struct log){ .level = args->quiet ? LOG_QUIET : level, .sink = sink, .arg = words };
}

void
words_error(const struct words *words, const struct err *err, int status)
{
	char line[LINE_MAX_BYTES];
	struct json j;

	if (!words->json) {
		say_line(words->verb, err->object, err->text);
		return;
	}
	json_line_begin(&j, line, sizeof(line) - 1, "error");
	if (err->object[0] != '\0')
		json_str(&j, "object", err->object);
	json_str(&j, "kind", err_kind_name(err->kind));
	json_int(&j, "status", status);
	json_str(&j, "errno", err_errno_name(err->errnum));
	json_str(&j, "stage", err_stage_name(err->stage));
	json_str(&j, "reason", err->text);
	if (err->counted) {
		json_int(&j, "sent", (int64_t)err->sent);
		json_int(&j, "received", (int64_t)err->received);
	}
	json_line_end(&j);
}
