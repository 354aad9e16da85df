# A program on a connection: connect and listen with -- CMD ARG... or --sh TEXT.
# shellcheck disable=SC2016,SC2034	# what is in single quotes is for another shell, or Python; $host is for lib/listen
load lib/helpers
load lib/listen
load lib/service

setup() { setup_programs; }
teardown() { teardown_programs; }

# What clients do beside ASK: say a line first.
ASK_LINE='c.sendall(b"line\n"); half_close(c); sys.stdout.write(read_all(c).decode())'

# A program that says what its environment has of these; all of it is nothing for a failure's report.
ENV=(sh -c 'env | grep -E "^(SOCKT|NCAT|LISTEN|NOTIFY|OTHER)"')

# A program that stays, whatever becomes of its input and output; it_stays, when it has begun, sets $child.
STAYS=(sh -c 'echo $$ >"$BATS_TEST_TMPDIR/child"; exec tail -f /dev/null')
it_stays() { [[ -s $BATS_TEST_TMPDIR/child ]] && child=$(<"$BATS_TEST_TMPDIR/child") && rm "$BATS_TEST_TMPDIR/child"; }

# hold: a client of a program that echoes (cat), which has begun and goes on as long as $client. Sets $child.
hold() {
	start_client 'c.sendall(b"x"); read_n(c, 1); say("runs"); signal.pause()'
	wait_for says "$client_heard" runs
	wait_for has_child "$server"
}

# stop_client: ends $client, which the test has no more use for.
stop_client() {
	kill -KILL "$client"
	wait "$client" 2>/dev/null || true
}

# ---- what is run ----

@test "programs: a program gets its words just as they are, with no shell between" {
	local print='import sys; print(sys.argv[1:])'
	start_listener_with python3 -c "$print" 'a  b' '' '$HOME' '*' '-k' '--' "it's" $'two\nlines'
	run -0 client "$ASK"
	is "$output" "['a  b', '', '\$HOME', '*', '-k', '--', \"it's\", 'two\\nlines']"
	ends 0 "$server"
}

# start_listener_with CMD [ARG]...: sockt listen for one client of that program.
start_listener_with() { start_server listen 127.0.0.1 0 -- "$@"; }

@test "programs: --sh runs a text by the shell" {
	start_listener --sh 'echo $((6 * 7)) | tr 2 "$1"3; echo "[$0]"'
	run -0 client "$ASK"
	is "$output" $'43\n[/bin/sh]'
	ends 0 "$server"
}

@test "programs: connect joins its peer with a program, too" {
	start_peer 'c = accept(); c.sendall(b"b\na\n"); half_close(c); say(read_all(c))'
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" -- sort
	is "$output$stderr" ""
	ends 0 "$peer"
	is "$(<"$heard")" "b'a\\nb\\n'"
}

@test "programs: connect --sh joins it with a text run by the shell" {
	start_peer 'c = accept(); say(read_all(c))'
	run -0 "$SOCKT" connect --sh 'echo one; echo two | cat' "$addr"
	ends 0 "$peer"
	is "$(<"$heard")" "b'one\\ntwo\\n'"
}

@test "programs: a name without a slash is looked for in PATH" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho "mine: $*"\n' >"$BATS_TEST_TMPDIR/bin/of-mine"
	chmod +x "$BATS_TEST_TMPDIR/bin/of-mine"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH start_listener_with of-mine 1 2
	run -0 client "$ASK"
	is "$output" "mine: 1 2"
	start_listener_with of-mine
	client "$ASK" || true
	ends 127 "$server"
}

@test "programs: sockt's own stdin and stdout are left alone" {
	printf 'not for you' >"$BATS_TEST_TMPDIR/in"
	exec 5<"$BATS_TEST_TMPDIR/in"
	start_listener_with cat <&5
	run -0 client "$ASK_LINE"
	is "$output" line
	ends 0 "$server"
	is "$(<"$heard")" ""
	is "$(cat <&5)" "not for you"
}

@test "programs: it works the same when sockt was started without a stdin and stdout" {
	_ready_pipe
	begin bash -c 'exec "$SOCKT" listen --ready-fd "$1" 127.0.0.1 0 -- cat <&- >&-' - "$ready"
	_await_ready "$ready"
	exec {ready}>&-
	run -0 client "$ASK_LINE"
	is "$output" line
	ends 0 "$pid"
}

# ---- what cannot be run ----

@test "programs: one that is not there is 127, and only when a client is" {
	start_listener_with ./nowhere/at-all
	still_runs "$server"
	run client "$ASK"
	ends 127 "$server"
	is "$(tail -n +2 "$said")" "sockt: listen: ./nowhere/at-all: cannot run it: No such file or directory"
}

