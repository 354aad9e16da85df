# Unix sockets: sockt unix, and unix:PATH of connect, listen and echo-server. What keeps messages apart on them is in
# packets.bats.
# shellcheck disable=SC2016	# what is in single quotes is for another shell, or Python
load lib/helpers
load lib/listen
load lib/service
load lib/unix

setup() {
	sock=$BATS_TEST_TMPDIR/sock
	setup_programs
}

teardown() {
	teardown_programs
	remove_public
}

# ---- streams ----

@test "unix: a MiB goes each way between unix and Python, socat, nc and ncat that listen" {
	speak '
peer = Peer()
sockt = Sockt("unix", peer.where, form=None)
swap(sockt, peer.connection())
assert sockt.end() == 0
path = place()
tool = Child("socat", "-t", "20", "-", "UNIX-LISTEN:" + path)
sockt = Sockt("unix", "--wait", str(PATIENCE), path, form=None)
swap(sockt, tool)
assert sockt.end() == 0 and tool.end() == 0, sockt.said()
said = random.randbytes(1 << 20)
for words in ("nc", "-lU"), ("ncat", "-lU"):		# these leave when one side ends: one way each
    path = place()
    tool = Child(*words, path)
    sockt = Sockt("unix", "--wait", str(PATIENCE), path, form=None)
    together(lambda: finish(sockt.process, said), lambda: same([tool.read(len(said))], [said]))
    assert sockt.end() == 0, (words, sockt.said())
for words in ("nc", "-NlU"), ("ncat", "--send-only", "-lU"):
    path = place()
    tool = Child(*words, path)
    sockt = Sockt("unix", "-d", "--wait", str(PATIENCE), path, form=None)
    heard = []
    together(lambda: finish(tool.process, said), lambda: heard.append(finish(sockt.process)[0]))
    same(heard, [said])
    assert sockt.end() == 0, (words, sockt.said())'
}

@test "unix: a MiB goes each way between unix -l and Python, socat, nc and ncat that connect" {
	speak '
sockt = Sockt("unix", "-l", place(), form=None)
swap(sockt, join(sockt.where))
assert sockt.end() == 0
for words in ("nc", "-NU", ""), ("ncat", "-U", ""), ("socat", "-t", "20", "-", "UNIX-CONNECT:"):
    sockt = Sockt("unix", "-l", place(), form=None)
    tool = Child(*words[:-1], words[-1] + sockt.where)
    swap(sockt, tool)
    assert sockt.end() == 0 and tool.end() == 0, (words, sockt.said())'
}

@test "unix: unix PATH is connect unix:PATH, and unix -l PATH is listen unix:PATH, --type stream being what is meant" {
	speak '
for listens in ("unix", "-l"), ("unix", "-l", "--type", "stream"), ("listen",):
    for connects in ("unix",), ("unix", "--type", "stream"), ("connect",):
        path = place()
        listener = Sockt(*listens, "unix:" + path if listens == ("listen",) else path, form=None)
        assert listener.where == path
        sockt = Sockt(*connects, "unix:" + path if connects == ("connect",) else path, form=None)
        swap(sockt, listener)
        assert sockt.end() == 0 and listener.end() == 0 and not os.path.exists(path)'
}

@test "unix: echo-server serves a path too, and an abstract name" {
	own_name
	local at
	for at in "$sock" "$name"; do
		start_server echo-server "unix:$at"
		is "$addr" "unix:$at"
		run -0 --separate-stderr "$SOCKT" unix "$at" <<<hello
		is "$output$stderr" hello
		speak 'crowd = [join(argv[0]) for _ in range(50)]
for i, s in enumerate(crowd): s.sendall(b"%04d" % i)
for i, s in enumerate(crowd): assert read_n(s, 4) == b"%04d" % i' "$at"
		kill -TERM "$server"
		ends 143 "$server"
		leaves_no_file
	done
}

@test "unix: an abstract name is no file, and a line warns that it has no permissions" {
	own_name
	cd "$BATS_TEST_TMPDIR"
	local kind
	for kind in stream seqpacket dgram; do
		start_server unix -l --type "$kind" "$name"
		is "$addr" "unix:$name"
		leaves_no_file
		[[ ! -e $name ]]
		run -0 --separate-stderr "$SOCKT" unix --type "$kind" -q 0 "$name" <<<hello
		is "$output$stderr" ''
		wait_for says "$heard" hello
		[[ $kind != dgram ]] || kill -TERM "$server"
		ends "$([[ $kind == dgram ]] && echo 143 || echo 0)" "$server"
		has "$(<"$said")" "sockt: unix: $name: an abstract name has no permissions: every process on this network may use it"
	done
}

@test "unix: ./@NAME is a file" {
	cd "$BATS_TEST_TMPDIR"
	start_server unix -l ./@name </dev/null
	is "$addr" unix:./@name
	file_is @name 600
	run -0 "$SOCKT" unix ./@name <<<hello
	ends 0 "$server"
	is "$(<"$heard")" hello
	leaves_no_file
}

@test "unix: -l serves one client, and -k many, what one says to stdout and what stdin says to all" {
	start_unix -d
	run -0 "$SOCKT" unix "$sock" <<<one
	ends 0 "$server"
	is "$(<"$heard")" one
	speak '
sockt = Sockt("unix", "-lk", place(), form=None)
crowd = [join(sockt.where) for _ in range(10)]
for i, s in enumerate(crowd):
    s.sendall(b"I am %d\n" % i); assert sockt.read(7) == b"I am %d\n" % i
sockt.say(b"to all")
for s in crowd: assert read_n(s, 6) == b"to all"
assert sockt.end(signal.SIGTERM) == 143'
}

@test "unix: one client is served while others find the path gone, and the next listener can have it" {
	start_unix </dev/null
	keep_pipe 5
	begin "$SOCKT" unix "$sock" <"$pipe" 5>&-
	first=$server client=$pid
	wait_for test ! -e "$sock"
	run -4 --separate-stderr "$SOCKT" unix -z "$sock" 5>&-
	one_line "$stderr"
	start_unix </dev/null 5>&-
	exec 5>&-
	ends 0 "$client"
	ends 0 "$first"
	test -S "$sock"
	run -0 "$SOCKT" unix "$sock" <<<second
	ends 0 "$server"
	leaves_no_file
}

