# Datagrams of UDP: sockt connect -u, listen -u and echo-server -u.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/service
load lib/udp

setup() { setup_programs; }
teardown() { teardown_programs; }

# ---- connect: messages ----

@test "udp: connect -u and a peer in Python understand each other in lines, NULs and len16, from 0 to 65,507 bytes" {
	speak '
for form in "line", "nul", "len16":
    peer = Peer()
    sockt = Sockt("connect", "-u", "-q", "0", "127.0.0.1", str(peer.where[1]), form=form)
    converse(sockt, peer, some(form, seed="there"), some(form, seed="back"))
    assert sockt.rest() == b"" and sockt.end() == 0'
}

@test "udp: connect -u and listen -u understand each other, by IPv4 and IPv6, from 0 to 65,507 bytes" {
	speak '
for host in "127.0.0.1", "::1":
    listener = Sockt("listen", "-u", host, "0")
    sockt = Sockt("connect", "-u", "-q", "0", host, str(listener.port))
    converse(sockt, listener, some(seed="there"), some(seed="back"))
    assert sockt.rest() == b"" and sockt.end() == 0
    assert listener.end(signal.SIGTERM) == 143'
}

@test "udp: connect -u and nc -u, ncat -u and socat as listeners understand each other" {
	speak '
listens = "-u", "-l", "127.0.0.1", "0"
for words in ("nc", *listens), ("ncat", *listens), ("socat", "-", "UDP4-LISTEN:0,bind=127.0.0.1"):
    tool = Child(*words)
    sockt = Sockt("connect", "-u", "-q", "0", "127.0.0.1", str(port_of(tool.pid)))
    converse(sockt, tool, some(seed="there", most=4096, empty=False), some(seed="back", most=4096, empty=False))
    assert sockt.rest() == b"" and sockt.end() == 0'
}

@test "udp: connect -u and socat, which sends each datagram back, keep boundaries up to 65,507 bytes" {
	speak '
tool = Child("socat", "-b", "70000", "UDP4-RECVFROM:0,bind=127.0.0.1,fork", "PIPE")
sockt = Sockt("connect", "-u", "-q", "0", "127.0.0.1", str(port_of(tool.pid)))
for m in some(empty=False):
    sockt.say(m)
    assert sockt.hear() == m, len(m)'
}

@test "udp: what one read of stdin brings is one datagram of connect -u, with or without a line feed, up to 8 KiB" {
	speak '
peer = Peer()
sockt = Sockt("connect", "-u", "-q", "0", "127.0.0.1", str(peer.where[1]), form=None)
for m in b"a", b"b\n", b"c\nd", b"\0", b"\r\n\r\n", bytes(range(256)):
    sockt.say(m)
    assert peer.hear() == m, m
sockt.rest()
with tempfile.TemporaryFile() as file:
    data = random.randbytes(20000)
    file.write(data); file.seek(0)
    subprocess.run([SOCKT, "connect", "-u", "-q", "0", "127.0.0.1", str(peer.where[1])], stdin=file, check=True)
assert [peer.hear() for _ in range(3)] == [data[:8192], data[8192:16384], data[16384:]]'
}

@test "udp: connect -u prints answers as they came, with nothing between them" {
	start_udp_peer 's = reported()
for answer in b"one", b"", b"two\n", b"three":
    m, who = s.recvfrom(100); s.sendto(answer, who)'
	run -0 --separate-stderr "$SOCKT" connect -u --reply 4 -q 20 --frame line --local-frame raw "$addr" <<<$'1\n2\n3\n4'
	is "$output" $'onetwo\nthree'
	is "$stderr" ''
}

@test "udp: --local-frame is what answers look like, also without --frame" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto(m[::-1], who)'
	run -0 --separate-stderr "$SOCKT" connect -u --reply 2 -q 20 --frame line --local-frame hex "$addr" <<<$'abc\nd'
	is "$output" $'636261\n64'
	run -0 --separate-stderr "$SOCKT" connect -u --reply 1 -q 20 --local-frame json "$addr" <<<abc
	is "$output" '"\ncba"'
}

@test "udp: an empty line is an empty datagram, and an empty answer is an empty line" {
	start_udp_peer 's = reported()
for _ in range(3): m, who = s.recvfrom(100); say(m); s.sendto(b"", who)'
	run -0 --keep-empty-lines --separate-stderr "$SOCKT" connect -u --reply 3 -q 20 --frame line "$addr" <<<$'\nx\n'
	is "$output" $'\n\n\n'
	ends 0 "$peer"
	is "$(<"$heard")" $'b\'\'\nb\'x\'\nb\'\''
}

@test "udp: an empty stdin sends nothing, not even an empty datagram" {
	start_udp_peer 's = reported(); say(s.recv(100))'
	run -0 --separate-stderr "$SOCKT" connect -u -q 0 "$addr" < <(:)
	speak 'join(where).send(b"the first")'
	ends 0 "$peer"
	is "$(<"$heard")" "b'the first'"
}

# what_is_too_long HOST MOST: one byte more than MOST is refused, with nothing of it sent, after what came before it.
what_is_too_long() {
	speak '
host, most = argv[0], int(argv[1])
peer = Peer(host)
data = random.randbytes(most + 1)
for m in data[1:], data:
    with tempfile.TemporaryFile() as file:
        file.write(pack("len32", b"before", m, b"behind")); file.seek(0)
        words = SOCKT, "connect", "-u", "-q", "0", "--frame", "len32", host, str(peer.where[1])
        run = subprocess.run(words, stdin=file, stderr=subprocess.PIPE, text=True)
    assert peer.hear() == b"before"
    if len(m) == most:
        assert run.returncode == 0 and peer.hear() == m and peer.hear() == b"behind"
    say(run.returncode, run.stderr)
bind(host).sendto(b"the end", peer.where)
assert peer.hear() == b"the end"' "$1" "$2"
}

@test "udp: connect -u sends 65,507 bytes by IPv4; one more is status 11, the limit is named and nothing is sent" {
	run -0 what_is_too_long 127.0.0.1 65507
	has "$output" $'\n11 sockt: connect: 127.0.0.1:' \
		'a message of 65508 bytes is longer than the 65507 that the socket takes'
}

@test "udp: connect -u sends 65,527 bytes by IPv6 where the way is that wide; one more is status 11" {
	needs_netns
	speak_in_netns 'ip link set lo mtu 70000' '
data = random.randbytes(65528)
peer = Peer("::1")
for m in data[1:], data:
    sockt = Sockt("connect", "-u", "-q", "0", "::1", str(peer.where[1]), form="len32")
    sockt.say(m)
    if len(m) == 65527:
        assert peer.hear() == m and sockt.rest() == b"" and sockt.end() == 0
    else:
        assert sockt.end() == 11
        assert "65528 bytes is longer than the 65527 that the socket takes" in sockt.said()'
}

@test "udp: a datagram of the peer is printed whole, and one that is longer than --max-message is status 11" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto(b"x" * int(m), who)'
	run -0 --separate-stderr "$SOCKT" connect -u --reply 1 -q 20 --frame line --max-message 100 "$addr" <<<100
	is "${#output}" 100
	run -11 --separate-stderr "$SOCKT" connect -u --reply 1 -q 20 --frame line --max-message 100 "$addr" <<<101
	one_line "$stderr"
	has "$stderr" "$addr: " 100
	is "$output" ''
}

@test "udp: --max-message is how much one read of stdin brings, and status 11 for a longer message of --frame" {
	start_udp_peer 's = reported()
while True: say(s.recv(100))'
	run -0 --separate-stderr "$SOCKT" connect -u -q 0 --max-message 3 "$addr" <<<abcde
	wait_for holds "$heard" $'b\'abc\'\nb\'de\\n\''
	run -11 --separate-stderr "$SOCKT" connect -u -q 0 --max-message 3 --frame line "$addr" <<<$'one\nfour'
	one_line "$stderr"
	has "$stderr" stdin --max-message
	wait_for holds "$heard" $'b\'abc\'\nb\'de\\n\'\nb\'one\''
}

@test "udp: --limit-rate leaves datagrams whole" {
	speak '
peer = Peer()
sockt = Sockt("connect", "-u", "-q", "0", "--limit-rate", "150k", "127.0.0.1", str(peer.where[1]))
converse(sockt, peer, some(seed="there", most=16384), some(seed="back", most=16384))
assert sockt.rest() == b"" and sockt.end() == 0'
}

@test "udp: connect -u hears its peer, and nobody else" {
	speak '
peer, other = Peer(), bind()
sockt = Sockt("connect", "-u", "127.0.0.1", str(peer.where[1]))
sockt.say(b"hello"); peer.hear()
other.sendto(b"not for you", peer.who)
peer.say(b"for you")
assert sockt.hear() == b"for you"
assert sockt.is_silent()'
}

@test "udp: udp:// is the same as -u, which it may go with, and names the peer without it" {
	local words
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto(m.upper(), who)'
	for words in "udp://$addr" "-u udp://$addr" "-u $addr" "-u 127.0.0.1 $port" "--udp localhost $port -4"; do
		# shellcheck disable=SC2086	# several words
		run -0 --separate-stderr "$SOCKT" connect --reply 1 -q 20 $words <<<hello
		is "$output" HELLO
	done
	closed_udp_port
	run -4 --separate-stderr "$SOCKT" connect -q 20 "udp://$addr" <<<hello
	has "$stderr" "sockt: connect: $addr: "
}

@test "udp: connect -u reaches IPv6 peers, and -4 and -6 choose among the addresses of a name" {
	needs_netns
	speak_in_netns 'etc hosts "127.0.0.1 both
::1 both"' '
four, six = Peer("127.0.0.1"), Peer("::1")
for flag, peer in ("-4", four), ("-6", six):
    sockt = Sockt("connect", "-u", flag, "-q", "0", "both", str(peer.where[1]))
    converse(sockt, peer, [b"to you"], [b"to me"])
sockt = Sockt("connect", "-u", "-q", "0", "[::1]:%d" % six.where[1])
converse(sockt, six, [b"to you"], [b"to me"])'
	run -3 --separate-stderr "$SOCKT" connect -u -4 ::1 9 <<<hello
	one_line "$stderr"
}