@test "programs: one that may not be run is 126, and only when a client is there" {
	local file=$BATS_TEST_TMPDIR/file
	echo 'echo no program' >"$file"
	start_listener_with "$file"
	still_runs "$server"
	run client "$ASK"
	ends 126 "$server"
	is "$(tail -n +2 "$said")" "sockt: listen: $file: cannot run it: Permission denied"
	start_listener_with "$BATS_TEST_TMPDIR"
	run client "$ASK"
	ends 126 "$server"
}

@test "programs: no shell guesses at a file that is no program: 126" {
	local file=$BATS_TEST_TMPDIR/file
	echo 'echo not by a shell' >"$file"
	chmod +x "$file"
	start_listener_with "$file"
	run client "$ASK"
	has_no "$output" "not by a shell"
	ends 126 "$server"
}

@test "programs: connect says 127 and 126 as well, but a refused connection is 4" {
	local how
	for how in "127 ./nowhere" "126 $BATS_TEST_TMPDIR"; do
		start_peer 'c = accept()
try: say(read_all(c))
except ConnectionResetError: say("reset")'
		run -"${how%% *}" "$SOCKT" connect 127.0.0.1 "$port" -- "${how#* }"
		ends 0 "$peer"
	done
	closed_port
	run -4 "$SOCKT" connect 127.0.0.1 "$port" -- ./nowhere
}

@test "programs: with -k a client whose program is not there is refused with a line, and the next is served when it is" {
	local file=$BATS_TEST_TMPDIR/file
	start_server listen -k 127.0.0.1 0 -- "$file"
	run client 'say(read_all(c))'
	has_no "$output" "served"
	wait_for says "$said" "dropped: $file: cannot run it: No such file"
	echo 'echo no program' >"$file"
	run client 'say(read_all(c))'
	wait_for says "$said" "dropped: $file: cannot run it: Permission denied"
	printf '#!/bin/sh\necho served\n' >"$file.new"
	chmod +x "$file.new"
	mv "$file.new" "$file"
	run -0 client "$ASK"
	is "$output" served
	is "$(wc -l <"$said")" 3
	wait_for has_children "$server" 0
	is_alive "$server"
}

@test "programs: a command line that cannot be meant is status 2, before a client is waited for" {
	local words
	for words in 'listen 0 --' 'connect localhost 1 --' 'listen --sh true 0 -- true' \
		'connect --sh true localhost 1 -- true' 'listen --to localhost:1 0 -- true' \
		'listen --to localhost:1 --sh true 0' 'connect -z localhost 1 -- true' 'connect -z --sh true localhost 1'; do
		# shellcheck disable=SC2086	# several words
		run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" $words
		is "$output" ""
		one_line "$stderr"
	done
}

# ---- the program's world ----

@test "programs: SOCKT_* and NCAT_* tell it who is connected to whom" {
	start_server listen -k 127.0.0.1 0 -- "${ENV[@]}"
	run -0 client '(host, port), (us, our) = c.getsockname(), c.getpeername()
theirs = read_all(c).decode().split("\n")
for prefix in "SOCKT_", "NCAT_":
    for word in f"REMOTE_ADDR={host}", f"REMOTE_PORT={port}", f"LOCAL_ADDR={us}", f"LOCAL_PORT={our}", "PROTO=TCP":
        if prefix + word not in theirs: say("no", prefix + word, "in", theirs)'
	is "$output" ""
	is_alive "$server"
}

@test "programs: an IPv4 client of a listener for both families is shown as IPv4, an IPv6 one as IPv6" {
	start_server listen -k 0 -- "${ENV[@]}"
	host=127.0.0.1
	run -0 client "$ASK"
	has "$output" SOCKT_REMOTE_ADDR=127.0.0.1 SOCKT_LOCAL_ADDR=127.0.0.1 NCAT_REMOTE_ADDR=127.0.0.1
	host=::1
	run -0 client "$ASK"
	has "$output" $'SOCKT_REMOTE_ADDR=::1\n' $'SOCKT_LOCAL_ADDR=::1\n' $'NCAT_REMOTE_ADDR=::1\n'
}

@test "programs: connect's knows the server as the remote side, and a Unix socket for what it is" {
	local path=$BATS_TEST_TMPDIR/sock
	start_peer 'c = accept(); say(read_all(c).decode(), *c.getpeername())'
	run -0 "$SOCKT" connect 127.0.0.1 "$port" -- "${ENV[@]}"
	ends 0 "$peer"
	has "$(<"$heard")" $'\nSOCKT_REMOTE_ADDR=127.0.0.1\n' $'\nSOCKT_REMOTE_PORT='"$port"$'\n' $'\nSOCKT_LOCAL_ADDR=127.0.0.1\n'
	is "$(sed -n 's/^SOCKT_LOCAL_PORT=//p' "$heard")" "$(awk 'END { print $NF }' "$heard")"
	start_peer 'c = accept(host=argv[0]); say(read_all(c).decode())' "$path"
	run -0 "$SOCKT" connect "unix:$path" -- "${ENV[@]}"
	ends 0 "$peer"
	has "$(<"$heard")" $'\nSOCKT_PROTO=UNIX\n' $'\nSOCKT_REMOTE_PORT=\n' $'\nNCAT_REMOTE_PORT=\n'
}

