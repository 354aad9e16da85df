# Messages over Unix sockets, of sequenced packets and of datagrams: boundaries, empty ones, the longest, the end.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/unix

# ---- both ways ----

@test "packets: unix and a listener in Python understand each other in lines, NULs and len32, up to the longest" {
	speak '
for kind in PACKETS:
    for form, ends in ("line", b"\n"), ("nul", b"\0"), ("len32", b""):
        peer = Peer(kind)
        sockt = Sockt("unix", "--type", kind, "-q", "0", peer.where, form=form)
        converse(sockt, peer, some("there", ends), some("back", ends))
        assert sockt.rest() == b"" and sockt.end() == 0, (kind, form, sockt.said())'
}

@test "packets: unix -l and a client in Python understand each other in lines, NULs and len32, up to the longest" {
	speak '
for kind in PACKETS:
    for form, ends in ("line", b"\n"), ("nul", b"\0"), ("len32", b""):
        sockt = Sockt("unix", "-l", "--type", kind, place(), form=form)
        guest = Guest(sockt.where, kind)
        converse(guest, sockt, some("there", ends), some("back", ends))
        if kind == "dgram":
            assert sockt.end(signal.SIGTERM) == 143
            continue
        guest.sock.close()
        assert sockt.rest() == b"" and sockt.end() == 0, (kind, form, sockt.said())'
}

@test "packets: unix and unix -l understand each other, at a path and at an abstract name" {
	own_name
	speak '
for kind in PACKETS:
    for path in place(), argv[0]:
        listener = Sockt("unix", "-l", "--type", kind, path)
        sockt = Sockt("unix", "--type", kind, "-q", "0", path)
        converse(sockt, listener, some("there"), some("back"))
        assert sockt.rest() == b"" and sockt.end() == 0
        assert kind == "seqpacket" or listener.end(signal.SIGTERM) == 143
        assert kind == "dgram" or listener.rest() == b"" and listener.end() == 0' "$name"
}

@test "packets: sequenced packets go through socat both ways between unix and unix -l, up to the longest" {
	speak '
listener = Sockt("unix", "-l", "--type", "seqpacket", place())
path = place()
Child("socat", "-b", "300000", "UNIX-LISTEN:%s,type=5" % path, "UNIX-CONNECT:%s,type=5" % listener.where)
sockt = Sockt("unix", "--type", "seqpacket", "--wait", str(PATIENCE), path)
# An empty packet is an end to socat.
converse(sockt, listener, [m for m in some("there") if m], [m for m in some("back") if m])
assert sockt.rest() == b"" and sockt.end() == 0
assert listener.rest() == b"" and listener.end() == 0'
}

@test "packets: datagrams go through socat to unix -l, and back from it to unix, up to the longest" {
	speak '
listener, path = Sockt("unix", "-l", "--type", "dgram", place()), place()
Child("socat", "-u", "-b", "300000", "UNIX-RECV:" + path, "UNIX-SENDTO:" + listener.where)
sockt = Sockt("unix", "--type", "dgram", "--wait", str(PATIENCE), "-q", "0", path)
for m in some("there"):
    if m:
        sockt.say(m)
        assert listener.hear() == m, len(m)
path = place()
Child("socat", "-b", "300000", "UNIX-RECVFROM:%s,fork" % path, "PIPE")
sockt = Sockt("unix", "--type", "dgram", "--wait", str(PATIENCE), "-q", "0", path)
for m in some("back", longest=65536):		# a pipe takes no more at once
    if m:
        sockt.say(m)
        assert sockt.hear() == m, len(m)
assert sockt.rest() == b"" and sockt.end() == 0'
}

# What these write is what one read of their stdin brought.
@test "packets: unix and nc -luU, ncat -luU and socat as listeners understand each other" {
	speak '
path = place()
for kind, *words in (("dgram", "nc", "-luU"), ("dgram", "ncat", "-luU"),
                     ("seqpacket", "socat", "-", "UNIX-LISTEN:%s,type=5")):
    path = place()
    tool = Child(*words[:-1], words[-1] % path) if "%s" in words[-1] else Child(*words, path)
    sockt = Sockt("unix", "--type", kind, "--wait", str(PATIENCE), "-q", "0", path)
    there, back = ([m for m in some(seed, longest=4096) if m] for seed in ("there", "back"))
    converse(sockt, tool, there, back)
    assert sockt.rest() == b"" and sockt.end() == 0, (words, sockt.said())'
}

