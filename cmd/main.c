/*
 * sockt: finds the subcommand, fills its options, runs it, and turns its answer into words and an exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/help.h"
#include "cmd/options.h"
#include "cmd/words.h"

/* EXIT STATUS of sockt(1). */
static const int exit_status[ERR_KINDS] = {
	[ERR_NONE] = 0, [ERR_USAGE] = 2, [ERR_LOOKUP] = 3, [ERR_CONNECT] = 4, [ERR_TIMEOUT] = 5, [ERR_BROKEN] = 6,
	[ERR_BIND] = 9, [ERR_PROTOCOL] = 10, [ERR_LIMIT] = 11, [ERR_LOCAL] = 12, [ERR_NOT_RUN] = 126,
	[ERR_NOT_FOUND] = 127, [ERR_SIGNAL] = 128,
};

/*
 * Descriptors 0 to 2 that were closed when we started would be given to our own sockets. /dev/null takes their places:
 * for stdin that is what it means to have none; stdout is opened so that writing to it fails, as it should.
 */
static void
fill_standard_fds(void)
{
	static const int modes[] = { O_RDONLY, O_RDONLY, O_WRONLY };

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", modes[fd]) < 0)
			_exit(exit_status[ERR_LOCAL]);
	}
}

/* Ends as the signal's default action does, so that a shell sees what happened. */
static int
die_by(int signo)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigemptyset(&action.sa_mask);
	sigaction(signo, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(signo);
	_exit(128 + signo);	/* PID 1 of a container is not killed by it */
}

static int
finish(struct words *words, const struct err *err)
{
	if (err->kind == ERR_SIGNAL)
		return die_by(err->signo);
	if (err->kind == ERR_PROGRAM) {
		if (err->text[0] != '\0')	/* the connection broke as well */
			words_error(words, err, err->status);
		return err->status;
	}
	if (err->kind != ERR_NONE)
		words_error(words, err, exit_status[err->kind]);
	return exit_status[err->kind];
}

/* Did all of the help reach stdout? */
static int
finish_help(struct words *words)
{
	struct err err = ERR_EMPTY;

	if (fflush(stdout) != 0 || ferror(stdout)) {
		if (errno == EPIPE)
			return die_by(SIGPIPE);
		err_set(&err, ERR_LOCAL, errno, "cannot write");
		err_at(&err, STAGE_TRANSFER, "stdout");
	}
	return finish(words, &err);
}

/* What a network file system held back comes out at close(2). */
static void
close_stdout(struct err *err)
{
	if (close(STDOUT_FILENO) == 0 || errno == EBADF || err->kind != ERR_NONE)
		return;
	err_set(err, ERR_LOCAL, errno, "cannot write");
	err_at(err, STAGE_TRANSFER, "stdout");
}

/* Was --json among the words? Asked when the options did not get as far as to say so. */
static bool
asks_for_json(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--json") == 0)
			return true;
	}
	return false;
}

static int
run_cmd(const struct cmd *cmd, int argc, char **argv, struct words *words)
{
	struct cmd_call call = { .log = &words->log, .words = words };
	struct opts_found found;
	struct err err = ERR_EMPTY;
	void *args = calloc(1, cmd->args_size);
	int status;

	words_init(words, cmd->name, &(struct words_args){ .json = asks_for_json(argc, argv) });
	if (args == NULL) {
		err_set(&err, ERR_LIMIT, ENOMEM, "%s", "");
	} else if (opts_parse(cmd->opts, cmd->takes_program, argc, argv, args, &found, &err) == 0) {
		if (found.help) {
			help_cmd(stdout, cmd);
			opts_release(cmd->opts, args);
			free(args);
			return finish_help(words);
		}
		words_init(words, cmd->name, args);
		call.args = args;
		call.operands = found.operands;
		call.n_operands = found.n_operands;
		call.program = found.program;
		if (cmd->run(&call, &err) == 0)
			err = ERR_EMPTY;
		close_stdout(&err);
	}
	status = finish(words, &err);
	if (args != NULL)
		opts_release(cmd->opts, args);
	free(args);
	return status;
}

static int
run_help(int argc, char **argv, struct words *words)
{
	const struct cmd *cmd;
	struct err err;

	if (argc == 0) {
		help_general(stdout);
	} else if ((cmd = cmd_find(argv[0])) != NULL && argc == 1) {
		help_cmd(stdout, cmd);
	} else {
		err_set(&err, ERR_USAGE, 0, argc > 1 ? "one subcommand at a time" : "no such subcommand");
		err_at(&err, STAGE_USAGE, argv[argc > 1 ? 1 : 0]);
		return finish(words, &err);
	}
	return finish_help(words);
}

int
main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct words words;
	const struct cmd *cmd;
	struct err err;

	fill_standard_fds();
	sigemptyset(&ignore.sa_mask);
	sigaction(SIGPIPE, &ignore, NULL);	/* a write says EPIPE instead, and finish() ends as the signal would */
	sigaction(SIGXFSZ, &ignore, NULL);	/* a write says EFBIG instead */
	words_open(&words);
	words_init(&words, NULL, &(struct words_args){ .verbose = 0 });

	if (argc < 2) {
		err_set(&err, ERR_USAGE, 0, "usage: sockt [--help|--version] SUBCOMMAND [OPTION]... OPERAND...");
		return finish(&words, &err);
	}
	if (strcmp(argv[1], "--version") == 0 && argc == 2) {
		help_version(stdout);
		return finish_help(&words);
	}
	if (strcmp(argv[1], "help") == 0)
		return run_help(argc - 2, argv + 2, &words);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return run_help(0, NULL, &words);
	if ((cmd = cmd_find(argv[1])) != NULL)
		return run_cmd(cmd, argc - 2, argv + 2, &words);
	err_set(&err, ERR_USAGE, 0, "no such subcommand; see sockt help");
	err_at(&err, STAGE_USAGE, argv[1]);
	return finish(&words, &err);
}
