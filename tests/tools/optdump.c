/*
 * optdump bash|zsh|fish|list|sockopts: what the option tables say, as completions for a shell or as a plain list.
 *
 * The list has one option a line, VERB HEADING LETTER LONG METAVAR DEFAULT with tabs between, and `-` for what an
 * option does not have; a value that may be left out is [=METAVAR]. That of the socket options has NAME=VALUE SIDE
 * RANGE. Their reader is tests/docs.bats, which holds them against the manuals and --help.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "lib/base/opts.h"
#include "lib/net/sockopt.h"
#include "lib/wire/frame.h"

/* What the rows leave out: the parser itself knows these two. */
static const struct opt help_row = { .kind = OPT_KIND_FLAG, .letter = 'h', .name = "help", .help = "show the options" };
static const char version_help[] = "show the version";
static const char help_summary[] = "show the options of a subcommand";

/* The next row that is an option, or NULL. */
static const struct opt *
next_option(struct opt_walk *walk)
{
	const struct opt *row;

	do
		row = opts_next(walk);
	while (row != NULL && !opts_is_option(row));
	return row;
}

/* Writes text with a backslash before each of the characters in special, and ' as a single-quoted string needs it. */
static void
put_quoted(const char *text, const char *special, const char *quote)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\'')
			fputs(quote, stdout);
		else
			printf("%s%c", strchr(special, *p) != NULL ? "\\" : "", *p);
	}
}

/* Writes the row's names as a user types them: "-w --timeout". */
static void
put_names(const struct opt *row)
{
	if (row->letter != 0)
		printf("-%c", row->letter);
	if (row->letter != 0 && row->name != NULL)
		putchar(' ');
	if (row->name != NULL)
		printf("--%s", row->name);
}

/* ---- list ---- */

static const char *
or_none(const char *text)
{
	return text != NULL ? text : "-";
}

static void
dump_sockopts(void)
{
	static const char *const sides[] = { [SOCKOPT_CONNECT] = "connect", [SOCKOPT_LISTEN] = "listen",
	    [SOCKOPT_CONNECT | SOCKOPT_LISTEN] = "both" };

	for (const struct sockopt_row *row = sockopt_rows; row->name != NULL; row++) {
		bool flag = row->kind == SOCKOPT_BOOL;
		bool bounded = (row->kind == SOCKOPT_INT && row->max != INT_MAX) || row->kind == SOCKOPT_LINGER;

		printf("%s%s=%s%s\t%s\t", row->name, flag ? "[" : "", row->takes, flag ? "]" : "", sides[row->sides]);
		if (bounded)
			printf("%lld to %lld\n", (long long)row->min, (long long)row->max);
		else
			puts("-");
	}
}

static void
dump_list(void)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		struct opt_walk walk = OPT_WALK(commands[i]->opts);
		const struct opt *row;

		while ((row = next_option(&walk)) != NULL) {
			char letter[2] = { row->letter != 0 ? row->letter : '-', '\0' }, value[32];
			printf("%s\t%s\t%s\t%s\t%s\t%s\n", commands[i]->name, or_none(walk.heading), letter,
			    or_none(row->name), row->bare != NULL ? opts_value(row, value, sizeof(value)) :
			    or_none(row->metavar), or_none(row->def));
		}
	}
}

/* ---- what an option or a subcommand takes ---- */

static bool
any_option(const struct opt *row)
{
	(void)row;
	return true;
}

/* Is its value the next word? */
static bool
takes_value(const struct opt *row)
{
	return row->metavar != NULL && row->bare == NULL;
}

static bool
repeats(const struct opt *row)
{
	return row->repeats || row->kind == OPT_KIND_COUNT;
}

static bool
takes_file(const struct opt *row)
{
	return row->offer == OPT_OFFER_FILE;
}

static bool
takes_interface(const struct opt *row)
{
	return row->offer == OPT_OFFER_INTERFACE;
}

static bool
takes_frame(const struct opt *row)
{
	return row->offer == OPT_OFFER_FRAME;
}

