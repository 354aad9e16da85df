# sockt udp-send: what is sent, and nothing else; and the answers to it.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/guests
load lib/udp

# All Python in here has the words of lib/peers/volley.py: Ear, Sending, send() and fails().
_udp_code() { printf '%s\n' 'from volley import *' "$1"; }

# ---- DATA ----

@test "udp-send: each DATA is a datagram, in order and to the byte, with '' an empty one" {
	speak '
ear = Ear()
data = [b"a", b"", b"two\nlines\n", b" blanks ", b"\xff\xfe\x80", "\u00e4\u2603".encode(), b"\r\n", b"", b"x" * 65507]
assert send(*ear.words, *data) == (b"", "")
same(ear.all(), data)
same_length = [b"%03d" % i for i in range(200)]
assert send(*ear.words, *same_length) == (b"", "")
same(ear.all(), same_length)'
}

@test "udp-send: the address has every form that there is, and what follows it is DATA, whatever that looks like" {
	speak '
four, six = Ear(), Ear("::1")
def heard(ear, *words):
    send(*words)
    return ear.all()
for ear, name in (four, "127.0.0.1"), (six, "[::1]"):
    at = "%s:%d" % (name, ear.port)
    for words in [at], ["udp://" + at], [name, str(ear.port)], ["-n", name, str(ear.port)], ["--", at]:
        assert heard(ear, *words, "123", "456:7") == [b"123", b"456:7"], words
assert heard(six, "::1", str(six.port), "9") == [b"9"]
assert heard(four, "-4", "localhost", str(four.port), "x") == [b"x"]
assert heard(four, *four.words, "x", "--quiet", "y") == [b"x", b"y"]
assert heard(four, *four.words, "--", "-x", "--reply", "--", "-") == [b"-x", b"--reply", b"--", b"-"]'
}

@test "udp-send: DATA leaves stdin to the next command, also with --reply" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto(m, who)'
	run -0 --separate-stderr bash -c '{ "$SOCKT" udp-send "$1" x; "$SOCKT" udp-send --reply -w 20 "$1" x; cat; }' - \
		"$addr" < <(echo mine)
	is "$output" $'x\nmine'
}

@test "udp-send: --hex reads DATA as bytes, in either case and with blanks" {
	speak '
ear = Ear()
send("--hex", *ear.words, "00ff", "DeadBeef", "61 62  63", "", "0a")
same(ear.all(), [b"\x00\xff", b"\xde\xad\xbe\xef", b"abc", b"", b"\n"])'
}

@test "udp-send: DATA that is not hexadecimal is status 2, is named, and nothing is sent" {
	speak '
ear = Ear()
for bad in "6x", "616", "0x61", "6 1", "61\n", "-":
    said = fails(2, "--hex", *ear.words, "61", "62", bad, "63")
    assert "DATA 3" in said and "hexadecimal" in said, said
assert ear.all() == []'
}

# ---- stdin ----

@test "udp-send: each line of stdin is a datagram, an empty line an empty one, and the last needs no line feed" {
	speak '
ear = Ear()
for data in b"one\n\n\nthree\r\n \0\xff", b"one\n\n\nthree\r\n \0\xff\n":
    for stdin in data, pile(data):
        assert send(*ear.words, stdin=stdin) == (b"", "")
        same(ear.all(), [b"one", b"", b"", b"three\r", b" \0\xff"])
send(*ear.words, stdin=b"\n")
assert ear.all() == [b""]'
}

@test "udp-send: lines of a pipe that stays open go at once, one by one" {
	speak '
ear = Ear()
sockt = Sending(*ear.words)
for m in b"one", b"", b"three", b"x" * 65507, b"", b"the last":
    sockt.say(m + b"\n")
    assert ear.hear() == m
sockt.say(b"no end"); sockt.is_asleep()
assert is_silent(ear.sock, 0)
sockt.say(b" yet\nand"); assert ear.hear() == b"no end yet"
assert sockt.ends() == b"" and ear.all() == [b"and"]'
}

@test "udp-send: lines that are typed go at once, and ^D is the end" {
	speak '
from terminal import Terminal
ear = Ear()
t = Terminal("udp-send", *ear.words)
for m in b"one", b"", b"three":
    t.type(m + b"\n")
    assert ear.hear() == m
t.type(b"\4")
assert t.end() == 0 and t.shown == b"" and ear.all() == [], t.shown'
}

# every_format HOST: what stdin says in each format of --frame is heard as it was, from 0 to 65,507 bytes.
every_format() {
	speak '
ear = Ear(argv[0])
for form in "line nul len16 len32 len16le len32le varint netstring len8 fixed:1 fixed:3000".split():
    sent = some(form, most=255 if form == "len8" else MOST)
    if form.startswith("fixed"): sent = [random.randbytes(int(form[6:])) for _ in range(5)]
    sockt = Sending("--frame", form, *ear.words)
    for m in sent:
        sockt.say(pack(form, m))
        got = ear.hear()
        assert got == m, "%s: %d bytes, not %d" % (form, len(got), len(m))
    assert sockt.ends() == b"" and ear.all() == [], form' "$1"
}

@test "udp-send: --frame cuts stdin in each format, from 0 to 65,507 bytes, by IPv4" { every_format 127.0.0.1; }
@test "udp-send: --frame cuts stdin in each format, from 0 to 65,507 bytes, by IPv6" { every_format ::1; }

@test "udp-send: a hundred random sizes from 0 to 65,507 arrive as they were" {
	speak '
ear, rng = Ear(), random.Random(7)
sockt = Sending("--frame", "len32", *ear.words)
for i in range(100):
    m = rng.randbytes(rng.choice((rng.randrange(20), rng.randrange(2000), rng.randrange(MOST + 1))))
    sockt.say(pack("len32", m))
    got = ear.hear()
    assert sha(got) == sha(m), (i, len(got), len(m))
assert sockt.ends() == b"" and ear.all() == []'
}

@test "udp-send: what is read at once goes in order, whatever the lengths: equal, shorter, longer and empty ones" {
	speak '
ear, rng = Ear(), random.Random(8)
def lengths():
    "As they lie beside each other where the system may cut a packet into datagrams, and where it may not."
    yield [10] * 70 + [9] + [10] * 3 + [11, 0, 0, 0, 10, 10, 3, 3, 4]
    yield [1400] * 48 + [1]			# more than a packet holds
    yield [0] * 65
    yield [1] * 64
    yield [1] * 65 + [2]
    yield [20000] * 4
    for _ in range(20): yield [rng.choice((0, 1, 7, 7, 7, 8, 100, 100)) for _ in range(rng.randrange(1, 150))]
for sizes in lengths():
    sent = [rng.randbytes(n) for n in sizes]
    for stdin in pile(pack("len16", *sent)), pack("len16", *sent):
        send("--frame", "len16", *ear.words, stdin=stdin)
        same(ear.all(), sent)'
}

@test "udp-send: a message of stdin that is cut at its end is status 12, after those before it; a line has no need" {
	speak '
ear = Ear()
for form, cut in ("len8", b"\2x"), ("len16", b"\0"), ("len16", b"\0\2x"), ("len32le", b"\1\0\0\0"), \
                 ("varint", b"\x80"), ("netstring", b"2:x"), ("netstring", b"2:xy"), ("netstring", b"2"), \
                 ("fixed:3", b"xy"):
    before = [b"abc", b"def"]
    said = fails(12, "--frame", form, *ear.words, stdin=pack(form, *before) + cut)
    assert said.startswith("sockt: udp-send: stdin: "), (form, said)
    same(ear.all(), before)
send("--frame", "nul", *ear.words, stdin=b"one\0\0t\nwo")
same(ear.all(), [b"one", b"", b"t\nwo"])
send("--hex", *ear.words, stdin=b"61\n\n62")
same(ear.all(), [b"a", b"", b"b"])'
}

@test "udp-send: what is not as --frame says is status 12, after what was" {
	speak '
ear = Ear()
for bad in b"x:", b"1:ab", b"01:a,", b":,", b"1 :a,":
    assert "netstring" in fails(12, "--frame", "netstring", *ear.words, stdin=b"3:abc," + bad)
    assert ear.all() == [b"abc"], bad'
}

@test "udp-send: --hex reads lines as bytes, and one that is not hexadecimal is status 12, after those before it" {
	speak '
ear = Ear()
send("--hex", *ear.words, stdin=b"00fF\n\n61 62\n")
same(ear.all(), [b"\x00\xff", b"", b"ab"])
for bad in b"x", b"6", b"0x61", b"6 1":
    said = fails(12, "--hex", *ear.words, stdin=b"61\n62\n" + bad + b"\n63\n")
    assert "stdin: line 3" in said, said
    assert ear.all() == [b"a", b"b"], bad'
}

@test "udp-send: an empty stdin, /dev/null and a closed one send nothing: status 0" {
	speak '
ear = Ear()
assert send(*ear.words, stdin=b"") == (b"", "")
assert send(*ear.words, stdin=subprocess.DEVNULL) == (b"", "")
subprocess.run(["sh", "-c", "exec \"$0\" udp-send \"$@\" <&-", SOCKT, *ear.words], check=True)
assert ear.all() == []'
}