# leaves_old ENVIRONMENT: new values in the place of old ones, and the rest as it was.
leaves_old() {
	is "$(grep -c '^SOCKT_REMOTE_ADDR=' <<<"$1") $(grep -c '^NCAT_LOCAL_PORT=' <<<"$1")" "1 1"
	has $'\n'"$1"$'\n' $'\nSOCKT_REMOTE_ADDR=127.0.0.1\n' $'\nNCAT_PROTO=TCP\n' "SOCKT_REMOTE_ADDRESS=kept" "NCAT_=kept" "OTHER=kept"
	has_no $'\n'"$1" $'\nLISTEN_' $'\nNOTIFY_SOCKET' "=old"
}

set_old() {
	export SOCKT_REMOTE_ADDR=old SOCKT_REMOTE_PORT=old NCAT_PROTO=old NCAT_LOCAL_PORT=old SOCKT_REMOTE_ADDRESS=kept \
		NCAT_=kept OTHER=kept LISTEN_FDS=1 LISTEN_PID=1 LISTEN_FDNAMES=old LISTEN_PIDFDID=1 NOTIFY_SOCKET=/nowhere/old
}

@test "programs: of our environment it has everything but old values of these, LISTEN_* and NOTIFY_SOCKET" {
	set_old
	start_listener_with "${ENV[@]}"
	run -0 client "$ASK"
	leaves_old "$output"
}

@test "programs: so has connect's" {
	set_old
	start_peer 'c = accept(); say(read_all(c).decode())'
	run -0 "$SOCKT" connect 127.0.0.1 "$port" -- "${ENV[@]}"
	ends 0 "$peer"
	leaves_old "$(<"$heard")"
}

@test "programs: it has descriptors 0 to 2 and no other, whatever sockt was given" {
	exec 7</etc/passwd 8>"$BATS_TEST_TMPDIR/file"
	start_listener_with cat
	start_listener -k --sh 'exec cat'
	local before
	before=$(fds_of "$server")
	hold
	test -e "/proc/$server/fd/7"
	is "$(echo "/proc/$child/fd/"*)" "/proc/$child/fd/0 /proc/$child/fd/1 /proc/$child/fd/2"
	stop_client
	wait_for has_fds "$server" "$before"
}

@test "programs: the second client's program does not have the first one's connection" {
	start_server listen -k 127.0.0.1 0 -- cat
	hold
	local first=$child
	start_client 'c.sendall(b"x"); read_n(c, 1); say("runs"); signal.pause()'
	wait_for says "$client_heard" runs
	local second
	second=$(pgrep -P "$server" | grep -vx "$first")
	is "$(echo "/proc/$second/fd/"*)" "/proc/$second/fd/0 /proc/$second/fd/1 /proc/$second/fd/2"
	[[ $(readlink "/proc/$first/fd/0") != "$(readlink "/proc/$second/fd/0")" ]]
}

@test "programs: its input and output block, as programs expect" {
	start_listener_with cat
	hold
	local fd flags
	for fd in 0 1; do
		flags=$(awk '/^flags/ { print $2 }' "/proc/$child/fdinfo/$fd")
		is "$((8#$flags & 8#4000))" 0
	done
}

@test "programs: its signals are the default ones and none is blocked, whatever was ignored when sockt began" {
	start_from 'for s in "PIPE", "HUP", "INT", "QUIT", "USR2": signal.signal(getattr(signal, "SIG" + s), signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM, signal.SIGWINCH])' listen 127.0.0.1 0 -- cat
	hold
	is "$((0x$(fact "$child" SigIgn) & 0x7fffffff))" 0	# 32 and 33 are the C library's own
	is "$((0x$(fact "$child" SigBlk)))" 0
}

@test "programs: under nohup one that writes to a pipe nobody reads still ends by SIGPIPE" {
	_ready_pipe
	begin nohup "$SOCKT" listen --ready-fd "$ready" 127.0.0.1 0 -- bash -c 'yes | head -n 1; echo "${PIPESTATUS[0]}"'
	_await_ready "$ready"
	exec {ready}>&-
	run -0 client "$ASK"
	is "$output" $'y\n141'
}

