"""sockt udp-send, and who hears it: `from volley import *`, which has the words of udp.py too.

Over loopback a datagram is in its receiver's buffer before the call that sent it returns: what has not come when sockt
has ended, or before something that was sent later, will not come.
"""
import itertools, tempfile  # noqa: E401, F401: offered to the tests

from udp import *  # noqa: F401, F403
from udp import PATIENCE, SOCKT, Child, bind, os, random, ready, select, socket, struct, subprocess, time


class Ear:
    """A socket that hears, with room for what a test says at once: 200 kB, as the system counts, if not more."""

    def __init__(self, host='127.0.0.1', port=0, report=False):
        self.sock = bind(host, port)
        for option in socket.SO_RCVBUF, 33:	# SO_RCVBUFFORCE, for root
            try:
                self.sock.setsockopt(socket.SOL_SOCKET, option, 8 << 20)
            except PermissionError:
                pass
        self.where = self.sock.getsockname()[:2]
        self.port = self.where[1]
        self.words = [self.where[0], str(self.port)]		# operands
        if report:
            ready(self.sock)

    def hear(self):
        """The next one. Whose it was is who."""
        got, self.who = self.sock.recvfrom(1 << 17)
        return got

    def hear_n(self, n):
        return [self.hear() for _ in range(n)]

    def all(self):
        """What has come, and nothing that comes later."""
        host, *_ = self.where
        mark, found = random.randbytes(30), []
        with bind('::1' if ':' in host else '127.0.0.1') as s:
            s.sendto(mark, self.where)
        while (got := self.hear()) != mark:
            found.append(got)
        return found

    def answer(self, *messages, by=None):
        """To whom was heard last, from here or from another socket."""
        for m in messages:
            (by or self.sock).sendto(m, self.who)


class Sending(Child):
    """udp-send, with pipes of ours as stdin and stdout."""

    def __init__(self, *words, **how):
        self.words = tempfile.TemporaryFile()
        super().__init__(SOCKT, 'udp-send', *words, stderr=self.words, **how)

    def said(self):
        """On stderr, so far."""
        return os.pread(self.words.fileno(), 1 << 20, 0).decode()

    def say(self, data):
        while data:
            data = data[os.write(self.process.stdin.fileno(), data):]

    def is_asleep(self):
        """Waits until it waits, with all read that was said to it."""
        self.has_read()
        end = time.monotonic() + PATIENCE
        while open(f'/proc/{self.pid}/stat').read().rpartition(')')[2].split()[0] != 'S':
            assert time.monotonic() < end, 'it does not rest'
            select.select([], [], [], 0.01)

    def ends(self, status=0):
        """Waits for its end, with that status. Returns the rest of its stdout."""
        out = self.rest()
        have = self.end()
        assert have == status, f'status {have}, not {status}: {self.said()}'
        return out


def send(*words, status=0, stdin=b'', **how):
    """Runs udp-send to its end, which is to have that status; stdin is bytes, which a pipe has, or a file. Returns
    stdout and stderr, which is text."""
    how.update({'input': stdin} if isinstance(stdin, bytes) else {'stdin': stdin})
    run = subprocess.run([SOCKT, 'udp-send', *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         timeout=3 * PATIENCE, **how)
    said = run.stderr.decode()
    assert run.returncode == status, f'status {run.returncode}, not {status}: {words[:9]}: {said}'
    return run.stdout, said


def fails(status, *words, **how):
    """The same of one that is to fail, and says why in one line, which is returned; on stdout it says nothing."""
    out, said = send(*words, status=status, **how)
    assert out == b'' and said.count('\n') == 1 and said.startswith('sockt: udp-send: '), (out, said)
    return said


def pile(data):
    """A file that has that, and is read from its beginning."""
    file = tempfile.TemporaryFile()
    file.write(data)
    file.seek(0)
    return file


def counts(*names):
    """What the system has counted so far in this namespace, of UDP over both families: OutDatagrams, NoPorts."""
    four = [line.split()[1:] for line in open('/proc/net/snmp') if line.startswith('Udp:')]
    found = {name: int(n) for name, n in zip(*four)}
    if os.path.exists('/proc/net/snmp6'):
        for line in open('/proc/net/snmp6'):
            name, n = line.split()
            if name.startswith('Udp6') and name[4:] in found:
                found[name[4:]] += int(n)
    values = [found[name] for name in names]
    return values[0] if len(values) == 1 else values


def until(condition):
    """Waits until that is so."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, 'it never was so'
        select.select([], [], [], 0.01)


def unread(port):
    """How many bytes wait in the system for whoever has that port of IPv4."""
    for line in open('/proc/net/udp').readlines()[1:]:
        words = line.split()
        if int(words[1].rpartition(':')[2], 16) == port:
            return int(words[4].rpartition(':')[2], 16)
    raise AssertionError(f'nobody has port {port}')


class Wire:
    """What goes through an interface, seen from its other end: the datagrams of IPv4 that were not cut in pieces, as
    pairs of the hops they may still go and their bytes."""

    def __init__(self, interface):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.ntohs(0x0800))
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)
        self.sock.bind((interface, 0x0800))
        self.sock.settimeout(PATIENCE)

    def hear(self, port):
        """The next one to that port."""
        while True:
            packet = self.sock.recv(1 << 17)
            data = packet[20:struct.unpack_from('!H', packet, 2)[0]]
            if packet[0] == 0x45 and packet[9] == socket.IPPROTO_UDP and struct.unpack_from('!H', data, 2)[0] == port:
                return packet[8], data[8:]
