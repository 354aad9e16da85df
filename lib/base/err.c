/*
 * Errors as values: see err.h.
 */
#include "lib/base/err.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bsd/string.h>

int
err_set(struct err *err, enum err_kind kind, int errnum, const char *fmt, ...)
{
	va_list ap;

	*err = (struct err){ .kind = kind, .errnum = errnum };
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);	/* a cut sentence is still a sentence */
	va_end(ap);
	if (errnum != 0) {
		if (err->text[0] != '\0')
			strlcat(err->text, ": ", sizeof(err->text));
		strlcat(err->text, strerror(errnum), sizeof(err->text));
	}
	return -1;
}

void
err_add(struct err *err, const char *fmt, ...)
{
	size_t used = strlen(err->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text + used, sizeof(err->text) - used, fmt, ap);
	va_end(ap);
}

int
err_at(struct err *err, enum err_stage stage, const char *object)
{
	if (err->object[0] == '\0') {
		err->stage = stage;
		strlcpy(err->object, object, sizeof(err->object));
	}
	return -1;
}

void
err_count(struct err *err, const char *peer, uint64_t sent, uint64_t received)
{
	if (err->counted)
		return;
	err->counted = true;
	err->sent = sent;
	err->received = received;
	if (err->kind == ERR_BROKEN || err->kind == ERR_TIMEOUT)
		err_add(err, " after %" PRIu64 " bytes sent, %" PRIu64 " received", sent, received);
	err_at(err, STAGE_TRANSFER, peer);
}

const char *
err_kind_name(enum err_kind kind)
{
	static const char *const names[ERR_KINDS] = {
		[ERR_NONE] = "none", [ERR_USAGE] = "usage", [ERR_LOOKUP] = "lookup", [ERR_CONNECT] = "connect",
		[ERR_TIMEOUT] = "timeout", [ERR_BROKEN] = "broken", [ERR_BIND] = "bind",
		[ERR_PROTOCOL] = "protocol", [ERR_LIMIT] = "limit", [ERR_LOCAL] = "local", [ERR_NOT_RUN] = "exec",
		[ERR_NOT_FOUND] = "exec", [ERR_PROGRAM] = "program", [ERR_SIGNAL] = "signal",
	};

	return names[kind];
}

const char *
err_stage_name(enum err_stage stage)
{
	switch (stage) {
	case STAGE_USAGE:	return "usage";
	case STAGE_LOOKUP:	return "lookup";
	case STAGE_CONNECT:	return "connect";
	case STAGE_LISTEN:	return "listen";
	case STAGE_TRANSFER:	return "transfer";
	}
	return "";
}

const char *
err_errno_name(int errnum)
{
	const char *name = errnum != 0 ? strerrorname_np(errnum) : "";

	return name != NULL ? name : "";
}