# ---- connect: its end ----

@test "udp: connect -u leaves when stdin has ended and the peer has been silent for -q" {
	start_udp_peer 's = reported(); m, who = s.recvfrom(100); s.sendto(b"early", who); signal.pause()'
	elapsed_ms run -0 --separate-stderr "$SOCKT" connect -u -q 2 "$addr" <<<hello
	is "$output$stderr" early
	between 2000 20000
}

@test "udp: connect -u leaves by itself after a silence, without -q too" {
	start_udp_peer 's = reported(); signal.pause()'
	elapsed_ms run -0 --separate-stderr "$SOCKT" connect -u "$addr" <<<hello
	is "$output$stderr" ''
	between 1000 15000
}

@test "udp: every datagram of the peer begins the silence of -q anew" {
	start_udp_peer 's = reported(); m, who = s.recvfrom(100)
for _ in range(9): is_silent(s, 0.4); s.sendto(b".", who)'
	run -0 --separate-stderr "$SOCKT" connect -u -q 3 --reply 9 "$addr" <<<hello
	is "$output" .........
}

@test "udp: connect -u -q 0 leaves as soon as all is sent" {
	start_udp_peer 's = reported()
for _ in range(3): say(s.recv(100).decode())
signal.pause()'
	run -0 --separate-stderr "$SOCKT" connect -u -q 0 --frame line "$addr" <<<$'one\ntwo\nthree'
	wait_for holds "$heard" $'one\ntwo\nthree'
}

@test "udp: connect -u goes on as long as stdin does, whoever is silent" {
	speak '
peer = Peer()
sockt = Sockt("connect", "-u", "-q", "0.1", "127.0.0.1", str(peer.where[1]))
sockt.say(b"one"); assert peer.hear() == b"one"
assert sockt.is_silent(0.5)
converse(sockt, peer, [b"two"], [b"answer"])
assert sockt.rest() == b"" and sockt.end() == 0'
}

@test "udp: --reply N ends with the Nth answer, however patient -q is, and prints all of them" {
	start_udp_peer 's = reported()
for _ in range(3): m, who = s.recvfrom(100)
for n in b"1", b"2": s.sendto(n, who)
signal.pause()'
	elapsed_ms run -0 --separate-stderr "$SOCKT" connect -u --reply 2 -q 40 --frame line "$addr" <<<$'a\nb\nc'
	is "$output" $'1\n2'
	between 0 20000
}

@test "udp: --reply counts answers that come before the end of stdin, and waits for that end" {
	speak '
peer = Peer()
sockt = Sockt("connect", "-u", "--reply", "1", "-q", "40", "127.0.0.1", str(peer.where[1]))
converse(sockt, peer, [b"one", b"two", b"three"], [b"1", b"2", b"3"])
began = time.monotonic()
assert sockt.rest() == b"" and sockt.end() == 0
assert time.monotonic() - began < 20'
}

@test "udp: fewer answers than --reply asks for are status 5, and the message says how many came" {
	start_udp_peer 's = reported(); m, who = s.recvfrom(100); s.sendto(b"lonely", who); signal.pause()'
	run -5 --separate-stderr "$SOCKT" connect -u --reply 3 -q 2 "$addr" <<<hello
	is "$output" lonely
	one_line "$stderr"
	has "$stderr" "sockt: connect: $addr: 1 of 3 answers came" '2 s'
}

@test "udp: connect -u with /dev/null or -d listens until a signal, -i or -m ends it" {
	start_udp_peer 's = reported(); signal.pause()'
	begin "$SOCKT" connect -u "$addr" </dev/null
	still_runs "$pid"
	kill -TERM "$pid"
	ends 143 "$pid"
	run -5 --separate-stderr "$SOCKT" connect -u -d -i 0.2 "$addr" <<<hello
	one_line "$stderr"
	has "$stderr" "$addr: idle for 200 ms, nothing came from the peer"
	run -5 --separate-stderr "$SOCKT" connect -u -d -m 0.2 "$addr" <<<hello
	one_line "$stderr"
	has "$stderr" '200 ms'
}

@test "udp: connect -u -d prints what comes, and sends nothing" {
	needs_netns
	speak_in_netns : '
peer = bind(port=4000)
sockt = Sockt("connect", "-u", "-d", "-s", "127.0.0.1:4001", "127.0.0.1", "4000")
sockt.say(b"unsent")
while sockt.is_silent(0.05):
    peer.sendto(b"hello", ("127.0.0.1", 4001))		# as of when it is there
assert sockt.hear() == b"hello"
assert is_silent(peer)'
}

@test "udp: --send-only drops answers and leaves when all is sent" {
	start_udp_peer 's = reported(); m, who = s.recvfrom(100); s.sendto(b"noise", who); say(m.decode()); signal.pause()'
	run -0 --separate-stderr "$SOCKT" connect -u --send-only "$addr" <<<hello
	is "$output$stderr" ''
	wait_for says "$heard" hello
}

@test "udp: --send-only hears no answers, so that --reply cannot go with it" {
	closed_udp_port
	run -2 --separate-stderr "$SOCKT" connect -u --send-only --reply 1 "$addr" <<<hello
	one_line "$stderr"
}

@test "udp: connect -u whose stdout is full is status 12, and whose reader went away dies of SIGPIPE" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto(m, who)'
	run -12 --separate-stderr bash -c '"$SOCKT" connect -u -q 20 "$1" >/dev/full' - "$addr" <<<hello
	one_line "$stderr"
	has "$stderr" stdout 'No space left'
	speak '
sockt = Sockt("connect", "-u", "127.0.0.1", str(where[1]), form=None)
sockt.process.stdout.close()
sockt.say(b"hello")
assert sockt.end() == 141 and sockt.said() == ""'
}

# ---- connect: what the network says ----

@test "udp: a port that is closed is status 4 when nothing was heard, with the word of who said so" {
	closed_udp_port
	run -4 --separate-stderr "$SOCKT" connect -u -q 20 "$addr" <<<hello
	is "$output" ''
	one_line "$stderr"
	has "$stderr" "sockt: connect: $addr: "
	[[ ${VARIANT-} == portable ]] && has "$stderr" refused || has "$stderr" 'port unreachable, says 127.0.0.1'
}

@test "udp: by IPv6 it is the same" {
	start_udp_peer 's = reported("::1"); s.connect(("::1", 9)); signal.pause()'
	run -4 --separate-stderr "$SOCKT" connect -u -q 20 "$addr" <<<hello
	one_line "$stderr"
	has "$stderr" "sockt: connect: $addr: "
}

@test "udp: a port that closes after something was heard is status 6, and what was heard is printed" {
	speak '
peer = Peer()
sockt = Sockt("connect", "-u", "-q", "20", "127.0.0.1", str(peer.where[1]))
converse(sockt, peer, [b"one"], [b"answer"])
peer.sock.connect(("127.0.0.1", 9))	# from now on it refuses whoever else says something
sockt.say(b"two")
assert sockt.end() == 6
assert "127.0.0.1:%d: " % peer.where[1] in sockt.said(), sockt.said()'
}

@test "udp: a datagram that was too long for the way ends nothing: the next ones go, and answers come" {
	needs_netns
	[[ ${VARIANT-} != portable ]] || skip 'the portable build does not ask what the network says'
	speak_in_netns : '
peer = bind(port=4000)
own = "127.0.0.1", 4001
sockt = Sockt("connect", "-u", "-s", "%s:%d" % own, "-q", "20", *map(str, peer.getsockname()))
def too_long(): send_unreachable(own, peer.getsockname(), mtu=1000)
for said, answer in (b"one", b"first"), (b"two", b"second"):
    sockt.say(said); assert hear(peer) == said
    too_long()
    peer.sendto(answer, own); assert sockt.hear() == answer
    too_long()
assert sockt.end(signal.SIGTERM) == 143, sockt.said()
sender = subprocess.Popen([SOCKT, "udp-send", "-s", "%s:%d" % own, *map(str, peer.getsockname())], stdin=subprocess.PIPE)
for said in b"one", b"two", b"three":
    os.write(sender.stdin.fileno(), said + b"\n"); assert hear(peer) == said
    too_long()
sender.stdin.close()
assert sender.wait(PATIENCE) == 0'
}

@test "udp: what the send buffer has no room for at all is status 11, and the buffer is named" {
	needs_netns
	speak_in_netns black_hole '
for words in ("connect", "-u", "--frame", "fixed:60000"), ("udp-send", "--size", "60000"):
    run = subprocess.run([SOCKT, *words, "-o", "SO_SNDBUF=4608", "198.51.100.1", "9"], input=bytes(60000),
                         stderr=subprocess.PIPE, timeout=PATIENCE)
    assert run.returncode == 11 and b"send buffer of 9216 bytes" in run.stderr, run'
}

@test "udp: no way to the peer is status 4" {
	needs_netns
	local words
	for words in '192.0.2.7 4000' '2001:db8::7 4000' '-z 192.0.2.7 4000'; do
		run -4 --separate-stderr in_netns "\"\$SOCKT\" connect -u -q 20 $words <<<hello"
		one_line "$stderr"
		has "$stderr" unreachable
	done
}

@test "udp: meeting oneself counts as refused" {
	needs_netns
	local word
	for word in 127.0.0.1 0.0.0.0 '[::1]' '[::]'; do
		run -4 --separate-stderr in_netns '"$SOCKT" connect -u -q 20 -s "$1:4000" "$1:4000" <<<echo' "$word"
		is "$output" ''
		one_line "$stderr"
		has "$stderr" "$word:4000" refused
	done
}