@test "udp-send: a stdin that cannot be read is status 12" {
	speak '
ear = Ear()
assert "stdin: " in fails(12, *ear.words, stdin=os.open("/", os.O_RDONLY))
assert ear.all() == []'
}

@test "udp-send: a big stdin takes no memory, and of one that waits for its turn no more is read than is sent" {
	needs_plain_memory
	speak '
ear = Ear()
def peak_kib(): return int(re.search(r"VmHWM:\s*(\d+)", open("/proc/%d/status" % sockt.pid).read()).group(1))
sockt = Sending(*ear.words)
line = b"x" * 999 + b"\n"
for _ in range(50): sockt.say(line * 1000)		# what is lost there does not matter here
sockt.is_asleep()
assert peak_kib() < 16384, peak_kib()
assert sockt.ends() == b""
sockt = Sending("--interval", "1h", *ear.words)
os.set_blocking(sockt.process.stdin.fileno(), False)
taken = 0
while select.select([], [sockt.process.stdin], [], 1)[1]:
    taken += os.write(sockt.process.stdin.fileno(), line * 4)
    assert taken < 1 << 20, "it reads what it cannot send"
assert peak_kib() < 16384, peak_kib()
assert sockt.end(signal.SIGTERM) == 143'
}

# ---- files, and what is made up ----

@test "udp-send: --file is one datagram of what is in it, to the byte, and may be repeated" {
	cd "$BATS_TEST_TMPDIR" || return
	speak '
ear = Ear()
files = {"text": b"two\nlines\n", "binary": bytes(range(256)) * 10, "empty": b"", "big": random.randbytes(65507)}
words = []
for name, data in files.items():
    open(name, "wb").write(data)
    words += ["--file", name]
send(*ear.words, *words)
same(ear.all(), list(files.values()))
send("--file=text", "--count", "2", *ear.words, "--file=empty")
same(ear.all(), [files["text"], b""] * 2)'
}

@test "udp-send: --file - is all of stdin, and a FIFO is read to its end" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	speak '
ear = Ear()
data = b"a\n\0b" + random.randbytes(3000)
for stdin in data, pile(data):
    send("--file", "-", *ear.words, stdin=stdin)
    assert ear.all() == [data]
send("--file", "-", *ear.words, stdin=subprocess.DEVNULL)
assert ear.all() == [b""]
sockt = Sending("--file", argv[0], "--file", "-", *ear.words)
with open(argv[0], "wb", buffering=0) as fifo:
    for part in b"one ", b"two ", b"three":
        fifo.write(part)
        assert is_silent(ear.sock, 0)
sockt.say(b"four ")
sockt.say(b"five")
sockt.ends()
assert ear.all() == [b"one two three", b"four five"]' "$BATS_TEST_TMPDIR/fifo"
}

@test "udp-send: a file that cannot be read is status 12 and named, and nothing is sent" {
	local dir=$BATS_TEST_TMPDIR
	echo fine >"$dir/fine"
	speak '
ear = Ear()
for name, why in ("none", "No such file"), (".", "directory"):
    path = argv[0] + "/" + name
    said = fails(12, "--file", argv[0] + "/fine", "--file", path, *ear.words)
    assert path + ": cannot " in said and why in said, said
assert ear.all() == []' "$dir"
}

@test "udp-send: --file may be given 256 times" {
	echo x >"$BATS_TEST_TMPDIR/x"
	speak '
ear = Ear()
send(*["--file=" + argv[0]] * 256, *ear.words)
assert ear.all() == [b"x\n"] * 256
assert "--file" in fails(2, *["--file=" + argv[0]] * 257, *ear.words)
assert ear.all() == []' "$BATS_TEST_TMPDIR/x"
}

@test "udp-send: --empty is an empty datagram, and --size one of so many bytes, taken at random" {
	speak '
ear = Ear()
def heard(*words):
    send(*words, *ear.words)
    return ear.all()
assert heard("--empty") == [b""] and heard("--size", "0") == [b""]
assert heard("--empty", "--count", "3") == [b""] * 3
assert [len(m) for n in (1, 48, 1472, 65507) for m in heard("--size", str(n))] == [1, 48, 1472, 65507]
assert [len(m) for m in heard("--size", "1k")] == [1024]
[one], [other] = heard("--size", "64"), heard("--size", "64")
assert one != other
[many] = heard("--size", "65000")
assert len(set(many)) == 256 and max(many.count(bytes([b])) for b in range(256)) < 500'
}

# ---- too long ----

@test "udp-send: 65,507 bytes go by IPv4; one more is status 11 with the limit, and nothing is sent at all" {
	cd "$BATS_TEST_TMPDIR" || return
	speak '
ear = Ear()
open("small", "wb").write(b"small"); open("most", "wb").write(bytes(65507)); open("big", "wb").write(bytes(65508))
with open("huge", "wb") as f: f.truncate(1 << 40)
for words in ["--size", "65507"], ["--file", "most"]:
    send(*words, *ear.words)
    assert [len(m) for m in ear.all()] == [65507]
send(*ear.words, "small", "x" * 65507, "small")
assert [len(m) for m in ear.all()] == [5, 65507, 5]
limit = "a datagram of %d bytes is longer than the 65507 that UDP over IPv4 can carry"
for n, name, *words in (65508, "--size", "--size", "65508"), (2147483647, "--size", "--size", "2147483647"), \
        (65508, "big", "--file", "small", "--file", "big", "--file", "small"), \
        (1 << 40, "huge", "--file", "small", "--file", "huge"):
    said = fails(11, *words, "--count", "3", *ear.words)
    assert name + ": " + limit % n in said, said
said = fails(11, *ear.words, "small", "small", "x" * 65508, "small")
assert "DATA 3: " + limit % 65508 in said, said
assert ear.all() == []'
}

@test "udp-send: a pipe of --file that is too long is status 11 and not read for ever" {
	speak '
ear = Ear()
limit = "bytes is longer than the 65507 that UDP over IPv4 can carry"
assert "stdin: a datagram of 65508 " + limit in fails(11, "--file", "-", *ear.words, stdin=bytes(65508))
assert "/dev/zero: a datagram of " in fails(11, "--file", "/dev/zero", *ear.words)
assert ear.all() == []'
}

@test "udp-send: a message of stdin that is too long is status 11 and named, after those before it, and none follows" {
	speak '
ear = Ear()
limit = "sockt: udp-send: stdin: a datagram of %s bytes is longer than the %d that UDP%s can carry"
for n in 65508, 65535:
    said = fails(11, "--frame", "len32", *ear.words, stdin=pack("len32", b"one", b"two", bytes(n), b"three"))
    assert limit % (n, 65507, " over IPv4") in said, said
    assert ear.all() == [b"one", b"two"]
for form, data, n in ("line", b"one\n" + b"x" * 65508 + b"\nthree", "65508"), \
                     ("len32", b"\0\0\0\3one\xff\xff\xff\xff", str((1 << 32) - 1)), \
                     ("netstring", b"3:one,2000000:", "2000000"), \
                     ("line", b"one\n" + b"x" * 3000000, "more than 1048576"):
    said = fails(11, "--frame", form, *ear.words, stdin=pile(data))
    assert " %s bytes is longer than the 655" % n in said, said
    assert ear.all() == [b"one"]'
}

@test "udp-send: 65,527 bytes go by IPv6 where the way is that wide; one more is status 11, and nothing is sent" {
	needs_netns
	speak_in_netns 'ip link set lo mtu 70000' '
ear = Ear("::1")
send("--size", "65527", *ear.words)
assert [len(m) for m in ear.all()] == [65527]
send("--frame", "len32", *ear.words, stdin=pack("len32", bytes(65527)))
assert [len(m) for m in ear.all()] == [65527]
limit = "a datagram of 65528 bytes is longer than the 65527 that UDP over IPv6 can carry"
assert "--size: " + limit in fails(11, "--size", "65528", *ear.words)
assert "DATA 2: " + limit in fails(11, *ear.words, "small", "x" * 65528)
assert ear.all() == []
assert "stdin: " + limit in fails(11, "--frame", "len32", *ear.words, stdin=pack("len32", b"one", bytes(65528)))
assert ear.all() == [b"one"]'
}

@test "udp-send: with --seq the number counts: what is too long with the last one is status 11, and nothing is sent" {
	speak '
ear = Ear()
send("--seq", "--size", "65505", *ear.words)
[m] = ear.all(); assert len(m) == 65507 and m[:2] == b"1 "
said = fails(11, "--seq", "--size", "65506", *ear.words)
assert "--size: a datagram of 65508 bytes" in said and "number" in said and "65507" in said, said
fails(11, "--seq", "--size", "65505", "--count", "10", *ear.words)
fails(11, "--seq", *ear.words, *["x"] * 9, "x" * 65505)
assert ear.all() == []
fails(11, "--seq", "--frame", "len32", *ear.words, stdin=pack("len32", b"one", bytes(65506), b"three"))
assert ear.all() == [b"1 one"]'
}

