"""Datagrams for tests: `from udp import *`, which has the words of peer.py and framed.py too.

Nobody in here floods, unless a test is about that: what is said is heard before the next is said, so that no buffer
fills up and nothing is lost, whatever else the machine does.
"""
import atexit, subprocess, tempfile, termios  # noqa: E401, F401: offered to the tests

from framed import *  # noqa: F401, F403
from framed import INTEGERS, base64, pack, random, re, threading, unpack
from peer import PATIENCE, fcntl, json, os, ready, select, socket, struct, sys, time

SOCKT = os.environ['SOCKT']
MOST = 65507		# bytes of a datagram of IPv4
SIZES = 1, 2, 511, 1472, 1473, 8192, 16384, 65506, MOST


def address(text):
    """HOST:PORT, or [HOST]:PORT, as a pair."""
    host, _, port = text.rpartition(':')
    return host.strip('[]'), int(port)


PORTABLE = os.environ.get('VARIANT') == 'portable'
where = address(os.environ['WHERE']) if os.environ.get('WHERE') else None


def bind(host='127.0.0.1', port=0):
    """A UDP socket with that address."""
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((host, port))
    s.settimeout(PATIENCE)
    return s


def reported(host='127.0.0.1'):
    """The same, and the test hears which."""
    s = bind(host)
    ready(s)
    return s


def join(where, source=None):
    """A UDP socket that speaks to where, and hears from there only; source is a host."""
    s = bind(source or ('::' if ':' in where[0] else '0.0.0.0'))
    s.connect(where)
    return s


def hear(s):
    """The next datagram."""
    return s.recv(1 << 17)


def ask(s, *messages):
    """Says one after the other, each when the answer to the one before has come. Returns the answers."""
    answers = []
    for m in messages:
        s.send(m)
        answers.append(hear(s))
    return answers


def some(*forms, seed='', most=MOST, empty=True):
    """Random messages of many sizes, such as all these formats can hold; the last is empty."""
    rng = random.Random(f'{forms} {seed}')
    ends = b''.join({'line': b'\n', 'nul': b'\0'}.get(f, b'') for f in forms)
    table = bytes(b ^ (0x55 if b in ends else 0) for b in range(256))
    return [rng.randbytes(n).translate(table) for n in [n for n in SIZES if n <= most] + [0] * empty]


class Child:
    """A command with pipes of ours as stdin and stdout, and our stderr."""

    def __init__(self, *words, **how):
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, **how)
        self.pid = self.process.pid
        atexit.register(self.process.kill)

    def read(self, n):
        """Just so many bytes of what it writes."""
        got = b''
        while len(got) < n:
            assert select.select([self.process.stdout], [], [], PATIENCE)[0], f'{len(got)} of {n} bytes have come'
            part = self.process.stdout.read(n - len(got))
            assert part, f'it has ended after {len(got)} of {n} bytes'
            got += part
        return got

    def is_silent(self, seconds=0.3):
        return not select.select([self.process.stdout], [], [], seconds)[0]

    def rest(self):
        """Ends its stdin, and reads on until the end."""
        self.process.stdin.close()
        got = b''
        while select.select([self.process.stdout], [], [], PATIENCE)[0] and (part := self.process.stdout.read(1 << 16)):
            got += part
        return got

    def has_read(self):
        """Waits until it has taken what was said to it."""
        end = time.monotonic() + PATIENCE
        while any(fcntl.ioctl(self.process.stdin, termios.FIONREAD, bytes(4))):
            assert time.monotonic() < end, 'it does not read its stdin'
            select.select([], [], [], 0.01)

    def end(self, signo=0):
        """Sends it a signal, if there is one, and waits for its end. Returns the status as a shell would."""
        if signo:
            self.process.send_signal(signo)
        status = self.process.wait(PATIENCE)
        return status if status >= 0 else 128 - status

    def say(self, message):
        """In one write: a pipe has it at once if it is not longer than 4096 bytes."""
        os.write(self.process.stdin.fileno(), message)

    def hear(self, n):
        """Just so many bytes, however they came."""
        return self.read(n)


_all = []


def _show(kind, value, trace):
    sys.__excepthook__(kind, value, trace)
    for sockt in _all:
        print('--- sockt said', sockt.said()[-4000:], sep='\n', file=sys.stderr)


sys.excepthook = _show


class Sockt(Child):
    """sockt, whose stdin and stdout have messages in that format, or just bytes. A server's address, or the last
    of them, is `where`. What it says on stderr is for said(), and is shown when the test fails."""

    def __init__(self, verb, *words, form='len16', **how):
        self.form, options = form, ['--frame', form] if form else []
        self.words = tempfile.TemporaryFile()
        _all.append(self)
        r = w = None
        if verb != 'connect':
            r, w = os.pipe()
            options += ['--ready-fd', str(w)]
        super().__init__(SOCKT, verb, *options, *words, pass_fds=[w] if w else (), stderr=self.words, **how)
        if w:
            os.close(w)
            with os.fdopen(r) as lines:
                self.addresses = [address(line.strip()) for line in lines]
            self.where = self.addresses[-1]
            self.port = self.where[1]

    def said(self):
        """On stderr, so far."""
        return os.pread(self.words.fileno(), 1 << 20, 0).decode()

    def said_all(self, *parts):
        """Waits until it has said all of these there."""
        end = time.monotonic() + PATIENCE
        while not all(part in self.said() for part in parts):
            assert time.monotonic() < end, (parts, self.said())
            select.select([], [], [], 0.02)

    def record(self):
        """The next of the records that it prints."""
        [found] = records(self.process.stdout.readline())
        return found

    def settle(self):
        """Waits until it has read whatever was sent to its sockets."""
        end = time.monotonic() + PATIENCE
        while any(int(line.split()[1]) for line in _sockets(self.pid)):
            assert time.monotonic() < end, 'it does not read its sockets'
            select.select([], [], [], 0.02)

    def say(self, message):
        data = pack(self.form, message) if self.form else message
        while data:
            data = data[os.write(self.process.stdin.fileno(), data):]

    def hear(self, n=None):
        """The next message; of raw bytes, n."""
        if not self.form:
            return self.read(n)
        if self.form in INTEGERS:
            head = self.read(struct.calcsize(INTEGERS[self.form]))
            return self.read(struct.unpack(INTEGERS[self.form], head)[0])
        end, got = b'\0' if self.form == 'nul' else b'\n', b''
        while not got.endswith(end):
            got += self.read(1)
        return unpack(self.form, got)[0]


