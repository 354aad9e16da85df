# Slower on purpose: --limit-rate and --line-delay.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/service

# sockt between two sockets of ours. A rate is kept when at no moment more has come than it allows since the beginning:
# that is exact, however late we or sockt are.
BETWEEN='
import atexit, subprocess, threading
SOCKT = os.environ["SOCKT"]
WAYS = ["connect"], ["listen"], ["listen", "-k"], ["connect", "--"], ["listen", "--"], ["listen", "--to"]

class Between:
    "here is what it reads and writes, or its program or target does; there is its peer or client."
    def __init__(self, way, *options):
        verb, *more = way
        self.keeps = "-k" in more
        self.here, theirs = socket.socketpair()
        ready, w = os.pipe()
        behind = listen() if "--to" in more else listen(host="@pace-%s" % os.urandom(8).hex())
        beyond = listen()
        words = [verb, *options]
        if verb == "listen": words += "--quiet", "--ready-fd", str(w)
        if "--to" in more: words += "--to", "127.0.0.1:%d" % behind.getsockname()[1]
        if "-k" in more: words += "-k",
        words += "127.0.0.1", "0" if verb == "listen" else str(beyond.getsockname()[1])
        if "--" in more: words += "--", SOCKT, "connect", "-q", "20", "unix:@" + behind.getsockname()[1:].decode()
        self.began = time.monotonic()
        self.process = subprocess.Popen([SOCKT, *words], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, pass_fds=[w])
        atexit.register(self.process.kill)
        theirs.close(); os.close(w)
        if verb == "connect": self.there = accept(beyond)
        else: self.there = socket.create_connection(("127.0.0.1", int(os.read(ready, 99).rpartition(b":")[2])), PATIENCE)
        if "--" in more or "--to" in more: self.here = accept(behind)
        self.here.settimeout(PATIENCE)

    def paced(self, s, n, rate):
        "n bytes, or what comes until the end."
        got = bytearray()
        while len(got) < n and (part := s.recv(min(1 << 16, n - len(got)))):
            got += part
            allowed = rate * (time.monotonic() - self.began)
            assert len(got) <= allowed + 1, "%d bytes, where %d are allowed" % (len(got), allowed)
        return bytes(got)

    def end(self, status=0):
        if self.keeps: self.process.terminate(); status = -signal.SIGTERM
        _, said = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == status, (self.process.args, self.process.returncode, said)
        return said.decode()
'

# between PYTHON [ARG]...: runs it, with those words and a peer's.
between() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers \
		timeout 60 python3 -c "from peer import *; $BETWEEN$1" "${@:2}" 3>&-
}

@test "pace: --limit-rate is kept both ways at once, of whatever is joined, and every byte and the end arrive" {
	between '
RATE = 200000
def crosses(way):
    up, down = os.urandom(100001), os.urandom(70003)
    b = Between(way, "--limit-rate", str(RATE))
    def give(s, data): s.sendall(data); half_close(s)
    def take(s, data): got = b.paced(s, len(data), RATE); assert got == data, (way, len(got))
    together(lambda: give(b.here, up), lambda: give(b.there, down), lambda: take(b.there, up), lambda: take(b.here, down))
    assert b.there.recv(1) == b"", way
    b.end()
for way in WAYS: crosses(way)'
}

@test "pace: --limit-rate takes any rate up to 1T, and what is none is usage" {
	local rate
	between '
data = os.urandom(2000003)
for rate in "1T", "100M", "4k":
    b = Between(["listen"], "--limit-rate", rate)
    part = data[:2000] if rate == "4k" else data
    def give(s): s.sendall(part); half_close(s)
    def take(s): assert read_all(s) == part, rate
    together(lambda: give(b.here), lambda: give(b.there), lambda: take(b.here), lambda: take(b.there))
    b.end()'
	for rate in 0 1x -5 '' 1.5x 2T 1/s; do
		run -2 --separate-stderr "$SOCKT" connect --limit-rate "$rate" 127.0.0.1 1
		one_line "$stderr"
		has "$stderr" --limit-rate "'$rate'"
	done
	for rate in 1x -5 '' nan; do
		run -2 --separate-stderr "$SOCKT" listen --line-delay "$rate" 0
		one_line "$stderr"
		has "$stderr" --line-delay "'$rate'"
	done
	run -2 --separate-stderr "$SOCKT" connect --line-delay 1 --frame len32 127.0.0.1 1
	has "$stderr" --line-delay
}

@test "pace: echo-server keeps --limit-rate for each of its clients" {
	start_server echo-server --limit-rate 200000 127.0.0.1 0
	client 'import threading
def paced():
    began = time.monotonic(); s = socket.create_connection(c.getpeername(), PATIENCE)
    data, got = os.urandom(100000), b""
    threading.Thread(target=s.sendall, args=(data,), daemon=True).start()
    while len(got) < len(data):
        got += s.recv(1 << 16)
        assert len(got) <= 200000 * (time.monotonic() - began) + 1
    assert got == data; say("all well")
threads = [threading.Thread(target=paced) for _ in range(3)]
for t in threads: t.start()
for t in threads: t.join()' >"$BATS_TEST_TMPDIR/crowd"
	is "$(<"$BATS_TEST_TMPDIR/crowd")" $'all well\nall well\nall well'
}