@test "packets: unix -l and nc -uU, ncat -uU and socat as clients understand each other" {
	speak '
for kind, *words in (("dgram", "nc", "-uU"), ("dgram", "ncat", "-uU"),
                     ("dgram", "socat", "-", "UNIX-SENDTO:%s,bind=" + place()),
                     ("seqpacket", "socat", "-", "UNIX-CONNECT:%s,type=5")):
    sockt = Sockt("unix", "-l", "--type", kind, place())
    path = sockt.where
    tool = Child(*words[:-1], words[-1] % path) if "%s" in words[-1] else Child(*words, path)
    there, back = ([m for m in some(seed, longest=4096) if m] for seed in ("there", "back"))
    converse(tool, sockt, there, back)
    if kind == "seqpacket":
        tool.rest()
        assert sockt.rest() == b"" and sockt.end() == 0, sockt.said()'
}

# ---- stdin and stdout ----

@test "packets: what one read of stdin brings is one packet, with or without a line feed, up to 8 KiB" {
	speak '
parts = b"a", b"b\n", b"c\nd", b"\0", b"\r\n\r\n", bytes(range(256))
data = random.randbytes(20000)
with tempfile.TemporaryFile() as file:
    for kind in PACKETS:
        peer = Peer(kind)
        sockt = Sockt("unix", "--type", kind, "-q", "0", peer.where, form=None)
        for m in parts:
            sockt.say(m)
            assert peer.hear() == m, m
        assert sockt.rest() == b"" and sockt.end() == 0
        sockt = Sockt("unix", "-l", "--type", kind, place(), form=None)
        guest = Guest(sockt.where, kind)
        guest.say(b"hello")
        assert sockt.hear(5) == b"hello"
        for m in parts:
            sockt.say(m)
            assert guest.hear() == m, m
        file.seek(0); file.write(data); file.seek(0)
        peer = Peer(kind)
        words = SOCKT, "unix", "--type", kind, "-q", "0", peer.where
        together(lambda: subprocess.run(words, stdin=file, check=True),
                 lambda: same([peer.hear() for _ in range(3)], [data[:8192], data[8192:16384], data[16384:]]))'
}

@test "packets: what comes is printed as it came, with nothing between, and in the format that is asked for" {
	local kind row form want
	for kind in seqpacket dgram; do
		for row in '|a\0b\nc' 'line|a\0b\n\nc\n' 'nul|a\0b\0\0c\0' 'hex|610062\n\n63\n' 'base64|YQBi\n\nYw==\n' \
			'json|"a\\u0000b"\n""\n"c"\n' 'raw|a\0bc'; do
			IFS='|' read -r form want <<<"$row"
			# shellcheck disable=SC2059	# it has escapes
			printf "$want" >"$BATS_TEST_TMPDIR/want"
			[[ -n $form ]] || printf 'a\0bc' >"$BATS_TEST_TMPDIR/want"
			# shellcheck disable=SC2086	# two words, or none
			start_unix -d --type "$kind" ${form:+--local-frame $form}
			speak 's = join(argv[0], argv[1])
for m in b"a\0b", b"", b"c": s.send(m)' "$sock" "$kind"
			wait_for cmp -s "$heard" "$BATS_TEST_TMPDIR/want"
			[[ $kind == seqpacket ]] || kill -TERM "$server"
			ends "$([[ $kind == dgram ]] && echo 143 || echo 0)" "$server"
		done
	done
}

@test "packets: --frame says where messages end on stdin, and an empty line is an empty packet" {
	speak '
for kind in PACKETS:
    for form, data in ("line", b"one\n\nthree\n"), ("nul", b"one\0\0three\0"), ("netstring", b"3:one,0:,5:three,"):
        peer = Peer(kind)
        sockt = Sockt("unix", "--type", kind, "--frame", form, "-q", "0", peer.where, form=None)
        os.write(sockt.process.stdin.fileno(), data)
        sockt.process.stdin.close()
        assert [peer.hear() for _ in range(3)] == [b"one", b"", b"three"], (kind, form)
        if kind == "seqpacket":
            assert has_end(peer.who)
            peer.end()
        assert sockt.end() == 0'
}

