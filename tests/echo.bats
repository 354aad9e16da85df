# sockt echo-server: what arrives comes back, to one client or thousands.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/guests

# ---- every byte ----

# echoes COMMAND...: what it sends of a file of random bytes comes back to it.
echoes() {
	random_file "$BATS_TEST_TMPDIR/in" "${BYTES:-3000001}"
	timeout 60 "$@" <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 3>&-
	is "$(sha256 "$BATS_TEST_TMPDIR/out")" "$sum"
}

@test "echo: every byte that nc sends comes back" {
	start_echo
	echoes nc -N "$host" "$port"
	echoes nc -N "$host" "$port"
	all_gone
}

@test "echo: every byte that ncat sends comes back" {
	start_echo
	echoes ncat "$host" "$port"
	all_gone
}

@test "echo: every byte that socat sends comes back" {
	start_echo
	echoes socat -t 60 - "TCP:$host:$port"
	all_gone
}

@test "echo: every byte that sockt connect sends comes back" {
	start_echo
	echoes "$SOCKT" connect "$host" "$port"
	BYTES=40000003 echoes "$SOCKT" connect "$host" "$port"
	all_gone
}

@test "echo: every byte comes back over IPv6, and to IPv4 clients of the same port" {
	[[ -e /proc/net/if_inet6 ]] || skip 'no IPv6'
	start_server echo-server 0
	has "$addr" '[::]:'
	echoes "$SOCKT" connect ::1 "$port"
	echoes "$SOCKT" connect 127.0.0.1 "$port"
	run -0 "$SOCKT" connect localhost "$port" <<<"by name"
	is "$output" "by name"
}

@test "echo: bytes come back as they were in chunks of any size" {
	start_echo
	crowd '
data = os.urandom(5 << 20)
for size in 1, 2, 7, 1000, 65535, 65536, 65537, 1 << 20, 5 << 20:
    part = data[:size * 3000]
    assert exchange(join(where), part, size) == part, size'
	all_gone
}

@test "echo: bytes of every value come back, line ends and NUL too" {
	start_echo
	crowd '
data = bytes(range(256)) * 3 + b"\r\n\0\r\n\xff"
assert exchange(join(where), data) == data'
}

@test "echo: who asks and waits for the answer gets it at once, as often as it asks" {
	start_echo
	crowd '
s = join(where)
for i in range(2000): assert is_served(s, b"%d" % i)'
}

@test "echo: a client that has said its last word gets the echo of everything before the end" {
	start_echo
	crowd '
s = join(where, rcvbuf=4096)
sent = fill(s)
half_close(s)
assert len(read_all(s)) == sent > 200000'
	all_gone
}

@test "echo: nothing is said to a client that says nothing, with --prefix neither" {
	start_echo
	crowd 's = join(where); assert is_silent(s); half_close(s); assert read_all(s) == b""'
	start_echo --prefix '> '
	crowd 's = join(where); assert is_silent(s); half_close(s); assert read_all(s) == b""'
}

@test "echo: stdin is left alone, and nothing is written to stdout" {
	printf 'not for you' >"$BATS_TEST_TMPDIR/in"
	exec 5<"$BATS_TEST_TMPDIR/in"
	start_server echo-server 127.0.0.1 0 <&5
	crowd 'assert exchange(join(where), b"hello") == b"hello"'
	all_gone
	is "$(cat <&5)" "not for you"
	is "$(<"$heard")" ""
}

# ---- --prefix ----

@test "echo: --prefix stands before each line, the empty ones and the last without a line end too" {
	start_echo --prefix 'you said: '
	run -0 "$SOCKT" connect "$host" "$port" < <(printf 'one\n\n\ntwo')
	is "$output" $'you said: one\nyou said: \nyou said: \nyou said: two'
	run -0 --keep-empty-lines "$SOCKT" connect "$host" "$port" < <(printf 'end\n')
	is "$output" $'you said: end\n'
}

@test "echo: --prefix stands once before a line that comes in pieces" {
	start_echo --prefix '> '
	crowd '
s = join(where)
s.send(b"a"); assert read_n(s, 3) == b"> a"
s.send(b"b"); assert read_n(s, 1) == b"b"
s.send(b"\n"); assert read_n(s, 1) == b"\n"
assert is_silent(s)				# the next line has not begun
s.send(b"\nc"); assert read_n(s, 6) == b"> \n> c"
half_close(s); assert read_all(s) == b""'
}