@test "unix: a program and --sh are joined with a client, on both sides" {
	start_server unix -lk "$sock" -- sort
	run -0 --separate-stderr "$SOCKT" unix "$sock" < <(printf 'b\na\n')
	is "$output" $'a\nb'
	run -3 --separate-stderr "$SOCKT" unix "$sock" --sh 'echo one; exec <&-; exit 3'
	kill -TERM "$server"
	ends 143 "$server"
	start_unix --sh 'read -r word; echo "<$word>"'
	run -7 --separate-stderr "$SOCKT" unix "$sock" -- sh -c 'echo hello; read -r answer; echo "$answer" >&2; exit 7'
	is "$stderr" '<hello>'
	ends 0 "$server"
}

@test "unix: a program is told that it is a Unix socket, and who is at the other end" {
	start_server unix -l "$sock" --sh 'env | grep ^SOCKT_ | sort >&2'
	begin "$SOCKT" unix "$sock"
	client=$pid
	ends 0 "$client"
	ends 0 "$server"
	has "$(cat "$BATS_TEST_TMPDIR"/said.*)"$'\n' $'SOCKT_PROTO=UNIX\n' "SOCKT_LOCAL_ADDR=$sock"$'\n' \
		"SOCKT_PEER_UID=$(id -u)"$'\n' "SOCKT_PEER_GID=$(id -g)"$'\n'
	[[ ${VARIANT-} == portable ]] || has "$(cat "$BATS_TEST_TMPDIR"/said.*)"$'\n' "SOCKT_PEER_PID=$client"$'\n'
	start_unix_peer 's = reported(); c = accept(s); signal.pause()'
	run -0 --separate-stderr "$SOCKT" unix "$where" --sh 'env | grep ^SOCKT_ | sort >&2'
	has "$stderr"$'\n' $'SOCKT_PROTO=UNIX\n' "SOCKT_REMOTE_ADDR=$where"$'\n' "SOCKT_PEER_UID=$(id -u)"$'\n'
	[[ ${VARIANT-} == portable ]] || has "$stderr"$'\n' "SOCKT_PEER_PID=$peer"$'\n'
}

@test "unix: --frame and --local-frame are about streams too" {
	start_unix -d --frame netstring --local-frame json
	run -0 "$SOCKT" unix --frame netstring "$sock" <<<$'one\n\nthree'
	ends 0 "$server"
	is "$(<"$heard")" $'"one"\n""\n"three"'
}

@test "unix: -l tells its path by the ready line, --ready-fd and --port-file" {
	start_unix --port-file "$BATS_TEST_TMPDIR/port"
	is "$addr" "unix:$sock"
	is "$(<"$BATS_TEST_TMPDIR/port")" "unix:$sock"
	wait_for says "$said" "listening on unix:$sock"
	start_server unix -l --json "$sock.json"
	wait_for says "$said" listening
	is "$(jq -r .object "$said")" "unix:$sock.json"
}

# ---- connecting ----

@test "unix: -z says by its status whether somebody listens, and leaves stdin alone" {
	start_unix_peer 's = reported(); say(read_all(accept(s)))'
	run -0 --separate-stderr bash -c '{ "$SOCKT" unix -z "$1"; cat; }' - "$where" <<<mine
	is "$output$stderr" mine
	ends 0 "$peer"
	is "$(<"$heard")" "b''"
	run -4 --separate-stderr "$SOCKT" unix -z "$where"
	one_line "$stderr"
	has "$stderr" "sockt: unix: unix:$where: Connection refused"
	start_unix_peer 's = reported("dgram"); say(s.recv(100))'
	run -0 --separate-stderr "$SOCKT" unix -z --type dgram "$where" <<<unsent
	speak 'new("dgram").sendto(b"the first", argv[0])' "$where"
	ends 0 "$peer"
	is "$(<"$heard")" "b'the first'"
}

@test "unix: no such path, nobody who listens, and what is no socket are status 4, for each type" {
	local kind
	: >"$BATS_TEST_TMPDIR/file"
	mkdir "$BATS_TEST_TMPDIR/dir"
	ln -s nowhere "$BATS_TEST_TMPDIR/link"
	for kind in stream seqpacket dgram; do
		speak 'dead(*argv)' "$sock.$kind" "$kind"
		while read -r path words; do
			run -4 --separate-stderr "$SOCKT" unix --type "$kind" "$BATS_TEST_TMPDIR/$path" <<<hello
			one_line "$stderr"
			has "$stderr" "sockt: unix: unix:$BATS_TEST_TMPDIR/$path: $words"
		done <<-END
			none No such file or directory
			none/sock No such file or directory
			file/sock Not a directory
			sock.$kind Connection refused
			file Connection refused
			dir Connection refused
			link No such file or directory
		END
	done
}

@test "unix: a socket that we may not use is status 4" {
	public_dir
	start_server unix -lk --mode 0100 "$public/sock"
	run -4 --separate-stderr "${UNPRIVILEGED[@]}" "$SOCKT" unix "$public/sock" <<<hello
	one_line "$stderr"
	has "$stderr" "sockt: unix: unix:$public/sock: Permission denied"
	kill -TERM "$server"
	ends 143 "$server"
	is "$(ls -A "$public")" ''
}

@test "unix: --wait tries until somebody listens, and --retry-refused as often as it says" {
	begin "$SOCKT" unix --wait "$PATIENCE" "$sock" <<<hello
	waits=$pid
	wait_for is_asleep "$waits"
	start_unix
	ends 0 "$waits"
	ends 0 "$server"
	is "$(<"$heard")" hello
	run -5 --separate-stderr "$SOCKT" unix --wait 0.1 "$sock"
	has "$stderr" "unix:$sock: " 'No such file'
	run -4 --separate-stderr "$SOCKT" unix -v --retry 2 --retry-delay 0.01 --retry-refused "$sock"
	is "$(grep -c 'trying$' <<<"$stderr")" 3
}

@test "unix: -l -w gives up when nobody has come, and -m ends the run: the path is gone" {
	run -5 --separate-stderr "$SOCKT" unix -l -w 0.1 "$sock"
	has "$stderr" "sockt: unix: unix:$sock: "
	leaves_no_file
	run -5 --separate-stderr "$SOCKT" unix -l --type dgram -m 0.1 "$sock"
	leaves_no_file
}

