"""Who starts sockt, and in what world: `from parent import *`, a line of what is so, then become()."""
import fcntl, os, signal, socket, sys  # noqa: E401, F401: offered to the tests

signal.signal(signal.SIGPIPE, signal.SIG_DFL)		# Python ignores these two, and what is ignored is inherited
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
_kept = []


def listening(where=('127.0.0.1', 0), kind=socket.SOCK_STREAM):
    """A socket that listens if it can: at a pair, at a path, or at @NAME."""
    if isinstance(where, str):
        s = socket.socket(socket.AF_UNIX, kind)
        where = '\0' + where[1:] if where[0] == '@' else where
    else:
        s = socket.socket(socket.AF_INET6 if ':' in where[0] else socket.AF_INET, kind)
    s.bind(where)
    if kind != socket.SOCK_DGRAM:
        s.listen(16)
    return s


def hand_over(*files, pid=None, count=None, names=None):
    """What systemd does for socket activation: descriptors from 3 on, and who they are for. None: not open."""
    high = [f and fcntl.fcntl(f, fcntl.F_DUPFD, 100) for f in files]
    for i, fd in enumerate(high):
        if fd is None:
            os.set_inheritable(3 + i, False) if _is_open(3 + i) else None
        else:
            os.dup2(fd, 3 + i)
    os.environ['LISTEN_PID'] = str(os.getpid() if pid is None else pid)
    os.environ['LISTEN_FDS'] = str(len(files) if count is None else count)
    if names:
        os.environ['LISTEN_FDNAMES'] = names
    _kept.extend(files)


def _is_open(fd):
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
    except OSError:
        return False
    return True


def become():
    """sockt, with the same process number."""
    os.execv(sys.argv[1], sys.argv[1:])
