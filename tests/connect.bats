# sockt connect: what reaches the peer, what comes back, and how it says that neither will.
# shellcheck disable=SC2016	# other shells expand what is quoted
load lib/helpers

# ---- addresses ----

@test "connect: takes HOST PORT, HOST:PORT and tcp://HOST:PORT alike" {
	start_peer 'l = listen()
for _ in range(4): c = accept(l); say(read_all(c).decode()); c.close()'
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" <<<one
	run -0 --separate-stderr "$SOCKT" connect "127.0.0.1:$port" <<<two
	run -0 --separate-stderr "$SOCKT" connect "tcp://127.0.0.1:$port" <<<three
	run -0 --separate-stderr "$SOCKT" connect "localhost:$port" -4 <<<four
	ends 0 "$peer"
	is "$(grep . "$heard")" $'one\ntwo\nthree\nfour'
}

@test "connect: takes an IPv6 address with brackets, and without them beside a port of its own" {
	start_peer 'l = listen(host="::1")
for _ in range(3): c = accept(l); say(read_all(c).decode()); c.close()'
	run -0 --separate-stderr "$SOCKT" connect "[::1]:$port" <<<one
	run -0 --separate-stderr "$SOCKT" connect ::1 "$port" <<<two
	run -0 --separate-stderr "$SOCKT" connect '[::1]' "$port" <<<three
	ends 0 "$peer"
	is "$(grep . "$heard")" $'one\ntwo\nthree'
}

@test "connect: unix:PATH and unix:@NAME reach a Unix listener" {
	for where in "$BATS_TEST_TMPDIR/sock" "@$BATS_TEST_TMPDIR/sock"; do
		start_peer 'c = accept(host=argv[0]); say(read_all(c)); c.sendall(b"answer")' "$where"
		is "$addr" "unix:$where"
		run -0 --separate-stderr "$SOCKT" connect "unix:$where" <<<question
		is "$output" answer
		is "$stderr" ''
		ends 0 "$peer"
		is "$(<"$heard")" "b'question\n'"
	done
}

@test "connect: a Unix path without a listener, or without anything, is status 4" {
	run -4 --separate-stderr "$SOCKT" connect "unix:$BATS_TEST_TMPDIR/none"
	one_line "$stderr"
	has "$stderr" "unix:$BATS_TEST_TMPDIR/none" 'No such file'
	: >"$BATS_TEST_TMPDIR/file"
	run -4 --separate-stderr "$SOCKT" connect "unix:$BATS_TEST_TMPDIR/file"
	has "$stderr" "unix:$BATS_TEST_TMPDIR/file" refused
}