@test "echo: --prefix stands once before a line of megabytes, and every byte of it comes back" {
	start_echo --prefix 'long: '
	crowd '
for size in 65535, 65536, 65537, 3000001:
    line = os.urandom(size).replace(b"\n", b"\0")
    for chunk in 999, 65536, 1 << 20:
        assert exchange(join(where), line + b"\n" + line, chunk) == b"long: " + line + b"\nlong: " + line, (size, chunk)'
	all_gone
}

@test "echo: a burst of short lines with a long prefix is answered in full though nothing follows it" {
	local prefix
	prefix=$(printf '%01024d' 7)
	start_echo --prefix "$prefix"
	crowd '
s, line = join(where), argv[0].encode() + b"\n"
s.send(b"\n" * 500); assert read_n(s, 500 * 1025) == line * 500
s.send(b"\n" * 500); half_close(s); assert read_all(s) == line * 500' "$prefix"
	all_gone
}

@test "echo: a prefix of 1024 bytes before thousands of empty lines is sent as often as due" {
	local prefix
	prefix=$(printf '%01024d' 7)
	start_echo --prefix "$prefix"
	crowd '
prefix = argv[0].encode()
assert exchange(join(where), b"\n" * 20000) == (prefix + b"\n") * 20000
assert exchange(join(where), b"\n" * 20000 + b"x", 1) == (prefix + b"\n") * 20000 + prefix + b"x"' "$prefix"
	all_gone
}

@test "echo: lines of many lengths come back each with the prefix, however they were cut" {
	start_echo --prefix '-- '
	crowd '
lines = [bytes([33 + n % 90]) * n for n in list(range(700)) + [65533, 65534, 65535, 65536]]
data, want = b"\n".join(lines), b"\n".join(b"-- " + line for line in lines)
for chunk in 3, 4096, 65536, 1 << 20: assert exchange(join(where), data, chunk) == want, chunk'
}

@test "echo: an empty prefix changes nothing" {
	start_echo --prefix ''
	crowd '
data = os.urandom(300000)
assert exchange(join(where), data) == data'
}

@test "echo: a prefix of more than 1024 bytes is refused before anything is opened" {
	run -2 "$SOCKT" echo-server --prefix "$(printf '%01025d' 7)" 127.0.0.1 0
	one_line "$output"
	has "$output" '--prefix' 1024
}

# ---- --once ----

@test "echo: --once serves one client, lets in no other, and ends with 0" {
	start_echo --once
	crowd '
s = join(where)
assert is_served(s)
try: join(where); assert False, "a second one was let in"
except ConnectionRefusedError: pass
assert exchange(s, b"last words") == b"last words"'
	ends 0 "$server"
	is "$(wc -l <"$said")" 1
}

# once_waits CODE: --once runs until what CODE sent has been taken, after its client has half-closed.
once_waits() {
	start_echo --once
	start_crowd "
s = join(where, rcvbuf=4096)
$1; half_close(s)"'; say("sent"); sys.stdin.readline()
say(len(read_all(s)) == sent); sys.stdin.readline()'
	crowd_says sent
	still_runs "$server"
	tell
	crowd_says True
	ends 0 "$server"
	tell
	ends 0 "$crowd"
}

@test "echo: --once ends only when the client's system has acknowledged the whole echo" {
	once_waits 'sent = 60000; s.sendall(b"z" * sent)'	# the system takes it all from the server at once
	once_waits 'sent = fill(s)'				# and this not
}

@test "echo: --once ends with 6 when the client resets, with bytes due and without" {
	local code
	for code in 's.send(b"x"); read_n(s, 1)' 'fill(s)' 'fill(s); half_close(s)' 'pass'; do
		start_echo --once
		crowd "s = join(where, rcvbuf=4096); $code; reset(s)"
		ends 6 "$server"
		one_line "$(tail -n +2 "$said")"
		has "$(tail -n +2 "$said")" 'sockt: echo-server: ' 'reset'
	done
}

