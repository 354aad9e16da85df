"""Crowds for tests: many clients of one server in one process. `from guests import *`, which has peer.py's words too.

Loopback connects without the server's help, as far as its backlog goes: a loop of connect() is a crowd at the door at
once. A client is served when its own words come back, and turned away when it reads FULL, or nothing, and the end.
"""
import asyncio, collections, resource, selectors, subprocess, threading  # noqa: E401, F401: offered to the tests

from peer import *  # noqa: F401, F403
from peer import PATIENCE, is_silent, read_all, read_n, reset, half_close, os, select, socket, time

FULL = b'Server full, try again later\n'
BIND_ADDRESS_NO_PORT = 24
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def new(where, source=None, rcvbuf=0):
    """A socket for where, bound to the source address, not connected."""
    s = socket.socket(socket.AF_INET6 if ':' in where[0] else socket.AF_INET)
    if rcvbuf:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    if source:
        if s.family == socket.AF_INET:
            s.setsockopt(socket.SOL_IP, BIND_ADDRESS_NO_PORT, 1)
        s.bind((source, 0))
    s.settimeout(PATIENCE)
    return s


def join(where, source=None, **how):
    """A client, connected."""
    s = new(where, source, **how)
    s.connect(where)
    return s


def crowd(where, n, source=None, **how):
    return [join(where, source, **how) for _ in range(n)]


def is_served(s, word=b'Am I in?\n'):
    """Does what it says come back? If not, it was turned away, which nothing but FULL may have told it."""
    got = b''
    try:
        s.sendall(word)
        got = read_n(s, len(word))
        if got == word:
            return True
        got += read_all(s)
    except ConnectionError:
        return False
    assert got in (b'', FULL), got
    return False


def verdict(s):
    """How a client that says nothing is received: 'in', 'told' that the server is full, or 'out' without a word."""
    if is_silent(s):
        return 'in'
    got = read_all(s)
    assert got in (b'', FULL), got
    return 'told' if got else 'out'


def all_served(crowd):
    """Each of them is, one after the other, with words of its own."""
    for i, s in enumerate(crowd):
        word = b'I am number %d of the crowd\n' % i
        s.sendall(word)
        got = read_n(s, len(word))
        assert got == word, (i, got, s)


def parted(crowd, n):
    """Waits until n of them have ended. Returns those that have not, and what each of the others read."""
    selector = selectors.DefaultSelector()
    heard = {s: b'' for s in crowd}
    end = time.monotonic() + PATIENCE
    for s in crowd:
        selector.register(s, selectors.EVENT_READ)
    while len(crowd) - len(selector.get_map()) < n:
        assert time.monotonic() < end, f'{len(crowd) - len(selector.get_map())} of {n} have ended'
        for key, _ in selector.select(1):
            part = key.fileobj.recv(1 << 16)
            heard[key.fileobj] += part
            if not part:
                selector.unregister(key.fileobj)
    stay = [key.fileobj for key in selector.get_map().values()]
    return stay, [heard[s] for s in crowd if s not in set(stay)]


def exchange(s, data, chunk=1 << 16, want=None):
    """Sends data in chunks and reads meanwhile, until want bytes have come; without want, half-closes and reads on until
    the end. Returns what came."""
    view, sent, got = memoryview(data), 0, bytearray()
    s.setblocking(False)
    while sent < len(data) or want is None or len(got) < want:
        can_read, can_write, _ = select.select([s], [s] if sent < len(data) else [], [], PATIENCE)
        assert can_read or can_write, f'nothing moves after {sent} bytes sent and {len(got)} received'
        if can_write:
            sent += s.send(view[sent:sent + chunk])
            if sent == len(data) and want is None:
                half_close(s)
        if can_read:
            part = s.recv(1 << 20)
            if not part:
                break
            got += part
    s.settimeout(PATIENCE)
    return bytes(got)


def fill(s, byte=b'z'):
    """Sends until the way to the server and back is full: nothing has fit for a while. Returns how many bytes went."""
    sent = 0
    s.setblocking(False)
    while select.select([], [s], [], 0.3)[1]:
        try:
            sent += s.send(byte * 65536)
        except BlockingIOError:
            pass
    s.settimeout(PATIENCE)
    return sent


class Visits:
    """Clients that come, stay for a few words and go, or are turned away and come again: `n` of them at a time, `rounds`
    times each; client i is from source(i). served, refused: how many; most: how many of a source, or of all ('all'),
    were there at once, from when they heard their first word until just before they went."""

    def __init__(self, where, n, rounds, source=lambda i: '127.0.0.1'):
        self.where, self.source, self.rounds = where, source, rounds
        self.served = self.refused = 0
        self.now, self.most = collections.Counter(), collections.Counter()
        asyncio.run(asyncio.wait_for(self._all(n), 2 * PATIENCE))

    async def _all(self, n):
        await asyncio.gather(*[self._client(i) for i in range(n)])

    async def _client(self, i):
        for turn in range(self.rounds):
            s = new(self.where, self.source(i))
            s.setblocking(False)
            await asyncio.get_running_loop().sock_connect(s, self.where)
            if await self._is_echoed(s, b'client %d comes for the time %d\n' % (i, turn)):
                await self._stay(s, i, turn)
            else:
                self.refused += 1
            s.close()

    async def _is_echoed(self, s, word):
        loop, got = asyncio.get_running_loop(), b''
        try:
            await loop.sock_sendall(s, word)
            while not got.endswith(b'\n') and (part := await loop.sock_recv(s, 4096)):
                got += part
        except ConnectionError:
            got = b''
        assert got in (b'', FULL, word), got
        return got == word

    async def _stay(self, s, i, turn):
        self.served += 1
        for who in self.source(i), 'all':
            self.now[who] += 1
            self.most[who] = max(self.most[who], self.now[who])
        for n in range((i + turn) % 7):
            assert await self._is_echoed(s, b'word %d\n' % n)
        for who in self.source(i), 'all':
            self.now[who] -= 1
        if (i + turn) % 3 == 0:
            reset(s)


def serve(*args):
    """Starts sockt with a verb and options, without a shell around: for network namespaces. Returns it and its port."""
    r, w = os.pipe()
    server = subprocess.Popen([os.environ['SOCKT'], args[0], '--ready-fd', str(w), *args[1:]], pass_fds=[w])
    os.close(w)
    with os.fdopen(r) as lines:
        return server, int(lines.readline().rpartition(':')[2])
