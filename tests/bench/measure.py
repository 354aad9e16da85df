"""What every part of the benchmark stands on: children with an end and a CPU time, measuring in turns, the table."""
import os
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time

ROUNDS = int(os.environ.get('BENCH_ROUNDS', 5))
BYTES = int(os.environ.get('BENCH_BYTES', 2 << 30))
LIMIT_S = 60        # for one measurement; nothing here waits longer
HOST = '127.0.0.1'


class Unmeasured(Exception):
    pass


class Process:
    """A child whose exit status or CPU time is wanted. As a context it is ended when that is left."""

    def __init__(self, argv, **streams):
        streams.setdefault('stdin', subprocess.DEVNULL)
        streams.setdefault('stdout', subprocess.DEVNULL)
        self.argv = argv
        self.port = None        # of a server, once it listens
        self.popen = subprocess.Popen(argv, **streams)
        self.timer = threading.Timer(LIMIT_S, self.popen.kill)
        self.timer.daemon = True
        self.timer.start()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.end()

    def wait(self):
        """Returns the CPU seconds it used."""
        _, status, used = os.wait4(self.popen.pid, 0)
        self.timer.cancel()
        self.popen.returncode = os.waitstatus_to_exitcode(status)
        if self.popen.returncode != 0:
            raise Unmeasured(f'{" ".join(self.argv)}: exit status {self.popen.returncode}')
        return used.ru_utime + used.ru_stime

    def end(self):
        self.timer.cancel()
        if self.popen.returncode is None:
            self.popen.kill()
            self.popen.wait()

    def cpu_s(self):
        """The CPU seconds its threads have used so far, by the scheduler's count of nanoseconds."""
        tasks, total = f'/proc/{self.popen.pid}/task', 0
        for task in os.listdir(tasks):
            with open(f'{tasks}/{task}/schedstat', encoding='ascii') as f:
                total += int(f.read().split()[0])
        return total / 1e9

    def cpu_at_rest_s(self):
        """The same once the count stands still: what is still starting up or closing has then been done."""
        before, now = -1, self.cpu_s()
        give_up = time.monotonic() + 2
        while now != before and time.monotonic() < give_up:
            time.sleep(0.02)
            before, now = now, self.cpu_s()
        return now

    def resident(self):
        """The bytes of memory it holds; exactly, which VmRSS is not."""
        with open(f'/proc/{self.popen.pid}/smaps_rollup', encoding='ascii') as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith('Rss:'))


def output_of(argv):
    """What a command says on stdout."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        raise Unmeasured(f'{" ".join(argv)}: exit status {done.returncode}')
    return done.stdout


def free_port():
    """For peers that cannot choose one themselves."""
    with socket.socket() as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


def await_socket(table, wanted, name):
    """Until a line of the kernel's table matches; asking by connecting would use up the one client they take."""
    wanted = re.compile(wanted, re.MULTILINE)
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        with open(table, encoding='utf-8', errors='surrogateescape') as f:
            if wanted.search(f.read()):
                return
        time.sleep(0.001)
    raise Unmeasured(f'nothing listens at {name}')


def await_listener(port):
    """Until the port is in state LISTEN."""
    await_socket('/proc/net/tcp', f':{port:04X} 00000000:0000 0A ', f'port {port}')


def await_unix_listener(path):
    """Until the path is that of a stream socket that accepts: a flag, as its state is the same as before."""
    await_socket('/proc/net/unix', f' 00010000 0001 01 +[0-9]+ {re.escape(path)}$', path)


def listening(argv, port, **streams):
    """A server that was told its port, once it listens."""
    process = Process(argv, **streams)
    try:
        await_listener(port)
    except BaseException:
        process.end()
        raise
    process.port = port
    return process


def file_in_memory(size):
    """A new file that is gone when it is closed; where there is no room for twice its size, on disk."""
    memory = '/dev/shm'
    roomy = os.path.isdir(memory) and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > size * 2
    return tempfile.NamedTemporaryFile(prefix='sockt-bench-', dir=memory if roomy else None)


def in_turns(measures):
    """From names and functions: names, and what the function said in each round."""
    said = {name: [] for name in measures}
    for _ in range(ROUNDS):
        for name, measure in measures.items():
            said[name].append(measure())
    return said


def ratios(over, under):
    return [a / b for a, b in zip(over, under)]


class Table:
    def __init__(self):
        self.misses = 0
        self.broken = 0
        print(f'{"what":<44}{"median":>7}{"range":>14}{"target":>9}')

    def row(self, what, values, target):
        """target is a limit and its direction, such as '<=0.85', or how far from 1 every value may be: '1+-0.02'."""
        value = statistics.median(values)
        limit = float(target[target.index('-' if '-' in target else '=') + 1:])
        if target.startswith('1+-'):
            good = all(abs(one - 1) <= limit for one in values)
        else:
            good = value <= limit if target.startswith('<=') else value >= limit
        self.misses += not good
        spread = f'{min(values):.2f}-{max(values):.2f}'
        print(f'{what:<44}{value:>7.2f}{spread:>14}{target:>9}  {"PASS" if good else "MISS"}', flush=True)

    def note(self, text):
        """What belongs to the row above and has no target."""
        print(f'    {text}', flush=True)

    def unmeasured(self, what, why):
        self.broken += 1
        print(f'{what:<44} not measured: {why}', flush=True)
