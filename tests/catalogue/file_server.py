"""A server of files on this machine: of a bucket by path, or behind tokens; it counts, and fails on command."""

import json
import random
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer:
    """What is served, how it fails, and what was asked."""

    def __init__(self):
        #: Bytes by the path of the URL.
        self.files = {}
        #: Of each request the path, the first byte, the bytes sent, and the headers.
        self.asked = []
        #: Called with the path and the number of the request; gives a fault or None.
        self.fault = lambda path, number: None
        #: Seconds that a token lives; None where none is needed.
        self.token_life = None
        self.tokens = {}
        self.passwords = {"me": "hunter22"}
        self.refreshes = {}
        self.grants = []
        self.given = 0
        #: Requests whose token had ended, or that had none.
        self.refused = 0
        #: Bytes a second of one connection, and of all together.
        self.rate = None
        #: Whether parts of files are given: False, and it says nothing of it; None, and it says so.
        self.ranges = True
        self.lock = threading.Lock()

    def bytes_of(self, suffix):
        """Bytes that were sent of files whose path ends so."""
        return sum(sent for path, _, sent, _ in self.asked if path.endswith(suffix))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    @property
    def state(self):
        return self.server.state

    def _reply(self, status, body=b"", **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        """Give a token."""
        from urllib.parse import parse_qs

        length = int(self.headers.get("Content-Length") or 0)
        form = {k: v[0] for k, v in parse_qs(self.rfile.read(length).decode()).items()}
        state = self.state
        state.grants.append(form["grant_type"])
        if form["grant_type"] == "password":
            good = state.passwords.get(form.get("username")) == form.get("password")
        else:
            good = state.refreshes.pop(form["refresh_token"], 0) > time.monotonic()
        if not good:
            wrong = {"error": "invalid_grant", "error_description": f"Invalid user credentials {form.get('password')}"}  # fmt: skip
            self._reply(401, json.dumps(wrong).encode())
            return
        with state.lock:
            state.given += 1  # no two are the same, whatever has ended
            number = state.given
            token, refresh = f"token-{number:08d}", f"refresh-{number:08d}"
            state.tokens[token] = time.monotonic() + state.token_life
            state.refreshes[refresh] = time.monotonic() + 6 * state.token_life
        answer = {"access_token": token, "refresh_token": refresh, "expires_in": state.token_life}  # fmt: skip
        self._reply(200, json.dumps(answer).encode())

    def do_GET(self):
        state, path = self.state, self.path
        with state.lock:
            number = len(state.asked)
            first, stop = self._range()
            record = [path, first, 0, dict(self.headers)]
            state.asked.append(record)
        if state.token_life is not None and not self._may():
            state.refused += 1
            self._reply(401)
            return
        fault = state.fault(path, number)
        if path not in state.files:
            self._reply(404)
            return
        if isinstance(fault, tuple):  # moved
            self._reply(fault[0], Location=fault[1])
        elif isinstance(fault, int):
            body = b"<Code>InvalidAccessKeyId</Code>" if fault == 403 else b""
            self._reply(fault, body, Retry_After="0")
        elif fault == "ended":
            state.tokens.clear()
            self._reply(401)
        elif fault == "drop":
            self._drop()
        else:
            self._send(state.files[path], first, stop, fault, record)

    def do_HEAD(self):
        """Say how large a file is."""
        data = self.state.files.get(self.path)
        self.send_response(404 if data is None else 200)
        self.send_header("Content-Length", str(len(data or b"")))
        if self.state.ranges is None:
            self.send_header("Accept-Ranges", "none")
        self.end_headers()

    def _range(self):
        """First byte that is asked for, and the one after the last; None where all are."""
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")  # fmt: skip
        return int(first), int(last) + 1 if last else None

    def _may(self):
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.state.tokens.get(token, 0) > time.monotonic()

    def _drop(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, data, first, stop, fault, record):
        total = len(data)
        if first >= total > 0 and first:
            self._reply(416)
            return
        if fault == "wrong":
            data = bytearray(data)
            data[random.randrange(first, total)] ^= 1
        part, stop = (
            (first, min(stop or total, total)) if self.state.ranges else (0, total)
        )
        body = bytes(data[part:stop])
        whole = len(body) == total
        self.send_response(200 if whole else 206)
        if not whole:
            self.send_header("Content-Range", f"bytes {part}-{stop - 1}/{total}")
        if fault == "short":  # whole by its own account, and not by the list's
            body = body[: len(body) // 2]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        stops = fault in ("cut", "silent")
        if stops:
            body = body[: random.randrange(len(body) or 1)]
        self._pour(body, record)
        if fault == "silent":
            time.sleep(1.0)
        if stops:
            self.wfile.flush()
            self._drop()

    def _pour(self, body, record):
        for k in range(0, len(body), 1 << 16):
            piece = body[k : k + (1 << 16)]
            if self.state.rate:
                self.state.rate(len(piece))
            try:
                self.wfile.write(piece)
            except OSError:
                self.close_connection = True
                return
            record[2] += len(piece)


@contextmanager
def serve_files(tls=None):
    """Serve files on this machine; gives the server's state and its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.state = FileServer()
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    scheme = "http" if tls is None else "https"
    try:
        yield server.state, f"{scheme}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certificate(folder):
    """Make a certificate of 127.0.0.1, its own authority; gives its file and a context of a server."""
    import datetime
    import ipaddress
    import ssl

    import pytest

    pytest.importorskip("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return str(public), context


def bucket_files(item, product):
    """Files of an item by their path on a server of buckets, from the product on disk."""
    found = {}
    for asset in item["assets"].values():
        path = asset["file:local_path"].partition("/")[2]
        found["/" + asset["href"].removeprefix("s3://")] = (product / path).read_bytes()
    return found


def web_files(item, product, url):
    """Give an item web addresses on a server; gives the files by their path there."""
    found = {}
    for asset in item["assets"].values():
        path = asset["file:local_path"].partition("/")[2]
        place = asset["alternate"]["https"]["href"].partition(".eu")[2]
        asset["alternate"]["https"]["href"] = url + place
        found[place] = (product / path).read_bytes()
    return found
