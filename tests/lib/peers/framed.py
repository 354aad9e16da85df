"""Messages in frames, put together and taken apart without sockt: `from framed import *`, which has peer.py's words.

Written from what the formats say and not from sockt's source, so that the two do not share a mistake.
"""
import base64, collections, random, re, threading  # noqa: E401, F401: offered to the tests

from peer import *  # noqa: F401, F403
from peer import PATIENCE, half_close, is_silent, json, read_all, socket, struct

INTEGERS = {'len8': '>B', 'len16': '>H', 'len32': '>I', 'len16le': '<H', 'len32le': '<I'}
ENDS = {'line': b'\n', 'nul': b'\0'}
TEXTS = {'hex': (bytes.hex, bytes.fromhex),
         'base64': (lambda m: base64.b64encode(m).decode(), lambda text: base64.b64decode(text, validate=True)),
         'json': (lambda m: json.dumps(m.decode('utf-8', 'surrogateescape')),
                  lambda text: json.loads(text).encode('utf-8', 'surrogateescape'))}
SIZES = 0, 1, 127, 128, 255, 256, 16383, 16384, 65535, 65536, 1 << 20
MOST = {'whole': 1 << 20, 'random': 1 << 20, 'bytes': 1 << 14}	# bytes of a message that is sent so


def leb128(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + leb128(n >> 7)


def pack(form, *messages):
    """The messages as one stream."""
    if form in INTEGERS:
        return b''.join(struct.pack(INTEGERS[form], len(m)) + m for m in messages)
    if form in ENDS:
        return b''.join(m + ENDS[form] for m in messages)
    if form in TEXTS:
        return b''.join(TEXTS[form][0](m).encode() + b'\n' for m in messages)
    if form == 'varint':
        return b''.join(leb128(len(m)) + m for m in messages)
    if form == 'netstring':
        return b''.join(b'%d:%b,' % (len(m), m) for m in messages)
    assert form.startswith('fixed:'), form
    assert all(len(m) == int(form[6:]) for m in messages)
    return b''.join(messages)


def _head(form, data, at):
    """How long the message at that place is, and where it begins."""
    if form in INTEGERS:
        return struct.unpack_from(INTEGERS[form], data, at)[0], at + struct.calcsize(INTEGERS[form])
    if form == 'varint':
        n = next(n for n in range(1, 11) if data[at + n - 1] < 128)
        return sum((byte & 127) << 7 * i for i, byte in enumerate(data[at:at + n])), at + n
    if form == 'netstring':
        colon = data.index(b':', at)
        return int(data[at:colon]), colon + 1
    return int(form[6:]), at


def unpack(form, data):
    """The messages in the stream, which is to have nothing beside them."""
    if form in ENDS or form in TEXTS:
        *found, rest = data.split(ENDS.get(form, b'\n'))
        assert rest == b'', f'{form}: no end after {rest[:60]}'
        return [TEXTS[form][1](text.decode()) for text in found] if form in TEXTS else found
    found, at = [], 0
    while at < len(data):
        n, begin = _head(form, data, at)
        found.append(data[begin:begin + n])
        at = begin + n + (form == 'netstring')
        assert at <= len(data), f'{form}: {begin + n - len(data)} of {n} bytes are missing'
        assert form != 'netstring' or data[at - 1:at] == b',', f'no comma at {at - 1}'
    return found


def messages(*forms, seed='', most=1 << 20):
    """Random ones of many sizes, such as can be said in each of these formats; the last is empty where one may be."""
    rng = random.Random(f'{forms} {seed}')
    most = min([most] + [(1 << 8 * struct.calcsize(INTEGERS[f])) - 1 for f in forms if f in INTEGERS])
    fixed = [int(f[6:]) for f in forms if f.startswith('fixed:')]
    ends = b''.join(ENDS.get(f, b'') for f in forms)
    sizes = fixed[:1] * 3 or [n for n in SIZES if n <= most] + [0]
    return [rng.randbytes(n).translate(bytes(b ^ (0x55 if b in ends else 0) for b in range(256))) for n in sizes]


def same(found, wanted):
    """They are the same messages; says which is not, in a few words."""
    for i, (a, b) in enumerate(zip(found, wanted)):
        assert a == b, f'message {i}: {len(a)} bytes, not {len(b)}: {a[:40]}, not {b[:40]}'
    assert len(found) == len(wanted), f'{len(found)} messages, not {len(wanted)}'


def pieces(data, how):
    """The stream whole, as 'bytes' one by one, or in pieces of 'random' sizes."""
    rng = random.Random(len(data))
    most = {'whole': len(data) or 1, 'bytes': 1, 'random': 70000}[how]
    at = 0
    while at < len(data):
        n = rng.choice((1, 2, 3, 1000, most)) if how == 'random' else most
        yield data[at:at + n]
        at += n


def send(c, data, how='whole'):
    """Sends it so; short streams with a moment between the pieces, in which the other side reads each by itself, as a
    rule. Whoever hung up meanwhile has heard enough."""
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for piece in pieces(data, how):
            c.sendall(piece)
            if how == 'bytes' and len(data) < 100:
                is_silent(c, 0.001)
    except ConnectionError:
        pass


def talk(c, data, how='whole'):
    """Sends it so and half-closes, and reads meanwhile, until the end. Returns what came."""
    def say_it():
        send(c, data, how)
        half_close(c)
    thread = threading.Thread(target=say_it, daemon=True)
    c.settimeout(PATIENCE)
    thread.start()
    got = read_all(c)
    thread.join(PATIENCE)
    return got


def hear(c):
    """What comes until the end, and how it ends: 'EOF' or 'RST'."""
    got = b''
    try:
        while part := c.recv(1 << 16):
            got += part
        return got, 'EOF'
    except ConnectionResetError:
        return got, 'RST'


def plain(text):
    r"""The bytes that a text with escapes such as \x00 stands for."""
    return text.encode('latin-1').decode('unicode_escape').encode('latin-1')