static bool
takes_local_frame(const struct opt *row)
{
	return row->offer == OPT_OFFER_LOCAL_FRAME;
}

/* Writes names of formats as a user may type them. Of "fixed:N" only the N is the user's: it is left out. */
static void
put_formats(const char *names)
{
	size_t len = strcspn(names, "N");

	fwrite(names, 1, len, stdout);
	fputs(names[len] == 'N' ? names + len + 1 : "", stdout);
}

static bool
takes_host(const struct cmd *cmd)
{
	return strstr(cmd->operands, "HOST") != NULL;
}

static bool
takes_unix(const struct cmd *cmd)
{
	return strstr(cmd->operands, "unix:PATH") != NULL;
}

static bool
takes_data(const struct cmd *cmd)
{
	return strstr(cmd->operands, "[DATA...]") != NULL;
}

/* ---- bash ---- */

/* One line of a subcommand's case: the names of all options that pass. */
static void
bash_names(const struct cmd *cmd, const char *variable, bool (*passes)(const struct opt *row))
{
	struct opt_walk walk = OPT_WALK(cmd->opts);
	const struct opt *row;
	const char *between = "";

	printf("\t\t%s='", variable);
	while ((row = next_option(&walk)) != NULL) {
		if (!passes(row))
			continue;
		fputs(between, stdout);
		put_names(row);
		between = " ";
	}
	if (passes == any_option) {
		fputs(between, stdout);
		put_names(&help_row);
	}
	puts("'");
}

/* What follows the tables. */
static const char bash_tail[] =
    "\tesac\n"
    "}\n"
    "\n"
    "_sockt() {\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "\tlocal verbs options values files interfaces frames frame_formats locals local_formats operands\n"
    "\tlocal word i n=0 ended='' skip=''\n"
    "\n"
    "\tCOMPREPLY=()\n"
    "\t_sockt_tables \"${COMP_WORDS[1]}\"\n"
    "\tif ((COMP_CWORD == 1)); then\n"
    "\t\tmapfile -t COMPREPLY < <(compgen -W \"$verbs help --help --version\" -- \"$cur\")\n"
    "\t\treturn\n"
    "\telif [[ ${COMP_WORDS[1]} == help ]]; then\n"
    "\t\t((COMP_CWORD > 2)) || mapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$cur\")\n"
    "\t\treturn\n"
    "\tfi\n"
    "\n"
    "\t# Which operand is it? `=` and `:` are words of their own here, with the rest of the word behind them.\n"
    "\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
    "\t\tword=${COMP_WORDS[i]}\n"
    "\t\tif [[ $word == [=:] ]]; then\n"
    "\t\t\tskip=1\n"
    "\t\telif [[ $skip ]]; then\n"
    "\t\t\tskip=''\n"
    "\t\telif [[ ! $ended && $word == -- ]]; then\n"
    "\t\t\tended=1\n"
    "\t\telif [[ $ended || $word != -?* ]]; then\n"
    "\t\t\tn=$((n + 1))\n"
    "\t\telif [[ \" $values \" == *\" $word \"* ]]; then\n"
    "\t\t\tskip=1\n"
    "\t\tfi\n"
    "\tdone\n"
    "\tif [[ $cur == [=:] ]]; then\n"
    "\t\tword=$cur cur=''\n"
    "\telif [[ $prev == [=:] ]]; then\n"
    "\t\tword=$prev prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "\telse\n"
    "\t\tword=''\n"
    "\tfi\n"
    "\n"
    "\tif [[ $word == : ]]; then\n"
    "\t\t[[ $prev != unix || \" $operands \" != *' unix '* ]] || _sockt_files\n"
    "\telif [[ ! $ended && \" $values \" == *\" $prev \"* ]]; then\n"
    "\t\tif [[ \" $files \" == *\" $prev \"* ]]; then\n"
    "\t\t\t_sockt_files\n"
    "\t\telif [[ \" $interfaces \" == *\" $prev \"* ]]; then\n"
    "\t\t\tmapfile -t COMPREPLY < <(compgen -W \"$(command ls /sys/class/net 2>/dev/null)\" -- \"$cur\")\n"
    "\t\telif [[ \" $frames \" == *\" $prev \"* ]]; then\n"
    "\t\t\t_sockt_formats \"$frame_formats\"\n"
    "\t\telif [[ \" $locals \" == *\" $prev \"* ]]; then\n"
    "\t\t\t_sockt_formats \"$local_formats\"\n"
    "\t\tfi\n"
    "\telif [[ ! $ended && $cur == -* ]]; then\n"
    "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
    "\telif ((n == 0)) && [[ \" $operands \" == *' host '* ]]; then\n"
    "\t\tmapfile -t COMPREPLY < <(compgen -A hostname -- \"$cur\")\n"
    "\tfi\n"
    "}\n"
    "\n"
    "# Called by hand, as a test does, there is no completion to set an option of.\n"
    "_sockt_files() {\n"
    "\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "\tcompopt -o filenames 2>/dev/null\n"
    "}\n"
    "\n"
    "# A number follows `fixed:`, and no blank.\n"
    "_sockt_formats() {\n"
    "\tmapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
    "\t[[ ${COMPREPLY[0]-} != *: ]] || compopt -o nospace 2>/dev/null\n"
    "}\n"
    "\n"
    "complete -F _sockt sockt\n";

