# The world of suites that move big files: random bytes there and others back, as many. `load lib/bulk` brings it in.
# shellcheck disable=SC2034	# what is set here is for the suites

MIB=${PEERS_MIB:-64}

setup_file() {
	head -c "$((MIB << 20))" /dev/urandom >"$BATS_FILE_TMPDIR/there"
	tac -s x "$BATS_FILE_TMPDIR/there" >"$BATS_FILE_TMPDIR/back"	# other bytes, as many
}

setup() {
	there=$BATS_FILE_TMPDIR/there
	back=$BATS_FILE_TMPDIR/back
	got=$BATS_TEST_TMPDIR/got
}

# Big files have no place in a failure's report; what a test leaves goes at its end.
teardown() {
	stop_all
	rm -f "$BATS_TEST_TMPDIR"/got* "$BATS_TEST_TMPDIR"/heard.*
}
