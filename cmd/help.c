/*
 * --help and --version: see help.h.
 */
#include "cmd/help.h"

#include <string.h>

#define HELP_COLUMN	30	/* where the explanations begin */
#define WIDTH		100

/* Writes the words of text from column at on, wrapped and indented to column. */
static void
wrap(FILE *out, const char *text, int at, int column)
{
	fprintf(out, "%*s", at < column ? column - at : 0, "");
	at = at < column ? column : at;
	while (*text != '\0') {
		int n = (int)strcspn(text, " ");
		if (at > column && at + 1 + n > WIDTH) {
			fprintf(out, "\n%*s", column, "");
			at = column;
		}
		at += fprintf(out, "%s%.*s", at > column ? " " : "", n, text);
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void
help_row(FILE *out, const struct opt *row)
{
	char left[96], text[256], value[32];
	int n;

	if (row->letter != 0)
		n = snprintf(left, sizeof(left), "  -%c%s%s", row->letter, row->name != NULL ? ", --" : "",
		    row->name != NULL ? row->name : "");
	else
		n = snprintf(left, sizeof(left), "      --%s", row->name);
	n += snprintf(left + n, sizeof(left) - (size_t)n, "%s", opts_value(row, value, sizeof(value)));
	snprintf(text, sizeof(text), "%s%s%s%s", row->help, row->def != NULL ? " (default " : "",
	    row->def != NULL ? row->def : "", row->def != NULL ? ")" : "");
	fputs(left, out);
	if (n >= HELP_COLUMN) {
		fputc('\n', out);
		n = 0;
	}
	wrap(out, text, n, HELP_COLUMN);
}

void
help_cmd(FILE *out, const struct cmd *cmd)
{
	struct opt_walk walk = OPT_WALK(cmd->opts);
	const struct opt *row;
	const char *heading = "";

	fprintf(out, "usage: sockt %s [OPTION]... %s\n%s\n", cmd->name, cmd->operands, cmd->summary);
	while ((row = opts_next(&walk)) != NULL) {
		if (!opts_is_option(row))
			continue;
		if (heading == NULL ? walk.heading != NULL : walk.heading == NULL || strcmp(walk.heading, heading) != 0) {
			heading = walk.heading;
			fprintf(out, "\n%s:\n", heading != NULL ? heading : "Options");
		}
		help_row(out, row);
	}
	fprintf(out, "  -h, --help");
	wrap(out, "this text", 12, HELP_COLUMN);
	fprintf(out, "\nsockt-%s(1) says more; sockt(1) has the exit statuses.\n", cmd->name);
}

void
help_general(FILE *out)
{
	fprintf(out, "usage: sockt [--help|--version] SUBCOMMAND [OPTION]... OPERAND...\n\n");
	for (size_t i = 0; commands[i] != NULL; i++)
		fprintf(out, "  %-14s  %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "  %-14s  %s\n", "help", "show this text, or that of a subcommand");
	fprintf(out, "\nsockt SUBCOMMAND --help lists its options; sockt(1) says more.\n");
}

void
help_version(FILE *out)
{
#ifdef SOCKT_PORTABLE
	static const char features[] = "poll ipv6 unix vsock mptcp";
#else
	static const char features[] = "epoll splice ipv6 unix vsock mptcp";
#endif

	fprintf(out, "sockt %s\nfeatures: %s\n", SOCKT_VERSION, features);
}
