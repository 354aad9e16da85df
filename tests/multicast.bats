# Datagrams for many: multicast groups of IPv4 and IPv6, from anybody or from one source, and broadcasts. They stay in a
# namespace of the test's own, whose interface `here` has 192.0.2.1, 192.0.2.2, 2001:db8::1 and 2001:db8::2.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/udp

# in_network CODE: Python in such a namespace.
in_network() { speak_in_netns 'a_network' "$1"; }

# ---- groups ----

@test "multicast: listen -u hears an IPv4 group that it has joined, and answers who sent" {
	needs_netns
	in_network '
sockt = Sockt("listen", "-u", *groups("239.1.1.1"), "4000")
s = caster("192.0.2.2")
for m, answer in (b"to all of you", b"from one"), (b"", b"to nothing"):
    s.sendto(m, ("239.1.1.1", 4000))
    assert sockt.hear() == m
    sockt.say(answer)
    assert s.recvfrom(100) == (answer, ("192.0.2.1", 4000))
assert sockt.is_silent()		# each came once'
}

@test "multicast: listen -u hears an IPv6 group that it has joined, and answers who sent" {
	needs_netns
	in_network '
sockt = Sockt("listen", "-u", *groups("ff02::4321", "ff05::4321"), "4000")
s = caster("2001:db8::2")
for group in "ff02::4321", "ff05::4321":
    s.sendto(b"to " + group.encode(), (group, 4000))
    assert sockt.hear() == b"to " + group.encode()
    sockt.say(b"from one")
    answer, who = s.recvfrom(100)
    assert answer == b"from one" and who[0].startswith("2001:db8::") and who[1] == 4000, who
assert sockt.is_silent()'
}

@test "multicast: one listener hears groups of both families, and what is sent to itself" {
	needs_netns
	in_network '
sockt = Sockt("listen", "-u", *groups("239.1.1.1", "239.1.1.2", "ff02::4321"), "4000")
four, six = caster("192.0.2.2"), caster("2001:db8::2")
for s, to in (four, "239.1.1.1"), (six, "ff02::4321"), (four, "239.1.1.2"), (four, "192.0.2.1"), (six, "2001:db8::1"):
    s.sendto(to.encode(), (to, 4000))
    assert sockt.hear() == to.encode()
assert sockt.is_silent()'
}

@test "multicast: a listener on the address of the group hears it, and nothing else" {
	needs_netns
	in_network '
for at, source, itself in ("239.1.1.1", "192.0.2.2", "192.0.2.1"), ("ff02::4321%here", "2001:db8::2", "2001:db8::1"):
    s = caster(source)
    sockt = Sockt("listen", "-u", *groups(at), at, "4000")
    s.sendto(b"to one", (itself, 4000))
    s.sendto(b"to all", (at.split("%")[0], 4000))
    assert sockt.hear() == b"to all" and sockt.is_silent()
    sockt.say(b"answer")
    while True:
        answer, who = s.recvfrom(100)
        if answer == b"answer": break
    assert sockt.end(signal.SIGTERM) == 143'
}

@test "multicast: %IF is a name, a number or an address of the interface, and nothing is heard through another" {
	needs_netns
	speak_in_netns 'a_network
		ip link add away type veth peer name yonder
		ip link set yonder up
		ip link set away up
		ip addr add 198.51.100.1/24 dev away' '
number = socket.if_nametoindex("here")
here, away = caster("192.0.2.2"), caster("198.51.100.1", "away")
for word in "here", str(number), "192.0.2.1":
    sockt = Sockt("listen", "-u", "--multicast", "239.1.1.1%" + word, "4000")
    away.sendto(b"away", ("239.1.1.1", 4000))
    here.sendto(b"here", ("239.1.1.1", 4000))
    assert sockt.hear() == b"here" and sockt.is_silent()
    assert sockt.end(signal.SIGTERM) == 143
sockt = Sockt("listen", "-u", *groups("239.1.1.1%here", "239.1.1.1%away"), "4000")
for s, word in (away, b"away"), (here, b"here"):
    s.sendto(word, ("239.1.1.1", 4000)); assert sockt.hear() == word'
}

