# On a terminal: what is typed, what is shown, what must not drive it, and --progress.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen

# on_screen PYTHON [ARG]...: runs it, with a terminal's words and a peer's (lib/peers/terminal.py).
on_screen() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers \
		timeout 60 python3 -c "from terminal import *; $1" "${@:2}" 3>&-
}

# ---- typing ----

@test "terminal: ^D at the beginning of a line is the end, and what the peer answers to it is shown" {
	on_screen '
t, c = connected()
t.type(b"question\n\4")
assert read_all(c) == b"question\n"
c.sendall(b"answer\n"); c.close()
assert t.end() == 0 and t.shown == b"answer\n", t.shown'
}

@test "terminal: ^D within a line sends what is typed, and once more is the end" {
	on_screen '
t, c = connected()
t.type(b"no line\4")
assert read_n(c, 7) == b"no line" and is_silent(c)
t.type(b"\4")
assert read_all(c) == b""
c.sendall(b"answer\n"); c.close()
assert t.end() == 0 and t.shown == b"answer\n", t.shown'
}

@test "terminal: a client of listen is talked to in the same way" {
	on_screen '
t, where = listening("--quiet")
c = socket.create_connection(where, PATIENCE)
c.sendall(b"hello\n"); t.until(b"hello\n")
t.type(b"question\nand\4"); assert read_n(c, 12) == b"question\nand"
t.type(b"\4"); assert read_all(c) == b""
c.sendall(b"answer\n"); c.close()
assert t.end() == 0 and t.shown == b"hello\nanswer\n", t.shown'
}

# ---- settings ----

@test "terminal: its settings are the same during and after, byte for byte, however it ends" {
	on_screen '
def same(t, status, signo=0):
    assert t.settings() == t.before, "while it runs"
    assert t.end(signo) == status, (t.process.args, t.process.returncode, t.shown)
    assert t.settings() == t.before, t.process.args

def closes(c): c.close()
def resets(c): reset(c)
def stays(c): pass
SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL
ENDS = [(closes, 0, 0), (resets, 6, 0), *[(stays, -signo, signo) for signo in SIGNALS]]

for cooked in True, False:
    for options in [], ["-x"], ["--progress"], ["--raw"], ["-v", "--stats"]:
        for goes, status, signo in ENDS:
            t, c = connected(*options, cooked=cooked)
            c.sendall(b"word\n"); t.until(b"word")
            t.type(b"typed\n"); read_n(c, 6)
            goes(c)
            same(t, status, signo)
        t, c = connected("-m", "100ms", *options, cooked=cooked)
        same(t, 5)'
}

@test "terminal: its settings are the same after a connect error and a usage error, and with listen" {
	closed_port
	on_screen '
def same(t, status, signo=0):
    assert t.end(signo) == status and t.settings() == t.before, (t.process.args, t.process.returncode)
for option in "-x", "--progress", "--raw": same(Terminal("connect", option, "127.0.0.1", argv[0], cooked=True), 4)
same(Terminal("connect", "--no-such", cooked=True), 2)
same(Terminal("listen", "-w", "50ms", "--progress", "127.0.0.1", "0", cooked=True), 5)
for options in ["--progress"], ["-x"], ["-k", "-x"]:
    t, where = listening(*options, cooked=True)
    c = socket.create_connection(where, PATIENCE)
    c.sendall(b"word\n"); t.until(b"word")
    assert t.settings() == t.before
    c.close()
    same(t, *(-signal.SIGTERM, signal.SIGTERM) if "-k" in options else (0, 0))' "$port"
}

@test "terminal: no colour is left on by -x, however it ends" {
	on_screen '
STAYS = lambda c: None
for goes, signo in (socket.socket.close, 0), (reset, 0), (STAYS, signal.SIGTERM), (STAYS, signal.SIGINT):
    t, c = connected("-x", "-v", stdout=subprocess.DEVNULL)
    c.sendall(os.urandom(5000)); t.type(b"typed\n"); read_n(c, 6); t.until(b"typed.|")
    goes(c)
    t.end(signo)
    for line in t.shown.split(b"\n"):
        assert re.fullmatch(rb"\x1b\[3\dm[<>][^\x1b]*\|\x1b\[0m|[^<>\x1b]*", line), line'
}

