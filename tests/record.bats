# What went over the wire, written down: -x on stderr, --transcript in a file.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/service
load lib/bulk

# Transfers here are of random bytes, as many each way at once.
# shellcheck disable=SC2034	# it is for lib/bulk
MIB=3

# What reads records back, and doubts them: a line that is not as it should be fails the test.
RECORDS='
import base64, collections, datetime, re, subprocess

MEMBERS = {"ts", "connection", "peer", "direction"}

def file(path): return open(path, "rb").read()

def is_utf8(data):
    try: return data.decode() is not None
    except UnicodeDecodeError: return False

def entries(path):
    "The objects of a transcript, each with its bytes."
    found = []
    for line in open(path, "rb"):
        e = json.loads(line)
        [form] = set(e) - MEMBERS
        assert set(e) == MEMBERS | {form} and line.endswith(b"\n"), line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", e["ts"]), line
        e["bytes"] = e["text"].encode() if form == "text" else base64.b64decode(e["base64"], validate=True)
        assert e["bytes"] and form == ("text" if is_utf8(e["bytes"]) else "base64"), line
        found.append(e)
    return found

def both_ways(): return {"sent": bytearray(), "received": bytearray()}

def transcript(path):
    "What was sent and received, by connection."
    found = collections.defaultdict(both_ways)
    for e in entries(path): found[e["connection"]][e["direction"]] += e["bytes"]
    return dict(found)

def dump_line(mark, offset, data):
    left, right = ("".join("%02x " % b for b in part) for part in (data[:8], data[8:]))
    return "%s %08x  %-24s %-24s |%s|" % (mark, offset, left, right, "".join(chr(b) if 32 <= b < 127 else "." for b in data))

def dump(path):
    "The same, by name, of a hex dump that is all there is in the file."
    found, name = collections.defaultdict(both_ways), None
    for line in open(path):
        line = line.removesuffix("\n")
        if line[0] not in "<>":
            assert line != name, line
            name = line
            continue
        way, data = found[name]["sent" if line[0] == ">" else "received"], bytes.fromhex(line[12:61])
        assert line == dump_line(line[0], len(way), data), line
        way += data
    return dict(found)
'

# reads PYTHON [ARG]...: runs it, with those words, a peer's, a crowd's and a terminal's.
reads() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers \
		timeout 60 python3 -c "from guests import *; from terminal import *; $RECORDS$1" "${@:2}" 3>&-
}

# is_transcript FILE SENT RECEIVED, is_dump FILE SENT RECEIVED: of one connection, over which these two files went.
is_transcript() { _is_record transcript "$@"; }
is_dump() { _is_record dump "$@"; }
_is_record() {
	reads '[found] = globals()[argv[0]](argv[1]).values()
for way, path in zip(("sent", "received"), argv[2:]): assert found[way] == file(path), (way, len(found[way]))' "$@"
}

# A peer that gives $back while it takes $there, and a client that gives one file while it takes another.
SWAP='import threading
def swap(s, gives, takes):
    sending = threading.Thread(target=lambda: (s.sendall(open(gives, "rb").read()), half_close(s)))
    sending.start(); got = read_all(s); sending.join()
    assert got == open(takes, "rb").read(), len(got)
'
start_swap() { start_peer "$SWAP"'swap(accept(), *argv)' "$back" "$there"; }
swap() { client "$SWAP"'swap(c, *argv); say("%s:%d" % c.getsockname())' "$@"; }

# A program that does what the peer does.
SWAPPING='cat "$1" & cat >"$2"; wait'

# ---- the hex dump ----

@test "record: -x shows what was sent and what came, with its offset, in hex and in ASCII, under the peer's name" {
	start_peer 'c = accept(); read_n(c, 20); c.sendall(b"\0answer\n"); half_close(c); read_all(c)'
	run -0 --separate-stderr "$SOCKT" connect -x 127.0.0.1 "$port" <<<"sixteen letters and"
	is "$stderr" "127.0.0.1:$port
> 00000000  73 69 78 74 65 65 6e 20  6c 65 74 74 65 72 73 20  |sixteen letters |
> 00000010  61 6e 64 0a                                       |and.|
< 00000000  00 61 6e 73 77 65 72 0a                           |.answer.|"
}

@test "record: -x shows each of the 256 bytes as it is, both ways" {
	python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)))' >"$BATS_TEST_TMPDIR/all"
	start_peer 'c = accept(); c.sendall(read_all(c))'
	"$SOCKT" connect -x 127.0.0.1 "$port" <"$BATS_TEST_TMPDIR/all" 2>"$BATS_TEST_TMPDIR/dump" >"$got"
	reads 'want = [dump_line(mark, at, bytes(range(at, at + 16))) for mark in "><" for at in range(0, 256, 16)]
