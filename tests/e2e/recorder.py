"""Stands between orgpatch and the emulator: notes each call, and can change an answer once."""

import http.client
import re
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# The services by the name that a signature has for them, where IAM has another.
_SERVICES = {"monitoring": "cloudwatch"}
# What S3's requests are to IAM: by method, and by the query's first key where there is one.
_S3 = {
    ("GET", "versions"): "ListBucketVersions",
    ("GET", ""): "GetObject",
    ("PUT", ""): "PutObject",
    ("POST", "delete"): "DeleteObjects",
}


@dataclass
class Rewrite:
    """A part of the next answers to a call that becomes another."""

    call: str
    old: str
    new: str
    times: int


@dataclass
class Recorder:
    """All calls so far, as `service:Operation`."""

    url: str
    upstream: str
    calls: set[str] = field(default_factory=set)
    rewrites: list[Rewrite] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def rewrite(self, call: str, old: str, new: str, times: int = 1) -> None:
        """Has the next answers to `call` that contain `old` say `new` instead."""
        self.rewrites.append(Rewrite(call, old, new, times))

    def answered(self, call: str, body: bytes) -> bytes:
        """What is passed on of an answer."""
        with self._lock:
            self.calls.add(call)
            for each in self.rewrites:
                if each.call == call and each.times and each.old.encode() in body:
                    each.times -= 1
                    body = body.replace(each.old.encode(), each.new.encode())
        return body


def _call(method: str, path: str, headers: dict[str, str], body: bytes) -> str:
    """The call that a request is."""
    scope = re.search(
        r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", headers.get("authorization", "")
    )
    service = scope[1] if scope else "unsigned"
    service = _SERVICES.get(service, service)
    if target := headers.get("x-amz-target"):
        return f"{service}:{target.rpartition('.')[2]}"
    split = urllib.parse.urlsplit(path)
    if service == "s3":
        keys = [
            key for key in ("versions", "delete") if key in split.query.split("&")[0]
        ]
        return f"s3:{_S3[method, keys[0] if keys else '']}"
    if service == "account":
        operation = split.path.strip("/")
        return f"account:{operation[0].upper()}{operation[1:]}"
    action = urllib.parse.parse_qs(body.decode())["Action"][0]
    return f"{service}:{action}"


@contextmanager
def recording(upstream: str) -> Iterator[Recorder]:
    """A recorder before the emulator at `upstream`, for the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            target = urllib.parse.urlsplit(upstream)
            connection = http.client.HTTPConnection(
                target.hostname or "", target.port, timeout=60
            )
            headers = dict(self.headers.items())
            connection.request(self.command, self.path, body, headers)
            reply = connection.getresponse()
            lower = {key.lower(): value for key, value in headers.items()}
            call = _call(self.command, self.path, lower, body)
            answer = recorder.answered(call, reply.read())
            connection.close()
            self.send_response(reply.status)
            for key, value in reply.getheaders():
                if key.lower() not in (
                    "content-length",
                    "transfer-encoding",
                    "connection",
                ):
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    recorder = Recorder(f"http://127.0.0.1:{server.server_address[1]}", upstream)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