@test "pace: a direction that is stuck does not hold the other one back" {
	between '
b = Between(["connect"], "--limit-rate", "1M")
def stuff(): b.here.sendall(bytes(64 << 20))
threading.Thread(target=stuff, daemon=True).start()
data = os.urandom(300000); b.there.sendall(data)
assert b.paced(b.here, len(data), 1 << 20) == data
b.process.terminate(); b.process.wait(PATIENCE); os._exit(0)'
}

@test "pace: a client of listen -k is not too slow when it is we who hold its bytes back" {
	between '
# With each client that comes there is more to say to all of them: in the end the queue of the first is full.
b = Between(["listen", "-k"], "--limit-rate", "20k")
threading.Thread(target=lambda: b.here.sendall(bytes(64 << 20)), daemon=True).start()
crowd = [b.there]
for _ in range(50):
    assert crowd[-1].recv(1)
    crowd.append(socket.create_connection(b.there.getpeername(), PATIENCE))
end = time.monotonic() + 1
while time.monotonic() < end: assert b.there.recv(1 << 16)
for c in crowd: reset(c)
b.process.kill()
assert b.process.stderr.read() == b""
os._exit(0)'
}

# ---- time ----

@test "pace: our own pauses are no silence for -i, whatever is joined" {
	between '
def all_arrives(way, *options):
    b = Between(way, "-i", "300ms", *options)
    b.here.sendall(b"a\nb\n")
    assert read_n(b.there, 4) == b"a\nb\n", way
    half_close(b.here); half_close(b.there)
    b.end()
together(*[lambda way=way: all_arrives(way, "--limit-rate", "2") for way in WAYS],
         *[lambda way=way: all_arrives(way, "--line-delay", "1") for way in WAYS])'
}

@test "pace: nor are they for echo-server's -i" {
	start_server echo-server -i 300ms --limit-rate 2 127.0.0.1 0
	run -0 client 'c.sendall(b"abc"); say(read_n(c, 3)); half_close(c); say(read_all(c))'
	is "$output" $'b\'abc\'\nb\'\''
	is "$(<"$said")" "listening on $addr"
}

@test "pace: a peer that is silent is idle in the end all the same" {
	local options
	start_peer 'l = listen(); kept = []
while True: kept.append(accept(l))'
	for options in '--limit-rate 4' '--line-delay 500ms'; do
		# shellcheck disable=SC2086	# words
		elapsed_ms run -5 --separate-stderr "$SOCKT" connect -i 200ms $options 127.0.0.1 "$port" <<<$'1\n2'
		one_line "$stderr"
		has "$stderr" 'idle for 200 ms' '4 bytes sent'
		((took_ms >= 700))
	done
}

@test "pace: -q does not take bytes that we hold back for silence" {
	between '
# The peer ends first: a pipe on stdin has -q to say more, and all that it said is sent.
l = listen()
p = subprocess.Popen([SOCKT, "connect", "-q", "200ms", "--line-delay", "500ms", "127.0.0.1", str(l.getsockname()[1])],
                     stdin=subprocess.PIPE)
p.stdin.write(b"one\ntwo\nthree\n"); p.stdin.flush()
c = accept(l); half_close(c)
assert read_all(c) == b"one\ntwo\nthree\n"
assert p.wait(PATIENCE) == 0'
}

@test "pace: -q after our own end does not cut off an answer that has come, and we hold back" {
	start_peer 'c = accept(); read_all(c); c.sendall(b"answer"); half_close(c); read_all(c)'
	run -0 --separate-stderr "$SOCKT" connect -q 200ms --limit-rate 2 127.0.0.1 "$port" < <(printf '?')
	is "$output" answer
}

@test "pace: -m ends it however much is held back" {
	head -c 100000 /dev/zero >"$BATS_TEST_TMPDIR/in"
	start_peer 'c = accept(); read_all(c)'
	run -5 --separate-stderr "$SOCKT" connect -m 200ms --limit-rate 1 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
	one_line "$stderr"
}

@test "pace: TERM ends it at once however much is held back; a second one does where clients or programs have a while" {
	between '
for way in WAYS:
    for options in ["--limit-rate", "1"], ["--line-delay", "1h"]:
        b = Between(way, *options)
        b.here.sendall(b"line\n" * 1000); b.there.sendall(b"line\n" * 1000)
        assert b.there.recv(1)
        b.process.terminate()
        if "-k" in way or "--" in way:
            while b.process.poll() is None and time.monotonic() < b.began + PATIENCE:
                select.select([], [], [], 0.1); b.process.terminate()
        assert b.process.wait(PATIENCE) == -signal.SIGTERM, (way, options)'
}