static void
dump_bash(void)
{
	puts("# Completion of sockt for bash: written by `make completions` from the option tables.");
	puts("# shellcheck shell=bash disable=SC2034\n");
	puts("# Sets what the subcommand has: its options, those with a value, and of these the ones that take a file, an");
	puts("# interface or a format; its operands.");
	puts("_sockt_tables() {");
	fputs("\tframe_formats='", stdout);
	put_formats(frame_wire_names);
	fputs("'\n\tlocal_formats='", stdout);
	put_formats(frame_local_names);
	fputs("'\n\tverbs='", stdout);
	for (size_t i = 0; commands[i] != NULL; i++)
		printf("%s%s", i > 0 ? " " : "", commands[i]->name);
	puts("'\n\tcase $1 in");
	for (size_t i = 0; commands[i] != NULL; i++) {
		const struct cmd *cmd = commands[i];
		printf("\t%s)\n", cmd->name);
		bash_names(cmd, "options", any_option);
		bash_names(cmd, "values", takes_value);
		bash_names(cmd, "files", takes_file);
		bash_names(cmd, "interfaces", takes_interface);
		bash_names(cmd, "frames", takes_frame);
		bash_names(cmd, "locals", takes_local_frame);
		printf("\t\toperands='%s%s' ;;\n", takes_host(cmd) ? "host" : "", takes_unix(cmd) ? " unix" : "");
	}
	fputs(bash_tail, stdout);
}

/* ---- zsh ---- */

/* Is the row the one that a conflict row names? */
static bool
is_named(const struct opt *row, const char *name)
{
	if (name[1] == '\0')
		return row->letter == name[0];
	return row->name != NULL && strcmp(row->name, name) == 0;
}

/* The row of a table that a conflict row names, or NULL. */
static const struct opt *
find_named(const struct opt *table, const char *name)
{
	struct opt_walk walk = OPT_WALK(table);
	const struct opt *row;

	while ((row = next_option(&walk)) != NULL && !is_named(row, name))
		continue;
	return row;
}

/* Writes the options that are of no use once row was given: itself, unless it may be repeated, and its conflicts. */
static void
zsh_exclusions(const struct cmd *cmd, const struct opt *row)
{
	struct opt_walk walk = OPT_WALK(cmd->opts);
	const struct opt *rule, *other;
	const char *between = "";

	putchar('(');
	if (!repeats(row)) {
		put_names(row);
		between = " ";
	}
	while ((rule = opts_next(&walk)) != NULL) {
		if (rule->kind != OPT_KIND_CONFLICT || !(is_named(row, rule->name) || is_named(row, rule->other)))
			continue;
		other = find_named(cmd->opts, is_named(row, rule->name) ? rule->other : rule->name);
		if (other == NULL)
			continue;
		fputs(between, stdout);
		put_names(other);
		between = " ";
	}
	putchar(')');
}