assert file(argv[0]).decode().splitlines()[1:] == want' "$BATS_TEST_TMPDIR/dump"
	cmp "$BATS_TEST_TMPDIR/all" "$got"
}

@test "record: -x counts on over chunks, in each direction by itself" {
	start_peer 'c = accept()
for n in range(1, 4): c.sendall(b"%d" % n * n * 7 + read_n(c, n + 1)); say("answered", n)
half_close(c); read_all(c)'
	local peer_heard=$heard
	begin_fed "$SOCKT" connect -x 127.0.0.1 "$port"
	echo a >&"$in"; wait_for says "$peer_heard" 'answered 1'
	echo bb >&"$in"; wait_for says "$peer_heard" 'answered 2'
	echo ccc >&"$in"
	exec {in}>&-
	ends 0 "$pid"
	is "$(<"$said")" "127.0.0.1:$port
> 00000000  61 0a                                             |a.|
< 00000000  31 31 31 31 31 31 31 61  0a                       |1111111a.|
> 00000002  62 62 0a                                          |bb.|
< 00000009  32 32 32 32 32 32 32 32  32 32 32 32 32 32 62 62  |22222222222222bb|
< 00000019  0a                                                |.|
> 00000005  63 63 63 0a                                       |ccc.|
< 0000001a  33 33 33 33 33 33 33 33  33 33 33 33 33 33 33 33  |3333333333333333|
< 0000002a  33 33 33 33 33 63 63 63  0a                       |33333ccc.|"
}

@test "record: -x leaves stdout to the data, and every byte of 3 MiB each way is in the dump" {
	start_swap
	"$SOCKT" connect -x 127.0.0.1 "$port" <"$there" >"$got" 2>"$got.dump"
	cmp "$back" "$got"
	is_dump "$got.dump" "$there" "$back"
}

@test "record: -x shows what is on the wire: frames, and CR LF where -C makes it" {
	start_peer 'l = listen()
for _ in range(2): c = accept(l); read_all(c); c.close()'
	run -0 --separate-stderr "$SOCKT" connect -x --frame len16 127.0.0.1 "$port" <<<"hi"
	has "$stderr" '> 00000000  00 02 68 69   '
	run -0 --separate-stderr "$SOCKT" connect -x -C 127.0.0.1 "$port" <<<"hi"
	has "$stderr" '> 00000000  68 69 0d 0a   '
}

