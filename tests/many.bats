# sockt listen -k: many clients at once around one stdin and stdout.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen

# Clients in one process: names[i] connected, in that order, each after the one before was accepted.
CLIENTS='
def more(n, **how):
    made = []
    for _ in range(n):
        s = socket.create_connection(c.getpeername()[:2], PATIENCE)
        s.settimeout(PATIENCE)
        made.append(s)
    return made
'

# ---- together ----

@test "many: three clients are there at once, and what each sends arrives" {
	keep_pipe 5
	start_listener -k
	start_client "$CLIENTS"'
a, b = more(2)
for i, s in enumerate((c, a, b)): s.send(b"<here %d>" % i)
sys.stdin.readline()
for i, s in enumerate((c, a, b)): s.sendall(b"012"[i:i+1] * 1000000); half_close(s)
for s in (c, a, b): read_all(s)' <"$pipe" 5>&-
	wait_for says "$heard" "<here 0>"
	wait_for says "$heard" "<here 1>"
	wait_for says "$heard" "<here 2>"
	echo >&5
	ends 0 "$client"
	wait_for has_bytes "$heard" 3000024
	local i
	for i in 0 1 2; do
		is "$(tr -cd "$i" <"$heard" | wc -c)" 1000001
	done
}

@test "many: what stdin says goes to every client that is there" {
	keep_pipe 5
	start_listener -k <"$pipe" 5>&-
	start_client "$CLIENTS"'
a, b = more(2)
for s in (c, a, b): s.send(b"x")
for s in (c, a, b): say(read_n(s, 4)); half_close(s)
for s in (c, a, b): say(read_all(s))' 5>&-
	wait_for holds "$heard" xxx
	printf 'news' >&5
	ends 0 "$client"
	is "$(<"$client_heard")" "$(printf "b'news'\n%.0s" 1 2 3; printf "b''\n%.0s" 1 2 3)"
}

@test "many: stdin waits while nobody is there" {
	unread() { python3 -c 'import fcntl, struct; print(struct.unpack("i", fcntl.ioctl(5, 0x541b, b"    "))[0])'; }
	keep_pipe 5
	printf 'first' >&5
	start_listener -k -v <"$pipe" 5>&-
	wait_for is_asleep "$listener"
	is "$(unread)" 5
	client 'say(read_n(c, 5)); half_close(c); read_all(c)' 5>&-
	wait_for says "$said" disconnected
	printf 'second' >&5
	wait_for is_asleep "$listener"
	is "$(unread)" 6
	run -0 client 'say(read_n(c, 6))' 5>&-
	is "$output" "b'second'"
}

@test "many: the end of stdin half-closes those who are there and those who come later" {
	printf 'bye' >"$BATS_TEST_TMPDIR/in"
	start_listener -k <"$BATS_TEST_TMPDIR/in"
	client "$CLIENTS"'
assert read_all(c) == b"bye"
late, = more(1)
assert read_all(late) == b""
c.send(b"one "); half_close(c)		# both may still speak
late.send(b"two "); half_close(late)'
	wait_for has_bytes "$heard" 8
	has "$(<"$heard")" "one " "two "
	is_alive "$listener"
}

@test "many: --no-half-close leaves them open after the end of stdin" {
	start_listener -k --no-half-close <<<"bye"
	client 'assert read_n(c, 4) == b"bye\n"; assert is_silent(c); c.send(b"x"); half_close(c); assert read_all(c) == b""'
	wait_for holds "$heard" x
}

@test "many: with -d stdin is left alone and the clients stay until they end" {
	printf 'not for you' >"$BATS_TEST_TMPDIR/in"
	exec 5<"$BATS_TEST_TMPDIR/in"
	start_listener -k -d <&5
	client 'c.send(b"x"); assert is_silent(c); half_close(c); assert read_all(c) == b""'
	wait_for holds "$heard" x
	is "$(cat <&5)" "not for you"
}