# ---- what is shown ----

# What a peer may say, and what is shown of it.
SAYINGS='
PASSES = [b"plain text ~!\n", b"tab\there\n", b"line\r\nline\n", b"back\\slash \\x1b\n", b"", bytes(range(32, 127)) + b"\n",
          "gr\u00fc\u00dfe \u20ac \U0001f600 \u4e2d\u6587\n".encode()]
MARKS = "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"	# these turn text around, or end a line
SPELLED = [b"\x1b[31mred\x1b[0m", b"\x1b]0;title\x07", b"\x1bP+q\x1b\\", b"\x9b31m", b"\x90\x9c\x9d\x9e\x9f",
           "\u009b31m".encode(), "\u0085\u0090\u009d".encode(), MARKS.encode(),
           b"\a\b\v\f\0\1\x0e\x0f\x11\x13\x1a\x7f", b"over\rwritten", b"\r\r\n",
           b"\xff\xfe\xc0\x80\xed\xa0\x80\xf5\x80\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98 \xc3", b"the end\r"]

def char_at(data, at):
    "The character there, or None, and how many bytes that is."
    for n in range(1, 5):
        try: return data[at:at + n].decode(), n
        except UnicodeDecodeError: pass
    return None, 1

def spelled(data):
    "What is to be shown of it."
    out, at = b"", 0
    while at < len(data):
        char, n = char_at(data, at)
        passes = char and (char in "\n\t" or data[at:at + 2] == b"\r\n" or " " <= char <= "~" or
                           char > "\u009f" and char not in MARKS)
        out += data[at:at + n] if passes else b"".join(b"\\x%02x" % b for b in data[at:at + n])
        at += n
    return out
for data in PASSES: assert spelled(data) == data
'

@test "terminal: what could drive it is shown as \\xNN, and text, tabs and line ends pass" {
	on_screen "$SAYINGS"'
assert spelled(b"\x1b[0m\r\x9b\xc2\x9b\x7f\xff") == b"\\x1b[0m\\x0d\\x9b\\xc2\\x9b\\x7f\\xff"
for data in PASSES + SPELLED + [b"".join(PASSES + SPELLED)]:
    t, c = connected()
    c.sendall(data); c.close()
    assert t.end() == 0 and t.shown == spelled(data), (data, t.shown)'
}

@test "terminal: a character, or a CR LF, that comes in pieces is shown as one" {
	on_screen "$SAYINGS"'
t, c = connected()
c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
CHARS = [char.encode() for char in "\u00fc\u20ac\U0001f600"]
for whole in b"\r\n", *CHARS, b"\rx", b"\xe2\x82x", b"\xf0\x9f\xff", b"\x1b[m":
    for at in range(1, len(whole)):
        seen, mark, end = len(t.shown), b"%r:%d:" % (whole, at), b".%r.%d.\n" % (whole, at)
        c.sendall(mark + whole[:at]); t.until(mark)
        c.sendall(whole[at:] + end); t.until(end)
        assert t.shown[seen:] == mark + spelled(whole) + end, (whole, at, t.shown[seen:])
c.sendall(b"and then no more: \xe2\x82"); c.close()
assert t.end() == 0 and t.shown.endswith(b"no more: \\xe2\\x82"), t.shown'
}

@test "terminal: what came before a reset is shown to its last byte" {
	on_screen '
for last, shown in (b"\xe2\x82", b"\\xe2\\x82"), (b"\r", b"\\x0d"), (b"\x1b", b"\\x1b"):
    t, c = connected()
    c.sendall(b"before" + last); t.until(b"before"); sent_and_acked(c); reset(c)
    assert t.end() == 6 and t.shown.startswith(b"before" + shown), t.shown'
}