@test "udp: -s sends from the address, and the port, that it names; one that somebody has is status 9" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto(b"%s:%d" % (who[0].encode(), who[1]), who)'
	run -0 --separate-stderr "$SOCKT" connect -u --reply 1 -q 20 -s "127.0.0.9:$port" "$addr" <<<hello
	is "$output" "127.0.0.9:$port"
	run -0 --separate-stderr "$SOCKT" connect -u --reply 1 -q 20 -s 127.0.0.7 "$addr" <<<hello
	[[ $output == 127.0.0.7:* ]]
	run -9 --separate-stderr "$SOCKT" connect -u -s "$addr" 127.0.0.1 9 <<<hello
	one_line "$stderr"
	has "$stderr" "127.0.0.1:$port" 'in use'
	run -9 --separate-stderr "$SOCKT" connect -u -s 192.0.2.77 "$addr" <<<hello
	has "$stderr" 192.0.2.77
}

# ---- connect: -z ----

@test "udp: connect -u -z hears nothing of a port that is silent: status 5, which says why no more can be known" {
	start_udp_peer 's = reported(); say(s.recv(100))'
	run -5 --separate-stderr "$SOCKT" connect -uz -w 0.3 "$addr" <<<unsent
	is "$output" ''
	one_line "$stderr"
	has "$stderr" "sockt: connect: $addr: " '300 ms' 'nothing was sent' 'udp-send --reply'
	speak 'join(where).send(b"the first")'
	ends 0 "$peer"
	is "$(<"$heard")" "b'the first'"
}

@test "udp: connect -u -z -w 0 listens for ever" {
	start_udp_peer 's = reported(); signal.pause()'
	begin "$SOCKT" connect -uz -w 0 -m 1.5 "$addr"		# longer than it would be by itself
	ends 5 "$pid"
	has "$(<"$said")" '-m allows'
}

@test "udp: connect -u -z asks a closed port nothing either, so that it cannot refuse" {
	closed_udp_port
	elapsed_ms run -5 --separate-stderr "$SOCKT" connect -uz "$addr"
	between 1000 15000
}

@test "udp: connect -u -z leaves stdin to the next command" {
	start_udp_peer 's = reported(); signal.pause()'
	run -0 --separate-stderr bash -c '{ "$SOCKT" connect -uz -w 0.1 "$1" 2>&-; cat; }' - "$addr" <<<"still here"
	is "$output" 'still here'
}

@test "udp: connect -u -z is status 4 when ICMP says meanwhile that the port is closed" {
	needs_netns
	speak_in_netns : '
sockt = Sockt("connect", "-uz", "-w", "20", "-s", "127.0.0.1:4001", "127.0.0.1", "4000", form=None)
while sockt.process.poll() is None:
    send_unreachable(("127.0.0.1", 4001), ("127.0.0.1", 4000))
    select.select([], [], [], 0.05)
assert sockt.end() == 4
said = sockt.said()
assert "127.0.0.1:4000: " in said and ("unreachable" in said or "refused" in said), said'
}

@test "udp: connect -u -z is status 0 when the peer speaks by itself" {
	needs_netns
	speak_in_netns : '
peer = bind(port=4000)
sockt = Sockt("connect", "-uz", "-w", "20", "-s", "127.0.0.1:4001", "127.0.0.1", "4000", form=None)
while sockt.process.poll() is None:
    peer.sendto(b"news", ("127.0.0.1", 4001))
    select.select([], [], [], 0.05)
assert sockt.end() == 0 and sockt.rest() == b""'
}

@test "udp: services have the ports that /etc/services has for UDP; one that is only TCP's is status 3" {
	local service
	for service in domain:53 ntp:123 tftp:69 syslog:514; do
		run -5 --separate-stderr "$SOCKT" connect -uzv -w 0.01 127.0.0.1 "${service%:*}"
		has "$stderr" "127.0.0.1:${service#*:}: connected from"
	done
	run -3 --separate-stderr "$SOCKT" connect -uz 127.0.0.1 gopher
	one_line "$stderr"
	has "$stderr" gopher service
}

# ---- connect: seen, and joined with programs ----

@test "udp: -x shows a datagram from its own beginning in a line of its own, both ways" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto(m.upper(), who)'
	run -0 --separate-stderr "$SOCKT" connect -ux --reply 2 -q 20 --frame line "$addr" <<<$'ab\n0123456789abcdefg'
	is "$(grep '^>' <<<"$stderr")" '> 00000000  61 62                                             |ab|
> 00000002  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|
> 00000012  67                                                |g|'
	is "$(grep '^<' <<<"$stderr")" '< 00000000  41 42                                             |AB|
< 00000002  30 31 32 33 34 35 36 37  38 39 41 42 43 44 45 46  |0123456789ABCDEF|
< 00000012  47                                                |G|'
}

@test "udp: --transcript has a record for each datagram" {
	speak '
peer = Peer()
path = argv[0]
sockt = Sockt("connect", "-u", "-q", "0", "--transcript", path, "127.0.0.1", str(peer.where[1]))
there, back = some(seed="there", empty=False), some(seed="back", empty=False)
there[0], back[1] = b"text", "\u00e4\n".encode()
converse(sockt, peer, there, back)
assert sockt.rest() == b"" and sockt.end() == 0
found = records(open(path, "rb").read())
for direction, sent in ("sent", there), ("received", back):
    same([content(r) for r in found if r["direction"] == direction], sent)
assert {r["peer"] for r in found} == {"127.0.0.1:%d" % peer.where[1]}
assert [r["text"] for r in found if content(r) in (there[0], back[1])] == ["text", "\u00e4\n"]' "$BATS_TEST_TMPDIR/talk"
}

@test "udp: --transcript has a record for an empty datagram too" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto(m, who)'
	local talk=$BATS_TEST_TMPDIR/talk
	run -0 --separate-stderr "$SOCKT" connect -u --reply 3 -q 20 --transcript "$talk" --frame line "$addr" <<<$'a\n\nb'
	is "$(jq -c 'select(.direction == "sent").text' "$talk")" $'"a"\n""\n"b"'
	is "$(jq -c 'select(.direction == "received").text' "$talk")" $'"a"\n""\n"b"'
}

@test "udp: --stats and --json count the bytes of datagrams, and nothing that keeps them apart" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto(m * 2, who)'
	run -0 --separate-stderr "$SOCKT" connect -u --stats --reply 3 -q 20 --frame len32 --json "$addr" \
		< <(printf '\0\0\0\4four\0\0\0\0\0\0\0\1x')
	is "$(jq -r 'select(.event == "stats") | "\(.object) \(.sent) \(.received)"' <<<"$stderr")" "$addr 5 10"
}

@test "udp: a program on connect -u writes datagrams and reads answers, and its status is that of sockt" {
	start_udp_peer 's = reported()
while True: m, who = s.recvfrom(100); s.sendto(m.upper(), who)'
	run -7 --separate-stderr "$SOCKT" connect -u "$addr" \
		-- sh -c 'echo question; read -r answer; echo "$answer" >&2; exit 7'
	is "$output" ''
	is "$stderr" QUESTION
	run -0 --separate-stderr "$SOCKT" connect -u --frame line "$addr" \
		-- sh -c 'printf "one\n\nthree\n"; for i in 1 2 3; do read -r answer; echo "[$answer]" >&2; done'
	is "$stderr" $'[ONE]\n[]\n[THREE]'
}

@test "udp: a program on connect -u is told that it talks UDP, and to whom" {
	start_udp_peer 's = reported(); signal.pause()'
	run -0 --separate-stderr "$SOCKT" connect -u -s 127.0.0.9 "$addr" --sh 'env | grep ^SOCKT_ | sort >&2'
	has "$stderr"$'\n' $'SOCKT_LOCAL_ADDR=127.0.0.9\n' $'SOCKT_PROTO=UDP\n' $'SOCKT_REMOTE_ADDR=127.0.0.1\n' \
		"SOCKT_REMOTE_PORT=$port"$'\n'
}

# ---- connect: what makes no sense ----

@test "udp: connect -u refuses what has no datagrams of UDP, or no lines, before it does anything" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086	# several words
		run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" connect $words <<<hello
		one_line "$stderr"
	done <<-'END'
		-u unix:/tmp/none
		-u unix:@none
		-u vsock:1:9
		--reply 1 127.0.0.1 9
		--reply 1 tcp://127.0.0.1:9
		-u --reply 0 127.0.0.1 9
		-u --reply x 127.0.0.1 9
		-uC 127.0.0.1 9
		-u --line-delay 1 127.0.0.1 9
		-u --mptcp 127.0.0.1 9
		-uz 127.0.0.1 9 -- cat
		-u --frame hex 127.0.0.1 9
		-u 127.0.0.1
		-u 127.0.0.1 70000
	END
	run -2 --separate-stderr "$SOCKT" connect -u "unix:$BATS_TEST_TMPDIR/none"
	has "$stderr" -u 'unix --type dgram'
}

# ---- listen: in ----

@test "udp: listen -u prints datagrams of whoever sends, as they came, with nothing between them" {
	start_listener -u -d
	speak 'for i, m in enumerate((b"one", b"", b"two\n", b"three")): join(where, "127.0.0.%d" % (i + 1)).send(m)'
	wait_for holds "$heard" $'onetwo\nthree'
	is "$(<"$said")" "listening on $addr"
}

@test "udp: listen -u prints each datagram in the format of --local-frame" {
	local row form want
	for row in 'line|a\n\nb c\n' 'nul|a\0\0b c\0' 'len8|\1a\0\3b c' 'netstring|1:a,0:,3:b c,' 'hex|61\n\n622063\n' \
		'base64|YQ==\n\nYiBj\n' 'json|"a"\n""\n"b c"\n' 'raw|ab c'; do
		IFS='|' read -r form want <<<"$row"
		start_listener -u -d --local-frame "$form"
		speak 'for m in b"a", b"", b"b c": join(where).send(m)'
		# shellcheck disable=SC2059	# it has escapes
		printf "$want" >"$BATS_TEST_TMPDIR/want"
		wait_for cmp -s "$heard" "$BATS_TEST_TMPDIR/want"
	done
}