@test "record: -x names the client of listen -k, and of echo-server, when it is another one than before" {
	local names first second
	start_listener -k -x --quiet
	names=$(client 'd = socket.create_connection(c.getpeername())
for s, word in (c, b"one"), (c, b"two"), (d, b"three"), (c, b"four"):
    s.sendall(word); end = time.monotonic() + PATIENCE
    while not open(argv[0], "rb").read().endswith(word) and time.monotonic() < end: select.select([], [], [], 0.005)
for s in c, d: say("%s:%d" % s.getsockname())' "$heard")
	{ read -r first; read -r second; } <<<"$names"
	is "$(sed -E 's/^(.) ([0-9a-f]{8}) .*\|(.*)\|$/\1 \2 \3/' "$said")" "$first
< 00000000 one
< 00000003 two
$second
< 00000000 three
$first
< 00000006 four"
	start_server echo-server -x --quiet 127.0.0.1 0
	names=$(client 'd = socket.create_connection(c.getpeername())
for s in c, d: s.sendall(b"word"); read_n(s, 4); say("%s:%d" % s.getsockname())')
	{ read -r first; read -r second; } <<<"$names"
	is "$(sed -E 's/^(.) ([0-9a-f]{8}) .*\|(.*)\|$/\1 \2 \3/' "$said")" "$first
< 00000000 word
> 00000000 word
$second
< 00000000 word
> 00000000 word"
}

@test "record: -x is in colour on a terminal, and not with NO_COLOR or TERM=dumb, nor in a file" {
	reads '
def line(env=(), **how):
    t, c = connected("-x", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=env, **how)
    c.sendall(b"word"); c.close()
    assert t.end() == 0
    return t.shown.partition(b"\n")[2]
plain = b"< 00000000  77 6f 72 64                                       |word|"
assert re.fullmatch(rb"\x1b\[[\d;]+m" + re.escape(plain) + rb"\x1b\[0?m\n", line()), line()
assert line(env={"NO_COLOR": ""}) == line()
assert line(env={"NO_COLOR": "1"}) == line(env={"TERM": "dumb"}) == plain + b"\n"
with open(argv[0], "wb") as f: line(stderr=f)
assert file(argv[0]).endswith(b"\n" + plain + b"\n"), file(argv[0])' "$got"
}

@test "record: -x and --json are usage together" {
	local words
	for words in 'connect 127.0.0.1 1' 'listen 0' 'echo-server 0'; do
		# shellcheck disable=SC2086	# words
		run -2 --separate-stderr "$SOCKT" $words --hexdump --json
		one_line "$stderr"
		has "$stderr" hexdump json
	done
}

# ---- the transcript ----

@test "record: --transcript says when, on which connection, to or from whom, and what: text where it is UTF-8, else base64" {
	start_peer 'c = accept(); assert read_n(c, 7) == b"gr\xc3\xbc\xc3\x9fe"; c.sendall(b"\xff\0")
assert read_n(c, 3) == b"\"\0\n"; c.sendall(b"\xe2\x82")
assert read_n(c, 1) == b"."; c.sendall(b"\xac"); half_close(c); read_all(c)'
	begin_fed "$SOCKT" connect --transcript "$got" 127.0.0.1 "$port"
	printf 'gr\303\274\303\237e' >&"$in"
	wait_for has_bytes "$heard" 2; printf '"\0\n' >&"$in"
	wait_for has_bytes "$heard" 4; printf '.' >&"$in"
	exec {in}>&-
	ends 0 "$pid"
	run -0 reads 'all = entries(argv[0])
say(len({e["connection"] for e in all}), *{e["peer"] for e in all})
for e in all: say(e["direction"], ascii(e.get("text")), e.get("base64"))' "$got"
	is "$output" "1 127.0.0.1:$port
sent 'gr\\xfc\\xdfe' None
received None /wA=
sent '\"\\x00\\n' None
received None 4oI=
sent '.' None
received None rA=="
}

@test "record: a transcript's times are those at which it was written" {
	start_peer 'c = accept(); read_all(c)'
	run -0 reads 'now = lambda: datetime.datetime.now(datetime.timezone.utc)
began = now()
subprocess.run([SOCKT, "connect", "--transcript", argv[0], "127.0.0.1", argv[1]], input=b"x", check=True, timeout=PATIENCE)
[e] = entries(argv[0])
at = datetime.datetime.fromisoformat(e["ts"].replace("Z", "+00:00"))
tick = datetime.timedelta(milliseconds=1)
assert began - tick <= at <= now() + tick, (began, at)' "$got" "$port"
}

@test "record: connect's transcript is what a peer sent and got, 3 MiB each way at once, and so is its dump" {
	start_swap
	"$SOCKT" connect -x --transcript "$got.transcript" 127.0.0.1 "$port" <"$there" >"$got" 2>"$got.dump"
	ends 0 "$peer"
	cmp "$back" "$got"
	is_transcript "$got.transcript" "$there" "$back"
	is_dump "$got.dump" "$there" "$back"
}

@test "record: listen's transcript is what a client sent and got, 3 MiB each way at once" {
	start_listener --transcript "$got.transcript" <"$there"
	"$SOCKT" connect 127.0.0.1 "$port" <"$back" >"$got"
	ends 0 "$listener"
	cmp "$there" "$got"
	cmp "$back" "$heard"
	is_transcript "$got.transcript" "$there" "$back"
}

@test "record: two runs may write one transcript at once, and each of the two has all of it" {
	start_listener --transcript "$got.transcript" <"$there"
	"$SOCKT" connect --transcript "$got.transcript" 127.0.0.1 "$port" <"$back" >"$got"
	ends 0 "$listener"
	reads '[a, b] = transcript(argv[0]).values()
assert (a["sent"], a["received"]) == (b["received"], b["sent"]), [len(way) for c in (a, b) for way in c.values()]
assert {bytes(a["sent"]), bytes(b["sent"])} == {file(argv[1]), file(argv[2])}' "$got.transcript" "$there" "$back"
}

@test "record: listen -k's transcript tells its clients apart: what each of them sent, and what all of them got" {
	keep_pipe 5
	start_listener -k --transcript "$got.transcript" <"$pipe" 5>&-
	start_client 'import threading; from guests import crowd
c = [c] + crowd(c.getpeername(), 3)
for i, s in enumerate(c):
    data = bytes([i]) + os.urandom(1 << 20)
    open("%s.%d" % (argv[0], i), "wb").write(data)
    threading.Thread(target=s.sendall, args=(data,)).start()
say("in"); assert all(read_n(s, 14) == b"to all of you\n" for s in c)
for s in c: half_close(s)' "$got" 5>&-
	wait_for has_bytes "$heard" $((4 * ((1 << 20) + 1)))
	echo 'to all of you' >&5
	ends 0 "$client"
	kill -TERM "$listener"
	ends 143 "$listener"
	reads 'found = transcript(argv[0]).values()
assert all(c["sent"] == b"to all of you\n" for c in found)
assert {bytes(c["received"]) for c in found} == {file("%s.%d" % (argv[1], i)) for i in range(4)}' "$got.transcript" "$got"
}

@test "record: echo-server's transcript tells its clients apart" {
	start_server echo-server --transcript "$got.transcript" 127.0.0.1 0
	client 'from guests import crowd, exchange
for i, s in enumerate([c] + crowd(c.getpeername(), 11)):
    data = b"%02d" % i + os.urandom(100000)
    open("%s.%d" % (argv[0], i), "wb").write(data); assert exchange(s, data) == data' "$got"
	kill -TERM "$server"
	ends 143 "$server"
	reads 'found = transcript(argv[0]).values()
assert len(found) == 12 and all(c["sent"] == c["received"] for c in found)
assert {bytes(c["sent"]) for c in found} == {file("%s.%d" % (argv[1], i)) for i in range(12)}' "$got.transcript" "$got"
}

@test "record: the transcript of a program's connection, listen's or connect's, is what it and its peer said" {
	start_server listen --transcript "$got.listen" 127.0.0.1 0 -- sh -c "$SWAPPING" - "$there" "$got"
	swap "$back" "$there"
	ends 0 "$server"
	cmp "$back" "$got"
	is_transcript "$got.listen" "$there" "$back"
	start_swap
	"$SOCKT" connect --transcript "$got.connect" 127.0.0.1 "$port" -- sh -c "$SWAPPING" - "$there" "$got"
	cmp "$back" "$got"
	is_transcript "$got.connect" "$there" "$back"
}

@test "record: the transcript of listen --to is what a client sent and got, by the client's name" {
	start_swap
	start_listener --transcript "$got" --to "$addr"
	local name
	name=$(swap "$there" "$back")
	ends 0 "$listener"
	is_transcript "$got" "$back" "$there"
	run -0 reads 'say(*{e["peer"] for e in entries(argv[0])})' "$got"
	is "$output" "$name"
}

@test "record: a second run adds to the transcript, and its connection has another number" {
	start_peer 'l = listen()
for word in b"one", b"two": c = accept(l); read_all(c); c.sendall(word); c.close()'
	run -0 "$SOCKT" connect --transcript "$got" 127.0.0.1 "$port" <<<"first"
	cp "$got" "$got.first"
	run -0 "$SOCKT" connect --transcript "$got" 127.0.0.1 "$port" <<<"second"
	cmp -n "$(stat -c %s "$got.first")" "$got.first" "$got"
	run -0 reads 'for c in transcript(argv[0]).values(): say(bytes(c["sent"]), bytes(c["received"]))' "$got"
	is "$output" "b'first\\n' b'one'
b'second\\n' b'two'"
}

@test "record: a new transcript is its owner's alone, and one that is there keeps its mode" {
	start_peer 'l = listen()
for _ in range(2): c = accept(l); c.sendall(b"x"); c.close()'
	printf '' >"$got.old"
	chmod 664 "$got.old"
	run -0 sh -c 'umask 022; exec "$SOCKT" connect -d --transcript "$1" 127.0.0.1 "$2"' - "$got" "$port"
	run -0 "$SOCKT" connect -d --transcript "$got.old" 127.0.0.1 "$port"
	is "$(stat -c %a "$got" "$got.old")" $'600\n664'
	[[ -s $got && -s $got.old ]]
}

# ---- a transcript that cannot be written ----

@test "record: a transcript that cannot be opened is 12 and named, before anybody is called or heard" {
	local file reason words
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	mkdir "$BATS_TEST_TMPDIR/directory"
	closed_port			# to call there would be 4
	while IFS=: read -r file reason; do
		for words in "connect 127.0.0.1 $port" 'listen 127.0.0.1 0' 'listen -k 127.0.0.1 0' 'echo-server 127.0.0.1 0' \
			"listen --to 127.0.0.1:$port 127.0.0.1 0" 'listen 127.0.0.1 0 -- true'; do
			# shellcheck disable=SC2086	# words
			run -12 --separate-stderr timeout "$PATIENCE" "$SOCKT" ${words%% *} --transcript "$BATS_TEST_TMPDIR/$file" ${words#* }
			one_line "$stderr"	# which is not that it listens
			has "$stderr" "sockt: ${words%% *}: $BATS_TEST_TMPDIR/$file: cannot open" "$reason"
		done
	done <<-END
	directory:Is a directory
	no/such/directory:No such file or directory
	fifo:nobody reads
	END
}

@test "record: a transcript that may not be written is 12 and named" {
	local as=()
	((EUID)) || as=(setpriv --bounding-set "-dac_override,-dac_read_search")
	"${as[@]}" true || skip 'root, and no setpriv'
	printf 'old\n' >"$got"
	chmod 400 "$got"
	closed_port
	run -12 --separate-stderr "${as[@]}" "$SOCKT" connect --transcript "$got" 127.0.0.1 "$port"
	one_line "$stderr"
	has "$stderr" "sockt: connect: $got: " "Permission denied"
	is "$(<"$got")" old
}

@test "record: a transcript on a full device is 12 and named, of a client and of every server, and the peer is reset" {
	local words
	hears_end() {
		client 'c.sendall(b"x")
try: read_all(c); say("an end in order")
except ConnectionResetError: say("reset")'
	}
	start_peer 'l = listen(); kept = []
while True: kept.append(accept(l))'
	run -12 --separate-stderr timeout "$PATIENCE" "$SOCKT" connect --transcript /dev/full 127.0.0.1 "$port" <<<x
	one_line "$stderr"
	has "$stderr" 'sockt: connect: ' '/dev/full: cannot write: No space left on device'
	run -12 --separate-stderr timeout "$PATIENCE" "$SOCKT" connect --transcript /dev/full --sh 'echo x; cat' 127.0.0.1 "$port"
	has "$stderr" '/dev/full: cannot write: No space left on device'
	for words in 'listen' 'listen -k' 'echo-server' "listen --to 127.0.0.1:$port" "listen -k --to 127.0.0.1:$port" \
		'listen --sh cat'; do
		# shellcheck disable=SC2086	# words
		start_server $words --quiet --transcript /dev/full 127.0.0.1 0
		is "$(hears_end)" reset
		ends 12 "$server"
		one_line "$(<"$said")"
		has "$(<"$said")" "sockt: ${words%% *}: " '/dev/full: cannot write: No space left on device'
	done
}

@test "record: a disk that fills up under the transcript is 12, and what is on it is what went" {
	local as=()
	((EUID == 0)) || as=(-r)
	unshare "${as[@]}" -m true 2>/dev/null || skip 'no mount namespaces: needs root, or user namespaces'
	start_peer 'c = accept(); c.sendall(open(argv[0], "rb").read()); half_close(c); read_all(c)' "$there"
	mkdir "$BATS_TEST_TMPDIR/small"
	run -12 --separate-stderr unshare "${as[@]}" -m --propagation private bash -c '
		mount -t tmpfs -o size=1M none "$1"
		status=0
		"$SOCKT" connect -d --transcript "$1/file" 127.0.0.1 "$2" >"$3" || status=$?
		grep "}$" "$1/file" >"$3.transcript"
		exit "$status"' - "$BATS_TEST_TMPDIR/small" "$port" "$got"
	one_line "$stderr"
	has "$stderr" "$BATS_TEST_TMPDIR/small/file: cannot write: No space left on device"
	reads '[c] = transcript(argv[0]).values()
assert 500000 < len(c["received"]) <= len(file(argv[1])) and file(argv[2]).startswith(c["received"])
assert file(argv[2]).startswith(file(argv[1]))' "$got.transcript" "$got" "$there"
}

@test "record: a file size limit ends a server for many, too" {
	_ready_pipe
	begin bash -c 'ulimit -f 100; exec "$SOCKT" echo-server --quiet --transcript "$1" --ready-fd "$2" 127.0.0.1 0' \
		- "$got" "$ready"
	_await_ready "$ready"
	exec {ready}>&-
	client 'from guests import exchange; exchange(c, os.urandom(1 << 20))' || true
	ends 12 "$pid"
	one_line "$(<"$said")"
	has "$(<"$said")" "$got: cannot write: File too large"
}

# ---- readers that are slow, or go ----

@test "record: a transcript that is a pipe slows the transfer down to its reader, and nothing is lost" {
	keep_pipe 5
	start_swap
	begin "$SOCKT" connect --transcript "$pipe" 127.0.0.1 "$port" <"$there" 5>&-
	local slowed=$pid slowed_heard=$heard
	wait_for has_stalled "$slowed"
	(($(stat -c %s "$slowed_heard") < 3000000))
	begin cat "$pipe" 5>&-
	wait_for has_bytes "$heard" 1
	exec 5>&-
	ends 0 "$slowed"
	ends 0 "$pid"
	cmp "$back" "$slowed_heard"
	is_transcript "$heard" "$there" "$back"
}

@test "record: a stderr that is read slowly slows -x down, and nothing is lost" {
	keep_pipe 5
	start_swap
	begin sh -c 'exec "$SOCKT" connect -x 127.0.0.1 "$1" 2>"$2"' - "$port" "$pipe" <"$there" 5>&-
	local slowed=$pid slowed_heard=$heard
	wait_for has_stalled "$slowed"
	(($(stat -c %s "$slowed_heard") < 3000000))
	begin cat "$pipe" 5>&-
	wait_for has_bytes "$heard" 1
	exec 5>&-
	ends 0 "$slowed"
	ends 0 "$pid"
	cmp "$back" "$slowed_heard"
	is_dump "$heard" "$there" "$back"
}

@test "record: it is not over before the record was taken" {
	keep_pipe 5
	head -c 80000 "$there" >"$got"
	start_peer 'c = accept(); read_all(c)'
	begin "$SOCKT" connect --transcript "$pipe" 127.0.0.1 "$port" <"$got" 5>&-
	local slowed=$pid
	ends 0 "$peer"
	a_second_passes 4
	is_alive "$slowed"
	begin cat "$pipe" 5>&-
	wait_for has_bytes "$heard" 1
	exec 5>&-
	ends 0 "$slowed"
	ends 0 "$pid"
	is_transcript "$heard" "$got" /dev/null
}

@test "record: what went until TERM is in a transcript whose reader comes late" {
	keep_pipe 5
	start_peer 'c = accept(); c.sendall(open(argv[0], "rb").read()); signal.pause()' "$there" 5>&-
	begin_fed "$SOCKT" connect --transcript "$pipe" 127.0.0.1 "$port" 5>&-
	local slowed=$pid slowed_heard=$heard slowed_said=$said
	wait_for has_stalled "$slowed"
	kill -STOP "$slowed"
	kill -TERM "$slowed"
	begin cat "$pipe" 5>&-
	wait_for has_bytes "$heard" 65536		# all that the pipe held
	exec 5>&-
	kill -CONT "$slowed"
	ends 143 "$slowed"
	ends 0 "$pid"
	is "$(<"$slowed_said")" ''
	is_transcript "$heard" /dev/null "$slowed_heard"
}

@test "record: -q does not take for silence what a slow record holds back" {
	keep_pipe 5
	start_peer 'c = accept(); read_all(c); c.sendall(open(argv[0], "rb").read())' "$there"
	begin "$SOCKT" connect -q 200ms --transcript "$pipe" 127.0.0.1 "$port" < <(echo question) 5>&-
	local slowed=$pid slowed_heard=$heard
	wait_for has_stalled "$slowed"
	a_second_passes
	begin cat "$pipe" 5>&-
	wait_for has_bytes "$heard" 1
	exec 5>&-
	ends 0 "$slowed"
	ends 0 "$pid"
	cmp "$there" "$slowed_heard"
	is_transcript "$heard" <(echo question) "$there"
}

@test "record: a client of listen -k is not too slow when it is the record that is slow, and others may come" {
	keep_pipe 5
	start_listener -k -v -i 2 --transcript "$pipe" <"$there" 5>&-
	local listener_said=$said
	start_client 'say(sha(read_all(c)))' 5>&-
	wait_for has_stalled "$listener"
	run -0 "$SOCKT" connect -z 127.0.0.1 "$port"
	comes() { (($(grep -c 'connected to' "$listener_said") == 2)); }
	wait_for comes
	a_second_passes 2.5
	begin cat "$pipe" 5>&-
	wait_for has_bytes "$heard" 1
	exec 5>&-
	ends 0 "$client"
	is "$(<"$client_heard")" "$(sha256 "$there")"
	kill -TERM "$listener"
	ends 143 "$listener"
	ends 0 "$pid"
	reads 'assert file(argv[1]) in (c["sent"] for c in transcript(argv[0]).values())' "$heard" "$there"
	has_no "$(<"$listener_said")" 'too slow' idle
}

@test "record: TERM ends it though nobody reads stderr or the transcript, and it says how much of that is missing" {
	local options
	keep_pipe 5
	for options in '-x' "--transcript=$pipe"; do
		start_swap
		begin sh -c '[ "$1" != -x ] || exec 2>"$3"; exec "$SOCKT" connect "$1" 127.0.0.1 "$2"' \
			- "$options" "$port" "$pipe" <"$there" 5>&-
		wait_for has_stalled "$pid"
		kill -TERM "$pid"
		ends 143 "$pid"
		[[ $options == -x ]] || grep -Eqx 'sockt: connect: .*the last [0-9]+ bytes of the record were taken by nobody' "$said"
		_ready_pipe
		begin sh -c 'exec "$SOCKT" listen -k --drain 100ms "$1" --ready-fd "$2" 127.0.0.1 0 2>"$3"' \
			- "$options" "$ready" "$pipe" <"$there" 5>&-
		_await_ready "$ready"
		exec {ready}>&-
		start_client 'read_all(c)' 5>&-
		wait_for has_stalled "$pid"
		kill -TERM "$pid"
		ends 143 "$pid"
	done
}

@test "record: -i ends it when nobody takes the record, and says so" {
	keep_pipe 5
	start_swap
	begin "$SOCKT" connect -i 300ms --transcript "$pipe" 127.0.0.1 "$port" <"$there" 5>&-
	ends 5 "$pid"
	has "$(<"$said")" 'idle for 300 ms' record
}

@test "record: what went until TERM is in the transcript and in the dump" {
	start_peer 'c = accept(); c.sendall(open(argv[0], "rb").read()); signal.pause()' "$there"
	begin_fed "$SOCKT" connect -x --transcript "$got" 127.0.0.1 "$port"
	wait_for has_bytes "$heard" "$(stat -c %s "$there")"
	kill -TERM "$pid"
	ends 143 "$pid"
	is_transcript "$got" /dev/null "$there"
	is_dump "$said" /dev/null "$there"
}

@test "record: when the reader of -x's stderr, or of the transcript's pipe, goes away, it is an error and no hang" {
	reads '
def start(verb, *options, **how):
    "sockt with a peer, c, of its own."
    if verb == "connect":
        l = listen()
        return subprocess.Popen([SOCKT, verb, *options, "127.0.0.1", str(l.getsockname()[1])], **how), accept(l)
    r, w = os.pipe()
    how["pass_fds"] = [*how["pass_fds"], w]
    p = subprocess.Popen([SOCKT, verb, "--quiet", "--ready-fd", str(w), *options, "127.0.0.1", "0"], **how)
    return p, socket.create_connection(("127.0.0.1", int(os.read(r, 100).decode().rpartition(":")[2])), PATIENCE)

for verb in "connect", "listen", "echo-server":
    for option in "-x", "--transcript=/dev/fd/%d":
        r, w = os.pipe()
        p, c = start(verb, option % w if "%" in option else option, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                     stderr=w if option == "-x" else subprocess.PIPE, pass_fds=[w])
        os.close(w)
        atexit.register(p.kill)
        c.sendall(b"heard\n")
        assert os.read(r, 1000)
        os.close(r)
        c.sendall(b"unheard\n")
        assert p.wait(PATIENCE) == 12, (verb, option, p.returncode)'
}

# ---- what they change, and what not ----

@test "record: -vv says that the record is why bytes are not spliced, and without one they are" {
	[[ ${VARIANT-} != portable ]] || skip 'the portable build has no splice'
	local options
	start_peer 'l = listen()
while True: c = accept(l); c.sendall(bytes(100000)); read_all(c); c.close()'
	for options in '' -x "--transcript=$got"; do
		run -0 --separate-stderr bash -c '"$SOCKT" connect -vv $1 127.0.0.1 "$2" </etc/passwd | cat >/dev/null' \
			- "$options" "$port"
		case $options in
		'') has "$stderr" 'by splice'; has_no "$stderr" 'the record' ;;
		*) has "$stderr" 'buffer, not splice: the record is to see every byte'; has_no "$stderr" 'by splice' ;;
		esac
	done
}

@test "record: -z records nothing" {
	start_listener -k
	run -0 --separate-stderr "$SOCKT" connect -z -x --transcript "$got" 127.0.0.1 "$port"
	is "$stderr" ''
	[[ ! -s $got ]]
}

# with_records COMMAND...: runs it with $record one of what may be recorded, and none.
with_records() {
	local record
	for record in --quiet -x "--transcript=$got"; do
		echo "with $record"
		"$@"
	done
}

@test "record: ends and exit statuses are the same: the peer answers after our end" {
	asks() {
		start_peer 'c = accept(); q = read_all(c); c.sendall(b"you said " + q)'
		run -0 --separate-stderr "$SOCKT" connect "$record" 127.0.0.1 "$port" < <(echo hello)
		is "$output" 'you said hello'
	}
	with_records asks
}

@test "record: ends and exit statuses are the same: the peer ends first, and a pipe or a file is sent to its end" {
	leaves() {
		start_peer 'c = accept(); c.sendall(b"bye\n"); half_close(c); say("heard", read_all(c))'
		local peer_heard=$heard
		begin_fed "$SOCKT" connect "$record" --linger 30 127.0.0.1 "$port"
		wait_for says "$heard" bye
		echo late >&"$in"
		exec {in}>&-
		ends 0 "$pid"
		ends 0 "$peer"
		is "$(<"$peer_heard")" "heard b'late\\n'"
		start_peer 'c = accept(rcvbuf=4096); half_close(c); say(sha(read_all(c)))'
		run -0 --separate-stderr "$SOCKT" connect "$record" 127.0.0.1 "$port" <"$there"
		ends 0 "$peer"
		is "$(<"$heard")" "$(sha256 "$there")"
	}
	with_records leaves
}

@test "record: ends and exit statuses are the same: a reset is 6, after what came before it" {
	resets() {
		start_peer 'c = accept(); read_all(c); c.sendall(b"half an answer"); sent_and_acked(c); reset(c)'
		run -6 --separate-stderr "$SOCKT" connect "$record" 127.0.0.1 "$port" <<<hello
		is "$output" 'half an answer'
		has "$stderr" '14 received'
		start_listener "$record"
		client 'c.send(b"last words"); sent_and_acked(c); reset(c)'
		ends 6 "$listener"
		is "$(<"$heard")" 'last words'
		start_peer 'c = accept(); c.sendall(b"bye"); c.close()'
		run -6 --separate-stderr "$SOCKT" connect "$record" 127.0.0.1 "$port" <"$there"
		is "$output" bye
	}
	with_records resets
}

@test "record: ends and exit statuses are the same: 0 only when the peer's system has acknowledged everything" {
	holds_out() {
		start_peer 'signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
c = accept(rcvbuf=4096); half_close(c); signal.sigwait([signal.SIGUSR1]); reset(c)'
		head -c 60000 "$there" >"$got.in"
		begin "$SOCKT" connect "$record" 127.0.0.1 "$port" <"$got.in"
		wait_for has_stalled "$pid"
		still_runs "$pid"
		kill -USR1 "$peer"
		ends 6 "$pid"
	}
	with_records holds_out
}

@test "record: ends and exit statuses are the same: -i, -m and a full stdout" {
	gives_up() {
		start_peer 'l = listen(); kept = []
while True: kept.append(accept(l)); kept[-1].sendall(b"x")'
		run -5 --separate-stderr "$SOCKT" connect "$record" -i 100ms 127.0.0.1 "$port"
		is "$output" x
		has "$stderr" 'idle for 100 ms'
		run -5 --separate-stderr "$SOCKT" connect "$record" -m 100ms 127.0.0.1 "$port"
		run -12 --separate-stderr sh -c '"$SOCKT" connect "$1" 127.0.0.1 "$2" >/dev/full' - "$record" "$port"
	}
	with_records gives_up
}

@test "record: ends and exit statuses are the same: a reset passes through listen --to, both ways" {
	passes() {
		start_peer 'c = accept(); c.sendall(b"x"); sent_and_acked(c); read_n(c, 1); reset(c)'
		start_listener "$record" --to "$addr"
		run -0 client 'c.sendall(b"y"); say(c.recv(1))
try: say(c.recv(1))
except ConnectionResetError: say("reset")'
		is "$output" $'b\'x\'\nreset'
		ends 6 "$listener"
		start_peer 'c = accept(); c.sendall(b"x"); say(c.recv(1))
try: say(c.recv(1))
except ConnectionResetError: say("reset")'
		local peer_heard=$heard
		start_listener "$record" --to "$addr"
		client 'read_n(c, 1); c.sendall(b"y"); sent_and_acked(c); reset(c)'
		ends 6 "$listener"
		ends 0 "$peer"
		is "$(<"$peer_heard")" $'b\'y\'\nreset'
	}
	with_records passes
}