class Peer:
    """A socket that answers whoever it heard last."""

    def __init__(self, host='127.0.0.1'):
        self.sock = bind(host)
        self.where = self.sock.getsockname()[:2]

    def hear(self, n=None):
        got, self.who = self.sock.recvfrom(1 << 17)
        return got

    def say(self, message):
        self.sock.sendto(message, self.who)


class Guest:
    """A socket that speaks to one address."""

    def __init__(self, where, source=None):
        self.sock = join(where, source)
        self.name = self.sock.getsockname()

    def hear(self, n=None):
        return hear(self.sock)

    def say(self, message):
        self.sock.send(message)


def converse(a, b, there, back):
    """a says what is to go there, and b answers what is to go back, one by one: each hears it as it was."""
    for i, (question, answer) in enumerate(zip(there, back)):
        a.say(question)
        got = b.hear(len(question))
        assert got == question, f'message {i}: {len(got)} bytes, not {len(question)}: {got[:40]}, not {question[:40]}'
        b.say(answer)
        got = a.hear(len(answer))
        assert got == answer, f'answer {i}: {len(got)} bytes, not {len(answer)}: {got[:40]}, not {answer[:40]}'


class Printed(threading.Thread):
    """Takes what a listener prints: lines says how many lines that was."""

    def __init__(self, sockt):
        super().__init__(daemon=True)
        self.file, self.lines, self.last = sockt.process.stdout, 0, b''
        self.news = threading.Condition()
        self.start()

    def run(self):
        for line in self.file:
            with self.news:
                self.lines, self.last = self.lines + 1, line
                self.news.notify_all()

    def until(self, word):
        with self.news:
            assert self.news.wait_for(lambda: self.last == word + b'\n', PATIENCE), self.last


def lost(said):
    """How many datagrams that are, in words on stderr."""
    return sum(int(n) for n in re.findall(r'(\d+) datagrams? lost: ', said))


def _sockets(pid):
    lines = subprocess.run(['ss', '-Hnuap'], stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [line for line in lines if f'pid={pid},' in line]


def port_of(pid):
    """The UDP port that a process has bound, as soon as it has."""
    end = time.monotonic() + PATIENCE
    while not (found := _sockets(pid)):
        assert time.monotonic() < end, f'process {pid} has no port'
        select.select([], [], [], 0.02)
    return int(found[0].split()[3].rpartition(':')[2])


def records(data):
    """Objects, one a line."""
    assert data == b'' or data.endswith(b'\n'), data[-60:]
    return [json.loads(line) for line in data.splitlines()]


def content(record):
    """The bytes in a record."""
    assert ('text' in record) != ('base64' in record), record
    return record['text'].encode() if 'text' in record else base64.b64decode(record['base64'], validate=True)


# ---- what only root in a namespace can do ----

def checksum(data):
    """RFC 1071's."""
    total = sum(struct.unpack(f'!{(len(data) + 1) // 2}H', data + b'\0' * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp_packet(source, to, data):
    """A packet of IPv4 with that datagram, without a checksum of UDP."""
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 28 + len(data), 0, 0, 64, socket.IPPROTO_UDP, 0,
                       socket.inet_aton(source[0]), socket.inet_aton(to[0]))
    head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
    return head + struct.pack('!HHHH', source[1], to[1], 8 + len(data), 0) + data


def send_as(source, to, data):
    """Sends a datagram as if it came from there, port 0 and addresses that are not ours included."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        s.sendto(udp_packet(source, to, data), (to[0], 0))


def send_unreachable(source, to, mtu=0):
    """Says by ICMP to whoever sent, or may have sent, from that address: the port it was for is closed; or that it was
    too long for a network on the way, which takes so much."""
    body, code = udp_packet(source, to, b''), 4 if mtu else 3
    packet = struct.pack('!BBHI', 3, code, checksum(struct.pack('!BBHI', 3, code, 0, mtu) + body), mtu) + body
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        s.sendto(packet, (source[0], 0))


def groups(*names):
    """What tells a listener to join these, on the interface `here` or the one that follows."""
    return [word for name in names for word in ('--multicast', name if '%' in name else name + '%here')]


def caster(source, interface='here'):
    """A socket with that address that sends to groups, and to everybody, through the interface."""
    s = bind(source)
    index = socket.if_nametoindex(interface)
    if s.family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    else:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack('4s4si', bytes(4), bytes(4), index))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    return s