@test "programs: one that ends at once is noticed also if SIGCHLD was ignored when sockt began" {
	local i
	for i in 1 2 3 4 5; do
		start_from 'signal.signal(signal.SIGCHLD, signal.SIG_IGN)' listen 127.0.0.1 0 -- sh -c 'exit 7'
		client 'read_all(c)'
		ends 7 "$server"
	done
}

@test "programs: children that sockt was started with are none of its business" {
	start_from 'os.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", "exit 3")' listen -k 127.0.0.1 0 -- echo served
	run -0 client "$ASK"
	is "$output" served
	run -0 client "$ASK"
	is "$output" served
}

@test "programs: its limit of descriptors is the one sockt was started with" {
	_ready_pipe
	begin bash -c 'ulimit -Sn 123; ulimit -Hn 4096; exec "$SOCKT" listen --ready-fd "$1" 127.0.0.1 0 -- cat' - "$ready"
	_await_ready "$ready"
	exec {ready}>&-
	server=$pid
	hold
	is "$(awk '/open files/ { print $4, $5 }' "/proc/$server/limits")" "4096 4096"
	is "$(awk '/open files/ { print $4, $5 }' "/proc/$child/limits")" "123 4096"
}

@test "programs: it leads a process group of its own" {
	start_listener_with cat
	hold
	is "$(ps -o pgid= -p "$child" | tr -d ' ')" "$child"
}

@test "programs: its stderr is sockt's" {
	start_listener_with sh -c 'echo "a word" >&2'
	client "$ASK"
	ends 0 "$server"
	is "$(tail -n +2 "$said")" "a word"
}

# ---- ends ----

@test "programs: the client's end is the end of its input, and its answer to that arrives" {
	start_server listen -k 127.0.0.1 0 -- sort
	local peer
	for peer in "$SOCKT connect" "nc.openbsd -N" ncat; do
		# shellcheck disable=SC2086	# several words
		run -0 $peer 127.0.0.1 "$port" < <(printf 'b\nc\na\n')
		is "$output" $'a\nb\nc'
	done
	run -0 socat -t 60 - "TCP:127.0.0.1:$port" < <(printf 'b\nc\na\n')
	is "$output" $'a\nb\nc'
}

@test "programs: an answer that takes long to think of is waited for, on both sides of it" {
	mkfifo "$BATS_TEST_TMPDIR/thought"
	start_listener_with sh -c 'cat >/dev/null; echo thinking >&2; cat "$1"' - "$BATS_TEST_TMPDIR/thought"
	start_client "$ASK"
	wait_for says "$said" thinking
	a_second_passes 1.5
	is_alive "$client"
	is_alive "$server"
	echo "the answer" >"$BATS_TEST_TMPDIR/thought"
	ends 0 "$client"
	is "$(<"$client_heard")" "the answer"
	ends 0 "$server"
}

@test "programs: its end is the client's end, though the client has not ended" {
	start_listener_with echo hello
	run -0 client 'say(read_all(c))'
	is "$output" "b'hello\\n'"
	ends 0 "$server"
}

@test "programs: the last bytes of one that is killed arrive" {
	start_listener_with sh -c 'head -c 1000000 /dev/zero; kill -KILL $$'
	run -0 client 'say(len(read_all(c)))'
	is "$output" 1000000
	ends 137 "$server"
}

# It reads little, and ends while much more is on its way: the client must see the answer and then the end, no reset.
ENDLESS='
import threading
def pump():
    try:
        c.sendall(b"first line\n")
        while True: c.sendall(bytes(1 << 16))
    except OSError: pass
threading.Thread(target=pump, daemon=True).start()
'

@test "programs: the answer of head -1 arrives, and the end, though the client sends on and on" {
	local i
	start_server listen -k 127.0.0.1 0 -- head -n 1
	for i in 1 2 3 4 5; do
		run -0 client "$ENDLESS"'say(read_all(c))'
		is "$output" "b'first line\\n'"
	done
	start_listener_with head -n 1
	run -0 client "$ENDLESS"'say(read_all(c)); c.close()'
	is "$output" "b'first line\\n'"
	ends 0 "$server"
}

@test "programs: the same for an answer of megabytes" {
	start_listener_with sh -c 'head -n 1; head -c 3000000 /dev/zero'
	run -0 client "$ENDLESS"'say(len(read_all(c)))'
	is "$output" 3000011
}

@test "programs: the answer of head -1 arrives at nc, ncat and socat, which have megabytes still to send" {
	random_file "$BATS_TEST_TMPDIR/in" $((8 << 20))
	start_server listen -k 127.0.0.1 0 -- sh -c 'head -c 10 >/dev/null; echo "the answer"'
	local peer
	for peer in "nc.openbsd -N" ncat "$SOCKT connect"; do
		# shellcheck disable=SC2086	# several words
		run $peer 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
		has "$output" "the answer"
	done
	run socat -t 60 - "TCP:127.0.0.1:$port" <"$BATS_TEST_TMPDIR/in"
	has "$output" "the answer"
}