@test "pace: a reset is noticed while bytes are held back" {
	local options
	seq 1000 >"$BATS_TEST_TMPDIR/in"
	for options in '--limit-rate 1' '--line-delay 1h'; do
		start_peer 'c = accept(); read_n(c, 1); reset(c)'
		# shellcheck disable=SC2086	# words
		begin "$SOCKT" connect $options 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/in"
		ends 6 "$pid"
		one_line "$(<"$said")"
		has "$(<"$said")" 'reset'
	done
}

@test "pace: to hold bytes back costs no processor time" {
	local options before
	for options in '--limit-rate 10' '--line-delay 1h' '--limit-rate 10 -i 100ms'; do
		start_peer 'c = accept(); c.sendall(b"x\n" * 50000); signal.pause()'
		# shellcheck disable=SC2086	# words
		begin "$SOCKT" connect $options 127.0.0.1 "$port" </etc/services
		wait_for has_bytes "$heard" 1
		before=$(ticks_of "$pid")
		a_second_passes
		(($(ticks_of "$pid") <= before + 3))
	done
}

# ---- lines ----

@test "pace: --line-delay sends each line by itself and not before its time: empty ones, and a last one without LF" {
	start_peer 'began = time.monotonic(); c = accept(); heard = b""
while part := c.recv(1 << 16):
    heard += part
    assert time.monotonic() - began >= 0.15 * heard[:-1].count(b"\n"), heard
say(heard)'
	local peer_heard=$heard
	"$SOCKT" connect --line-delay 150ms --transcript "$BATS_TEST_TMPDIR/transcript" 127.0.0.1 "$port" \
		< <(printf 'one\n\n\ntwo\nlast')
	ends 0 "$peer"
	is "$(<"$peer_heard")" "b'one\\n\\n\\ntwo\\nlast'"
	between '
sent = [json.loads(line)["text"] for line in open(argv[0])]
assert sent == ["one\n", "\n", "\n", "two\n", "last"], sent' "$BATS_TEST_TMPDIR/transcript"
}

@test "pace: --line-delay goes with -C, --frame line, programs, listen -k and a slow --limit-rate" {
	between '
def arrives(way, said, want, *options):
    b = Between(way, "--line-delay", "200ms", *options)
    b.here.sendall(said); half_close(b.here)
    got = []
    while part := b.there.recv(1000):
        got.append(part)
        assert time.monotonic() - b.began >= 0.2 * (b"".join(got).count(b"\n") - 1), (way, options, got)
    assert b"".join(got) == want, (way, options, got)
    half_close(b.there)
    b.end()
jobs = [lambda way=way: arrives(way, b"a\nb\nc\n", b"a\nb\nc\n") for way in WAYS]
jobs += [lambda: arrives(["connect"], b"a\nb\r\nc", b"a\r\nb\r\nc", "-C"),
         lambda: arrives(["listen", "-k"], b"a\nb\n", b"a\r\nb\r\n", "-C"),
         lambda: arrives(["connect"], b"a\nb\n", b"a\nb\n", "--frame", "line"),
         lambda: arrives(["connect"], b"aa\nbb\n", b"aa\nbb\n", "--limit-rate", "5")]
together(*jobs)'
}

@test "pace: --line-delay pauses after a line of 1 MiB as after others, and not within it" {
	between '
b = Between(["connect"], "--line-delay", "300ms")
line = b"x" * (1 << 20) + b"\n"
def give(): b.here.sendall(line + b"next\n"); half_close(b.here)
def take():
    assert read_n(b.there, len(line)) == line
    assert read_all(b.there) == b"next\n" and time.monotonic() - b.began >= 0.3
    half_close(b.there)
together(give, take)
b.end()'
}

@test "pace: --line-delay does not hold back the end after the last line, nor the first line" {
	start_peer 'c = accept(); say(read_all(c))'
	"$SOCKT" connect --line-delay 1h 127.0.0.1 "$port" < <(echo the only one)
	ends 0 "$peer"
	is "$(<"$heard")" "b'the only one\\n'"
}

@test "pace: --line-delay does not hold back what comes" {
	start_peer 'c = accept(); c.sendall(b"one\ntwo\nthree\n"); half_close(c); read_all(c)'
	run -0 "$SOCKT" connect --line-delay 1h 127.0.0.1 "$port"
	is "$output" $'one\ntwo\nthree'
}

@test "pace: -vv says that pacing is why bytes are not spliced" {
	local options
	for options in '--limit-rate=1M' '--line-delay=1ms'; do
		start_peer 'c = accept(); c.sendall(bytes(100000)); half_close(c); read_all(c)'
		run -0 --separate-stderr bash -c '"$SOCKT" connect -vv "$1" 127.0.0.1 "$2" </etc/passwd | cat >/dev/null' \
			- "$options" "$port"
		has "$stderr" 'buffer, not splice: bytes are paced'
		has_no "$stderr" 'by splice'
	done
}
