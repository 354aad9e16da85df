"""sockt on a terminal of its own: `from terminal import *`, which has peer.py's words too.

What the terminal is given is taken and kept by a thread, so that nobody waits for it.
"""
import atexit, re, subprocess, termios, threading  # noqa: E401, F401: offered to the tests

from peer import *  # noqa: F401, F403
from peer import PATIENCE, accept, fcntl, listen, os, signal, struct

SOCKT = os.environ['SOCKT']
_END = b'\0-- the end --\0'


class Terminal:
    """A command whose controlling terminal, and whose stdin, stdout and stderr unless told otherwise, is one of its own,
    as wide as columns says. It neither echoes nor makes CR LF of LF, unless it is cooked. shown: what it got so far."""

    def __init__(self, *words, columns=80, cooked=False, env=(), **streams):
        self.typing, self.here = os.openpty()
        fcntl.ioctl(self.here, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
        if not cooked:
            mode = termios.tcgetattr(self.here)
            mode[1] &= ~termios.OPOST
            mode[3] &= ~termios.ECHO
            termios.tcsetattr(self.here, termios.TCSANOW, mode)
        self.before = self.settings()
        self.shown = b''
        self.news = threading.Condition()
        threading.Thread(target=self._take, daemon=True).start()
        self.process = subprocess.Popen([SOCKT, *words], start_new_session=True, preexec_fn=self._own,
                                        env={**os.environ, 'TERM': 'xterm', **dict(env)},
                                        **{'stdin': self.here, 'stdout': self.here, 'stderr': self.here, **streams})
        atexit.register(self.process.kill)

    def _own(self):
        signal.alarm(0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        fcntl.ioctl(self.here, termios.TIOCSCTTY, 0)

    def _take(self):
        while True:
            part = os.read(self.typing, 1 << 16)
            with self.news:
                self.shown += part
                self.news.notify_all()

    def type(self, what):
        os.write(self.typing, what)

    def settings(self):
        """All there is to set, byte for byte: its modes, its size, and the flags of its open file."""
        return (fcntl.ioctl(self.here, termios.TCGETS, bytes(64)), fcntl.ioctl(self.here, termios.TIOCGWINSZ, bytes(8)),
                fcntl.fcntl(self.here, fcntl.F_GETFL))

    def until(self, part, times=1):
        """Waits until that is shown, so many times."""
        with self.news:
            assert self.news.wait_for(lambda: self.shown.count(part) >= times, PATIENCE), (part, self.shown)

    def end(self, signo=0):
        """Waits until it has ended, by that signal if one is given. Returns its status, and shown is all there was."""
        if signo:
            self.process.send_signal(signo)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        os.write(self.here, _END)
        self.until(_END)
        self.shown = self.shown[:-len(_END)]
        return status

    def lines(self):
        """What a person sees in the end, as lines: one that was erased is gone, and colours are left out."""
        return [re.sub(rb'\x1b\[\d*m', b'', line.rpartition(b'\r\x1b[K')[2]).decode() for line in self.shown.split(b'\n')]


def connected(*options, **how):
    """sockt connect on a terminal, and its peer."""
    door = listen()
    t = Terminal('connect', *options, '127.0.0.1', str(door.getsockname()[1]), **how)
    c = accept(door)
    door.close()
    return t, c


def listening(*options, **how):
    """sockt listen on a terminal, which does not show where, and that address. Options may end with -- and a program."""
    r, w = os.pipe()
    cut = options.index('--') if '--' in options else len(options)
    t = Terminal('listen', '--ready-fd', str(w), *options[:cut], '127.0.0.1', '0', *options[cut:], pass_fds=[w], **how)
    os.close(w)
    with os.fdopen(r) as line:
        host, _, port = line.readline().rpartition(':')
    return t, (host, int(port))
