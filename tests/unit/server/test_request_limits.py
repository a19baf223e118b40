"""Bodies that arrive too slowly, by a server of gevent as the provider has."""

import json
import subprocess
import sys

SCRIPT = """if True:
    from gevent import monkey
    monkey.patch_all()
    import json, socket
    from gevent.pywsgi import WSGIServer
    from flask import Flask, request
    from provider.web.api.problems import answer_problems
    from provider.server.request_limits import with_body_deadline

    app = Flask("test")
    answer_problems(app)

    @app.put("/")
    def put():
        return request.get_data()

    @app.put("/unread")
    def unread():
        return "unread"

    server = WSGIServer(("127.0.0.1", 0), with_body_deadline(app.wsgi_app, seconds=0.2), log=None)
    server.start()

    def ask(path, body, length):
        with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
            head = f"PUT {path} HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: {length}\\r\\n\\r\\n"
            connection.sendall(head.encode() + body)
            answer = connection.makefile("rb")
            status = int(answer.readline().split()[1])
            size = 0
            while line := answer.readline().strip():
                name, _, value = line.lower().partition(b":")
                size = int(value) if name == b"content-length" else size
            return status, answer.read(size).decode()

    print(json.dumps([ask("/", b"half", 8), ask("/", b"whole", 5), ask("/unread", b"half", 4)]))
"""


def test_a_body_that_does_not_arrive_is_no_longer_waited_for() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=100)
    slow, whole, unread = json.loads(done.stdout)
    problem = json.loads(slow[1])

    assert (slow[0], problem["type"]) == (408, "urn:traefik-canary:request-timeout")
    assert problem["detail"] == "the body did not arrive within 0.2 seconds"
    assert [whole, unread] == [[200, "whole"], [200, "unread"]]
