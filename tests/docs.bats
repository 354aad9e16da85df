#!/usr/bin/env bats
# The option tables, --help, the manuals and the source say the same, in both directions; and the examples run.

load lib/helpers
load lib/typed

setup() {
	cd "$BATS_TEST_DIRNAME/.." || exit 1
}

# Writes what a manual lists: SECTION, SUBSECTION, TERM, TEXT with tabs between, one .It a line.
listed() {
	mandoc -T html "$1" | tr '\n\t' '  ' | sed -E 's,</?(h1|h2|dt|dd)\b,\n&,g' | awk -v OFS='\t' '
		function text() {
			gsub(/<[^>]*>/, "")
			gsub(/&lt;/, "<"); gsub(/&gt;/, ">"); gsub(/&amp;/, "\\&")
			gsub(/&#x2018;|&#x2019;/, "\047")
			gsub(/  +/, " "); sub(/^ /, ""); sub(/ $/, "")
			return $0
		}
		function flush() { if (term != "") print section, sub_section, term, dd; term = dd = "" }
		/^<h1/ { flush(); section = text(); sub_section = "" }
		/^<h2/ { flush(); sub_section = text() }
		/^<dt/ { flush(); term = text() }
		/^<dd/ { dd = text() }
		END { flush() }'
}

# The option tables. What stands in brackets behind a heading is when it applies: the group is the same.
tables() {
	"$SOCKT_BUILD/optdump" list | awk -F '\t' -v OFS='\t' '{ sub(/ \([^)]*\)$/, "", $2); print }'
}

# Reads the tables and writes PAGE, HEADING and the option as a manual writes it, each once.
options_wanted() {
	tables | awk -F '\t' -v OFS='\t' '{
		value = $5 == "-" ? "" : ($5 ~ /^\[=/ ? "" : " ") tolower($5)
		names = $3 == "-" ? "" : "-" $3 value
		if ($4 != "-")
			names = names (names == "" ? "" : ", ") "--" $4 value
		print $2 == "-" ? "sockt-" $1 ".1" : "sockt-options.7", $2 == "-" ? "" : $2, names
	}' | sort -u
}

# Writes the options of --help as `SUBCOMMAND: NAMES`, or with their defaults as `NAMES: DEFAULT`, each once.
help_options() {
	local verb
	for verb in $(subcommands); do
		"$SOCKT" "$verb" --help | awk -v verb="$verb" -v what="$1" '
			function flush() {
				if (row != "" && what == "names") {
					print verb ": " names
				} else if (match(row, /\(default:? [^)]*\)/)) {
					row = substr(row, RSTART, RLENGTH - 1)
					sub(/^\(default:? /, "", row)
					print names ": " row
				}
				row = ""
			}
			/^(  -|      --)/ {
				flush()
				row = names = $0
				sub(/^ +/, "", names)
				sub(/  .*/, "", names)
				next
			}
			/^          / && row != "" {
				sub(/^ +/, " ")
				row = row $0
				next
			}
			{ flush() }
			END { flush() }'
	done
}

subcommands() {
	"$SOCKT" help | awk '/^  [a-z]/ && $1 != "help" { print $1 }'
}

same() {
	diff -u --label "$1" --label "$2" "$3" "$4"
}

@test "docs: every option stands in its manual and under its heading, and no other option does" {
	local page
	options_wanted >"$BATS_TEST_TMPDIR/tables"
	for page in man/sockt-*.[17]; do
		listed "$page" | awk -F '\t' -v OFS='\t' -v page="${page##*/}" '$3 ~ /^-/ { print page, $2, $3 }'
	done | sort >"$BATS_TEST_TMPDIR/manuals"
	same tables manuals "$BATS_TEST_TMPDIR/tables" "$BATS_TEST_TMPDIR/manuals"
	[ -s "$BATS_TEST_TMPDIR/tables" ]
}

@test "docs: sockt-options(7) has every socket option with its value, range and side, and no others" {
	"$SOCKT_BUILD/optdump" sockopts | sort >"$BATS_TEST_TMPDIR/table"
	listed man/sockt-options.7 | awk -F '\t' -v OFS='\t' '$1 == "DESCRIPTION" && $3 ~ /^[A-Z0-9]+_/ {
		range = match($4, /[0-9]+ to [0-9]+/) ? substr($4, RSTART, RLENGTH) : "-"
		side = match($4, /Only for sockets that [a-z]+\./) ? substr($4, RSTART + 22, RLENGTH - 23) : "both"
		print $3, side, range
	}' | sort >"$BATS_TEST_TMPDIR/manual"
	same table manual "$BATS_TEST_TMPDIR/table" "$BATS_TEST_TMPDIR/manual"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/table")" -gt 40 ]
}