@test "programs: one that closes its input goes on, and the client sends into the void" {
	start_listener_with sh -c 'exec <&-; head -c 3000000 /dev/zero'
	run -0 client "$ENDLESS"'say(len(read_all(c)))'
	is "$output" 3000000
	ends 0 "$server"
}

@test "programs: the same for one that shuts down its input" {
	start_listener_with python3 -c 'import socket
s = socket.socket(fileno=0); s.shutdown(socket.SHUT_RD); s.sendall(b"deaf"); s.sendall(bytes(3000000))'
	run -0 client "$ENDLESS"'say(len(read_all(c)))'
	is "$output" 3000004
	ends 0 "$server"
}

@test "programs: what it left in the background may still speak, and its status stands" {
	mkfifo "$BATS_TEST_TMPDIR/go"
	start_listener_with sh -c '(read -r line <"$1"; echo late) & echo early; exit 7' - "$BATS_TEST_TMPDIR/go"
	start_client 'say(read_n(c, 6)); say(read_all(c))'
	wait_for says "$client_heard" early
	still_runs "$server"
	echo >"$BATS_TEST_TMPDIR/go"
	ends 0 "$client"
	is "$(tail -n 1 "$client_heard")" "b'late\\n'"
	ends 7 "$server"
}

@test "programs: one that writes without end is ended by its client's leaving" {
	start_server listen -k 127.0.0.1 0 -- yes
	client 'read_n(c, 1000)'
	client 'read_n(c, 1000); reset(c)'
	wait_for has_children "$server" 0
	is_alive "$server"
}

# ---- bytes ----

@test "programs: 16 MiB go to a program and back, exactly, for nc, ncat, socat and sockt" {
	random_file "$BATS_TEST_TMPDIR/in" $((16 << 20))
	start_server listen -k 127.0.0.1 0 -- cat
	local peer
	for peer in "nc.openbsd -N" ncat "$SOCKT connect"; do
		# shellcheck disable=SC2086	# several words
		$peer 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/got"
		cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/got"
	done
	socat -t 60 - "TCP:127.0.0.1:$port" <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/got"
	cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/got"
	is "$(wc -l <"$said")" 1
	rm "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/got"
}

@test "programs: connect's gives 16 MiB to nc, ncat and socat, and takes as much from them" {
	local there=$BATS_TEST_TMPDIR/there back=$BATS_TEST_TMPDIR/back got=$BATS_TEST_TMPDIR/file peer
	random_file "$there" $((16 << 20))
	random_file "$back" $((16 << 20))
	for peer in "nc.openbsd -l 127.0.0.1 0" "ncat -l 127.0.0.1 0" "socat -u TCP-LISTEN:0,bind=127.0.0.1 -"; do
		# shellcheck disable=SC2086	# several words
		start_foreign $peer
		run -0 "$SOCKT" connect 127.0.0.1 "$port" -- cat "$there"
		ends 0 "$pid"
		cmp "$there" "$heard"
	done
	for peer in "nc.openbsd -N -l 127.0.0.1 0" "ncat --send-only -l 127.0.0.1 0" \
		"socat -u - TCP-LISTEN:0,bind=127.0.0.1"; do
		# shellcheck disable=SC2086	# several words
		start_foreign $peer <"$back"
		run -0 "$SOCKT" connect 127.0.0.1 "$port" -- dd "of=$got" status=none
		cmp "$back" "$got"
	done
	rm "$there" "$back" "$got"
}

@test "programs: sockt itself may be the program: 16 MiB both ways through another connection" {
	random_file "$BATS_TEST_TMPDIR/in" $((16 << 20))
	start_foreign socat TCP-LISTEN:0,bind=127.0.0.1,fork EXEC:cat
	start_server listen 127.0.0.1 0 -- "$SOCKT" connect 127.0.0.1 "$port"
	"$SOCKT" connect 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/got"
	ends 0 "$server"
	cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/got"
}

# ---- statuses ----

@test "programs: without -k its status is sockt's, without a word" {
	local how
	for how in '0 exit 0' '7 exit 7' '255 exit 255' '143 kill -TERM $$' '137 kill -KILL $$'; do
		start_listener --sh "echo last; ${how#* }"
		run -0 client "$ASK"
		is "$output" last
		ends "${how%% *}" "$server"
		is "$(wc -l <"$said")" 1
		start_peer 'c = accept(); say(read_all(c))'
		run -"${how%% *}" --separate-stderr "$SOCKT" connect --sh "echo last; ${how#* }" "$addr"
		is "$output$stderr" ""
		ends 0 "$peer"
		is "$(<"$heard")" "b'last\\n'"
	done
}

