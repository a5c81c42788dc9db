"""A hub of one repository on this machine, which can be out of order in the ways the real one is."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """A hub of one repository `org/tiny` on this machine. `served` are the byte ranges it was asked for.

    cut_at: how many bytes of the next file it sends before the line breaks; it is down after that. damaged: its files
    are not what it says they are. login_page: what a hotel's network answers in its place, "listing" or "files".
    stalls_at: how many bytes of the next file it sends before it stops, with the line open, until `go_on` is set.
    silent: it takes connections and says nothing until then. commit: the newest, whatever is asked for by name is
    served all the same. claims: sizes that it lists, where they are not those of the contents. in_git: names of the
    small files that it keeps in git itself, so that it lists no SHA-256 of them. gated: the token that it asks of those
    who want a file; "" for none. asked_with: the tokens that it was sent with files.
    """

    contents: dict[str, bytes]
    url: str = ""
    served: list[str] = field(default_factory=list)
    cut_at: int | None = None
    stalls_at: int | None = None
    silent: bool = False
    go_on: threading.Event = field(default_factory=threading.Event)
    down: bool = False
    damaged: bool = False
    login_page: str = ""
    commit: str = COMMIT
    claims: dict[str, int] = field(default_factory=dict)
    in_git: frozenset[str] = frozenset()
    gated: str = ""
    asked_with: list[str] = field(default_factory=list)


@contextmanager
def serving(state: Hub) -> Iterator[Hub]:
    """Answers as the hub does until the end of the `with`; `state.url` is where."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            del args

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = self.path.split("?")[0]
            if state.silent:
                state.go_on.wait()
            if state.login_page == ("listing" if path.startswith("/api/") else "files"):
                self._send(b"<html>Welcome to our hotel</html>", {}, body)
                return
            if path.startswith("/api/models/org/tiny"):
                self._send(json.dumps(listing(state, path.partition("/revision/")[2])).encode(), {}, body)
                return
            name = "/".join(path.split("/")[5:])
            if state.gated:
                state.asked_with.append(self.headers.get("Authorization", ""))
            if state.gated and state.asked_with[-1] != f"Bearer {state.gated}":
                self.send_response(403)
                self.send_header("X-Error-Code", "GatedRepo")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = state.contents.get(name)
            if state.down:
                self.send_error(503)
                return
            if content is None or "org/tiny" not in path:
                self.send_error(404)
                return
            digest = hashlib.sha256(content).hexdigest()
            if state.damaged:
                content = b"x" * len(content)
            headers = {"ETag": f'"{digest}"', "X-Repo-Commit": state.commit, "Accept-Ranges": "bytes"}
            if body:
                state.served.append(f"{name} {self.headers.get('Range', 'whole')}")
            self._send(content, headers, body)

        def _send(self, content: bytes, headers: dict[str, str], body: bool) -> None:
            wanted = self.headers.get("Range", "")
            start = int(wanted.removeprefix("bytes=").split("-")[0] or 0) if wanted else 0
            self.send_response(206 if wanted else 200)
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            if body and state.stalls_at is not None and start + state.stalls_at < len(content):
                self.wfile.write(content[start : start + state.stalls_at])
                state.stalls_at = None
                state.go_on.wait()
                self.close_connection = True
            elif body and state.cut_at is not None and not self.path.startswith("/api/"):
                self.wfile.write(content[start : start + state.cut_at])
                state.cut_at, state.down = None, True
                self.close_connection = True
            elif body:
                self.wfile.write(content[start:])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    state.go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


def lfs(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 100}


def listing(hub: Hub, revision: str) -> dict[str, Any]:
    siblings = [
        {
            "rfilename": name,
            "size": hub.claims.get(name, len(content)),
            "blobId": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
            **({} if name in hub.in_git else {"lfs": lfs(content)}),
        }
        for name, content in hub.contents.items()
    ]
    commit = revision or hub.commit
    return {"id": "org/tiny", "modelId": "org/tiny", "sha": commit, "siblings": siblings, "tags": [], "private": False}