@test "udp-send: what the way to the peer does not allow is status 11, and its MTU is named" {
	needs_netns
	speak_in_netns 'black_hole' '
for to, most in ("198.51.100.1", 1472), ("2001:db8:b::1", 1452):
    if ":" in to and not os.path.exists("/proc/net/if_inet6"): continue
    never = ["-o", "IPV6_MTU_DISCOVER=2" if ":" in to else "IP_MTU_DISCOVER=2"]
    send("--size", str(most), *never, to, "9")
    said = fails(11, "--size", str(most + 1), *never, to, "9")
    assert "%d bytes" % (most + 1) in said and "MTU is 1500" in said, said'
}

@test "udp-send: --file - is what is left of stdin, and can be given once only" {
	speak '
ear = Ear()
with tempfile.TemporaryFile() as f:
    f.write(bytes(99990) + b"the rest, "); f.seek(99990)
    send("--file", "-", *ear.words, stdin=f)
assert ear.all() == [b"the rest, "]
fails(2, "--file", "-", "--file", "-", *ear.words)
assert ear.all() == []'
}

@test "udp-send: --reply ends at once when there was nothing to send: status 5" {
	speak '
said = fails(5, "--reply", "-w", "0", *Ear().words, stdin=pile(b""))
assert "nothing was sent" in said, said'
}

@test "udp-send: a reader of the answers that goes away ends it by SIGPIPE, also while nothing comes" {
	speak '
ear = Ear()
r, w = os.pipe()
sender = subprocess.Popen([SOCKT, "udp-send", "--reply", "-w", "0", *ear.words, "x"], stdout=w, stdin=subprocess.DEVNULL)
os.close(w)
assert ear.hear() == b"x"
os.close(r)
assert sender.wait(PATIENCE) == -signal.SIGPIPE'
}

# ---- how often, and when ----

@test "udp-send: --count sends all of it so often, in order" {
	speak '
ear = Ear()
send("--count", "3", *ear.words, "a", "", "b")
assert ear.all() == [b"a", b"", b"b"] * 3
send("--count", "1", *ear.words, "a")
assert ear.all() == [b"a"]
send("--count", "150", *ear.words, "a", "bc")
assert ear.all() == [b"a", b"bc"] * 150
send("--count", "3", "--size", "20", *ear.words)
got = ear.all(); assert len(got) == 3 and {len(m) for m in got} == {20}
assert "--count" in fails(2, "--count", "3", *ear.words, stdin=b"x\n")
assert ear.all() == []'
}

@test "udp-send: --rate and --interval change nothing but the pace, which is never faster than asked" {
	speak '
ear = Ear()
data = [b"%d" % i for i in range(30)]
def took_ms(*words, **how):
    began = time.monotonic()
    send(*words, **how)
    return (time.monotonic() - began) * 1000
for words, least in (["--rate", "100/s"], 290), (["--interval", "10ms"], 290), (["--interval", "0.01"], 290), \
                    (["--rate", "6000/m"], 290), (["--interval", "1500us"], 43.5), (["--rate", "1000/s"], 29):
    for more in dict(data=data), dict(stdin=pile(b"\n".join(data))):
        ms = took_ms(*words, *ear.words, *more.pop("data", []), **more)
        assert ms >= least, (words, ms)
        same(ear.all(), data)
assert took_ms("--count", "100", "--rate", "500/s", "--empty", *ear.words) >= 198
assert ear.all() == [b""] * 100
assert took_ms("--interval", "250us", "--count", "401", *ear.words, "x") >= 100
assert ear.all() == [b"x"] * 401'
}

@test "udp-send: a line that comes late goes at once, and two that come together keep their distance" {
	speak '
ear = Ear()
sockt = Sending("--interval", "0.5", *ear.words)
sockt.say(b"one\n"); assert ear.hear() == b"one"
assert is_silent(ear.sock, 0.7)
began = time.monotonic()
sockt.say(b"two\nthree\n")
assert ear.hear() == b"two" and ear.hear() == b"three"
assert time.monotonic() - began >= 0.5
sockt.ends()'
}

@test "udp-send: the first datagram goes at once, however far apart they are" {
	speak '
ear = Ear()
sockt = Sending("--interval", "1h", *ear.words, "one", "two")
assert ear.hear() == b"one" and is_silent(ear.sock)
assert sockt.end(signal.SIGTERM) == 143 and ear.all() == []'
}

# ---- answers ----

@test "udp-send: --reply prints an answer and a line feed, and ends with it" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto({b"empty": b"", b"lines": b"two\nlines\n"}.get(m, b"<" + m + b">"), who)'
	run -0 --keep-empty-lines --separate-stderr "$SOCKT" udp-send --reply -w 20 "$addr" hello
	is "$output" $'<hello>\n'
	is "$stderr" ''
	run -0 --keep-empty-lines --separate-stderr "$SOCKT" udp-send --reply -w 20 "$addr" empty
	is "$output" $'\n'
	run -0 --keep-empty-lines --separate-stderr "$SOCKT" udp-send --reply -w 20 "$addr" lines
	is "$output" $'two\nlines\n\n'
	run -0 --keep-empty-lines --separate-stderr "$SOCKT" udp-send --reply=3 -w 20 "$addr" < <(printf '1\n2\n3\n')
	is "$output" $'<1>\n<2>\n<3>\n'
}

@test "udp-send: --reply=N ends with the Nth answer, and prints no more, whoever goes on" {
	start_udp_peer 's = reported()
while True:
    m, who = s.recvfrom(100)
    for i in range(int(m)): s.sendto(b"%d" % i, who)'
	elapsed_ms run -0 --separate-stderr "$SOCKT" udp-send --reply=3 -w 60 "$addr" 10
	is "$output" $'0\n1\n2'
	elapsed_ms run -0 --separate-stderr "$SOCKT" udp-send --reply -w 60 "$addr" 10
	is "$output" 0
	between 0 30000
}

@test "udp-send: answers that come before everything is sent are printed at once, and counted" {
	speak '
ear = Ear()
sockt = Sending("--reply=2", "-w", "60", *ear.words)
for i in range(4):
    sockt.say(b"%d\n" % i); assert ear.hear() == b"%d" % i
    ear.answer(b"to %d" % i)
    assert sockt.read(5) == b"to %d\n" % i
assert sockt.is_silent() and sockt.process.poll() is None
began = time.monotonic()
assert sockt.ends() == b"" and time.monotonic() - began < 30'
}

@test "udp-send: --local-frame is what answers look like, with every byte and boundary" {
	speak '
ear = Ear()
for form in "line", "nul", "len16", "len32", "len16le", "len32le", "varint", "netstring", "hex", "base64", "json":
    answers = some(form if form in ("line", "nul") else "", most=16384)
    sockt = Sending("--reply=%d" % len(answers), "-w", "60", "--local-frame", form, *ear.words, "ask")
    ear.hear(); ear.answer(*answers)
    same(unpack(form, sockt.ends()), answers)
sockt = Sending("--reply=5", "-w", "60", "--local-frame", "raw", *ear.words, "ask")
ear.hear()
ear.answer(b"one", b"", b"\0\xff", b"two\n", b"three")
assert sockt.ends() == b"one\0\xfftwo\nthree"'
}

@test "udp-send: an answer of 65,507 bytes is printed whole" {
	speak '
ear = Ear()
m = random.randbytes(65507)
sockt = Sending("--reply", "-w", "60", "--local-frame", "len32", *ear.words, "ask")
ear.hear(); ear.answer(m)
assert sockt.ends() == pack("len32", m)
sockt = Sending("--reply", "-w", "60", "--json", *ear.words, "ask")
ear.hear(); ear.answer(m)
[record] = records(sockt.ends())
assert content(record) == m and record["size"] == 65507'
}

@test "udp-send: nobody answers: status 5 after -w, which is one second, with that in words" {
	start_udp_peer 's = reported(); signal.pause()'
	elapsed_ms run -5 --separate-stderr "$SOCKT" udp-send --reply -w 0.4 "$addr" hello
	is "$output" ''
	is "$stderr" "sockt: udp-send: $addr: no answer came within 400 ms"
	between 400 15000
	elapsed_ms run -5 --separate-stderr "$SOCKT" udp-send --reply "$addr" hello
	is "$stderr" "sockt: udp-send: $addr: no answer came within 1 s"
	between 1000 15000
}

@test "udp-send: fewer answers than --reply asks for are status 5, with how many of how many, and are printed" {
	start_udp_peer 's = reported()
while True:
    m, who = s.recvfrom(100)
    for i in range(int(m)): s.sendto(b"%d" % i, who)'
	run -5 --separate-stderr "$SOCKT" udp-send --reply=3 -w 2 "$addr" 2
	is "$output" $'0\n1'
	is "$stderr" "sockt: udp-send: $addr: 2 of 3 answers came within 2 s"
	run -5 --separate-stderr "$SOCKT" udp-send --reply=3 -w 0.3 "$addr" 0
	is "$output" ''
	is "$stderr" "sockt: udp-send: $addr: 0 of 3 answers came within 300 ms"
}

@test "udp-send: -w is from the last datagram on, and -w 0 is for ever" {
	speak '
ear = Ear()
sockt = Sending("--reply", "-w", "0.5", *ear.words)
sockt.say(b"one\n"); ear.hear()
assert sockt.is_silent(1) and sockt.process.poll() is None
began = time.monotonic()
sockt.say(b"two\n"); ear.hear()
sockt.ends(5)
assert time.monotonic() - began >= 0.5
sockt = Sending("--reply", "-w", "0", *ear.words, "ask")
ear.hear()
assert sockt.is_silent(1.5) and sockt.process.poll() is None
ear.answer(b"at last")
assert sockt.ends() == b"at last\n"'
}

