# Time: one deadline over everything, what is tried again and what is not, and which byte was due.
# shellcheck disable=SC2016	# other shells expand what is quoted
load lib/helpers

# A name server that hears everything and answers nothing.
mute_resolver='etc nsswitch.conf "hosts: dns"
	etc resolv.conf "nameserver 127.0.0.1"
	exec 8< <(exec python3 -c "import socket, signal
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((\"127.0.0.1\", 53)); print(\"ready\", flush=True)
signal.alarm(60); signal.pause()")
	mute=$!
	trap "kill $mute" EXIT
	read -r -t 20 -u 8 _'

# count TEXT WORD: how often it is in there.
count() { grep -oF -e "$2" <<<"$1" | wc -l; }

# ---- one deadline ----

@test "time: -w gives up at the deadline, whatever the number of addresses and retries, and names the peer" {
	needs_netns
	elapsed_ms run -5 --separate-stderr in_netns 'black_hole
		etc hosts "198.51.100.1 silent
198.51.100.2 silent
198.51.100.3 silent"
		"$SOCKT" connect -w 1 --retry 5 silent 80'
	between 900 4000
	is "$output" ''
	one_line "$stderr"
	has "$stderr" 'sockt: connect: silent:80: timed out after 1 s' 198.51.100.1:80 198.51.100.2:80 198.51.100.3:80
}

@test "time: -w covers the attempts that ended and the pauses between them, too" {
	needs_netns
	elapsed_ms run -5 --separate-stderr in_netns 'black_hole
		"$SOCKT" connect -v -w 1 --attempt-timeout 100ms --retry 1000 --retry-delay 50ms 198.51.100.1 80'
	between 500 4000	# a pause that would not end in time is not begun
	has "$stderr" 'trying again'
}

@test "time: -w covers the lookup, and says that it was the lookup" {
	needs_netns
	elapsed_ms run -5 --separate-stderr in_netns "$mute_resolver"'
		"$SOCKT" connect -w 1 --retry 5 some.name.example 80'
	between 1000 4000
	one_line "$stderr"
	has "$stderr" 'some.name.example:80: timed out after 1 s' 'looking up'
}

@test "time: -w is over when the connection is open" {
	start_peer 'c = accept(); is_silent(c, 1); c.sendall(b"late")'
	run -0 --separate-stderr "$SOCKT" connect -w 0.5 127.0.0.1 "$port"
	is "$output" late
}

@test "time: TERM ends a lookup that hangs, at once" {
	needs_netns
	elapsed_ms run -143 --separate-stderr in_netns "$mute_resolver"'
		"$SOCKT" connect -vv some.name.example 80 2>"$1" &
		until grep -q resolving "$1"; do :; done
		kill -TERM $!
		wait $!' "$BATS_TEST_TMPDIR/words"
	between 0 4000		# the resolver itself would take 10 s
}

@test "time: --attempt-timeout ends one attempt and names its address" {
	needs_netns
	elapsed_ms run -5 --separate-stderr in_netns 'black_hole
		etc hosts "198.51.100.1 silent
198.51.100.2 silent"
		"$SOCKT" connect --attempt-timeout 300ms silent 80'
	between 300 5000
	one_line "$stderr"
	has "$stderr" '198.51.100.1:80: timed out after 300 ms' '198.51.100.2:80: timed out after 300 ms'
}

@test "time: an address that refuses beside one that is silent leaves the question open: status 5" {
	needs_netns
	run -5 --separate-stderr in_netns 'black_hole
		etc hosts "198.51.100.1 half
127.0.0.1 half"
		"$SOCKT" connect --attempt-timeout 500ms half 4000'
	has "$stderr" '127.0.0.1:4000: Connection refused' '198.51.100.1:4000: timed out'
}

@test "time: a name whose IPv6 address swallows everything is reached over IPv4 without delay" {
	needs_netns
	elapsed_ms run -0 --separate-stderr in_netns 'black_hole
		etc hosts "2001:db8:b::1 dual
127.0.0.1 dual"
		python3 -c "import os, socket
s = socket.socket(); s.bind((\"127.0.0.1\", 4000)); s.listen(); s.set_inheritable(True); s.detach()
os.execvp(os.environ[\"SOCKT\"], \"sockt connect -v -z -w 30 --attempt-timeout 20 dual 4000\".split())"'
	between 250 10000
	has "$stderr" '[2001:db8:b::1]:4000: trying' '127.0.0.1:4000: connected'
}

@test "time: -m ends the whole run, and what came until then is printed" {
	start_peer 'c = accept(); c.sendall(b"early\n")
try:
    while True: is_silent(c, 0.05); c.sendall(b".")
except OSError: pass'
	elapsed_ms run -5 --separate-stderr "$SOCKT" connect -m 0.7 127.0.0.1 "$port"
	between 700 5000
	is "${lines[0]}" early
	one_line "$stderr"
	has "$stderr" "127.0.0.1:$port" '700 ms' -m
}

@test "time: what -m cuts off ends by a reset, so that the peer does not take it for all" {
	start_peer 'signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
c = accept(rcvbuf=4096); signal.sigwait([signal.SIGUSR1])
try: read_all(c); say("an end")
except ConnectionResetError: say("a reset")'
	run -5 "$SOCKT" connect -m 0.3 127.0.0.1 "$port" </dev/zero
	kill -USR1 "$peer"
	ends 0 "$peer"
	is "$(<"$heard")" 'a reset'
}

@test "time: -w names the addresses that had failed before it was over, too" {
	needs_netns
	run -5 --separate-stderr in_netns 'black_hole
		etc hosts "::1 half
198.51.100.1 half"
		"$SOCKT" connect -w 0.5 half 4000'
	one_line "$stderr"
	has "$stderr" 'half:4000: timed out after 500 ms' 198.51.100.1:4000 '[::1]:4000: Connection refused'
}

@test "time: -m covers connecting as well" {
	needs_netns
	elapsed_ms run -5 --separate-stderr in_netns 'black_hole; "$SOCKT" connect -m 0.5 -w 0 198.51.100.1 80'
	between 500 5000
	has "$stderr" 198.51.100.1:80 '500 ms'
}

# ---- again ----

@test "time: --retry tries again what may heal by itself: no route, and no answer" {
	needs_netns
	run -4 --separate-stderr in_netns 'ip route add unreachable 198.51.100.0/24
		"$SOCKT" connect -v --retry 2 --retry-delay 10ms 198.51.100.1 80'
	is "$(grep -c 'connect: 198.51.100.1:80: trying$' <<<"$stderr")" 3
	is "$(count "$stderr" 'trying again')" 2
	run -5 --separate-stderr in_netns 'black_hole
		"$SOCKT" connect -v --retry 2 --retry-delay 10ms --attempt-timeout 100ms 198.51.100.1 80'
	is "$(grep -c 'connect: 198.51.100.1:80: trying$' <<<"$stderr")" 3
}

@test "time: --retry tries a lookup again that failed for now, but not one that said no" {
	needs_netns
	run -3 --separate-stderr in_netns 'etc nsswitch.conf "hosts: dns"; etc resolv.conf "nameserver 127.0.0.1"
		"$SOCKT" connect -v --retry 2 --retry-delay 10ms some.name.example 80'
	is "$(count "$stderr" 'trying again')" 2
	run -3 --separate-stderr in_netns 'etc nsswitch.conf "hosts: files"
		"$SOCKT" connect -v --retry 2 --retry-delay 10ms some.name.example 80'
	is "$(count "$stderr" 'trying again')" 0
}

@test "time: --retry leaves a refusal alone, --retry-refused does not" {
	closed_port
	run -4 --separate-stderr "$SOCKT" connect -v --retry 2 --retry-delay 10ms 127.0.0.1 "$port"
	is "$(grep -c ': trying$' <<<"$stderr")" 1
	run -4 --separate-stderr "$SOCKT" connect -v --retry 2 --retry-delay 10ms --retry-refused 127.0.0.1 "$port"
	is "$(grep -c ': trying$' <<<"$stderr")" 3
}

@test "time: pauses between retries double, give or take a quarter" {
	closed_port
	run -4 --separate-stderr "$SOCKT" connect --json --retry 3 --retry-delay 40ms --retry-refused 127.0.0.1 "$port"
	python3 -c 'import json, sys
delays = [e["delay_ms"] for e in map(json.loads, sys.argv[1].split("\n")) if e["event"] == "retrying"]
assert len(delays) == 3, delays
for n, delay in enumerate(delays):
    assert 30 * 2 ** n <= delay <= 50 * 2 ** n, delays' "$stderr"
}

@test "time: --wait connects as soon as there is a listener, and sends once" {
	start_peer 'signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
s = socket.socket(); s.bind(("127.0.0.1", 0)); ready(s)
signal.sigwait([signal.SIGUSR1]); s.listen(); c, _ = s.accept(); say(read_all(c)); c.sendall(b"found")'
	peer_heard=$heard
	begin "$SOCKT" connect -v --wait 20 127.0.0.1 "$port" < <(echo hello)
	wait_for says "$said" 'trying again'
	kill -USR1 "$peer"
	ends 0 "$pid"
	is "$(<"$heard")" found
	ends 0 "$peer"
	is "$(<"$peer_heard")" "b'hello\n'"
}

@test "time: --wait waits for a Unix socket that does not exist yet" {
	begin "$SOCKT" connect -v -z --wait 20 "unix:$BATS_TEST_TMPDIR/sock"
	connect=$pid
	wait_for says "$said" 'trying again'
	start_peer 'accept(host=argv[0])' "$BATS_TEST_TMPDIR/sock"
	ends 0 "$connect"
}

@test "time: --wait gives up in time and says what was seen last" {
	closed_port
	elapsed_ms run -5 --separate-stderr "$SOCKT" connect --wait 0.5 127.0.0.1 "$port"
	between 500 5000
	one_line "$stderr"
	has "$stderr" "127.0.0.1:$port" '500 ms' 'last: ' 'Connection refused'
	run -5 --separate-stderr "$SOCKT" connect --wait 100ms "unix:$BATS_TEST_TMPDIR/sock"
	has "$stderr" "unix:$BATS_TEST_TMPDIR/sock" 'No such file'
}

@test "time: --wait does not wait for what cannot change: a name with -n, an address of the other family" {
	local words
	for words in '-n localhost 80' '-4 ::1 80' '-6 127.0.0.1 80'; do
		# shellcheck disable=SC2086	# words
		run -3 --separate-stderr "$SOCKT" connect --wait 5 $words
		one_line "$stderr"
		has_no "$stderr" '5 s'
	done
}

@test "time: --wait waits for a name, too" {
	needs_netns
	run -5 --separate-stderr in_netns 'etc nsswitch.conf "hosts: files"; "$SOCKT" connect --wait 0.3 some.name.example 80'
	one_line "$stderr"
	has "$stderr" some.name.example:80 '300 ms' 'last: '
}

@test "time: -w ends --wait when it is shorter" {
	closed_port
	elapsed_ms run -5 --separate-stderr "$SOCKT" connect --wait 50 -w 0.3 127.0.0.1 "$port"
	between 300 5000
	has "$stderr" '300 ms'
}

@test "time: --wait looks often at loopback: pauses grow from 10 ms to at most 40 ms" {
	closed_port
	run -5 --separate-stderr "$SOCKT" connect --json --wait 0.5 127.0.0.1 "$port"
	python3 -c 'import json, sys
delays = [e["delay_ms"] for e in map(json.loads, sys.argv[1].split("\n")) if e["event"] == "retrying"]
assert len(delays) >= 4 and delays[0] <= 10 and max(delays) <= 40, delays' "$stderr"
}

# ---- idle ----

# is_idle WORDS: the last run ended by -i, and said what was due.
is_idle() {
	one_line "$stderr"
	has "$stderr" "127.0.0.1:$port: idle for " "$1"
}

@test "time: -i says that the peer was due" {
	start_peer 'c = accept(); c.sendall(b"early\n"); read_all(c)'
	elapsed_ms run -5 --separate-stderr "$SOCKT" connect -i 0.4 127.0.0.1 "$port"
	between 400 5000
	is "$output" early
	is_idle 'nothing came from the peer'
	has "$stderr" '400 ms' '0 bytes sent, 6 received'
}

@test "time: -i says that the peer was due after the half-close" {
	start_peer 'c = accept(); read_all(c); signal.pause()'
	run -5 --separate-stderr "$SOCKT" connect -i 0.4 127.0.0.1 "$port" <<<hello
	is_idle 'nothing came from the peer'
}

@test "time: -i says that stdin or the peer was due" {
	start_peer 'c = accept(); read_all(c)'
	begin_fed "$SOCKT" connect -i 0.4 127.0.0.1 "$port"
	ends 5 "$pid"
	stderr=$(<"$said")
	is_idle 'nothing came from stdin or the peer'
}

@test "time: -i says that stdin was due when the peer has ended" {
	start_peer 'c = accept(); half_close(c); read_all(c)'
	begin_fed "$SOCKT" connect -i 0.4 --linger 50 127.0.0.1 "$port"
	ends 5 "$pid"
	stderr=$(<"$said")
	is_idle 'nothing came from stdin'
	has_no "$stderr" 'or the peer'
}

@test "time: -i says that the peer took nothing" {
	start_peer 'c = accept(rcvbuf=4096); signal.pause()'
	run -5 --separate-stderr "$SOCKT" connect -i 1 127.0.0.1 "$port" </dev/zero
	is_idle 'the peer took nothing'
}

@test "time: -i says that the peer's system acknowledged nothing" {
	start_peer 'c = accept(rcvbuf=4096); half_close(c); signal.pause()'
	head -c 60000 /dev/zero >"$BATS_TEST_TMPDIR/in"
	run -5 --separate-stderr "$SOCKT" connect -i 1 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
	is_idle 'acknowledged nothing'
}

@test "time: -i says that stdout took nothing" {
	start_peer 'c = accept()
try:
    while True: c.sendall(b"x" * 10000)
except OSError: pass'
	mkfifo "$BATS_TEST_TMPDIR/out"
	exec {out}<>"$BATS_TEST_TMPDIR/out"
	run -5 bash -c '"$SOCKT" connect -d -i 1 127.0.0.1 "$1" 2>&1 >"$2"' - "$port" "$BATS_TEST_TMPDIR/out"
	exec {out}>&-
	stderr=$output
	is_idle 'stdout took nothing'
}

@test "time: -i does not end a conversation that goes on" {
	start_peer 'c = accept()
for _ in range(15): c.sendall(b"."); is_silent(c, 0.15)'
	run -0 --separate-stderr "$SOCKT" connect -i 1.2 127.0.0.1 "$port"
	is "$output" ...............
}

# A peer that takes 300 kB/s for two seconds, then all the rest, and answers.
sipping='c = accept(rcvbuf=65536); n = 0
for _ in range(20): n += len(read_n(c, 30000)); select.select([], [], [], 0.1)
n += len(read_all(c)); c.sendall(b"%d" % n); c.close()'

@test "time: -i does not end a conversation with a slow peer that still takes what was sent" {
	start_peer "$sipping"
	head -c 1500000 /dev/zero >"$BATS_TEST_TMPDIR/in"
	run -0 --separate-stderr "$SOCKT" connect -i 0.8 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
	is "$output" 1500000
}

@test "time: -q does not give up on a slow peer that still takes what was sent" {
	start_peer "$sipping"
	head -c 1500000 /dev/zero >"$BATS_TEST_TMPDIR/in"
	run -0 --separate-stderr "$SOCKT" connect -q 0.8 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
	is "$output" 1500000
}