@test "udp: listen -u and nc -u, ncat -u and socat as senders understand each other" {
	speak '
for words in ("nc", "-u", "127.0.0.1"), ("ncat", "-u", "127.0.0.1"), ("socat", "-"):
    sockt = Sockt("listen", "-u", "127.0.0.1", "0")
    port = str(sockt.port)
    tool = Child(*words, "UDP4:127.0.0.1:" + port if words[0] == "socat" else port)
    converse(tool, sockt, some(seed="there", most=4096, empty=False), some(seed="back", most=4096, empty=False))
    assert sockt.end(signal.SIGTERM) == 143'
}

@test "udp: a hundred senders are all heard, each once and whole" {
	speak '
sockt = Sockt("listen", "-u", "--json", "127.0.0.1", "0", form=None)
for i in range(100):
    guest = Guest(sockt.where, "127.0.0.%d" % (i % 9 + 1))
    guest.say(b"I am %d" % i)
    record = sockt.record()
    assert record["peer"] == "%s:%d" % guest.name and content(record) == b"I am %d" % i, record
assert sockt.is_silent()'
}

@test "udp: a message that contains what ends it is printed, and a line says once that it is ambiguous" {
	start_listener -u -d --local-frame line
	speak 'for m in b"a\nb", b"c\nd": join(where).send(m)'
	wait_for holds "$heard" $'a\nb\nc\nd'
	is "$(grep -c 'a message that contains what ends it' "$said")" 1
}

@test "udp: on a terminal what listen -u prints is shown and drives nothing, unless --raw says that it may" {
	speak '
from terminal import Terminal
def shown(*options):
    "What a terminal is given of some datagrams that have been sent to a listener with it as stdout."
    r, w = os.pipe()
    terminal = Terminal("listen", "-u", "--quiet", "--ready-fd", str(w), *options, "127.0.0.1", "0",
                        stdin=subprocess.DEVNULL, pass_fds=[w])
    os.close(w)
    with os.fdopen(r) as lines: guest = Guest(address(lines.readline().strip()))
    for m in b"\x1b[31mred\n", "\u00e4\u009b31m\u202e\n".encode(), b"the end\n": guest.say(m)
    terminal.until(b"the end\\n" if "--json" in options else b"the end")
    terminal.end(signal.SIGTERM)
    return terminal.shown
assert shown() == b"\\x1b[31mred\n\xc3\xa4\\xc2\\x9b31m\\xe2\\x80\\xae\nthe end\n"
assert shown("--raw") == "\x1b[31mred\n\u00e4\u009b31m\u202e\nthe end\n".encode()
said = shown("--json")
assert all(c.isprintable() or c == "\n" for c in said.decode()), said
assert [r["size"] for r in records(said)] == [9, 11, 8], said'
}

@test "udp: a datagram that is longer than --max-message is cut, and a line says that and whose it was" {
	start_listener -u -d --max-message 5 --local-frame line
	local name
	name=$(speak 's = join(where); s.send(b"12345"); s.send(b"123456789"); say("%s:%d" % s.getsockname())')
	wait_for holds "$heard" $'12345\n12345'
	wait_for says "$said" "sockt: listen: $name: 1 datagram cut: 5 bytes"
}

# ---- listen: out ----

@test "udp: stdin of listen -u goes to whoever was heard last" {
	speak '
sockt = Sockt("listen", "-u", "127.0.0.1", "0")
a, b = Guest(sockt.where), Guest(sockt.where)
for i, guest in enumerate((a, b, b, a, b, a, a)):
    guest.say(b"question %d" % i)
    assert sockt.hear() == b"question %d" % i
    for part in b"answer", b"and %d more" % i:
        sockt.say(part)
        assert guest.hear() == part
    other = b if guest is a else a
    assert is_silent(other.sock, 0)'
}

@test "udp: random messages go both ways between listen -u and senders in Python, in lines, NULs and len16" {
	speak '
for form in "line", "nul", "len16":
    sockt = Sockt("listen", "-u", "127.0.0.1", "0", form=form)
    for seed in "a", "b":
        converse(Guest(sockt.where), sockt, some(form, seed=seed), some(form, seed=seed + "back"))'
}

@test "udp: what one read of stdin brings is one datagram of listen -u" {
	speak '
sockt = Sockt("listen", "-u", "127.0.0.1", "0", form=None)
guest = Guest(sockt.where)
guest.say(b"hello")
assert sockt.hear(5) == b"hello"
for m in b"a", b"b\n", b"c\nd", b"\0\n":
    sockt.say(m)
    assert guest.hear() == m, m'
}

@test "udp: listen -u reads nothing of stdin before somebody was heard" {
	local then_cat='"$SOCKT" listen -u -m 0.3 127.0.0.1 0; status=$?; cat; exit "$status"'
	run -5 --separate-stderr bash -c "$then_cat" <<<mine
	is "$output" mine
	run -5 --separate-stderr bash -c "$then_cat" < <(echo piped)
	is "$output" piped
}

@test "udp: stdin that was there before anybody was heard goes to the first" {
	start_listener -u --frame line <<<$'one\n\nthree'
	run -0 speak 's = join(where); say(*ask(s, b"hello"), hear(s), hear(s))'
	is "$output" "b'one' b'' b'three'"
	is_alive "$listener"
}

@test "udp: answers come from the address that was written to, by IPv4 and on a socket for both" {
	local at
	for at in 0.0.0.0 '*'; do
		start_server listen -u "$at" 0 <<<"from $at"
		addr=127.0.0.2:$port
		run -0 speak 's = join(where); say(ask(s, b"hello")[0])'
		has "$output" "from $at"
	done
}

@test "udp: answers come from the address that was written to, by IPv6" {
	needs_netns
	speak_in_netns a_network '
sockt = Sockt("listen", "-u", "0")
for there in "2001:db8::2", "2001:db8::1", "::1", "192.0.2.2", "192.0.2.1":
    guest = Guest((there, sockt.port), "2001:db8::1" if "db8" in there else None)
    converse(guest, sockt, [b"question to " + there.encode()], [b"answer"])'
}

@test "udp: who has gone does not end listen -u: -v says that it was not reached, and the next one is answered" {
	speak '
sockt = Sockt("listen", "-uv", "127.0.0.1", "0")
first = Guest(sockt.where)
first.say(b"one"); assert sockt.hear() == b"one"
first.sock.connect(("127.0.0.1", 9))		# from now on it refuses
sockt.say(b"too late"); sockt.has_read()
# Elsewhere than on Linux only a connected socket hears of it.
if not PORTABLE: sockt.said_all("sockt: listen: 127.0.0.1:%d: port unreachable, says 127.0.0.1" % first.name[1])
converse(Guest(sockt.where), sockt, [b"two"], [b"two yourself"])
assert sockt.end(signal.SIGTERM) == 143'
}

@test "udp: a message of stdin that is too long for a datagram is status 11, after those before it" {
	start_listener -u --frame len32 < <(printf '\0\0\0\5first\0\0\377\344'; head -c 65508 /dev/zero)
	run -0 speak 'say(*ask(join(where), b"hello"))'
	is "$output" "b'first'"
	ends 11 "$listener"
	has "$(<"$said")" 'stdin: a message of 65508 bytes is longer than the 65507 that the socket takes'
}

@test "udp: who sends from port 0 is printed, and not answered: that goes to whom was heard before" {
	needs_netns
	speak_in_netns : '
sockt = Sockt("listen", "-u", "127.0.0.1", "0")
guest = Guest(sockt.where)
guest.say(b"one"); assert sockt.hear() == b"one"
send_as(("127.0.0.1", 0), sockt.where, b"nobody")
assert sockt.hear() == b"nobody"
sockt.say(b"answer"); assert guest.hear() == b"answer"'
}

@test "udp: -d keeps stdin out of it, and --send-only what is heard" {
	speak '
sockt = Sockt("listen", "-u", "-d", "127.0.0.1", "0")
guest = Guest(sockt.where)
sockt.say(b"unsent")
guest.say(b"hello"); assert sockt.hear() == b"hello"
assert is_silent(guest.sock)
sockt = Sockt("listen", "-u", "--send-only", "127.0.0.1", "0")
guest = Guest(sockt.where)
guest.say(b"hello")
sockt.say(b"sent"); assert guest.hear() == b"sent"
assert sockt.is_silent()'
}

# ---- listen: its end ----

@test "udp: listen -u does not end with stdin, and goes on to print" {
	start_listener -u </dev/null
	speak 'join(where).send(b"one\n")'
	wait_for holds "$heard" one
	still_runs "$listener"
	start_listener -u < <(echo answer)
	run -0 speak 's = join(where); say(*ask(s, b"one\n")); s.send(b"two\n")'
	is "$output" "b'answer\\n'"
	wait_for holds "$heard" $'one\ntwo'
	still_runs "$listener"
	kill -TERM "$listener"
	ends 143 "$listener"
	is "$(<"$said")" "listening on $addr"
}

@test "udp: TERM, INT and HUP end listen -u as they do, also when nobody takes its output" {
	speak '
for signo in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
    sockt = Sockt("listen", "-u", "127.0.0.1", "0", form=None)
    fcntl.fcntl(sockt.process.stdout, fcntl.F_SETPIPE_SZ, 4096)
    guest = Guest(sockt.where)
    for _ in range(20): guest.say(bytes(4000))
    sockt.say(b"answer"); guest.hear()
    assert sockt.end(signo) == 128 + signo'
}

@test "udp: -i ends listen -u when nothing has come for so long, status 5, and says what was due" {
	start_listener -u -i 2.5 --local-frame line < <(:)
	speak 's = join(where)
for _ in range(8): s.send(b"x"); is_silent(s, 0.4)'
	ends 5 "$listener"
	is "$(tr -d '\n' <"$heard")" xxxxxxxx
	has "$(<"$said")" "sockt: listen: $addr: idle for 2.5 s, nothing came from anybody, after 0 bytes sent, 8 received"
}

@test "udp: -m ends listen -u in any case, and -w when nobody was heard in time: status 5" {
	run -5 --separate-stderr "$SOCKT" listen --quiet -u -m 0.3 127.0.0.1 0
	one_line "$stderr"
	has "$stderr" 'sockt: listen: ' '300 ms' -m
	run -5 --separate-stderr "$SOCKT" listen --quiet -u -w 0.3 127.0.0.1 0
	one_line "$stderr"
	has "$stderr" '300 ms'
	start_listener -u -w 3 -m 4
	speak 'join(where).send(b"in time")'
	ends 5 "$listener"
	has "$(<"$said")" -m
}