@test "multicast: without %IF the route says which interface it is, and without a route status 9 says what helps" {
	needs_netns
	run -9 --separate-stderr in_netns '"$SOCKT" listen -u --multicast 239.1.1.1 4000'
	one_line "$stderr"
	has "$stderr" 'sockt: listen: 239.1.1.1: cannot join' %IF
	speak_in_netns 'a_network; ip route add 239.0.0.0/8 dev here' '
sockt = Sockt("listen", "-u", "--multicast", "239.1.1.1", "4000")
caster("192.0.2.2").sendto(b"heard", ("239.1.1.1", 4000))
assert sockt.hear() == b"heard"'
}

@test "multicast: -u alone joins nothing, and who has joined one group hears no other that somebody else has joined" {
	needs_netns
	[[ ${VARIANT-} != portable ]] || skip 'the portable build does not ask for that: it is an option of Linux'
	in_network '
s = caster("192.0.2.2")
plain = Sockt("listen", "-u", "4001")
s.sendto(b"x", ("239.1.1.1", 4001))
assert plain.is_silent()
both = Sockt("listen", "-u", *groups("239.1.1.1", "239.1.1.2"), "4000")
one = Sockt("listen", "-u", *groups("239.1.1.2"), "4000")
s.sendto(b"first", ("239.1.1.1", 4000))
s.sendto(b"second", ("239.1.1.2", 4000))
assert (both.hear(), both.hear()) == (b"first", b"second")
assert one.hear() == b"second" and one.is_silent()'
}

@test "multicast: several listeners share a group and its port, and each hears everything" {
	needs_netns
	in_network '
all_of_them = [Sockt("listen", "-u", *groups("239.1.1.1", "ff02::4321"), "4000") for _ in range(3)]
four, six = caster("192.0.2.2"), caster("2001:db8::2")
for i in range(5):
    for s, group in (four, "239.1.1.1"), (six, "ff02::4321"):
        s.sendto(b"%d" % i, (group, 4000))
        assert [sockt.hear() for sockt in all_of_them] == [b"%d" % i] * 3
assert all_of_them[1].end(signal.SIGTERM) == 143
four.sendto(b"still", ("239.1.1.1", 4000))
assert all_of_them[0].hear() == all_of_them[2].hear() == b"still"'
}

@test "multicast: who does not say --multicast does not share a port" {
	needs_netns
	in_network '
def fails(*words):
    run = subprocess.run([SOCKT, "listen", "-u", "-m", "5", *words, "4000"], stderr=subprocess.PIPE, text=True)
    assert run.returncode == 9 and "in use" in run.stderr, (run.returncode, run.stderr)
sockt = Sockt("listen", "-u", *groups("239.1.1.1"), "4000")
fails()
sockt.end(signal.SIGTERM)
sockt = Sockt("listen", "-u", "4000")
fails(*groups("239.1.1.1"))'
}

@test "multicast: who ends, by a signal or by -m, has left the group" {
	needs_netns
	in_network '
def members():
    four, six = open("/proc/net/igmp").read(), open("/proc/net/igmp6").read()
    return "010101EF" in four, "ff020000000000000000000000004321" in six
sockt = Sockt("listen", "-u", *groups("239.1.1.1", "ff02::4321"), "4000")
assert members() == (True, True)
assert sockt.end(signal.SIGTERM) == 143
assert members() == (False, False)
assert Sockt("listen", "-u", "-m", "0.2", *groups("239.1.1.1"), "4000").end() == 5
assert members() == (False, False)'
}