@test "udp-send: an answer that came in time counts, however late sockt itself is" {
	speak '
ear = Ear()
sockt = Sending("--reply", "-w", "1", *ear.words, "ask")
ear.hear()
os.kill(sockt.pid, signal.SIGSTOP)
ear.answer(b"in time")
is_silent(ear.sock, 1.5)
os.kill(sockt.pid, signal.SIGCONT)
assert sockt.ends() == b"in time\n"'
}

@test "udp-send: an answer of somebody else is not heard" {
	speak '
ear, other = Ear(), bind()
sockt = Sending("--reply", "-w", "60", *ear.words, "ask")
ear.hear()
ear.answer(b"not mine", by=other)
ear.answer(b"not mine either", by=bind("127.0.0.2"))
ear.answer(b"mine")
assert sockt.ends() == b"mine\n"'
}

@test "udp-send: --any-source hears whoever answers, and --json says who" {
	speak '
ear = Ear()
others = bind(), bind("127.0.0.2"), ear.sock
sockt = Sending("--reply=3", "-w", "60", "--any-source", "--json", *ear.words, "ask", "", "x" * 3000)
assert ear.hear_n(3) == [b"ask", b"", b"x" * 3000]
for s in others: ear.answer(b"I", by=s)
got = records(sockt.ends())
assert [(r["peer"], r["text"]) for r in got] == [("%s:%d" % s.getsockname(), "I") for s in others], got
ear = Ear("::1")
other = bind("::1")
sockt = Sending("--reply", "-w", "60", "--any-source", "--json", *ear.words, "ask")
ear.hear(); ear.answer(b"six", by=other)
[r] = records(sockt.ends())
assert r["peer"] == "[::1]:%d" % other.getsockname()[1] and r["text"] == "six", r'
}

@test "udp-send: --json has a record for each answer: who, how long, when, how long it took, and every byte" {
	speak '
ear = Ear()
def when(text):
    import datetime
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text), text
    return datetime.datetime.fromisoformat(text[:-1] + "+00:00").timestamp()
answers = [b"text", b"", b"two\nlines\t\"quoted\" \\ \x7f\0", "\u00e4\u2603\U0001f600\u2028".encode(), b"\xff\xfe",
           bytes(range(256)), b"\xc3", b"\xed\xa0\x80"] + some(most=16384)
sockt = Sending("--reply=%d" % len(answers), "-w", "60", "--json", *ear.words)
for m in answers:
    before = time.time()
    sockt.say(b"ask\n"); ear.hear()
    is_silent(ear.sock, 0.02)
    ear.answer(m)
    line = sockt.process.stdout.readline()
    r = json.loads(line)
    assert set(r) - {"text", "base64", "local"} == {"ts", "event", "peer", "size", "stamp", "rtt_us"}, line[:300]
    assert r["event"] == "answer" and r["peer"] == "127.0.0.1:%d" % ear.port and r["size"] == len(m), line[:300]
    assert content(r) == m, (m[:40], line[:300])
    try: is_text = m.decode() is not None
    except UnicodeDecodeError: is_text = False
    assert ("text" in r) == is_text, line[:300]
    assert before - 1e-3 <= when(r["stamp"]) <= when(r["ts"]) + 1e-3 <= time.time() + 2e-3, line[:300]
    assert 20000 <= r["rtt_us"] <= (time.time() - before) * 1e6 + 1000, line[:300]
assert sockt.ends() == b""
assert {r["event"] for r in records(sockt.said().encode())} == {"trying", "connected"}'
}

@test "udp-send: --json --quiet still prints the records of answers, and nothing else" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto(m, who)'
	run -0 --separate-stderr "$SOCKT" udp-send --json --quiet --seq --reply=2 -w 20 "$addr" a b
	is "$(jq -c '[.event, .seq, .text]' <<<"$output")" $'["answer",1,"1 a"]\n["answer",2,"2 b"]'
	is "$stderr" ''
}

@test "udp-send: sockt's own echo-server and listen -u answer, and socat and ncat do" {
	start_server echo-server -u 127.0.0.1 0
	run -0 --separate-stderr "$SOCKT" udp-send --reply=3 -w 20 "$addr" one '' three
	is "$output" $'one\n\nthree'
	start_listener -u --local-frame line < <(echo answer)
	run -0 --separate-stderr "$SOCKT" udp-send --reply -w 20 --local-frame raw "$addr" question
	is "$output" answer
	wait_for holds "$heard" question
	speak '
listens = "-u", "-l", "127.0.0.1", "0"
for words in ("socat", "UDP4-RECVFROM:0,bind=127.0.0.1,fork", "PIPE"), ("ncat", *listens, "-e", "/bin/cat"):
    port = port_of(Child(*words).pid)
    m = random.randbytes(4000)
    out, said = send("--reply", "-w", "20", "--local-frame", "raw", "--file", "-", "127.0.0.1", str(port), stdin=m)
    assert out == m and said == ""'
}

@test "udp-send: the numbers of --seq tell which datagram an answer is for" {
	speak '
ear = Ear()
sockt = Sending("--seq", "--reply=4", "-w", "60", "--json", *ear.words, "a", "", "c", "d")
assert ear.hear_n(4) == [b"1 a", b"2 ", b"3 c", b"4 d"]
ear.answer(b"4 first", b"2", b"1 1 1", b"3 c")
got = records(sockt.ends())
assert [r["seq"] for r in got] == [4, 2, 1, 3] and all(r["rtt_us"] > 0 for r in got), got
send("--seq", "--count", "60", *ear.words, "x", "yy")
same(ear.all(), [b"%d %s" % (i + 1, (b"x", b"yy")[i % 2]) for i in range(120)])
send("--seq", *ear.words, stdin=b"".join(b"%s\n" % (b"x" * (i % 3)) for i in range(130)))
same(ear.all(), [b"%d " % (i + 1) + b"x" * (i % 3) for i in range(130)])'
}

@test "udp-send: --seq and --stats count what was answered, lost, came twice and had no number of ours" {
	speak '
ear = Ear()
strange = [b"", b"0 x", b"01 x", b"11 x", b"5x", b"-5 x", b" 5", b"5\n", b"99999999999999999999 x",
           b"18446744073709551617 x", b"x"]
def run(*options, status, stats):
    "Ten datagrams, of which three have no answer and two have several, with strange ones among the answers."
    sockt = Sending("--seq", "--stats", *options, *ear.words, *["%d" % i for i in range(10)])
    ear.hear_n(10)
    ear.answer(b"2 x", b"2 x", *strange, b"9", b"1 y", b"2", b"10 x", b"4 x", b"4 x", b"3 x", b"7")
    sockt.rest(); sockt.end()
    assert sockt.process.returncode == status and stats in sockt.said(), sockt.said()
    return sockt.said()
counted = "received 21 datagrams, 91 bytes, answered 7, lost 3, duplicate 3, late 0, strange 11 in "
run("--reply=7", "-w", "60", status=0, stats=counted)
said = run("--reply=8", "-w", "3", status=5, stats=counted)
assert "7 of 8 answers came within 3 s, 3 came again, 11 had no number of ours" in said, said
said = run("--reply=7", "-w", "60", "--json", status=0, stats="")
[stats] = [r for r in records(said.encode()) if r["event"] == "stats"]
for name, n in dict(datagrams_sent=10, datagrams_received=21, sent=31, received=91, answered=7, lost=3, duplicate=3,
                    late=0, strange=11).items(): assert stats[name] == n, stats
assert 0 < stats["rtt_min_us"] <= stats["rtt_avg_us"] <= stats["rtt_max_us"] < stats["took_us"], stats'
}

@test "udp-send: an answer that comes later than -w after its datagram is late: printed, and no answer" {
	speak '
ear = Ear()
sockt = Sending("--seq", "--stats", "--reply", "-w", "0.5", *ear.words)
sockt.say(b"one\n"); ear.hear()
is_silent(ear.sock, 0.7)
ear.answer(b"1 one", b"1 again")
assert sockt.read(14) == b"1 one\n1 again\n"
sockt.say(b"two\n"); ear.hear()
assert sockt.ends(5) == b""
said = sockt.said()
assert "0 of 1 answers came within 500 ms, 1 came too late, 1 came again\n" in said, said
assert "received 2 datagrams, 12 bytes, answered 0, lost 1, duplicate 1, late 1, strange 0 in " in said, said'
}

