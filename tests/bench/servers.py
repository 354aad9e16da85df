"""One server and many clients: echo-server beside redis, ncat and socat, forwarding beside socat, and memory.

The load on echo-server and redis is redis-benchmark's: an array that comes back as it is, is a reply as well.

    redis-benchmark -h 127.0.0.1 -p PORT -t ping_mbulk --csv -c 50 -n N          one request at a time
    redis-benchmark -h 127.0.0.1 -p PORT -t ping_mbulk --csv -c 50 -n N -P 16    sixteen
    redis-benchmark -h 127.0.0.1 -p PORT -t ping_mbulk --csv -c 50 -n N -k 0     a connection for each
"""
import os
import resource
import socket
import subprocess
import time

from measure import BYTES, HOST, ROUNDS, Process, Unmeasured, in_turns, output_of, ratios
from peers import Sockt, ncat_echo, redis, socat_echo, socat_forward

REQUESTS = int(os.environ.get('BENCH_REQUESTS', 200000))    # about two seconds, as are those below
PIPELINED = REQUESTS * 10
# Each connection leaves a port in TIME-WAIT. Linux first uses up the 14,000 even ones, and then searches: with more
# connections than this the search of the client is what one measures.
CONNECTIONS = min(REQUESTS, 12000)

AT_ONCE = 8             # callers; few enough for a backlog of ten, which is what ncat has
CALLS = CONNECTIONS * 2
PEER_CALLS = max(CALLS // 20, AT_ONCE)

SOCAT_BLOCK = 131072    # 64 KiB and less (8 KiB is its default) are slower, and more is not faster beyond the noise

IDLE_CLIENTS = 5000


def under_load(start, n, words):
    """Returns (requests a second, CPU seconds of the server)."""
    with start() as server:
        before = server.cpu_at_rest_s()
        said = output_of(['redis-benchmark', '-h', HOST, '-p', str(server.port), '-t', 'ping_mbulk', '--csv',
                          '-c', '50', '-n', str(n), *words])
        used = server.cpu_at_rest_s() - before
    return float(said.splitlines()[-1].split(',')[1].strip('"')), used


def beside_redis(sockt, n, words):
    """Ratios of the requests a second, and of CPU time."""
    said = in_turns({
        'sockt': lambda: under_load(Sockt(sockt).echo, n, words),
        'redis': lambda: under_load(redis, n, words),
    })
    rates, cpu = ({name: [one[i] for one in all_of] for name, all_of in said.items()} for i in (0, 1))
    return ratios(rates['sockt'], rates['redis']), ratios(cpu['sockt'], cpu['redis'])


def bench_redis(table, sockt, tools):
    del tools
    _, cpu = beside_redis(sockt, REQUESTS, [])
    table.row('echo: CPU a request beside redis', cpu, '<=0.95')
    _, cpu = beside_redis(sockt, PIPELINED, ['-P', '16'])
    table.row('echo -P 16: CPU a request beside redis', cpu, '<=0.60')
    rate, cpu = beside_redis(sockt, CONNECTIONS, ['-k', '0'])
    table.row('echo -k 0: connections/s beside redis', rate, '>=0.95')
    table.row('echo -k 0: CPU a connection beside redis', cpu, '<=0.80')


def calls_a_second(callers, start, n):
    with start() as server:
        return n / float(output_of([callers, str(n), str(AT_ONCE), str(server.port)]))


def bench_calls(table, sockt, tools):
    callers = os.path.join(tools, 'callers')
    rate = in_turns({
        'sockt': lambda: calls_a_second(callers, Sockt(sockt).echo, CALLS),
        'ncat': lambda: calls_a_second(callers, ncat_echo, PEER_CALLS),
        'socat': lambda: calls_a_second(callers, socat_echo, PEER_CALLS),
    })
    table.row('echo: connections/s beside ncat -e', ratios(rate['sockt'], rate['ncat']), '>=15')
    table.row('echo: connections/s beside socat EXEC', ratios(rate['sockt'], rate['socat']), '>=15')


def through_forwarder(start, pump):
    """producer -> forwarder -> consumer, over TCP. Returns seconds."""
    with socket.create_server((HOST, 0)) as target, start(target.getsockname()[1]) as forwarder, \
            socket.create_connection((HOST, forwarder.port)) as client:
        target.settimeout(10)
        arriving, _ = target.accept()
        with arriving:
            consumer = Process([pump], stdin=arriving, stdout=subprocess.PIPE)
        with consumer:
            begin = time.monotonic()
            with Process([pump, str(BYTES)], stdout=client) as producer:
                client.close()      # the producer's end is then the end of what it says
                arrived = int(consumer.popen.stdout.read() or 0)
                wall = time.monotonic() - begin
                producer.wait()
    if arrived != BYTES:
        raise Unmeasured(f'{" ".join(forwarder.argv)}: {arrived} of {BYTES} bytes arrived')
    return wall


def bench_forward(table, sockt, tools):
    pump = os.path.join(tools, 'pump')
    took = in_turns({
        'sockt': lambda: through_forwarder(Sockt(sockt).forward, pump),
        'socat': lambda: through_forwarder(lambda port: socat_forward(SOCAT_BLOCK, port), pump),
    })
    table.row('forwarding: bytes/s beside socat', ratios(took['socat'], took['sockt']), '>=1.3')


def may_open(n):
    """We and our children."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < n:
        raise Unmeasured(f'{hard} open files are allowed, {n} are needed')
    if soft != resource.RLIM_INFINITY and soft < n:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))


def served_client(port):
    """A client that has said a line and heard it: the server knows of it, and has nothing left to do for it."""
    client = socket.create_connection((HOST, port), timeout=10)
    client.sendall(b'hello\n')
    if client.recv(6) != b'hello\n':
        raise Unmeasured('sockt echo-server: no echo')
    return client


def holding(sockt):
    """Returns the resident bytes of an echo server without clients, and what each idle client adds."""
    clients = []
    with Sockt(sockt).echo() as server:
        alone = server.resident()
        try:
            for _ in range(IDLE_CLIENTS):
                clients.append(served_client(server.port))
            return alone, (server.resident() - alone) / IDLE_CLIENTS
        finally:
            for client in clients:
                client.close()


def bench_memory(table, sockt, tools):
    del tools
    may_open(IDLE_CLIENTS + 100)
    held = [holding(sockt) for _ in range(ROUNDS)]
    table.row('memory: bytes an idle client', [each for _, each in held], '<=1024')
    table.row('memory: MiB without clients', [alone / (1 << 20) for alone, _ in held], '<=4')