# ---- modes ----

@test "unix: the file's mode is 0600, or what --mode says, whatever the caller's umask is" {
	local mask kind
	for mask in 000 022 077 777; do
		for kind in stream seqpacket dgram; do
			umask "$mask"
			start_unix --type "$kind" </dev/null
			file_is "$sock" 600
			kill -TERM "$server"
			ends 143 "$server"
			start_unix --type "$kind" --mode 0666
			file_is "$sock" 666
			kill -TERM "$server"
			ends 143 "$server"
			umask 022
		done
	done
	local word
	for word in 1 70 777 0660 00755; do
		start_unix --mode "$word"
		file_is "$sock" "$(printf '%o' "$((8#$word))")"
		kill -TERM "$server"
		ends 143 "$server"
	done
}

@test "unix: listen and echo-server have the same modes" {
	umask 000
	start_server listen "unix:$sock"
	file_is "$sock" 600
	start_server listen -k --mode 0606 "unix:$sock.2"
	file_is "$sock.2" 606
	start_server echo-server "unix:$sock.3"
	file_is "$sock.3" 600
	start_server echo-server --mode 0666 "unix:$sock.4"
	file_is "$sock.4" 666
}

@test "unix: the file has its mode when it is made, and none is given to it later" {
	mkdir "$BATS_TEST_TMPDIR/dir"
	speak '
umask = os.umask(0o022)
for kind in TYPES:
    for words, mode in ((), 0o600), (("--mode", "666"), 0o666), (("--mode", "640"), 0o640):
        path = place("dir/s")
        seen = watch(HERE + "/dir")
        sockt = Sockt("unix", "-l", "--type", kind, *words, path)
        assert os.lstat(path).st_mode & 0o777 == mode
        assert seen() == ["create"], seen()
        dead(other := place("dir/s"), kind)
        seen()
        sockt = Sockt("unix", "-l", "--type", kind, *words, other)
        assert seen()[-1] == "create"
        assert os.lstat(other).st_mode & 0o777 == mode'
}

@test "unix: the umask is the mode's for the moment of bind, and the caller's for programs" {
	umask 027
	start_unix -k --mode 0660 --sh umask
	run -0 "$SOCKT" unix "$sock"
	is "$output" 0027
	needs_strace
	run -5 traced "$BATS_TEST_TMPDIR/trace" unix -l -w 0.01 --mode 0640 "$sock.2"
	is "$(grep -A 2 -B 1 '^bind(.*AF_UNIX' "$BATS_TEST_TMPDIR/trace" | sed 's/, *{.*}.*)/)/; s/([0-9]*)  *= 0$/ ok/' |
		sed 's/  *= / = /')" $'umask(0137) = 027\nbind ok\numask(027) = 0137'
	is "$(grep -c 'ch\(mod\|own\)' "$BATS_TEST_TMPDIR/trace")" 0
}

@test "unix: --group gives the file that group, before it has a right for any" {
	local group
	group=$(id -g)
	start_unix --mode 0660 --group "$group"
	is "$(stat -c '%a %g' "$sock")" "660 $group"
	kill -TERM "$server"
	ends 143 "$server"
	start_unix --mode 0660 --group "$(id -gn)"
	is "$(stat -c '%a %g' "$sock")" "660 $group"
	if ((EUID == 0)); then
		start_server unix -l --type dgram --mode 0670 --group "$OTHER_GID" "$sock.2"
		is "$(stat -c '%a %g %u' "$sock.2")" "670 $OTHER_GID 0"
	fi
	needs_strace
	run -5 traced "$BATS_TEST_TMPDIR/trace" unix -l -w 0.01 --mode 0660 --group "$group" "$sock.3"
	is "$(grep -o '^umask(0[0-9]*)\|^bind\|^[a-z]*ch[a-z0-9]*' "$BATS_TEST_TMPDIR/trace" | sed -n '1,5p' |
		sed 's/^fch/ch/; s/^lch/ch/; s/own.*/own/; s/mod.*/mod/' | grep -v '^umask(0[27]*)$' | tr '\n' ' ')" \
		'umask(0177) bind chown chmod '
}

@test "unix: a group that there is not is status 2, and one that we may not give is 9 and leaves nothing" {
	run -2 --separate-stderr "$SOCKT" unix -l --group no-such-group "$sock"
	one_line "$stderr"
	has "$stderr" 'sockt: unix: --group: ' no-such-group
	leaves_no_file
	public_dir
	run -9 --separate-stderr timeout "$PATIENCE" "${UNPRIVILEGED[@]}" "$SOCKT" unix -l --group 54323 "$public/sock"
	one_line "$stderr"
	has "$stderr" "sockt: unix: unix:$public/sock: cannot give it that group: Operation not permitted"
	is "$(ls -A "$public")" ''
}

# ---- what is in the way ----

@test "unix: a socket that nobody has any more is replaced, whatever its type was" {
	speak '
for old in TYPES:
    for new in TYPES:
        path = place()
        was = dead(path, old)
        sockt = Sockt("unix", "-lk", "--type", new, path, form=None)
        assert identity(path) != was and os.lstat(path).st_mode & 0o777 == 0o600
        assert os.listdir(HERE) == [os.path.basename(path)]
        s = join(path, new, own="@%s/%s.%s" % (path, old, new))
        s.send(b"hello"); assert sockt.read(5) == b"hello"
        s.close()
        assert sockt.end(signal.SIGTERM) == 143 and os.listdir(HERE) == [], os.listdir(HERE)'
}

@test "unix: what a killed listener leaves is replaced, by listen and echo-server too" {
	local verb
	for verb in 'unix -l' listen echo-server; do
		# shellcheck disable=SC2086	# words
		start_server $verb "$([[ $verb == unix* ]] || echo unix:)$sock"
		kill -KILL "$server"
		ends 137 "$server"
		test -S "$sock"
	done
	start_unix
	run -0 "$SOCKT" unix "$sock" <<<hello
	ends 0 "$server"
	leaves_no_file
}