@test "echo: --once gives bytes that came before the reset in its message" {
	start_echo --once -v
	crowd 's = join(where); assert is_served(s, b"12345"); reset(s)'
	ends 6 "$server"
	has "$(<"$said")" 'disconnected after 5 bytes'
}

@test "echo: --once ends with 5 when the client is silent for -i, stays for -m, or says nothing by --first-byte" {
	local option
	for option in -i -m --first-byte; do
		start_echo --once "$option" 0.3
		elapsed_ms crowd 's = join(where); assert read_all(s) == b""'
		between 250 20000
		ends 5 "$server"
		has "$(tail -n +2 "$said")" 'sockt: echo-server: '
	done
}

@test "echo: --once is not used up by a client that was refused" {
	start_echo --once --deny 127.0.0.2
	crowd '
assert not is_served(join(where, "127.0.0.2"))
assert exchange(join(where), b"mine") == b"mine"'
	ends 0 "$server"
}

@test "echo: --once serves TERM: the client is told, and the status is the signal's" {
	start_echo --once --drain 60
	start_crowd 's = join(where); assert is_served(s); say("in"); assert read_all(s) == b""; say("told")'
	crowd_says in
	kill -TERM "$server"
	crowd_says told
	ends 143 "$server"
}

# ---- --workers ----

@test "echo: with --workers 4 each of 200 clients is served, and SIGUSR1 counts all of them" {
	start_echo --workers 4
	start_crowd '
c = crowd(where, 200); all_served(c); say("served"); sys.stdin.readline()
for s in c: data = os.urandom(70000); assert exchange(s, data) == data
say("all served")'
	crowd_says served
	is "$(find "/proc/$server/task" -mindepth 1 -maxdepth 1 | wc -l)" 4
	ask_counts
	is "$counts" "200 clients now, 200 at most, 200 accepted, 0 refused"
	tell
	crowd_says "all served"
	all_gone
	is "$counts" "0 clients now, 200 at most, 200 accepted, 0 refused"
}