@test "many: -C sends everybody CR LF, also when CR and LF come apart" {
	keep_pipe 5
	start_listener -k -C <"$pipe" 5>&-
	start_client "$CLIENTS"'
a, = more(1)
for s in (c, a): s.send(b"x")
say(read_n(c, 4), read_n(a, 4)); say(read_n(c, 4), read_n(a, 4))' 5>&-
	wait_for holds "$heard" xx
	printf 'a\nb\r' >&5			# 4 of 5 bytes: the CR shows that the whole was read
	wait_for says "$client_heard" "b'a\\r\\nb' b'a\\r\\nb'"
	wait_for is_asleep "$listener"
	printf '\nc\n' >&5
	ends 0 "$client"
	has "$(<"$client_heard")" "b'\\r\\nc\\r' b'\\r\\nc\\r'"
}

@test "many: --send-only takes and drops what clients say" {
	keep_pipe 5
	start_listener -k --send-only -v <"$pipe" 5>&-
	start_client 'c.sendall(b"y" * 300000); sent_and_acked(c); say("sent"); say(read_n(c, 4)); half_close(c); read_all(c)' 5>&-
	wait_for says "$client_heard" sent
	printf 'news' >&5
	ends 0 "$client"
	is "$(<"$client_heard")" $'sent\nb\'news\''
	wait_for says "$said" disconnected
	is "$(<"$heard")" ""
}

@test "many: with --send-only a client is let go when it has everything, though it stays" {
	start_listener -k --send-only -v <<<"all of it"
	start_client 'say(read_all(c)); signal.pause()'
	wait_for says "$said" disconnected
	is "$(<"$client_heard")" "b'all of it\\n'"
}

@test "many: --no-half-close with -q ends a client that stays silent after the end of stdin" {
	start_listener -k --no-half-close -q 0.2 <<<"bye"
	run -0 client 'say(read_all(c))'
	is "$output" "b'bye\\n'"
	is_alive "$listener"
}

@test "many: a client that has ended is kept for --linger while a pipe on stdin may speak" {
	keep_pipe 5
	start_listener -k -q 60 <"$pipe" 5>&-
	start_client 'half_close(c); say(read_n(c, 4)); say(read_n(c, 4))' 5>&-
	wait_for has_stalled "$listener"
	printf 'late' >&5
	wait_for says "$client_heard" "b'late'"
	printf 'more' >&5
	ends 0 "$client"
	start_listener -k -q 0 <"$pipe" 5>&-
	client 'half_close(c); assert read_all(c) == b""'
}

# ---- unequal ----

@test "many: a client that does not read is dropped with one line, and a fast one gets every byte" {
	random_file "$BATS_TEST_TMPDIR/in" $((16 << 20))
	keep_pipe 5
	start_listener -k <"$pipe" 5>&-
	start_client "$CLIENTS"'
slow = socket.socket()
slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
slow.connect(c.getpeername())
c.send(b"f"); slow.send(b"s")
h, n = hashlib.sha256(), 0
while part := c.recv(1 << 16): h.update(part); n += len(part)
say(n, h.hexdigest())
slow.settimeout(PATIENCE)
try: n = len(read_all(slow))
except ConnectionError: n = 0
assert n < 16 << 20		# it was cut off, and is not waited for' 5>&-
	wait_for has_bytes "$heard" 2
	cat "$BATS_TEST_TMPDIR/in" >&5
	exec 5>&-
	ends 0 "$client"
	is "$(<"$client_heard")" "$((16 << 20)) $sum"
	is "$(grep -c 'dropped: too slow' "$said")" 1
	is "$(wc -l <"$said")" 2
	is_alive "$listener"
}

@test "many: a single client is never too slow" {
	random_file "$BATS_TEST_TMPDIR/in" $((16 << 20))
	keep_pipe 5
	start_listener -k <"$BATS_TEST_TMPDIR/in"
	start_client '
sys.stdin.readline()
say(sha(read_all(c)))' <"$pipe" 5>&-
	wait_for has_stalled "$listener"
	echo >&5
	ends 0 "$client"
	is "$(<"$client_heard")" "$sum"
	is "$(wc -l <"$said")" 1
}