@test "udp-send: --stats says how many were sent and received, their bytes, and how long answers took" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); is_silent(s, 0.01); s.sendto(m * 2, who)'
	run -0 --separate-stderr "$SOCKT" udp-send --stats --reply=3 --interval 20ms -w 20 "$addr" a bc ''
	local counts='sent 3 datagrams, 3 bytes, received 3 datagrams, 6 bytes' number='([0-9]+\.[0-9]{3})'
	[[ $stderr =~ ^"sockt: udp-send: $addr: $counts in "[0-9.]+" s, "(.*)$ ]]
	[[ ${BASH_REMATCH[1]} =~ ^rtt\ min\ $number,\ avg\ $number,\ max\ $number\ ms$ ]]
	awk '{ exit !(0 < $1 && $1 <= $2 && $2 <= $3) }' <<<"${BASH_REMATCH[*]:1}"
	run -0 --separate-stderr "$SOCKT" udp-send --stats --count 3 "$addr" x yz
	[[ $stderr =~ ^"sockt: udp-send: $addr: sent 6 datagrams, 9 bytes, received 0 datagrams, 0 bytes in "[0-9.]+' s'$ ]]
	run -0 --separate-stderr "$SOCKT" udp-send --quiet --stats --json --count 3 "$addr" x yz
	is "$(jq -r '"\(.event) \(.object) \(.datagrams_sent) \(.sent)"' <<<"$stderr")" "stats $addr 6 9"
}

@test "udp-send: without --reply no answer is read, and --seq --stats do not say of any that it was lost" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto(m, who)'
	run -0 --separate-stderr "$SOCKT" udp-send --seq --stats --count 3 "$addr" x
	has "$stderr" 'sent 3 datagrams, 9 bytes'
	has_no "$stderr" lost
}

@test "udp-send: many questions at a rate have all their answers, and the count is right" {
	start_server echo-server -u 127.0.0.1 0
	run -0 --separate-stderr "$SOCKT" udp-send --seq --stats --count 150 --rate 1000/s --reply=150 -w 30 "$addr" ping
	is "$(sort -n <<<"$output")" "$(seq -f '%.0f ping' 150)"
	has "$stderr" 'sent 150 datagrams, 1092 bytes, received 150 datagrams, 1092 bytes, answered 150, lost 0, ' \
		', duplicate 0, late 0, strange 0 in '
}

@test "udp-send: answers wait for a slow reader, and none is lost" {
	speak '
ear = Ear()
answers = [random.randbytes(30000 + i) for i in range(30)]		# less than a MiB: more is not taken
sockt = Sending("--reply=%d" % len(answers), "-w", "60", "--local-frame", "len32", *ear.words)
fcntl.fcntl(sockt.process.stdout, fcntl.F_SETPIPE_SZ, 4096)
for m in answers:
    sockt.say(b"ask\n"); ear.hear(); ear.answer(m)
    until(lambda: unread(ear.who[1]) == 0)
sockt.process.stdin.close()
assert sockt.process.poll() is None
same(unpack("len32", sockt.read(sum(len(m) + 4 for m in answers))), answers)
assert sockt.end() == 0'
}

# ---- what the network says ----

@test "udp-send: with --reply a port that is closed is status 4 at once, with the word of who said so" {
	closed_udp_port
	elapsed_ms run -4 --separate-stderr "$SOCKT" udp-send --reply -w 60 "$addr" hello
	is "$output" ''
	one_line "$stderr"
	has "$stderr" "sockt: udp-send: $addr: "
	[[ ${VARIANT-} == portable ]] && has "$stderr" refused || has "$stderr" 'port unreachable, says 127.0.0.1'
	run -4 --separate-stderr "$SOCKT" udp-send --reply=3 -w 60 --interval 1h "$addr" one two three
	has "$stderr" "sockt: udp-send: $addr: "
	between 0 30000
	start_udp_peer 's = reported("::1"); s.connect(("::1", 9)); signal.pause()'
	run -4 --separate-stderr "$SOCKT" udp-send --reply -w 60 "$addr" hello
	one_line "$stderr"
	has "$stderr" "sockt: udp-send: $addr: "
}

@test "udp-send: the same with --any-source" {
	[[ ${VARIANT-} != portable ]] || skip 'elsewhere than on Linux only a connected socket hears of it'
	closed_udp_port
	run -4 --separate-stderr "$SOCKT" udp-send --reply -w 60 --any-source "$addr" hello
	one_line "$stderr"
	has "$stderr" "sockt: udp-send: $addr: port unreachable, says 127.0.0.1"
}

@test "udp-send: a port that closes after the first answer is status 4, and that answer is printed" {
	speak '
ear = Ear()
sockt = Sending("--reply=2", "-w", "60", *ear.words)
sockt.say(b"one\n"); ear.hear(); ear.answer(b"answer")
assert sockt.read(7) == b"answer\n"
ear.sock.connect(("127.0.0.1", 9))	# from now on it refuses whoever else says something
sockt.say(b"two\n")
assert sockt.end() == 4 and "127.0.0.1:%d: " % ear.port in sockt.said(), sockt.said()'
}

@test "udp-send: the same when both are there at once" {
	speak '
ear = Ear()
sockt = Sending("--reply=2", "-w", "60", "--interval", "0.3", *ear.words, "one", "two")
ear.hear()
os.kill(sockt.pid, signal.SIGSTOP)
ear.answer(b"answer")
ear.sock.connect(("127.0.0.1", 9))
is_silent(ear.sock, 0.5)
os.kill(sockt.pid, signal.SIGCONT)
assert sockt.ends(4) == b"answer\n"'
}

@test "udp-send: without --reply a port that is closed changes nothing: status 0, silently" {
	closed_udp_port
	run -0 --separate-stderr "$SOCKT" udp-send "$addr" one two three
	is "$output$stderr" ''
	run -0 --separate-stderr "$SOCKT" udp-send --count 1000 "$addr" one ''
	is "$output$stderr" ''
	run -0 --separate-stderr "$SOCKT" udp-send --interval 20ms --count 10 "$addr" one
	is "$output$stderr" ''
}

@test "udp-send: without --reply every datagram goes, and once, however often the port refuses" {
	needs_netns
	speak_in_netns : '
for to in "127.0.0.1", "::1":
    for data in [b"x" * i for i in range(1, 301)], [b"x" * (i % 2) for i in range(300)]:
        before = counts("OutDatagrams", "NoPorts")
        send("--frame", "len16", to, "4000", stdin=pile(pack("len16", *data)))
        after = counts("OutDatagrams", "NoPorts")
        assert [b - a for a, b in zip(before, after)] == [300, 300], (before, after)'
}

@test "udp-send: without --reply no datagram is lost to who comes after a refusal, and none comes twice" {
	needs_netns
	speak_in_netns : '
for batch in [b"%03d" % i for i in range(50)], [b"%d" % i * (i % 7) for i in range(50)], [b"one"]:
    ear = Ear(port=4000)
    sockt = Sending("127.0.0.1", "4000")
    for _ in range(3):
        sockt.say(b"here\n"); assert ear.hear() == b"here"
        ear.sock.close()
        before = counts("NoPorts")
        sockt.say(b"refused\n")
        until(lambda: counts("NoPorts") == before + 1)
        ear = Ear(port=4000)
        sockt.say(b"".join(m + b"\n" for m in batch))
        same(ear.hear_n(len(batch)), batch)
    assert sockt.ends() == b"" and ear.all() == [] and sockt.said() == "", sockt.said()
    ear.sock.close()'
}

@test "udp-send: no way to the peer is status 4, with and without --reply" {
	needs_netns
	local words
	for words in '192.0.2.7 4000 x' '2001:db8::7 4000 x' '--reply -w 20 192.0.2.7 4000 x' \
		'--reply --any-source -w 20 192.0.2.7 4000 x'; do
		run -4 --separate-stderr in_netns "\"\$SOCKT\" udp-send $words"
		is "$output" ''
		one_line "$stderr"
		has "$stderr" unreachable
	done
}

@test "udp-send: what a full queue of the device refuses is sent again, and what the socket has no room for waits" {
	needs_netns
	[[ ${VARIANT-} != portable ]] || skip 'the portable build is not told of a full queue: it does not ask for errors'
	local limit options slow='root tbf rate 20mbit burst 3000 limit'
	in_netns "black_hole; tc qdisc add dev hole $slow 6000" 2>/dev/null || skip 'no traffic control'
	for limit in 6000 600000; do
		options=()
		((limit == 6000)) || options=(-o SO_SNDBUF=5000)
		speak_in_netns "black_hole; tc qdisc add dev hole $slow $limit" '
wire = Wire("void")
data = [b"%d " % i + b"x" * (300 + i) for i in range(200)]	# each of a length of its own: none share a packet
send(*argv, "198.51.100.1", "9", stdin=pile(b"\n".join(data)))
same([wire.hear(9)[1] for _ in data], data)' "${options[@]}"
	done
}

@test "udp-send: where packets are shorter than datagrams these go in pieces, each datagram once" {
	needs_netns
	speak_in_netns 'black_hole' '
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.ntohs(0x0800))
s.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)		# SO_RCVBUFFORCE
s.bind(("void", 0x0800))
s.settimeout(PATIENCE)
data = [random.randbytes(3000) for _ in range(20)]
send("--frame", "len16", "198.51.100.1", "9", stdin=pile(pack("len16", *data)))
pieces = {}
while sum(len(part) for parts in pieces.values() for part in parts.values()) < 20 * 3008 or not is_silent(s, 0.1):
    packet = s.recv(1 << 17)
    length, number, offset = struct.unpack_from("!HHH", packet, 2)
    if packet[9] == socket.IPPROTO_UDP: pieces.setdefault(number, {})[offset & 0x1fff] = packet[20:length]
same([b"".join(parts[at] for at in sorted(parts))[8:] for parts in pieces.values()], data)'
}