@test "packets: an empty stdin sends nothing, not even an empty packet" {
	speak '
for kind in PACKETS:
    peer = Peer(kind)
    sockt = Sockt("unix", "--type", kind, "-q", "0", peer.where, form=None)
    assert sockt.rest() == b"" and sockt.end() == 0
    if kind == "seqpacket":
        assert has_end(peer.connection())
    else:
        join(peer.where, kind).send(b"the first")
        assert peer.hear() == b"the first"'
}

# ---- lengths ----

@test "packets: one that is too long is status 11 with the limit, and nothing of it is sent after what came before" {
	speak '
def too_long(kind, sockt, other):
    if kind == "dgram" and type(other) is Guest:
        other.say(b"hello"); assert sockt.hear() == b"hello"
    sockt.say(b"before"); assert other.hear() == b"before"
    try: sockt.say(bytes(most() + 1))
    except BrokenPipeError: pass
    assert sockt.end() == 11, sockt.said()
    words = "a message of %d bytes is longer than the %d that the socket takes" % (most() + 1, most())
    assert words in sockt.said(), sockt.said()
for kind in PACKETS:
    peer = Peer(kind)
    too_long(kind, Sockt("unix", "--type", kind, peer.where), peer)
    sockt = Sockt("unix", "-l", "--type", kind, place())
    guest = Guest(sockt.where, kind)
    too_long(kind, sockt, guest)
    if kind == "dgram":
        assert is_silent(peer.sock, 0) and is_silent(guest.sock, 0)
        continue
    for s in peer.who, guest.sock:
        try: assert s.recv(100) == b""
        except ConnectionResetError: pass'
}

@test "packets: the longest is what -o SO_SNDBUF leaves room for" {
	local kind
	for kind in seqpacket dgram; do
		start_unix_peer "s = reported('$kind'); signal.pause()"
		run -11 --separate-stderr "$SOCKT" unix --type "$kind" -o SO_SNDBUF=20000 --frame line "$where" \
			< <(printf '%050000d\n' 1)
		one_line "$stderr"
		has "$stderr" "sockt: unix: unix:$where: a message of 50000 bytes is longer than the 39968 that the socket takes"
	done
}

@test "packets: what a listener accepts has its -o options as well" {
	start_server unix -l --type seqpacket -o SO_SNDBUF=20000 --frame line "$BATS_TEST_TMPDIR/sock" \
		< <(printf '%050000d\n' 1)
	run "$SOCKT" unix --type seqpacket -d "$BATS_TEST_TMPDIR/sock"
	ends 11 "$server"
	has "$(<"$said")" 'a message of 50000 bytes is longer than the 39968 that the socket takes'
}

@test "packets: one of a program that is too long is status 11 at once, and only what went is counted" {
	local kind
	for kind in seqpacket dgram; do
		start_unix_peer "p = Peer('$kind'); udp.ready(p.sock)
say(p.hear())"
		run -11 --separate-stderr "$SOCKT" unix --type "$kind" -o SO_SNDBUF=20000 --frame line --stats "$where" \
			-- sh -c 'echo hello; printf "%050000d\n" 1; read -r a || :'
		ends 0 "$peer"
		is "$(<"$heard")" "b'hello'"
		has "$stderr" "a message of 50000 bytes is longer than the 39968 that the socket takes" 'sent 5 bytes'
	done
}

@test "packets: one that is longer than --max-message is status 11, and nothing of it is printed" {
	local kind
	for kind in seqpacket dgram; do
		start_unix_peer "p = Peer('$kind'); udp.ready(p.sock)
p.hear(); p.say(b'x' * 100); p.say(b'y' * 101); signal.pause()"
		run -11 --separate-stderr "$SOCKT" unix --type "$kind" -q 20 --max-message 100 "$where" <<<hello
		is "$output" "$(printf 'x%.0s' {1..100})"
		one_line "$stderr"
		has "$stderr" "unix:$where: a message of 101 bytes" 100
	done
	start_unix --type seqpacket --max-message 100
	speak 's = join(argv[0], "seqpacket"); s.send(bytes(101))' "$sock"
	ends 11 "$server"
	is "$(wc -c <"$heard")" 0
}

