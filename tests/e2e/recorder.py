"""Stands between orgpatch and the emulator: notes each call, and can change or hold it."""

import http.client
import re
import socket
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# The services by the name that a signature has for them, where IAM has another.
_SERVICES = {"monitoring": "cloudwatch"}
# What S3's requests are to IAM: by method, and by the query's first key where there is one.
_S3 = {
    ("GET", "versions"): "ListBucketVersions",
    ("GET", ""): "GetObject",
    ("GET", "list-type"): "ListBucket",
    ("PUT", ""): "PutObject",
    ("POST", "delete"): "DeleteObjects",
    ("DELETE", ""): "DeleteObject",
}
# Nothing that a test waits for takes longer; what does hangs.
SECONDS_PER_HOLD = 60
# How often a patient recorder asks whether an operation has ended, and after how long.
PATIENCE = 200
SECONDS_PER_OPERATION = 0.3


@dataclass
class Rewrite:
    """A part of the next answers to a call that becomes another."""

    call: str
    old: str
    new: str
    times: int


@dataclass(frozen=True)
class Request:
    """A call as it came over the wire."""

    # As `service:Operation`.
    call: str
    # Path, query and body.
    text: str


@dataclass
class Hold:
    """A call that is held up, before or after AWS has seen it, until a test lets it go."""

    call: str
    about: re.Pattern[str]
    after: bool
    _reached: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)
    _is_dropped: bool = False

    def wait(self) -> None:
        """Waits until the call has come."""
        assert self._reached.wait(SECONDS_PER_HOLD), f"{self.call} did not come"

    def is_reached(self) -> bool:
        """Whether the call has come."""
        return self._reached.is_set()

    def pass_on(self) -> None:
        """Lets it go on as if nothing had been."""
        self._released.set()

    def drop(self) -> None:
        """Breaks its connection: no answer comes, and AWS sees no more than it has seen."""
        self._is_dropped = True
        self._released.set()


@dataclass
class Cut:
    """The next calls of a kind whose connections break, before or after AWS has seen them."""

    call: str
    about: re.Pattern[str]
    after: bool
    left: int


@dataclass
class Recorder:
    """All calls so far, as `service:Operation`, and the same in their order."""

    url: str
    upstream: str
    calls: set[str] = field(default_factory=set)
    # Those that were made with the credentials of a role that orgpatch has taken on.
    calls_in_roles: set[str] = field(default_factory=set)
    log: list[Request] = field(default_factory=list)
    rewrites: list[Rewrite] = field(default_factory=list)
    # Whether operations of StackSets are given the time to end before anybody asks how
    # they stand or tries a call again: orgpatch looks twice only after five seconds.
    is_patient: bool = False
    _holds: list[Hold] = field(default_factory=list)
    _cuts: list[Cut] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hold(self, call: str, about: str = "", *, after: bool) -> Hold:
        """Holds up the next such call, whose path or body matches `about`."""
        self._holds.append(Hold(call, re.compile(about), after))
        return self._holds[-1]

    def cut(self, call: str, about: str = "", *, after: bool, times: int = 1) -> Cut:
        """Breaks the connections of the next such calls; of all, if `call` is empty."""
        self._cuts.append(Cut(call, re.compile(about), after, times))
        return self._cuts[-1]

    def lets_through(self, request: Request, *, after: bool) -> bool:
        """Whether a request may go on. Where it is held, waits."""
        with self._lock:
            if not after:
                self.log.append(request)
            for cut in self._cuts:
                if cut.left and _fits(cut, request, after):
                    cut.left -= 1
                    return False
            held = [each for each in self._holds if _fits(each, request, after)]
            held = [each for each in held if not each._reached.is_set()][:1]
            for each in held:
                each._reached.set()
        for each in held:
            each._released.wait(SECONDS_PER_HOLD)
        return not any(each._is_dropped for each in held)

    def rewrite(self, call: str, old: str, new: str, times: int = 1) -> None:
        """Has the next answers to `call` that contain `old` say `new` instead."""
        self.rewrites.append(Rewrite(call, old, new, times))

    def answered(self, call: str, body: bytes, *, in_role: bool) -> bytes:
        """What is passed on of an answer."""
        with self._lock:
            (self.calls_in_roles if in_role else self.calls).add(call)
            for each in self.rewrites:
                if each.call == call and each.times and each.old.encode() in body:
                    each.times -= 1
                    body = body.replace(each.old.encode(), each.new.encode())
        return body


def _fits(what: Hold | Cut, request: Request, after: bool) -> bool:
    return (
        what.call in ("", request.call)
        and what.after == after
        and what.about.search(request.text) is not None
    )


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
            key
            for key in ("versions", "delete", "list-type")
            if key in split.query.split("&")[0]
        ]
        return f"s3:{_S3[method, keys[0] if keys else '']}"
    if service == "account":
        operation = split.path.strip("/")
        return f"account:{operation[0].upper()}{operation[1:]}"
    action = urllib.parse.parse_qs(body.decode())["Action"][0]
    return f"{service}:{action}"


def _still_runs(call: str, answer: bytes) -> bool:
    asked = call == "cloudformation:DescribeStackSetOperation"
    return asked and b"<Status>RUNNING</Status>" in answer


@contextmanager
def recording(upstream: str, *, is_patient: bool = False) -> Iterator[Recorder]:
    """A recorder before the emulator at `upstream`, for the block."""
    target = urllib.parse.urlsplit(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body go out apart, and the body would wait for the head to be received.
        disable_nagle_algorithm = True

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = dict(self.headers.items())
            lower = {key.lower(): value for key, value in headers.items()}
            call = _call(self.command, self.path, lower, body)
            request = Request(call, f"{self.path} {body.decode(errors='replace')}")
            if not recorder.lets_through(request, after=False):
                return self._drop()
            for _ in range(PATIENCE if recorder.is_patient else 1):
                reply, answer = self._ask(headers, body)
                if not _still_runs(call, answer):
                    break
                time.sleep(SECONDS_PER_OPERATION)
            # Only such credentials come with a token.
            in_role = "x-amz-security-token" in lower
            answer = recorder.answered(call, answer, in_role=in_role)
            if not recorder.lets_through(request, after=True):
                time.sleep(SECONDS_PER_OPERATION if recorder.is_patient else 0)
                return self._drop()
            # Whoever has called may be gone already.
            with suppress(OSError):
                self._answer(reply, answer)
            return None

        def _ask(
            self, headers: dict[str, str], body: bytes
        ) -> tuple[http.client.HTTPResponse, bytes]:
            connection = http.client.HTTPConnection(
                target.hostname or "", target.port, timeout=60
            )
            connection.request(self.command, self.path, body, headers)
            reply = connection.getresponse()
            answer = reply.read()
            connection.close()
            return reply, answer

        def _answer(self, reply: http.client.HTTPResponse, answer: bytes) -> None:
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

        def _drop(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            # Callers that are killed break off in the middle of a request.
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    recorder = Recorder(
        f"http://127.0.0.1:{server.server_address[1]}", upstream, is_patient=is_patient
    )
    # So many seconds pass until it sees that it is to end.
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
