# Standard input and output of every kind: pipes, files, terminals, sockets, closed and full ones. They belong to the
# shell too, and are left as they were found.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen

# A peer that sends N bytes and ends, and one that takes all and says its sum.
gives() { start_peer 'c = accept(); c.sendall(b"x" * int(argv[0])); half_close(c); read_all(c)' "$1"; }
takes() { start_peer 'say(sha(read_all(accept())))'; }

# in_python CODE: Python with `sockt` for its path and `port`, and everything a peer has.
in_python() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers timeout 60 python3 - "$SOCKT" "$port" <<-END
	from peer import *
	import pty, subprocess, termios, threading, tty
	sockt, port = argv[0], argv[1]
	$1
	END
}

# ---- stdout that fails ----

@test "stdio: a full device under stdout is 12, with one line" {
	gives 5
	to_full() { run -12 --separate-stderr sh -c 'exec "$SOCKT" connect 127.0.0.1 "$1" >/dev/full' - "$port"; }
	to_full
	is "$stderr" "sockt: connect: stdout: cannot write: No space left on device"
	gives 5000000
	to_full
	one_line "$stderr"
}

@test "stdio: a disk that fills up is 12, and holds what came before" {
	local as=()
	((EUID == 0)) || as=(-r)
	unshare "${as[@]}" -m true 2>/dev/null || skip 'no mount namespaces: needs root, or user namespaces'
	start_peer 'c = accept(); c.sendall(bytes(range(256)) * 8192); half_close(c); read_all(c)'
	mkdir "$BATS_TEST_TMPDIR/small"
	run -0 --separate-stderr unshare "${as[@]}" -m --propagation private bash -c '
		mount -t tmpfs -o size=256k none "$1"
		status=0
		"$SOCKT" connect 127.0.0.1 "$2" >"$1/file" || status=$?
		python3 -c "import sys; d = open(sys.argv[1], \"rb\").read(); assert d == (bytes(range(256)) * 8192)[:len(d)]
print(len(d))" "$1/file"
		exit $((status == 12 ? 0 : 100 + status))' - "$BATS_TEST_TMPDIR/small" "$port"
	is "$output" 262144
	is "$stderr" "sockt: connect: stdout: cannot write: No space left on device"
}

@test "stdio: a closed stdout is 12 when there is something to write" {
	gives 5
	run -12 --separate-stderr sh -c '"$SOCKT" connect 127.0.0.1 "$1" >&-' - "$port"
	one_line "$stderr"
	has "$stderr" "sockt: connect: stdout: cannot write"
	gives 5000000
	run -12 --separate-stderr sh -c '"$SOCKT" connect 127.0.0.1 "$1" >&-' - "$port"
}

@test "stdio: a closed stdout is no matter when there is nothing to write" {
	takes
	printf 'data' | sh -c '"$SOCKT" connect 127.0.0.1 "$1" >&-' - "$port"
	ends 0 "$peer"
	is "$(<"$heard")" "$(printf data | sha256sum | cut -d ' ' -f 1)"
}

@test "stdio: a stdout that is open for reading only is 12" {
	gives 5
	run -12 --separate-stderr sh -c 'exec "$SOCKT" connect 127.0.0.1 "$1" 1</dev/null' - "$port"
	one_line "$stderr"
	printf 'a file\n' >"$BATS_TEST_TMPDIR/file"
	gives 5000000
	run -12 --separate-stderr sh -c 'exec "$SOCKT" connect 127.0.0.1 "$1" 1<"$2"' - "$port" "$BATS_TEST_TMPDIR/file"
	one_line "$stderr"
	is "$(<"$BATS_TEST_TMPDIR/file")" "a file"
	gives 5
	keep_pipe 5
	run -12 --separate-stderr sh -c 'exec timeout 20 "$SOCKT" connect 127.0.0.1 "$1" 1<"$2" 5>&-' - "$port" "$pipe"
	one_line "$stderr"
}

@test "stdio: when the reader of stdout has enough, it ends quietly as SIGPIPE would" {
	gives 5000000
	run -0 --separate-stderr bash -c '"$SOCKT" connect 127.0.0.1 "$1" </dev/null | head -c 1; echo " ${PIPESTATUS[0]}"' - "$port"
	is "$output" "x 141"
	is "$stderr" ""
}