@test "packets: unix -l cuts a datagram that is longer than --max-message, and a line says that and whose it was" {
	start_unix -d --type dgram --max-message 5 --local-frame line
	run -0 speak 's = join(argv[0], "dgram"); s.send(b"12345"); s.send(b"123456789"); say(s.getsockname())' "$sock"
	wait_for holds "$heard" $'12345\n12345'
	wait_for says "$said" "sockt: unix: unix:$output: 1 datagram cut: 5 bytes"
}

@test "packets: -k drops the client whose packet is longer than --max-message, and serves the others on" {
	start_unix -k -d --type seqpacket --max-message 100 --local-frame line
	speak 'friend, other = join(argv[0], "seqpacket"), join(argv[0], "seqpacket")
friend.send(b"one"); other.send(bytes(101))
try: assert other.recv(1) == b""
except ConnectionResetError: pass
friend.send(b"two")' "$sock"
	wait_for holds "$heard" $'one\ntwo'
	wait_for says "$said" 'a message of 101 bytes'
}

# ---- the end of sequenced packets ----

@test "packets: an empty packet is no end: it is printed, also as the last before the peer's" {
	speak '
for how in "close", "shutdown":
    peer = Peer("seqpacket")
    sockt = Sockt("unix", "--type", "seqpacket", peer.where)
    for m in b"one", b"", b"": peer.say(m)
    peer.who.close() if how == "close" else half_close(peer.who)
    got = sockt.rest()
    assert unpack("len32", got) == [b"one", b"", b""] and sockt.end() == 0, (how, got)
    sockt = Sockt("unix", "-l", "-d", "--type", "seqpacket", place())
    guest = Guest(sockt.where, "seqpacket")
    for m in b"", b"one", b"": guest.say(m)
    guest.sock.close() if how == "close" else half_close(guest.sock)
    got = sockt.rest()
    assert unpack("len32", got) == [b"", b"one", b""] and sockt.end() == 0, (how, got)'
}

@test "packets: an empty packet is no end for a program, nor for -k" {
	speak '
for options in ("-k",), ():
    sockt = Sockt("unix", "-l", *options, "--type", "seqpacket", place(), "--", "cat")
    guest = Guest(sockt.where, "seqpacket")
    for m in b"one", b"", b"": guest.say(m)
    half_close(guest.sock)
    guest.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    assert messages_of(guest.sock, 3) == [b"one", b"", b""] and has_end(guest.sock), options
sockt = Sockt("unix", "-l", "-k", "-d", "--type", "seqpacket", place())
guest = Guest(sockt.where, "seqpacket")
for m in b"", b"one", b"": guest.say(m)
guest.sock.close()
assert [sockt.hear() for _ in range(3)] == [b"", b"one", b""]'
}

@test "packets: the end of stdin is the end for the peer, whose answers are printed all the same" {
	start_unix_peer 'p = Peer("seqpacket"); udp.ready(p.sock); p.connection()
say(p.hear()); say(has_end(p.who)); p.say(b"late"); p.say(b""); p.say(b"answers")'
	run -0 --keep-empty-lines --separate-stderr "$SOCKT" unix --type seqpacket --frame line "$where" <<<question
	is "$output" $'late\n\nanswers\n'
	is "$stderr" ''
	ends 0 "$peer"
	is "$(<"$heard")" $'b\'question\'\nTrue'
}

@test "packets: a peer of sequenced packets that goes in the midst is status 6" {
	start_unix_peer 'p = Peer("seqpacket"); udp.ready(p.sock); p.hear(); p.end()'
	run -6 --separate-stderr bash -c 'yes | "$SOCKT" unix --type seqpacket --frame line "$1"' - "$where"
	one_line "$stderr"
	has "$stderr" "sockt: unix: unix:$where: "
}

