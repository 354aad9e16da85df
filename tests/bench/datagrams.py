"""udp-send beside socat: how many datagrams a second arrive at somebody who counts them (tally.c)."""
import os
import subprocess
import time

from measure import HOST, Process, Unmeasured, file_in_memory, in_turns, ratios
from peers import Sockt, socat_send_blocks

LINE = 64       # bytes, of which LF is one: sockt's datagrams are the lines without it, socat's are blocks with it
DATAGRAMS = int(os.environ.get('BENCH_DATAGRAMS', 500000))      # about a second at most, as is what socat sends
PACED = 10000   # in a second
PEER_DATAGRAMS = max(DATAGRAMS // 5, 1)


def file_of_lines(n):
    f = file_in_memory(n * LINE)
    f.writelines(b'%0*d\n' % (LINE - 1, i) for i in range(n))
    f.flush()
    return f


def arriving(tally, send, path, length):
    """Returns (datagrams a second, sent, lost).

    The time is from the sender's start until the receiver has taken the last. A sender's end says nothing of that: what
    it sent may still wait in the receiver's buffer, and socat might wait before it leaves. From the first arrival, a
    sender that takes long to start would not pay for it. What is lost takes time and counts for nothing.
    """
    sent = os.path.getsize(path) // LINE
    with Process([tally], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as receiver:
        port = receiver.popen.stdout.readline().strip()
        start = time.monotonic()
        with send(port, path) as sender:
            sender.wait()
        receiver.popen.stdin.close()    # all is sent
        said = receiver.popen.stdout.read().split()
        receiver.wait()
    arrived, bytes_arrived, last = int(said[0]), int(said[1]), float(said[2])
    if not 0 < arrived <= sent or bytes_arrived != arrived * length:
        raise Unmeasured(f'{os.path.basename(sender.argv[0])}: {arrived} datagrams with {bytes_arrived} bytes arrived, '
                         f'of {sent} with {length} each')
    return arrived / (last - start), sent, sent - arrived


def sending_at(tally, sockt, rate, n):
    """n datagrams at so many a second, the first at once. Returns the time that took beside what it should have been."""
    with Process([tally], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as receiver:
        port = receiver.popen.stdout.readline().strip()
        start = time.monotonic()
        with Process([sockt, 'udp-send', '--rate', f'{rate}/s', '--count', str(n), HOST, port, 'x']) as sender:
            sender.wait()
        took = time.monotonic() - start
        receiver.popen.stdin.close()
        arrived = int(receiver.popen.stdout.read().split()[0])
        receiver.wait()
    if arrived != n:
        raise Unmeasured(f'udp-send: {arrived} of {n} datagrams arrived')
    return took / (n / rate)


def percent_lost(said):
    return 100 * sum(lost for _, _, lost in said) / sum(sent for _, sent, _ in said)


def bench_datagrams(table, sockt, tools):
    tally = os.path.join(tools, 'tally')
    said = in_turns({'rate': lambda: sending_at(tally, sockt, PACED, PACED)})
    table.row('--rate 10000/s: the time that 10000 take', said['rate'], '1+-0.02')
    with file_of_lines(DATAGRAMS) as many, file_of_lines(PEER_DATAGRAMS) as fewer:
        said = in_turns({
            'sockt': lambda: arriving(tally, Sockt(sockt).send_lines, many.name, LINE - 1),
            'socat': lambda: arriving(tally, lambda port, path: socat_send_blocks(port, path, LINE), fewer.name, LINE),
        })
    rates = {name: [rate for rate, _, _ in all_of] for name, all_of in said.items()}
    table.row('datagrams: arriving/s beside socat', ratios(rates['sockt'], rates['socat']), '>=3')
    lost = {name: percent_lost(all_of) for name, all_of in said.items()}
    table.note(f'lost: {lost["sockt"]:.1f} % of what sockt sent, {lost["socat"]:.1f} % of what socat sent')
