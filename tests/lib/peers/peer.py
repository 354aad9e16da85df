"""A peer for tests, as words to build one from: `from peer import *`, then a line or two of what it does.

listen() or accept() binds a free port of 127.0.0.1 and writes HOST:PORT to the descriptor READY_FD names. Every socket
times out, so that a peer never outlives a failed test by much.
"""
import fcntl, hashlib, json, os, select, signal, socket, struct, sys, threading, time  # noqa: E401, F401: offered to the tests

PATIENCE = 20
signal.alarm(60)
argv = sys.argv[1:]
_ready_fd = int(os.environ.pop('READY_FD', '-1'))


def say(*words):
    """A line on stdout, at once, and whole also when several threads say one."""
    sys.stdout.write(' '.join(map(str, words)) + '\n')
    sys.stdout.flush()


def ready(sock):
    """Tells the test where to connect."""
    global _ready_fd
    if sock.family == socket.AF_UNIX:
        path = sock.getsockname()
        line = 'unix:' + ('@' + path[1:].decode() if isinstance(path, bytes) else path)
    else:
        host, port = sock.getsockname()[:2]
        line = f'[{host}]:{port}' if ':' in host else f'{host}:{port}'
    if _ready_fd >= 0:
        os.write(_ready_fd, line.encode() + b'\n')
        os.close(_ready_fd)
        _ready_fd = -1


def listen(host='127.0.0.1', port=0, backlog=16, rcvbuf=0):
    """A listening socket, reported. A host with a slash is a Unix path; one that begins with @, an abstract name."""
    if host[0] in '/@':
        s = socket.socket(socket.AF_UNIX)
        where = '\0' + host[1:] if host[0] == '@' else host
    else:
        s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        where = (host, port)
    if rcvbuf:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    s.bind(where)
    s.listen(backlog)
    s.settimeout(PATIENCE)
    ready(s)
    return s


def accept(listener=None, **how):
    """The first client, of a listener of its own unless one is given."""
    listener = listener or listen(**how)
    c, _ = listener.accept()
    c.settimeout(PATIENCE)
    return c


def read_all(c):
    """What comes until the end."""
    parts = []
    while part := c.recv(1 << 16):
        parts.append(part)
    return b''.join(parts)


def read_n(c, n):
    """Exactly n bytes, or what came before the end."""
    have = b''
    while len(have) < n and (part := c.recv(n - len(have))):
        have += part
    return have


def half_close(c):
    c.shutdown(socket.SHUT_WR)


def reset(c):
    """Ends a TCP connection with RST."""
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    c.close()


def sent_and_acked(c):
    """Waits until the other system has acknowledged everything (SIOCOUTQ)."""
    end = time.monotonic() + PATIENCE
    while struct.unpack('i', fcntl.ioctl(c, 0x5411, b'\0' * 4))[0] > 0 and time.monotonic() < end:
        select.select([], [], [], 0.005)


def is_silent(c, seconds=0.3):
    """Does nothing come for so long, not even an end? There is no fact to wait for that says so sooner."""
    return not select.select([c], [], [], seconds)[0]


def sha(data):
    return hashlib.sha256(data).hexdigest()


def together(*jobs):
    """Each in a thread of its own; all have to succeed."""
    failed = []

    def run(job):
        try:
            job()
        except BaseException as error:  # an assertion, or the end of somebody's patience
            failed.append(error)
    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