@test "udp: /dev/full behind listen -u is status 12, and a reader that went away ends it as SIGPIPE does" {
	_ready_pipe
	"$SOCKT" listen -u --ready-fd "$ready" 127.0.0.1 0 >/dev/full 2>"$BATS_TEST_TMPDIR/said.full" 3>&- &
	started+=("$!")
	_await_ready "$ready"
	speak 'join(where).send(b"x")'
	ends 12 "$!"
	has "$(<"$BATS_TEST_TMPDIR/said.full")" stdout 'No space left'
	speak '
sockt = Sockt("listen", "-u", "127.0.0.1", "0", form=None)
sockt.process.stdout.close()
Guest(sockt.where).say(b"x")
assert sockt.end() == 141'
}

# ---- listen: what is lost ----

@test "udp: what has come when a signal or -m ends listen -u is printed, and --stats has all of it" {
	speak '
for signo, words in (signal.SIGTERM, ()), (0, ("-m", "0.5")):
    sockt = Sockt("listen", "-u", "--stats", *words, "127.0.0.1", "0", "--local-frame", "line", "-d", form=None)
    guest = Guest(sockt.where)
    guest.say(b"first"); assert sockt.process.stdout.readline() == b"first\n"
    sockt.process.send_signal(signal.SIGSTOP)
    for i in range(200): guest.say(b"%d" % i)
    if not signo: select.select([], [], [], 0.6)	# its time is over when it goes on
    else: sockt.process.send_signal(signo)
    sockt.process.send_signal(signal.SIGCONT)
    assert sockt.process.stdout.read() == b"".join(b"%d\n" % i for i in range(200))
    assert sockt.process.wait(PATIENCE) == (-signo if signo else 5) and "received 201 of" in sockt.said(), sockt.said()'
}

@test "udp: a reader that takes nothing keeps a server that was told to end for --drain, and what it left is counted" {
	speak '
sockt = Sockt("listen", "-uk", "--drain", "0.2", "--stats", "127.0.0.1", "0", "--local-frame", "line", "-d", form=None)
guest = Guest(sockt.where)
import fcntl
fcntl.fcntl(sockt.process.stdout, 1031, 4096)		# F_SETPIPE_SZ
for i in range(100): guest.say(b"x" * 1000)
sockt.end(signal.SIGTERM)
counts = [int(n) for n in re.findall(" ([0-9]+) datagrams? lost: ", sockt.said())]
assert 90 <= sum(counts) <= 100, sockt.said()'
}

@test "udp: what the system had no room for is counted: printed and lost are all that was sent, after a stop" {
	speak '
sockt = Sockt("listen", "-u", "-d", "--stats", "-o", "SO_RCVBUF=16384", "127.0.0.1", "0", form="line")
guest, printed = Guest(sockt.where), Printed(sockt)
os.kill(sockt.pid, signal.SIGSTOP)
for i in range(2000): guest.say(b"%d" % i)
os.kill(sockt.pid, signal.SIGCONT)
sockt.settle()
guest.say(b"the end"); printed.until(b"the end")
assert sockt.end(signal.SIGTERM) == 143
said = sockt.said()
assert 0 < printed.lines < 2001 and printed.lines + lost(said) == 2001, (printed.lines, said)
assert "received %d of " % printed.lines in said and " %d lost, 0 truncated" % lost(said) in said, said
assert "127.0.0.1:%d: %d datagrams lost: " % (sockt.port, lost(said)) in said, said'
}

@test "udp: the same while nobody takes the output: answers still go, and all is counted when it is taken again" {
	speak '
sockt = Sockt("listen", "-u", "-o", "SO_RCVBUF=16384", "127.0.0.1", "0", form="line")
fcntl.fcntl(sockt.process.stdout, fcntl.F_SETPIPE_SZ, 4096)
guest = Guest(sockt.where)
for i in range(3000):
    guest.say(b"%0100d" % i)
    if i % 1000 == 0:
        sockt.say(b"answer"); assert guest.hear() == b"answer"
sockt.say(b"one more"); assert guest.hear() == b"one more"
printed = Printed(sockt)
sockt.settle()
guest.say(b"the end"); printed.until(b"the end")
assert sockt.end(signal.SIGTERM) == 143
said = sockt.said()
assert 0 < printed.lines < 3001 and printed.lines + lost(said) == 3001, (printed.lines, said)'
}

@test "udp: nothing is said to be lost where nothing was" {
	start_listener -u -d --stats
	speak 'for i in range(100): join(where).send(b"x")'
	wait_for has_bytes "$heard" 100
	kill -TERM "$listener"
	ends 143 "$listener"
	has "$(<"$said")" 'received 100 of 100 bytes' ' 0 lost, 0 truncated'
	has_no "$(<"$said")" 'lost:'
}

# ---- listen: records ----

@test "udp: --json has one record a datagram: who, to which address of ours, how long, when, and every byte" {
	speak '
import datetime
def when(text):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text), text
    return datetime.datetime.fromisoformat(text[:-1] + "+00:00").timestamp()
sockt = Sockt("listen", "-u", "--json", "0", form=None)
bytes_of_all_kinds = [b"text", b"", b"two\nlines\t\"quoted\" \\ \x7f\0", "\u00e4\u2603\U0001f600\u2028".encode(),
                      b"\xff\xfe", bytes(range(256)), b"\xc3", b"\xed\xa0\x80", b"a" * 65507] + some()
for host in "127.0.0.1", "127.0.0.3", "::1":
    guest = Guest((host, sockt.port))
    for m in bytes_of_all_kinds:
        before = time.time()
        guest.say(m)
        line = sockt.process.stdout.readline()
        r = json.loads(line)
        assert set(r) - {"text", "base64"} == {"ts", "event", "peer", "local", "size", "stamp"}, r
        assert content(r) == m and r["size"] == len(m), (m[:40], line[:300])
        try: is_text = m.decode() is not None
        except UnicodeDecodeError: is_text = False
        assert ("text" in r) == is_text, line[:300]
        name, ours = ("[%s]:%d", "[::1]:%d") if ":" in host else ("%s:%d", host + ":%d")
        assert r["event"] == "datagram" and r["peer"] == name % guest.name[:2] and r["local"] == ours % sockt.port, r
        assert before - 1e-3 <= when(r["stamp"]) <= when(r["ts"]) + 1e-3 <= time.time() + 2e-3, (before, r)
assert sockt.is_silent()'
}

@test "udp: --json says of a datagram that was cut how long it was, and that it is truncated" {
	start_listener -u -d --json --max-message 5
	speak 's = join(where); s.send(b"12345"); s.send(b"123456"); s.send(b"\xff" * 2000)'
	wait_for says "$heard" 2000
	is "$(jq -c '[.size, .truncated, .text, .base64]' "$heard")" '[5,null,"12345",null]
[6,true,"12345",null]
[2000,true,null,"//////8="]'
}

@test "udp: records leave stdin what it is: a line of --frame, or what one read brings, is an answer" {
	speak '
sockt = Sockt("listen", "-u", "--json", "--frame", "line", "127.0.0.1", "0", form=None)
guest = Guest(sockt.where)
guest.say(b"x"); assert content(sockt.record()) == b"x"
sockt.say(b"one\ntwo\n")
assert (guest.hear(), guest.hear()) == (b"one", b"two")'
}

@test "udp: --json says in records on stderr what was lost, and that it listens" {
	speak '
sockt = Sockt("listen", "-u", "-d", "--json", "--stats", "-o", "SO_RCVBUF=16384", "127.0.0.1", "0", form=None)
guest = Guest(sockt.where)
os.kill(sockt.pid, signal.SIGSTOP)
for i in range(500): guest.say(b"%d" % i)
os.kill(sockt.pid, signal.SIGCONT)
sockt.settle()
guest.say(b"the end")
got = 1
while content(sockt.record()) != b"the end": got += 1
assert sockt.end(signal.SIGTERM) == 143
said = records(sockt.said().encode())
assert said[0]["event"] == "listening" and said[0]["object"] == "127.0.0.1:%d" % sockt.port
lost = sum(r["datagrams"] for r in said if r["event"] == "datagrams-lost")
[stats] = [r for r in said if r["event"] == "stats"]
assert got > 1 and lost > 0 and got + lost == 501, (got, said)
assert (stats["datagrams_received"], stats["lost"], stats["datagrams_sent"]) == (got, lost, 0), (got, said)'
}

# ---- listen: where ----

@test "udp: the ready line, --ready-fd and --port-file say where listen -u is" {
	start_listener -u --port-file "$BATS_TEST_TMPDIR/port"
	is "$(<"$BATS_TEST_TMPDIR/port")" "127.0.0.1:$port"
	wait_for holds "$said" "listening on 127.0.0.1:$port"
	start_listener -u --quiet
	speak 'join(where).send(b"x")'
	wait_for holds "$heard" x
	is "$(<"$said")" ''
	start_listener -u --json
	wait_for test -s "$said"
	is "$(jq -r '"\(.event) \(.object)"' "$said")" "listening $addr"
}

@test "udp: a port alone hears IPv4 and IPv6, and -4 and -6 one of them" {
	local option
	for option in '' -4 -6; do
		start_server listen -u -d --local-frame line ${option:+"$option"} 0
		speak 'refused = []
for host in "127.0.0.1", "::1":
    s = join((host, where[1]))
    s.send(b"by " + host.encode())
    if is_silent(s, 0.1): continue
    try: hear(s)
    except ConnectionRefusedError: say(host, "refuses")' >"$BATS_TEST_TMPDIR/refused"
		case $option in
		-4) is "$host" 0.0.0.0; wait_for holds "$heard" 'by 127.0.0.1'; is "$(<"$BATS_TEST_TMPDIR/refused")" '::1 refuses' ;;
		-6) is "$host" '[::]'; wait_for holds "$heard" 'by ::1'; is "$(<"$BATS_TEST_TMPDIR/refused")" '127.0.0.1 refuses' ;;
		'') is "$host" '[::]'; wait_for holds "$heard" $'by 127.0.0.1\nby ::1'; is "$(<"$BATS_TEST_TMPDIR/refused")" '' ;;
		esac
	done
}