@test "unix: one that is in use is status 9, whatever its type is, and notices nothing" {
	speak '
for old in TYPES:
    for listens in (True, False):
        path = place()
        s = bound(path, old, listens)
        was = identity(path)
        for new in TYPES:
            status, words = in_vain("unix", "-l", "--type", new, path)
            assert status == 9 and words == "sockt: unix: unix:%s: cannot listen: Address already in use\n" % path, words
            assert identity(path) == was, (old, new, listens)
        assert not listens or is_silent(s, 0)'
}

@test "unix: a datagram socket that is connected elsewhere is in use" {
	speak '
other = bound(place(), "dgram")
path = place()
s = bound(path, "dgram"); s.connect(other.getsockname())
for kind in TYPES:
    assert in_vain("unix", "-l", "--type", kind, path)[0] == 9
assert is_silent(s, 0) and os.path.exists(path)'
}

@test "unix: who listens for one client does not lose it to another listener: nc, ncat, socat and sockt serve it" {
	speak '
for words in ("nc", "-lU"), ("ncat", "-lU"), ("socat", "-", "UNIX-LISTEN:"), (SOCKT, "unix", "-l"):
    path = place()
    tool = Child(*words[:-1], words[-1] + path) if words[0] == "socat" else Child(*words, path)
    wait_until(os.path.exists, path)
    for kind in (*TYPES, "stream"):
        assert in_vain("unix", "-l", "--type", kind, path)[0] == 9, words
    c = answered(join, path)
    c.sendall(b"hello"); assert tool.read(5) == b"hello", words
    tool.say(b"answer"); assert read_n(c, 6) == b"answer", words
for words in ("nc", "-luU"), ("ncat", "-luU"), (SOCKT, "unix", "-l", "--type", "dgram"):
    path = place()
    tool = Child(*words, path)
    wait_until(os.path.exists, path)
    for kind in TYPES:
        assert in_vain("unix", "-l", "--type", kind, path)[0] == 9, words
    converse(Guest(path, "dgram"), tool, [b"hello"], [b"answer"])'
}

@test "unix: of many that find the same dead socket at once, one gets the path and serves" {
	speak '
for _ in range(5):
    path = place()
    dead(path)
    crowd = [Child(SOCKT, "unix", "-l", path, stderr=subprocess.DEVNULL) for _ in range(6)]
    wait_until(lambda: sum(c.process.poll() is None for c in crowd) == 1)
    assert sorted(c.process.poll() or 0 for c in crowd) == [0, 9, 9, 9, 9, 9]
    [winner] = [c for c in crowd if c.process.poll() is None]
    c = answered(join, path)
    c.sendall(b"hello"); c.close()
    assert winner.rest() == b"hello" and winner.end() == 0
    assert os.listdir(HERE) == [], os.listdir(HERE)'
}

@test "unix: a file, a directory, a FIFO and a symbolic link are never touched: status 9" {
	speak '
live, path = bound(place("live")), {word: place(word) for word in ("a file", "a directory", "a FIFO", "nowhere", "old")}
open(path["a file"], "w").write("content")
os.mkdir(path["a directory"])
os.mkfifo(path["a FIFO"])
dead(path["old"])
path["a symbolic link"] = place("link")
links = {place("link"): to for to in (path["nowhere"], path["old"], live.getsockname(), path["a file"])}
for link, to in links.items(): os.symlink(to, link)
del path["nowhere"], path["old"], path["a symbolic link"]
before = {entry.path: identity(entry.path) for entry in os.scandir(HERE)}
for kind in TYPES:
    for what, at in [*path.items(), *[("a symbolic link", link) for link in links]]:
        status, words = in_vain("unix", "-l", "--type", kind, at)
        assert status == 9 and words == "sockt: unix: unix:%s: %s is in the way\n" % (at, what), words
assert {entry.path: identity(entry.path) for entry in os.scandir(HERE)} == before
assert is_silent(live, 0)'
}

@test "unix: a dead socket of another user is not touched: status 9" {
	needs_root 'a socket of another user'
	speak '
path = place()
dead(path); os.chown(path, 54321, 54322)
was = identity(path)
for kind in TYPES:
    status, words = in_vain("unix", "-l", "--type", kind, path)
    assert status == 9 and words == "sockt: unix: unix:%s: a socket of user 54321 is in the way\n" % path, words
assert identity(path) == was'
}

@test "unix: a directory that is not there, or not ours to write to, is status 9" {
	run -9 --separate-stderr "$SOCKT" unix -l "$BATS_TEST_TMPDIR/none/sock"
	one_line "$stderr"
	has "$stderr" "sockt: unix: unix:$BATS_TEST_TMPDIR/none/sock: cannot listen: No such file or directory"
	public_dir
	chmod 555 "$public"
	run -9 --separate-stderr timeout "$PATIENCE" "${UNPRIVILEGED[@]}" "$SOCKT" unix -l "$public/sock"
	has "$stderr" "sockt: unix: unix:$public/sock: cannot listen: Permission denied"
}

@test "unix: an abstract name that somebody has is status 9" {
	own_name
	start_server unix -lk "$name"
	run -9 --separate-stderr "$SOCKT" unix -l --quiet "$name"
	has "$stderr" "sockt: unix: unix:$name: cannot listen: Address already in use"
	run -0 "$SOCKT" unix -z "$name"
}

# ---- what is left ----

@test "unix: the file is gone after TERM, INT and HUP, before a client came and with one" {
	speak '
for kind in TYPES:
    for signo in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        for words in ("-l",), ("-lk", "--drain", "0"):
            path = place()
            sockt = Sockt("unix", *words, "--type", kind, path, form=None)
            assert sockt.end(signo) == 128 + signo and not os.path.exists(path)
            sockt = Sockt("unix", *words, "--type", kind, path, form=None)
            s = join(path, kind)
            s.send(b"hello"); assert sockt.read(5) == b"hello"
            assert sockt.end(signo) == 128 + signo and not os.path.exists(path)'
}

@test "unix: the file is gone after a second signal, which clients are not waited for, and after a failure" {
	start_server unix -lk --drain 60 "$sock" --sh 'trap "" TERM; echo here; cat; exec sleep 60'
	begin_fed "$SOCKT" unix "$sock"
	wait_for says "$heard" here
	kill -TERM "$server"
	wait_for test ! -e "$sock"
	still_runs "$server"
	kill -TERM "$server"
	ends 143 "$server"
	leaves_no_file
	start_server unix -l "$sock" -- no-such-command
	run "$SOCKT" unix "$sock" <<<hello
	ends 127 "$server"
	leaves_no_file
}

