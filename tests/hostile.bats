# Peers that break off, stall and say nothing, at the worst moment and in the worst world: what they cost, and who hears
# of it.
# shellcheck disable=SC2016,SC2034	# what is in single quotes is for another shell, or Python; $host is for lib/listen
load lib/helpers
load lib/listen
load lib/service
load lib/guests

setup() { setup_programs; }
teardown() { teardown_programs; }

# Ways to break off with much unread: each is a reset to the other side.
BREAKS=('reset(s)' 's.close()')

# nobody_left PID SAID: that server, which said that, has no client any more.
nobody_left() {
	local server=$1 said=$2
	wait_for counts_are 0
}

# stays FILE: a program that is deaf to TERM and stays. It writes its number to the file, which its_number reads into
# $child.
stays() { program=(sh -c 'trap "" TERM; echo $$ >"$1.new"; mv "$1.new" "$1"; exec tail -f /dev/null' - "$1"); }
its_number() { [[ -e $1 ]] && child=$(<"$1"); }

# ---- both ways full ----

@test "hostile: a client that sends all it can, reads nothing and breaks off keeps no program and no place" {
	local break
	start_server listen -k --max-conns 3 127.0.0.1 0 -- cat
	note_fds
	for break in "${BREAKS[@]}"; do
		crowd 'for s in crowd(where, 3): fill(s); '"$break"
		all_gone
		wait_for has_children "$server" 0
		run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"the next"
		is "$output" "the next"
	done
}

@test "hostile: connect with a program ends with 6 when such a peer breaks off" {
	local break
	for break in "${BREAKS[@]}"; do
		start_peer 'from guests import fill; s = accept(); fill(s); '"$break"
		begin "$SOCKT" connect --sh 'cat 2>/dev/null; exit 0' "$addr"		# which may meet EPIPE, and say so
		ends 6 "$pid"
		one_line "$(<"$said")"
		has "$(<"$said")" "sockt: connect: "
	done
}

@test "hostile: such a client of --to leaves nothing behind, with us and with its target" {
	local break
	start_echo
	local target=$server target_said=$said
	start_server listen -k --to "$addr" 127.0.0.1 0
	note_fds
	for break in "${BREAKS[@]}"; do
		crowd 'for s in crowd(where, 2): fill(s); '"$break"
		all_gone
		nobody_left "$target" "$target_said"
	done
}

# A client c and its target's end t of a forwarder, whose address comes on stdin.
BETWEEN='from guests import fill
l = listen(); host, port = sys.stdin.readline().split()
def pair():
    c = socket.create_connection((host, int(port)), PATIENCE); return c, accept(l)
def ends(s):
    "How it does, whatever comes before."
    try: read_all(s); return "end"
    except ConnectionError: return "reset"
def is_reset(s):
    "Waits until it is, and reads nothing."
    p = select.poll(); p.register(s, 0); p.poll(PATIENCE * 1000)
    return s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
'

# through CODE: runs it with a forwarder that stays, which has nobody left afterwards. Sets $events to what it said.
through() {
	keep_pipe 5
	start_peer "$BETWEEN$1" <"$pipe" 5>&-
	local peer=$peer peer_heard=$heard
	start_server listen -k --to "$addr" 127.0.0.1 0 5>&-
	echo "$host $port" >&5
	exec 5>&-
	ends 0 "$peer"
	events=$(<"$peer_heard")
	nobody_left "$server" "$said"
}

@test "hostile: a client of --to that says all before it reads hears of its target's reset, not of an end in order" {
	through 'c, t = pair(); fill(c); fill(t); fill(c); reset(t)
try: c.sendall(bytes(16 << 20)); say(ends(c))
except ConnectionError: say("reset")'
	is "$events" reset
}

@test "hostile: a client of --to that floods and resets is gone, and heard of, though its target reads nothing" {
	through 'pairs = [pair() for _ in range(3)]
for c, _ in pairs: fill(c); reset(c)
for _, t in pairs: say(is_reset(t))'
	is "$events" $'True\nTrue\nTrue'
}

@test "hostile: a client of --to that has said its last word and resets then is heard of by its target" {
	through 'c, t = pair(); c.sendall(b"last"); half_close(c); say(ends(t)); reset(c); say(is_reset(t))'
	is "$events" $'end\nTrue'
}

@test "hostile: a client of --to that resets while its target refuses and is tried again gives its place back" {
	closed_port
	start_server listen -k --max-conns 1 --wait 60 --to "$addr" 127.0.0.1 0
	note_fds
	start_crowd 's = join(where); s.sendall(b"x"); sys.stdin.readline(); reset(s)'
	wait_for counts_are 1
	tell
	all_gone
}

# ---- time that is over ----

@test "hostile: listen --first-byte is 5, and says why, whatever becomes of the program" {
	local program
	for program in 'exec cat' 'trap "exit 0" TERM; read -r line'; do
		start_server listen --first-byte 0.5 --sh "$program" 127.0.0.1 0
		start_client 'signal.pause()'
		ends 5 "$server"
		one_line "$(tail -n +2 "$said")"
		has "$(<"$said")" "sockt: listen: " "it said nothing in time (--first-byte)"
	done
}

@test "hostile: --first-byte is not for a client that has to pause for its first line, which was one too many" {
	start_echo --request-rate 1/1h --first-byte 2
	run -0 crowd '
TOO_FAST = b"Rate limit exceeded\n"
first = join(where)
first.sendall(b"line\n" * 20)
assert read_n(first, 5 + 7 * 20) == b"line\n" + 7 * TOO_FAST	# each pause was twice as long: now it is 6.4 s
second = join(where); second.send(b"line\n"); assert read_n(second, 20) == TOO_FAST
third = join(where); assert read_all(third) == b""		# its time was over later than the time of the second
say(is_silent(second))'
	is "$output" True
	is "$(grep -c 'dropped: ' "$said")" 1
}