@test "udp: a name with several addresses gets a socket for each, on one port, and answers go by the right one" {
	needs_netns
	speak_in_netns 'etc hosts "127.0.0.1 several
127.0.0.2 several
::1 several"' '
sockt = Sockt("listen", "-u", "several", "0")
assert sorted(host for host, _ in sockt.addresses) == ["127.0.0.1", "127.0.0.2", "::1"]
assert len({port for _, port in sockt.addresses}) == 1
guests = [Guest(where) for where in sockt.addresses]
for i in range(6):
    converse(guests[i % 3], sockt, [b"question %d" % i], [b"answer %d" % i])'
}

@test "udp: an address in use, or that is not ours, is status 9 and named; TCP has ports of its own" {
	start_listener -u
	run -9 --separate-stderr "$SOCKT" listen -u 127.0.0.1 "$port"
	one_line "$stderr"
	has "$stderr" "sockt: listen: 127.0.0.1:$port: " 'in use'
	run -9 --separate-stderr "$SOCKT" listen -u "$port"
	one_line "$stderr"
	run -9 --separate-stderr "$SOCKT" listen -u 192.0.2.77 0
	one_line "$stderr"
	has "$stderr" '192.0.2.77:0: '
	run -9 --separate-stderr "$SOCKT" connect -u -s "$addr" 127.0.0.1 9 <<<x
	has "$stderr" 'in use'
}

@test "udp: listen -u serves sockets that a service manager hands over, and refuses those of TCP" {
	start_from 'hand_over(listening(kind=socket.SOCK_DGRAM), listening(("::1", 0), kind=socket.SOCK_DGRAM))' \
		listen -u --port-file "$BATS_TEST_TMPDIR/port" --frame line < <(printf 'to the last\nand again\n')
	mapfile -t lines <"$BATS_TEST_TMPDIR/port"
	is "${#lines[@]} ${lines[0]}" "2 $addr"
	run -0 speak 's = join(address(argv[0])); say(*ask(s, b"hello"), hear(s))' "${lines[1]}"
	is "$output" "b'to the last' b'and again'"
	speak 'join(where).send(b"by IPv4")'
	wait_for holds "$heard" $'hello\nby IPv4'
	start_from 's = listening(kind=socket.SOCK_DGRAM); hand_over(s)
c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); c.sendto(b"early", s.getsockname())' listen -u -i 0.5
	ends 5 "$server"
	is "$(<"$heard")" early
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers run -9 --separate-stderr timeout "$PATIENCE" \
		python3 -c 'from parent import *; hand_over(listening()); become()' "$SOCKT" listen -u
	one_line "$stderr"
	has "$stderr" 'descriptor 3' ': is '
}

@test "udp: --run-as gives up root before the first datagram" {
	((EUID == 0)) || skip 'needs root'
	start_listener -u -d --run-as nobody
	is "$(fact "$listener" Uid)" "$(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -u nobody)"
	speak 'join(where).send(b"served")'
	wait_for holds "$heard" served
}

# ---- listen: limits ----

@test "udp: --allow and --deny say whose datagrams are printed, and who may be answered" {
	speak '
rules = {"--allow=127.0.0.2": "2", "--allow=127.0.0.0/8 --deny=127.0.0.3": "12", "--deny=127.0.0.0/30": ""}
for options, good in rules.items():
    sockt = Sockt("listen", "-u", *options.split(), "--allow", "127.0.0.9/32", "127.0.0.1", "0")
    for n in "123":
        guest = Guest(sockt.where, "127.0.0." + n)
        guest.say(n.encode())
        if n in good: assert sockt.hear() == n.encode()
    last = Guest(sockt.where, "127.0.0.9")
    last.say(b"let in"); assert sockt.hear() == b"let in"
    guest.say(b"not let in"); sockt.settle()
    sockt.say(b"answer"); assert last.hear() == b"answer"
    assert sockt.is_silent(0)'
}

@test "udp: --conn-rate of listen -u is of datagrams, of each source by itself" {
	speak '
sockt = Sockt("listen", "-u", "--conn-rate", "3/60s", "127.0.0.1", "0")
a, b = Guest(sockt.where, "127.0.0.2"), Guest(sockt.where, "127.0.0.3")
for i in range(5): a.say(b"a%d" % i)
for i in range(5): b.say(b"b%d" % i)
assert [sockt.hear() for _ in range(6)] == [b"a0", b"a1", b"a2", b"b0", b"b1", b"b2"]
assert sockt.is_silent()'
}

# ---- listen: programs ----

@test "udp: each who sends gets a program of its own, and two at once do not mix, up to 65,507 bytes" {
	speak '
sockt = Sockt("listen", "-uk", "--frame", "len16", "127.0.0.1", "0", "--", "cat", form=None)
a, b = Guest(sockt.where), Guest(sockt.where)
for one, two in zip(some(seed="a"), some(seed="b")):
    a.say(one); b.say(two)
    assert b.hear() == two and a.hear() == one
sockt = Sockt("listen", "-uk", "127.0.0.1", "0", "--sh", "while read -r x; do echo $$ $x; done", form=None)
a, b = Guest(sockt.where), Guest(sockt.where)
answers = [ask(guest.sock, b"%d\n" % i)[0].split() for i in range(5) for guest in (a, b)]
assert [n for _, n in answers] == [b"%d" % i for i in range(5) for _ in "ab"]
pids = [pid for pid, _ in answers]
assert len(set(pids[::2])) == len(set(pids[1::2])) == 1 and len(set(pids)) == 2, pids'
}

@test "udp: a program of listen -u is told by SOCKT_* who sends, to which address, and that it is UDP" {
	start_server listen -uk 0 --sh 'read -r x; env | grep "^SOCKT_[LPR][EOR]" | sort | tr "\n" " "'
	run -0 speak 'for there in "127.0.0.2", "::1":
    s = join((there, where[1])); print(ask(s, b"x\n")[0].decode(), s.getsockname()[1])'
	local ours="SOCKT_LOCAL_PORT=$port SOCKT_PROTO=UDP"
	has "${lines[0]}" "SOCKT_LOCAL_ADDR=127.0.0.2 $ours SOCKT_REMOTE_ADDR=127.0.0.1 SOCKT_REMOTE_PORT="
	has "${lines[1]}" "SOCKT_LOCAL_ADDR=::1 $ours SOCKT_REMOTE_ADDR=::1 SOCKT_REMOTE_PORT="
	local line
	for line in "${lines[@]}"; do
		[[ $line =~ REMOTE_PORT=([0-9]+)\ +([0-9]+)$ && ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]]
	done
}

@test "udp: -i of silence ends the input of a program, and then its client, who gets another program later" {
	start_listener -uk -i 1.5 --sh 'while read -r x; do echo "$x $$"; done; echo over >&2'
	start_speaker 's = join(where); first = ask(s, b"one\n")[0].split()
say("first"); sys.stdin.readline()
while is_silent(s, 0.1): s.send(b"two\n")	# one may still come to who is about to end
second = hear(s).split()
say(first[0], second[0], first[1] != second[1])' < <(wait_for says "$said" over >/dev/null 2>&1 3>&-; echo)
	ends 0 "$speaker"
	is "$(tail -n 1 "$speaker_heard")" "b'one' b'two' True"
	wait_for has_children "$listener" 0
	is_alive "$listener"
}

@test "udp: a program that ends makes room: who sends again gets another, and one that fails does no harm" {
	start_listener -uk --sh 'read -r x; echo "$x $$"; exit 7'
	run -0 speak 's = join(where)
for _ in range(3):
    s.send(b"x\n")
    while is_silent(s, 0.1): s.send(b"x\n")
    answer = hear(s); print(answer.split()[0])'
	is "$output" $'b\'x\'\nb\'x\'\nb\'x\''
	is_alive "$listener"
}

@test "udp: without -k only the first who sends has a program, and its status is that of listen -u" {
	speak '
script = "while read -r x; do case $x in end) exit 7;; esac; echo $x; done"
sockt = Sockt("listen", "-u", "127.0.0.1", "0", "--sh", script, form=None)
a, b = Guest(sockt.where), Guest(sockt.where)
assert ask(a.sock, b"one\n") == [b"one\n"]
b.say(b"end\n"); b.say(b"hello\n")
assert ask(a.sock, b"two\n") == [b"two\n"] and is_silent(b.sock)
a.say(b"end\n")
assert sockt.end() == 7'
}

@test "udp: a program that answers at the end of its input does so after the silence of -i" {
	start_server listen -uk -i 1.5 127.0.0.1 0 -- sort
	run -0 speak 's = join(where); s.send(b"b\n"); s.send(b"c\n"); print(*ask(s, b"a\n"))'
	is "$output" "b'a\nb\nc\n'"
}

@test "udp: a program that goes on in silence after the end of its input is ended after another -i" {
	start_listener -uk -i 0.7 --sh 'cat >/dev/null; echo over >&2; exec sleep 50'
	speak 'join(where).send(b"x")'
	wait_for says "$said" over
	wait_for has_children "$listener" 0
	has "$(<"$said")" 'dropped: idle for 700 ms'
	is_alive "$listener"
	start_listener -u -i 0.7 --sh 'cat >/dev/null; exec sleep 50'
	speak 'join(where).send(b"x")'
	ends 5 "$listener"
	has "$(<"$said")" 'idle for 700 ms'
}

@test "udp: without -k -i is the end of the one client, and the status is that of its program" {
	start_listener -u -i 1 --sh 'cat; exit 7'
	run -0 speak 'print(*ask(join(where), b"one"))'
	is "$output" "b'one'"
	ends 7 "$listener"
}

