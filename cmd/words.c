/*
 * Words for people and scripts: see words.h. Each line is one write, so that lines of several programs on one stderr
 * stay whole.
 */
#include "cmd/words.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/escape.h"
#include "lib/base/fd.h"
#include "lib/base/json.h"

#define LAST_WORD_MS 10000	/* how long stderr is waited for at the end */
#define RETRY_MS 20
#define LINE_MAX_BYTES 4096	/* PIPE_BUF of pipe(7): what a pipe that is ready takes whole */

/*
 * There is nowhere to complain about a stderr that takes nothing. A terminal that was stopped is writable, says
 * poll(2), and yet takes nothing.
 */
static void
write_line(const struct words *words, const char *line, size_t n, int64_t until_ms)
{
	while (n > 0) {
		ssize_t r = write(words->fd, line, n);
		if (r < 0 && errno == EAGAIN && clock_ms() < until_ms)
			fd_ready(-1, 0, RETRY_MS);
		else if (r < 0 && errno != EINTR)
			return;
		if (r > 0) {
			line += r;
			n -= (size_t)r;
		}
	}
}

#define ERASE "\r\033[K"	/* the line, as every terminal that has lines does (ECMA-48: EL) */

/* Gives the line that was drawn on to words. */
static void
erase_drawn(struct words *words)
{
	if (!words->drawn)		/* which only the main thread of a run without workers does */
		return;
	write_line(words, ERASE, strlen(ERASE), 0);
	words->drawn = false;
}

void
words_draw(struct words *words, const char *text)
{
	char line[512];
	struct winsize size;
	int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;

	if (text == NULL && words->drawn)
		write_line(words, "\n", 1, 0);
	words->drawn = words->drawn && text != NULL;
	if (text == NULL || words->yielded || (fd_ready(STDERR_FILENO, POLLOUT, 0) & POLLOUT) == 0)
		return;
	columns = columns < 256 ? columns : 256;
	write_line(words, line, (size_t)snprintf(line, sizeof(line), "%s%.*s", ERASE, columns, text), 0);
	words->drawn = true;
}

void
words_yield(struct words *words)
{
	erase_drawn(words);
	words->yielded = true;
}

/* Writes "sockt: VERB: OBJECT: TEXT". */
static void
say_line(const struct words *words, const char *object, const char *text, int64_t until_ms)
{
	const char *verb = words->verb;
	char line[LINE_MAX_BYTES];
	size_t n = (size_t)snprintf(line, sizeof(line), "sockt: %s%s", verb != NULL ? verb : "", verb != NULL ? ": " : "");

	if (object[0] != '\0') {
		n += escape_text(line + n, sizeof(line) / 2 - n, object, strlen(object));
		n += (size_t)snprintf(line + n, sizeof(line) - n, ": ");
	}
	n += escape_text(line + n, sizeof(line) - 1 - n, text, strlen(text));
	line[n++] = '\n';
	write_line(words, line, n, until_ms);
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
json_line_end(const struct words *words, struct json *j, int64_t until_ms)
{
	size_t n = json_end(j);

	j->out[n++] = '\n';
	write_line(words, j->out, n, until_ms);
}

static void
sink(void *arg, const struct log_record *record)
{
	struct words *words = arg;
	char line[LINE_MAX_BYTES];
	struct json j;
	size_t n;

	/* A stderr that takes nothing must not hold up a server: what happens meanwhile is not told. */
	if ((fd_ready(STDERR_FILENO, POLLOUT, 0) & POLLOUT) == 0)
		return;
	erase_drawn(words);
	if (!words->json) {
		if (record->form == LOG_ALONE) {
			n = escape_text(line, sizeof(line) - 1, record->words, strlen(record->words));
			line[n++] = '\n';
			write_line(words, line, n, 0);
		} else {
			say_line(words, record->form == LOG_ABOUT ? record->object : "", record->words, 0);
		}
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
	json_line_end(words, &j, 0);
}

void
words_open(struct words *words)
{
	struct stat st;

	*words = (struct words){ .fd = STDERR_FILENO };
	/* The master side of a pseudo-terminal would be a new one. */
	if (!isatty(STDERR_FILENO) || fstat(STDERR_FILENO, &st) < 0 || st.st_rdev == makedev(5, 2))
		return;
	words->fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (words->fd < 0)
		words->fd = STDERR_FILENO;
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
words_error(struct words *words, const struct err *err, int status)
{
	int64_t until_ms = clock_deadline(LAST_WORD_MS);
	char line[LINE_MAX_BYTES];
	struct json j;

	if (fd_ready(STDERR_FILENO, POLLOUT, LAST_WORD_MS) == 0)
		return;
	erase_drawn(words);
	if (!words->json) {
		say_line(words, err->object, err->text, until_ms);
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
	json_line_end(words, &j, until_ms);
}