@test "unix: the file is gone when stdout has failed" {
	speak '
for kind in TYPES:
    with open("/dev/full", "w") as full:
        path = place()
        sockt = subprocess.Popen([SOCKT, "unix", "-lk", "--type", kind, path], stdin=subprocess.PIPE, stdout=full,
                                 stderr=subprocess.DEVNULL)
        answered(join, path, kind).send(b"hello")
        assert sockt.wait(PATIENCE) == 12 and not os.path.exists(path)'
}

@test "unix: only the file that we made is removed" {
	local kind other
	for kind in stream seqpacket dgram; do
		for other in file socket nothing; do
			start_unix -k --type "$kind"
			mv "$sock" "$sock.moved"
			case $other in
			file) echo mine >"$sock" ;;
			socket) speak 'dead(*argv)' "$sock" ;;
			esac
			before=$(stat -c '%i %F %z' "$sock" 2>&1) || true
			kill -TERM "$server"
			ends 143 "$server"
			is "$(stat -c '%i %F %z' "$sock" 2>&1)" "$before"
			test -S "$sock.moved"
			rm -f "$sock" "$sock.moved"
		done
	done
}

@test "unix: a file with other names is removed by the one that we made" {
	start_unix -k
	ln "$sock" "$sock.2"
	kill -TERM "$server"
	ends 143 "$server"
	[[ ! -e $sock && -S $sock.2 ]]
}

# What is measured first is how long it takes to listen. No round waits for that.
TERMS='
kind = argv[0]
begun = time.monotonic()
sockt = Sockt("unix", "-l", "--type", kind, place(), form=None)
usual = time.monotonic() - begun
assert sockt.end(signal.SIGTERM) == 143 and os.listdir(HERE) == []
'

@test "unix: 200 TERMs at random moments leave no socket file of a stream behind" {
	speak "$TERMS"'
term_at_random(200, usual, lambda i: ["unix", "-l", "--type", kind, HERE + "/%d" % i])
assert os.listdir(HERE) == [], os.listdir(HERE)' stream
}

@test "unix: 200 TERMs at random moments leave no socket file of sequenced packets behind" {
	speak "$TERMS"'
term_at_random(200, usual, lambda i: ["unix", "-lk", "--type", kind, HERE + "/%d" % i])
assert os.listdir(HERE) == [], os.listdir(HERE)' seqpacket
}

@test "unix: 200 TERMs at random moments leave no socket file of datagrams behind" {
	speak "$TERMS"'
term_at_random(200, usual, lambda i: ["unix", "-l", "--type", kind, HERE + "/%d" % i])
assert os.listdir(HERE) == [], os.listdir(HERE)' dgram
}

@test "unix: a TERM while a dead socket is replaced leaves that, or nothing" {
	speak "$TERMS"'
path = HERE + "/sock"
def words(i):
    if not os.path.exists(path): dead(path, "dgram")
    return ["unix", "-l", "--type", kind, path]
term_at_random(200, usual, words)
assert os.listdir(HERE) in ([], ["sock"]), os.listdir(HERE)
sockt = Sockt("unix", "-l", path)
assert sockt.end(signal.SIGTERM) == 143 and os.listdir(HERE) == []' stream
}

@test "unix: the file that another user may not remove stays, and the next start replaces it" {
	needs_root --run-as
	start_unix -k --run-as nobody
	kill -TERM "$server"
	ends 143 "$server"
	test -S "$sock"
	start_unix
	kill -TERM "$server"
	ends 143 "$server"
	leaves_no_file
}

# ---- who is there ----

@test "unix: -v says who is at the other end, on both sides" {
	local kind
	for kind in stream seqpacket; do
		start_unix -v --type "$kind"
		words=$said
		begin_fed "$SOCKT" unix -v --type "$kind" "$sock"
		exec {in}>&-
		ends 0 "$pid"
		ends 0 "$server"
		if [[ ${VARIANT-} == portable ]]; then
			has "$(<"$said")" "of user $(id -u), group $(id -g)"
			has "$(<"$words")" "of user $(id -u), group $(id -g)"
		else
			has "$(<"$said")"$'\n' "sockt: unix: unix:$sock: process $server of user $(id -u), group $(id -g)"$'\n'
			has "$(<"$words")"$'\n' ": process $pid of user $(id -u), group $(id -g)"$'\n'
		fi
	done
}

@test "unix: --json has a record of who is at the other end, on both sides" {
	local want server_said verb
	for verb in 'unix -l' listen echo-server; do
		# shellcheck disable=SC2086	# words
		start_server $verb --json "$([[ $verb == unix* ]] || echo unix:)$sock"
		server_said=$said
		begin "$SOCKT" unix --json "$sock"
		kill -0 "$pid"
		wait_for says "$server_said" '"event":"peer"'
		wait_for says "$said" '"event":"peer"'
		want="$(id -u) $(id -g)"
		is "$(jq -r 'select(.event == "peer") | "\(.uid) \(.gid)"' "$server_said")" "$want"
		is "$(jq -r 'select(.event == "peer") | "\(.uid) \(.gid) \(.object)"' "$said")" "$want unix:$sock"
		if [[ ${VARIANT-} != portable ]]; then
			is "$(jq -r 'select(.event == "peer").pid' "$server_said")" "$pid"
			is "$(jq -r 'select(.event == "peer").pid' "$said")" "$server"
		fi
		kill -TERM "$server"
		wait_for is_gone "$server"
	done
}

@test "unix: --allow-uid lets in who is named, by number or by name, and keeps out everybody else" {
	local kind
	for kind in stream seqpacket; do
		start_unix -kdv --type "$kind" --allow-uid "$((EUID + 1))" --allow-uid "$EUID"
		run -0 "$SOCKT" unix --type "$kind" "$sock" <<<"let in"
		wait_for says "$heard" 'let in'
		kill -TERM "$server"
		ends 143 "$server"
		start_unix -kdv --type "$kind" --allow-uid "$((EUID + 1))"
		run -6 --separate-stderr "$SOCKT" unix --type "$kind" "$sock" <<<"kept out"
		wait_for says "$said" 'refused: its user is not allowed (--allow-uid)'
		is "$(<"$heard")" ''
		kill -TERM "$server"
		ends 143 "$server"
	done
	start_unix --allow-uid "$(id -un)"
	run -0 "$SOCKT" unix "$sock" <<<"let in"
	ends 0 "$server"
}

