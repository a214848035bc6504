"""A real S3 server (moto's) on the loopback, and a way to it that cuts, refuses and expires."""

import contextlib
import dataclasses
import http.client
import logging
import re
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

KEYS = {"AWS_ACCESS_KEY_ID": "KEYKEYKEYKEYKEYKEY00", "AWS_SECRET_ACCESS_KEY": "secretsecret"}
ALONE = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",  # asked for credentials where there are none
}
BUCKET = "bucket"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset


class Way(ThreadingHTTPServer):
    """A proxy in front of a server, in which one can stand.

    Args:
        to: port of the server.

    Attributes:
        refusal: status and code with which every request is answered, as S3 would; None passes.
        cut: answers to GET end after so many bytes by a reset; None passes.
        cuts: how many more of them.
        ranges: first and last byte of every piece that was asked for.
    """

    daemon_threads = True

    def __init__(self, to: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.to = to
        self.refusal: tuple[int, str] | None = None
        self.cut: int | None = None
        self.cuts = 10**6
        self.ranges: list[tuple[int, int]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Way  # pyright: ignore[reportIncompatibleVariableOverride]

    def _pass(self) -> None:
        if asked := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
            self.server.ranges.append((int(asked[1]), int(asked[2])))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.refusal:
            status, code = self.server.refusal
            told = f"<Error><Code>{code}</Code><Message>{code} is said</Message></Error>".encode()
            self._answer(status, {"Content-Type": "application/xml"}, told, len(told))
            return
        server = http.client.HTTPConnection("127.0.0.1", self.server.to, timeout=20)
        with contextlib.closing(server):
            server.request(self.command, self.path, body, dict(self.headers))
            answer = server.getresponse()
            told = answer.read()
        length = int(answer.headers.get("Content-Length") or len(told))
        self._answer(answer.status, answer.headers, told, length)

    def _answer(self, status: int, headers: Mapping[str, Any], body: bytes, length: int) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = self.server.cut
        if self.command == "GET" and cut is not None and len(body) > cut and self.server.cuts > 0:
            self.server.cuts -= 1
            self.wfile.write(body[:cut])
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@dataclasses.dataclass
class Server:
    """A server and the way to it.

    Attributes:
        url: of the server itself; tests fill it here.
        way: to it; its ``url`` is what is tested.
    """

    url: str
    way: Way

    def reset(self) -> None:
        """Leave one empty bucket, and free the way."""
        import s3fs

        self.way.refusal, self.way.cut, self.way.cuts = None, None, 10**6
        self.way.ranges.clear()
        self.check_keys("inf")
        self._tell("reset", "")
        self.client().create_bucket(Bucket=BUCKET)
        s3fs.S3FileSystem.clear_instance_cache()  # they hold credentials and listings

    def check_keys(self, after: str = "0") -> None:
        """Check signatures and rights as IAM does (moto does not by default), after requests."""
        self._tell("reset-auth", after)

    def put(self, key: str, content: bytes) -> str:
        """Put an object; return its ETag."""
        return self.client().put_object(Bucket=BUCKET, Key=key, Body=content)["ETag"].strip('"')

    def client(self) -> Any:
        """Return a client, of whatever keys."""
        import boto3

        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
        return boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **keys)

    def _tell(self, what: str, body: str) -> None:
        plain = {"Content-Type": "text/plain"}
        urlopen(Request(f"{self.url}/moto-api/{what}", body.encode(), plain)).close()


@contextlib.contextmanager
def served() -> Iterator[Server]:
    """Run a server, and a way to it."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    way = Way(port)
    threading.Thread(target=way.serve_forever, daemon=True).start()
    try:
        yield Server(f"http://{host}:{port}", way)
    finally:
        way.shutdown()
        way.server_close()
        server.stop()
