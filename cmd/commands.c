/*
 * The table of subcommands, and what they have in common. Apart from main() so that the generator of completions can
 * link it.
 */
#include "cmd/cmd.h"

#include <inttypes.h>
#include <string.h>

#include "lib/net/activation.h"
#include "lib/net/dgram.h"

const struct cmd *const commands[] = {
	&cmd_connect,
	&cmd_listen,
	&cmd_unix,
	&cmd_udp_send,
	&cmd_echo_server,
	NULL
};

const struct cmd *
cmd_find(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

int
cmd_endpoint(const struct cmd *cmd, const struct cmd_call *call, enum endpoint_use use, struct endpoint *ep,
    struct err *err)
{
	if (call->n_operands == 1)
		return endpoint_parse(ep, call->operands[0], use, err);
	if (call->n_operands == 2)
		return endpoint_pair(ep, call->operands[0], call->operands[1], use, err);
	err_set(err, ERR_USAGE, 0, "%s; usage: sockt %s [OPTION]... %s",
	    call->n_operands == 0 ? "no address given" : "too many operands", cmd->name, cmd->operands);
	err->stage = STAGE_USAGE;
	return -1;
}

int
cmd_listen_endpoint(const struct cmd *cmd, const struct cmd_call *call, struct endpoint *ep, struct err *err)
{
	if (call->n_operands > 0 || !activation_offered())
		return cmd_endpoint(cmd, call, ENDPOINT_LISTEN, ep, err);
	*ep = (struct endpoint){ .kind = ENDPOINT_TCP };
	return 0;
}

int
cmd_take_udp(bool udp, struct endpoint *ep, struct err *err)
{
	char name[sizeof(err->object)];

	if (!udp || ep->kind == ENDPOINT_UDP)
		return 0;
	if (ep->kind == ENDPOINT_TCP && !ep->said) {
		ep->kind = ENDPOINT_UDP;
		return 0;
	}
	endpoint_name(ep, name, sizeof(name));
	err_set(err, ERR_USAGE, 0, "cannot go with %s%s%s", ep->said ? "tcp://" : "", name,
	    ep->kind == ENDPOINT_UNIX ? ": see sockt unix --type dgram" : "");
	return err_at(err, STAGE_USAGE, "-u/--udp");
}

void
cmd_take_kind(const struct sock_args *sock, enum endpoint_kind kind, struct relay_args *relay,
    struct layers_args *layers)
{
	if (!sock_has_messages(sock))
		return;
	relay->frames.packets = true;
	layers->packets = kind == ENDPOINT_UDP ? DGRAM_MAX : (size_t)relay->frames.max_message;
}

int
cmd_check_file(const struct unix_args *file, const struct endpoint *ep, struct err *err)
{
	const char *of_file = file->mode != 0 ? "--mode" : file->group != NULL ? "--group" : NULL;
	const char *given = of_file != NULL ? of_file : file->uids.n > 0 ? "--allow-uid" : NULL;

	if (given != NULL && ep->kind != ENDPOINT_UNIX) {
		err_set(err, ERR_USAGE, 0, "goes only with a Unix socket");
		return err_at(err, STAGE_USAGE, given);
	}
	if (of_file != NULL && ep->path[0] == '@') {
		err_set(err, ERR_USAGE, 0, "cannot go with an abstract name, which has no permissions");
		return err_at(err, STAGE_USAGE, of_file);
	}
	return 0;
}

int
cmd_program(struct cmd_program *program, const struct cmd_call *call, const char *sh, const struct relay_args *relay,
    struct err *err)
{
	const char *wrong = relay->no_stdin ? "-d/--no-stdin" : relay->recv_only ? "--recv-only" :
	    relay->send_only ? "--send-only" : NULL;

	*program = (struct cmd_program){ .argv = call->program };
	if (call->program != NULL && (sh != NULL || call->program[0] == NULL)) {
		err_set(err, ERR_USAGE, 0, sh != NULL ? "cannot go with -- CMD" : "no program follows");
		return err_at(err, STAGE_USAGE, sh != NULL ? "--sh" : "--");
	}
	if (sh != NULL) {
		program->shell[0] = (char *)"/bin/sh";		/* posix_spawn(3) changes none of them */
		program->shell[1] = (char *)"-c";
		memcpy(&program->shell[2], &sh, sizeof(sh));
		program->argv = program->shell;
	}
	if (program->argv != NULL && wrong != NULL) {
		err_set(err, ERR_USAGE, 0, "cannot go with a program, which is to be heard and to hear");
		return err_at(err, STAGE_USAGE, wrong);
	}
	return 0;
}

int
cmd_check_frames(const struct frame_args *frames, const char *prefix, struct err *err)
{
	const unsigned char *begins = (const unsigned char *)prefix;
	struct frame_stamp stamp;
	size_t n = prefix != NULL ? strlen(prefix) : 0;
	char name[32];

	if (frames->wire.kind == FRAME_NONE && !frames->packets && frames->max_message != RECODE_MAX_DEFAULT) {
		err_set(err, ERR_USAGE, 0, "needs --frame, without which a stream has no messages");
		return err_at(err, STAGE_USAGE, "--max-message");
	}
	frame_format_name(&frames->wire, name, sizeof(name));
	if (frames->wire.kind == FRAME_FIXED && (int64_t)frames->wire.fixed > frames->max_message) {
		err_set(err, ERR_USAGE, 0, "'%s' is more than --max-message %" PRId64, name, frames->max_message);
		return err_at(err, STAGE_USAGE, "--frame");
	}
	if (n == 0 || frames->wire.kind == FRAME_NONE)
		return 0;
	if (frames->wire.kind == FRAME_FIXED || frame_stamp(&frames->wire, begins, n, &stamp) != FRAME_FITS) {
		err_set(err, ERR_USAGE, 0, "cannot be in a message with --frame %s", name);
		return err_at(err, STAGE_USAGE, "--prefix");
	}
	return 0;
}

int
cmd_check_messages(const struct relay_args *relay, const struct pace_args *pace, struct err *err)
{
	enum frame_kind wire = relay->frames.wire.kind;
	bool lines = !relay->frames.packets && (wire == FRAME_NONE || wire == FRAME_LINE);

	if (cmd_check_frames(&relay->frames, NULL, err) < 0)
		return -1;
	if (!relay->frames.packets && wire == FRAME_NONE && relay->frames.local.kind != FRAME_NONE) {
		err_set(err, ERR_USAGE, 0, "needs --frame, without which a stream has no messages");
		return err_at(err, STAGE_USAGE, "--local-frame");
	}
	if (lines || !(relay->crlf || pace->line_delay_ms > 0))
		return 0;
	err_set(err, ERR_USAGE, 0, relay->frames.packets ? "is about lines of a stream" :
	    "is about lines, so that it goes only with --frame line");
	return err_at(err, STAGE_USAGE, relay->crlf ? "-C/--crlf" : "--line-delay");
}