@test "echo: with --workers 4 clients are spread over more than one thread" {
	start_echo --workers 4
	start_crowd 'c = crowd(where, 100); all_served(c); say("served"); sys.stdin.readline()
for s in c: assert exchange(s, b"x" * 100000) == b"x" * 100000
say("all served")'
	crowd_says served
	local task slept=() busy=0
	wait_for threads_sleep
	for task in "/proc/$server/task/"*; do slept+=("$(switches_of "$server/task/${task##*/}")"); done
	tell
	crowd_says "all served"
	for task in "/proc/$server/task/"*; do
		(($(switches_of "$server/task/${task##*/}") == slept[0])) || busy=$((busy + 1))
		slept=("${slept[@]:1}")
	done
	((busy >= 2))
}

@test "echo: with --workers 4 TERM tells the clients of each, and it ends when all have gone" {
	start_echo --workers 4 --drain 60
	start_crowd '
c = crowd(where, 100); all_served(c); say("in")
_, heard = parted(c, 100); assert set(heard) == {b""}; say("told"); sys.stdin.readline()
for s in c[1:]: s.close()
say("one is left"); sys.stdin.readline()'
	crowd_says in
	kill -TERM "$server"
	crowd_says told
	run -4 "$SOCKT" connect -z "$host" "$port"
	tell
	crowd_says 'one is left'
	still_runs "$server"
	tell
	ends 143 "$server"
}

@test "echo: with --workers 4 TERM without clients, and a second TERM with some, end it at once" {
	start_echo --workers 4 --drain 60
	kill -TERM "$server"
	ends 143 "$server"
	start_echo --workers 4 --drain 60
	start_crowd 'c = crowd(where, 20); all_served(c); say("in"); parted(c, 20); say("told"); signal.pause()'
	crowd_says in
	kill -TERM "$server"
	crowd_says told
	is_alive "$server"
	kill -TERM "$server"
	ends 143 "$server"
}

@test "echo: with --workers 4 the clients that outstay --drain are cut off" {
	start_echo --workers 4 --drain 0.3
	start_crowd 'c = crowd(where, 20); all_served(c); say("in"); signal.pause()'
	crowd_says in
	kill -TERM "$server"
	ends 143 "$server"
}

@test "echo: with --workers 8 one client, whoever serves it, is enough for -w" {
	start_echo --workers 8 -w 2
	exec 5<>"/dev/tcp/$host/$port"
	a_second_passes 2.2 5>&-
	run -0 "$SOCKT" connect "$host" "$port" <<<"still here"
	is "$output" "still here"
}

@test "echo: with --workers 4 every line of -v is whole, and each client has its two" {
	start_echo --workers 4 -v
	crowd 'Visits(where, 100, 3)'
	all_gone
	is "$(grep -cxE 'sockt: echo-server: client 127\.0\.0\.1:[0-9]+ connected to 127\.0\.0\.1:[0-9]+' "$said")" 300
	is "$(grep -cE '^sockt: echo-server: client 127\.0\.0\.1:[0-9]+ disconnected after [0-9]+ bytes' "$said")" 300
	is "$(grep -vcE '^listening on |^sockt: echo-server: (client |127.*dropped: |[0-9]+ clients now)' "$said")" 0
}

# ---- words ----

@test "echo: -v says who came, and who went after how many bytes" {
	start_echo -v
	run -0 crowd 's = join(where); say(s.getsockname()[1]); exchange(s, b"hello" * 20000)'
	wait_for says "$said" disconnected
	has "$(<"$said")" "sockt: echo-server: client 127.0.0.1:$output connected to 127.0.0.1:$port" \
		"sockt: echo-server: client 127.0.0.1:$output disconnected after 100000 bytes"
	is "$(wc -l <"$said")" 3
}

@test "echo: without -v it says where it listens and no more, with --quiet nothing" {
	start_echo
	crowd 'exchange(join(where), b"hello")'
	is "$(<"$said")" "listening on $addr"
	start_echo --quiet
	crowd 'exchange(join(where), b"hello")'
	is "$(<"$said")" ""
}

@test "echo: SIGUSR1 prints how many clients there are, were at most and in all, also with --quiet and --json" {
	start_echo --quiet --max-conns 3
	start_crowd '
c = crowd(where, 3); all_served(c); assert not is_served(join(where)); c.pop().close(); say("in"); sys.stdin.readline()'
	crowd_says in
	wait_for counts_are 2
	is "$counts" "2 clients now, 3 at most, 3 accepted, 1 refused"
	tell
	wait_for counts_are 0
	start_echo --json
	crowd 'is_served(join(where))'
	kill -USR1 "$server"
	wait_for says "$said" '"event":"counts"'
	has "$(grep counts "$said")" '"most":1,"accepted":1,"refused":0'
}

@test "echo: SIGUSR1 disturbs nobody" {
	start_echo
	start_crowd 's = join(where)
while not select.select([sys.stdin], [], [], 0)[0]: assert is_served(s)
data = os.urandom(1 << 20); assert exchange(s, data) == data; say("all well")'
	local _
	for _ in {1..20}; do ask_counts; done
	tell
	crowd_says 'all well'
}

# ---- time ----

@test "echo: -i closes the client that is silent, and not the one that speaks now and then" {
	start_echo -i 0.8
	crowd '
talks, silent = crowd(where, 2)
assert is_served(silent)
began = time.monotonic()
while not select.select([silent], [], [], 0.1)[0]: assert is_served(talks)
assert silent.recv(1) == b"" and time.monotonic() - began > 0.75
assert is_served(talks)'
	has "$(<"$said")" 'dropped: idle for 800 ms'
	is "$(grep -c dropped "$said")" 1
	is_alive "$server"
	all_gone
}

# A small buffer and small sips: a window that has closed opens again only when most of the buffer is empty.
SIPS='
def sip(s, seconds):
    got, end = 0, time.monotonic() + seconds
    while time.monotonic() < end: got += len(s.recv(8192)); select.select([], [], [], 0.05)
    return got
'

@test "echo: -i waits for a client that takes its echo slowly" {
	start_echo -i 3
	crowd "$SIPS"'
s = join(where, rcvbuf=16384)
sent = fill(s); half_close(s)
got = sip(s, 6.5)
assert got < sent / 2
assert got + len(read_all(s)) == sent'
}

@test "echo: -i waits while the system still sends what the server has long got rid of" {
	start_echo -i 3
	crowd "$SIPS"'
s = join(where, rcvbuf=16384)
s.sendall(b"z" * 1300000)
got = sip(s, 6.5)
assert got < 1290000
assert len(read_n(s, 1300000 - got)) == 1300000 - got
assert is_served(s)'
}

@test "echo: -i cuts off a client that takes nothing of its echo, by a reset" {
	start_echo -i 0.5
	start_crowd '
s = join(where, rcvbuf=4096)
sent = fill(s); say("filled"); sys.stdin.readline()
try: say("got everything" if len(read_all(s)) == sent else "got less, and an end")
except ConnectionResetError: say("reset")'
	crowd_says filled
	wait_for says "$said" 'dropped: idle'
	tell
	crowd_says reset
	all_gone
}

@test "echo: who is cut off with lines unanswered knows it by a reset, though the server had read all it sent" {
	start_echo --prefix "$(printf '%01024d' 7)" -i 0.5
	start_crowd '
s = join(where, rcvbuf=4096); s.sendall(b"\n" * 60000); say("sent"); sys.stdin.readline()
try: say(len(read_all(s)), "bytes, and an end")
except ConnectionResetError: say("reset")'
	crowd_says sent
	wait_for says "$said" 'dropped: idle'
	tell
	crowd_says reset
	all_gone
}

@test "echo: -m ends each client after its time though it speaks, and the next is served" {
	start_echo -m 0.5
	crowd '
for i in range(2):
    s = join(where); began = time.monotonic()
    while time.monotonic() < began + PATIENCE:
        select.select([], [], [], 0.01)
        try:
            s.send(b"x")
            if not s.recv(1): break
        except ConnectionError: break
    assert 0.45 < time.monotonic() - began < PATIENCE'
	is "$(grep -c 'dropped: its time is up' "$said")" 2
	is_alive "$server"
	all_gone
}

@test "echo: -w gives up with 5 when nobody has come" {
	elapsed_ms run -5 "$SOCKT" echo-server --quiet -w 0.3 127.0.0.1 0
	between 290 20000
	one_line "$output"
	has "$output" 'no client came in 300 ms'
	run -5 "$SOCKT" echo-server --quiet --workers 3 -w 0.3 127.0.0.1 0
	has "$output" 'no client came in 300 ms'
}

@test "echo: -w is over once a client has come, even if it has left" {
	start_echo -w 2
	run -0 "$SOCKT" connect "$host" "$port" <<<"here"
	a_second_passes 2.2
	run -0 "$SOCKT" connect "$host" "$port" <<<"again"
	is "$output" "again"
}

# ---- the end ----

# minds_int: from now on SIGINT is not ignored by what starts, as bash has it for what runs in the background.
minds_int() {
	printf '#!/bin/sh\nexec env --default-signal=INT %q "$@"\n' "$SOCKT" >"$BATS_TEST_TMPDIR/sockt"
	chmod +x "$BATS_TEST_TMPDIR/sockt"
	SOCKT=$BATS_TEST_TMPDIR/sockt
}

@test "echo: TERM, INT and HUP without clients end it at once, as the signal does" {
	local signo
	minds_int
	for signo in 15 2 1; do
		start_echo --drain 60
		kill "-$signo" "$server"
		ends $((128 + signo)) "$server"
	done
}

@test "echo: after TERM nobody new is let in, idle clients are told, and it ends with the last of them" {
	start_echo --drain 60 -v
	start_crowd '
c = crowd(where, 10); all_served(c); say("in")
_, heard = parted(c, 10); assert set(heard) == {b""}; say("told"); sys.stdin.readline()
for s in c[1:]: s.close()
say("one is left"); sys.stdin.readline()'
	crowd_says in
	kill -TERM "$server"
	crowd_says told
	run -4 "$SOCKT" connect -z "$host" "$port"
	has "$(<"$said")" 'no new clients; 10 left have 1 min to end'
	tell
	crowd_says 'one is left'
	still_runs "$server"
	tell
	ends 143 "$server"
	is "$(grep -c disconnected "$said")" 10
}

@test "echo: what a client had sent before TERM is echoed yet" {
	start_echo --drain 60
	start_crowd '
s = join(where, rcvbuf=4096); t = join(where); assert is_served(t)
sent = fill(s); say("filled"); sys.stdin.readline()
t.send(b"last words"); sent_and_acked(t); say("sent"); assert read_all(t) == b"last words"; say("echoed"); t.close()
got = read_all(s); assert 100000 < len(got) <= sent; s.close(); say("told")'
	crowd_says filled
	kill -STOP "$server"			# it meets the last words and the signal together
	wait_for is_stopped "$server"
	tell
	crowd_says sent
	kill -TERM "$server"
	kill -CONT "$server"
	crowd_says echoed
	crowd_says told
	ends 143 "$server"
}

@test "echo: a client that goes on sending after TERM does not keep it for longer than --drain" {
	start_echo --drain 0.5
	start_crowd '
s = join(where); assert is_served(s); say("in"); assert s.recv(1) == b""; say("told")
try:
    while True: s.send(b"z" * 65536)
except OSError: say("cut off")'
	crowd_says in
	elapsed_ms eval 'kill -TERM "$server"; ends 143 "$server"'
	between 450 20000
	crowd_says told
	crowd_says 'cut off'
}

@test "echo: a client that takes nothing is cut off after --drain" {
	start_echo --drain 0.3
	start_crowd '
s = join(where, rcvbuf=4096); sent = fill(s); say("filled"); sys.stdin.readline()
try: say("got everything" if len(read_all(s)) == sent else "got less, and an end")
except ConnectionResetError: say("reset")'
	crowd_says filled
	kill -TERM "$server"
	ends 143 "$server"
	tell
	crowd_says reset			# or it would take what it got for all there was
}

@test "echo: a second signal ends it at once, and its status is that signal's" {
	minds_int
	start_echo --drain 60
	start_crowd 'c = crowd(where, 3); all_served(c); say("in"); parted(c, 3); say("told"); signal.pause()'
	crowd_says in
	kill -TERM "$server"
	crowd_says told
	is_alive "$server"
	kill -INT "$server"
	ends 130 "$server"
}

# ---- thousands ----

# throng OPTION...: 5,000 clients at once, that each got an echo and are silent now. Sets $before and $resident (KiB).
throng() {
	needs_descriptors 6000
	start_echo "$@"
	note_fds
	before=$(resident_kib)
	start_crowd '
c = []
for i in range(50):			# each hundred is in before the next comes: the backlog holds 4,096
    c += crowd(where, 100, f"127.77.0.{1 + i}")
    all_served(c[-100:])
say("all are in"); sys.stdin.readline()
for i, s in enumerate(c):		# most leave nothing in TIME-WAIT, for the sake of the machine
    if i % 10: reset(s)
    else: s.close()
say("all are out"); sys.stdin.readline()'
	PATIENCE=50 crowd_says 'all are in'
	counts_are 5000
	resident=$(resident_kib)
}

@test "echo: 5,000 idle clients are all served, and leave no descriptor behind" {
	throng
	is "$counts" "5000 clients now, 5000 at most, 5000 accepted, 0 refused"
	tell
	crowd_says 'all are out'
	all_gone
}

@test "echo: an idle client takes at most 1 KiB of memory, and a server without clients at most 4 MiB" {
	needs_plain_memory
	throng
	((before <= 4096))
	((resident - before <= 5000))
	tell
	crowd_says 'all are out'
	all_gone
}

@test "echo: 5,000 idle clients, with deadlines running, do not wake it up" {
	throng -i 1h -m 1h --first-byte 1h
	local woken
	wait_for threads_sleep
	woken=$(wakings)
	a_second_passes 1.5
	is "$(wakings)" "$woken"
}

@test "echo: 5,000 idle clients of 4 workers do not wake one of them up" {
	throng --workers 4
	local woken
	wait_for threads_sleep
	woken=$(wakings)
	a_second_passes
	is "$(wakings)" "$woken"
	tell
	crowd_says 'all are out'
	all_gone
}

@test "echo: a client that was busy and is idle now holds no more memory than one that never was" {
	needs_plain_memory
	start_echo --prefix '>'
	start_crowd '
keep = []
for i in range(300):
    s = join(where); keep.append(s)
    assert exchange(s, b"0123456789\n" * 30000, want=360000) == b">0123456789\n" * 30000
say("idle again"); sys.stdin.readline()'
	crowd_says 'idle again'
	(($(resident_kib) <= 4096 + 300))
}

# ---- hostile ----

@test "echo: 30 clients that send without end and read nothing delay nobody, and cost bounded memory and no time" {
	start_echo
	note_fds
	start_crowd '
hostile = crowd(where, 30, rcvbuf=4096)
for s in hostile: s.setblocking(False)
full, end = set(), time.monotonic() + PATIENCE
friend = join(where)
while len(full) < 30 and time.monotonic() < end:
    for s in hostile:
        try: s.send(b"z" * 65536); full.discard(s)
        except BlockingIOError: full.add(s)
    assert is_served(friend)
for i in range(500): assert is_served(friend)
data = os.urandom(3 << 20)
assert exchange(friend, data) == data
say("all well"); sys.stdin.readline()
for s in hostile: reset(s)'
	crowd_says 'all well'
	[[ ${VARIANT-} == asan ]] || (($(resident_kib) <= 4096 + 31 * 132))
	local woken
	wait_for threads_sleep
	woken=$(wakings)
	a_second_passes
	is "$(wakings)" "$woken"		# it waits for them, and does not ask
	tell
	ends 0 "$crowd"
	all_gone
}

@test "echo: a client that sends and reads as fast as it can leaves turns to the others" {
	start_echo
	crowd '
done = threading.Event()
def hurry():
    s = join(where)
    def drain():
        try:
            while s.recv(1 << 20): pass
        except OSError: pass
    threading.Thread(target=drain, daemon=True).start()
    while not done.is_set(): s.send(b"z" * (1 << 20))
    reset(s)
for i in range(3): threading.Thread(target=hurry, daemon=True).start()
friend = join(where)
for i in range(100): assert is_served(friend)
done.set()'
	all_gone
}

@test "echo: clients that reset at every moment harm nobody and leave nothing behind" {
	local options
	for options in '' '--prefix=>' '--request-rate=5/m' '--workers=3' '-i60'; do
		start_echo ${options:+"$options"}
		note_fds
		crowd '
friend = join(where, "127.0.0.2")
prefix = b">" if argv[0].startswith("--prefix") else b""
def is_well(word): friend.send(word); return read_n(friend, len(prefix + word)) == prefix + word
assert is_well(b"F\n")
def at_once(s): pass
def after_words(s): s.send(b"words\nand half a line")
def after_echo(s): s.send(b"words\n"); s.recv(1)
def with_echo_due(s): s.send(b"lines\n" * 20000)
def after_the_end(s): s.send(b"lines\n" * 100); half_close(s)
def when_full(s):
    s.setblocking(False)
    try:
        while True: s.send(b"line\n" * 10000)
    except (BlockingIOError, ConnectionError): pass
def when_full_and_ended(s): when_full(s); half_close(s)
for i in range(40):
    for moment in at_once, after_words, after_echo, with_echo_due, after_the_end, when_full, when_full_and_ended:
        s = join(where, f"127.0.1.{1 + i}", rcvbuf=4096)
        try: moment(s)
        except ConnectionError: pass
        if i % 4: reset(s)
        else: s.close()
assert is_well(b"G\n")' "$options"
		all_gone
		has "$counts" "281 accepted"
		is "$(grep -vcE 'listening on|dropped: |clients now' "$said")" 0
		kill -TERM "$server"
		ends 143 "$server"
	done
}

@test "echo: urgent bytes are bytes like others" {
	start_echo
	crowd '
s = join(where); s.send(b"before "); s.send(b"!", socket.MSG_OOB); s.send(b" after"); half_close(s)
assert read_all(s) == b"before ! after"'
}

@test "echo: who asks for -k, as of ncat, is told that it is not needed" {
	run -2 --separate-stderr "$SOCKT" echo-server -k 127.0.0.1 0
	is "$stderr" "sockt: echo-server: -k: no such option: it serves many clients by itself, and one with --once"
}
