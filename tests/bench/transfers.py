"""One run of connect and listen, or of unix: how soon it starts, how fast it moves bytes between pipes and from a file,
and how well it keeps to a rate."""
import os
import shutil
import subprocess
import tempfile
import time

from measure import BYTES, HOST, LIMIT_S, Process, Unmeasured, file_in_memory, in_turns, ratios
from peers import OpenBSDNetcat, OpenBSDNetcatUnix, Sockt, SocktUnix, Socat

PACED_S = 5
SPAWNS = int(os.environ.get('BENCH_SPAWNS', 400))


def through_pipes(tool, pump):
    """producer | connect -> listen | consumer. Returns (seconds, CPU seconds of connect and listen)."""
    processes = []
    try:
        from_listen, to_consumer = os.pipe()
        listener, address = tool.listen(to_consumer)
        processes.append(listener)
        os.close(to_consumer)
        consumer = Process([pump], stdin=from_listen, stdout=subprocess.PIPE)
        processes.append(consumer)
        os.close(from_listen)

        from_producer, to_connect = os.pipe()
        start = time.monotonic()
        producer = Process([pump, str(BYTES)], stdout=to_connect)
        processes.append(producer)
        os.close(to_connect)
        client = tool.connect(address, from_producer)
        processes.append(client)
        os.close(from_producer)

        arrived = int(consumer.popen.stdout.read() or 0)
        cpu = client.wait() + listener.wait()
        wall = time.monotonic() - start
        producer.wait()
        consumer.wait()
        if arrived != BYTES:
            raise Unmeasured(f'{type(tool).__name__}: {arrived} of {BYTES} bytes arrived')
        return wall, cpu
    finally:
        for process in processes:
            process.end()


def octets_received():
    """By the whole machine over IPv4, loopback included."""
    with open('/proc/net/netstat', encoding='ascii') as f:
        names, values = (line.split() for line in f if line.startswith('IpExt:'))
    return int(values[names.index('InOctets')])


def from_file(tool, path):
    """file -> connect -> listen -> /dev/null. Returns seconds. /dev/null counts nothing, so the kernel is asked."""
    processes = []
    before = octets_received()
    try:
        listener, port = tool.listen(subprocess.DEVNULL)
        processes.append(listener)
        with open(path, 'rb') as stdin:
            start = time.monotonic()
            client = tool.connect(port, stdin)
            processes.append(client)
        client.wait()
        listener.wait()
        wall = time.monotonic() - start
        crossed = octets_received() - before
        if crossed < os.path.getsize(path):
            raise Unmeasured(f'{type(tool).__name__}: at most {crossed} of {os.path.getsize(path)} bytes were sent')
        return wall
    finally:
        for process in processes:
            process.end()


def start_up(spawn, argv):
    """Median wall microseconds of one run of argv."""
    done = subprocess.run([spawn, str(SPAWNS)] + argv, stdout=subprocess.PIPE, timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        raise Unmeasured(f'{" ".join(argv)}: failed')
    return float(done.stdout.split()[0])


def bench_start_up(table, sockt, tools):
    spawn = os.path.join(tools, 'spawn')
    with Process([os.path.join(tools, 'sink')], stdout=subprocess.PIPE, text=True) as sink:
        port = sink.popen.stdout.readline().strip()
        took = in_turns({
            'sockt': lambda: start_up(spawn, [sockt, 'connect', '-z', HOST, port]),
            'nc': lambda: start_up(spawn, [shutil.which('nc.openbsd'), '-z', HOST, port]),
            'empty': lambda: start_up(spawn, [os.path.join(tools, 'empty'), HOST, port]),
        })
    table.row('start-up: time beside nc -z', ratios(took['sockt'], took['nc']), '<=0.85')
    table.row('start-up: time beside an empty program', ratios(took['sockt'], took['empty']), '<=1.25')


def bench_pipes(table, sockt, tools):
    pump = os.path.join(tools, 'pump')
    took = in_turns({
        'sockt': lambda: through_pipes(Sockt(sockt), pump),
        'nc': lambda: through_pipes(OpenBSDNetcat(), pump),
    })
    wall, cpu = ({name: [one[i] for one in all_of] for name, all_of in took.items()} for i in (0, 1))
    table.row('pipe to pipe: bytes/s beside nc', ratios(wall['nc'], wall['sockt']), '>=1.35')
    table.row('pipe to pipe: CPU time beside nc', ratios(cpu['sockt'], cpu['nc']), '<=0.55')


def bench_unix(table, sockt, tools):
    pump = os.path.join(tools, 'pump')
    with tempfile.TemporaryDirectory(prefix='sockt-bench-') as directory:
        took = in_turns({
            'sockt': lambda: through_pipes(SocktUnix(sockt, directory), pump),
            'nc': lambda: through_pipes(OpenBSDNetcatUnix(directory), pump),
        })
    wall = {name: [one for one, _ in all_of] for name, all_of in took.items()}
    table.row('unix, pipe to pipe: bytes/s beside nc', ratios(wall['nc'], wall['sockt']), '>=1.35')


def bench_files(table, sockt, tools):
    del tools
    size = BYTES // 2
    with file_in_memory(size) as f:
        block = os.urandom(1 << 20)
        for _ in range(size >> 20):
            f.write(block)
        f.flush()
        took = in_turns({
            'sockt': lambda: from_file(Sockt(sockt), f.name),
            'nc': lambda: from_file(OpenBSDNetcat(), f.name),
            'socat': lambda: from_file(Socat(f.name), f.name),
        })
    table.row('file to /dev/null: bytes/s beside nc', ratios(took['nc'], took['sockt']), '>=1.5')
    table.row('file to /dev/null: bytes/s beside socat', ratios(took['socat'], took['sockt']), '>=1.05')


def paced(sockt, limited, rate):
    """PACED_S seconds' worth of zeros from connect to listen, one of them limited. Returns the rate beside what it should be."""
    limit = {who: ['--limit-rate', str(rate)] if who == limited else [] for who in ('connect', 'listen')}
    with tempfile.TemporaryFile() as zeros:
        zeros.truncate(PACED_S * rate)
        listener = Sockt(sockt).serve(['listen', *limit['listen']])
        with listener, Process([sockt, 'connect', *limit['connect'], HOST, str(listener.port)], stdin=zeros) as client:
            start = time.monotonic()
            client.wait()
            listener.wait()
            return PACED_S / (time.monotonic() - start)


def bench_pace(table, sockt, tools):
    del tools
    kept = in_turns({
        'sent': lambda: paced(sockt, 'connect', 1 << 20),
        'received': lambda: paced(sockt, 'listen', 100 << 20),
    })
    table.row('--limit-rate 1M, sending for 5 s', kept['sent'], '1+-0.02')
    table.row('--limit-rate 100M, receiving for 5 s', kept['received'], '1+-0.02')
