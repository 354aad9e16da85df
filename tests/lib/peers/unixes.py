"""Unix sockets for tests: `from unixes import *`, which has the words of udp.py as well.

A path is one in the test's own directory; @NAME is an abstract name.
"""
import ctypes, itertools, re, subprocess, tempfile  # noqa: E401, F401: offered to the tests

import udp
from udp import *  # noqa: F401, F403
from udp import (PATIENCE, SOCKT, Child, half_close, os, random, read_all, select, sha, signal, socket, struct, time,
                 together)

HERE = os.environ['HERE']
TYPES = {'stream': socket.SOCK_STREAM, 'seqpacket': socket.SOCK_SEQPACKET, 'dgram': socket.SOCK_DGRAM}
PACKETS = 'seqpacket', 'dgram'
UCRED = '3i'
_numbers = itertools.count()
signal.signal(signal.SIGINT, signal.SIG_DFL)	# sockt leaves it ignored where it is


def place(word='s'):
    """A path that nothing else in this process has."""
    return f'{HERE}/{word}.{os.getpid()}.{next(_numbers)}'


def name(path):
    return '\0' + path[1:] if path[0] == '@' else path


def new(kind):
    s = socket.socket(socket.AF_UNIX, TYPES[kind])
    s.settimeout(PATIENCE)
    return s


def bound(path, kind='stream', listens=True):
    """A socket with that path, which listens where its kind does."""
    s = new(kind)
    s.bind(name(path))
    if kind != 'dgram' and listens:
        s.listen(64)
    return s


def reported(kind='stream', path=None):
    """The same, and the test hears where it is."""
    s = bound(path or place(), kind)
    udp.ready(s)
    return s


def join(path, kind='stream', own=None):
    """A client of that path; own is its own, which one of datagrams has anyway, so that it can be answered."""
    s = new(kind)
    if own or kind == 'dgram':
        s.bind(name(own or place('own')))
    s.connect(name(path))
    return s


def dead(path, kind='stream'):
    """A socket file that nobody has any more. Returns what the file is known by."""
    bound(path, kind).close()
    return identity(path)


def identity(path):
    """What another file of that name would not have."""
    st = os.lstat(path)
    return st.st_ino, st.st_mode, st.st_uid, st.st_gid, st.st_mtime_ns, st.st_ctime_ns


def most():
    """The longest message that a Unix socket takes: its buffer, less what Linux keeps of that."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        return s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - 32


def some(seed='', ends=b'', longest=None):
    """Random messages of many sizes, without the bytes of ends, with empty ones between them and at both ends."""
    rng = random.Random(seed)
    longest = longest or most()
    table = bytes(b ^ (0x55 if b in ends else 0) for b in range(256))
    sizes = 0, 1, 2, 0, 511, 4096, 8191, 8192, 0, 0, 8193, 65535, 65536, longest - 1, longest, 0
    return [rng.randbytes(n).translate(table) for n in sizes if n <= longest]


def messages_of(s, n):
    """The next n messages; what is longer than any may be comes out wrong."""
    return [s.recv(most() + 1) for _ in range(n)]


def sender_of(s):
    """Who is at the other end of a connection: pid, uid, gid."""
    return struct.unpack(UCRED, s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(UCRED)))


def in_vain(*words):
    """Runs sockt, which ends by itself, for it cannot do what it is to. Returns its status and what it says."""
    ran = subprocess.run([SOCKT, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         text=True, timeout=PATIENCE)
    return ran.returncode, ran.stderr


def answered(connect, *args):
    """What connect() returns as soon as somebody listens."""
    def tries():
        try:
            return connect(*args)
        except (ConnectionRefusedError, FileNotFoundError):
            return None
    return wait_until(tries)


def wait_until(condition, *args):
    end = time.monotonic() + PATIENCE
    while not (found := condition(*args)):
        assert time.monotonic() < end, (condition, args)
        select.select([], [], [], 0.01)
    return found


class Sockt(udp.Sockt):
    """sockt, whose stdin and stdout have messages in that format, or just bytes. A server's path is `where`."""

    def __init__(self, *words, form='len32', **how):
        self.form, self.words = form, tempfile.TemporaryFile()
        udp._all.append(self)
        options, r, w = ['--frame', form] if form else [], None, None
        if words[0] in ('listen', 'echo-server') or any(re.fullmatch('-[a-z]*l[a-z]*', w) for w in words):
            r, w = os.pipe()
            options += ['--ready-fd', str(w)]
        how = {'stderr': self.words, 'pass_fds': [w] if w else [], **how}
        Child.__init__(self, SOCKT, words[0], *options, *words[1:], **how)
        if w:
            os.close(w)
            with os.fdopen(r) as lines:
                line = lines.readline().strip()
            assert line.startswith('unix:'), (line, self.said())
            self.where = line[5:]


