# What the suites about Unix sockets need beside lib/helpers: Python with the words of lib/peers/unixes.py, and a path.
# shellcheck disable=SC2034,SC2154	# what is set here is for the suites; $pid and the like come from lib/helpers

# sock: where most tests have their socket. Each may have more beside it.
setup() { sock=$BATS_TEST_TMPDIR/sock; }

_unix_code() { printf '%s\n' 'from unixes import *' "$1"; }

# speak CODE [ARG]...: runs it here.
speak() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/lib/peers HERE=$BATS_TEST_TMPDIR \
		timeout 75 python3 -c "$(_unix_code "$1")" "${@:2}" 3>&-
}

# start_unix_peer CODE [ARG]...: start_peer, with these words as well: reported() is who tells the test where it is.
# Sets $where, the path, too.
start_unix_peer() {
	HERE=$BATS_TEST_TMPDIR start_peer "$(printf '\n'; _unix_code "$1")" "${@:2}" || return
	where=${addr#unix:}
}

# start_unix [OPTION]...: sockt unix -l at $sock. Sets what start_server sets.
start_unix() { start_server unix -l "$@" "$sock"; }

# own_name: sets $name to an abstract one that nobody else has.
own_name() { name=@sockt-test-$$-$BATS_TEST_NUMBER-$RANDOM; }

needs_root() { ((EUID == 0)) || skip "$1 needs root"; }

# Another user, of no group but that user's: what comes before a command of theirs, for root. UNPRIVILEGED is somebody who
# has no privileges, us if we are not root.
OTHER_UID=54321 OTHER_GID=54322
AS_OTHER=(setpriv --reuid "$OTHER_UID" --regid "$OTHER_GID" --clear-groups)
UNPRIVILEGED=()
((EUID != 0)) || UNPRIVILEGED=("${AS_OTHER[@]}")

# public_dir: sets $public to a directory where every user may do what we do. remove_public takes it away.
public_dir() {
	public=$(mktemp -d "${TMPDIR:-/tmp}/sockt-test.XXXXXX")
	chmod 777 "$public"
}

remove_public() { [[ -z ${public-} ]] || rm -rf "$public"; }

# file_is PATH MODE: there is a socket, with that mode.
file_is() { is "$(stat -c '%F %a' "$1")" "socket $2"; }

# leaves_no_file: nothing is left of the socket, nor of what replaced it.
leaves_no_file() { is "$(find "$BATS_TEST_TMPDIR" -type s)" ''; }

needs_strace() { strace -o /dev/null true 2>/dev/null || skip 'strace is not here, or may not trace'; }

# traced FILE WORD...: runs sockt, and writes what it asks the system about modes and owners to the file.
traced() {
	ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 timeout "$PATIENCE" strace -qq -o "$1" \
		-e 'trace=umask,bind,?chmod,fchmod,fchmodat,?fchmodat2,?chown,?lchown,fchown,fchownat' "$SOCKT" "${@:2}"
}
