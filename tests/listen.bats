# sockt listen with one client: where it listens, how it says so, and how it ends.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen

# ---- where ----

@test "listen: a port alone serves IPv4 and IPv6 clients on one socket" {
	start_server listen -k 0
	is "$host" "[::]"
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"by IPv4"
	run -0 "$SOCKT" connect ::1 "$port" <<<"by IPv6"
	wait_for says "$heard" "by IPv4"
	wait_for says "$heard" "by IPv6"
}

@test "listen: -4 serves IPv4 only" {
	start_server listen -k -4 0
	is "$host" "0.0.0.0"
	run -0 "$SOCKT" connect -z 127.0.0.1 "$port"
	run -4 "$SOCKT" connect -z ::1 "$port"
}

@test "listen: -6 serves IPv6 only" {
	start_server listen -k -6 0
	is "$host" "[::]"
	run -0 "$SOCKT" connect -z ::1 "$port"
	run -4 "$SOCKT" connect -z 127.0.0.1 "$port"
}

@test "listen: takes HOST PORT, HOST:PORT, [V6]:PORT, :PORT and PORT" {
	local words
	for words in '127.0.0.1 0' '127.0.0.1:0' '[::1]:0' '::1 0' '[::1] 0' ':0' '0'; do
		# shellcheck disable=SC2086	# one word or two
		start_server listen $words
		case $words in
		127*) is "$host" 127.0.0.1 ;;
		*::1*) is "$host" '[::1]' ;;
		*) is "$host" '[::]' host=::1 ;;
		esac
		run -0 "$SOCKT" connect "${host//[\[\]]/}" "$port" <<<"to $words"
		ends 0 "$server"
		is "$(<"$heard")" "to $words"
	done
}