@test "programs: a client's reset is 6 if the program ended well, and else the program's status" {
	start_listener_with sh -c 'cat; exit 0'
	client 'c.sendall(b"x"); read_n(c, 1); reset(c)'
	ends 6 "$server"
	has "$(<"$said")" "reset"
	start_listener_with sh -c 'cat; exit 9'
	client 'c.sendall(b"x"); read_n(c, 1); reset(c)'
	ends 9 "$server"
}

@test "programs: what the client sent before its reset reaches the program" {
	start_server listen -k 127.0.0.1 0 -- dd "of=$BATS_TEST_TMPDIR/file" status=none
	local ours=$said
	kill -STOP "$server"		# it meets the bytes and the reset together
	wait_for is_stopped "$server"
	client 'c.sendall(b"y" * 100000); sent_and_acked(c); reset(c)'
	kill -CONT "$server"
	wait_for says "$ours" "dropped: "
	wait_for has_children "$server" 0
	is "$(wc -c <"$BATS_TEST_TMPDIR/file")" 100000
}

# ---- many ----

@test "programs: with -k 200 clients at once get their MiB back from a program each, and nothing of it stays" {
	start_server listen -k 127.0.0.1 0 -- cat
	client "$ASK_LINE"
	wait_for has_children "$server" 0
	local before
	before=$(fds_of "$server")
	run -0 client 'from crowd import *
say(echoed(c.getpeername(), 200, 1 << 20))'
	is "$output" 200
	wait_for has_children "$server" 0
	wait_for has_fds "$server" "$before"
	is "$(wc -l <"$said")" 1
}

@test "programs: a thousand quick ones leave no zombie and no descriptor" {
	start_server listen -k 127.0.0.1 0 -- true
	client 'read_all(c)'
	wait_for has_children "$server" 0
	local before
	before=$(fds_of "$server")
	run -0 client 'good = 0
for _ in range(50):
    some = [socket.create_connection(c.getpeername(), PATIENCE) for _ in range(20)]
    for s in some: s.settimeout(PATIENCE); good += read_all(s) == b""; s.close()
say(good)'
	is "$output" 1000
	wait_for has_children "$server" 0
	wait_for has_fds "$server" "$before"
}

@test "programs: --max-conns is how many run at once, and the next is served when one has ended" {
	start_server listen -k --max-conns 3 127.0.0.1 0 -- sh -c 'echo here; read -r line; echo "bye $line"'
	keep_pipe 5
	start_client '
crowd = [c] + [socket.create_connection(c.getpeername(), PATIENCE) for _ in range(9)]
for s in crowd: s.settimeout(PATIENCE)
inside = [s for s in crowd if read_n(s, 5) == b"here\n"]
say(len(inside)); sys.stdin.readline()
for s in inside: s.sendall(b"now\n")
say(sum(read_all(s) == b"bye now\n" for s in inside))' <"$pipe" 5>&-
	wait_for has_bytes "$client_heard" 2
	has_children "$server" 3
	echo >&5
	ends 0 "$client"
	is "$(<"$client_heard")" $'3\n3'
	wait_for has_children "$server" 0
	run -0 client 'c.sendall(b"now\n"); say(read_all(c))'
	is "$output" "b'here\nbye now\n'"
}

@test "programs: a client has its place until its program has ended, also if that is later" {
	mkfifo "$BATS_TEST_TMPDIR/go"
	start_server listen -k --max-conns 1 127.0.0.1 0 -- sh -c 'echo over; exec <&- >&-; read -r line <"$1"' - "$BATS_TEST_TMPDIR/go"
	run -0 client 'say(read_all(c))'
	is "$output" "b'over\n'"
	run -0 client 'say(read_all(c))'
	is "$output" "b''"
	echo >"$BATS_TEST_TMPDIR/go"
	wait_for has_children "$server" 0
	run -0 client 'say(read_all(c))'
	is "$output" "b'over\n'"
	echo >"$BATS_TEST_TMPDIR/go"
}

@test "programs: few descriptors make clients wait and turn nobody away" {
	_ready_pipe
	begin bash -c 'ulimit -n 40; exec "$SOCKT" listen -k --ready-fd "$1" 127.0.0.1 0 -- cat' - "$ready"
	_await_ready "$ready"
	exec {ready}>&-
	server=$pid
	run -0 client 'from crowd import *
say(echoed(c.getpeername(), 100, 1 << 18))'
	is "$output" 100
	is "$(wc -l <"$said")" 1
	is_alive "$server"
}

# ---- idle and out of time ----