@test "terminal: much of anything is shown, and nothing of it can drive it" {
	on_screen "$SAYINGS"'
data = os.urandom(150000) + b"\x1b" * 50000 + "\u20ac".encode() * 25000
t, c = connected()
threading.Thread(target=lambda: (c.sendall(data), c.close())).start()
assert t.end() == 0 and t.shown == spelled(data)'
}

@test "terminal: --raw lets everything pass" {
	on_screen "$SAYINGS"'
data = b"".join(PASSES + SPELLED) + bytes(range(256)) * 300
t, c = connected("--raw")
threading.Thread(target=lambda: (c.sendall(data), c.close())).start()
assert t.end() == 0 and t.shown == data
t, where = listening("-k", "--raw", "--quiet")
c = socket.create_connection(where, PATIENCE); c.sendall(data + b"that is all"); t.until(b"that is all")
t.end(signal.SIGTERM); assert t.shown == data + b"that is all"'
}

@test "terminal: a pipe or a file on stdout gets everything as it is, though stdin is a terminal" {
	on_screen "$SAYINGS"'
data = b"".join(PASSES + SPELLED) + bytes(range(256)) * 100
t, c = connected(stdout=subprocess.PIPE)
c.sendall(data); c.close()
assert t.process.stdout.read() == data and t.end() == 0 and t.shown == b""
with open(argv[0], "wb") as f: t, c = connected(stdout=f)
c.sendall(data); c.close()
assert t.end() == 0 and open(argv[0], "rb").read() == data' "$BATS_TEST_TMPDIR/got"
}

@test "terminal: a terminal on stdout alone is guarded as well" {
	on_screen "$SAYINGS"'
data = b"".join(PASSES + SPELLED)
for stdin in subprocess.DEVNULL, subprocess.PIPE:
    t, c = connected(stdin=stdin)
    c.sendall(data); c.close()
    if stdin == subprocess.PIPE: t.process.stdin.close()
    assert t.end() == 0 and t.shown == spelled(data), t.shown'
}

@test "terminal: what clients of listen and of listen -k say is shown in the same way" {
	on_screen "$SAYINGS"'
data = b"".join(PASSES + SPELLED)
t, where = listening("--quiet")
c = socket.create_connection(where, PATIENCE); c.sendall(data); c.close()
assert t.end() == 0 and t.shown == spelled(data)
t, where = listening("-k", "--quiet")
for i in range(2):
    c = socket.create_connection(where, PATIENCE); c.sendall(data + b"."); t.until(b"\\x0d.", i + 1); c.close()
t.end(signal.SIGTERM); assert t.shown == 2 * spelled(data + b"."), t.shown'
}

@test "terminal: nor can messages drive it, nor their length" {
	on_screen '
def framed(*options):
    t, c = connected(*options)
    c.sendall(b"\0\0\0\x1b" + b"\x1b[31mred\x07" + b"." * 18 + b"\0\0\0\x02ok"); c.close()
    assert t.end() == 0, t.shown
    return t.shown
dots = b"." * 18
assert framed("--frame", "len32") == b"\\x1b[31mred\\x07" + dots + b"\nok\n"
assert framed("--frame", "len32", "--local-frame", "len32") == \
    b"\\x00\\x00\\x00\\x1b\\x1b[31mred\\x07" + dots + b"\\x00\\x00\\x00\\x02ok"
assert framed("--frame", "len32", "--local-frame", "raw") == b"\\x1b[31mred\\x07" + dots + b"ok"
assert framed("--frame", "len32", "--local-frame", "raw", "--raw") == b"\x1b[31mred\x07" + dots + b"ok"
assert framed("--frame", "len32", "--local-frame", "json") == b"\"\\u001b[31mred\\u0007" + dots + b"\"\n\"ok\"\n"'
}