@test "listen: a name with several addresses gets a line and a socket for each, all on one port" {
	needs_netns
	run -0 --separate-stderr in_netns '
		etc hosts "127.0.0.1 localhost
::1 localhost"
		mkfifo "$1/ready"
		exec 7<>"$1/ready"
		"$SOCKT" listen -k --ready-fd 7 --port-file "$1/file" localhost 0 >"$1/heard" 2>"$1/said" &
		read -r -t 10 -u 7 one
		read -r -t 10 -u 7 two
		[[ ${one##*:} == "${two##*:}" ]]
		printf "%s\n" "$one" "$two" >"$1/want"
		cmp "$1/want" "$1/file"
		sed "s/^/listening on /" "$1/want" | cmp - "$1/said"
		"$SOCKT" connect 127.0.0.1 "${one##*:}" <<<four
		"$SOCKT" connect ::1 "${one##*:}" <<<six
		kill -TERM $!
		wait $! || [[ $? == 143 ]]
		sed "s/:[0-9]*\$//" "$1/want" | sort
		sort "$1/heard"' "$BATS_TEST_TMPDIR"
	is "$output" $'127.0.0.1\n[::1]\nfour\nsix'
}

@test "listen: a name listens on the family that -4 or -6 leaves" {
	needs_netns
	run -0 --separate-stderr in_netns '
		etc hosts "127.0.0.1 localhost
::1 localhost"
		for family in -4 -6; do
			! "$SOCKT" listen "$family" -w 0.5 --port-file "$1/file" localhost 0 2>"$1/said" || exit 1
			sed "s/:[0-9]*\$//" "$1/file"
		done' "$BATS_TEST_TMPDIR"
	is "$output" $'127.0.0.1\n[::1]'
}

@test "listen: without IPv6 a port alone serves IPv4" {
	needs_netns
	run -0 --separate-stderr in_netns '
		echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
		echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6
		mkfifo "$1/ready"
		exec 7<>"$1/ready"
		"$SOCKT" listen --ready-fd 7 0 2>"$1/said" &
		read -r -t 10 -u 7 addr
		"$SOCKT" connect 127.0.0.1 "${addr##*:}" <<<four
		wait $!' "$BATS_TEST_TMPDIR"
	is "$output" four
}

@test "listen: * is any address, as * in a ready line would be" {
	serves_any() {
		start_server listen "$@"
		is "$host" '[::]'
		run -0 "$SOCKT" connect -z 127.0.0.1 "$port"
		ends 0 "$server"
	}
	serves_any '*' 0
	serves_any '*:0'
}

@test "listen: the name of a service alone serves IPv4 and IPv6 clients on its port" {
	needs_netns
	run -0 --separate-stderr in_netns '
		etc services "sockttest 54321/tcp"
		mkfifo "$1/ready"
		exec 7<>"$1/ready"
		"$SOCKT" listen -k --ready-fd 7 sockttest 2>"$1/said" >"$1/heard" &
		read -r -t 10 -u 7 addr
		"$SOCKT" connect -z 127.0.0.1 54321
		"$SOCKT" connect -z ::1 54321
		kill -TERM $!
		wait $! || [[ $? == 143 ]]
		cat "$1/said"' "$BATS_TEST_TMPDIR"
	is "$output" 'listening on [::]:54321'
}

# ---- ready ----

@test "listen: says on stderr where it listens, that line and no other" {
	start_listener
	wait_for holds "$said" "listening on 127.0.0.1:$port"
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"x"
	ends 0 "$listener"
	is "$(<"$said")" "listening on 127.0.0.1:$port"
}

@test "listen: the ready line, --ready-fd and --port-file say the same, and then clients may come" {
	start_listener --port-file "$BATS_TEST_TMPDIR/port"
	is "$(<"$BATS_TEST_TMPDIR/port")" "127.0.0.1:$port"
	wait_for holds "$said" "listening on 127.0.0.1:$port"
	run -0 "$SOCKT" connect -z 127.0.0.1 "$port"
}

@test "listen: --quiet says nothing at all when all is well" {
	start_listener --quiet
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"x"
	ends 0 "$listener"
	is "$(<"$said")" ""
}

@test "listen: --json says the ready line as one object" {
	start_listener --json
	wait_for test -s "$said"
	run -0 python3 -c 'import json, sys; o = json.loads(sys.stdin.readline()); print(o["event"], o["object"]); o["ts"]' \
		<"$said"
	is "$output" "listening 127.0.0.1:$port"
}

@test "listen: --ready-fd gets the address and is closed" {
	mkfifo "$BATS_TEST_TMPDIR/ready"
	begin sh -c 'exec "$SOCKT" listen -k --ready-fd 7 127.0.0.1 0 7>"$1"' - "$BATS_TEST_TMPDIR/ready"
	run -0 timeout "$PATIENCE" cat "$BATS_TEST_TMPDIR/ready"	# ends when nobody holds the other end
	is_alive "$pid"
	wait_for holds "$said" "listening on $output"
}

@test "listen: --ready-fd 1 may be stdout, which stays open" {
	begin "$SOCKT" listen --ready-fd 1 127.0.0.1 0
	wait_for test -s "$heard"
	run -0 "$SOCKT" connect "$(<"$heard")" <<<"data"
	ends 0 "$pid"
	is "$(tail -n 1 "$heard")" "data"
}

@test "listen: a --ready-fd that is not open is usage, and nothing listens" {
	run -2 --separate-stderr "$SOCKT" listen --ready-fd 9 --port-file "$BATS_TEST_TMPDIR/port" 127.0.0.1 0 9>&-
	one_line "$stderr"
	has "$stderr" "--ready-fd" "'9'"
	[[ ! -e $BATS_TEST_TMPDIR/port ]]
}

@test "listen: a --ready-fd that cannot be written is 12" {
	run -12 --separate-stderr "$SOCKT" listen --ready-fd 8 127.0.0.1 0 8</dev/null
	one_line "$stderr"
	has "$stderr" "sockt: listen: --ready-fd: "
}

@test "listen: a --port-file does not outlive a --ready-fd that cannot be written" {
	run -12 "$SOCKT" listen --port-file "$BATS_TEST_TMPDIR/port" --ready-fd 8 127.0.0.1 0 8</dev/null
	[[ ! -e $BATS_TEST_TMPDIR/port ]]
}

@test "listen: a --ready-fd nobody reads any more is an error, not a signal without words" {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	exec 7<>"$BATS_TEST_TMPDIR/pipe"
	exec 8>"$BATS_TEST_TMPDIR/pipe" 7>&-
	run -12 --separate-stderr "$SOCKT" listen --ready-fd 8 127.0.0.1 0
	one_line "$stderr"
	has "$stderr" "--ready-fd" "Broken pipe"
}

@test "listen: --port-file is replaced by a whole new file" {
	local dir=$BATS_TEST_TMPDIR/ports
	mkdir "$dir"
	printf 'an older and longer content\n' >"$dir/port"
	ln "$dir/port" "$dir/old"
	start_listener --port-file "$dir/port"
	is "$(<"$dir/old")" "an older and longer content"	# never written to
	printf '127.0.0.1:%s\n' "$port" | cmp - "$dir/port"
	is "$(stat -c %a "$dir/port")" 644
	is "$(ls "$dir")" $'old\nport'				# and nothing is left beside it
}

@test "listen: whoever sees the --port-file sees all of it" {
	# A short poll in one process, so that the file is read as early as can be.
	begin python3 -c 'import sys
while True:
    try: print(repr(open(sys.argv[1]).read())); break
    except FileNotFoundError: pass' "$BATS_TEST_TMPDIR/port"
	local reader=$pid first=$heard
	start_listener --port-file "$BATS_TEST_TMPDIR/port"
	ends 0 "$reader"
	is "$(<"$first")" "'127.0.0.1:$port\\n'"
}

@test "listen: a --port-file that cannot be written is 12 and named" {
	run -12 --separate-stderr "$SOCKT" listen --port-file "$BATS_TEST_TMPDIR/no/such/dir" 127.0.0.1 0
	one_line "$stderr"			# what is not ready does not say it is
	has "$stderr" "sockt: listen: $BATS_TEST_TMPDIR/no/such/dir: " "No such file or directory"
}

@test "listen: a --port-file that is a directory is 12, and leaves nothing beside it" {
	mkdir "$BATS_TEST_TMPDIR/d" "$BATS_TEST_TMPDIR/d/port"
	run -12 --separate-stderr "$SOCKT" listen --quiet --port-file "$BATS_TEST_TMPDIR/d/port" 127.0.0.1 0
	one_line "$stderr"
	is "$(ls "$BATS_TEST_TMPDIR/d")" port
}

@test "listen: a ready line that stderr refuses does no harm" {
	_ready_pipe
	"$SOCKT" listen --ready-fd "$ready" 127.0.0.1 0 2>/dev/full >"$BATS_TEST_TMPDIR/heard" 3>&- &
	started+=($!)
	_await_ready "$ready"
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"x"
	ends 0 $!
	is "$(<"$BATS_TEST_TMPDIR/heard")" x
}

# ---- what cannot be listened on ----

@test "listen: an address in use is 9 and named" {
	start_listener
	run -9 --separate-stderr "$SOCKT" listen 127.0.0.1 "$port"
	one_line "$stderr"
	has "$stderr" "sockt: listen: 127.0.0.1:$port: " "in use"
}

@test "listen: a port in use by IPv4 alone is in use for both" {
	start_listener
	run -9 --separate-stderr "$SOCKT" listen "$port"
	one_line "$stderr"
	has "$stderr" ":$port: " "in use"
}

@test "listen: a port is free again at once, whichever side closed first" {
	needs_netns
	run -0 in_netns '
		listen() { "$SOCKT" listen --ready-fd 7 127.0.0.1 4000; }
		mkfifo "$1/ready"
		exec 7<>"$1/ready"
		for turn in 1 2 3; do
			listen <<<"the server ends first" >/dev/null 2>&1 &
			read -r -t 10 -u 7 addr
			[[ $("$SOCKT" connect -d 127.0.0.1 4000) == "the server ends first" ]]
			wait $!
		done
		ss -Hant sport = :4000 | grep -q TIME-WAIT' "$BATS_TEST_TMPDIR"
}

@test "listen: an address that is not ours is 9 and named" {
	run -9 --separate-stderr "$SOCKT" listen 192.0.2.1 0
	one_line "$stderr"
	has "$stderr" "sockt: listen: 192.0.2.1:0: " "Cannot assign"
	run -9 --separate-stderr "$SOCKT" listen '[2001:db8::1]:0'
	one_line "$stderr"
	has "$stderr" "[2001:db8::1]:0: "
}

@test "listen: a port that needs a privilege is 9" {
	needs_netns
	run -9 --separate-stderr in_netns 'exec setpriv --bounding-set -net_bind_service "$SOCKT" listen 127.0.0.1 1'
	one_line "$stderr"
	has "$stderr" "127.0.0.1:1: " "Permission denied"
}

@test "listen: a name nobody knows is 3" {
	needs_netns
	run -3 --separate-stderr in_netns 'etc nsswitch.conf "hosts: files"; exec "$SOCKT" listen nobody.invalid 0'
	one_line "$stderr"
	has "$stderr" "nobody.invalid"
}

@test "listen: what is not an address is usage, found before anything is touched" {
	local words
	for words in '' '127.0.0.1 0 x' '65536' '-1' '80x' ':80x' '[::1:0' '127.0.0.1' 'tcp://127.0.0.1:0' \
		'--max-conns=3 127.0.0.1 0' '-k --max-conns=0 127.0.0.1 0' '--drain=x 127.0.0.1 0' '-4 -6 0' '-w -1 0' \
		'--send-only --recv-only 0' '--send-only -d 0' '--no-such 0'; do
		# shellcheck disable=SC2086	# words
		run -2 --separate-stderr "$SOCKT" listen --port-file "$BATS_TEST_TMPDIR/port" $words
		one_line "$stderr"
		is "$output" ""
		[[ ! -e $BATS_TEST_TMPDIR/port ]]
	done
}

# ---- waiting for a client ----

@test "listen: -w without a client is 5" {
	run -5 --separate-stderr "$SOCKT" listen --quiet -w 0.05 127.0.0.1 0
	one_line "$stderr"
	has "$stderr" "127.0.0.1:0: " "no client came in 50 ms"
	run -5 --separate-stderr "$SOCKT" listen -k --quiet -w 50ms 127.0.0.1 0
	has "$stderr" "no client came in 50 ms"
}

@test "listen: -w is over when a client came, however long it stays" {
	keep_pipe 5
	start_listener -w 0.5
	start_client 'c.send(b"here "); sys.stdin.readline(); c.send(b"and still here"); half_close(c); read_all(c)' <"$pipe"
	wait_for says "$heard" "here"
	run -5 "$SOCKT" listen --quiet -w 0.6 127.0.0.1 0	# by then the first one's time would be up
	is_alive "$listener"
	echo >&5
	ends 0 "$listener"
	is "$(<"$heard")" "here and still here"
}

@test "listen: -m bounds the wait as well as the talk" {
	run -5 --separate-stderr "$SOCKT" listen --quiet -m 0.05 127.0.0.1 0
	one_line "$stderr"
	start_listener -m 0.3
	client 'c.send(b"before"); read_all(c)' || true
	ends 5 "$listener"
	is "$(<"$heard")" before
}

@test "listen: -i ends a silent client with 5 and says which byte was due" {
	start_listener -i 0.1
	start_client 'c.send(b"x"); read_all(c)'
	ends 5 "$listener"
	has "$(<"$said")" "idle for 100 ms" "nothing came from" "1 received"
	is "$(<"$heard")" x
}

@test "listen: serves one client, and while it does nobody listens any more" {
	keep_pipe 5
	start_listener
	start_client 'c.send(b"first"); sys.stdin.readline()' <"$pipe"
	wait_for says "$heard" first
	run -4 "$SOCKT" connect -z 127.0.0.1 "$port"
	echo >&5
	ends 0 "$listener"
	is "$(<"$heard")" first
}

@test "listen: a client that comes and goes without a word is a client" {
	start_listener
	run -0 "$SOCKT" connect -z 127.0.0.1 "$port"
	ends 0 "$listener"
	is "$(<"$heard")" ""
}

@test "listen: -v names the client when it comes and when it has gone" {
	start_listener -v
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"12345"
	ends 0 "$listener"
	grep -Eqx "sockt: listen: client 127.0.0.1:[0-9]+ connected to 127.0.0.1:$port" "$said"
	grep -Eqx 'sockt: listen: client 127.0.0.1:[0-9]+ disconnected after 0 bytes sent, 6 received, [0-9.]+ s' "$said"
}

# ---- talking ----

@test "listen: a file crosses in both directions at once, byte for byte" {
	local there=$BATS_TEST_TMPDIR/there back=$BATS_TEST_TMPDIR/back
	random_file "$there" 3000001
	random_file "$back" 2000003
	start_listener <"$there"
	"$SOCKT" connect 127.0.0.1 "$port" <"$back" >"$BATS_TEST_TMPDIR/got"
	ends 0 "$listener"
	cmp "$there" "$BATS_TEST_TMPDIR/got"
	cmp "$back" "$heard"
}

@test "listen: the same through pipes" {
	local there=$BATS_TEST_TMPDIR/there back=$BATS_TEST_TMPDIR/back
	random_file "$there" 3000001
	random_file "$back" 2000003
	_ready_pipe
	begin bash -c 'set -o pipefail; cat "$1" | "$SOCKT" listen --ready-fd "$2" 127.0.0.1 0 | cat' - "$there" "$ready"
	_await_ready "$ready"
	exec {ready}>&-
	# shellcheck disable=SC2002	# a pipe is what is meant
	cat "$back" | "$SOCKT" connect 127.0.0.1 "$port" | cat >"$BATS_TEST_TMPDIR/got"
	ends 0 "$pid"
	cmp "$there" "$BATS_TEST_TMPDIR/got"
	cmp "$back" "$heard"
}

@test "listen: the end of stdin is a half-close, and what the client says after it still arrives" {
	start_listener <<<"question"
	client 'say(read_all(c)); c.send(b"answer after the end")' >"$BATS_TEST_TMPDIR/got"
	ends 0 "$listener"
	is "$(<"$BATS_TEST_TMPDIR/got")" "b'question\\n'"
	is "$(<"$heard")" "answer after the end"
}

@test "listen: /dev/null on stdin is no end: the client hears nothing until it ends itself" {
	start_listener </dev/null
	client 'c.send(b"ping"); assert is_silent(c); half_close(c); assert read_all(c) == b""'
	ends 0 "$listener"
	is "$(<"$heard")" ping
}

@test "listen: -d leaves stdin unread and says no end" {
	printf 'not for you\n' >"$BATS_TEST_TMPDIR/in"
	exec 5<"$BATS_TEST_TMPDIR/in"
	start_listener -d <&5
	client 'c.send(b"ping"); assert is_silent(c); half_close(c); assert read_all(c) == b""'
	ends 0 "$listener"
	is "$(cat <&5)" "not for you"
	is "$(<"$heard")" ping
}

@test "listen: --recv-only is the same" {
	printf 'not for you\n' >"$BATS_TEST_TMPDIR/in"
	exec 5<"$BATS_TEST_TMPDIR/in"
	start_listener --recv-only <&5
	client 'c.send(b"ping"); half_close(c); assert read_all(c) == b""'
	ends 0 "$listener"
	is "$(cat <&5)" "not for you"
	is "$(<"$heard")" ping
}

@test "listen: --send-only drops what the client says and is done when all is sent" {
	start_listener --send-only <<<"only this"
	client 'c.send(b"unheard" * 1000); say(read_all(c)); sent_and_acked(c)' >"$BATS_TEST_TMPDIR/got"
	ends 0 "$listener"
	is "$(<"$BATS_TEST_TMPDIR/got")" "b'only this\\n'"
	is "$(<"$heard")" ""
}

@test "listen: -C sends LF as CR LF and takes what comes as it is" {
	start_listener -C < <(printf 'one\ntwo\r\n\nthree')
	client 'c.send(b"a\nb\r\n"); half_close(c); say(read_all(c))' >"$BATS_TEST_TMPDIR/got"
	ends 0 "$listener"
	is "$(<"$BATS_TEST_TMPDIR/got")" "b'one\\r\\ntwo\\r\\n\\r\\nthree'"
	printf 'a\nb\r\n' | cmp - "$heard"
}

@test "listen: --no-half-close says no end when stdin has one" {
	start_listener --no-half-close <<<"text"
	client 'assert read_n(c, 5) == b"text\n"; assert is_silent(c); c.send(b"reply"); half_close(c); assert read_all(c) == b""'
	ends 0 "$listener"
	is "$(<"$heard")" reply
}

@test "listen: -q says how long a silent pipe on stdin is listened to once the client has ended" {
	keep_pipe 5
	start_listener -q 60 <"$pipe" 5>&-
	local patient=$listener patient_client patient_heard
	start_client 'half_close(c); say(read_n(c, 10)); say(read_all(c))' 5>&-
	patient_client=$client patient_heard=$client_heard
	keep_pipe 6
	start_listener -q 0 <"$pipe" 5>&- 6>&-
	client 'half_close(c); assert read_all(c) == b""'
	ends 0 "$listener"
	is_alive "$patient"
	printf 'late words' >&5
	wait_for says "$patient_heard" "b'late words'"
	exec 5>&-
	ends 0 "$patient"
	ends 0 "$patient_client"
}

@test "listen: an urgent byte that comes before the client is accepted stays in line" {
	local keep
	for keep in '' -k; do
		# shellcheck disable=SC2086	# one word or none
		start_listener $keep
		kill -STOP "$listener"
		client 'c.send(b"D", socket.MSG_OOB); c.send(b"ef"); c.send(b"gH", socket.MSG_OOB); c.send(b"ij")
half_close(c); sent_and_acked(c)'
		kill -CONT "$listener"
		wait_for holds "$heard" DefgHij
	done
}

# ---- how it ends when things go wrong ----

@test "listen: a client's reset is 6, after what it sent before" {
	start_listener
	client 'c.send(b"last words"); sent_and_acked(c); reset(c)'
	ends 6 "$listener"
	is "$(<"$heard")" "last words"
	has "$(<"$said")" "reset" "10 received"
}

@test "listen: bytes that a reset overtook are written first" {
	local kind stopped
	for kind in file pipe; do
		_ready_pipe
		begin bash -c 'serve() { echo $BASHPID >"$1"; exec "$SOCKT" listen -d --ready-fd "$2" 127.0.0.1 0; }
			[[ $3 == file ]] && serve "$@"
			serve "$@" | cat
			exit "${PIPESTATUS[0]}"' - "$BATS_TEST_TMPDIR/pid" "$ready" "$kind"
		_await_ready "$ready"
		exec {ready}>&-
		stopped=$(<"$BATS_TEST_TMPDIR/pid")
		kill -STOP "$stopped"
		client 'c.send(b"x" * 100000); sent_and_acked(c); reset(c)'
		kill -CONT "$stopped"
		ends 6 "$pid"
		is "$(stat -c %s "$heard")" 100000
	done
}

@test "listen: TERM, HUP and INT end it as the signal does, waiting or talking" {
	run -0 python3 - "$SOCKT" <<-'END'
	import signal, socket, subprocess, sys
	for talking in False, True:
	    for signo in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
	        p = subprocess.Popen([sys.argv[1], 'listen', '127.0.0.1', '0'], stdin=subprocess.DEVNULL,
	                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
	                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
	        port = int(p.stderr.readline().rsplit(b':', 1)[1])
	        if talking:
	            c = socket.create_connection(('127.0.0.1', port), 20)
	            c.send(b'x')
	            assert p.stdout.read(1) == b'x'
	        p.send_signal(signo)
	        assert p.wait(20) == -signo, (talking, signo, p.returncode)
	        assert p.stderr.read() == b'', 'a signal needs no words'
	END
}

@test "listen: INT is ignored if it was when we started" {
	_ready_pipe
	begin sh -c 'trap "" INT HUP; exec "$SOCKT" listen --ready-fd "$1" 127.0.0.1 0' - "$ready"
	_await_ready "$ready"
	exec {ready}>&-
	kill -INT "$pid"
	kill -HUP "$pid"
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"still here"
	ends 0 "$pid"
	is "$(<"$heard")" "still here"
}

@test "listen: as PID 1 of a container a signal ends it with 128+N" {
	local as=() child
	((EUID == 0)) || as=(-r)
	unshare "${as[@]}" --pid --fork true 2>/dev/null || skip 'no PID namespaces: needs root, or user namespaces'
	_ready_pipe
	begin unshare "${as[@]}" --pid --fork --kill-child "$SOCKT" listen --ready-fd "$ready" 127.0.0.1 0
	_await_ready "$ready"
	exec {ready}>&-
	child=$(pgrep -P "$pid")
	kill -TERM "$child"
	ends 143 "$pid"
}

@test "listen: an idle listener does not wake up" {
	start_listener
	local before
	wait_for is_asleep "$listener"
	before=$(switches_of "$listener")
	a_second_passes
	is "$(switches_of "$listener")" "$before"
}