@test "multicast: records of --json name who sent, and never the group as an address of ours" {
	needs_netns
	in_network '
sockt = Sockt("listen", "-u", "--json", *groups("239.1.1.1", "ff02::4321"), "4000", form=None)
for source, group, name in ("192.0.2.2", "239.1.1.1", "192.0.2.2:%d"), \
                           ("2001:db8::2", "ff02::4321", "[2001:db8::2]:%d"):
    s = caster(source)
    s.sendto(b"hello", (group, 4000))
    r = sockt.record()
    assert r["peer"] == name % s.getsockname()[1] and r["text"] == "hello" and group not in r.get("local", ""), r'
}

@test "multicast: each who sends to a group has a program with -k -- CMD, and its answers" {
	needs_netns
	in_network '
sockt = Sockt("listen", "-uk", *groups("239.1.1.1", "ff02::4321"), "4000",
              "--sh", "while read -r x; do echo \"$SOCKT_REMOTE_PORT $x\"; done", form=None)
for source, group in ("192.0.2.2", "239.1.1.1"), ("192.0.2.1", "239.1.1.1"), ("2001:db8::2", "ff02::4321"):
    s = caster(source)
    s.sendto(b"hello\n", (group, 4000))
    answer, who = s.recvfrom(100)
    assert answer == b"%d hello\n" % s.getsockname()[1] and who[1] == 4000 and who[0] != group, (answer, who)'
}

# ---- sources ----

@test "multicast: SRC@GROUP hears that source and no other, by IPv4 and IPv6" {
	needs_netns
	in_network '
four, six = ("232.1.1.1", "192.0.2.1", "192.0.2.2"), ("ff35::8000:4321", "2001:db8::1", "2001:db8::2")
for group, one, other in [(group, *pair) for group, a, b in (four, six) for pair in ((a, b), (b, a))]:
    sockt = Sockt("listen", "-u", *groups(one + "@" + group), "4000")
    good, bad = caster(one), caster(other)
    for i in range(3):
        bad.sendto(b"not this", (group, 4000))
        good.sendto(b"this %d" % i, (group, 4000))
        assert sockt.hear() == b"this %d" % i
    assert sockt.is_silent()
    assert sockt.end(signal.SIGTERM) == 143'
}

@test "multicast: several sources of one group are heard, and those that were not named are not" {
	needs_netns
	speak_in_netns 'a_network; ip addr add 192.0.2.3/24 dev here' '
sockt = Sockt("listen", "-u", *groups("192.0.2.1@232.1.1.1", "192.0.2.3@232.1.1.1"), "4000")
for n in "123213": caster("192.0.2." + n).sendto(n.encode(), ("232.1.1.1", 4000))
assert [sockt.hear() for _ in range(4)] == [b"1", b"3", b"1", b"3"]
assert sockt.is_silent()'
}

@test "multicast: listeners of different sources share a port, and each hears its own" {
	needs_netns
	[[ ${VARIANT-} != portable ]] || skip 'the portable build does not ask for that: it is an option of Linux'
	in_network '
one = Sockt("listen", "-u", *groups("192.0.2.1@232.1.1.1"), "4000")
two = Sockt("listen", "-u", *groups("192.0.2.2@232.1.1.1"), "4000")
anybody = Sockt("listen", "-u", *groups("232.1.1.1"), "4000")
caster("192.0.2.1").sendto(b"one", ("232.1.1.1", 4000))
caster("192.0.2.2").sendto(b"two", ("232.1.1.1", 4000))
assert one.hear() == b"one" and two.hear() == b"two" and (anybody.hear(), anybody.hear()) == (b"one", b"two")
assert one.is_silent() and two.is_silent(0) and anybody.is_silent(0)'
}

# ---- others ----

