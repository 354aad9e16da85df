# What the suites need that run the examples of the manuals and of README.md as a reader would type them. `load
# lib/typed` goes after `load lib/helpers`.
#
# Two ports are placeholders there: 7000 is one that is free, 8080 an HTTP server on this machine. With sockt in PATH
# and the two replaced, everything else stays as it stands.

# enter_sandbox: an empty directory, and a PATH in which sockt is the one that is tested.
enter_sandbox() {
	mkdir "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/here"
	ln -s "$SOCKT" "$BATS_TEST_TMPDIR/bin/sockt"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	cd "$BATS_TEST_TMPDIR/here" || return
}

# start_web: an HTTP server that answers "it works", and control.sock, which answers a line with "ok". Sets $web, the
# server's port.
start_web() {
	start_peer 'import http.server, socketserver, threading
class Web(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"it works\n")
class Control(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        self.wfile.write(b"ok\n")
control = socketserver.UnixStreamServer("control.sock", Control)
threading.Thread(target=control.serve_forever, daemon=True).start()
web = http.server.ThreadingHTTPServer(("localhost", 0), Web)
ready(web.socket)
web.serve_forever()'
	# shellcheck disable=SC2154	# start_peer sets it
	web=$port
}

# with_ports TEXT: writes it with the placeholders replaced: 7000 by $free, 8080 by $web.
with_ports() {
	sed "s/\b7000\b/${free-7000}/g; s/\b8080\b/${web-8080}/g" <<<"$1"
}

# choose_port: sets $free to a port that is free on every address. A listener that reports its port would be no example
# of what users type; this one is below those the system hands out, where nobody else here looks for one.
choose_port() {
	free=$(python3 -c 'import random, socket
while True:
    port = random.randrange(10000, 30000)
    try:
        for family in (socket.AF_INET, socket.AF_INET6):
            if family == socket.AF_INET or socket.has_dualstack_ipv6():
                with socket.socket(family) as s:
                    s.bind(("", port))
    except OSError:
        continue
    print(port)
    break')
}
