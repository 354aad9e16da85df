# What sockt holds back for a while, for a rate, a record, a slow reader or a message that is not whole, when something
# fails or ends meanwhile: nothing of it is lost without a word, and no stream that was cut short ends in order.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/guests

# sockt between pipes and sockets of ours.
HELD='
import atexit, fcntl, resource, subprocess, termios, threading
from framed import *
SOCKT = os.environ["SOCKT"]
PIPES = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
DATA = bytes(range(256)) * 4000
RESET = b"", "RST"

started = []
atexit.register(lambda: [p.kill() for p in started])		# a failed test leaves none

def run(words, **how):
    started.append(subprocess.Popen(words, **{**PIPES, **how}))
    return started[-1]

def serve(verb, *options, program=(), **how):
    "A server, and where it listens."
    r, w = os.pipe()
    p = run([SOCKT, verb, "--ready-fd", str(w), *options, "127.0.0.1", "0", *program], pass_fds=[w], **how)
    os.close(w)
    with os.fdopen(r) as line: host, _, port = line.readline().rpartition(":")
    return p, (host, int(port))

def call(*options, before=(), rcvbuf=0, **how):
    "sockt connect, and its peer."
    door = listen(rcvbuf=rcvbuf)
    p = run([*before, SOCKT, "connect", *options, "127.0.0.1", str(door.getsockname()[1])], **how)
    return p, accept(door)

def target(**how):
    door = listen(**how)
    return door, "%s:%d" % door.getsockname()

def join(where, rcvbuf=0):
    s = socket.socket()
    if rcvbuf: s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    s.settimeout(PATIENCE)
    s.connect(where)
    return s

def refuses(where):
    try: join(where).close()
    except OSError: return True

def ends(p, status, *words, wait=PATIENCE):
    "It ends so, and says so."
    try: p.wait(wait)
    except subprocess.TimeoutExpired: p.kill(); raise
    said = p.stderr.read().decode() if p.stderr else ""
    assert p.returncode == status, (p.args, p.returncode, said)
    for word in words: assert word in said, (word, said)
    return said

def wait_for(fact, *args):
    end = time.monotonic() + PATIENCE
    while not (is_so := fact(*args)):
        assert time.monotonic() < end, (fact, args)
        select.select([], [], [], 0.02)
    return is_so

def fact(p, file, what): return re.search(what, open(f"/proc/{p.pid}/{file}").read())[1]

def waiting(fd): return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]

def has_stalled(p):
    "It sleeps, and has not run since the last look."
    if fact(p, "status", r"State:\s+(\S)") != "S": return False
    runs = lambda: fact(p, "status", r"\nvoluntary_ctxt_switches:\s+(\d+)")
    before = runs()
    select.select([], [], [], 0.15)
    return runs() == before

def stop(p):
    p.send_signal(signal.SIGSTOP)
    wait_for(lambda: fact(p, "status", r"State:\s+(\S)") == "T")

def ticks(p): return sum(map(int, open(f"/proc/{p.pid}/stat").read().rpartition(")")[2].split()[11:13]))

def grace(p):
    "A while in which it could end. There is no fact that says it will not."
    try: p.wait(0.3)
    except subprocess.TimeoutExpired: pass

givers, were_reset = {}, set()

def gives(s, data):
    "Sends that meanwhile, and does not mind when nobody wants it."
    def run():
        try: s.sendall(data)
        except ConnectionResetError: were_reset.add(s)
        except OSError: pass
    givers[s] = threading.Thread(target=run, daemon=True)
    givers[s].start()
    return givers[s]

def hear_all(s):
    "As hear(), while it gives: the system tells of a reset once, and that may have been who gives."
    got, how = hear(s)
    givers[s].join(PATIENCE)
    return got, "RST" if s in were_reset else how
'

# held CODE [ARG]...: runs it.
held() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers \
		timeout 60 python3 -c "$HELD$1" "${@:2}" 3>&-
}

# ---- a rate ----