# The formats that an option takes, as it says when it is given none of them.
formats() {
	local message
	message=$("$SOCKT" connect --frame line "$1" none localhost 1 2>&1) || true
	tr ' ' '\n' <<<"${message##* is not one of }"
}

@test "docs: sockt-options(7) and --help have every format of messages, and no others" {
	formats --local-frame | sort >"$BATS_TEST_TMPDIR/source"
	listed man/sockt-options.7 | awk -F '\t' '$1 == "FORMATS" && $3 ~ /^[a-z]/ { print $3 }' |
		sed 's/, /\n/g; s/:n$/:N/' | sort >"$BATS_TEST_TMPDIR/manual"
	same source FORMATS "$BATS_TEST_TMPDIR/source" "$BATS_TEST_TMPDIR/manual"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/source")" -gt 10 ]

	formats --frame >"$BATS_TEST_TMPDIR/source"
	listed man/sockt-options.7 | awk -F '\t' '$3 == "--frame fmt" { print $4 }' |
		grep -oP ' such frames: \K[^.]*' | sed 's/, \| or /\n/g; s/:n$/:N/' >"$BATS_TEST_TMPDIR/manual"
	same source manual "$BATS_TEST_TMPDIR/source" "$BATS_TEST_TMPDIR/manual"
	"$SOCKT" connect --help | tr -s ' \n' ' ' | grep -oP -- '--frame FMT [^:]*: \K.*:N' |
		sed 's/, \| or /\n/g' >"$BATS_TEST_TMPDIR/help"
	same source --help "$BATS_TEST_TMPDIR/source" "$BATS_TEST_TMPDIR/help"
}