@test "programs: -i ends an idle client of -k and its program, and no other" {
	start_server listen -k -i 0.8 127.0.0.1 0 -- cat
	run -0 client '
busy = socket.create_connection(c.getpeername(), PATIENCE)
while not select.select([c], [], [], 0.02)[0]: busy.send(b"."); read_n(busy, 1)
busy.send(b"!"); say(read_n(busy, 1)); half_close(busy); say(read_all(busy))'
	is "$output" $'b\'!\'\nb\'\''
	is "$(grep -c 'dropped: idle' "$said")" 1
	wait_for has_children "$server" 0
	is_alive "$server"
}

@test "programs: -i is 5 and ends the program, also one that does not notice" {
	start_server listen -i 1 127.0.0.1 0 -- cat
	start_client 'signal.pause()'
	ends 5 "$server"
	has "$(<"$said")" "idle for 1 s"
	start_server listen -i 1 127.0.0.1 0 -- "${STAYS[@]}"
	start_client 'signal.pause()'
	wait_for it_stays
	ends 5 "$server"
	wait_for is_gone "$child"
}

@test "programs: with -k, -i ends also a program that does not notice, and frees its place" {
	start_server listen -k --max-conns 1 -i 1 127.0.0.1 0 -- "${STAYS[@]}"
	start_client 'signal.pause()'
	wait_for says "$said" "dropped: idle"
	wait_for has_children "$server" 0
}

@test "programs: -i is 5 for connect too" {
	start_peer 'c = accept(); read_all(c)'
	begin "$SOCKT" connect -i 1 "$addr" -- "${STAYS[@]}"
	wait_for it_stays
	ends 5 "$pid"
	wait_for is_gone "$child"
}

@test "programs: -m is the run's, 5, and each client's with -k; the program ends with it" {
	start_server listen -m 6 127.0.0.1 0 -- cat
	hold
	ends 5 "$server"
	wait_for is_gone "$child"
	stop_client
	start_server listen -k -m 6 127.0.0.1 0 -- cat
	hold
	wait_for says "$said" "dropped: its time is up"
	wait_for is_gone "$child"
	wait_for has_children "$server" 0
	run -0 client "$ASK_LINE"
	is "$output" line
	start_peer 'c = accept()
try: read_all(c)
except ConnectionError: pass'
	begin "$SOCKT" connect -m 1 "$addr" -- "${STAYS[@]}"
	wait_for it_stays
	ends 5 "$pid"
	wait_for is_gone "$child"
}

@test "programs: --first-byte ends the program of a client that says nothing" {
	start_server listen -k --first-byte 0.3 127.0.0.1 0 -- "${STAYS[@]}"
	start_client 'signal.pause()'
	wait_for says "$said" "dropped: it said nothing"
	wait_for has_children "$server" 0
}

# ---- signals ----

@test "programs: after TERM the input of every program ends, their answers arrive, and the server ends as the signal does" {
	start_server listen -k --drain 60 127.0.0.1 0 -- sort
	start_client 'c.sendall(b"b\na\n"); sent_and_acked(c); say("sent"); say(read_all(c))'
	wait_for says "$client_heard" sent
	wait_for has_child "$server"
	wait_for has_stalled "$server"
	kill -TERM "$server"
	ends 0 "$client"
	is "$(tail -n 1 "$client_heard")" "b'a\\nb\\n'"
	ends 143 "$server"
}

@test "programs: after TERM the answer arrives, and the end, also at a client that sends on and on" {
	start_server listen -k --drain 60 127.0.0.1 0 -- sh -c 'head -c 1 >/dev/null; echo runs >&2; cat >/dev/null; echo "the answer"'
	start_client "$ENDLESS"'say(read_all(c))'
	wait_for says "$said" runs
	kill -TERM "$server"
	ends 0 "$client"
	is "$(<"$client_heard")" "b'the answer\\n'"
	ends 143 "$server"
}

@test "programs: after TERM nobody new is served" {
	mkfifo "$BATS_TEST_TMPDIR/go"
	start_server listen -k --drain 60 127.0.0.1 0 -- sh -c 'cat >/dev/null; echo ended; read -r line <"$1"; echo last' - "$BATS_TEST_TMPDIR/go"
	start_client 'say(read_n(c, 6)); say(read_all(c))'
	wait_for has_child "$server"
	kill -TERM "$server"
	wait_for says "$client_heard" ended
	run -4 "$SOCKT" connect -z 127.0.0.1 "$port"
	echo >"$BATS_TEST_TMPDIR/go"
	ends 0 "$client"
	is "$(tail -n 1 "$client_heard")" "b'last\\n'"
	ends 143 "$server"
}

# Says when it runs and when it is told to end; its input's end does not impress it.
TOLD='import os, signal
signal.alarm(60)
def told(*_): os.write(1, b"told"); os._exit(0)
signal.signal(signal.SIGTERM, told)
os.write(1, b"runs")
while True: signal.pause()'

