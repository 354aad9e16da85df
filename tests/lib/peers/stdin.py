"""stdin.py COMMAND...: runs it with a terminal or a socket as stdin (STDIN), on which SAYS, less its last character, is
said at once.

The other side stays open until the command has ended, so it never sees a hang-up.
"""
import os
import socket
import subprocess
import sys

said = os.environ.pop('SAYS', '.').encode()[:-1]
if os.environ.pop('STDIN') == 'terminal':
    ours, theirs = os.openpty()
    os.write(ours, said)
else:
    a, b = socket.socketpair()
    a.sendall(said.rstrip(b'\4'))
    if said.endswith(b'\4'):
        a.shutdown(socket.SHUT_WR)
    ours, theirs = a.detach(), b.detach()
child = subprocess.Popen(sys.argv[1:], stdin=theirs)
os.close(theirs)
try:
    status = child.wait(timeout=60)
except subprocess.TimeoutExpired:
    child.kill()
    status = 124
sys.exit(status if status >= 0 else 128 - status)