@test "docs: no manual mentions an option that does not exist" {
	{
		"$SOCKT_BUILD/optdump" list | awk -F '\t' '$3 != "-" { print "-" $3 } $4 != "-" { print "--" $4 }'
		# what main() knows, -v twice, and two of nc that sockt(1) translates
		printf '%s\n' -h --help --version -vv -l -p
	} | sort -u >"$BATS_TEST_TMPDIR/known"
	local page
	for page in man/*.[157]; do
		mandoc -T html "$page"
	done | tr '\n' ' ' | grep -oP '<code class="Fl"[^>]*>\K[^<]+' | sort -u >"$BATS_TEST_TMPDIR/mentioned"
	[ -s "$BATS_TEST_TMPDIR/mentioned" ]
	run -0 comm -13 "$BATS_TEST_TMPDIR/known" "$BATS_TEST_TMPDIR/mentioned"
	[ "$output" = "" ]
}

@test "docs: --help lists every option of the tables, and nothing else but itself" {
	{
		"$SOCKT_BUILD/optdump" list | awk -F '\t' '{
			print $1 ": " ($3 == "-" ? "" : "-" $3) ($3 == "-" || $4 == "-" ? "" : ", ") \
			    ($4 == "-" ? "" : "--" $4) ($5 == "-" ? "" : ($5 ~ /^\[=/ ? "" : " ") $5)
		}'
		subcommands | sed 's/$/: -h, --help/'
	} | sort >"$BATS_TEST_TMPDIR/tables"
	help_options names | sort >"$BATS_TEST_TMPDIR/help"
	same tables --help "$BATS_TEST_TMPDIR/tables" "$BATS_TEST_TMPDIR/help"
}

@test "docs: a default is the same in the tables, in --help and in the manual, or in none" {
	local page
	help_options defaults | sort -u >"$BATS_TEST_TMPDIR/help"
	for page in man/sockt-*.[17]; do
		listed "$page" | awk -F '\t' '$3 ~ /^-/ && match($4, /The default is .*/) {
			value = substr($4, RSTART + 15)
			sub(/[.:] .*|[.:]$/, "", value)
			sub(/^-.*, /, "", $3)
			print $3 ": " value
		}'
	done | sort -u >"$BATS_TEST_TMPDIR/manuals"
	# --help writes the value once, and in capitals
	sed -E 's/^(-., )?(--[a-z-]+) ([^:]*):/\2 \L\3\E:/' "$BATS_TEST_TMPDIR/help" | sort >"$BATS_TEST_TMPDIR/help.once"
	same --help manuals "$BATS_TEST_TMPDIR/help.once" "$BATS_TEST_TMPDIR/manuals"

	"$SOCKT_BUILD/optdump" list | awk -F '\t' '$6 != "-" { print "--" $4 " " tolower($5) ": " $6 }' |
		sort -u >"$BATS_TEST_TMPDIR/tables"
	[ -s "$BATS_TEST_TMPDIR/tables" ]
	run -0 comm -23 "$BATS_TEST_TMPDIR/tables" "$BATS_TEST_TMPDIR/manuals"
	[ "$output" = "" ]
}

@test "docs: the manual of a subcommand names the groups of options that it has" {
	local verb
	for verb in $(subcommands); do
		tables | awk -F '\t' -v verb="$verb" '$1 == verb && $2 != "-" { print $2 }' |
			uniq >"$BATS_TEST_TMPDIR/tables"
		listed "man/sockt-$verb.1" | awk -F '\t' '$1 == "DESCRIPTION" && $3 ~ /^[A-Z]/ { print $3 }' \
			>"$BATS_TEST_TMPDIR/manual"
		same tables "sockt-$verb.1" "$BATS_TEST_TMPDIR/tables" "$BATS_TEST_TMPDIR/manual"
	done
}

@test "docs: a group of options says which subcommands have it" {
	tables | awk -F '\t' '$2 != "-" && $2 != "Words" { print $2 ": " $1 }' |
		sort -u >"$BATS_TEST_TMPDIR/tables"
	awk '/^\.Sh / { group = "" }
		/^\.Ss / { group = substr($0, 5); naming = 1; next }
		/^\.Bl / { naming = 0 }
		naming && group != "" && /^\.Xr sockt-/ { sub(/^sockt-/, "", $2); print group ": " $2 }' \
		man/sockt-options.7 | sort >"$BATS_TEST_TMPDIR/manual"
	same tables sockt-options.7 "$BATS_TEST_TMPDIR/tables" "$BATS_TEST_TMPDIR/manual"
}

@test "docs: sockt(1) lists the subcommands that there are, and each has its manual" {
	local verb
	"$SOCKT" help | awk '/^  [a-z]/ { print $1 }' >"$BATS_TEST_TMPDIR/help"
	listed man/sockt.1 | awk -F '\t' '$1 == "DESCRIPTION" && $2 == "" && $3 ~ /^[a-z]/ { print $3 }' \
		>"$BATS_TEST_TMPDIR/manual"
	same 'sockt help' sockt.1 "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/manual"
	for verb in $(subcommands); do
		grep -qx "\.Nm sockt-$verb" "man/sockt-$verb.1"
		grep -qx "\.Xr sockt-$verb 1 [.,]" man/sockt.1
	done
	[ "$(cd man && LC_ALL=C ls sockt-*.1)" = "$(subcommands | LC_ALL=C sort | sed 's/.*/sockt-&.1/')" ]
}