static const char *
zsh_action(const struct opt *row)
{
	switch (row->offer) {
	case OPT_OFFER_FILE:		return "_files";
	case OPT_OFFER_INTERFACE:	return "_net_interfaces";
	case OPT_OFFER_FRAME:		return "_sockt_frame";
	case OPT_OFFER_LOCAL_FRAME:	return "_sockt_local_frame";
	case OPT_OFFER_NOTHING:		break;
	}
	return " ";
}

/* One specification for _arguments(1): '(exclusions)'{-w+,--timeout=}'[help]:DUR: '. */
static void
zsh_option(const struct cmd *cmd, const struct opt *row)
{
	const char *after_letter = takes_value(row) ? "+" : "";
	const char *after_name = row->metavar == NULL ? "" : row->bare != NULL ? "=-" : "=";

	fputs("\t\t\t'", stdout);
	zsh_exclusions(cmd, row);
	printf("%s'", repeats(row) ? "*" : "");
	if (row->letter != 0 && row->name != NULL)
		printf("{-%c%s,--%s%s}", row->letter, after_letter, row->name, after_name);
	else if (row->name != NULL)
		printf("--%s%s", row->name, after_name);
	else
		printf("-%c%s", row->letter, after_letter);
	fputs("'[", stdout);
	put_quoted(row->help, "[]", "'\\''");
	putchar(']');
	if (row->metavar != NULL) {
		fputs(row->bare != NULL ? "::" : ":", stdout);
		put_quoted(row->metavar, ":", "'\\''");
		printf(":%s", zsh_action(row));
	}
	puts("' \\");
}

/* A function that offers the formats: `fixed:` without a blank behind it, for a number follows. */
static void
zsh_formats(const char *function, const char *names)
{
	const char *fixed = strstr(names, "fixed:N");

	printf("%s() {\n\tcompadd \"$@\" -S '' - fixed:\n\tcompadd \"$@\" - %.*s%s\n}\n\n", function,
	    (int)(fixed - names) - 1, names, fixed + strlen("fixed:N"));
}

static void
dump_zsh(void)
{
	puts("#compdef sockt");
	puts("# Completion of sockt for zsh: written by `make completions` from the option tables.\n");
	puts("_sockt_operand() {\n\tif compset -P unix:; then\n\t\t_files\n\telse\n\t\t_hosts\n\tfi\n}\n");
	zsh_formats("_sockt_frame", frame_wire_names);
	zsh_formats("_sockt_local_frame", frame_local_names);
	puts("_sockt() {\n\tlocal context state state_descr line\n\tlocal -A opt_args\n\tlocal -a subcommands\n");
	puts("\tsubcommands=(");
	for (size_t i = 0; commands[i] != NULL; i++) {
		printf("\t\t'%s:", commands[i]->name);
		put_quoted(commands[i]->summary, "", "'\\''");
		puts("'");
	}
	puts("\t)");
	printf("\t_arguments -C '(- *)'{-h,--help}'[%s]' '(- *)--version[%s]' '1: :->subcommand' '*:: :->rest'\n",
	    help_row.help, version_help);
	puts("\tcase $state in\n\tsubcommand)");
	printf("\t\tsubcommands+=('help:%s')\n", help_summary);
	puts("\t\t_describe -t commands subcommand subcommands ;;\n\trest)\n\t\tcase $words[1] in");
	for (size_t i = 0; commands[i] != NULL; i++) {
		const struct cmd *cmd = commands[i];
		struct opt_walk walk = OPT_WALK(cmd->opts);
		const struct opt *row;

		printf("\t\t%s)\n\t\t\t_arguments -s -S \\\n", cmd->name);
		while ((row = next_option(&walk)) != NULL)
			zsh_option(cmd, row);
		printf("\t\t\t'(- *)'{-h,--help}'[%s]' \\\n", help_row.help);
		if (takes_host(cmd))
			printf("\t\t\t'1:address:%s' '2:port: '%s ;;\n", takes_unix(cmd) ? "_sockt_operand" : "_hosts",
			    takes_data(cmd) ? " '*:data: '" : "");
		else
			puts("\t\t\t'*:operand: ' ;;");
	}
	puts("\t\thelp) _describe -t commands subcommand subcommands ;;\n\t\tesac ;;\n\tesac\n}\n\n_sockt \"$@\"");
}