@test "unix: --allow-uid is about datagrams too" {
	[[ ${VARIANT-} != portable ]] || skip 'who sent a datagram is asked of Linux'
	start_unix -dv --type dgram --allow-uid "$EUID"
	run -0 "$SOCKT" unix --type dgram -q 0 "$sock" <<<"let in"
	wait_for says "$heard" 'let in'
	kill -TERM "$server"
	ends 143 "$server"
	start_unix -dv --type dgram --allow-uid "$((EUID + 1))"
	run -0 "$SOCKT" unix --type dgram -q 0 "$sock" <<<"kept out"
	wait_for says "$said" 'refused: its user is not allowed (--allow-uid)'
	is "$(<"$heard")" ''
	speak 'new("dgram").sendto(b"nameless", argv[0])' "$sock"
	wait_for eval '(($(grep -c "its user is not allowed" "$said") == 2))'
	is "$(<"$heard")" ''
	kill -TERM "$server"
	ends 143 "$server"
	start_unix -kv --type dgram --allow-uid "$((EUID + 1))" --sh 'cat >&2'
	run -0 "$SOCKT" unix --type dgram -q 0 "$sock" <<<"kept out"
	wait_for says "$said" 'refused: its user is not allowed (--allow-uid)'
	has_no "$(<"$said")" 'kept out'
}

@test "unix: who is kept out is not the one client that is waited for" {
	own_name
	start_server unix -ld --allow-uid "$OTHER_UID" "$name"
	run -6 "$SOCKT" unix "$name" <<<"kept out"
	still_runs "$server"
	needs_root 'another user'
	run -0 "${AS_OTHER[@]}" "$SOCKT" unix "$name" <<<"let in"
	ends 0 "$server"
	is "$(<"$heard")" 'let in'
}

@test "unix: a user whose process we cannot see is known all the same, by datagrams and by connections" {
	needs_root 'a namespace of processes'
	unshare --pid --fork true 2>/dev/null || skip 'no namespaces of processes'
	[[ ${VARIANT-} != portable ]] || skip 'who sent a datagram is asked of Linux'
	local kind words
	for kind in seqpacket dgram; do
		unshare --pid --fork --kill-child "$SOCKT" unix -lkdv --json --type "$kind" --allow-uid 0 \
			--port-file "$BATS_TEST_TMPDIR/ready" "$sock" >"$BATS_TEST_TMPDIR/got" 2>"$BATS_TEST_TMPDIR/said" 3>&- &
		server=$!
		wait_for test -e "$BATS_TEST_TMPDIR/ready"
		run -0 "$SOCKT" unix --type "$kind" -q 0 "$sock" <<<"hello"
		wait_for says "$BATS_TEST_TMPDIR/got" hello
		words=$(cat "$BATS_TEST_TMPDIR/said" "$BATS_TEST_TMPDIR/got")
		has "$words" '"uid":0'
		has_no "$words" '"pid"'
		kill "$server"
		wait "$server" || :
		rm -f "$sock" "$BATS_TEST_TMPDIR/ready"
	done
}

@test "unix: another user is let in by --allow-uid and --mode, and not even root where it is not named" {
	needs_root 'another user'
	local kind
	public_dir
	for kind in stream seqpacket dgram; do
		[[ ${VARIANT-} != portable || $kind != dgram ]] || continue	# who sent a datagram is asked of Linux
		start_server unix -lkdv --type "$kind" --mode 0666 --allow-uid "$OTHER_UID" "$public/sock"
		run "$SOCKT" unix --type "$kind" -q 0 "$public/sock" <<<"I am root"
		run -0 "${AS_OTHER[@]}" "$SOCKT" unix --type "$kind" -q 0 "$public/sock" <<<"another user"
		wait_for says "$heard" 'another user'
		has "$(<"$said")" 'its user is not allowed'
		has_no "$(<"$heard")" root
		kill -TERM "$server"
		ends 143 "$server"
		start_server unix -lkdv --type "$kind" --mode 0666 --allow-uid 0 "$public/sock"
		run "${AS_OTHER[@]}" "$SOCKT" unix --type "$kind" -q 0 "$public/sock" <<<"another user"
		run -0 "$SOCKT" unix --type "$kind" -q 0 "$public/sock" <<<"I am root"
		wait_for says "$heard" root
		has_no "$(<"$heard")" another
		kill -TERM "$server"
		ends 143 "$server"
	done
}

@test "unix: listen and echo-server have --allow-uid as well" {
	start_server listen -kdv --allow-uid "$((EUID + 1))" "unix:$sock"
	run -6 "$SOCKT" unix "$sock" <<<"kept out"
	wait_for says "$said" 'its user is not allowed'
	start_server echo-server -v --allow-uid "$((EUID + 1))" "unix:$sock.2"
	run -6 "$SOCKT" unix "$sock.2" <<<"kept out"
	wait_for says "$said" 'its user is not allowed'
	start_server echo-server --allow-uid "$EUID" "unix:$sock.3"
	run -0 "$SOCKT" unix "$sock.3" <<<"let in"
	is "$output" 'let in'
}

# ---- descriptors ----

@test "unix: --send-fd sends descriptors with the first bytes, in order" {
	local kind
	echo first >"$BATS_TEST_TMPDIR/1"
	echo second >"$BATS_TEST_TMPDIR/2"
	for kind in stream seqpacket dgram; do
		start_unix_peer "p = Peer('$kind'); udp.ready(p.sock)
$RECV_FDS"'
say(*take(p.sock if p.kind == "dgram" else p.connection()))'
		run -0 "$SOCKT" unix --type "$kind" --frame line -q 0 --send-fd 6 --send-fd 5 --send-fd 6 "$where" \
			5<"$BATS_TEST_TMPDIR/1" 6<"$BATS_TEST_TMPDIR/2" <<<$'data'
		ends 0 "$peer"
		[[ $(<"$heard") == "b'data"*"' b'second\\n' b'first\\n' b''" ]]
	done
}