@test "stdio: with -d it ends so even if the peer says no more" {
	start_peer 'c = accept(); c.send(b"x"); read_all(c)'
	run -0 --separate-stderr bash -c '"$SOCKT" connect -d 127.0.0.1 "$1" | head -c 1; echo " ${PIPESTATUS[0]}"' - "$port"
	is "$output" "x 141"
	is "$stderr" ""
	_ready_pipe
	begin bash -c '"$SOCKT" listen -d --ready-fd "$1" 127.0.0.1 0 | head -c 1; echo " ${PIPESTATUS[0]}"' - "$ready"
	_await_ready "$ready"
	exec {ready}>&-
	start_client 'c.send(b"x"); read_all(c)'
	ends 0 "$pid"
	is "$(<"$heard")" "x 141"
}

@test "stdio: SIGPIPE is what the shell sees, not a status that looks like it" {
	gives 5000000
	in_python '
p = subprocess.Popen([sockt, "connect", "127.0.0.1", port], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
p.stdout.close()
assert p.wait(PATIENCE) == -signal.SIGPIPE, p.returncode'
}

@test "stdio: a reader of stdout that leaves when it has everything is no failure" {
	start_peer 'c = accept(); c.send(b"all"); assert read_n(c, 5) == b"left\n"; half_close(c); read_all(c)'
	in_python '
p = subprocess.Popen([sockt, "connect", "-q", "0.1", "127.0.0.1", port], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert os.read(p.stdout.fileno(), 9) == b"all"
p.stdout.close()
os.write(p.stdin.fileno(), b"left\n")
assert p.wait(PATIENCE) == 0, p.returncode'
}

@test "stdio: a file size limit is 12, said in words, and what fits is written" {
	gives 5000000
	run -12 --separate-stderr bash -c 'ulimit -f 1; exec "$SOCKT" connect -d 127.0.0.1 "$1" >"$2"' \
		- "$port" "$BATS_TEST_TMPDIR/got"
	is "$stderr" "sockt: connect: stdout: cannot write: File too large"
	is "$(stat -c %s "$BATS_TEST_TMPDIR/got")" 1024
}

@test "stdio: a reset while stdout is full and stdin is silent costs no processor time" {
	start_peer 'c = accept(); c.setblocking(False)
while select.select([], [c], [], 0.3)[1]: c.send(b"x" * 65536)
reset(c); say("reset")'
	local out before peer_heard=$heard
	keep_pipe 5
	out=$pipe
	keep_pipe 6
	begin sh -c 'exec "$SOCKT" connect 127.0.0.1 "$1" <"$2" >"$3" 5>&- 6>&-' - "$port" "$pipe" "$out"
	wait_for says "$peer_heard" reset
	before=$(ticks_of "$pid")
	a_second_passes
	(($(ticks_of "$pid") <= before + 3))
}

# ---- stdin and stderr that are missing or odd ----

@test "stdio: a closed stdin is no end: the peer hears nothing and we stay until it ends" {
	start_peer 'c = accept(); assert is_silent(c); c.send(b"reply"); half_close(c); assert read_all(c) == b""'
	run -0 --separate-stderr sh -c 'exec "$SOCKT" connect 127.0.0.1 "$1" <&-' - "$port"
	is "$output" reply
	is "$stderr" ""
	ends 0 "$peer"
}

@test "stdio: a closed stderr does no harm, and no word of ours ends up on the wire" {
	start_peer 'c = accept(); c.send(b"reply"); say(read_all(c))'
	run -0 sh -c 'echo data | "$SOCKT" connect -vv --stats 127.0.0.1 "$1" 2>&-' - "$port"
	is "$output" reply
	ends 0 "$peer"
	is "$(<"$heard")" "b'data\\n'"
}

@test "stdio: with all three closed the statuses are the same" {
	gives 5
	run -12 sh -c 'exec "$SOCKT" connect -vv 127.0.0.1 "$1" <&- >&- 2>&-' - "$port"
	start_peer 'c = accept(); half_close(c); say(read_all(c))'
	run -0 sh -c 'exec "$SOCKT" connect -vv 127.0.0.1 "$1" <&- >&- 2>&-' - "$port"
	ends 0 "$peer"
	is "$(<"$heard")" "b''"
	closed_port
	run -4 sh -c 'exec "$SOCKT" connect 127.0.0.1 "$1" <&- >&- 2>&-' - "$port"
	run -2 sh -c 'exec "$SOCKT" connect <&- >&- 2>&-'
}

@test "stdio: a stdin that cannot be read is 12" {
	takes
	run -12 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR"
	is "$stderr" "sockt: connect: stdin: cannot read: Is a directory"
	takes
	run -12 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" 0>"$BATS_TEST_TMPDIR/file"
	one_line "$stderr"
	has "$stderr" "stdin: cannot read"
	takes
	keep_pipe 5
	run -12 --separate-stderr timeout "$PATIENCE" "$SOCKT" connect 127.0.0.1 "$port" 0>"$pipe" 5>&-
	one_line "$stderr"
	start_listener <"$BATS_TEST_TMPDIR"
	client 'try: read_all(c)
except ConnectionError: pass' || true
	ends 12 "$listener"
}

@test "stdio: a stdin that nohup left open for writing is none, and no error" {
	start_peer 'c = accept(); assert is_silent(c); c.send(b"reply"); half_close(c); say(read_all(c))'
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" 0>/dev/null
	is "$output" reply
	is "$stderr" ""
	ends 0 "$peer"
	is "$(<"$heard")" "b''"
}

@test "stdio: a file on stdin is sent from where it stands" {
	takes
	printf 'first line\nthe rest\n' >"$BATS_TEST_TMPDIR/file"
	{ read -r _; "$SOCKT" connect 127.0.0.1 "$port"; } <"$BATS_TEST_TMPDIR/file"
	ends 0 "$peer"
	is "$(<"$heard")" "$(echo "the rest" | sha256sum | cut -d ' ' -f 1)"
}

@test "stdio: an empty file on stdin is an end at once" {
	start_peer 'c = accept(); say(read_all(c)); c.send(b"reply")'
	: >"$BATS_TEST_TMPDIR/empty"
	run -0 "$SOCKT" connect 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/empty"
	is "$output" reply
	is "$(<"$heard")" "b''"
}

@test "stdio: an endless device on stdin is sent until the peer has enough, which is 6" {
	start_peer 'c = accept(); assert len(read_n(c, 3000000)) == 3000000; reset(c)'
	run -6 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" </dev/zero
	one_line "$stderr"
	has "$stderr" "bytes sent"
}

# ---- where bytes go ----

@test "stdio: stdout may be a file that is appended to" {
	random_file "$BATS_TEST_TMPDIR/in" 3000001
	printf 'before\n' | tee "$BATS_TEST_TMPDIR/want" >"$BATS_TEST_TMPDIR/got"
	cat "$BATS_TEST_TMPDIR/in" >>"$BATS_TEST_TMPDIR/want"
	start_listener -d
	"$SOCKT" connect 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
	start_peer 'c = accept(); c.sendall(open(argv[0], "rb").read()); half_close(c); read_all(c)' "$BATS_TEST_TMPDIR/in"
	"$SOCKT" connect 127.0.0.1 "$port" >>"$BATS_TEST_TMPDIR/got"
	cmp "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/got"
}

@test "stdio: a file that others write to as well is not overwritten" {
	start_peer 'c = accept(); c.sendall(b"x" * 300000); half_close(c); read_all(c)'
	{ echo "before"; "$SOCKT" connect 127.0.0.1 "$port"; echo "after"; } >"$BATS_TEST_TMPDIR/got"
	{ echo "before"; head -c 300000 /dev/zero | tr '\0' x; echo "after"; } | cmp - "$BATS_TEST_TMPDIR/got"
}

@test "stdio: /dev/null takes any amount" {
	gives 5000000
	"$SOCKT" connect --stats 127.0.0.1 "$port" >/dev/null 2>"$BATS_TEST_TMPDIR/stats"
	has "$(<"$BATS_TEST_TMPDIR/stats")" 5000000
}

@test "stdio: pipes of any capacity, read and written in odd pieces, carry every byte" {
	start_peer '
l = listen()
while True:
    c = accept(l); data = read_all(c); c.sendall(data); half_close(c); read_all(c)'
	in_python '
data = os.urandom(1 << 20)
for size, piece in (4096, 1013), (4096, 65536), (65536, 4099), (1 << 20, 300007):
    i, to = os.pipe(); fr, o = os.pipe()
    for fd in to, o: fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, size)
    p = subprocess.Popen([sockt, "connect", "127.0.0.1", port], stdin=i, stdout=o)
    os.close(i); os.close(o)
    def feed():
        for at in range(0, len(data), piece): os.write(to, data[at:at + piece])
        os.close(to)
    t = threading.Thread(target=feed); t.start()
    got = bytearray()
    while part := os.read(fr, piece): got += part
    t.join(); os.close(fr)
    assert p.wait(PATIENCE) == 0 and got == data, (size, piece, p.returncode, len(got))'
}

@test "stdio: a terminal on stdout gets every byte" {
	gives 300000
	in_python '
master, slave = os.openpty(); tty.setraw(slave)
p = subprocess.Popen([sockt, "connect", "127.0.0.1", port], stdin=subprocess.DEVNULL, stdout=slave)
got = b""
while len(got) < 300000: got += os.read(master, 1 << 16)
assert p.wait(PATIENCE) == 0 and got == b"x" * 300000'
}

@test "stdio: one terminal as stdin and stdout" {
	start_peer 'c = accept(); say(read_n(c, 6)); c.send(b"reply\n"); say(read_all(c))'
	in_python '
master, slave = os.openpty()
p = subprocess.Popen([sockt, "connect", "127.0.0.1", port], stdin=slave, stdout=slave)
os.write(master, b"typed\n")
got = b""
while b"reply" not in got: got += os.read(master, 100)
os.write(master, b"\4")
assert p.wait(PATIENCE) == 0'
	ends 0 "$peer"
	is "$(<"$heard")" $'b\'typed\\n\'\nb\'\''
}

@test "stdio: a terminal that hangs up is an end" {
	takes
	in_python '
master, slave = os.openpty()
p = subprocess.Popen([sockt, "connect", "127.0.0.1", port], stdin=slave, stdout=subprocess.DEVNULL)
os.close(slave)
os.write(master, b"typed\n")
assert select.select([p.stdout or master], [], [], PATIENCE)
end = time.monotonic() + PATIENCE
while struct.unpack("i", fcntl.ioctl(master, termios.FIONREAD, b"    "))[0] < 7 and time.monotonic() < end: pass
while open(f"/proc/{p.pid}/stat").read().split()[2] != "S": pass
os.close(master)
assert p.wait(PATIENCE) == 0, p.returncode'
	ends 0 "$peer"
	is "$(<"$heard")" "$(printf 'typed\n' | sha256sum | cut -d ' ' -f 1)"
}

@test "stdio: one socket as stdin and stdout, as inetd has it" {
	start_peer 'c = accept(); data = read_all(c); c.sendall(data[::-1])'
	in_python '
ours, theirs = socket.socketpair()
p = subprocess.Popen([sockt, "connect", "127.0.0.1", port], stdin=theirs, stdout=theirs)
theirs.close()
data = os.urandom(3000001)
t = threading.Thread(target=lambda: (ours.sendall(data), half_close(ours))); t.start()
got = read_all(ours); t.join()
assert p.wait(PATIENCE) == 0 and got == data[::-1], (p.returncode, len(got))'
}

@test "stdio: a TCP socket on stdin that falls silent holds up neither the answer nor -m nor TERM" {
	in_python '
tcp = socket.create_server(("127.0.0.1", 0))
l = listen()
for time_limit in "0", "1":
    ours = socket.create_connection(tcp.getsockname())
    theirs, _ = tcp.accept()
    p = subprocess.Popen([sockt, "connect", "-m", time_limit, "127.0.0.1", str(l.getsockname()[1])], stdin=theirs,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    theirs.close()
    c = accept(l)
    ours.sendall(bytes(1 << 20))
    assert len(read_n(c, 1 << 20)) == 1 << 20
    c.send(b"answer")
    assert select.select([p.stdout], [], [], PATIENCE)[0] and os.read(p.stdout.fileno(), 9) == b"answer"
    if time_limit == "0": p.terminate()
    assert p.wait(PATIENCE) == (-signal.SIGTERM if time_limit == "0" else 5), p.returncode'
}

@test "stdio: a TCP socket on stdout that nobody reads holds up neither stdin nor TERM" {
	in_python '
tcp = socket.create_server(("127.0.0.1", 0))
ours = socket.create_connection(tcp.getsockname())
theirs, _ = tcp.accept()
l = listen()
p = subprocess.Popen([sockt, "connect", "127.0.0.1", str(l.getsockname()[1])], stdin=subprocess.PIPE, stdout=theirs)
theirs.close()
c = accept(l)
c.setblocking(False)
while select.select([], [c], [], 0.3)[1]: c.send(b"x" * 65536)
os.write(p.stdin.fileno(), b"still here")
assert select.select([c], [], [], PATIENCE)[0] and c.recv(20) == b"still here"
p.terminate()
assert p.wait(PATIENCE) == -signal.SIGTERM, p.returncode'
}

@test "stdio: a pipe opened for reading and writing as both" {
	# Nobody else has it: what the peer says is what we then read from it, until the peer ends.
	start_peer 'c = accept(); c.send(b"ball"); say(read_n(c, 4)); half_close(c); say(read_all(c))'
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	"$SOCKT" connect -q 0.1 127.0.0.1 "$port" 0<>"$BATS_TEST_TMPDIR/pipe" 1>&0
	ends 0 "$peer"
	is "$(<"$heard")" $'b\'ball\'\nb\'\''
}

@test "stdio: packets on stdin are sent on, an empty one is no end, and the last one is" {
	start_peer 'say(read_all(accept()))'
	in_python '
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
p = subprocess.Popen([sockt, "connect", "127.0.0.1", port], stdin=theirs, stdout=subprocess.DEVNULL)
theirs.close()
for packet in b"one ", b"", b"two": ours.send(packet)
ours.close()
assert p.wait(PATIENCE) == 0, p.returncode'
	ends 0 "$peer"
	is "$(<"$heard")" "b'one two'"
}

@test "stdio: an empty datagram on stdin is no end" {
	start_peer 'c = accept(); say(read_n(c, 7)); assert is_silent(c); half_close(c); read_all(c)'
	in_python '
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
p = subprocess.Popen([sockt, "connect", "-q", "0", "127.0.0.1", port], stdin=theirs, stdout=subprocess.DEVNULL)
for packet in b"one ", b"", b"two": ours.send(packet)
assert p.wait(PATIENCE) == 0, p.returncode'
	is "$(<"$heard")" "b'one two'"
}

@test "stdio: a message on stdin that is longer than a read is status 12, never cut in silence" {
	local words
	for words in connect 'connect --frame len32' 'connect -u --frame line' udp-send; do
		start_peer $'c = accept()\ntry: read_all(c)\nexcept OSError: pass'
		in_python "
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
ours.send(b'x' * 100000)
ours.close()
p = subprocess.Popen([sockt, *'$words'.split(), '127.0.0.1', port], stdin=theirs, stdout=subprocess.DEVNULL,
    stderr=subprocess.PIPE)
assert b'stdin: cannot read' in p.communicate(timeout=PATIENCE)[1]
assert p.returncode == 12, p.returncode"
	done
}

@test "stdio: an empty datagram on stdin drops no client of listen -k" {
	_ready_pipe
	begin python3 -c 'import os, socket, subprocess, sys, threading
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
p = subprocess.Popen([*sys.argv[2:]], stdin=theirs, pass_fds=[int(sys.argv[1])])
os.close(int(sys.argv[1]))
while sys.stdin.readline(): ours.send(b""); ours.send(b"text\n")
p.kill()' "$ready" "$SOCKT" listen -k -C --ready-fd "$ready" 127.0.0.1 0 < <(
		wait_for says "$BATS_TEST_TMPDIR/go" go >/dev/null 2>&1 3>&-; echo; wait_for says "$BATS_TEST_TMPDIR/go" end >/dev/null 2>&1 3>&-)
	_await_ready "$ready"
	exec {ready}>&-
	local server=$pid
	start_client 'c.send(b"x"); say(read_n(c, 6))'
	wait_for says "$heard" x
	echo go >"$BATS_TEST_TMPDIR/go"
	ends 0 "$client"
	is "$(<"$client_heard")" "b'text\\r\\n'"
	echo end >>"$BATS_TEST_TMPDIR/go"
	ends 0 "$server"
}

# ---- what is left alone ----

@test "stdio: O_NONBLOCK is not set on what we were given, nor taken away" {
	start_peer '
l = listen()
while True:
    c = accept(l); c.sendall(b"x" * 200000); c.recv(1)'
	in_python '
def ends(kind):
    """Two descriptors for the child, and two of ours that keep them going, in the order in, out."""
    if kind == "pipe":
        i, w = os.pipe(); r, o = os.pipe(); return i, o, w, r
    if kind == "socket":
        a, b = socket.socketpair(); a2, b2 = socket.socketpair()
        return b.detach(), b2.detach(), a.detach(), a2.detach()
    if kind == "terminal":
        m, s = os.openpty(); m2, s2 = os.openpty(); tty.setraw(s); tty.setraw(s2); return s, s2, m, m2

def flags(fd): return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK

for kind in "pipe", "socket", "terminal":
    for given in False, True:
        i, o, w, r = ends(kind)
        os.set_blocking(i, not given); os.set_blocking(o, not given)
        before = flags(i), flags(o)
        p = subprocess.Popen([sockt, "connect", "127.0.0.1", port], stdin=i, stdout=o)
        got = 0
        while got < 200000:
            got += len(os.read(r, 5000))
            assert (flags(i), flags(o)) == before, (kind, given, "while it runs")
        os.write(w, b"y" if kind != "terminal" else b"y\n")
        p.terminate(); p.wait(PATIENCE)
        assert (flags(i), flags(o)) == before, (kind, given, "afterwards")
        for fd in i, o, w, r: os.close(fd)'
}

@test "stdio: without /proc a full stdout does not block us either" {
	local as=()
	((EUID == 0)) || as=(-r)
	unshare "${as[@]}" -m true 2>/dev/null || skip 'no mount namespaces: needs root, or user namespaces'
	keep_pipe 5
	_ready_pipe
	begin unshare "${as[@]}" -m --propagation private sh -c 'mount -t tmpfs none /proc
		exec "$SOCKT" listen -k -v --drain 50ms --ready-fd "$1" 127.0.0.1 0 >"$2"' - "$ready" "$pipe"
	_await_ready "$ready"
	exec {ready}>&-
	start_client 'c.sendall(bytes(range(256)) * 2000); is_silent(c, PATIENCE)'
	wait_for has_stalled "$pid"
	run -0 "$SOCKT" connect -z 127.0.0.1 "$port"
	accepted() { (($(grep -c 'connected to' "$said") == 2)); }
	wait_for accepted
	timeout "$PATIENCE" head -c 300000 <&5 | tail -c 1000 >"$BATS_TEST_TMPDIR/got"
	python3 -c 'import sys; sys.stdout.buffer.write((bytes(range(256)) * 2000)[299000:300000])' | cmp - "$BATS_TEST_TMPDIR/got"
	wait_for has_stalled "$pid"
	kill -TERM "$pid"
	ends 143 "$pid"
}

@test "stdio: the terminal's settings are left alone" {
	start_peer 'c = accept(); c.send(b"x"); half_close(c); read_all(c)'
	in_python '
master, slave = os.openpty()
before = termios.tcgetattr(slave)
p = subprocess.Popen([sockt, "connect", "127.0.0.1", port], stdin=slave, stdout=slave)
assert os.read(master, 1) == b"x"
assert termios.tcgetattr(slave) == before
assert p.wait(PATIENCE) == 0
assert termios.tcgetattr(slave) == before'
}

@test "stdio: descriptors above 2 that were left open are left alone" {
	start_peer 'c = accept(); c.sendall(b"x" * 200000); half_close(c); say(len(read_all(c)))'
	in_python '
r, w = os.pipe()
fds = [os.dup(w) for _ in range(60)]
p = subprocess.Popen([sockt, "connect", "127.0.0.1", port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=fds)
out, _ = p.communicate(b"y" * 100000, PATIENCE)
assert p.returncode == 0 and len(out) == 200000
for fd in fds: os.close(fd)
os.close(w)
assert os.read(r, 1) == b"", "something was written to a descriptor that is not ours"'
	ends 0 "$peer"
	is "$(<"$heard")" 100000
}

@test "stdio: stdout is not closed to others when we end" {
	gives 5
	{ "$SOCKT" connect 127.0.0.1 "$port"; echo " and more"; } | cat >"$BATS_TEST_TMPDIR/got"
	is "$(<"$BATS_TEST_TMPDIR/got")" "xxxxx and more"
}

@test "stdio: memory stays small however slow the reader of stdout is" {
	[[ $VARIANT != asan ]] || skip 'the sanitizer keeps memory of its own'
	keep_pipe 5
	start_peer 'c = accept()
try: c.sendall(b"x" * (64 << 20))
except ConnectionError: pass'
	begin sh -c 'exec "$SOCKT" connect 127.0.0.1 "$1" >"$2"' - "$port" "$pipe"
	wait_for has_stalled "$pid"
	(($(awk '/^VmHWM:/ { print $2 }' "/proc/$pid/status") < 16384))
}