@test "many: a client's reset ends that client, with one line, and nobody else" {
	start_listener -k
	start_client 'c.send(b"stays "); sys.stdin.readline(); c.send(b"to the end"); half_close(c); read_all(c)' \
		< <(wait_for says "$said" dropped >/dev/null 3>&-; echo)
	wait_for says "$heard" stays
	client 'c.send(b"goes "); sent_and_acked(c); reset(c)'
	ends 0 "$client"
	wait_for has_bytes "$heard" 21
	has "$(<"$heard")" "goes " "to the end"
	is "$(grep -c 'dropped: .*reset' "$said")" 1
	is_alive "$listener"
}

@test "many: a client that is reset while bytes for it are due is not passed over in silence" {
	keep_pipe 5
	start_listener -k < <(head -c $((16 << 20)) /dev/zero 3>&-)
	start_client 'c.send(b"x"); sys.stdin.readline(); reset(c)' <"$pipe" 5>&-
	wait_for says "$heard" x
	wait_for has_stalled "$listener"
	echo >&5
	ends 0 "$client"
	wait_for says "$said" "sockt: listen: 127.0.0.1:"
	is "$(wc -l <"$said")" 2
	is_alive "$listener"
}

@test "many: what a client sent before its reset is printed, though bytes for it were due" {
	truncate -s 16M "$BATS_TEST_TMPDIR/in"
	keep_pipe 5
	start_listener -k <"$BATS_TEST_TMPDIR/in"
	start_client 'c.send(b"first and "); sys.stdin.readline(); c.send(b"last words"); sent_and_acked(c)
reset(c)' <"$pipe" 5>&-
	wait_for says "$heard" first
	wait_for has_stalled "$listener"
	kill -STOP "$listener"			# it meets the words and the reset together
	wait_for is_stopped "$listener"
	echo >&5
	ends 0 "$client"
	kill -CONT "$listener"
	wait_for holds "$heard" "first and last words"
	is_alive "$listener"
}

@test "many: a client dropped for being too slow knows by a reset that it was cut off: its status is 6" {
	local dropped
	keep_pipe 5
	start_listener -k <"$pipe" 5>&-
	dropped=$said
	start_client 'c.send(b"f"); read_all(c)' 5>&-
	wait_for holds "$heard" f
	local listener_heard=$heard
	keep_pipe 6
	begin "$SOCKT" connect 127.0.0.1 "$port" <"$pipe" 5>&- 6>&-
	printf s >&6
	wait_for holds "$listener_heard" fs
	kill -STOP "$pid"
	head -c $((16 << 20)) /dev/zero >&5
	wait_for says "$dropped" "dropped: too slow"
	kill -CONT "$pid"
	ends 6 "$pid"
	(($(stat -c %s "$heard") < 16 << 20))
}

@test "many: -m ends also a client whose queue is full again and again" {
	start_listener -k -m 1 </dev/zero
	# One client sets the pace, the other pauses after each read, so that its queue fills and empties all the time.
	client "$CLIENTS"'
import threading
def hurry(c):
    try:
        while c.recv(1 << 20): pass
    except OSError: pass
def come_and_go():
    while not done:
        try: hurry(socket.create_connection((host, port)))
        except OSError: break
host, port = c.getpeername()[:2]
done = False
threading.Thread(target=come_and_go, daemon=True).start()
began = time.monotonic()
try:
    while time.monotonic() < began + 10 and c.recv(1 << 20): select.select([], [], [], 0.01)
except ConnectionResetError: pass
done = True
assert time.monotonic() < began + 10'
}

@test "many: --no-half-close with -q lets go also of a client that took its bytes late" {
	keep_pipe 5
	start_listener -k --no-half-close -q 0.3 <"$pipe" 5>&-
	start_client 's = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096); s.settimeout(PATIENCE)
s.connect(c.getpeername()[:2]); c.close(); s.send(b"s")
while not os.path.exists(argv[0]): select.select([], [], [], 0.02)
say(len(read_all(s)))' "$BATS_TEST_TMPDIR/go" 5>&-
	local slow=$client slow_heard=$client_heard
	wait_for holds "$heard" s
	start_client 'c.send(b"f"); say(len(read_all(c)))' 5>&-
	wait_for holds "$heard" sf
	head -c 3150000 /dev/zero >&5
	exec 5>&-
	ends 0 "$client"
	: >"$BATS_TEST_TMPDIR/go"
	ends 0 "$slow"
	is "$(<"$client_heard") $(<"$slow_heard")" '3150000 3150000'
}