@test "udp: --max-conns is how many programs there are at once; who is above is answered when there is room" {
	speak '
script = "read -r x; echo $x; read -r x"
sockt = Sockt("listen", "-ukv", "--max-conns", "2", "127.0.0.1", "0", "--sh", script, form=None)
a, b, c = Guest(sockt.where), Guest(sockt.where), Guest(sockt.where)
for guest in a, b: assert ask(guest.sock, b"x\n") == [b"x\n"]
c.say(b"x\n"); assert is_silent(c.sock)
a.say(b"end\n")
while is_silent(c.sock, 0.1): c.say(b"x\n")
assert c.hear() == b"x\n"
sockt.end(signal.SIGTERM)
assert "client 127.0.0.1:%d refused: the server is full" % c.name[1] in sockt.said()'
}

@test "udp: --max-conns-per-ip, --conn-rate, --allow and --deny are about who gets a program" {
	speak '
def served(*options):
    "Which of two of 127.0.0.2 and one of 127.0.0.3 are, in this order."
    sockt = Sockt("listen", "-uk", *options, "127.0.0.1", "0", "--", "cat", form=None)
    guests = [Guest(sockt.where, "127.0.0.%d" % n) for n in (2, 2, 3)]
    last = Guest(sockt.where, "127.0.0.9")
    for guest in guests: guest.say(b"x")
    assert ask(last.sock, b"last") == [b"last"]
    return [not is_silent(guest.sock, 0.3) for guest in guests]
assert served() == [True, True, True]
assert served("--max-conns-per-ip", "1") == [True, False, True]
assert served("--conn-rate", "1/60s") == [True, False, True]
assert served("--deny", "127.0.0.2") == [False, False, True]
assert served("--allow", "127.0.0.3", "--allow", "127.0.0.9") == [False, False, True]'
}

@test "udp: --conn-rate counts clients with a program, not their datagrams" {
	start_server listen -uk --conn-rate 1/60s 127.0.0.1 0 -- cat
	run -0 speak 'print(len(ask(join(where), *[b"x"] * 10)))'
	is "$output" 10
}

@test "udp: at TERM programs have the end of their input, and what they say then is sent" {
	start_listener -uk --sh 'while read -r x; do echo "$x"; done; echo farewell'
	start_speaker 's = join(where); say(*ask(s, b"hello\n")); say(hear(s))'
	wait_for says "$speaker_heard" hello
	kill -TERM "$listener"
	wait_for says "$speaker_heard" farewell
	ends 143 "$listener"
}

@test "udp: what a program does not take is lost, and counted; others are served meanwhile" {
	mkfifo "$BATS_TEST_TMPDIR/gate"
	: >"$BATS_TEST_TMPDIR/got"
	speak '
gate, taken = argv
script = "read -r first; case $first in quick) exec cat;; esac; read -r go <%s; exec cat >%s" % (gate, taken)
sockt = Sockt("listen", "-uk", "--frame", "line", "127.0.0.1", "0", "--sh", script, form=None)
slow, quick = Guest(sockt.where), Guest(sockt.where)
quick.say(b"quick")
slow.say(b"slow")
for i in range(300):
    for n in range(10): slow.say(b"%0500d" % n)
    assert ask(quick.sock, b"%d" % i) == [b"%d" % i]
sockt.said_all("127.0.0.1:%d: " % slow.name[1], " datagrams lost: its program does not take them")
open(gate, "w").write("go\n")
def lines(): return open(taken, "rb").read().splitlines()
sent = 3000
while not lines() or lines()[-1] != b"the end":
    slow.say(b"the end"); sent += 1
    select.select([], [], [], 0.2)
assert sockt.end(signal.SIGTERM) == 143
assert len(lines()) + lost(sockt.said()) == sent and lost(sockt.said()) > 0, (len(lines()), sent, sockt.said())' \
		"$BATS_TEST_TMPDIR/gate" "$BATS_TEST_TMPDIR/got"
}

@test "udp: what a program has not taken is not said to be lost for want of room in the system, at the end either" {
	speak '
script = "read -r x; case $x in quick) exec cat;; esac; sleep 30 & wait"
sockt = Sockt("listen", "-uk", "--drain", "0", "127.0.0.1", "0", "--sh", script, form=None)
slow, quick = Guest(sockt.where), Guest(sockt.where)
quick.say(b"quick\n")
slow.say(b"slow\n")
for i in range(300):
    for n in range(10): slow.say(b"%0500d" % n)
    assert ask(quick.sock, b"%d" % i) == [b"%d" % i]	# it has read them all, so that the system had room
assert sockt.end(signal.SIGTERM) == 143
said = sockt.said()
assert lost(said) > 0 and "the system" not in said, said'
}

@test "udp: -x and --transcript of listen -u see the datagrams of a program, one by one" {
	start_server listen -uk -x --transcript "$BATS_TEST_TMPDIR/talk" 127.0.0.1 0 -- cat
	speak 's = join(where); ask(s, b"one", b"two"); say("%s:%d" % s.getsockname())' >"$BATS_TEST_TMPDIR/name"
	wait_for _has_lines "$BATS_TEST_TMPDIR/talk" 4
	is "$(jq -r '"\(.direction) \(.text)"' "$BATS_TEST_TMPDIR/talk")" $'received one\nsent one\nreceived two\nsent two'
	is "$(jq -r .peer "$BATS_TEST_TMPDIR/talk" | uniq)" "$(<"$BATS_TEST_TMPDIR/name")"
	has "$(<"$said")" '< 00000000  6f 6e 65  ' '> 00000000  6f 6e 65  ' '< 00000003  74 77 6f  ' '> 00000003  74 77 6f  '
}

_has_lines() { (($(wc -l <"$1") >= $2)); }

# ---- listen: what makes no sense ----

@test "udp: listen -u refuses what is about connections or lines, before anything is touched" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086	# several words
		run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" listen --port-file "$BATS_TEST_TMPDIR/port" $words
		one_line "$stderr"
		[[ ! -e $BATS_TEST_TMPDIR/port ]]
	done <<-END
		-u unix:$BATS_TEST_TMPDIR/none
		-u vsock:1:9
		-u udp://127.0.0.1:0
		-u --to 127.0.0.1:9 127.0.0.1 0
		-u --progress 127.0.0.1 0
		-ux 127.0.0.1 0
		-u --transcript $BATS_TEST_TMPDIR/talk 127.0.0.1 0
		-u --limit-rate 1k 127.0.0.1 0
		-uC 127.0.0.1 0
		-u --line-delay 1 127.0.0.1 0
		-u --mptcp 127.0.0.1 0
		-u --max-conns 3 127.0.0.1 0
		-u --first-byte 3 127.0.0.1 0
		-u --reply 3 127.0.0.1 0
		--multicast 239.1.1.1 127.0.0.1 0
	END
}

# ---- echo-server ----

# start_udp_echo [OPTION]...: on 127.0.0.1 and a free port.
start_udp_echo() { start_server echo-server -u "$@" 127.0.0.1 0; }

# What --stats --json says at the end of an echo-server: the figures, and what was not answered.
FIGURES='
def figures(sockt):
    "Ends it, and returns those of its datagrams, and for each reason how many were not answered."
    assert sockt.end(signal.SIGTERM) == 143
    found = {"unanswered": {}}
    for r in records(sockt.said().encode()): found[r["event"]] = r
    return found["stats"], {k: n for k, n in found["unanswered"].items() if isinstance(n, int) and n > 0}
def echo(*options): return Sockt("echo-server", "-u", "--stats", "--json", *options, form=None)
'

