"""Many clients in one process: `from crowd import *`."""
import errno, os, selectors, socket, time  # noqa: E401

from peer import PATIENCE

CHUNK = 1 << 16


class Echoed:
    """A client that sends its bytes, ends, and compares what comes back with them."""

    def __init__(self, where, data):
        self.sock = socket.create_connection(where, PATIENCE)
        self.sock.setblocking(False)
        self.data, self.sent, self.got, self.good = data, 0, 0, True

    def step(self, sel, events):
        """Returns whether it goes on."""
        if events & selectors.EVENT_WRITE:
            self.sent += self.sock.send(self.data[self.sent:self.sent + CHUNK])
            if self.sent == len(self.data):
                self.sock.shutdown(socket.SHUT_WR)
                sel.modify(self.sock, selectors.EVENT_READ, self)
        if events & selectors.EVENT_READ:
            part = self.sock.recv(CHUNK)
            self.good &= part == self.data[self.got:self.got + len(part)]
            self.got += len(part)
            return bool(part)
        return True


def echoed(where, clients, size, seconds=60):
    """So many at once, so many bytes each, all of them different: how many got back just what they sent, in order?"""
    base = memoryview(os.urandom(size + clients))
    whole = 0
    with selectors.DefaultSelector() as sel:
        for i in range(clients):
            c = Echoed(where, base[i:i + size])
            sel.register(c.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, c)
        end = time.monotonic() + seconds
        while sel.get_map() and time.monotonic() < end:
            for key, events in sel.select(1):
                c = key.data
                try:
                    goes_on = c.step(sel, events)
                except BlockingIOError:
                    continue
                except OSError as e:
                    print('client', c.sock.fileno(), errno.errorcode[e.errno], c.sent, c.got, flush=True)
                    goes_on = c.good = False
                if not goes_on:
                    sel.unregister(c.sock)
                    c.sock.close()
                    whole += c.good and c.got == size
        for key in list(sel.get_map().values()):
            print('client waits', key.data.sent, key.data.got, flush=True)
    return whole