@test "many: -i ends the silent client, with a line, and keeps the one that speaks" {
	start_listener -k -i 0.8
	client "$CLIENTS"'
talks, = more(1)
while not select.select([c], [], [], 0.02)[0]: talks.send(b".")
assert c.recv(1) == b""
talks.send(b"!"); half_close(talks); assert read_all(talks) == b""'
	wait_for says "$heard" '!'
	is "$(grep -c 'dropped: idle' "$said")" 1
	is_alive "$listener"
}

@test "many: -m ends each client after its time, and the server goes on" {
	start_listener -k -m 0.2
	client 'c.send(b"one "); assert read_all(c) == b""'
	client 'c.send(b"two "); assert read_all(c) == b""'
	is "$(<"$heard")" "one two "
	is "$(grep -c 'dropped: its time is up' "$said")" 2
	is_alive "$listener"
}

# ---- stdout ----

@test "many: a blocked stdout stops the clients, but not accepting and not signals" {
	keep_pipe 5
	_ready_pipe
	begin sh -c 'exec "$SOCKT" listen -k -v --drain 50ms --ready-fd "$1" 127.0.0.1 0 >"$2"' - "$ready" "$pipe"
	_await_ready "$ready"
	exec {ready}>&-
	local server=$pid
	start_client '
c.setblocking(False)
while select.select([], [c], [], 0.3)[1]: c.send(b"z" * 65536)
say("blocked")
c.setblocking(True); c.settimeout(PATIENCE)
try: read_all(c)
except ConnectionError: pass'
	wait_for says "$client_heard" blocked
	wait_for has_stalled "$server"
	run -0 "$SOCKT" connect -z 127.0.0.1 "$port"
	run -0 client 'assert is_silent(c)'	# a client like any other: it is kept
	accepted() { (($(grep -c 'connected to' "$said") == 3)); }
	wait_for accepted
	local before
	wait_for has_stalled "$server"
	before=$(ticks_of "$server")
	a_second_passes
	(($(ticks_of "$server") <= before + 3))
	kill -TERM "$server"
	ends 143 "$server"
}

@test "many: -i drops nobody while it is our stdout that takes nothing" {
	keep_pipe 5
	_ready_pipe
	begin sh -c 'exec "$SOCKT" listen -k -i 0.3 --ready-fd "$1" 127.0.0.1 0 >"$2"' - "$ready" "$pipe"
	_await_ready "$ready"
	exec {ready}>&-
	start_client "$CLIENTS"'
a, = more(1)
c.sendall(b"y" * 200000); a.sendall(b"z" * 1000); say("sent"); signal.pause()' 5>&-
	wait_for says "$client_heard" sent
	wait_for has_stalled "$pid"
	a_second_passes
	has_no "$(<"$said")" dropped
	timeout "$PATIENCE" head -c 201000 <&5 >"$BATS_TEST_TMPDIR/got"
	is "$(tr -d z <"$BATS_TEST_TMPDIR/got" | wc -c)" 200000
	is "$(tr -d y <"$BATS_TEST_TMPDIR/got" | wc -c)" 1000
}

@test "many: a stderr that takes nothing holds up neither clients nor signals" {
	keep_pipe 5
	python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK)
for size in 4096, 1:
    try:
        while True: os.write(fd, b"x" * size)
    except BlockingIOError: pass' "$pipe"
	_ready_pipe
	begin sh -c 'exec "$SOCKT" listen -kvv --ready-fd "$1" 127.0.0.1 0 2>"$2" 5>&-' - "$ready" "$pipe"
	_await_ready "$ready"
	exec {ready}>&-
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"one"
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <<<"two"
	wait_for holds "$heard" $'one\ntwo'
	kill -TERM "$pid"
	ends 143 "$pid"
}