# ---- nothing that was not asked for ----

@test "udp-send: what fails before the first datagram sends nothing, of lookups and usage and everything else" {
	needs_netns
	speak_in_netns 'etc nsswitch.conf "hosts: files"' '
ear = Ear(port=4000)
in_use = bind("127.0.0.1", 4001)
at = "127.0.0.1:4000"
before = counts("OutDatagrams")
for status, *words in (3, "nosuch.invalid", "4000", "x"), (3, "127.0.0.1", "nosuch", "x"), \
        (2, "127.0.0.1", "70000", "x"), (3, "-6", at, "x"), (9, "-s", "127.0.0.1:4001", at, "x"), \
        (9, "-s", "192.0.2.77", at, "x"), (2, "--hex", at, "61", "x"), (11, at, "x", "y" * 65508), \
        (12, "--file", "/nonexistent", at), (2, "--file", "/dev/null", at, "x"), (2, "--reply=0", at, "x"), \
        (2, "--frame", "line", at, "x"), \
        (2, "--multicast-if", "nosuch0", at, "x"), (2, "--ttl", "0", at, "x"), (2, "--no-such-option", at, "x"), \
        (2, "-o", "NO_SUCH=1", at, "x"), (4, "127.255.255.255:4000", "x"), (2, "4000"), (2, "127.0.0.1"):
    fails(status, *words)
send("--help")
send("--reply", "-w", "0.2", at, status=5)
assert counts("OutDatagrams") == before and is_silent(ear.sock, 0)'
}

@test "udp-send: each datagram goes once, and there is no other" {
	needs_netns
	speak_in_netns : '
ear = Ear(port=4000)
def sends(n, *words, **how):
    before = counts("OutDatagrams")
    send(*words, **how)
    assert counts("OutDatagrams") - before == n, (words, n, counts("OutDatagrams") - before)
    assert len(ear.hear_n(n)) == n and is_silent(ear.sock, 0)
at = "127.0.0.1:4000"
sends(1, at, "x")
sends(3, at, "x", "yy", "zzz")				# none of which could share a packet
sends(1, "--empty", at)
sends(0, at, stdin=b"")
sends(2, "--reply=2", "-w", "0.3", at, "x", "yy", status=5)	# nor is a question asked again
sends(2, "--seq", at, "x", "yy")
sends(1, "--reply", "-w", "0.3", "--any-source", at, "x", status=5)'
}

# ---- names ----

@test "udp-send: services have the ports that /etc/services has for UDP; others are status 3" {
	needs_netns
	speak_in_netns : '
for service, port in ("domain", 53), ("ntp", 123), ("syslog", 514), ("tftp", 69):
    ear = Ear(port=port)
    send("127.0.0.1", service, "x"); send("127.0.0.1:" + service, "y"); send("udp://127.0.0.1:" + service, "z")
    assert ear.all() == [b"x", b"y", b"z"], service
for service in "gopher", "nosuch":
    said = fails(3, "127.0.0.1", service, "x")
    assert "127.0.0.1:" + service + ": " in said and "service" in said, said'
}

@test "udp-send: a host is looked up, -4 and -6 choose, and the first address to which there is a way is used" {
	needs_netns
	speak_in_netns 'etc nsswitch.conf "hosts: files"; etc hosts "2001:db8::9 far
127.0.0.2 far
127.0.0.3 both
::1 both"' '
four, six = Ear(port=4000, host="0.0.0.0"), Ear(port=4000, host="::1")
send("far", "4000", "x"); assert four.all() == [b"x"]
send("-4", "both", "4000", "y"); assert four.all() == [b"y"]
send("-6", "both", "4000", "z"); assert six.all() == [b"z"]
said = fails(3, "nosuch", "4000", "x")
assert "nosuch:4000: " in said, said
assert "nosuch" in fails(3, "nosuch:4000", "x")
fails(3, "-n", "both", "4000", "x")
assert four.all() == six.all() == []'
}

@test "udp-send: -w bounds the lookup, too: status 5" {
	needs_netns
	elapsed_ms run -5 --separate-stderr in_netns 'black_hole; etc nsswitch.conf "hosts: dns"
		etc resolv.conf "nameserver 198.51.100.1"; exec "$SOCKT" udp-send -w 0.5 nosuch.test 9 x'
	one_line "$stderr"
	has "$stderr" 'sockt: udp-send: nosuch.test:9: ' '500 ms'
	between 500 20000
}

@test "udp-send: -s sends from the address, and the port, that it names; one that somebody has is status 9" {
	speak '
ear = Ear()
send("-s", "127.0.0.7", *ear.words, "x"); ear.hear()
assert ear.who[0] == "127.0.0.7", ear.who
send("-s", "127.0.0.9:%d" % ear.port, *ear.words, "x"); ear.hear()
assert ear.who == ("127.0.0.9", ear.port), ear.who
sockt = Sending("-s", "127.0.0.9:%d" % ear.port, "--reply", "-w", "60", "--any-source", *ear.words, "x"); ear.hear()
assert ear.who == ("127.0.0.9", ear.port), ear.who
ear.answer(b"found"); assert sockt.ends() == b"found\n"
said = fails(9, "-s", "127.0.0.1:%d" % ear.port, "127.0.0.1", "9", "x")
assert "127.0.0.1:%d: " % ear.port in said and "in use" in said, said
assert "192.0.2.77" in fails(9, "-s", "192.0.2.77", *ear.words, "x")
assert ear.all() == []'
}

# ---- how far, in what class, to whom ----

# What came with the next datagram: its bytes, hops and class of service.
LABELS='
LABELS = {(socket.IPPROTO_IP, socket.IP_TTL): "hops", (socket.IPPROTO_IP, socket.IP_TOS): "tos",
          (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT): "hops", (socket.IPPROTO_IPV6, socket.IPV6_TCLASS): "tos"}
def labelled(ear):
    "Has its datagrams come with labels."
    if ear.sock.family == socket.AF_INET6:
        for option in socket.IPV6_RECVHOPLIMIT, socket.IPV6_RECVTCLASS:
            ear.sock.setsockopt(socket.IPPROTO_IPV6, option, 1)
    else:
        for option in 12, 13:		# IP_RECVTTL, IP_RECVTOS
            ear.sock.setsockopt(socket.IPPROTO_IP, option, 1)
    return ear
def labels(ear):
    got, control, *_ = ear.sock.recvmsg(100, 200)
    found = {LABELS[level, kind]: int.from_bytes(data, sys.byteorder) for level, kind, data in control}
    return got, found["hops"], found["tos"]
'

@test "udp-send: --ttl and --tos are on each datagram, by IPv4 and IPv6" {
	speak "$LABELS"'
for host in "127.0.0.1", "::1":
    ear = labelled(Ear(host))
    def heard(*words):
        send(*words, *ear.words, "x", "y")
        assert labels(ear)[1:] == (both := labels(ear)[1:])
        return both
    usual, plain = heard()
    assert plain == 0 and heard("--ttl", "3") == (3, 0) and heard("--tos", "184") == (usual, 184)
    assert heard("--ttl", "1", "--tos", "0") == (1, 0) and heard("--tos=32", "--ttl=255") == (255, 32)
    assert heard("--multicast-ttl", "7") == (usual, 0)		# it is no group
    if os.geteuid() == 0: assert heard("--tos", "255")[1] & 252 == 252'
}

@test "udp-send: --multicast-ttl is how far what goes to a group goes; 1 unless said, and with 0 it stays here" {
	needs_netns
	speak_in_netns a_network "$LABELS"'
four, six = labelled(Ear("0.0.0.0", 4000)), labelled(Ear("::", 4001))
index = socket.if_nametoindex("here")
four.sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                     struct.pack("4s4si", socket.inet_aton("239.1.1.1"), bytes(4), index))
six.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                    struct.pack("16sI", socket.inet_pton(socket.AF_INET6, "ff05::4321"), index))
wire = Wire("there")
for ear, group in (four, "239.1.1.1:4000"), (six, "[ff05::4321]:4001"):
    for words, hops in ([], 1), (["--multicast-ttl", "0"], 0), (["--multicast-ttl", "9"], 9), (["--ttl", "9"], 1), \
                       (["--multicast-ttl", "255", "--ttl", "3"], 255):
        send("--multicast-if", "here", *words, group, "to %d" % hops)
        got = labels(ear)
        assert got[:2] == (b"to %d" % hops, hops), (group, words, got)
assert [wire.hear(4000) for _ in range(4)] == [(1, b"to 1"), (9, b"to 9"), (1, b"to 1"), (255, b"to 255")]'
}

# Another interface, with addresses of its own.
AWAY='
ip link add away type veth peer name yonder
ip link set yonder up
ip link set away up
ip addr add 198.51.100.1/24 dev away
[[ ! -e /proc/net/if_inet6 ]] || ip addr add 2001:db8:1::1/64 dev away nodad
'