@test "packets: no packet is lost when the reader is slow" {
	speak '
said = [b"%099d" % i for i in range(3000)]
def fill(send):
    """Sends until there is no more room. Returns how many went."""
    for n, m in enumerate(said):
        try: send(m)
        except BlockingIOError: return n
for kind in PACKETS:
    peer = Peer(kind)
    sockt = Sockt("unix", "--type", kind, "-q", "0", peer.where)
    pipe = sockt.process.stdin.fileno()
    os.set_blocking(pipe, False)
    assert (done := fill(lambda m: os.write(pipe, pack("len32", m))))
    os.set_blocking(pipe, True)
    def rest():
        for m in said[done:]: os.write(pipe, pack("len32", m))
        sockt.process.stdin.close()
    together(rest, lambda: same([peer.hear() for _ in said], said))
    if kind == "seqpacket": peer.end()
    assert sockt.end() == 0
    sockt = Sockt("unix", "-l", "-d", "--type", kind, place())
    guest = Guest(sockt.where, kind)
    guest.sock.setblocking(False)
    assert (done := fill(guest.say))
    guest.sock.settimeout(PATIENCE)
    together(lambda: [guest.say(m) for m in said[done:]], lambda: same([sockt.hear() for _ in said], said))'
}

# ---- datagrams: the path of who asks ----

@test "packets: a client of datagrams has a path of its own, where the peer answers, and removes it at the end" {
	mkdir "$BATS_TEST_TMPDIR/own"
	start_unix_peer 's = reported("dgram")
for _ in range(2): m, who = s.recvfrom(100); say(who); s.sendto(b"answer to " + m, who)'
	TMPDIR=$BATS_TEST_TMPDIR/own run -0 --separate-stderr "$SOCKT" unix --type dgram --reply 1 -q 20 "$where" <<<one
	is "$output" 'answer to one'
	TMPDIR=$BATS_TEST_TMPDIR/own run -0 --separate-stderr "$SOCKT" unix --type dgram --reply 1 -q 20 "$where" <<<two
	ends 0 "$peer"
	[[ $(head -n 1 "$heard") == "$BATS_TEST_TMPDIR"/own/sockt-* ]]
	is "$(sort -u "$heard" | wc -l)" 2
	is "$(ls -A "$BATS_TEST_TMPDIR/own")" ''
}

@test "packets: that path is removed after a signal and after a failure too" {
	mkdir "$BATS_TEST_TMPDIR/own"
	speak '
os.environ["TMPDIR"] = own = HERE + "/own"
for signo in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
    peer = Peer("dgram")
    sockt = Sockt("unix", "--type", "dgram", peer.where)
    converse(sockt, peer, [b"one"], [b"answer"])
    assert len(os.listdir(own)) == 1
    assert sockt.end(signo) == 128 + signo and os.listdir(own) == []
peer = Peer("dgram")
sockt = Sockt("unix", "--type", "dgram", peer.where)
sockt.say(bytes(most() + 1))
assert sockt.end() == 11 and os.listdir(own) == []
sockt = Sockt("unix", "--type", "dgram", peer.where)
converse(sockt, peer, [b"one"], [b"answer"])
peer.end()
sockt.say(b"two")
assert sockt.end() == 6 and os.listdir(own) == [], sockt.said()
sockt = Sockt("unix", "--type", "dgram", "-w", "0.2", peer.where)
assert sockt.end() == 4 and os.listdir(own) == []
peer = Peer("dgram")
sockt = Sockt("unix", "--type", "dgram", peer.where, "--", "sh", "-c", "echo; exit 7", form=None)
assert sockt.end() == 7 and os.listdir(own) == []'
}

@test "packets: 200 TERMs at random moments leave no path of a client behind" {
	mkdir "$BATS_TEST_TMPDIR/own"
	TMPDIR=$BATS_TEST_TMPDIR/own speak '
peer = Peer("dgram")
begun = time.monotonic()
sockt = Sockt("unix", "--type", "dgram", peer.where)
sockt.say(b"hello"); peer.hear()
term_at_random(200, time.monotonic() - begun, lambda i: ["unix", "--type", "dgram", peer.where])
sockt.end(signal.SIGTERM)
assert os.listdir(HERE + "/own") == []'
}