@test "held: what had come is on stdout, however short -q is and however slow --limit-rate" {
	held '
def arrives(span):
    p, c = call("-q", span, "--limit-rate", "10", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    c.sendall(b"12345678"); half_close(c); sent_and_acked(c)
    out, said = p.communicate(timeout=PATIENCE)
    assert (p.returncode, out, said) == (0, b"12345678", b""), (span, p.returncode, out, said)
together(*[lambda span=span: arrives(span) for span in ("0", "1ms", "300ms")])'
}

# What a draining server had taken from its client: it got the client in before it was stopped, and all of the data is
# with the kernel by the time it hears of TERM.
DRAINED='
def drained(data, verb, *options, program=()):
    p, where = serve(verb, "--drain", "15", *options, program=program)
    c = join(where)
    hello = b"\0\0\0\1x" if "--frame" in options else b"x"
    c.sendall(hello); assert read_n(c, len(hello)) == hello
    stop(p)
    c.sendall(data); sent_and_acked(c)
    p.terminate()
    p.send_signal(signal.SIGCONT)
    got, how = hear(c)
    assert (len(got), how) == (len(data), "EOF") and got == data, (p.args, len(got), how)
    c.close()
    ends(p, -signal.SIGTERM)
'

@test "held: a draining echo-server with --limit-rate sends back all that had arrived, and then ends in order" {
	held "$DRAINED"'
together(lambda: drained(DATA[:20000], "echo-server"),
         lambda: drained(DATA[:20000], "echo-server", "--limit-rate", "20000"),
         lambda: drained(DATA[:5000], "echo-server", "--limit-rate", "5000"),
         lambda: drained(pack("len32", DATA[:20000]), "echo-server", "--frame", "len32", "--limit-rate", "20000"))'
}

@test "held: a draining listen -k with --limit-rate hands its programs all that had arrived" {
	held "$DRAINED"'
together(lambda: drained(DATA[:20000], "listen", "-k", "--limit-rate", "20000", program=["--", "cat"]),
         lambda: drained(pack("len32", DATA[:200]), "listen", "-k", "--frame", "len32", "--local-frame", "hex",
                         "--limit-rate", "500", program=["--", "cat"]))'
}

# The same with a transcript that nobody reads before the server has been told to end.
DRAINED_LATE='
def drained_late(fifo, verb, *options, program=()):
    data = DATA[:100000].translate(b"x" * 256)
    record = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    p, where = serve(verb, "--drain", "1h", "--transcript", fifo, *options, program=program)
    c = join(where)
    gives(c, data).join(); sent_and_acked(c)
    wait_for(has_stalled, p)
    p.terminate()
    wait_for(refuses, where)
    wait_for(has_stalled, p)
    os.set_blocking(record, True)
    def reads():		# slower than the bytes come, so that the record is full when the last of them goes
        while os.read(record, 1 << 13): select.select([], [], [], 0.01)
    threading.Thread(target=reads, daemon=True).start()
    assert read_n(c, len(data)) == data, p.args
    assert hear(c) == (b"", "EOF"), p.args
    c.close()
    ends(p, -signal.SIGTERM)
'

@test "held: a draining echo-server whose record is full sends back all that had arrived, and ends, once it is read" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	held "$DRAINED_LATE"'drained_late(argv[0], "echo-server")' "$BATS_TEST_TMPDIR/fifo"
}

@test "held: a draining listen -k whose record is full hands its program all that had, and ends, once it is read" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	held "$DRAINED_LATE"'drained_late(argv[0], "listen", "-k", program=["--", "cat"])' "$BATS_TEST_TMPDIR/fifo"
}

@test "held: a draining echo-server burns no processor time while --limit-rate holds bytes back" {
	held '
p, where = serve("echo-server", "--drain", "1h", "--limit-rate", "1000")
c = join(where)
gives(c, DATA)
assert read_n(c, 200)
p.terminate()
wait_for(refuses, where)
before, end = ticks(p), time.monotonic() + 1
while time.monotonic() < end: select.select([], [], [], 0.1)
assert ticks(p) <= before + 5, ticks(p) - before
p.terminate(); ends(p, -signal.SIGTERM)'
}

