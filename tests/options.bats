# The command line: strict about values, exact about names, and nothing is touched before all of it is understood.
# shellcheck disable=SC2016	# other shells expand what is quoted
load lib/helpers

# refused OPTION VALUE WORD...: `connect WORD...` to a listener is usage, one line that names the option and the value.
refused() {
	local option=$1 value=$2
	shift 2
	run -2 --separate-stderr "$SOCKT" connect "$@" 127.0.0.1 "$port"
	is "$output" ''
	one_line "$stderr"
	has "$stderr" 'sockt: connect: ' "$option" "$value"
}

# untouched: nobody has come to the listener.
untouched() {
	has_no "$(<"$said")" 'connected'
	run -0 "$SOCKT" connect -z 127.0.0.1 "$port"	# it would have said so
	wait_for says "$said" 'connected'
}

@test "options: a duration is a number and perhaps a unit, nothing else, and not negative" {
	start_listener -k -v
	for value in 80x ' 80' '80 ' +80 -5s -1 0x50 nan inf '' . 5. .5 1e3 5S 5sec '5 s' 1,5 1:30 99999999999999999999; do
		refused --timeout "'$value'" "--timeout=$value"
		refused -w/--timeout "'$value'" -w "$value"
	done
	for option in --idle --max-time --linger --attempt-timeout --retry-delay --wait; do
		for value in 5x -5s nan ''; do
			refused "$option" "'$value'" "$option=$value"
		done
	done
	refused --wait "'0'" --wait 0
	refused --attempt-timeout "'0'" --attempt-timeout 0
	untouched
}

@test "options: durations have the units ms, s, m and h, and fractions" {
	start_listener -k
	for value in 5 0.5 250ms 2s 1m 1h 0.001 1.5m 0 00.5; do
		run -0 --separate-stderr "$SOCKT" connect -z --linger "$value" 127.0.0.1 "$port"
		is "$stderr" ''
	done
	needs_netns
	elapsed_ms run -5 --separate-stderr in_netns 'black_hole; "$SOCKT" connect -w 0.005m 198.51.100.1 80'
	has "$stderr" '300 ms'
	between 300 5000
}

@test "options: a count is digits in its range" {
	start_listener -k -v
	for value in 3x ' 3' +3 -1 0x3 1.5 '' 99999999999999999999; do
		refused --retry "'$value'" "--retry=$value"
	done
	run -2 --separate-stderr "$SOCKT" listen -k --max-conns 0 127.0.0.1 0
	has "$stderr" --max-conns "'0'"
	untouched
}

@test "options: a port that is not one is named, before anything is looked up" {
	for value in 80x ' 80' '80 ' +80 99999 65536 0 0x50 '' '80;ls' 'a b' 'http!'; do
		run -2 --separate-stderr "$SOCKT" connect no-such-host.invalid "$value"
		one_line "$stderr"
		has "$stderr" "$value" port
	done
	for value in 80x +80 -80 99999 65536 0x50; do
		run -2 --separate-stderr "$SOCKT" connect "no-such-host.invalid:$value"
		has "$stderr" "no-such-host.invalid:$value" port
		run -2 --separate-stderr "$SOCKT" listen "127.0.0.1:$value"
		has "$stderr" "127.0.0.1:$value" port
	done
}

@test "options: a host with blanks, controls or brackets that do not match is usage, and shown escaped" {
	for host in '' ' ' 'a b' $'a\tb' '[::1' '::1]' '[1.2.3.4]' '[]' 'a[b]' '1:2:3'; do
		run -2 --separate-stderr "$SOCKT" connect "$host" 80
		one_line "$stderr"
	done
	run -2 --separate-stderr "$SOCKT" connect $'a\e[31mb' 80
	has_no "$stderr" $'\e'
	for word in 127.0.0.1 '[::1]' '[::1]80' ::1:80 ':80' tcp:// tcp://host unix: unix:@ http://host:80 127.0.0.1:; do
		run -2 --separate-stderr "$SOCKT" connect "$word"
		one_line "$stderr"
		has "$stderr" "$word"
	done
	run -2 --separate-stderr "$SOCKT" connect "unix:$(head -c 108 /dev/zero | tr '\0' x)"
	has "$stderr" 107
}