@test "programs: who is left after half of --drain gets TERM, not before" {
	start_server listen -k --drain 1.6 127.0.0.1 0 -- python3 -c "$TOLD"
	start_client 'say(read_n(c, 4)); say(read_all(c))'
	wait_for says "$client_heard" runs
	kill -TERM "$server"
	elapsed_ms ends 0 "$client"
	between 800 20000
	is "$(tail -n 1 "$client_heard")" "b'told'"
	ends 143 "$server"
}

# A shell and what it started, deaf to TERM. Says their numbers.
DEAF='trap "" TERM; tail -f /dev/null & echo "$$ $!"; wait; tail -f /dev/null'

@test "programs: who is left after all of --drain is killed, with what it started" {
	start_server listen -k --drain 1 127.0.0.1 0 -- sh -c "$DEAF"
	start_client 'sys.stdout.write(c.makefile().readline()); sys.stdout.flush(); signal.pause()'
	wait_for has_bytes "$client_heard" 1
	local leader other
	read -r leader other <"$client_heard"
	is_alive "$leader"
	is_alive "$other"
	kill -TERM "$server"
	elapsed_ms ends 143 "$server"
	between 1000 20000
	wait_for is_gone "$leader"
	wait_for is_gone "$other"
}

@test "programs: what a program started ends with it when it was told to" {
	start_server listen -k --drain 1 127.0.0.1 0 -- sh -c '(trap "" TERM; exec tail -f /dev/null) & echo "$$ $!"; wait'
	start_client 'sys.stdout.write(c.makefile().readline()); sys.stdout.flush(); signal.pause()'
	wait_for has_bytes "$client_heard" 1
	local leader other
	read -r leader other <"$client_heard"
	kill -TERM "$server"
	ends 143 "$server"
	wait_for is_gone "$leader"
	wait_for is_gone "$other"
}

@test "programs: what a program left in the background ends after --drain, too" {
	start_server listen -k --drain 1 127.0.0.1 0 -- sh -c 'tail -f /dev/null & echo "$$ $!"'
	start_client 'sys.stdout.write(c.makefile().readline()); sys.stdout.flush(); signal.pause()'
	wait_for has_bytes "$client_heard" 1
	local leader other
	read -r leader other <"$client_heard"
	wait_for has_children "$server" 0
	is_alive "$other"
	kill -TERM "$server"
	ends 143 "$server"
	wait_for is_gone "$other"
}

@test "programs: with --drain 0 they end with the server" {
	start_server listen -k --drain 0 127.0.0.1 0 -- "${STAYS[@]}"
	start_client 'signal.pause()'
	wait_for it_stays
	kill -TERM "$server"
	ends 143 "$server"
	wait_for is_gone "$child"
}

@test "programs: a second signal ends the server and its programs at once" {
	start_server listen -k --drain 60 127.0.0.1 0 -- sh -c 'echo runs >&2; cat >/dev/null; echo ended >&2; tail -f /dev/null'
	start_client 'signal.pause()'
	wait_for says "$said" runs
	wait_for has_child "$server"
	kill -TERM "$server"
	wait_for says "$said" ended
	is_alive "$server"
	kill -HUP "$server"
	ends 129 "$server"
	wait_for is_gone "$child"
}

@test "programs: without -k a signal ends the program too, and sockt as the signal does" {
	local signal
	for signal in 143:TERM 129:HUP; do
		start_listener_with "${STAYS[@]}"
		start_client 'signal.pause()'
		wait_for it_stays
		kill -"${signal#*:}" "$server"
		ends "${signal%:*}" "$server"
		wait_for is_gone "$child"
		start_peer 'c = accept()
try: read_all(c)
except ConnectionError: pass'
		begin "$SOCKT" connect "$addr" -- "${STAYS[@]}"
		wait_for it_stays
		kill -"${signal#*:}" "$pid"
		ends "${signal%:*}" "$pid"
		wait_for is_gone "$child"
	done
}

@test "programs: a signal before there is a client ends it at once" {
	start_listener_with cat
	kill -TERM "$server"
	ends 143 "$server"
}

@test "programs: without -k a deaf program and what it started are killed at the second signal" {
	start_listener_with sh -c "$DEAF"
	start_client 'sys.stdout.write(c.makefile().readline()); sys.stdout.flush(); signal.pause()'
	wait_for has_bytes "$client_heard" 1
	local leader other
	read -r leader other <"$client_heard"
	kill -TERM "$server"
	is_alive "$leader"
	still_runs "$server"
	kill -TERM "$server"
	ends 143 "$server"
	wait_for is_gone "$leader"
	wait_for is_gone "$other"
}