/* ---- fish ---- */

/* fish puts no blank behind a colon. */
static void
fish_formats(const char *names)
{
	fputs(" -x -a '", stdout);
	put_formats(names);
	putchar('\'');
}

static void
fish_option(const struct cmd *cmd, const struct opt *row)
{
	printf("complete -c sockt -n '__sockt_runs %s'", cmd->name);
	if (row->letter != 0)
		printf(" -s %c", row->letter);
	if (row->name != NULL)
		printf(" -l %s", row->name);
	if (takes_file(row))
		fputs(" -r -F", stdout);
	else if (takes_interface(row))
		fputs(" -x -a '(command ls /sys/class/net 2>/dev/null)'", stdout);
	else if (takes_frame(row) || takes_local_frame(row))
		fish_formats(takes_frame(row) ? frame_wire_names : frame_local_names);
	else if (takes_value(row))
		fputs(" -x", stdout);
	fputs(" -d '", stdout);
	put_quoted(row->help, "\\", "\\'");
	puts("'");
}

static void
dump_fish(void)
{
	puts("# Completion of sockt for fish: written by `make completions` from the option tables.\n");
	puts("# Is the command line one of these subcommands'?");
	puts("function __sockt_runs\n\tset -l words (commandline -opc)");
	puts("\ttest (count $words) -ge 2; and contains -- $words[2] $argv\nend\n");
	puts("function __sockt_runs_nothing\n\ttest (count (commandline -opc)) -eq 1\nend\n");
	puts("complete -c sockt -f");
	for (size_t i = 0; commands[i] != NULL; i++) {
		printf("complete -c sockt -n __sockt_runs_nothing -a %s -d '", commands[i]->name);
		put_quoted(commands[i]->summary, "\\", "\\'");
		puts("'");
	}
	printf("complete -c sockt -n __sockt_runs_nothing -a help -d '%s'\n", help_summary);
	printf("complete -c sockt -n __sockt_runs_nothing -l version -d '%s'\n", version_help);
	printf("complete -c sockt -n __sockt_runs_nothing -s h -l help -d '%s'\n", help_row.help);
	for (size_t i = 0; commands[i] != NULL; i++) {
		const struct cmd *cmd = commands[i];
		struct opt_walk walk = OPT_WALK(cmd->opts);
		const struct opt *row;

		printf("complete -c sockt -n '__sockt_runs help' -a %s\n", cmd->name);
		while ((row = next_option(&walk)) != NULL)
			fish_option(cmd, row);
		fish_option(cmd, &help_row);
		if (takes_host(cmd))
			printf("complete -c sockt -n '__sockt_runs %s' -a '(__fish_print_hostnames)'\n", cmd->name);
	}
}

int
main(int argc, char **argv)
{
	static const struct { const char *name; void (*dump)(void); } forms[] = {
		{ "bash", dump_bash }, { "zsh", dump_zsh }, { "fish", dump_fish }, { "list", dump_list },
		{ "sockopts", dump_sockopts },
	};

	for (size_t i = 0; argc == 2 && i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(argv[1], forms[i].name) == 0) {
			forms[i].dump();
			return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
		}
	}
	fputs("usage: optdump bash|zsh|fish|list|sockopts\n", stderr);
	return 2;
}