@test "multicast: listen -u hears socat, and connect -u, send to a group" {
	needs_netns
	in_network '
sockt = Sockt("listen", "-u", *groups("239.1.1.1", "ff02::4321"), "4000")
def sends(what, *words):
    subprocess.run(words, input=what, check=True, timeout=PATIENCE)
    assert sockt.hear() == what
sends(b"by socat", "socat", "-u", "-", "UDP4-DATAGRAM:239.1.1.1:4000,bind=192.0.2.2,ip-multicast-if=192.0.2.2")
sends(b"by socat 6", "socat", "-u", "-", "UDP6-DATAGRAM:[ff02::4321%here]:4000")
sends(b"by connect", SOCKT, "connect", "-u", "-q", "0", "--interface", "here", "239.1.1.1", "4000")
sends(b"by connect -s", SOCKT, "connect", "-q", "0", "-s", "192.0.2.2", "--interface=here", "udp://239.1.1.1:4000")
sends(b"by connect 6", SOCKT, "connect", "-u", "-q", "0", "[ff02::4321%here]:4000")
assert sockt.is_silent()'
}

@test "multicast: socat hears what connect -u sends to a group, message by message" {
	needs_netns
	in_network '
tool = Child("socat", "-u", "-b", "70000", "UDP4-RECV:4000,ip-add-membership=239.1.1.1:192.0.2.1", "-")
port_of(tool.pid)
sockt = Sockt("connect", "-u", "-q", "0", "--interface", "here", "239.1.1.1", "4000")
while "010101EF" not in open("/proc/net/igmp").read(): select.select([], [], [], 0.02)
for m in some(most=1472, empty=False):
    sockt.say(m)
    assert tool.hear(len(m)) == m
assert sockt.rest() == b"" and sockt.end() == 0'
}

