"""sockt and those it is measured beside, each started the way its users start it for speed."""
import os
import subprocess

from measure import HOST, Process, Unmeasured, await_listener, await_unix_listener, free_port, listening


class Sockt:
    def __init__(self, path):
        self.path = path

    def serve_at(self, where, words, stdout):
        """A subcommand that listens, once it does. Returns it and the address that it says."""
        ours, theirs = os.pipe()
        try:
            process = Process([self.path, *words, '--ready-fd', str(theirs), *where],
                              stdout=stdout, stderr=subprocess.DEVNULL, pass_fds=(theirs,))
        finally:
            os.close(theirs)
        with os.fdopen(ours) as ready:
            line = ready.readline()
        if not line:
            process.end()
            raise Unmeasured(f'sockt {words[0]}: no ready line')
        return process, line.rstrip('\n')

    def serve(self, words, stdout=subprocess.DEVNULL):
        """A subcommand that listens, on a port of its own choice."""
        process, address = self.serve_at([HOST, '0'], words, stdout)
        process.port = int(address.rsplit(':', 1)[1])
        return process

    def listen(self, stdout):
        process = self.serve(['listen'], stdout)
        return process, process.port

    def connect(self, port, stdin):
        return Process([self.path, 'connect', HOST, str(port)], stdin=stdin)

    def echo(self):
        return self.serve(['echo-server'])

    def forward(self, port):
        return self.serve(['listen', '-k', '--to', f'tcp://{HOST}:{port}'])

    def send_lines(self, port, path):
        """Each line of the file as a datagram, which has no LF."""
        with open(path, 'rb') as stdin:
            return Process([self.path, 'udp-send', HOST, str(port)], stdin=stdin)


class SocktUnix:
    """With sockets in a directory of the benchmark's."""

    def __init__(self, path, directory):
        self.path = path
        self.at = os.path.join(directory, 'sockt')

    def listen(self, stdout):
        process, _ = Sockt(self.path).serve_at([self.at], ['unix', '-l'], stdout)
        return process, self.at

    def connect(self, path, stdin):
        return Process([self.path, 'unix', path], stdin=stdin)


class OpenBSDNetcat:
    def listen(self, stdout):
        port = free_port()
        process = Process(['nc.openbsd', '-d', '-l', HOST, str(port)], stdout=stdout)
        await_listener(port)
        return process, port

    def connect(self, port, stdin):
        return Process(['nc.openbsd', '-N', HOST, str(port)], stdin=stdin)


class OpenBSDNetcatUnix:
    def __init__(self, directory):
        self.at = os.path.join(directory, 'nc')

    def listen(self, stdout):
        if os.path.exists(self.at):
            os.unlink(self.at)          # nc leaves its socket behind
        process = Process(['nc.openbsd', '-d', '-l', '-U', self.at], stdout=stdout)
        await_unix_listener(self.at)
        return process, self.at

    def connect(self, path, stdin):
        return Process(['nc.openbsd', '-N', '-U', path], stdin=stdin)


class Socat:
    """Its fast way for files: one direction, blocks of 1 MiB, and it opens the files itself."""

    def __init__(self, path):
        self.path = path

    def listen(self, stdout):
        del stdout      # always /dev/null
        port = free_port()
        process = Process(['socat', '-u', '-b1048576', f'TCP-LISTEN:{port},bind={HOST}', 'OPEN:/dev/null'])
        await_listener(port)
        return process, port

    def connect(self, port, stdin):
        del stdin
        return Process(['socat', '-u', '-b1048576', f'OPEN:{self.path}', f'TCP:{HOST}:{port}'])


def socat_send_blocks(port, path, size):
    """Each so many bytes of the file as a datagram."""
    return Process(['socat', '-u', f'-b{size}', f'FILE:{path}', f'UDP-SENDTO:{HOST}:{port}'])


def redis():
    """It keeps nothing on disk, as an echo server does."""
    port = free_port()
    return listening(['redis-server', '--save', '', '--appendonly', 'no', '--bind', HOST, '--port', str(port)], port)


def ncat_echo():
    port = free_port()
    return listening(['ncat', '-k', '-l', '-e', '/bin/cat', HOST, str(port)], port)


def socat_echo():
    """With a backlog, or callers would wait a second for the answer to their second SYN."""
    port = free_port()
    return listening(['socat', f'TCP-LISTEN:{port},bind={HOST},fork,reuseaddr,backlog=128', 'EXEC:cat'], port)


def socat_forward(block, target):
    port = free_port()
    return listening(['socat', f'-b{block}', f'TCP-LISTEN:{port},bind={HOST},fork,reuseaddr',
                      f'TCP:{HOST}:{target}'], port)