@test "terminal: nor can names in our own words" {
	on_screen '
path = argv[0] + "/\x1b[31m\u009b\u202ename"
for options in [], ["-v"], ["-vv"], ["-x"]:
    t = Terminal("connect", *options, "unix:" + path)
    assert t.end() == 4 and b"name" in t.shown, t.shown
    assert not re.search(rb"[^\n -~]", t.shown), t.shown
l = listen(path)
t = Terminal("connect", "-vv", "-x", "--stats", "unix:" + path, env={"NO_COLOR": "1"})
c = accept(l); c.sendall(b"hi"); c.close()
assert t.end() == 0 and b"name" in t.shown, t.shown
assert not re.search(rb"[^\n -~]", t.shown), t.shown' "$BATS_TEST_TMPDIR"
}

# ---- progress ----

@test "terminal: --progress says nothing where stderr is no terminal" {
	start_peer 'l = listen()
while True: c = accept(l); c.sendall(bytes(500000)); half_close(c); read_all(c); c.close()'
	run -0 --separate-stderr "$SOCKT" connect --progress --limit-rate 1M 127.0.0.1 "$port"
	is "$stderr" ''
	on_screen '
t, c = connected("--progress", "--limit-rate", "1M", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
c.sendall(bytes(500000)); c.close()
assert t.process.stderr.read() == b"" and t.end() == 0 and t.shown == b"", t.shown'
	start_listener --progress
	client 'c.sendall(b"x"); select.select([], [], [], 0.25)'
	ends 0 "$listener"
	is "$(<"$said")" "listening on $addr"
}

# What is drawn, one after the other.
DRAWN='
SIZE, TIME = r"\d[\d.]* ?[KMG]?i?B", r"\d+:\d\d"
def drawn(t): return [line.split(b"\n")[0].decode() for line in t.shown.split(b"\r\x1b[K")[1:]]
'

@test "terminal: --progress shows what was sent and received, the rate and the time" {
	on_screen "$DRAWN"'
t, c = connected("--progress", stdout=subprocess.DEVNULL)
t.type(b"typed\n"); assert read_n(c, 6) == b"typed\n"
c.sendall(bytes(1234)); t.until(b"received 1.2")
c.close()
assert t.end() == 0
for line in drawn(t): assert re.fullmatch(rf"sent {SIZE}, received {SIZE}, {SIZE}/s, {TIME}", line), line
[last, rest] = t.lines()
assert last.startswith("sent 6 B, received 1.2 KiB, ") and rest == "", t.lines()'
}

@test "terminal: --progress knows the size of a file on stdin, how fast it goes, and when it will be over" {
	head -c 300000 /dev/zero >"$BATS_TEST_TMPDIR/in"
	on_screen "$DRAWN"'
with open(argv[0], "rb") as f:
    t, c = connected("--progress", "--limit-rate", "300000", columns=120, stdin=f, stdout=subprocess.DEVNULL)
c.sendall(bytes(200000)); assert len(read_all(c)) == 300000
c.close()
assert t.end() == 0
lines, percents = drawn(t), []
for line in lines:
    m = re.fullmatch(rf"sent {SIZE} of 293 KiB \((\d+)%\), received {SIZE}, ({SIZE})/s, {TIME}(, ETA {TIME})?", line)
    assert m, line
    percents.append(int(m[1]))
    assert (m[3] is not None) == (percents[-1] < 100 and line != lines[-1]), line
assert percents == sorted(percents) and len(set(percents)) > 2 and percents[-1] == 100, percents
assert m[2].endswith(" KiB") and float(m[2][:-4]) < 294, m[2]' "$BATS_TEST_TMPDIR/in"
}

@test "terminal: --progress counts what is left of a file that was read from before" {
	printf 'header\n%s' "$(printf '%0993d' 0)" >"$BATS_TEST_TMPDIR/in"
	on_screen '
f = open(argv[0], "rb", buffering=0); assert f.read(7) == b"header\n"
t, c = connected("--progress", stdin=f, stdout=subprocess.DEVNULL)
assert len(read_all(c)) == 993
c.close()
assert t.end() == 0 and "of 993 B (100%)" in t.lines()[0], t.lines()' "$BATS_TEST_TMPDIR/in"
}

@test "terminal: --progress is drawn at most ten times a second" {
	on_screen "$DRAWN"'
began = time.monotonic()
t, c = connected("--progress", stdout=subprocess.DEVNULL)
c.settimeout(None)
while time.monotonic() < began + 1.5: c.sendall(bytes(1 << 16))
c.close()
assert t.end() == 0
assert 2 < len(drawn(t)) <= 10 * (time.monotonic() - began) + 2, len(drawn(t))'
}

@test "terminal: --progress stays there in the end, on a line of its own, with errors and -v on theirs" {
	on_screen "$DRAWN"'
def lines(goes, status, *options, signo=0):
    t, c = connected("--progress", *options, stdout=subprocess.DEVNULL)
    c.sendall(b"word"); t.until(b"received 4 B")
    if "-vv" in options: t.type(b"\4"); read_all(c)	# about which there is something to say in the midst of it
    goes(c)
    assert t.end(signo) == status, t.shown
    lines = t.lines()
    assert lines.pop() == "", lines
    bars = [line for line in lines if re.fullmatch(rf"sent {SIZE}, received {SIZE}, {SIZE}/s, {TIME}", line)]
    assert len(bars) == 1 and all(line.startswith("sockt: connect: ") for line in lines if line not in bars), lines
    return [line[16:] for line in lines if line not in bars]
assert lines(lambda c: c.close(), 0) == []
assert lines(lambda c: None, -signal.SIGTERM, signo=signal.SIGTERM) == []
[error] = lines(reset, 6)
assert "reset" in error
assert len(lines(lambda c: c.close(), 0, "-v", "--stats")) >= 3
assert any("sending flushing -> ended" in line for line in lines(lambda c: c.close(), 0, "-vv"))
[error] = lines(lambda c: None, 5, "-m", "400ms")
[error] = lines(lambda c: None, 5, "-i", "400ms")'
}

@test "terminal: --progress neither runs into what the peer says on the same terminal, nor erases it" {
	on_screen '
t, c = connected("--progress")
t.until(b"received 0 B", 2)		# until the peer speaks, it may be there
c.sendall(b"login: "); t.until(b"login: ")
drawn = t.shown.count(b"\x1b[K")
t.type(b"me\n"); read_n(c, 3)
select.select([], [], [], 0.3)		# an absence has no fact to wait for
c.sendall(b"welcome\n"); c.close()
assert t.end() == 0
assert [line for line in t.lines() if not line.startswith("sent ")] == ["login: welcome", ""], t.shown
assert t.shown.rindex(b"\x1b[K") < t.shown.index(b"login: "), t.shown
t, c = connected("--progress")
c.sendall(b"at once: "); t.until(b"at once: "); c.sendall(b"and on\n"); c.close()
assert t.end() == 0 and t.lines() == ["at once: and on", ""], t.shown'
}

@test "terminal: --progress is cut to the width of the terminal" {
	on_screen "$DRAWN"'
for columns in 40, 20, 200, 0:		# 0: it does not say
    t, c = connected("--progress", columns=columns, stdout=subprocess.DEVNULL)
    c.sendall(bytes(123456)); t.until(b"\r\x1b[K", 3)
    c.close(); assert t.end() == 0
    longest = max(map(len, drawn(t)))
    assert longest < (columns or 80) and (columns > 40 or longest >= columns - 1), (columns, longest)'
}

@test "terminal: --progress fits into 80 columns, and no number of it is cut in two" {
	truncate -s 1000k "$BATS_TEST_TMPDIR/in"
	on_screen "$DRAWN"'
with open(argv[0], "rb") as f: t, c = connected("--progress", "--limit-rate", "500000", stdin=f, stdout=subprocess.DEVNULL)
c.sendall(bytes(1000 << 10)); assert len(read_n(c, 500000)) == 500000
t.until(b"%)", len(drawn(t)) + 1)
reset(c)
t.end()
for line in drawn(t)[:-1]:
    assert len(line) < 80 and re.search(rf"\(\d+%\).*, ETA {TIME}$", line), line' "$BATS_TEST_TMPDIR/in"
}

@test "terminal: --progress shows the same for listen, for a program and for --to" {
	on_screen "$DRAWN"'
def talks(c, t):
    c.sendall(b"question\n"); half_close(c)
    assert read_all(c) == b"question\n" * 500, "answer"
    c.close()
    assert t.end() == 0, t.shown
    [last] = [line for line in t.lines() if line.startswith("sent")]
    assert re.fullmatch(rf"sent 4.4 KiB, received 9 B, {SIZE}/s, {TIME}", last), t.lines()
ANSWER = "read -r line; for _ in $(seq 500); do echo $line; done"
t, where = listening("--progress", "--", "sh", "-c", ANSWER)
talks(socket.create_connection(where, PATIENCE), t)
l = listen()
t = Terminal("connect", "--progress", "127.0.0.1", str(l.getsockname()[1]), "--", "sh", "-c", ANSWER)
talks(accept(l), t)
target = listen()
t, where = listening("--progress", "--to", "127.0.0.1:%d" % target.getsockname()[1])
c = socket.create_connection(where, PATIENCE)
behind = accept(target); behind.sendall(b"question\n" * 500); half_close(behind)
talks(c, t)
t, where = listening("--progress", stdout=subprocess.DEVNULL)
c = socket.create_connection(where, PATIENCE)
t.type(b"question\n" * 50 + b"\4"); assert read_all(c) == b"question\n" * 50; c.sendall(b"x" * 9); c.close()
assert t.end() == 0 and any(line.startswith("sent 450 B, received 9 B, ") for line in t.lines()), t.lines()'
}

@test "terminal: --progress goes neither with --json, nor with -x, nor with -k: that is usage" {
	local words
	for words in 'connect --json 127.0.0.1 1' 'listen --json 0' 'connect -x 127.0.0.1 1' 'listen -x 0' 'listen -k 0'; do
		# shellcheck disable=SC2086	# words
		run -2 --separate-stderr "$SOCKT" $words --progress
		one_line "$stderr"
		has "$stderr" progress
	done
}

@test "terminal: --progress leaves bytes to splice" {
	[[ ${VARIANT-} != portable ]] || skip 'the portable build has no splice'
	head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/in"
	on_screen '
with open(argv[0], "rb") as f: t, c = connected("-vv", "--progress", stdin=f, stdout=subprocess.PIPE)
c.sendall(b"x" * 60000); half_close(c)
assert sha(read_all(c)) == sha(open(argv[0], "rb").read())
assert t.process.stdout.read() == b"x" * 60000 and t.end() == 0
assert b"sending by splice" in t.shown and b"by buffer" not in t.shown, t.shown' "$BATS_TEST_TMPDIR/in"
}

@test "terminal: a terminal that is stopped by ^S holds up neither the transfer nor --progress" {
	on_screen '
t, c = connected("--progress", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
t.until(b"received")
termios.tcflow(t.here, termios.TCOOFF)
for _ in range(20):
    c.sendall(bytes(100000)); got = 0
    while got < 100000: got += len(os.read(t.process.stdout.fileno(), 1 << 16))
    select.select([], [], [], 0.03)
termios.tcflow(t.here, termios.TCOON)
c.close()
assert t.end() == 0, t.shown'
}

@test "terminal: nor does it outlive TERM, or two, when it is stopped" {
	on_screen '
for option in "-v", "-x", "--progress":
    for goes in lambda c: None, reset:
        t, c = connected(option, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        c.sendall(b"word"); t.until(b"4 B" if option == "--progress" else b"connected" if option == "-v" else b"word")
        termios.tcflow(t.here, termios.TCOOFF)
        goes(c)
        end = time.monotonic() + PATIENCE
        while t.process.poll() is None and time.monotonic() < end: t.process.terminate(); select.select([], [], [], 0.3)
        assert t.process.poll() is not None, (option, "runs")'
}
