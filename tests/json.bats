# --json: what is said becomes one JSON object a line, with the same schema everywhere.
load lib/helpers

# events TEXT PYTHON: every line of the text is a JSON object with ts and event; then the code sees them as `events`,
# and the only one called x as one("x").
events() {
	python3 -c '
import json, re, sys
def unique(pairs):
    assert len(dict(pairs)) == len(pairs), f"a member twice: {pairs}"
    return dict(pairs)
text = sys.stdin.read()
assert text.endswith("\n"), "no newline at the end"
events = [json.loads(line, object_pairs_hook=unique) for line in text[:-1].split("\n")]
for e in events:
    assert list(e)[:2] == ["ts", "event"], e
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z", e["ts"]), e
    assert re.fullmatch(r"[a-z_]+", e["event"]), e
    assert all(isinstance(v, (str, int)) for v in e.values()), e
assert [e["ts"] for e in events] == sorted(e["ts"] for e in events), "not in order"
def one(name):
    found = [e for e in events if e["event"] == name]
    assert len(found) == 1, (name, events)
    return found[0]
def has(e, **want):
    for k, v in want.items():
        assert k in e and (e[k] == v if v is not any else True), (k, v, e)
'"$2" <<<"$1"
}

@test "json: a conversation is trying, connected, closed, with numbers as numbers" {
	start_peer 'c = accept(); read_all(c); c.sendall(b"answer"); c.close()'
	run -0 --separate-stderr "$SOCKT" connect --json 127.0.0.1 "$port" <<<hello
	is "$output" answer
	events "$stderr" "
assert [e['event'] for e in events] == ['trying', 'connected', 'closed'], events
has(one('trying'), object='$addr')
has(one('connected'), object='$addr', local=any, took_us=any)
assert one('connected')['local'].startswith('127.0.0.1:')
has(one('closed'), object='$addr', sent=6, received=6, took_us=any)
assert isinstance(one('closed')['took_us'], int)"
}

@test "json: an error has object, kind, status, errno and stage" {
	closed_port
	run -4 --separate-stderr "$SOCKT" connect --json 127.0.0.1 "$port"
	is "$output" ''
	events "$stderr" "
assert [e['event'] for e in events] == ['trying', 'failed', 'error'], events
has(one('failed'), object='$addr', errno='ECONNREFUSED', reason=any)
has(one('error'), object='$addr', kind='connect', status=4, errno='ECONNREFUSED', stage='connect')"
}

@test "json: errors are JSON at every stage: lookup, bind, timeout, broken, local, usage" {
	run -3 --separate-stderr "$SOCKT" connect --json 127.0.0.1 no-such-service
	events "$stderr" "
has(one('error'), object='127.0.0.1:no-such-service', kind='lookup', status=3, errno=any, stage='lookup')"
	closed_port
	run -9 --separate-stderr "$SOCKT" connect --json -s 192.0.2.77 127.0.0.1 "$port"
	events "$stderr" "has(one('error'), object=any, kind='bind', status=9, errno='EADDRNOTAVAIL', stage='connect')"
	run -5 --separate-stderr "$SOCKT" connect --json --wait 0.1 127.0.0.1 "$port"
	events "$stderr" "has(one('error'), object='$addr', kind='timeout', status=5, errno=any, stage='connect')"
	start_peer 'c = accept(); read_n(c, 6); c.sendall(b"12345"); sent_and_acked(c); reset(c)'
	run -6 --separate-stderr "$SOCKT" connect --json --no-half-close 127.0.0.1 "$port" <<<hello
	events "$stderr" "has(one('error'), object='$addr', kind='broken', status=6, errno='ECONNRESET', stage='transfer',
    sent=6, received=5)"
	start_peer 'c = accept(); c.sendall(b"x"); c.recv(1)'
	run -12 --separate-stderr bash -c "\"\$SOCKT\" connect -d --json $addr >/dev/full"
	events "$stderr" "has(one('error'), object='stdout', kind='local', status=12, errno='ENOSPC', stage='transfer')"
	run -2 --separate-stderr "$SOCKT" connect --json 127.0.0.1 99999
	events "$stderr" "has(one('error'), object='99999', kind='usage', status=2, errno='', stage='usage')"
}