@test "many: a stdout that was blocked loses nothing when it is read again" {
	keep_pipe 5
	_ready_pipe
	begin sh -c 'exec "$SOCKT" listen -k --ready-fd "$1" 127.0.0.1 0 >"$2"' - "$ready" "$pipe"
	_await_ready "$ready"
	exec {ready}>&-
	local server=$pid
	random_file "$BATS_TEST_TMPDIR/in" 3000001
	begin "$SOCKT" connect 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in" 5>&-
	wait_for has_stalled "$server"
	timeout "$PATIENCE" head -c 3000001 <&5 >"$BATS_TEST_TMPDIR/got"
	ends 0 "$pid"
	is_alive "$server"
	cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/got"
}

@test "many: a full disk under stdout ends it with 12" {
	_ready_pipe
	begin sh -c 'exec "$SOCKT" listen -k --ready-fd "$1" 127.0.0.1 0 >/dev/full' - "$ready"
	_await_ready "$ready"
	exec {ready}>&-
	client 'c.send(b"x"); read_all(c)' 2>/dev/null || true
	ends 12 "$pid"
	is "$(tail -n +2 "$said")" "sockt: listen: stdout: cannot write: No space left on device"
}

@test "many: a stdout nobody reads any more ends it quietly as SIGPIPE would" {
	_ready_pipe
	begin bash -c '"$SOCKT" listen -k --ready-fd "$1" 127.0.0.1 0 | head -c 1; exit "${PIPESTATUS[0]}"' - "$ready"
	_await_ready "$ready"
	exec {ready}>&-
	client 'c.send(b"x"); is_silent(c)
try:
    while not select.select([c], [], [], 0.02)[0]: c.send(b"y")
except ConnectionError: pass'
	ends 141 "$pid"
	is "$(<"$heard")" x
	is "$(wc -l <"$said")" 1
}

# ---- the end ----

@test "many: TERM without clients ends it at once" {
	start_listener -k --drain 60
	kill -TERM "$listener"
	ends 143 "$listener"
}

@test "many: after TERM nobody new comes, those who are there finish, and then it ends as the signal does" {
	start_listener -k --drain 60
	start_client 'c.send(b"first "); assert read_all(c) == b""; say("told"); sys.stdin.readline()
c.send(b"and last"); half_close(c)' < <(wait_for says "$BATS_TEST_TMPDIR/go" go >/dev/null 2>&1 3>&-; echo)
	wait_for says "$heard" first
	kill -TERM "$listener"
	wait_for says "$client_heard" told		# our side is closed: a half-close
	run -4 "$SOCKT" connect -z 127.0.0.1 "$port"
	is_alive "$listener"
	echo go >"$BATS_TEST_TMPDIR/go"
	ends 143 "$listener"
	is "$(<"$heard")" "first and last"
}

@test "many: what is queued for a client goes out before the end that TERM asks for" {
	random_file "$BATS_TEST_TMPDIR/in" $((8 << 20))
	keep_pipe 5
	start_listener -k --drain 60 -v <"$BATS_TEST_TMPDIR/in"
	start_client 'c.send(b"x"); sys.stdin.readline(); data = read_all(c)
say(len(data) > 1 << 20, open(argv[0], "rb").read().startswith(data))' \
		"$BATS_TEST_TMPDIR/in" <"$pipe" 5>&-
	wait_for says "$heard" x
	wait_for has_stalled "$listener"
	kill -TERM "$listener"
	wait_for says "$said" "no new clients"
	echo >&5
	ends 0 "$client"
	is "$(<"$client_heard")" "True True"
	ends 143 "$listener"
}

@test "many: a second signal ends it at once" {
	start_listener -k --drain 60
	start_client 'c.send(b"x"); assert read_all(c) == b""; say("told"); signal.pause()'
	wait_for says "$heard" x
	kill -TERM "$listener"
	wait_for says "$client_heard" told
	is_alive "$listener"
	kill -HUP "$listener"
	ends 129 "$listener"
}