RECV_FDS='
def take(s):
    "What comes first, and what is in the files that come along."
    data, fds, flags, _ = socket.recv_fds(s, 1000, 253)
    return data, *[os.read(fd, 1000) for fd in fds]
'

@test "unix: where nothing else is sent, descriptors go along with a NUL, or an empty packet" {
	local kind
	echo content >"$BATS_TEST_TMPDIR/1"
	for kind in stream seqpacket dgram; do
		start_unix_peer "p = Peer('$kind'); udp.ready(p.sock)
$RECV_FDS"'
for _ in range(2):
    s = p.sock if p.kind == "dgram" else p.connection()
    say(*take(s)); p.who = None if p.kind == "dgram" else p.who.close()'
		run "$SOCKT" unix --type "$kind" -d -m 0.3 --send-fd 5 "$where" 5<"$BATS_TEST_TMPDIR/1"
		run -0 "$SOCKT" unix --type "$kind" -q 0 --send-fd 5 "$where" 5<"$BATS_TEST_TMPDIR/1" < <(:)
		ends 0 "$peer"
		is "$(sort -u "$heard")" "$([[ $kind == stream ]] && printf %s "b'\\x00'" || printf "b''") b'content\\n'"
	done
}

@test "unix: the descriptors go once, and what follows has none" {
	speak '
for kind in TYPES:
    peer = Peer(kind)
    r, w = os.pipe()
    sockt = Sockt("unix", "--type", kind, "--send-fd", str(w), peer.where, pass_fds=[w], form=None)
    s = peer.sock if kind == "dgram" else peer.connection()
    for i in range(3):
        sockt.say(b"part")
        data, fds, _, _ = socket.recv_fds(s, 100, 10)
        assert data == b"part" and len(fds) == (i == 0), (kind, i, fds)'
}

@test "unix: 253 descriptors travel at once; one more is status 2" {
	local words
	words=$(printf -- '--send-fd 0 %.0s' {1..253})
	start_unix_peer 'c = accept(reported()); data, fds, _, _ = socket.recv_fds(c, 100, 253); say(data, len(fds))'
	# shellcheck disable=SC2086	# many words
	run -0 --separate-stderr "$SOCKT" unix $words "$where" <<<hello
	ends 0 "$peer"
	is "$(<"$heard")" "b'hello\\n' 253"
	# shellcheck disable=SC2086	# many words
	run -2 --separate-stderr "$SOCKT" unix $words --send-fd 0 "$where" <<<hello
	one_line "$stderr"
	has "$stderr" 'sockt: unix: --send-fd: ' 253
}

@test "unix: --recv-fd runs the program with what came, from 3 on, and with what was said" {
	echo first >"$BATS_TEST_TMPDIR/1"
	echo second >"$BATS_TEST_TMPDIR/2"
	local kind
	for kind in stream seqpacket; do
		start_server unix -l --recv-fd --type "$kind" "$sock" --sh \
			'echo "$SOCKT_FDS: $(cat <&3) $(cat <&4)"; ls /proc/$$/fd | tr "\n" " "; cat'
		run -0 --separate-stderr "$SOCKT" unix --type "$kind" --send-fd 5 --send-fd 6 "$sock" \
			5<"$BATS_TEST_TMPDIR/1" 6<"$BATS_TEST_TMPDIR/2" <<<'and data'
		[[ $output == '2: first second'$'\n0 1 2 3 4 '*'and data' ]]
		ends 0 "$server"
		leaves_no_file
	done
}

@test "unix: --recv-fd takes descriptors of Python's, with -k of each client by itself" {
	start_server unix -lk --recv-fd "$sock" --sh 'cat >&3; echo "$SOCKT_FDS"'
	speak '
crowd = [(join(argv[0]), os.pipe()) for _ in range(10)]
for i, (s, (r, w)) in enumerate(crowd):
    socket.send_fds(s, [b"I am %d" % i], [w, 0][:1 + i % 2]); os.close(w); half_close(s)
for i, (s, (r, w)) in enumerate(crowd):
    assert read_all(s) == b"%d\n" % (1 + i % 2)
    assert os.read(r, 100) == b"I am %d" % i and os.read(r, 100) == b""' "$sock"
	kill -TERM "$server"
	ends 143 "$server"
}

@test "unix: a NUL or an empty packet that descriptors came with is what the program reads" {
	local kind
	for kind in stream seqpacket; do
		start_server unix -l --recv-fd --type "$kind" --frame len8 "$sock" --sh 'od -An -tx1 >&2' || true
		speak 's = join(*argv)
socket.send_fds(s, [b"\1x" if argv[1] == "stream" else b""], [0]); half_close(s); read_all(s)' "$sock" "$kind"
		ends 0 "$server"
		has "$(<"$said")" "$([[ $kind == stream ]] && echo '78' || echo '00')"
	done
}

@test "unix: a client that sends no descriptor is dropped with words, and one client's lack is status 10" {
	local kind
	for kind in stream seqpacket; do
		start_server unix -lk --recv-fd --type "$kind" "$sock" --sh 'cat <&3'
		run -6 "$SOCKT" unix --type "$kind" "$sock" <<<hello
		wait_for says "$said" 'it sent no descriptor with its first bytes (--recv-fd)'
		run -0 "$SOCKT" unix --type "$kind" --send-fd 5 "$sock" 5<<<content <<<hello
		is "$output" content
		kill -TERM "$server"
		ends 143 "$server"
		start_server unix -l --recv-fd --type "$kind" "$sock" --sh 'cat <&3'
		run "$SOCKT" unix --type "$kind" "$sock" <<<hello
		ends 10 "$server"
		has "$(<"$said")" 'it sent no descriptor with its first bytes (--recv-fd)'
		leaves_no_file
	done
}