class Peer:
    """Who has a path and takes one client, or of datagrams answers whoever was heard last."""

    def __init__(self, kind='stream', path=None):
        self.where, self.kind, self.who = path or place(), kind, None
        self.sock = bound(self.where, kind)

    def connection(self):
        """Takes the client, if there is none yet."""
        if self.kind != 'dgram' and self.who is None:
            self.who, _ = self.sock.accept()
            self.who.settimeout(PATIENCE)
        return self.who

    def hear(self, n=None):
        if self.kind == 'dgram':
            got, self.who = self.sock.recvfrom(most() + 1)
            return got
        return self.connection().recv(most() + 1)

    def say(self, message):
        if self.kind == 'dgram':
            self.sock.sendto(message, self.who)
        else:
            self.connection().send(message)

    def end(self):
        """Closes all that it has; the file stays."""
        if self.kind != 'dgram' and self.who is not None:
            self.who.close()
        self.sock.close()


class Guest:
    """A client of a path; without a name of its own it cannot be answered."""

    def __init__(self, where, kind='stream', **how):
        self.sock = join(where, kind, **how)

    def hear(self, n=None):
        return self.sock.recv(most() + 1)

    def say(self, message):
        self.sock.send(message)


def has_end(s):
    """Is what comes of sequenced packets the end, and no empty one? The latter brings who sent it."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    got, control, _, _ = s.recvmsg(100, 256)
    assert got == b'', got
    return not control


def finish(process, data=None):
    """Waits for a process with pipes, as communicate() does, within our patience."""
    return process.communicate(data, timeout=PATIENCE)


def term_at_random(rounds, usual, words):
    """So often, starts sockt with words(i), does not wait for it, and sends it SIGTERM after a random part of thrice the
    time that it usually takes to be there. Ends early where that is long."""
    rng, end = random.Random(time.monotonic()), time.monotonic() + 30
    for i in range(rounds):
        process = subprocess.Popen([SOCKT, *words(i)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        select.select([], [], [], rng.random() * 3 * usual)
        process.terminate()
        assert process.wait(PATIENCE) in (143, -signal.SIGTERM), process.returncode
        process.stdin.close()
        if time.monotonic() > end:
            break


def swap(a, b):
    """A child and another, or a socket, say a MiB to each other at the same time and end."""
    said = [random.randbytes(1 << 20) for _ in range(2)]
    heard = [None, None]

    def speak(i, one):
        if isinstance(one, Child):
            heard[i] = finish(one.process, said[i])[0]
        else:
            together(lambda: (one.sendall(said[i]), half_close(one)), lambda: heard.__setitem__(i, read_all(one)))
    together(lambda: speak(0, a), lambda: speak(1, b))
    assert [sha(h) for h in reversed(heard)] == [sha(m) for m in said], [len(h) for h in heard]


def watch(path):
    """Watches what happens to the files of a directory (inotify(7)). Returns a function that tells what that was since it
    told last: a list of 'create', 'attrib', 'moved' or 'delete'."""
    libc = ctypes.CDLL(None, use_errno=True)
    kinds = {0x4: 'attrib', 0x40: 'moved', 0x80: 'moved', 0x100: 'create', 0x200: 'delete'}
    fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert fd >= 0 and libc.inotify_add_watch(fd, path.encode(), sum(kinds)) >= 0, os.strerror(ctypes.get_errno())

    def seen():
        found, at = [], 0
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            data = b''
        while at < len(data):
            _, mask, _, length = struct.unpack_from('iIII', data, at)
            at += 16 + length
            found.append(kinds[mask & sum(kinds)])
        return found
    return seen