@test "udp-send: a group is reached through the interface of --multicast-if, a name, a number or an address" {
	needs_netns
	speak_in_netns "a_network$AWAY:" '
words = {"here": ["here", "192.0.2.1", "192.0.2.2"], "away": ["away", "198.51.100.1"]}
for name in words: words[name].append(str(socket.if_nametoindex(name)))
for name, other in ("here", "away"), ("away", "here"):
    sockt = Sockt("listen", "-u", "-d", *groups("239.1.1.1%" + name, "ff05::4321%" + name), "4000")
    for group in "239.1.1.1:4000", "[ff05::4321]:4000":
        for word in words[name]:
            send("--multicast-if", words[other][0], group, "elsewhere")
            send("--multicast-if", word, group, word)
            assert sockt.hear() == word.encode(), (name, group)
        send("--interface", other, group, "elsewhere")
        send("--interface", name, group, "bound"); assert sockt.hear() == b"bound"
    assert sockt.end(signal.SIGTERM) == 143'
}

@test "udp-send: the interface behind a group of IPv6 is the one that it goes through, in every scope" {
	needs_netns
	speak_in_netns "a_network$AWAY:" '
for name, other in ("here", "away"), ("away", "here"):
    for group in "ff02::4321", "ff05::4321", "ff0e::4321":
        sockt = Sockt("listen", "-u", "-d", *groups(group + "%" + name), "4000")
        send("%s%%%s" % (group, other), "4000", "elsewhere")
        send("[%s%%%s]:4000" % (group, name), "here"); assert sockt.hear() == b"here", (group, name)
        assert sockt.end(signal.SIGTERM) == 143'
}

@test "udp-send: several listeners of a group each hear it once, by IPv4 and IPv6, and --any-source hears them all" {
	needs_netns
	speak_in_netns a_network '
listeners = [Sockt("listen", "-u", "--json", *groups("239.1.1.1", "ff02::4321"), "4000") for _ in range(3)]
for group in "239.1.1.1", "ff02::4321":
    sockt = Sending("--multicast-if", "here", "--any-source", "--reply=3", "-w", "60", group, "4000", "who is there?")
    for i, listener in enumerate(listeners):
        assert listener.record()["text"] == "who is there?"
        listener.say(b"I am %d" % i)
    assert sorted(sockt.ends().splitlines()) == [b"I am 0", b"I am 1", b"I am 2"] and sockt.said() == "", sockt.said()
assert all(listener.is_silent(0.1) for listener in listeners)'
}

@test "udp-send: --reply to a group or a broadcast without --any-source hears nobody, and says at -v what is missing" {
	needs_netns
	speak_in_netns a_network '
ear = Ear("0.0.0.0", 4000)
ear.sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                    struct.pack("4s4si", socket.inet_aton("239.1.1.1"), bytes(4), socket.if_nametoindex("here")))
for words in ["--multicast-if", "here", "239.1.1.1:4000"], ["--broadcast", "192.0.2.255:4000"]:
    for verbose in False, True:
        sockt = Sending("--reply", "-w", "1", *["-v"] * verbose, *words, "x")
        assert ear.hear() == b"x"
        ear.answer(b"not heard")
        assert sockt.ends(5) == b""
        said = sockt.said()
        assert "no answer came within 1 s\n" in said and ("only with --any-source" in said) == verbose, said'
}

@test "udp-send: --broadcast reaches everybody; without it status 4 names it, and nothing is sent" {
	needs_netns
	speak_in_netns a_network '
sockt = Sockt("listen", "-u", "0.0.0.0", "4000")
for to, *words in ["192.0.2.255"], ["255.255.255.255", "--interface", "here"]:
    said = fails(4, *words, to, "4000", "unasked")
    assert to + ":4000: " in said and "--broadcast" in said, said
    said = fails(4, *words, "--reply", "--any-source", "-w", "5", to, "4000", "unasked")
    assert "--broadcast" in said, said
    send("--broadcast", *words, to, "4000", "everybody")
    assert sockt.hear() == b"everybody"
    run = Sending("--broadcast", "--reply", "--any-source", "-w", "60", *words, to, "4000", "who?")
    assert sockt.hear() == b"who?"
    sockt.say(b"I")
    assert run.ends() == b"I\n"
assert sockt.is_silent(0.1)
send("--broadcast", "127.0.0.1", "4000", "one")
assert sockt.hear() == b"one"'
}

# ---- as it is used ----

@test "udp-send: counters for statsd are sent as typed, one by one and from a log" {
	local log=$BATS_TEST_TMPDIR/log
	start_udp_peer 'ear = Ear(report=True)
for _ in range(3): say(ear.hear().decode())
say(ear.all())'
	"$SOCKT" udp-send localhost "$port" -4 'page.hits:1|c'
	printf 'error: a\nwarning: b\nerror: c\n' >"$log"
	sed -n 's/^error.*/errors:1|c/p' "$log" | "$SOCKT" udp-send -4 localhost "$port"
	ends 0 "$peer"
	is "$(<"$heard")" $'page.hits:1|c\nerrors:1|c\nerrors:1|c\n[]'
}

@test "udp-send: a line for syslog arrives as RFC 5424 has it" {
	start_udp_peer 'm = Ear(report=True).hear().decode()
head = re.fullmatch(r"<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) - (.*)", m)
say(head[1], head[3] == os.uname().nodename, head[4], head[7])'
	"$SOCKT" udp-send -4 localhost "$port" "<13>1 - $(uname -n) backup - - - done"
	ends 0 "$peer"
	is "$(<"$heard")" '13 True backup done'
}

@test "udp-send: a question as NTP has it, 48 bytes, gets the 48 of the answer in hex" {
	start_udp_peer 'ear = Ear(report=True)
m = ear.hear()
assert m == b"\x1b" + bytes(47), m
ear.answer(b"\x1c\x01" + bytes(38) + struct.pack("!II", 3944678400, 1 << 31))'
	run -0 --separate-stderr "$SOCKT" udp-send --reply -w 20s --hex --local-frame hex "$addr" 1b"$(printf %094d 0)"
	is "${#output} ${output:0:4} ${output:80}" '96 1c01 eb1f040080000000'
	ends 0 "$peer"
}

@test "udp-send: nc -u -l, ncat -u -l and socat receive what is sent, to the byte" {
	speak '
listens = "-u", "-l", "127.0.0.1", "0"
for words in ("nc", *listens), ("ncat", *listens), ("socat", "-u", "-b", "70000", "UDP4-RECV:0,bind=127.0.0.1", "-"):
    tool = Child(*words)
    sockt = Sending("--frame", "len32", "127.0.0.1", str(port_of(tool.pid)))
    for m in some(most=8192, empty=False):
        sockt.say(pack("len32", m))
        assert tool.read(len(m)) == m, words
    assert sockt.ends() == b"" and tool.is_silent(0)'
}

@test "udp-send: listen -u and listen -uk -- CMD hear each datagram whole" {
	start_listener -u -d --local-frame hex
	"$SOCKT" udp-send "$addr" one '' $'three\n'
	wait_for holds "$heard" $'6f6e65\n\n74687265650a'
	start_server listen -uk --frame line 127.0.0.1 0 -- sh -c 'while read -r x; do echo "$x" >&2; done'
	printf 'a\nb\n' | "$SOCKT" udp-send "$addr"
	wait_for says "$said" b
	is "$(grep -v listening "$said")" $'a\nb'
}

# ---- its end ----

@test "udp-send: without --reply it ends as soon as everything is sent, whatever -w says" {
	start_udp_peer 's = reported(); signal.pause()'
	elapsed_ms run -0 --separate-stderr "$SOCKT" udp-send -w 60 "$addr" x
	between 0 20000
}

@test "udp-send: TERM, INT and HUP end it as they do, whatever it waits for" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	speak '
ear = Ear()
for signo in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
    waits = [Sending(*ear.words), Sending("--reply", "-w", "0", *ear.words, "ask"),
             Sending("--interval", "1h", *ear.words, "one", "two")]
    waits[0].say(b"line\n")
    assert sorted(ear.hear_n(3)) == [b"ask", b"line", b"one"]
    for sockt in waits:
        sockt.is_asleep()
        assert sockt.end(signo) == 128 + signo and sockt.said() == "", (signo, sockt.said())
    sockt = Sending("--file", argv[0], *ear.words)
    with open(argv[0], "wb"):
        assert sockt.end(signo) == 128 + signo
assert ear.all() == []' "$BATS_TEST_TMPDIR/fifo"
}

@test "udp-send: signals and -m are heard while it sends as fast as it can" {
	closed_udp_port
	begin "$SOCKT" udp-send --count 1000000000000 "$addr" x
	still_runs "$pid"
	kill -TERM "$pid"
	ends 143 "$pid"
	run -5 --separate-stderr "$SOCKT" udp-send --count 1000000000000 -m 0.3 "$addr" x
	one_line "$stderr"
	has "$stderr" '300 ms' -m
}

@test "udp-send: a signal while answers are waited for leaves those that came printed, and --stats is said" {
	speak '
ear = Ear()
sockt = Sending("--reply=3", "-w", "0", "--stats", *ear.words, "ask")
ear.hear(); ear.answer(b"one")
assert sockt.read(4) == b"one\n"
assert sockt.end(signal.SIGTERM) == 143
assert "sent 1 datagrams, 3 bytes, received 1 datagrams, 3 bytes" in sockt.said(), sockt.said()'
}