@test "held: after a silence --limit-rate allows no more than what 20 ms save up" {
	held '
RATE = 20000
p, where = serve("listen", "-k", "--limit-rate", str(RATE), stdout=subprocess.PIPE)
c = join(where)
def crosses(n):
    began, got = time.monotonic(), 0
    c.sendall(bytes(n))
    while got < n:
        got += len(os.read(p.stdout.fileno(), min(1 << 16, n - got)))
        allowed = RATE * (time.monotonic() - began + 0.02)
        assert got <= allowed + 1, (got, allowed)
for _ in range(3):
    crosses(10001)
    assert is_silent(c, 0.7)
c.close(); p.terminate(); ends(p, -signal.SIGTERM)'
}

@test "held: --first-byte does not blame a client whose bytes --limit-rate holds back" {
	held '
def is_heard(verb, *options, program=()):
    p, where = serve(verb, "--first-byte", "250ms", "--limit-rate", "2", *options, program=program,
                     stdout=subprocess.PIPE)
    c = join(where)
    c.sendall(b"ab"); half_close(c)
    if verb == "echo-server" or program: assert hear(c) == (b"ab", "EOF"), p.args
    else: wait_for(lambda: waiting(p.stdout) == 2)
    c.close()
    if verb == "echo-server" or "-k" in options: p.terminate(); ends(p, -signal.SIGTERM)
    else: ends(p, 0)
CAT = "--", "cat"
together(lambda: is_heard("echo-server"), lambda: is_heard("listen"), lambda: is_heard("listen", "-k"),
         lambda: is_heard("listen", program=CAT), lambda: is_heard("listen", "-k", program=CAT))'
}

@test "held: what a target said before its reset goes on to the client line by line, and then the reset" {
	held '
def passes(*options):
    door, to = target()
    p, where = serve("listen", "--to", to, *options)
    c, t = join(where), accept(door)
    c.sendall(b"hello\n"); assert read_n(t, 6) == b"hello\n"
    t.sendall(b"one\ntwo\nthree\n"); sent_and_acked(t); reset(t)
    assert hear(c) == (b"one\ntwo\nthree\n", "RST"), options
    c.close()
    ends(p, 6, "reset")
together(lambda: passes("--line-delay", "1200ms"), lambda: passes("--limit-rate", "8"), passes)'
}

# ---- a record that fails ----

@test "held: when the transcript's device is full, every client and every peer is reset, also those that were silent" {
	held '
def all_reset(verb, *options, program=()):
    how = dict(stdin=subprocess.PIPE) if verb == "listen" else {}
    p, where = serve(verb, "--transcript", "/dev/full", *options, program=program, **how)
    crowd = [join(where) for _ in range(3 if (verb, *options) in (("echo-server",), ("listen", "-k")) else 1)]
    crowd[0].sendall(b"x\n")
    for i, c in enumerate(crowd): assert hear(c) == RESET, (p.args, i)
    ends(p, 12, "/dev/full: cannot write: No space left on device")
def target_reset(*options):
    door, to = target()
    p, where = serve("listen", *options, "--transcript", "/dev/full", "--to", to)
    c = join(where); t = accept(door); c.sendall(b"x\n")
    assert hear(c)[1] == hear(t)[1] == "RST", p.args
    ends(p, 12, "/dev/full: cannot write: No space left on device")
def peer_reset():
    p, c = call("--transcript", "/dev/full", stdin=subprocess.PIPE)
    c.sendall(b"x\n"); assert hear(c) == RESET, p.args
    ends(p, 12, "/dev/full: cannot write: No space left on device")
CAT = "--", "cat"
together(peer_reset, target_reset, lambda: target_reset("-k"), lambda: all_reset("echo-server"),
         lambda: all_reset("echo-server", "--once"), lambda: all_reset("listen"), lambda: all_reset("listen", "-k"),
         lambda: all_reset("listen", program=CAT), lambda: all_reset("listen", "-k", program=CAT))'
}