@test "many: --drain is as long as clients have" {
	local drain
	for drain in 0 0.1; do
		start_listener -k --drain "$drain"
		start_client 'c.send(b"x"); assert read_all(c) == b""; signal.pause()'
		wait_for says "$heard" x
		kill -TERM "$listener"
		ends 143 "$listener"
	done
}

# ---- limits ----

@test "many: the client over --max-conns is closed at once, and the next is served when another has left" {
	keep_pipe 5
	start_listener -k -v --max-conns 2
	start_client "$CLIENTS"'
where = c.getpeername()
b, = more(1)
c.send(b"1"); b.send(b"2")
d, = more(1)
assert read_all(d) == b""
say("refused")
sys.stdin.readline(); half_close(c); read_all(c)
sys.stdin.readline(); e = socket.create_connection(where, PATIENCE); e.send(b"3"); half_close(e); read_all(e)' \
		<"$pipe" 5>&-
	wait_for says "$client_heard" refused
	wait_for has_bytes "$heard" 2
	has "$(<"$said")" "refused: the server is full (--max-conns)"
	echo >&5
	wait_for says "$said" disconnected
	echo >&5
	ends 0 "$client"
	wait_for says "$heard" 3
}

# Few descriptors and 200 clients: those without a place cost nothing while they wait, and all are served in the end.
crowd() {
	_ready_pipe
	begin bash -c 'ulimit -n 32; exec "$SOCKT" listen -k -v --ready-fd "$@" 127.0.0.1 0' - "$ready" "$@"
	_await_ready "$ready"
	exec {ready}>&-
	local server=$pid ticks i
	keep_pipe 5
	start_client "$CLIENTS"'
crowd = [c] + more(199)
for i, s in enumerate(crowd): s.send(b"<%d>" % i)
sys.stdin.readline()
for s in crowd: half_close(s)
for s in crowd: assert read_all(s) == b""
say("all served")' <"$pipe" 5>&-
	wait_for says "$said" "new clients wait"
	wait_for has_stalled "$server"
	ticks=$(ticks_of "$server")
	a_second_passes
	(($(ticks_of "$server") <= ticks + 3))
	(($(tr -cd '<' <"$heard" | wc -c) < 200))
	echo >&5
	ends 0 "$client"
	wait_for has_bytes "$heard" 890
	is "$(tr -d '<' <"$heard" | tr '>' '\n' | sort -n | tr '\n' ' ')" "$(seq -s ' ' 0 199) "
	is_alive "$server"
}

@test "many: 200 clients and 32 descriptors: nobody is turned away, and waiting costs no processor time" {
	crowd
}

@test "many: the same when --max-conns promises more than there are descriptors" {
	crowd --max-conns 1000
}

@test "many: clients that come and go leave nothing behind" {
	start_listener -k
	client 'c.send(b"x"); half_close(c); read_all(c)'
	wait_for says "$heard" x
	open_fds() { find "/proc/$listener/fd" -type l | wc -l; }
	as_before() { (($(open_fds) == before)); }
	local before
	wait_for has_stalled "$listener"
	before=$(open_fds)
	client '
for i in range(300):
    s = socket.create_connection(c.getpeername(), PATIENCE)
    if i % 3: s.send(b"y")
    if i % 2: reset(s)
    s.close()'
	wait_for as_before
	client 'c.send(b"z"); half_close(c); read_all(c)'
	wait_for says "$heard" z
}

@test "many: a server whose clients are silent does not wake up" {
	keep_pipe 5
	start_listener -k <"$pipe" 5>&-
	start_client "$CLIENTS"'
crowd = more(3)
for s in crowd: s.send(b"x")
c.send(b"x")
signal.pause()' 5>&-
	wait_for has_bytes "$heard" 4
	wait_for has_stalled "$listener"
	local before
	before=$(switches_of "$listener")
	a_second_passes
	is "$(switches_of "$listener")" "$before"
}