@test "hostile: echo-server --once -i is 5 for a client that has ended and does not take its echo" {
	start_echo --once -i 1
	start_crowd 's = join(where, rcvbuf=4096); s.sendall(b"z" * 60000); half_close(s); sys.stdin.readline()'
	ends 5 "$server"
	one_line "$(tail -n +2 "$said")"
	has "$(<"$said")" "sockt: echo-server: " "idle for 1 s"
}

@test "hostile: -m is 5, and a program that is deaf to TERM has 5 seconds" {
	local one=$BATS_TEST_TMPDIR/one two=$BATS_TEST_TMPDIR/two program
	start_peer 'c = accept(); signal.pause()'
	local began=${EPOCHREALTIME/[.,]/}
	stays "$one"
	begin "$SOCKT" connect -m 4 "$addr" -- "${program[@]}"
	local connect=$pid connect_said=$said
	stays "$two"
	start_server listen -m 4 127.0.0.1 0 -- "${program[@]}"
	start_client 'signal.pause()'
	wait_for its_number "$one"
	wait_for its_number "$two"
	ends 5 "$connect"
	ends 5 "$server"
	took_ms=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
	between 9000 60000
	its_number "$one"
	wait_for is_gone "$child"
	its_number "$two"
	wait_for is_gone "$child"
	one_line "$(<"$connect_said")"
	has "$(<"$connect_said")" "sockt: connect: " "4 s"
	one_line "$(tail -n +2 "$said")"
	has "$(<"$said")" "sockt: listen: " "4 s"
}

# ---- what cannot be run, or fails ----

# A client that has been connected before the server looks at it, or it might take the reset for a refusal.
@test "hostile: a client whose program cannot be run is reset, which no empty answer is" {
	start_server listen 127.0.0.1 0 -- ./nowhere
	local server_said=$said
	kill -STOP "$server"
	begin "$SOCKT" connect -v -d "$addr"
	wait_for says "$said" ": connected from"
	kill -CONT "$server"
	ends 6 "$pid"
	is "$(<"$heard")" ""
	ends 127 "$server"
	has "$(<"$server_said")" "./nowhere: cannot run it"
}

@test "hostile: the peer of connect is reset when the program cannot be run" {
	start_peer 'c = accept()
try: say(read_all(c))
except ConnectionResetError: say("reset")'
	run -127 "$SOCKT" connect "$addr" -- ./nowhere
	ends 0 "$peer"
	is "$(<"$heard")" reset
}

@test "hostile: a program that fails when its connection breaks has its status, and the break a line" {
	start_peer 'c = accept(); read_n(c, 3); reset(c)'
	run -1 --separate-stderr "$SOCKT" connect --sh 'echo up; cat >/dev/null; exit 1' "$addr"
	ends 0 "$peer"
	is "$output" ""
	one_line "$stderr"
	has "$stderr" "sockt: connect: $addr: " reset
}

# ---- the world it is started in ----

@test "hostile: a program that dies of the broken connection, by SIGPIPE, leaves that as the reason: status 6" {
	start_peer 'c = accept(); c.recv(1); reset(c)'
	begin "$SOCKT" connect --sh 'echo; cat >/dev/null; kill -PIPE $$' "$addr"
	ends 6 "$pid"
	has "$(<"$said")" "Connection reset by peer"
	start_peer 'c = accept()'
	run -141 "$SOCKT" connect --sh 'cat >/dev/null; kill -PIPE $$' "$addr"
}

@test "hostile: signals that were blocked when sockt began are heard all the same" {
	start_from 'signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1])' \
		listen -k 127.0.0.1 0 -- true
	crowd 'for s in crowd(where, 3): assert read_all(s) == b""'
	all_gone
	has_children "$server" 0
	kill -TERM "$server"
	ends 143 "$server"
}

@test "hostile: -o is on the clients of a socket that came in LISTEN_FDS, too" {
	cat >"$BATS_TEST_TMPDIR/activated" <<-'END'
	#!/bin/sh
	PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers exec python3 -c 'from parent import *
	hand_over(listening())
	become()' "$SOCKT" "$@"
	END
	chmod +x "$BATS_TEST_TMPDIR/activated"
	export BATS_TEST_DIRNAME PYTHONDONTWRITEBYTECODE=1
	run -0 --separate-stderr python3 "$BATS_TEST_DIRNAME/lib/peers/sockets.py" TCP_NODELAY \
		"$BATS_TEST_TMPDIR/activated" listen 127.0.0.1 -o TCP_NODELAY=0
	has "$stderr" "of no effect: the sockets are those that came in LISTEN_FDS"
	has "$output" "open TCP_NODELAY 0"
}

# ---- words that make no sense ----

@test "hostile: who would hear nothing, or not be heard, cannot have a target or a program: status 2" {
	local words
	for words in 'listen --to 127.0.0.1:1 0' 'listen -k --to 127.0.0.1:1 0'; do
		refused -d "$words"
		refused --no-stdin "$words"
		refused --recv-only "$words"
	done
	for words in 'listen 0 -- cat' 'listen -k 0 -- cat' 'listen --sh cat 0' 'connect 127.0.0.1 1 -- cat'; do
		refused -d "$words"
		refused --recv-only "$words"
		refused --send-only "$words"
	done
}

# refused OPTION VERB-AND-WORDS: with status 2 and one line that names the option, before anything is touched.
refused() {
	local verb=${2%% *} name=$1
	[[ $name != -d ]] || name=--no-stdin
	# shellcheck disable=SC2086	# several words
	run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" "$verb" "$1" ${2#* }
	is "$output" ""
	one_line "$stderr"
	has "$stderr" "$name"
}
