"""sockets.py NAMES SOCKT VERB HOST [OPTION]...: runs sockt with one connection, and says what its sockets have.

NAMES are options with blanks between, or `protocol`. For `connect` and for what `listen` accepts there is a line `open
NAME VALUE` each, and for what listens `listening NAME VALUE`. A byte that has crossed says that sockt is done with setting
options. Its descriptors are duplicated here by pidfd_getfd(2), for which its parent, which we are, needs no privilege.
"""
import ctypes
import os
import re
import socket
import struct
import subprocess
import sys

PATIENCE = 20
PIDFD_GETFD = 438
MORE = {'SO_MAX_PACING_RATE': (1, 47), 'SO_BUSY_POLL': (1, 46), 'IP_FREEBIND': (0, 15), 'IP_MINTTL': (0, 21),
        'IP_MTU_DISCOVER': (0, 10), 'IP_BIND_ADDRESS_NO_PORT': (0, 24), 'IPV6_MINHOPCOUNT': (41, 73),
        'IPV6_MTU_DISCOVER': (41, 23), 'IPV6_AUTOFLOWLABEL': (41, 70), 'TCP_FASTOPEN_CONNECT': (6, 30),
        'TCP_THIN_LINEAR_TIMEOUTS': (6, 16), 'TCP_CONGESTION': (6, 13), 'TCP_USER_TIMEOUT': (6, 18),
        'TCP_NOTSENT_LOWAT': (6, 25), 'IP_TOS': (0, 1), 'IP_TTL': (0, 2), 'IP_TRANSPARENT': (0, 19), 'SO_MARK': (1, 36),
        'SO_PRIORITY': (1, 12), 'SO_BINDTODEVICE': (1, 25), 'SO_INCOMING_CPU': (1, 49)}
TEXTS = {'TCP_CONGESTION', 'SO_BINDTODEVICE'}
LEVELS = {'SO': socket.SOL_SOCKET, 'TCP': socket.IPPROTO_TCP, 'IP': 0, 'IPV6': socket.IPPROTO_IPV6}


def value(sock, name):
    if name == 'protocol':
        return sock.proto
    level, option = MORE.get(name) or (LEVELS[name.split('_')[0]], getattr(socket, name))
    if name == 'SO_LINGER':
        return '%d %d' % struct.unpack('ii', sock.getsockopt(level, option, 8))
    if name in TEXTS:
        return sock.getsockopt(level, option, 32).rstrip(b'\0').decode()
    return sock.getsockopt(level, option)


def sockets_of(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    for name in os.listdir(f'/proc/{pid}/fd'):
        if not os.readlink(f'/proc/{pid}/fd/{name}').startswith('socket:'):
            continue
        fd = libc.syscall(PIDFD_GETFD, pidfd, int(name), 0)
        if fd < 0:
            raise OSError(ctypes.get_errno(), 'pidfd_getfd')
        yield socket.socket(fileno=fd)


def main():
    names, sockt, verb, host, *options = sys.argv[1:]
    listener = ready = None
    pipes = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE}
    if verb == 'listen':
        ready, theirs = os.pipe()
        child = subprocess.Popen([sockt, verb, '--ready-fd', str(theirs), '-k', *options, host, '0'],
                                 pass_fds=[theirs], **pipes)
        os.close(theirs)
        with os.fdopen(ready) as lines:
            line = lines.readline()
        if not line:
            return child.wait(PATIENCE)
        at = re.match(r'\[?(.*?)\]?:(\d+)$', line)
        peer = socket.create_connection((at[1].replace('0.0.0.0', '127.0.0.1'), int(at[2])), PATIENCE)
    else:
        listener = socket.create_server((host, 0), family=socket.AF_INET6 if ':' in host else socket.AF_INET)
        child = subprocess.Popen([sockt, verb, *options, host, str(listener.getsockname()[1])], **pipes)
        listener.settimeout(PATIENCE)
        peer = listener.accept()[0]
    peer.sendall(b'x' * 100)
    assert child.stdout.read(100) == b'x' * 100
    for sock in sockets_of(child.pid):
        kind = 'listening' if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) else 'open'
        for name in names.split():
            print(kind, name, value(sock, name))
    peer.close()
    child.kill() if verb == 'listen' else None
    child.wait(PATIENCE)
    return 0


sys.exit(main())