# Writes EVENT, and EVENT, MEMBER, TYPE for each member, of every function of the C source that makes one. What a
# datagram has belongs to every event that dgram_line_write() is given; and of members that are named by a table, in
# front of their words, the table is above the function.
events_in_source() {
	awk -v OFS='\t' '
		function add(key, word) {
			if (key != "object" && key != "ts" && key != "event")
				members[++n] = key OFS (word ~ /str\(|STR\(/ ? "string" : word ~ /bool\(/ ? "boolean" : "integer")
		}
		FNR == 1 { n_table = 0 }
		/^\t\[[A-Z_]+\] = \{ "[a-z_]+", / { split($0, part, "\""); table[++n_table] = part[2] }
		/^}/ {
			for (i = 1; i <= n; i++) {
				if (event != "")
					print event, members[i]
				else if (FILENAME ~ /\/dgram_line\.c$/)
					line_members[++n_line] = members[i]
			}
			if (event != "")
				print event
			event = ""
			n = 0
		}
		{
			line = $0
			while (match(line, /(LOG_STR|LOG_NUM)\("[a-z_]+"|json_(str|int|bool)\(&?j, "[a-z_]+"/)) {
				word = substr(line, RSTART, RLENGTH)
				line = substr(line, RSTART + RLENGTH)
				split(word, part, "\"")
				add(part[2], word)
			}
			if (line ~ /LOG_NUM\([a-z_]+\[i\]\.key,/) {
				for (i = 1; i <= n_table; i++)
					add(table[i], "NUM(")
			}
			if (line ~ /notation_write_member\(/) {
				add("text", "str(")
				add("base64", "str(")
			}
			if (match($0, /dgram_line_write\("[a-z_-]+"/)) {
				split(substr($0, RSTART, RLENGTH), part, "\"")
				lines[event = part[2]]
			}
			if (match($0, /log_say\([^,]*, LOG_[A-Z]+, [^"]*"[a-z_-]+"/) ||
			    match($0, /json_line_begin\(&j, .*, "[a-z_]+"\)/)) {
				split(substr($0, RSTART, RLENGTH), part, "\"")
				event = part[2]
			}
		}
		END {
			for (event in lines) {
				for (i = 1; i <= n_line; i++)
					print event, line_members[i]
			}
		}' cmd/*.c lib/*/*.c
}

events_in_manual() {
	sed -n 's/^\.Ss //p' man/sockt-json.5
	listed man/sockt-json.5 | awk -F '\t' -v OFS='\t' '$2 != "" { sub(/:.*/, "", $4); print $2, $3, $4 }'
}

@test "docs: sockt-json(5) has every event of the source with its members and their types, and no others" {
	events_in_source | sort -u >"$BATS_TEST_TMPDIR/source"
	events_in_manual | sort >"$BATS_TEST_TMPDIR/manual"
	same source sockt-json.5 "$BATS_TEST_TMPDIR/source" "$BATS_TEST_TMPDIR/manual"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/source")" -gt 90 ]
	# an event or a member whose name is not written there would escape us
	run -1 grep -nP 'log_say\((?!const struct log )[^"]*$|dgram_line_write\((?!const char)[^"]*$' lib/*/*.c cmd/*.c
}

@test "docs: what --json writes is what sockt-json(5) says" {
	start_listener --json -vv --stats
	timeout "$PATIENCE" "$SOCKT" connect --json -vv --stats "$addr" <<<hello 2>"$BATS_TEST_TMPDIR/client"
	ends 0 "$listener"
	mv "$said" "$BATS_TEST_TMPDIR/server"
	run -4 --separate-stderr timeout 20 "$SOCKT" connect --json "unix:$BATS_TEST_TMPDIR/none" </dev/null
	printf '%s\n' "$stderr" >"$BATS_TEST_TMPDIR/error"
	start_listener --json --sh 'exit 3'
	timeout "$PATIENCE" "$SOCKT" connect -d "$addr"
	ends 3 "$listener"
	mv "$said" "$BATS_TEST_TMPDIR/program"
	start_listener --frame len32 --local-frame raw <<<$'two\nlines'
	timeout "$PATIENCE" "$SOCKT" connect -d --json --frame len32 "$addr" 2>"$BATS_TEST_TMPDIR/messages"
	ends 0 "$listener"
	start_server echo-server --json --deny 127.0.0.0/8 --drain 10ms 127.0.0.1 0
	timeout "$PATIENCE" "$SOCKT" connect -d "$addr"
	kill -USR1 "$server"
	wait_for says "$said" counts
	kill "$server"
	ends 143 "$server"
	mv "$said" "$BATS_TEST_TMPDIR/echo"
	start_server listen --json --stats -u --frame line --max-message 4 127.0.0.1 0
	timeout "$PATIENCE" "$SOCKT" connect -u -q 0 "$addr" <<<longer
	wait_for says "$heard" '"event":"datagram"'
	kill "$server"
	ends 143 "$server"
	cat "$said" "$heard" >"$BATS_TEST_TMPDIR/datagrams"
	start_server unix -l --json --type seqpacket "$BATS_TEST_TMPDIR/sock"
	timeout "$PATIENCE" "$SOCKT" unix --type seqpacket "$BATS_TEST_TMPDIR/sock" <<<hello
	ends 0 "$server"
	mv "$said" "$BATS_TEST_TMPDIR/unix"
	events_in_manual >"$BATS_TEST_TMPDIR/manual"
	python3 - "$BATS_TEST_TMPDIR"/{manual,server,client,error,program,messages,echo,datagrams,unix} <<-'END'
		import json, sys
		known = {}
		for line in open(sys.argv[1]):
		    event, *member = line.rstrip('\n').split('\t')
		    known.setdefault(event, {'ts': 'string', 'event': 'string', 'object': 'string'})
		    if member:
		        known[event][member[0]] = member[1]
		seen = set()
		for path in sys.argv[2:]:
		    for line in open(path):
		        record = json.loads(line)
		        seen.add(record['event'])
		        for key, value in record.items():
		            kind = {str: 'string', int: 'integer', bool: 'boolean'}[type(value)]
		            assert known[record['event']].get(key) == kind, (record, key)
		assert {'listening', 'accepted', 'trying', 'connected', 'closed', 'stats', 'failed', 'error', 'started', 'ended',
		    'ambiguous', 'refused', 'counts', 'datagram', 'peer'} <= seen, seen
	END
}

# The words that a function of lib/base/err.c makes of an enum.
names_in_err() {
	sed -n "/^$1(/,/^}/p" lib/base/err.c | grep -oP '"\K[a-z]+(?=")'
}

quoted_in_json_manual() {
	listed man/sockt-json.5 | awk -F '\t' -v term="$1" '$2 == "error" && $3 == term { print $4 }' |
		grep -oP "'\\K[a-z]+(?=')"
}

@test "docs: sockt-json(5) names the kinds and stages that an error may have" {
	# two have one name, and of a program's status or a signal there is no error record
	[ "$(names_in_err err_kind_name | uniq | grep -vx -e none -e program -e signal)" = "$(quoted_in_json_manual kind)" ]
	[ "$(names_in_err err_stage_name)" = "$(quoted_in_json_manual stage)" ]
	[ -n "$(names_in_err err_stage_name)" ]
}

@test "docs: EXIT STATUS is what main.c does, and each page repeats a part of it" {
	local page name number
	sed -n '/exit_status\[ERR_KINDS\]/,/};/p' cmd/main.c | grep -oE '\[ERR_[A-Z_]+\] = [0-9]+' | tr -d '=[]' |
		while read -r name number; do
			name=$(grep -oP "\\[$name\\] = \"\\K[a-z]+" lib/base/err.c)
			case $name in
			none) printf '%s\n' "$number" ;;
			signal) printf '%s+N signal\n' "$number" ;;
			*) printf '%s %s\n' "$number" "$name" ;;
			esac
		done >"$BATS_TEST_TMPDIR/source"
	listed man/sockt.1 | awk -F '\t' '$1 == "EXIT STATUS" { print $3 }' >"$BATS_TEST_TMPDIR/manual"
	same main.c sockt.1 "$BATS_TEST_TMPDIR/source" "$BATS_TEST_TMPDIR/manual"
	for page in man/sockt-*.1; do
		listed "$page" | awk -F '\t' '$1 == "EXIT STATUS" { print $3 }' >"$BATS_TEST_TMPDIR/part"
		[ -s "$BATS_TEST_TMPDIR/part" ]
		run -1 grep -vxF -f "$BATS_TEST_TMPDIR/manual" "$BATS_TEST_TMPDIR/part"
	done
}

@test "docs: mandoc has nothing to say about the manuals" {
	run -0 mandoc -T lint -W warning man/*.[1-8]
	[ "$output" = "" ]
}

# ---- examples ----

@test "docs: what the examples show can be copied from any man(1)" {
	# groff makes typographic signs of these, unless they are written \(aq \(ga \(ha \(ti \-
	# shellcheck disable=SC2016	# awk expands it
	run -1 awk '/^\.Ed/ { inside = 0 } inside && /[\047\140^~]|(^|[^\\])-/ { print FILENAME ": " $0; found = 1 }
		/^\.Bd -literal/ { inside = 1 } END { exit !found }' man/*.[1-8]
	is "$output" ""
}

# The blocks of EXAMPLES as man(1) shows them, each ended by a NUL.
examples() {
	mandoc -T utf8 -O width=150 "$1" | sed $'s/.\b//g' | awk '
		/^[A-Z]/ { inside = $0 == "EXAMPLES" }
		inside && sub(/^           /, "") { block = block $0 "\n"; next }
		block != "" { printf "%s%c", block, 0; block = "" }'
}

# Runs every block of a page in a shell of its own, all in one directory. What a block leaves in the background ends
# with it. The output of all goes to $BATS_TEST_TMPDIR/said, their number to $ran.
run_examples() {
	local page=$PWD/man/$1 block shell status
	enter_sandbox
	head -c 300000 /dev/urandom >file
	start_web
	ran=0
	while IFS= read -r -d '' block; do
		ran=$((ran + 1)) status=0
		choose_port
		begin timeout "$PATIENCE" bash -euo pipefail -c "$(with_ports "$block")"
		shell=$pid
		wait "$shell" || status=$?
		kill -- "-$shell" 2>/dev/null || true		# timeout(1) has made a group
		cat "$heard" "$said" >>"$BATS_TEST_TMPDIR/said"
		((status == 0)) || { printf 'example %d of %s: status %d\n%s' "$ran" "$1" "$status" "$block"; return 1; }
	done < <(examples "$page")
}

said() {
	grep -q -e "$1" "$BATS_TEST_TMPDIR/said"
}

@test "docs: the examples of sockt(1) run as typed" {
	run_examples sockt.1
	[ "$ran" -eq 3 ]
	said '^yes$'
	said '^hello$'
	said 'the other may be silent'
}

@test "docs: the examples of sockt-connect(1) run as typed" {
	run_examples sockt-connect.1
	[ "$ran" -eq 15 ]
	said '^up$'
	[ "$(grep -c '^it works$' "$BATS_TEST_TMPDIR/said")" -eq 4 ]
	said '^sent$'
	said '^ok$'
	said '^file$'
	said '^frame me$'
	[ "$(grep -A 1 -x 'frame me' "$BATS_TEST_TMPDIR/said" | tail -n 1)" = '' ]
	said '^c0ffee00$'
	said '^> 00000000  47 45 54 20 .*|GET / HTTP/1.0..|$'
	said '^< 00000000  48 54 54 50 '
	said '"direction":"sent","text":"GET / HTTP/1.0\\r\\n\\r\\n"}$'
	said 'connected from .* ms$'
	said '"event":"connected"'
	[ "$(grep -A 1 -x first "$BATS_TEST_TMPDIR/said")" = $'first\nsecond' ]
	said '^status 5$'
	said 'no word in 200 ms: '
}

@test "docs: the examples of sockt-listen(1) run as typed" {
	run_examples sockt-listen.1
	[ "$ran" -eq 15 ]
	said '^hello$'
	said '^one$'
	said '^two$'
	said '^"two\\nlines"$'
	[ "$(grep -A 1 -x a "$BATS_TEST_TMPDIR/said")" = $'a\nb' ]
	said '^you are 127.0.0.1$'
	said '^status 3$'
	said '^it works$'
	said '^< 00000000  47 45 54 20 '
	said '^> 00000000  48 54 54 50 '
	said '^ok$'
	[ "$(grep -A 1 -x tick "$BATS_TEST_TMPDIR/said")" = $'tick\ntock' ]
	said '"event":"datagram","peer":"127.0.0.1:[0-9]*","local":"127.0.0.1:[0-9]*","size":3,'
	said '^6$'
	said '^extra$'
	said '^20[0-9][0-9]$'
}

@test "docs: the examples of sockt-unix(1) run as typed" {
	run_examples sockt-unix.1
	[ "$ran" -eq 7 ]
	said '^ok$'
	said '^up$'
	said "unix:control.sock: .*process .*of user $(id -u), group $(id -g)\$"
	[ "$(grep -A 1 -x a "$BATS_TEST_TMPDIR/said")" = $'a\nb' ]
	said '^gone$'
	said '^psst$'
	[ "$(grep -A 2 -x 6f6e65 "$BATS_TEST_TMPDIR/said")" = $'6f6e65\n\n7468726565' ]
	said '"event":"datagram","peer":"unix:.*"pid":[0-9]*,"uid":.*"text":"<13>backup: done"}$'
	cmp copy file
	[ "$(ls -d ./*.sock)" = ./control.sock ]
}

@test "docs: the examples of sockt-udp-send(1) run as typed" {
	run_examples sockt-udp-send.1
	[ "$ran" -eq 8 ]
	said '^1b0\{94\}$'
	said '^200 ping$'
	said ': sent 200 datagrams, .* answered 200, lost 0, duplicate 0, late 0, strange 0 in 0\.[12]'
	said '^it is me$'
	said '^status 4$'
}

@test "docs: the examples of sockt-echo-server(1) run as typed" {
	run_examples sockt-echo-server.1
	[ "$ran" -eq 7 ]
	said '^hello$'
	said '^heard: one$'
	[ "$(grep -A 2 -x 1 "$BATS_TEST_TMPDIR/said")" = $'1\n2\nRate limit exceeded' ]
	said '^first$'
	said '^Server full, try again later$'
	said '0 clients now, 1 at most, 1 accepted, 1 refused$'
	[ "$(grep -A 4 -x a "$BATS_TEST_TMPDIR/said")" = $'a\nb\nc\nd\ne' ]
	said ': sent 5 datagrams of 5 bytes .*, received 6 of 6 bytes '
	said 'not answered: 1 refused$'
	said '^locally$'
	said '|5:hello,|$'
	said '^9:re: hello,'
}

@test "docs: the examples of sockt-json(5) run as typed" {
	run_examples sockt-json.5
	[ "$ran" -eq 3 ]
	[ "$(grep -c '^127.0.0.1:[0-9]* 3$' "$BATS_TEST_TMPDIR/said")" -eq 2 ]
	said '"event":"connected"'
	said '^recovered$'
}