@test "udp-send: -m ends it in any case: status 5" {
	start_udp_peer 's = reported(); signal.pause()'
	mkfifo "$BATS_TEST_TMPDIR/open"
	exec 5<>"$BATS_TEST_TMPDIR/open"
	local words
	for words in "$addr" "--reply -w 0 $addr x" "--interval 1h $addr x y"; do
		# shellcheck disable=SC2086	# several words
		elapsed_ms run -5 --separate-stderr "$SOCKT" udp-send -m 0.3 $words <&5 5>&-
		one_line "$stderr"
		has "$stderr" "$addr: " '300 ms' -m
		between 300 20000
	done
	exec 5>&-
}

@test "udp-send: answers that stdout does not take are status 12; a reader that went away ends it as SIGPIPE does" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto(m, who)'
	run -12 --separate-stderr bash -c '"$SOCKT" udp-send --reply -w 20 "$1" hello >/dev/full' - "$addr"
	one_line "$stderr"
	has "$stderr" stdout 'No space left'
	run -12 --separate-stderr bash -c '"$SOCKT" udp-send --reply --json --quiet -w 20 "$1" hello >/dev/full' - "$addr"
	has "$stderr" stdout 'No space left'
	run -12 --separate-stderr bash -c '"$SOCKT" udp-send --reply -w 20 "$1" hello >&-' - "$addr"
	has "$stderr" stdout
	run -0 --separate-stderr bash -c '"$SOCKT" udp-send "$1" hello >/dev/full' - "$addr"
	run -0 --separate-stderr bash -c '"$SOCKT" udp-send "$1" hello >&-' - "$addr"
	is "$stderr" ''
	speak '
sockt = Sending("--reply", "-w", "60", *map(str, where), "hello", "again")
sockt.process.stdout.close()
assert sockt.end() == 141 and sockt.said() == ""'
}

# ---- on a terminal ----

@test "udp-send: answers cannot drive the terminal, in any format that shows them, unless --raw lets them" {
	speak '
from terminal import Terminal
evil = b"\x1b]0;title\7\x1b[2J\r\x9b31m\xc2\x9b" + "\u202e".encode() + b"ok\n\tend"
ear = Ear()
def shown(*words):
    t = Terminal("udp-send", "--reply", "-w", "60", *words, *ear.words, "ask")
    ear.hear(); ear.answer(evil)
    assert t.end() == 0, t.shown
    return t.shown
def drives(text): return [b for b in text if b < 32 and b not in b"\n\t" or b == 127]
for words in [], ["--local-frame", "raw"], ["--local-frame", "nul"], ["--local-frame", "netstring"]:
    got = shown(*words)
    assert b"\\x1b]0;title\\x07" in got and b"ok\n\tend" in got and b"\x9b" not in got, (words, got)
    assert "\u202e".encode() not in got and (not drives(got) or "nul" in words), (words, got)
got = shown("--json")
assert not drives(got) and b"\x9b" not in got and "\u202e".encode() not in got, got
assert shown("--raw") == evil + b"\n" and shown("--raw", "--local-frame", "raw") == evil
with tempfile.TemporaryFile() as file:
    out = subprocess.Popen([SOCKT, "udp-send", "--reply", "-w", "60", *ear.words, "ask"], stdout=file)
    ear.hear(); ear.answer(evil)
    assert out.wait(PATIENCE) == 0 and os.pread(file.fileno(), 1000, 0) == evil + b"\n"'
}

# ---- what it costs ----

# traced CALLS COMMAND...: runs it; what it called of these is in $calls, a line each.
traced() {
	calls=$BATS_TEST_TMPDIR/calls
	ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o "$calls" -e "trace=$1" "${@:2}"
}

needs_strace() { strace -o /dev/null true 2>/dev/null || skip 'no strace, or it may not'; }

# n_calls NAME: how many of them succeeded.
n_calls() { grep -c -- " $1(.* = [0-9]" "$calls" || true; }

@test "udp-send: a thousand lines of a file go in batches, and nothing else is written" {
	needs_strace
	[[ ${VARIANT-} != portable ]] || skip 'the portable build has no sendmmsg'
	start_udp_peer 'ear = Ear(report=True); signal.pause()'
	awk 'BEGIN { for (i = 1; i <= 1000; i++) printf "%0*d\n", i % 100 + 1, i }' >"$BATS_TEST_TMPDIR/lines"
	traced sendmmsg,sendmsg,sendto,write,writev,recvmsg,recvmmsg,recvfrom \
		"$SOCKT" udp-send "$addr" <"$BATS_TEST_TMPDIR/lines"
	(($(n_calls sendmmsg) > 0 && $(n_calls sendmmsg) <= 20))
	is "$(n_calls sendmsg) $(n_calls sendto) $(n_calls write) $(n_calls writev)" '0 0 0 0'
	is "$(n_calls recvmmsg) $(n_calls recvmsg) $(n_calls recvfrom)" '0 0 0'
}

@test "udp-send: datagrams of one length share a packet where the system can take them apart" {
	needs_strace
	[[ ${VARIANT-} != portable ]] || skip 'the portable build does not ask for that: it is an option of Linux'
	python3 -c 'import socket; socket.socket(type=socket.SOCK_DGRAM).getsockopt(socket.IPPROTO_UDP, 103)' 2>/dev/null ||
		skip 'no UDP_SEGMENT'
	start_udp_peer 'ear = Ear(report=True)
same(ear.hear_n(64), [b"0123456789"] * 64); say("heard")'
	traced sendmmsg "$SOCKT" udp-send --count 64 "$addr" 0123456789
	ends 0 "$peer"
	is "$(<"$heard") $(n_calls sendmmsg)" 'heard 1'
	has "$(<"$calls")" ' = 1'
}

@test "udp-send: one datagram takes one call, and waiting for lines takes none" {
	needs_strace
	speak '
ear = Ear()
calls = argv[0]
subprocess.run(["strace", "-f", "-qq", "-o", calls, "-e", "trace=sendmmsg,sendmsg,sendto,write", SOCKT, "udp-send",
                *ear.words, "x"], check=True, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
assert len(open(calls).readlines()) == 1, open(calls).read()
assert ear.all() == [b"x"]
sockt = Sending(*ear.words)
sockt.say(b"x\n"); ear.hear(); sockt.is_asleep()
def switches(): return re.findall(r"ctxt_switches:\s*(\d+)", open("/proc/%d/status" % sockt.pid).read())
before = switches()
is_silent(ear.sock, 1)
assert int(switches()[0]) - int(before[0]) <= 1, (before, switches())
sockt.ends()' "$BATS_TEST_TMPDIR/calls"
}

# ---- what makes no sense ----

@test "udp-send: options that contradict each other or the operands are status 2, both named, and nothing is sent" {
	local words names
	closed_udp_port
	while IFS='|' read -r words names; do
		# shellcheck disable=SC2086	# several words
		run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" udp-send "$addr" $words
		is "$output" ''
		one_line "$stderr"
		# shellcheck disable=SC2086
		has "$stderr" $names
	done <<-'END'
		--empty --file x|--empty --file
		--size 3 --file x|--size --file
		--size 3 --empty|--size --empty
		--hex --file x|--hex --file
		--hex --empty|--hex --empty
		--hex --size 3|--hex --size
		--hex --frame line|--hex --frame
		--rate 3/s --interval 3|--rate --interval
		--json --local-frame hex --reply|--json --local-frame
		--file x y|--file DATA
		--empty y|--empty DATA
		--size 3 y|--size DATA
		--frame line y|--frame stdin
		--frame line --empty|--frame stdin
		--count 3|--count DATA
		--any-source y|--any-source --reply
		--local-frame hex y|--local-frame --reply
		--raw y|--raw --reply
	END
}

@test "udp-send: values that are none are status 2 and named" {
	local words
	closed_udp_port
	for words in --frame=hex --frame=fixed:0 --frame=x --local-frame=x --count=0 --count=x --rate=5 --rate=0/s --rate=5/x \
		--interval=0 --interval=x --interval=5/s --ttl=0 --ttl=256 --ttl=x --tos=256 --tos=-1 --multicast-ttl=256 \
		--multicast-if=nosuch0 --multicast-if=192.0.2.77 --multicast-if=0 --reply=0 --reply=x --size=-1 --size=x --size=3G \
		--file= --timeout=x; do
		run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" udp-send --reply "$words" "$addr" x
		one_line "$stderr"
		has "$stderr" "${words%%=*}"
	done
}

@test "udp-send: an address that is not one of UDP is status 2, and a hint says where datagrams are" {
	local word
	run -2 --separate-stderr "$SOCKT" udp-send "unix:$BATS_TEST_TMPDIR/none" x
	one_line "$stderr"
	has "$stderr" 'unix --type dgram'
	for word in vsock:1:9 tcp://127.0.0.1:9; do
		run -2 --separate-stderr "$SOCKT" udp-send "$word" x
		one_line "$stderr"
	done
	run -2 --separate-stderr "$SOCKT" udp-send -u 127.0.0.1 9 x
	has "$stderr" -u 'UDP anyway'
	run -2 --separate-stderr "$SOCKT" udp-send -l 127.0.0.1 9 x
	has "$stderr" -l 'listen -u'
	for word in 127.0.0.1 9 '::1'; do
		run -2 --separate-stderr "$SOCKT" udp-send "$word"
	done
}