@test "packets: another path is used where TMPDIR is no good, and none that cannot be made is status 9" {
	start_unix_peer 's = reported("dgram")
while True: m, who = s.recvfrom(100); say(who); s.sendto(b"answer", who)'
	TMPDIR=relative run -0 --separate-stderr "$SOCKT" unix --type dgram --reply 1 -q 20 "$where" <<<one
	TMPDIR=/$(printf 'x%.0s' {1..100}) run -0 --separate-stderr "$SOCKT" unix --type dgram --reply 1 -q 20 "$where" <<<one
	is "$(grep -c '^/tmp/sockt-' "$heard")" 2
	TMPDIR=$BATS_TEST_TMPDIR/none run -9 --separate-stderr "$SOCKT" unix --type dgram "$where" <<<one
	one_line "$stderr"
	has "$stderr" "unix:$BATS_TEST_TMPDIR/none/sockt-" 'No such file'
}

@test "packets: a client of datagrams hears its peer, and nobody else" {
	speak '
peer = Peer("dgram")
sockt = Sockt("unix", "--type", "dgram", peer.where)
sockt.say(b"hello"); peer.hear()
try:
    join(peer.who, "dgram").send(b"not for you")
    assert False, "it was heard"
except PermissionError:
    pass
peer.say(b"for you")
assert sockt.hear() == b"for you" and sockt.is_silent()'
}

@test "packets: a peer that is another user can answer" {
	needs_root 'another user'
	start_unix_peer 's = reported("dgram"); os.setgroups([]); os.setgid(54322); os.setuid(54321)
m, who = s.recvfrom(100); s.sendto(b"answer", who)'
	TMPDIR=/tmp run -0 --separate-stderr "$SOCKT" unix --type dgram --reply 1 -q 20 "$where" <<<hello
	is "$output" answer
}

# ---- datagrams: when a client is done ----

@test "packets: a client of datagrams leaves after a silence, with the Nth of --reply, or with -q 0 at once" {
	start_unix_peer 's = reported("dgram")
while True:
    m, who = s.recvfrom(100)
    for answer in b"one", b"two": s.sendto(answer, who)'
	elapsed_ms run -0 --separate-stderr "$SOCKT" unix --type dgram --reply 2 -q 40 --frame line "$where" <<<hello
	is "$output" $'one\ntwo'
	between 0 20000
	elapsed_ms run -0 --separate-stderr "$SOCKT" unix --type dgram --frame line "$where" <<<hello
	is "$output" $'one\ntwo'
	between 1000 20000
	run -5 --separate-stderr "$SOCKT" unix --type dgram --reply 3 -q 1 "$where" <<<hello
	one_line "$stderr"
	has "$stderr" "unix:$where: 2 of 3 answers came"
	start_unix_peer 's = reported("dgram"); say(s.recv(100)); signal.pause()'
	elapsed_ms run -0 --separate-stderr "$SOCKT" unix --type dgram --send-only "$where" <<<hello
	between 0 950
	run -0 --separate-stderr "$SOCKT" unix --type dgram -q 0 "$where" <<<hello
}

@test "packets: a peer of datagrams that goes in the midst is status 6, whether or not it said anything" {
	speak '
peer = Peer("dgram")
sockt = Sockt("unix", "--type", "dgram", peer.where)
sockt.say(b"one"); peer.hear(); peer.end()
sockt.say(b"two")
assert sockt.end() == 6 and "unix:" + peer.where in sockt.said(), sockt.said()
peer = Peer("dgram")
sockt = Sockt("unix", "--type", "dgram", peer.where)
converse(sockt, peer, [b"one"], [b"answer"]); peer.end()
sockt.say(b"two")
assert sockt.end() == 6 and "unix:" + peer.where in sockt.said(), sockt.said()'
}

# ---- datagrams: who listens ----

@test "packets: unix -l prints datagrams of whoever sends, also of who has no name, and stdin answers the last named" {
	speak '
sockt = Sockt("unix", "-l", "--type", "dgram", place())
a, b = Guest(sockt.where, "dgram"), Guest(sockt.where, "dgram")
for i, guest in enumerate((a, b, b, a, b, a, a)):
    guest.say(b"question %d" % i); assert sockt.hear() == b"question %d" % i
    nobody = new("dgram"); nobody.sendto(b"psst", sockt.where); assert sockt.hear() == b"psst"
    for part in b"answer", b"", b"and %d more" % i:
        sockt.say(part); assert guest.hear() == part
    assert is_silent((b if guest is a else a).sock, 0)'
}