@test "options: -s takes an address and a port, not a name" {
	start_listener -k -v
	for value in localhost 127.0.0.1:x 127.0.0.1:99999 127.0.0.1: 127.0.0.256 '' 127.0.0 '[::1' :80; do
		refused -s/--source "'$value'" -s "$value"
	done
	refused --interface empty --interface ''
	untouched
}

@test "options: an unknown option is named, and none may be abbreviated" {
	start_listener -k -v
	for word in --nonsense --time --timeou --retr --no-half --verbos --timeout5 --TIMEOUT ---; do
		refused "$word" 'no such option' "$word"
	done
	refused -J 'no such option' -J
	refused -J 'no such option' -vJ
	refused --nonsense 'no such option' --nonsense=5
	untouched
}

@test "options: a letter of nc's that sockt does not have is answered with what to write instead" {
	run -2 --separate-stderr "$SOCKT" listen -p 80
	is "$stderr" 'sockt: listen: -p: no such option: the port is an operand'
	run -2 --separate-stderr "$SOCKT" connect -l 80
	one_line "$stderr"
	has "$stderr" -l 'sockt listen'
	run -2 --separate-stderr "$SOCKT" connect -p 4000 127.0.0.1 80
	one_line "$stderr"
	has "$stderr" -p '-s ADDR:PORT'
}

@test "options: * is any address, which is nowhere to connect to" {
	run -2 --separate-stderr "$SOCKT" connect '*' 80
	one_line "$stderr"
	has "$stderr" 'sockt: connect: *' 'any address'
	run -2 --separate-stderr "$SOCKT" connect '*:80'
	one_line "$stderr"
	has "$stderr" 'sockt: connect: *' 'any address'
}

@test "options: a value is given as --name VALUE, --name=VALUE, -xVALUE or -x VALUE" {
	closed_port
	for words in '--wait 100ms' --wait=100ms '-w100ms --wait 50' '-w 100ms --wait=50' '-zw100ms --wait 50'; do
		# shellcheck disable=SC2086
		run -5 --separate-stderr "$SOCKT" connect $words 127.0.0.1 "$port"
		has "$stderr" '100 ms'
	done
}

@test "options: a value that is missing, or that a flag does not take, is usage" {
	start_listener -k -v
	run -2 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" --wait
	one_line "$stderr"
	has "$stderr" --wait 'needs a value'
	run -2 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" -zw
	has "$stderr" -w 'needs a value'
	refused --probe 'takes no value' --probe=yes
	refused --crlf 'takes no value' --crlf=
	untouched
}

@test "options: may follow operands, until the first --" {
	start_listener -k -v
	run -0 "$SOCKT" connect 127.0.0.1 -z "$port"
	run -0 "$SOCKT" connect 127.0.0.1 "$port" -z
	run -2 --separate-stderr "$SOCKT" connect -- 127.0.0.1 "$port" -z
	one_line "$stderr"
	run -2 --separate-stderr "$SOCKT" connect -z -w -- 127.0.0.1 "$port"	# -- is the value here
	has "$stderr" "'--'"
}

@test "options: the last of several values counts" {
	closed_port
	run -5 --separate-stderr "$SOCKT" connect --wait 50 --wait 100ms 127.0.0.1 "$port"
	has "$stderr" '100 ms'
}

@test "options: those that contradict each other are both named" {
	start_listener -k -v
	refused -4 -6 -4 -6
	refused --wait --retry --wait 5 --retry 3
	refused --send-only --recv-only --send-only --recv-only
	refused --send-only --no-stdin --send-only -d
	refused -N --no-half-close -N --no-half-close
	refused --quiet --verbose --quiet -v
	run -2 --separate-stderr "$SOCKT" listen --max-conns 5 127.0.0.1 0
	one_line "$stderr"
	has "$stderr" --max-conns --keep
	untouched
}