# Runs sockt where a file may have 300000 bytes, with a transcript that becomes longer.
FULL='
def small_files(): resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000))
def record(name): return "--transcript", f"{argv[0]}/{name}"
def hears_reset(c, p, name):
    got, how = hear_all(c) if c in givers else hear(c)
    assert how == "RST" and len(got) < len(BIG) and BIG.startswith(got), (p.args, len(got), how)
    ends(p, 12, f"{argv[0]}/{name}: cannot write: File too large")
BIG = DATA.translate(b"A" * 256)
open(f"{argv[0]}/big", "wb").write(BIG)
HOW = dict(preexec_fn=small_files)
'

@test "held: when a disk fills up under the transcript, the peer of connect sees no end of what was cut short" {
	held "$FULL"'
for name, *options in ["plain"], ["paced", "--limit-rate", "1M"]:
    with open(f"{argv[0]}/big", "rb") as f: p, c = call(*record(name), *options, stdin=f, **HOW)
    hears_reset(c, p, name)' "$BATS_TEST_TMPDIR"
}

@test "held: nor do the clients of listen, listen -k, echo-server, a program and a target" {
	held "$FULL"'
def client_of(name, verb, *options, program=()):
    with open(f"{argv[0]}/big", "rb") as f:
        p, where = serve(verb, *record(name), *options, program=program, stdin=f, **HOW)
    c = join(where)
    if verb == "echo-server": gives(c, BIG)
    hears_reset(c, p, name)
def client_of_target(name):
    door, to = target()
    p, where = serve("listen", *record(name), "--to", to, **HOW)
    c, t = join(where), accept(door)
    gives(t, BIG)
    hears_reset(c, p, name)
CAT = "--", "cat", f"{argv[0]}/big"
client_of("listen", "listen")
client_of("many", "listen", "-k")
client_of("echo", "echo-server")
client_of("program", "listen", program=CAT)
client_of_target("target")' "$BATS_TEST_TMPDIR"
}

# ---- a record that nobody takes ----

# Reads a bit now and then, far from fast enough.
TRICKLE='
def trickles(fd):
    os.set_blocking(fd, True)
    def run():
        while len(os.read(fd, 4096)): select.select([], [], [], 0.5)
    threading.Thread(target=run, daemon=True).start()
'

@test "held: two TERMs end -x though its reader takes a bit now and then" {
	held "$TRICKLE"'
def ended(start):
    r, w = os.pipe()
    p, c = start(stderr=w)
    os.close(w)
    gives(c, DATA)
    wait_for(has_stalled, p)
    trickles(r)
    p.terminate()
    assert not select.select([], [], [], 0.1)[0]
    p.terminate()
    ends(p, -signal.SIGTERM)
def serving(**how): p, where = serve("listen", "-k", "-x", **how); return p, join(where)
together(lambda: ended(lambda **how: call("-x", **how)), lambda: ended(serving))
os._exit(0)'
}

@test "held: two TERMs end it though the transcript's reader takes a bit now and then, and say how much is missing" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	held "$TRICKLE"'
record = os.open(argv[0], os.O_RDONLY | os.O_NONBLOCK)
p, c = call("--transcript", argv[0])
gives(c, DATA)
wait_for(has_stalled, p)
trickles(record)
p.terminate()
p.terminate()
said = ends(p, -signal.SIGTERM)
missing = re.search(r"the last (\d+) bytes of the record were taken by nobody", said)
assert missing and int(missing[1]) > 4096, said
os._exit(0)' "$BATS_TEST_TMPDIR/fifo"
}

@test "held: -i blames the record that nobody takes, and not the peer, which has acknowledged everything" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	held '
record = os.open(argv[0], os.O_RDONLY | os.O_NONBLOCK)
p, c = call("-i", "300ms", "--transcript", argv[0], stdout=subprocess.PIPE)
c.sendall(bytes(90000).translate(b"x" * 256)); half_close(c)
assert len(p.stdout.read()) == 90000
said = ends(p, 5, "idle for 300 ms", "the record of it was taken by nobody")
assert "acknowledged" not in said, said' "$BATS_TEST_TMPDIR/fifo"
}