@test "multicast: connect -u to a group hears nobody's answer, for those come from elsewhere: --reply is status 5" {
	needs_netns
	in_network '
sockt = Sockt("listen", "-u", *groups("239.1.1.1"), "4000")
run = subprocess.Popen([SOCKT, "connect", "-u", "--reply", "1", "-q", "1", "--interface", "here", "239.1.1.1", "4000"],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
run.stdin.write(b"question"); run.stdin.close()
assert sockt.hear() == b"question"
sockt.say(b"answer")
assert run.wait(PATIENCE) == 5 and run.stdout.read() == b"" and b"0 of 1 answers" in run.stderr.read()'
}

# ---- broadcasts ----

@test "multicast: listen -u hears broadcasts to the network and to everybody, and answers from an address of its own" {
	needs_netns
	in_network '
s = caster("192.0.2.2")
for at in "0.0.0.0", "*":
    sockt = Sockt("listen", "-u", at, "4000")
    for to in "192.0.2.255", "255.255.255.255":
        s.sendto(b"everybody", (to, 4000))
        assert sockt.hear() == b"everybody"
        sockt.say(b"I")
        assert s.recvfrom(100) == (b"I", ("192.0.2.1", 4000))
    assert sockt.is_silent()
    assert sockt.end(signal.SIGTERM) == 143'
}

@test "multicast: connect -u needs -o SO_BROADCAST to reach everybody: without it, status 4" {
	needs_netns
	in_network '
sockt = Sockt("listen", "-u", "4000")
for to in "192.0.2.255", "255.255.255.255":
    def connects(*words):
        return subprocess.run([SOCKT, "connect", "-u", "-q", "0", "--interface", "here", *words, to, "4000"],
                              input=b"everybody", stderr=subprocess.PIPE)
    run = connects()
    assert run.returncode == 4 and b"Permission denied" in run.stderr, run
    assert connects("-o", "SO_BROADCAST").returncode == 0
    assert sockt.hear() == b"everybody"
assert sockt.is_silent()'
}

# ---- echo-server ----

@test "multicast: echo-server -u answers nothing that was sent to a group or to everybody" {
	needs_netns
	in_network '
for at in "0.0.0.0", "*":
    sockt = Sockt("echo-server", "-uv", "--stats", at, "4000", form=None)
    four, six = caster("192.0.2.2"), caster("2001:db8::2")
    # Of IPv4 groups, Linux lets a socket of both families hear those only that it has joined itself.
    to = [(four, "192.0.2.255"), (four, "255.255.255.255"), (six, "ff02::1") if at == "*" else (four, "224.0.0.1")]
    for s, host in to: s.sendto(b"everybody", (host, 4000))
    assert ask(join(("192.0.2.1", 4000), "192.0.2.2"), b"one") == [b"one"]
    assert is_silent(four) and is_silent(six, 0)
    assert sockt.end(signal.SIGTERM) == 143
    said = sockt.said()
    assert "not answered: 3 to a group or to everybody\n" in said, said
    assert "client 192.0.2.2:%d refused: it sent to a group or to everybody" % four.getsockname()[1] in said, said'
}

# ---- what cannot be joined ----

@test "multicast: what is no group, no interface or no source is a usage error" {
	local word
	for word in 10.0.0.1 ::1 '' x 239.1.1.1:80 '[ff02::1]' 239.1.1.1% 239.1.1.1%nosuch0 239.1.1.1%0 239.1.1.1%99999 \
		239.1.1.1%192.0.2.77 @239.1.1.1 x@239.1.1.1 ::1@239.1.1.1 0.0.0.0@239.1.1.1 224.0.0.5@239.1.1.1 ff02::5@ff02::4321 \
		192.0.2.1@10.0.0.1; do
		run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" listen -u --port-file "$BATS_TEST_TMPDIR/port" \
			--multicast "$word" 0
		one_line "$stderr"
		has "$stderr" --multicast "'$word'"
		[[ ! -e $BATS_TEST_TMPDIR/port ]]
	done
}

@test "multicast: a group from one source and from anybody is a usage error, and the same twice is once" {
	needs_netns
	run -2 --separate-stderr "$SOCKT" listen -u --multicast 239.1.1.1%lo --multicast 127.0.0.1@239.1.1.1%lo 0
	one_line "$stderr"
	has "$stderr" '127.0.0.1@239.1.1.1%lo'
	in_network '
sockt = Sockt("listen", "-u", *groups("239.1.1.1", "239.1.1.1"), "4000")
caster("192.0.2.2").sendto(b"once", ("239.1.1.1", 4000))
assert sockt.hear() == b"once" and sockt.is_silent()'
}

@test "multicast: a group that no socket of it could hear is status 9, and it is not ready" {
	needs_netns
	local words
	for words in '239.1.1.1%here 192.0.2.1 4000' '239.1.1.1%here 239.1.1.2 4000' '239.1.1.1%here -6 4000' \
		'ff02::4321%here -4 4000' '239.1.1.1%here ::1 4000'; do
		# shellcheck disable=SC2086	# several words
		run -9 --separate-stderr speak_in_netns a_network 'os.execv(SOCKT, [SOCKT, *argv])' \
			listen -u -m 10 --port-file "$BATS_TEST_TMPDIR/port" --multicast $words
		one_line "$stderr"
		has "$stderr" "sockt: listen: ${words%% *}: no socket of ours can hear it"
		[[ ! -e $BATS_TEST_TMPDIR/port ]]
	done
}

@test "multicast: up to 32 groups may be named; more than the system allows are status 9, which names the limit" {
	needs_netns
	local i groups=()
	for i in {1..33}; do groups+=(--multicast "239.1.1.$i%lo"); done
	run -2 --separate-stderr "$SOCKT" listen -u "${groups[@]}" 0
	one_line "$stderr"
	has "$stderr" 239.1.1.33 32
	speak_in_netns 'a_network; echo 32 >/proc/sys/net/ipv4/igmp_max_memberships' '
sockt = Sockt("listen", "-u", *groups(*("239.1.1.%d" % i for i in range(1, 33))), "4000")
s = caster("192.0.2.2")
for i in range(1, 33):
    s.sendto(b"%d" % i, ("239.1.1.%d" % i, 4000)); assert sockt.hear() == b"%d" % i
open("/proc/sys/net/ipv4/igmp_max_memberships", "w").write("2")
run = subprocess.run([SOCKT, "listen", "-u", *groups("239.1.1.1", "239.1.1.2", "239.1.1.3"), "4001"],
                     stderr=subprocess.PIPE, text=True)
assert run.returncode == 9 and "igmp_max_memberships" in run.stderr, run'
}