@test "options: too few or too many operands are usage, with the usage line" {
	run -2 --separate-stderr "$SOCKT" connect
	one_line "$stderr"
	has "$stderr" 'usage: sockt connect'
	run -2 --separate-stderr "$SOCKT" connect a 1 b
	has "$stderr" 'usage: sockt connect'
	run -2 --separate-stderr "$SOCKT" listen
	has "$stderr" 'usage: sockt listen'
}

@test "options: no arguments at all is usage" {
	run -2 --separate-stderr "$SOCKT"
	is "$output" ''
	has "$stderr" 'usage: sockt '
}

@test "options: an unknown subcommand is status 2 and named" {
	for word in nonsense conn connectt '' --nonsense -x; do
		run -2 --separate-stderr "$SOCKT" "$word"
		is "$output" ''
		one_line "$stderr"
		has "$stderr" "$word"
	done
	run -2 --separate-stderr "$SOCKT" help nonsense
	has "$stderr" nonsense
}

@test "options: --help and help say the same on stdout, each subcommand on a line" {
	run -0 --separate-stderr "$SOCKT" --help
	general=$output
	is "$stderr" ''
	[[ ${lines[0]} == 'usage: sockt '* ]]
	grep -qE '^  connect  +[a-z]' <<<"$output"
	grep -qE '^  listen  +[a-z]' <<<"$output"
	run -0 --separate-stderr "$SOCKT" help
	is "$output" "$general"
	while read -r verb _; do
		run -0 --separate-stderr "$SOCKT" "$verb" --help
		[[ ${lines[0]} == "usage: sockt $verb "* ]]
		help=$output
		run -0 --separate-stderr "$SOCKT" help "$verb"
		is "$output" "$help"
		run -0 --separate-stderr "$SOCKT" "$verb" -h
		is "$output" "$help"
	done < <(grep '^  [a-z]' <<<"$general" | grep -v '^  help ')
}

@test "options: --help wins over operands that are missing, and nothing is done" {
	start_listener -k -v
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" --help
	has "$output" 'usage: sockt connect'
	untouched
}

@test "options: --version says the version and the features" {
	run -0 --separate-stderr "$SOCKT" --version
	is "$stderr" ''
	is "${#lines[@]}" 2
	[[ ${lines[0]} =~ ^sockt\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	[[ ${lines[1]} == features:* ]]
}

@test "options: help that does not fit on a full disk is status 12" {
	for words in --help --version help 'help connect' 'connect --help'; do
		run -12 --separate-stderr bash -c '"$SOCKT" $1 >/dev/full' - "$words"
		one_line "$stderr"
		has "$stderr" stdout
		run -12 --separate-stderr bash -c '"$SOCKT" $1 >&-' - "$words"
		has "$stderr" stdout
	done
	run -141 --separate-stderr bash -c 'exec 9> >(:); wait $!; "$SOCKT" --help >&9'
	is "$stderr" ''
}

@test "options: nothing is said on stdout, and a closed stderr changes no status" {
	closed_port
	run -4 --separate-stderr bash -c '"$SOCKT" connect 127.0.0.1 "$1" 2>&-' - "$port"
	is "$output" ''
	run -2 --separate-stderr bash -c '"$SOCKT" connect --nonsense 2>/dev/full'
	is "$output" ''
}

@test "options: --quiet says nothing but errors" {
	run -2 --separate-stderr "$SOCKT" listen --quiet --nonsense
	one_line "$stderr"
	start_listener --quiet
	run -0 --separate-stderr "$SOCKT" connect --quiet 127.0.0.1 "$port" <<<hello
	is "$stderr" ''
	ends 0 "$listener"
	is "$(<"$said")" ''
	closed_port
	run -4 --separate-stderr "$SOCKT" connect --quiet 127.0.0.1 "$port"
	one_line "$stderr"
}