@test "connect: -4 and -6 choose among a name's addresses, and refuse a literal of the other family" {
	needs_netns
	start='etc hosts "::1 both
127.0.0.1 both"
		python3 -c "import socket
for host, family in ((\"127.0.0.1\", socket.AF_INET), (\"::1\", socket.AF_INET6)):
    s = socket.socket(family); s.bind((host, 4000)); s.listen(); s.set_inheritable(True); s.detach()
import os; os.execvp(\"bash\", [\"bash\", \"-euc\", os.environ[\"THEN\"]])"'
	THEN='"$SOCKT" connect -v -z -4 both 4000' run -0 --separate-stderr in_netns "$start"
	has "$stderr" '127.0.0.1:4000: connected'
	has_no "$stderr" '[::1]'
	THEN='"$SOCKT" connect -v -z -6 both 4000' run -0 --separate-stderr in_netns "$start"
	has "$stderr" '[::1]:4000: connected'
	has_no "$stderr" '127.0.0.1'
	run -3 --separate-stderr "$SOCKT" connect -4 ::1 80
	one_line "$stderr"
	has "$stderr" '[::1]:80' -4
	run -3 --separate-stderr "$SOCKT" connect -6 127.0.0.1 80
	has "$stderr" '127.0.0.1:80' -6
}

@test "connect: -n looks nothing up" {
	run -3 --separate-stderr "$SOCKT" connect -n localhost 80
	one_line "$stderr"
	has "$stderr" localhost:80 -n
	run -3 --separate-stderr "$SOCKT" connect -n 127.0.0.1 http
	has "$stderr" 127.0.0.1:http
	start_listener
	run -0 --separate-stderr "$SOCKT" connect -n -z 127.0.0.1 "$port"
}

@test "connect: a name that does not resolve is status 3 and named" {
	needs_netns
	run -3 --separate-stderr in_netns 'etc nsswitch.conf "hosts: files"; "$SOCKT" connect no-such-host.invalid 80'
	one_line "$stderr"
	has "$stderr" 'sockt: connect: no-such-host.invalid:80: '
}

@test "connect: a service that nobody knows is status 3 and named" {
	run -3 --separate-stderr "$SOCKT" connect 127.0.0.1 no-such-service
	one_line "$stderr"
	has "$stderr" 127.0.0.1:no-such-service service
}

# ---- opening ----

@test "connect: -z says by its status whether somebody listens, and sends nothing" {
	start_peer 'c = accept(); say(len(read_all(c)))'
	run -0 --separate-stderr "$SOCKT" connect -z 127.0.0.1 "$port" <<<unsent
	is "$output$stderr" ''
	ends 0 "$peer"
	is "$(<"$heard")" 0
	closed_port
	run -4 --separate-stderr "$SOCKT" connect -z 127.0.0.1 "$port"
}

@test "connect: -z leaves stdin to the next command" {
	start_listener -k
	run -0 --separate-stderr bash -c '{ "$SOCKT" connect -z 127.0.0.1 "$1"; cat; }' - "$port" <<<"still here"
	is "$output" 'still here'
	run -0 --separate-stderr bash -c 'echo piped | { "$SOCKT" connect -z 127.0.0.1 "$1"; cat; }' - "$port"
	is "$output" piped
}

@test "connect: refused is status 4 and one line that names the peer" {
	closed_port
	run -4 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port"
	is "$output" ''
	is "$stderr" "sockt: connect: 127.0.0.1:$port: Connection refused"
}

@test "connect: a name with several addresses that all refuse says each in one line" {
	needs_netns
	run -4 --separate-stderr in_netns 'etc hosts "127.0.0.1 several
127.0.0.2 several
::1 several"; "$SOCKT" connect several 4000'
	one_line "$stderr"
	has "$stderr" 'several:4000: ' '127.0.0.1:4000: Connection refused' '127.0.0.2:4000: ' '[::1]:4000: ' '; '
}

@test "connect: meeting oneself on an ephemeral port counts as refused" {
	needs_netns
	run -4 --separate-stderr in_netns '"$SOCKT" connect -s 127.0.0.1:4000 127.0.0.1 4000 <<<echo'
	is "$output" ''
	one_line "$stderr"
	has "$stderr" 127.0.0.1:4000 refused
	run -4 --separate-stderr in_netns '"$SOCKT" connect -s [::1]:4000 ::1 4000'
	has "$stderr" '[::1]:4000' refused
}

@test "connect: meeting oneself through any address, 0.0.0.0 or ::, counts as refused" {
	needs_netns
	run -4 --separate-stderr in_netns '"$SOCKT" connect -s 0.0.0.0:4000 0.0.0.0 4000 <<<echo'
	is "$output" ''
	one_line "$stderr"
	has "$stderr" 0.0.0.0:4000 refused
	run -4 --separate-stderr in_netns '"$SOCKT" connect -s [::]:4000 :: 4000 <<<echo'
	is "$output" ''
	has "$stderr" '[::]:4000' refused
}

@test "connect: -v names what is tried, what failed, and which address won" {
	needs_netns
	run -0 --separate-stderr in_netns '
		etc hosts "::1 two
127.0.0.1 two"
		python3 -c "import socket, os
s = socket.socket(); s.bind((\"127.0.0.1\", 4000)); s.listen(); s.set_inheritable(True); s.detach()
os.execvp(os.environ[\"SOCKT\"], [\"sockt\", \"connect\", \"-v\", \"-z\", \"two\", \"4000\"])"'
	has "$stderr" 'connect: [::1]:4000: trying' 'connect: [::1]:4000: Connection refused' \
		'connect: 127.0.0.1:4000: trying' 'connect: 127.0.0.1:4000: connected from 127.0.0.1:'
	has_no "$stderr" '[::1]:4000: connected'
}

@test "connect: -s sends from the address, and the port, that it names" {
	start_peer 'l = listen()
for _ in range(2): c, who = l.accept(); say("%s:%d" % who); c.close()'
	run -0 --separate-stderr "$SOCKT" connect -s 127.0.0.7 127.0.0.1 "$port"
	run -0 --separate-stderr "$SOCKT" connect --source="127.0.0.9:$port" 127.0.0.1 "$port"
	ends 0 "$peer"
	[[ $(head -1 "$heard") == 127.0.0.7:* ]]
	is "$(tail -1 "$heard")" "127.0.0.9:$port"
}

@test "connect: -s with a port somebody has, or an address that is not ours, is status 9" {
	closed_port
	taken=$port
	start_listener
	run -9 --separate-stderr "$SOCKT" connect -s "127.0.0.1:$taken" 127.0.0.1 "$port"
	one_line "$stderr"
	has "$stderr" "127.0.0.1:$taken" 'in use'
	run -9 --separate-stderr "$SOCKT" connect -s 192.0.2.77 127.0.0.1 "$port"
	one_line "$stderr"
	has "$stderr" 192.0.2.77
	run -9 --separate-stderr "$SOCKT" connect -s ::1 127.0.0.1 "$port"
	has "$stderr" ::1
}

@test "connect: -s with a port that already has a connection to that peer is status 9" {
	start_peer 'l = listen(); c = accept(l); c.sendall(b"hello\n"); signal.pause()'
	begin "$SOCKT" connect -s "127.0.0.9:$port" 127.0.0.1 "$port"
	wait_for says "$heard" hello
	run -9 --separate-stderr "$SOCKT" connect -s "127.0.0.9:$port" 127.0.0.1 "$port"
	one_line "$stderr"
	has "$stderr" "127.0.0.9:$port"
}

@test "connect: --interface goes through that interface, and an unknown one is status 9 and named" {
	((EUID == 0)) || skip 'binding to an interface may need root'
	start_listener
	run -0 --separate-stderr "$SOCKT" connect --interface lo -z 127.0.0.1 "$port"
	run -9 --separate-stderr "$SOCKT" connect --interface nosuch0 127.0.0.1 "$port"
	one_line "$stderr"
	has "$stderr" nosuch0
}

# ---- talking ----

@test "connect: what stdin says reaches a listener of sockt's, and nc's, whole" {
	start_listener
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" <<<hello
	ends 0 "$listener"
	is "$(<"$heard")" hello
	start_foreign nc -l 127.0.0.1 0
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" <<<hello
	ends 0 "$peer"
	is "$(<"$heard")" hello
}

@test "connect: a reply after the half-close is printed whole" {
	start_peer 'c = accept(); q = read_all(c); c.sendall(q[::-1] * 40); c.close(); say(sha(q[::-1] * 40))'
	head -c 30000 /dev/urandom >"$BATS_TEST_TMPDIR/question"
	"$SOCKT" connect 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/question" >"$BATS_TEST_TMPDIR/answer"
	ends 0 "$peer"
	is "$(sha256sum <"$BATS_TEST_TMPDIR/answer")" "$(<"$heard")  -"
}

@test "connect: bytes go both ways at once without loss, from and to files and pipes" {
	start_peer 'import threading
l = listen()
for _ in range(2):
    c = accept(l); back = os.urandom(3 << 20)
    t = threading.Thread(target=lambda: (c.sendall(back), half_close(c))); t.start()
    say(sha(read_all(c))); t.join(); say(sha(back))'
	head -c 3000001 /dev/urandom >"$BATS_TEST_TMPDIR/data"
	want=$(sha256sum <"$BATS_TEST_TMPDIR/data")
	"$SOCKT" connect 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/data" >"$BATS_TEST_TMPDIR/back"
	first=$(sha256sum <"$BATS_TEST_TMPDIR/back")
	second=$(set -o pipefail; "$SOCKT" connect 127.0.0.1 "$port" < <(cat "$BATS_TEST_TMPDIR/data") | sha256sum)
	ends 0 "$peer"
	is "$(sed 's/$/  -/' "$heard")" "$want"$'\n'"$first"$'\n'"$want"$'\n'"$second"
}

@test "connect: a reply that a reset follows is printed whole, and the status is 6 with the counts" {
	start_peer 'c = accept(); read_n(c, 6); c.sendall(b"x" * 100000); sent_and_acked(c); reset(c); say("reset")'
	begin_fed "$SOCKT" connect 127.0.0.1 "$port"
	echo hello >&"$in"
	ends 6 "$pid"
	is "$(wc -c <"$heard")" 100000
	one_line "$(<"$said")"
	has "$(<"$said")" "connect: 127.0.0.1:$port: " reset '6 bytes sent' '100000 received'
}

@test "connect: a reply that a reset overtakes while stdout is blocked is printed whole all the same" {
	start_peer 'c = accept(); c.sendall(b"x" * 100000); sent_and_acked(c); reset(c); say("reset")'
	mkfifo "$BATS_TEST_TMPDIR/out"
	exec {out}<>"$BATS_TEST_TMPDIR/out"
	"$SOCKT" connect -d 127.0.0.1 "$port" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/said.connect" 3>&- &
	connect=$!
	started+=("$connect")
	wait_for says "$heard" reset	# nobody has read a byte of the pipe so far, and it holds fewer than came
	head -c 100000 <&"$out" >"$BATS_TEST_TMPDIR/reply"
	ends 6 "$connect"
	is "$(wc -c <"$BATS_TEST_TMPDIR/reply")" 100000
	has "$(<"$BATS_TEST_TMPDIR/said.connect")" '100000 received'
}

@test "connect: a reset in the middle of sending is status 6 and says how much was sent" {
	start_peer 'c = accept(); read_n(c, 1000); reset(c)'
	run -6 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" </dev/zero
	one_line "$stderr"
	[[ $stderr == "sockt: connect: 127.0.0.1:$port: "*" after "[1-9]*" bytes sent, 0 received" ]]
	start_peer 'c = accept(); read_n(c, 1000); reset(c)'
	run -6 --separate-stderr bash -c 'yes | "$SOCKT" connect 127.0.0.1 "$1"' - "$port"
	has "$stderr" 'bytes sent'
}

@test "connect: TERM ends it as TERM does, without a word" {
	start_peer 'c = accept(); c.sendall(b"hello\n"); say(len(read_all(c)))'
	begin "$SOCKT" connect 127.0.0.1 "$port"
	wait_for says "$heard" hello
	kill -TERM "$pid"
	ends 143 "$pid"
	is "$(<"$said")" ''
}

# ---- line ends ----

@test "connect: -C sends LF as CR LF and never doubles a CR, wherever chunks are cut" {
	python3 - "$BATS_TEST_TMPDIR/lines" <<-'PY'
		import sys
		data = bytearray(b'0123456\r\n0123\n\n\r\r\n\n\r' * 4000)[:70000]
		for edge in (32768, 65536):
		    data[edge - 2:edge + 2] = b'.\r\n.'
		data[32764:32766] = b'\n\n'
		open(sys.argv[1], 'wb').write(data)
	PY
	want=$(python3 -c 'import hashlib, re, sys
data = re.sub(rb"(?<!\r)\n", b"\r\n", open(sys.argv[1], "rb").read())
print(hashlib.sha256(data).hexdigest())' "$BATS_TEST_TMPDIR/lines")
	start_peer 'l = listen()
for _ in range(2): c = accept(l); say(sha(read_all(c))); c.close()'
	"$SOCKT" connect -C 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/lines"
	python3 -c 'import os, sys
data = open(sys.argv[1], "rb").read()
while data:
    data = data[os.write(1, data[:997]):]' "$BATS_TEST_TMPDIR/lines" | "$SOCKT" connect -C 127.0.0.1 "$port"
	ends 0 "$peer"
	is "$(<"$heard")" "$want"$'\n'"$want"
}

@test "connect: -C does not double a CR whose LF comes in the next write" {
	start_peer 'c = accept(); have = b""
while part := c.recv(100): have += part; say(have)'
	peer_heard=$heard
	begin_fed "$SOCKT" connect -C 127.0.0.1 "$port"
	printf 'a\r' >&"$in"
	wait_for says "$peer_heard" "b'a\r'"
	printf '\nb' >&"$in"
	wait_for says "$peer_heard" "b'a\r\nb'"
	printf '\n' >&"$in"
	exec {in}>&-
	ends 0 "$pid"
	ends 0 "$peer"
	is "$(tail -1 "$peer_heard")" "b'a\r\nb\r\n'"
}

# ---- one way ----

@test "connect: -N, which nc needs for it, is accepted: the end of stdin half-closes anyway" {
	start_peer 'c = accept(); read_all(c); c.sendall(b"answer")'
	run -0 --separate-stderr "$SOCKT" connect -N 127.0.0.1 "$port" <<<hello
	is "$output" answer
}

@test "connect: --send-only drops what the peer says and is done when all is sent" {
	start_peer 'c = accept(); c.sendall(b"noise\n"); say(read_all(c)); signal.pause()'
	run -0 --separate-stderr "$SOCKT" connect --send-only 127.0.0.1 "$port" <<<hello
	is "$output$stderr" ''
	wait_for says "$heard" "b'hello"
}

@test "connect: --recv-only and -d send nothing, not even an end, and leave stdin alone" {
	for option in --recv-only -d --no-stdin; do
		start_peer 'c = accept(); c.sendall(b"one\n"); say(is_silent(c)); half_close(c); say(read_all(c))'
		run -0 --separate-stderr bash -c '{ "$SOCKT" connect "$1" 127.0.0.1 "$2"; cat; }' - "$option" "$port" <<<mine
		is "$output" $'one\nmine'
		ends 0 "$peer"
		is "$(<"$heard")" $'True\nb\'\''
	done
}

@test "connect: --no-half-close keeps the end of stdin to itself" {
	start_peer 'c = accept(); read_n(c, 6); say(is_silent(c)); c.sendall(b"answer\n")'
	run -0 --separate-stderr "$SOCKT" connect --no-half-close 127.0.0.1 "$port" <<<hello
	is "$output" answer
	ends 0 "$peer"
	is "$(<"$heard")" True
}

@test "connect: -q says how long the peer may be silent after the end of stdin" {
	start_peer 'c = accept(); read_all(c); c.sendall(b"early\n"); signal.pause()'
	elapsed_ms run -0 --separate-stderr "$SOCKT" connect -q 0.5 127.0.0.1 "$port" <<<hello
	is "$output" early
	between 500 10000
	start_peer 'c = accept(); read_all(c); signal.pause()'
	run -0 --separate-stderr "$SOCKT" connect -q 0 127.0.0.1 "$port" <<<hello
}

# ---- urgent data ----

# each_way CODE WANT: stdin says nothing; stdout is a pipe, and then a file.
each_way() {
	start_peer "l = listen()
for _ in range(2):
    c = accept(l); $1"
	run -0 --separate-stderr "$SOCKT" connect -d 127.0.0.1 "$port"
	is "$output" "$2"
	"$SOCKT" connect -d 127.0.0.1 "$port" >"$BATS_TEST_TMPDIR/out"
	is "$(<"$BATS_TEST_TMPDIR/out")" "$2"
	ends 0 "$peer"
}

@test "connect: urgent data stays in line" {
	each_way 'c.send(b"abc"); c.send(b"!", socket.MSG_OOB); c.sendall(b"def"); c.close()' 'abc!def'
}

@test "connect: urgent data with the end right behind it is not lost" {
	each_way 'c.send(b"abc"); c.send(b"!", socket.MSG_OOB); c.close()' 'abc!'
	each_way 'c.send(b"abc!", socket.MSG_OOB); half_close(c); read_all(c); c.close()' 'abc!'
}

@test "connect: urgent data in the middle of a long stream is not lost" {
	big=$(head -c 100000 /dev/zero | tr '\0' x)
	each_way 'c.sendall(b"x" * 100000); c.send(b"!", socket.MSG_OOB); c.sendall(b"x" * 100000); c.close()' "$big!$big"
}

@test "connect: urgent data that comes to a waiting connection is not lost" {
	for end in 'c.close()' 'c.sendall(b"c"); c.close()'; do
		start_peer "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
c = accept(); c.sendall(b'ab\n'); signal.sigwait([signal.SIGUSR1]); c.send(b'!', socket.MSG_OOB); $end"
		begin bash -c '"$SOCKT" connect -d 127.0.0.1 "$1" | cat; exit "${PIPESTATUS[0]}"' - "$port"
		wait_for says "$heard" ab
		kill -USR1 "$peer"
		ends 0 "$pid"
		[[ $(<"$heard") == $'ab\n!'?(c) ]]
	done
	is "$(tail -1 "$heard")" '!c'
}

# ---- words ----

@test "connect: --stats says bytes both ways, time and round trip at the end" {
	start_peer 'c = accept(); read_all(c); c.sendall(b"seven\n\n"); c.close()'
	run -0 --separate-stderr "$SOCKT" connect --stats 127.0.0.1 "$port" <<<hello
	one_line "$stderr"
	has "$stderr" "connect: 127.0.0.1:$port: " 'sent 6 bytes' 'received 7 bytes' ' s' rtt
}

@test "connect: -v hints at --no-half-close when nothing was answered after the half-close" {
	start_peer 'l = listen()
while True: c = accept(l); read_all(c); c.close()'
	run -0 --separate-stderr "$SOCKT" connect -v 127.0.0.1 "$port" <<<hello
	has "$stderr" --no-half-close
	run -0 --separate-stderr "$SOCKT" connect 127.0.0.1 "$port" <<<hello
	is "$stderr" ''
	start_peer 'c = accept(); read_all(c); c.sendall(b"answer")'
	run -0 --separate-stderr "$SOCKT" connect -v 127.0.0.1 "$port" <<<hello
	has_no "$stderr" --no-half-close
}

# ---- stdin, stdout and stderr are not ours alone ----

# Whoever shares a pipe or terminal with sockt shares its flags: look at them while it runs and afterwards.
@test "connect: never sets O_NONBLOCK on what it inherits" {
	for kind in pipe pty socket; do
		start_peer 'c = accept(); n = 0
while part := c.recv(1 << 16):
    n += len(part); c.sendall(part)'
		run -0 python3 - "$kind" "$SOCKT" "$port" <<-'PY'
			import fcntl, os, pty, select, socket, subprocess, sys
			kind, sockt, port = sys.argv[1:]

			def two():
			    """(the child's end, ours)"""
			    if kind == 'pty':
			        ours, theirs = pty.openpty()
			        return theirs, ours
			    a, b = socket.socketpair()
			    return a.detach(), b.detach()

			if kind == 'pipe':
			    (stdin, to), (out, stdout), (err, stderr) = os.pipe(), os.pipe(), os.pipe()
			else:
			    (stdin, to), (stdout, out), (stderr, err) = two(), two(), two()

			def check(when):
			    for name, fd in ('stdin', stdin), ('stdout', stdout), ('stderr', stderr):
			        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK:
			            sys.exit(f'{name}, a {kind}, has O_NONBLOCK {when}')

			child = subprocess.Popen([sockt, 'connect', '-vv', '-q', '20', '127.0.0.1', port], stdin=stdin, stdout=stdout,
			                         stderr=stderr)
			got = b''
			os.write(to, b'hello\n')
			while b'hello' not in got:
			    if not select.select([out], [], [], 20)[0]:
			        sys.exit('no echo')
			    got += os.read(out, 1 << 16)
			check('during the run')
			child.terminate()
			child.wait(20)
			check('afterwards')
		PY
	done
}

@test "connect: a full disk behind stdout is status 12, never 0" {
	start_peer 'l = listen()
while True:
    c = accept(l)
    try: c.sendall(b"x" * 200000); read_all(c)
    except OSError: pass'
	run -12 --separate-stderr bash -c '"$SOCKT" connect -d 127.0.0.1 "$1" >/dev/full' - "$port"
	one_line "$stderr"
	has "$stderr" stdout 'No space left'
	run -12 --separate-stderr bash -c '"$SOCKT" connect -d 127.0.0.1 "$1" >&-' - "$port"
	one_line "$stderr"
	has "$stderr" stdout
}

@test "connect: a reader that goes away ends it quietly, as SIGPIPE does" {
	start_peer 'l = listen()
while True:
    c = accept(l)
    try:
        while True: c.sendall(b"x" * 100000)
    except OSError: pass'
	run -141 --separate-stderr bash -c '"$SOCKT" connect -d 127.0.0.1 "$1" | head -c 10; exit "${PIPESTATUS[0]}"' - "$port"
	is "$output" xxxxxxxxxx
	is "$stderr" ''
}

# ---- an answer nobody waits for ----

# A peer that takes nothing more while its own answer finds no taker, as an echo server does. Its last answer may find
# nobody: who sees that all has arrived leaves.
echoing='c, n = accept(host="%s"), 0; c.setblocking(True)
try:
    while part := c.recv(10): n += len(part); c.sendall(part)
except BrokenPipeError: pass
assert n == 300000, n'

@test "connect: --send-only is not held up by a peer whose answer must be taken first" {
	# shellcheck disable=SC2059	# the path goes into the code
	start_peer "$(printf "$echoing" "$BATS_TEST_TMPDIR/sock")"
	run -0 --separate-stderr "$SOCKT" connect --send-only "unix:$BATS_TEST_TMPDIR/sock" < <(head -c 300000 /dev/zero)
	is "$output" ''
	ends 0 "$peer"
}

@test "connect: -q 0 leaves as soon as all is acknowledged, also by a peer whose answer must be taken first" {
	# shellcheck disable=SC2059	# the path goes into the code
	start_peer "$(printf "$echoing" "$BATS_TEST_TMPDIR/sock")"
	begin "$SOCKT" connect -q 0 "unix:$BATS_TEST_TMPDIR/sock" < <(head -c 300000 /dev/zero)
	ends 0 "$pid"
}