@test "json: a usage error in an option is JSON, wherever --json stands" {
	run -2 --separate-stderr "$SOCKT" connect --json --wait 5x 127.0.0.1 80
	events "$stderr" "has(one('error'), object='--wait', kind='usage', status=2, stage='usage')"
	run -2 --separate-stderr "$SOCKT" connect --wait 5x --json 127.0.0.1 80
	events "$stderr" "has(one('error'), object='--wait', kind='usage', status=2, stage='usage')"
}

@test "json: errno has a name, and is empty where there is none" {
	run -3 --separate-stderr "$SOCKT" connect --json -n localhost 80
	events "$stderr" "has(one('error'), kind='lookup', errno='')"
	run -4 --separate-stderr "$SOCKT" connect --json "unix:$BATS_TEST_TMPDIR/none"
	events "$stderr" "has(one('error'), object='unix:$BATS_TEST_TMPDIR/none', kind='connect', errno='ENOENT')"
}

@test "json: whatever a name holds, the line stays JSON" {
	path=$BATS_TEST_TMPDIR/$'q"b\\t\tn\ne\e\x7f\xff\xc3\xa9'
	run -4 --separate-stderr "$SOCKT" connect --json "unix:$path"
	events "$stderr" "
import unicodedata
e = one('error')
assert 'q\"b' in e['object'] and 'é' in e['object'], e
assert not any(unicodedata.category(c) == 'Cc' for c in ''.join(str(v) for v in e.values())), e"
}

@test "json: retries and --stats are events, too" {
	closed_port
	run -4 --separate-stderr "$SOCKT" connect --json --retry 1 --retry-delay 10ms --retry-refused 127.0.0.1 "$port"
	events "$stderr" "
assert [e['event'] for e in events] == ['trying', 'failed', 'retrying', 'trying', 'failed', 'error'], events
has(one('retrying'), object='$addr', reason=any, delay_ms=any)"
	start_peer 'c = accept(); read_all(c)'
	run -0 --separate-stderr "$SOCKT" connect --json --stats 127.0.0.1 "$port" <<<hello
	events "$stderr" "has(one('stats'), object='$addr', sent=6, received=0, took_us=any, rtt_us=any, retransmits=0)"
}

@test "json: the hint about half-close is an event" {
	start_peer 'c = accept(); read_all(c)'
	run -0 --separate-stderr "$SOCKT" connect --json 127.0.0.1 "$port" <<<hello
	events "$stderr" "has(one('hint'), object='$addr', words=any)"
}

@test "json: a listener says listening, accepted and closed" {
	start_listener --json
	run -0 --separate-stderr "$SOCKT" connect -s 127.0.0.5 127.0.0.1 "$port" <<<hello
	ends 0 "$listener"
	is "$(<"$heard")" hello
	events "$(<"$said")" "
assert [e['event'] for e in events] == ['listening', 'accepted', 'closed'], events
has(one('listening'), object='$addr')
has(one('accepted'), object=any, local='$addr')
assert one('accepted')['object'].startswith('127.0.0.5:')
has(one('closed'), object=one('accepted')['object'], sent=0, received=6)"
}

@test "json: -vv adds states, still one object a line" {
	start_peer 'c = accept(); read_all(c)'
	run -0 --separate-stderr "$SOCKT" connect --json -vv 127.0.0.1 "$port" <<<hello
	events "$stderr" "
states = [e for e in events if e['event'] == 'state']
assert states
for e in states: has(e, object=any, **{'from': any, 'to': any})"
}

@test "json: with --quiet only errors are left" {
	closed_port
	run -4 --separate-stderr "$SOCKT" connect --json --quiet 127.0.0.1 "$port"
	events "$stderr" "assert [e['event'] for e in events] == ['error'], events"
}