@test "unix: who goes without a word is no error of --recv-fd -k, and who says nothing for long is dropped" {
	start_server unix -lk --recv-fd "$sock" --sh 'echo "$SOCKT_FDS"; cat'
	local many=$server many_said=$said
	start_server unix -l --recv-fd "$sock.2" --sh cat
	speak '
join(argv[0]).close()
silent, alone = join(argv[0]), join(argv[1])
c = join(argv[0]); socket.send_fds(c, [b"hello"], [0]); assert read_n(c, 7) == b"1\nhello"
for s in silent, alone:
    try: assert s.recv(1) == b""
    except ConnectionResetError: pass
c.sendall(b"more"); assert read_n(c, 4) == b"more"' "$sock" "$sock.2"
	ends 5 "$server"
	wait_for says "$many_said" 'descriptor'
	is_alive "$many"
}

@test "unix: descriptors that nobody asked for are closed" {
	local kind words
	for kind in stream seqpacket dgram; do
		for words in '' --sh; do
			# shellcheck disable=SC2086	# words
			start_server unix -lk --type "$kind" "$sock.$kind$words" ${words:+--sh 'exec cat >&2'}
			speak '
s = join(*argv)
for i in range(3):
    r, w = os.pipe()
    socket.send_fds(s, [b"hello"], [w, w, w]); os.close(w)
    assert select.select([r], [], [], PATIENCE)[0] and os.read(r, 1) == b""
' "$sock.$kind$words" "$kind"
		done
	done
}

@test "unix: descriptors that are more than we may have are refused, and the next client is served" {
	start_server unix -lk --recv-fd "$sock" --sh 'echo "$SOCKT_FDS"'
	prlimit --pid "$server" --nofile=20:20
	speak '
s = join(argv[0]); socket.send_fds(s, [b"hello"], [0] * 100)
try: assert read_all(s) == b""
except ConnectionResetError: pass
s = join(argv[0]); socket.send_fds(s, [b"hello"], [0]); assert read_all(s) == b"1\n"' "$sock"
	has "$(<"$said")" 'cannot take the descriptors that came'
}

# ---- what makes no sense ----

@test "unix: a path of 107 bytes works, and a longer one is status 2 and names the limit" {
	cd "$BATS_TEST_TMPDIR"
	local long kind
	long=$(printf 'x%.0s' {1..107})
	for kind in stream seqpacket dgram; do
		start_server unix -l --type "$kind" "$long"
		run -0 "$SOCKT" unix --type "$kind" -q 0 "$long" <<<hello
		wait_for holds "$heard" hello
		[[ $kind != dgram ]] || kill -TERM "$server"
		ends "$([[ $kind == dgram ]] && echo 143 || echo 0)" "$server"
		leaves_no_file
		for words in "unix -l" unix; do
			# shellcheck disable=SC2086	# words
			run -2 --separate-stderr "$SOCKT" $words --type "$kind" "x$long"
			one_line "$stderr"
			has "$stderr" "sockt: unix: x$long: " 107
		done
	done
	for words in connect listen echo-server; do
		run -2 --separate-stderr "$SOCKT" "$words" "unix:x$long"
		one_line "$stderr"
		has "$stderr" 107
	done
	run -2 --separate-stderr "$SOCKT" unix -l "@$long"
	has "$stderr" 107
}

@test "unix: options that do not go together are status 2, and nothing is made" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086	# several words
		run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" $words 5</dev/null
		one_line "$stderr"
		[[ -z $(find "$BATS_TEST_TMPDIR" -type s) ]]
	done <<-END
		unix
		unix @
		unix $sock $sock
		unix -k $sock
		unix --mode 0600 $sock
		unix --group 0 $sock
		unix --allow-uid 0 $sock
		unix --ready-fd 1 $sock
		unix --port-file x $sock
		unix --run-as nobody $sock
		unix --recv-fd $sock -- cat
		unix --max-conns 3 $sock
		unix --first-byte 1 $sock
		unix --drain 1 $sock
		unix -l --recv-fd $sock
		unix -l --send-fd 5 $sock
		unix -lz $sock
		unix -z --send-fd 5 $sock
		unix -z $sock -- cat
		unix --sh cat $sock -- cat
		unix --send-fd 77 $sock
		unix --send-fd x $sock
		unix --send-fd -1 $sock
		unix -l --wait 1 $sock
		unix -l --retry 1 $sock
		unix -l --drain 1 $sock
		unix -l --max-conns 3 $sock
		unix --type nonsense $sock
		unix --type DGRAM $sock
		unix --type raw $sock
		unix -l --mode 0 $sock
		unix -l --mode 8 $sock
		unix -l --mode 1000 $sock
		unix -l --mode 4755 $sock
		unix -l --mode rw $sock
		unix -l --mode -1 $sock
		unix -l --allow-uid no-such-user $sock
		unix -l --allow-uid -1 $sock
		unix -l --allow-uid 4294967295 $sock
		unix -l --group no-such-group $sock
		unix -l --group 4294967295 $sock
		unix -U $sock
		unix -u $sock
		unix -lk --progress $sock
		unix -xl --json $sock
		listen --mode 0600 127.0.0.1 0
		listen --group 0 127.0.0.1 0
		listen --allow-uid 0 127.0.0.1 0
		listen -u --allow-uid 0 127.0.0.1 0
		echo-server --mode 0600 127.0.0.1 0
		echo-server -u unix:$sock
		connect -u unix:$sock
		listen -u unix:$sock
		udp-send unix:$sock x
	END
}

@test "unix: an abstract name has no mode and no group to be given" {
	own_name
	local words
	for words in '--mode 0600' "--group $(id -g)"; do
		# shellcheck disable=SC2086	# two words
		run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" unix -l -w 0.1 $words "$name"
		has "$stderr" "sockt: unix: ${words% *}: "
	done
}

@test "unix: 65 users are more than --allow-uid takes" {
	local words
	words=$(printf -- '--allow-uid %d ' {1000..1064})
	# shellcheck disable=SC2086	# many words
	run -2 --separate-stderr timeout "$PATIENCE" "$SOCKT" unix -l $words "$sock"
	one_line "$stderr"
	has "$stderr" --allow-uid 64
	leaves_no_file
}

@test "unix: a path cannot drive the terminal, nor make lines of its own, when the socket is ready" {
	sock+=$'\n\e[1m'
	start_unix
	run -0 "$SOCKT" unix "$sock" <<<hello
	ends 0 "$server"
	is "$(<"$said")" "listening on unix:$BATS_TEST_TMPDIR/sock\\x0a\\x1b[1m"
}