@test "udp: echo-server -u sends every datagram back to where it came from, from 0 to 65,507 bytes, by IPv4 and IPv6" {
	start_server echo-server -u 0
	speak '
guests = [Guest((host, where[1])) for host in ("127.0.0.1", "127.0.0.2", "::1", "127.0.0.1")]
for guest in guests: same(ask(guest.sock, *some(seed=guest.name)), some(seed=guest.name))
for m in range(0, 1500, 7):
    for guest in guests: guest.say(b"%d" % guest.name[1] * (m // 5))
    for guest in guests: assert guest.hear() == b"%d" % guest.name[1] * (m // 5)'
}

@test "udp: echo-server -u serves nc -u, ncat -u, socat and connect -u" {
	start_udp_echo
	speak '
for words in ("nc", "-u", *where), ("ncat", "-u", *where), ("socat", "-", "UDP4:%s:%d" % where):
    tool = Child(*map(str, words))
    for m in some(most=4096, empty=False):
        tool.say(m)
        assert tool.hear(len(m)) == m'
	run -0 --separate-stderr "$SOCKT" connect -u --frame line --reply 3 -q 20 "$addr" < <(printf 'one\n\nthree\n')
	is "$output" $'one\n\nthree'
}

@test "udp: echo-server -u goes on until a signal, -m or, when nobody comes, -w ends it" {
	start_udp_echo
	run -0 speak 'print(*ask(join(where), b"x"))'
	still_runs "$server"
	kill -TERM "$server"
	ends 143 "$server"
	is "$(<"$said")" "listening on $addr"
	run -5 --separate-stderr "$SOCKT" echo-server --quiet -u -m 0.3 127.0.0.1 0
	one_line "$stderr"
	has "$stderr" '300 ms' -m
	run -5 --separate-stderr "$SOCKT" echo-server --quiet -u -w 0.3 127.0.0.1 0
	one_line "$stderr"
	has "$stderr" '300 ms'
}

@test "udp: echo-server -u --once answers one datagram, and ends with 0" {
	start_udp_echo --once --deny 127.0.0.2
	run -0 speak 'join(where, "127.0.0.2").send(b"denied"); print(*ask(join(where), b"one"))'
	is "$output" "b'one'"
	ends 0 "$server"
}

@test "udp: echo-server -u with workers serves everybody, and says once that it is ready" {
	speak "$FIGURES"'
sockt = echo("--workers", "3", "127.0.0.1", "0")
assert len(sockt.addresses) == 1
for i in range(40):
    guest = Guest(sockt.where)
    assert ask(guest.sock, b"%d" % i, b"", b"x" * 5000) == [b"%d" % i, b"", b"x" * 5000]
assert sockt.end(signal.SIGTERM) == 143
assert sum(r["datagrams_sent"] for r in records(sockt.said().encode()) if r["event"] == "stats") == 120'
}

@test "udp: --prefix goes before each answer on this machine, and one that is too long with it is not sent" {
	speak "$FIGURES"'
sockt = echo("--prefix", "re: ", "0")
for host in "127.0.0.1", "127.0.0.2", "::1":
    guest = Guest((host, sockt.port))
    assert ask(guest.sock, b"hello", b"", b"a\nb\n") == [b"re: hello", b"re: ", b"re: a\nb\n"]
guest = Guest(("127.0.0.1", sockt.port))
data = random.randbytes(65504)
assert ask(guest.sock, data[1:]) == [b"re: " + data[1:]]
guest.say(data)
assert ask(guest.sock, b"x") == [b"re: x"]
stats, unanswered = figures(sockt)
assert unanswered == {"too_long": 1}, unanswered
assert (stats["datagrams_received"], stats["datagrams_sent"]) == (12, 11), stats'
}

@test "udp: with --prefix only loopback is answered, lest somebody be flooded through it, or with --allow-amplify all" {
	needs_netns
	speak_in_netns a_network "$FIGURES"'
def answered(*options):
    "Which of three are: one on loopback, and two that are not."
    sockt = echo(*options, "0")
    guests = [Guest((to, sockt.port), source) for to, source in
              (("127.0.0.1", None), ("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2"))]
    for guest in guests[::-1]: guest.say(b"hello")
    got = [b"" if is_silent(guest.sock, 0.3) else guest.hear() for guest in guests]
    return got, figures(sockt)[1]
assert answered() == ([b"hello"] * 3, {})
assert answered("--prefix", "re: ") == ([b"re: hello", b"", b""], {"amplified": 2})
assert answered("--prefix", "re: ", "--allow-amplify") == ([b"re: hello"] * 3, {})'
}

@test "udp: -v says once what --prefix does not answer, and that there is --allow-amplify" {
	needs_netns
	speak_in_netns a_network '
sockt = Sockt("echo-server", "-uv", "--prefix", "re: ", "192.0.2.1", "0", form=None)
guest = Guest(sockt.where, "192.0.2.2")
for _ in range(3): guest.say(b"hello"); assert is_silent(guest.sock, 0.1)
assert sockt.end(signal.SIGTERM) == 143
said = sockt.said()
assert said.count("--allow-amplify") == 1 and "192.0.2.2:%d: " % guest.name[1] in said, said'
}

@test "udp: a program of listen -u is started for no datagram from port 0, nor from the listener's own address" {
	needs_netns
	speak_in_netns : '
for host in "127.0.0.1", "0.0.0.0":
    sockt = Sockt("listen", "-ukv", host, "4000", "--", "cat", form=None)
    where = "127.0.0.1", 4000
    for port in 0, 4000: send_as(("127.0.0.1", port), where, b"forged")
    assert ask(join(where), b"hello") == [b"hello"]
    if host == where[0]:		# here this is somebody else
        s = bind("127.0.0.2", 4000); s.connect(where)
        assert ask(s, b"hello") == [b"hello"]
        s.close()
    assert sockt.end(signal.SIGTERM) == 143
    said = sockt.said()
    assert said.count("it has no port to answer to") == said.count("it has our own address") == 1, said
    assert said.count(": runs cat") == 1 + (host == where[0]), said'
}

@test "udp: echo-server -u answers no port whose service answers whatever comes, and no port 0" {
	needs_netns
	speak_in_netns : "$FIGURES"'
sockt = echo("127.0.0.1", "4000")
everything = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
silent = 7, 9, 13, 17, 19, 37
for port in silent + (1, 6, 8, 10, 12, 14, 18, 20, 36, 38, 53, 123):
    s = bind(port=port)
    s.sendto(b"x", sockt.where)
    if port not in silent: assert hear(s) == b"x", port
send_as(("127.0.0.1", 0), sockt.where, b"x")
assert ask(join(sockt.where), b"the end") == [b"the end"]
answered = set()
while not is_silent(everything, 0):
    source, to = struct.unpack_from("!HH", everything.recv(1000), 20)
    if source == 4000: answered.add(to)
assert 123 in answered and not answered & {0, *silent}, answered
stats, unanswered = figures(sockt)
assert unanswered == {"from_port": 7}, unanswered'
}

@test "udp: echo-server -u does not answer itself, whichever of its addresses is pretended" {
	needs_netns
	speak_in_netns a_network "$FIGURES"'
for at, ours in ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1 127.0.0.7 192.0.2.2"), ("*", "127.0.0.1 192.0.2.1"):
    sockt, ours = echo(at, "4000"), ours.split()
    for source in ours:
        for to in "127.0.0.1", "192.0.2.1":
            if at != "127.0.0.1" or to == at: send_as((source, 4000), (to, 4000), b"for ever")
    sent = len(ours) * (1 if at == "127.0.0.1" else 2)
    assert ask(join(("127.0.0.1", 4000)), b"the end") == [b"the end"]
    stats, unanswered = figures(sockt)
    assert unanswered == {"from_self": sent} and stats["datagrams_received"] == sent + 1, (at, stats, unanswered)'
}

@test "udp: echo-server -u answers another address with its own port" {
	needs_netns
	speak_in_netns : '
sockt = Sockt("echo-server", "-u", "127.0.0.1", "4000", form=None)
s = bind("127.0.0.2", 4000)
s.connect(sockt.where)
assert ask(s, b"hello") == [b"hello"]'
}

@test "udp: who has gone does not end echo-server -u, however many do" {
	needs_netns
	speak_in_netns : '
sockt = Sockt("echo-server", "-u", "127.0.0.1", "4000", form=None)
for i in range(50):
    send_as(("127.0.0.1", 5000 + i), sockt.where, b"x")	# a port that nobody has
    assert ask(join(sockt.where), b"%d" % i) == [b"%d" % i]
assert sockt.process.poll() is None'
}

@test "udp: --allow, --deny, --conn-rate and --request-rate say what echo-server -u answers, source by source" {
	speak "$FIGURES"'
def answered(*options):
    "How many of five datagrams, of 127.0.0.2 and of 127.0.0.3."
    sockt = echo(*options, "127.0.0.1", "0")
    guests = [Guest(sockt.where, "127.0.0.%d" % n) for n in (2, 3)]
    for guest in guests:
        for i in range(5): guest.say(b"%d" % i)
    stats, unanswered = figures_after_all(sockt)
    got = []
    for guest in guests:
        got.append(0)
        while not is_silent(guest.sock, 0): guest.hear(); got[-1] += 1
    assert stats["datagrams_sent"] == sum(got) and unanswered.get("refused", 0) == 10 - sum(got), (stats, unanswered)
    return got
def figures_after_all(sockt):
    sockt.settle()
    return figures(sockt)
assert answered() == [5, 5]
assert answered("--allow", "127.0.0.3") == [0, 5]
assert answered("--deny", "127.0.0.3") == [5, 0]
assert answered("--conn-rate", "3/60s") == [3, 3]
assert answered("--request-rate", "2/60s") == [2, 2]'
}

@test "udp: -v says why echo-server -u does not answer" {
	local row
	local option words
	for option in --deny=127.0.0.0/8 --allow=127.0.0.9 --conn-rate=1/60s --request-rate=1/60s; do
		start_udp_echo -v "$option"
		words=$(speak 's = join(where); s.send(b"x"); s.send(b"y"); say("client 127.0.0.1:%d" % s.getsockname()[1])')
		wait_for says "$said" "$words refused: "
		has "$(<"$said")" "${option%=*}"
	done
}

@test "udp: --stats of echo-server -u counts what came, what went back and what the system had no room for: it is all" {
	speak "$FIGURES"'
sockt = echo("-o", "SO_RCVBUF=16384", "127.0.0.1", "0")
guest = Guest(sockt.where)
guest.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
os.kill(sockt.pid, signal.SIGSTOP)
for i in range(1000): guest.say(b"0123456789")
os.kill(sockt.pid, signal.SIGCONT)
sockt.settle()
guest.say(b"to the end")
answers = 1
while guest.hear() != b"to the end": answers += 1
stats, unanswered = figures(sockt)
assert unanswered == {} and 1 < answers == stats["datagrams_sent"] == stats["datagrams_received"], (answers, stats)
assert answers + stats["lost"] == 1001 and stats["sent"] == stats["received"] == 10 * answers, (answers, stats)
assert sum(r["datagrams"] for r in records(sockt.said().encode()) if r["event"] == "datagrams-lost") == stats["lost"]'
}

@test "udp: echo-server -u serves sockets that a service manager hands over, with many workers too" {
	local workers
	for workers in 1 4; do
		start_from 'hand_over(listening(kind=socket.SOCK_DGRAM), listening(("::1", 0), kind=socket.SOCK_DGRAM))' \
			echo-server -u --workers "$workers" --port-file "$BATS_TEST_TMPDIR/port"
		mapfile -t lines <"$BATS_TEST_TMPDIR/port"
		is "${#lines[@]}" 2
		speak 'for text in argv:
    for i in range(10): assert ask(join(address(text)), b"%d" % i) == [b"%d" % i]' "${lines[@]}"
		kill -TERM "$server"
		ends 143 "$server"
	done
}

@test "udp: echo-server -u refuses what is about connections and streams, and --allow-amplify without -u" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086	# several words
		run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" echo-server --port-file "$BATS_TEST_TMPDIR/port" $words
		one_line "$stderr"
		[[ ! -e $BATS_TEST_TMPDIR/port ]]
	done <<-END
		-u --frame line 127.0.0.1 0
		-u -i 3 127.0.0.1 0
		-ux 127.0.0.1 0
		-u --transcript $BATS_TEST_TMPDIR/talk 127.0.0.1 0
		-u --limit-rate 1k 127.0.0.1 0
		-u --mptcp 127.0.0.1 0
		-u --once --workers 2 127.0.0.1 0
		-u unix:$BATS_TEST_TMPDIR/none
		-u vsock:1:9
		--allow-amplify 127.0.0.1 0
	END
}