@test "held: a transcript tells the connections of two runs apart also when both had the same process number" {
	local as=()
	((EUID == 0)) || as=(-r)
	unshare "${as[@]}" -fp true 2>/dev/null || skip 'no process number namespaces: needs root, or user namespaces'
	held '
for i in range(2):
    p, c = call("--transcript", argv[0], before=["unshare", *argv[1:], "-fp", "--kill-child"], stdin=subprocess.PIPE)
    c.sendall(b"x"); c.close(); p.stdin.close()
    ends(p, 0)
first, second = [json.loads(line) for line in open(argv[0])]
assert first["connection"] != second["connection"], first' "$BATS_TEST_TMPDIR/transcript" "${as[@]}"
}

# ---- faults, and readers that are slow ----

@test "held: a fault of stdin takes no message from a stdout that is slow: all that had come are there, and whole" {
	held '
p, c = call("--frame", "len32", "--local-frame", "hex", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
message = b"m" * 30000
c.sendall(pack("len32", *[message] * 5)); sent_and_acked(c)
wait_for(lambda: waiting(p.stdout) > 60001)
wait_for(has_stalled, p)
p.stdin.write(b"abcd\nzz\n"); p.stdin.flush()
assert read_n(c, 6) == b"\0\0\0\2\xab\xcd"
grace(p)
same(unpack("hex", p.stdout.read()), [message] * 5)
assert hear(c) == RESET
ends(p, 12, "stdin: line 2 is not hex")'
}

@test "held: a fault of stdin takes no message from a slow client of listen -k, which is reset after them" {
	held '
p, where = serve("listen", "-k", "--frame", "len32", "--local-frame", "hex", stdin=subprocess.PIPE)
quick, slow = join(where), join(where, rcvbuf=8192)
p.stdin.write(b"ab" * 300000 + b"\nzz\n"); p.stdin.close(); p.stdin = None
want = pack("len32", b"\xab" * 300000)
assert read_n(quick, len(want)) == want
grace(p)
got, how = hear(slow)
assert (got == want, how) == (True, "RST"), (len(got), how)
assert hear(quick) == RESET
ends(p, 12, "line 2 is not hex")'
}

@test "held: junk behind a fault takes no echo from a slow client of echo-server, which is reset after it" {
	held '
def echoes(junk, *options):
    p, where = serve("echo-server", "--frame", "len32", "--max-message", "8M", *options)
    c = join(where, rcvbuf=8192)
    want = pack("len32", b"m" * 600000)
    c.sendall(want + b"\xff" * 4)
    gives(c, bytes(junk))
    grace(p)
    got, how = hear_all(c)
    assert (got == want, how) == (True, "RST"), (p.args, junk, len(got), how)
    if not options: p.terminate()
    ends(p, 11 if options else -signal.SIGTERM, "a message of 4294967295 bytes")
together(*[lambda junk=junk, options=options: echoes(junk, *options)
           for junk in (0, 10, 1000000) for options in ([], ["--once"])])'
}

@test "held: a program answers the messages before a fault of its client, who is reset after them" {
	held '
good = pack("len32", b"a", b"b")
for fault, ended, status, words in (b"\xff" * 4, False, 11, "a message of 4294967295 bytes"), \
        (b"\0\0", True, 6, "ended with 2 of 4 bytes of a length"):
    for options in [], ["-k"]:
        p, where = serve("listen", *options, "--frame", "len32", program=["--", "cat"])
        c = join(where)
        c.sendall(good + fault)
        if ended: half_close(c)
        assert hear(c) == (good, "RST"), (p.args, fault)
        if options: p.terminate()
        ends(p, -signal.SIGTERM if options else status, words)'
}

@test "held: a peer that breaks the format sees no end in order of what it is not told any more" {
	head -c 3000000 /dev/zero | tr '\0' '\n' >"$BATS_TEST_TMPDIR/in"
	held '
for rcvbuf in 0, 8192:
    with open(argv[0], "rb") as f: p, c = call("--frame", "netstring", stdin=f, rcvbuf=rcvbuf)
    c.sendall(b"junk")
    wait_for(lambda: p.poll() is not None or has_stalled(p))
    got, how = hear(c)
    assert how == "RST" and len(got) < 9000000, (rcvbuf, len(got), how)
    ends(p, 10, "a netstring begins with")' "$BATS_TEST_TMPDIR/in"
}

# The peer's queue is full, so the SYN is dropped and said again in a second. sockt sleeps while that is taken.
@test "held: what a peer said is there and its reset is 6, though it was gone before sockt looked" {
	held '
def comes_late(start):
    door = listen(backlog=0)
    guest = join(door.getsockname())
    p, result = start(door.getsockname()[1])
    port = "%04X" % door.getsockname()[1]
    wait_for(lambda: re.search(rf" \w+:\w+ \w+:{port} 02 ", open("/proc/net/tcp").read()))
    wait_for(has_stalled, p)
    stop(p)
    accept(door)
    c = accept(door)
    c.sendall(DATA[:6000]); sent_and_acked(c); reset(c)
    p.send_signal(signal.SIGCONT)
    assert result() == DATA[:6000], p.args
    ends(p, 6, "reset")
def connect(port):
    p = run([SOCKT, "connect", "127.0.0.1", str(port)], stdout=subprocess.PIPE)
    return p, p.stdout.read
def forward(port):
    p, where = serve("listen", "--to", f"127.0.0.1:{port}")
    c = join(where)
    def result(): got, how = hear(c); assert how == "RST", how; return got
    return p, result
together(lambda: comes_late(connect), lambda: comes_late(forward))'
}

@test "held: listen -k gives back the memory of a long message" {
	needs_plain_memory
	held '
def resident(): return int(fact(p, "status", r"VmRSS:\s+(\d+)"))
for form in "line", "len32":
    p, where = serve("listen", "-k", "--frame", "len32", "--local-frame", form, "--max-message", "32M",
                     stdout=subprocess.PIPE)
    before = resident()
    c = join(where)
    message = pack("len32", bytes(20 << 20))
    gives(c, message)
    assert len(p.stdout.read(20 << 20)) == 20 << 20
    c.close()
    wait_for(lambda: resident() < before + 8192)
    p.terminate(); ends(p, -signal.SIGTERM)'
}

# ---- on a terminal ----

@test "held: half a character and a CR before a reset are shown on a terminal" {
	held '
from terminal import connected, listening
for half, shown in (b"\xe2\x82", b"\\xe2\\x82"), (b"\r", b"\\x0d"):
    t, c = connected()
    c.sendall(b"word" + half); t.until(b"word"); reset(c)
    assert t.end() == 6 and t.shown.startswith(b"word" + shown), t.shown
    t, where = listening("-k")
    c = join(where)
    c.sendall(b"word" + half); t.until(b"word"); reset(c)
    t.until(shown)
    t.end(signal.SIGTERM)'
}

@test "held: lines that end with CR LF are shown as lines on a terminal, with --frame line too" {
	held '
from terminal import connected, listening
t, c = connected("--frame", "line")
c.sendall(b"hello\r\nwor\rld\r\n\r\nlast\n"); c.close()
assert t.end() == 0
assert t.shown.replace(b"\r\n", b"\n") == b"hello\nwor\\x0dld\n\nlast\n", t.shown'
}

@test "held: --progress says in the end what moved, however short it was" {
	held '
from terminal import connected, listening
t, where = listening("--progress", "--", "cat")
c = join(where)
c.sendall(b"hello"); half_close(c); assert read_all(c) == b"hello"; c.close()
assert t.end() == 0 and "sent 5 B, received 5 B, " in t.lines()[-2], t.lines()
door, to = target()
t, where = listening("--progress", "--to", to)
c, s = join(where), accept(door)
c.sendall(b"hello"); half_close(c); assert read_all(s) == b"hello"
s.sendall(b"hi!"); s.close(); assert read_all(c) == b"hi!"; c.close()
assert t.end() == 0
last = t.lines()[-2]
assert "sent 3 B, received 5 B, " in last or "sent 5 B, received 3 B, " in last, t.lines()'
}
