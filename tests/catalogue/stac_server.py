"""A small STAC API on this machine that fails on command."""

import json
import socket
import threading
import time
from collections import deque
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COLLECTION = "sentinel-1-slc-wv"
CORE = "https://api.stacspec.org/v1.0.0/core"


class StacServer:
    """What is served, how it fails, and what was asked."""

    def __init__(self, items, collection=COLLECTION):
        self.items, self.collection = list(items), collection
        #: Faults of the next searches: a status, or one of the words of `_fail`.
        self.faults = deque()
        #: What is wrong with the links to next pages: "", "missing", "circle", "404", "html" or "same".
        self.next_link = ""
        self.page, self.announces = 1000, True
        self.conforms = True
        self.asked = []

    def matching(self, query):
        """Items that meet a query, as a catalogue judges them: by box and interval of the whole."""
        found = [one for one in self.items if one["collection"] in query["collections"]]
        if query.get("bbox"):
            west, south, east, north = query["bbox"]
            found = [
                one
                for one in found
                if one["bbox"][0] <= east and one["bbox"][2] >= west
                and one["bbox"][1] <= north and one["bbox"][3] >= south
            ]  # fmt: skip
        first, last = (end[:19] for end in query["datetime"].split("/"))
        return [
            one
            for one in found
            if one["properties"]["start_datetime"][:19] <= last
            and one["properties"]["end_datetime"][:19] >= first
        ]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    @property
    def stac(self):
        return self.server.stac

    def _reply(self, content, status=200, **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        kind = headers.pop("content_type", "application/geo+json")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _root(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def do_GET(self):
        root, stac = self._root(), self.stac
        if self.path == "/":
            links = [
                {"rel": "self", "href": f"{root}/", "type": "application/json"},
                {"rel": "root", "href": f"{root}/", "type": "application/json"},
                {"rel": "search", "href": f"{root}/search", "method": "POST", "type": "application/geo+json"},
            ]  # fmt: skip
            classes = [CORE, "https://api.stacspec.org/v1.0.0/item-search"]
            self._reply(
                {
                    "type": "Catalog", "id": "test", "stac_version": "1.1.0", "description": "a test",
                    "conformsTo": classes if stac.conforms else [CORE], "links": links,
                },
                content_type="application/json",
            )  # fmt: skip
        elif self.path == f"/collections/{stac.collection}":
            self._reply({"type": "Collection", "id": stac.collection})
        elif self.path == "/teapot":
            self._reply(b"<html>no</html>", content_type="text/html")
        else:
            self._reply({"code": "NotFound"}, 404)

    def do_POST(self):
        query = json.loads(
            self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}"
        )
        self.stac.asked.append((self.path, query))
        if not self.path.startswith(("/search", "/moved")):
            self._reply({"code": "NotFound"}, 404)
        elif self.stac.faults:
            self._fail(self.stac.faults.popleft(), query)
        else:
            self._page(query)

    def _fail(self, fault, query):
        if fault == 301:
            self._reply(b"", 301, Location=f"{self._root()}/moved")
        elif fault == 429:
            self._reply({"error": "WAF"}, 429, Retry_After="0")
        elif isinstance(fault, int):
            self._reply({"error": "fault"}, fault)
        elif fault == "slow":
            time.sleep(1.0)
            self._page(query)
        elif fault == "drop":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b'{"type": "Feature')
            self.close_connection = True
        elif fault == "html":
            self._reply(b"<html>busy</html>", content_type="text/html")

    def _page(self, query):
        stac = self.stac
        found = stac.matching(query)
        first = int(query.get("token", 0))
        size = min(query.get("limit", 10), stac.page)
        links = []
        if first + size < len(found):
            link = {"rel": "next", "href": f"{self._root()}/search", "method": "POST", "merge": True,
                    "body": {"token": str(first + size)}}  # fmt: skip
            wrong = {
                "circle": {"body": {"token": str(first)}},
                "404": {"href": f"{self._root()}/nowhere"},
                "html": {"href": f"{self._root()}/teapot", "method": "GET"},
                "empty": {"href": ""},
            }
            links = [link | wrong.get(stac.next_link, {})]
            if stac.next_link == "missing":
                links = []
        page = {
            "type": "FeatureCollection",
            "features": found[first : first + size],
            "links": links,
        }
        if stac.announces:
            page["numberMatched"] = len(found)
        self._reply(page)


@contextmanager
def serve(items, **kwargs):
    """Serve items on this machine; gives the server's state and its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.stac = StacServer(items, **kwargs)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.stac, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