@test "packets: unix -l --json has a record for each datagram, with who sent it" {
	[[ ${VARIANT-} != portable ]] || skip 'who sent a datagram is asked of Linux'
	own_name
	speak '
sockt = Sockt("unix", "-l", "--type", "dgram", "--json", place(), form=None)
guest, nameless, abstract = Guest(sockt.where, "dgram"), new("dgram"), Guest(sockt.where, "dgram", own=argv[0])
nameless.connect(sockt.where)
me = {"pid": os.getpid(), "uid": os.geteuid(), "gid": os.getegid()}
for s, who in (guest.sock, guest.sock.getsockname()), (nameless, ""), (abstract.sock, argv[0]):
    for m in b"text", b"", b"\xff\0":
        s.send(m)
        record = sockt.record()
        assert record["event"] == "datagram" and record["peer"] == "unix:" + who, record
        assert content(record) == m and record["size"] == len(m), record
        assert {key: record.get(key) for key in me} == me and record["stamp"], record' "$name"
}

@test "packets: who has gone does not end unix -l, and the next one is answered" {
	speak '
sockt = Sockt("unix", "-lv", "--type", "dgram", place())
guest = Guest(sockt.where, "dgram")
guest.say(b"one"); assert sockt.hear() == b"one"
path = guest.sock.getsockname(); guest.sock.close(); os.unlink(path)
sockt.say(b"too late"); sockt.said_all("unix:" + path)
converse(Guest(sockt.where, "dgram"), sockt, [b"two"], [b"two yourself"])
assert sockt.end(signal.SIGTERM) == 143'
	start_unix --type dgram </dev/null
	speak 's = join(argv[0], "dgram"); s.send(b"hello")' "$sock"
	wait_for says "$heard" hello
	still_runs "$server"
}

@test "packets: unix -l with a program has one for each who sends, who is told whom it talks to" {
	start_unix -k --type dgram --frame line --sh 'echo "$SOCKT_PROTO $SOCKT_LOCAL_ADDR $SOCKT_REMOTE_ADDR"; exec cat'
	speak '
a, b = Guest(argv[0], "dgram"), Guest(argv[0], "dgram")
for guest in a, b:
    guest.say(b"first")
    assert guest.hear().decode() == "UNIX %s %s" % (argv[0], guest.sock.getsockname())
    assert guest.hear() == b"first"
for i in range(20):
    for guest in a, b:
        m = b"%d of %s" % (i, guest.sock.getsockname().encode())
        guest.say(m)
        assert guest.hear() == m' "$sock"
	is "$(pgrep -c -P "$server")" 2
	kill -TERM "$server"
	ends 143 "$server"
	leaves_no_file || [[ -n $(find "$BATS_TEST_TMPDIR" -name 'own.*') && ! -e $sock ]]
}

# ---- sequenced packets: many clients ----

@test "packets: -k prints each client's packets whole, and says what stdin does to all of them" {
	speak '
sockt = Sockt("unix", "-lk", "--type", "seqpacket", place())
crowd = [Guest(sockt.where, "seqpacket") for _ in range(20)]
said = {guest: [b"%d " % i + m for m in some(i, longest=8193)] for i, guest in enumerate(crowd)}
def hear():
    got = [sockt.hear() for messages in said.values() for _ in messages]
    for i, messages in enumerate(said.values()):
        same([m for m in got if m.startswith(b"%d " % i)], messages)
together(hear, *[lambda guest=guest: [guest.say(m) for m in said[guest]] for guest in crowd])
for m in some("back"):
    sockt.say(m)
    for guest in crowd: assert guest.hear() == m, len(m)'
}

@test "packets: each client's program has packets of its own" {
	start_server unix -lk --type seqpacket --frame len32 "$sock" -- cat
	speak '
a, b = Guest(argv[0], "seqpacket"), Guest(argv[0], "seqpacket")
for i, m in enumerate(some("there")):
    for guest in a, b:
        guest.say(m); assert guest.hear() == m, len(m)
half_close(a.sock); assert has_end(a.sock)
b.say(b"still here"); assert b.hear() == b"still here"' "$sock"
}

@test "packets: a program on unix writes and reads packets, and its status is that of sockt" {
	local kind
	for kind in seqpacket dgram; do
		start_unix_peer "p = Peer('$kind'); udp.ready(p.sock)
while m := p.hear(): p.say(m.upper())"
		run -7 --separate-stderr "$SOCKT" unix --type "$kind" --frame line "$where" \
			-- sh -c 'printf "one\ntwo words\n"; for i in 1 2; do read -r a; echo "[$a]" >&2; done; exit 7'
		is "$stderr" $'[ONE]\n[TWO WORDS]'
	done
}

# ---- seen and counted ----

@test "packets: -x, --transcript and --stats are about messages, and nothing that keeps them apart" {
	local kind talk=$BATS_TEST_TMPDIR/talk
	for kind in seqpacket dgram; do
		start_unix_peer "p = Peer('$kind'); udp.ready(p.sock)
for _ in range(3): p.say(p.hear().upper() * 2)"
		run -0 --separate-stderr "$SOCKT" unix --type "$kind" -x --transcript "$talk.$kind" --stats --frame line "$where" \
			<<<$'ab\n\nc'
		is "$output" $'ABAB\n\nCC'
		is "$(grep '^>' <<<"$stderr" | cut -c 1-35)" \
			$'> 00000000  61 62                  \n> 00000002                         \n> 00000002  63                     '
		is "$(grep '^<' <<<"$stderr" | cut -c 1-35)" \
			$'< 00000000  41 42 41 42            \n< 00000004                         \n< 00000004  43 43                  '
		is "$(jq -c 'select(.direction == "sent").text' "$talk.$kind")" $'"ab"\n""\n"c"'
		is "$(jq -c 'select(.direction == "received").text' "$talk.$kind")" $'"ABAB"\n""\n"CC"'
		has "$stderr" 'sent 3 bytes' 'received 6 bytes'
	done
}

# ---- what makes no sense ----

@test "packets: a socket of another type is status 4" {
	speak '
for there in TYPES:
    for here in TYPES:
        s = bound(place(), there)
        sockt = Sockt("unix", "--type", here, "-z", s.getsockname(), form=None)
        assert sockt.end() == (0 if here == there else 4), (here, there)
        assert here == there or "wrong type" in sockt.said(), sockt.said()'
}

@test "packets: options about streams are refused, and so is what has no datagrams" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086	# several words
		run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" unix $words "$sock" <<<hello
		one_line "$stderr"
		[[ ! -e $sock ]]
	done <<-'END'
		--type seqpacket -C
		--type dgram -C
		--type dgram --line-delay 1
		-l --type seqpacket -C
		-l --type dgram --line-delay 1
		--type seqpacket --frame hex
		--type dgram --reply 0
		--reply 1
		--type seqpacket --reply 1
		-l --type dgram --reply 1
		-l --type dgram -x
		-l --type dgram --transcript x
		-l --type dgram --limit-rate 1k
		-l --type dgram --first-byte 1
		-l --type dgram --progress
		-l --type dgram --recv-fd --sh cat
	END
}

@test "packets: an answer to who has gone costs no other client a datagram" {
	mkfifo "$BATS_TEST_TMPDIR/gate"
	# shellcheck disable=SC2016	# for the program's shell
	start_server unix -lk --type dgram --frame line "$sock" -- sh -c 'read -r x
		case $x in
		gone) read -r y <"$2"; echo late ;;
		*) exec cat >"$1" ;;
		esac' sh "$BATS_TEST_TMPDIR/got" "$BATS_TEST_TMPDIR/gate"
	speak '
for i in range(20):
    gone = join(argv[0], "dgram"); gone.send(b"gone"); gone.close()
stays = join(argv[0], "dgram"); stays.send(b"first")
with open(argv[1] + "/gate", "r+b", buffering=0) as gate:
    for i in range(20000):
        stays.send(b"%d" % i)
        if i % 500 == 0: gate.write(b"go\n")
until = lambda: open(argv[1] + "/got").read().split()[-1:] == ["19999"]
while not until(): select.select([], [], [], 0.02)
assert open(argv[1] + "/got").read().split() == [str(i) for i in range(20000)]' "$sock" "$BATS_TEST_TMPDIR"
	kill -TERM "$server"
	wait "$server" || true
}
