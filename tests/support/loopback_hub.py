"""A Hub on loopback: what `huggingface_hub` and `datasets` ask of huggingface.co over HTTP, for datasets alone.

It keeps repositories as commits (path -> object), large files by sha256 as LFS does, and counts what goes out. Faults
are injected by rules. It is also a proxy that lets nothing through, so that no client leaves the machine.
"""

import base64
import contextlib
import hashlib
import http.server
import itertools
import json
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

TOKEN = "hf_loopbackTokenForTests"
USER = "lab"


@dataclass
class File:
    size: int
    sha256: str
    is_lfs: bool
    oid: str


@dataclass
class Commit:
    sha: str
    title: str
    files: dict[str, File]


@dataclass
class Repo:
    name: str
    private: bool
    gated: str | bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, list[str]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, File], title: str, branch: str) -> Commit:
        number = sum(map(len, self.branches.values()))
        commit = Commit(hashlib.sha1(f"{self.name}{branch}{number}{title}".encode()).hexdigest(), title, files)
        self.commits[commit.sha] = commit
        self.branches.setdefault(branch, []).append(commit.sha)
        return commit

    def at(self, revision: str) -> Commit | None:
        if revision in self.branches:
            return self.commits[self.branches[revision][-1]]
        return self.commits.get(self.tags.get(revision, revision))


@dataclass
class Seen:
    method: str
    path: str
    status: int
    sent: int
    received: int


@dataclass
class Hub:
    """The server's state, and what a test looks at."""

    url: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    fault: Callable[[str, str], int | str | None] | None = None
    upload_delay_seconds: float = 0.0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def environment(self, home: str) -> dict[str, str]:
        """Variables for a clean process: this Hub, a cache of its own, and no way out."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HOME": home,
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "http_proxy": self.url,
            "https_proxy": self.url,
            "no_proxy": "127.0.0.1,localhost",
        }

    def keep(self, data: bytes, is_lfs: bool) -> File:
        """Store an object, and return what a commit says of it."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.objects[sha256] = data
        return File(len(data), sha256, is_lfs, hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest())

    def uploads(self) -> list[Seen]:
        return [one for one in self.seen if one.method == "PUT" and "/lfs-upload/" in one.path and one.status == 200]

    def traffic(self, mark: str) -> "Traffic":
        """Count what the clients asked for between ``GET /mark/<mark>`` and the next mark, or the end."""
        marks = [index for index, one in enumerate(self.seen) if one.path.startswith("/mark/")]
        first = next(index for index in marks if self.seen[index].path == f"/mark/{mark}")
        last = next((index for index in marks if index > first), len(self.seen))
        served = self.seen[first + 1 : last]
        data = [one for one in served if one.method == "GET" and one.path.endswith((".parquet", ".tar"))]
        return Traffic(len(served), sum(one.sent for one in served), len(data), sum(one.sent for one in data))


@dataclass
class Traffic:
    requests: int = 0
    bytes: int = 0
    data_requests: int = 0
    data_bytes: int = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(6, 1, 1)  # TCP_NODELAY: small answers are not held back

    def log_message(self, *_: Any) -> None:
        pass

    def do_CONNECT(self) -> None:
        self.hub.outside.append(self.path)
        self.close_connection = True
        self.reply(403, b"")

    def do_GET(self) -> None:
        self.handle_any()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def handle_any(self) -> None:
        if not self.path.startswith("/"):
            self.hub.outside.append(self.path)
            self.reply(403, b"")
            return
        parts = urllib.parse.urlsplit(self.path)
        self.route = urllib.parse.unquote(parts.path)
        self.query = dict(urllib.parse.parse_qsl(parts.query))
        fault = self.hub.fault(self.command, self.route) if self.hub.fault else None
        if fault == "cut":
            self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1000))
            self.close_connection = True
            self.connection.close()
            return
        if fault == "trickle":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(100):
                    self.wfile.write(b"x")
                    time.sleep(0.05)
            self.close_connection = True
            return
        self.body = self.read_body()
        if isinstance(fault, int):
            self.reply(fault, b'{"error":"injected"}', {"Retry-After": "0"} if fault == 429 else {})
            return
        for method, pattern, action in ROUTES:
            match = re.fullmatch(pattern, self.route)
            if match and self.command in method:
                with self.hub.lock:
                    action(self, **match.groupdict())
                return
        self.error(404, f"no such route {self.command} {self.route}")

    def read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        sent = b"" if self.command == "HEAD" else body
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(sent)
        received = len(getattr(self, "body", b""))
        self.hub.seen.append(Seen(self.command, getattr(self, "route", self.path), status, len(sent), received))

    def json(self, value: Any, status: int = 200) -> None:
        self.reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def error(self, status: int, message: str, code: str = "") -> None:
        headers = {"X-Error-Message": message, "Content-Type": "application/json"} | (
            {"X-Error-Code": code} if code else {}
        )
        self.reply(status, json.dumps({"error": message}).encode(), headers)

    @property
    def signed_in(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def repo(self, name: str, write: bool = False) -> Repo | None:
        found = self.hub.repos.get(name)
        if found is None or ((found.private or write) and not self.signed_in):
            if self.headers.get("Authorization") and not self.signed_in:
                self.error(401, "Invalid username or password.")
            else:
                self.error(401 if not self.signed_in else 404, "Repository not found", "RepoNotFound")
            return None
        return found

    def commit_of(self, name: str, revision: str, write: bool = False) -> tuple[Repo, Commit] | None:
        repo = self.repo(name, write)
        if repo is None:
            return None
        commit = repo.at(revision)
        if commit is None:
            self.error(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            return None
        return repo, commit

    def mark(self) -> None:
        self.reply(200, b"")

    def whoami(self) -> None:
        if not self.signed_in:
            self.error(401, "Invalid username or password.")
            return
        self.json({"type": "user", "name": USER, "orgs": [], "auth": {"accessToken": {"role": "write"}}})

    def validate_yaml(self) -> None:
        self.json({"errors": [], "warnings": []})

    def create(self) -> None:
        if not self.signed_in:
            self.error(401, "Invalid username or password.")
            return
        asked = json.loads(self.body)
        name = f"{asked.get('organization') or USER}/{asked['name']}"
        url = f"{self.hub.url}/datasets/{name}"
        if name in self.hub.repos:
            self.json({"error": "You already created this dataset repo", "url": url}, 409)
            return
        private = asked.get("private") or asked.get("visibility") == "private"
        repo = self.hub.repos[name] = Repo(name, bool(private))
        repo.commit({".gitattributes": self.hub.keep(b"*.parquet filter=lfs\n", False)}, "initial commit", "main")
        self.json({"url": url, "name": name, "id": name})

    def info(self, name: str, revision: str = "main") -> None:
        if (found := self.commit_of(name, revision)) is None:
            return
        repo, commit = found
        siblings = [{"rfilename": path} for path in commit.files]
        info = {
            "_id": "1",
            "id": name,
            "author": USER,
            "sha": commit.sha,
            "private": repo.private,
            "siblings": siblings,
        }
        self.json(info | {"gated": repo.gated, "disabled": False, "downloads": 0, "likes": 0, "tags": []})

    def settings(self, name: str) -> None:
        if (repo := self.repo(name, write=True)) is not None:
            asked = json.loads(self.body)
            repo.gated = asked.get("gated", repo.gated)
            repo.private = asked.get("private", repo.private)
            self.json({})

    def refs(self, name: str) -> None:
        if (repo := self.repo(name)) is not None:
            branches = [
                {"name": b, "ref": f"refs/heads/{b}", "targetCommit": shas[-1]} for b, shas in repo.branches.items()
            ]
            tags = [{"name": t, "ref": f"refs/tags/{t}", "targetCommit": sha} for t, sha in repo.tags.items()]
            self.json({"branches": branches, "converts": [], "tags": tags, "pullRequests": []})

    def new_tag(self, name: str, revision: str) -> None:
        if (found := self.commit_of(name, revision, write=True)) is not None:
            tag = json.loads(self.body)["tag"]
            if tag in found[0].tags:
                self.error(409, "Tag already exists")
                return
            found[0].tags[tag] = found[1].sha
            self.json({})

    def new_branch(self, name: str, branch: str) -> None:
        if (repo := self.repo(name, write=True)) is not None:
            if branch in repo.branches:
                self.error(409, "Reference already exists")
                return
            start = repo.at((json.loads(self.body or b"{}") or {}).get("startingPoint") or "main")
            assert start is not None
            repo.branches[branch] = [start.sha]
            self.json({})

    def preupload(self, name: str, revision: str) -> None:
        if (found := self.commit_of(name, revision, write=True)) is not None:
            large = (".parquet", ".tar", ".png", ".mp4")
            files = [
                {
                    "path": asked["path"],
                    "uploadMode": "lfs" if asked["path"].endswith(large) else "regular",
                    "shouldIgnore": False,
                    "oid": found[1].files[asked["path"]].oid if asked["path"] in found[1].files else None,
                }
                for asked in json.loads(self.body)["files"]
            ]
            self.json({"files": files})

    def lfs_batch(self, name: str) -> None:
        if self.repo(name, write=True) is None:
            return
        objects = []
        for asked in json.loads(self.body)["objects"]:
            one = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.hub.objects:
                one["actions"] = {"upload": {"href": f"{self.hub.url}/lfs-upload/{asked['oid']}", "header": {}}}
            objects.append(one)
        self.json({"transfer": "basic", "objects": objects})

    def lfs_upload(self, oid: str) -> None:
        time.sleep(self.hub.upload_delay_seconds)
        if hashlib.sha256(self.body).hexdigest() != oid:
            self.error(400, "the content has another sha256")
            return
        self.hub.objects[oid] = self.body
        self.reply(200, b"")

    def new_commit(self, name: str, branch: str) -> None:
        if (found := self.commit_of(name, branch, write=True)) is None:
            return
        repo, parent = found
        files, title = dict(parent.files), ""
        for line in map(json.loads, self.body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                title = value["summary"]
                if value.get("parentCommit") not in (None, parent.sha):
                    self.error(412, "A commit has happened since. Please refresh and try again.")
                    return
            elif line["key"] == "file":
                files[value["path"]] = self.hub.keep(base64.b64decode(value["content"]), False)
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.hub.objects:
                    self.error(400, f"LFS pointer to a missing object: {value['path']}")
                    return
                files[value["path"]] = self.hub.keep(self.hub.objects[value["oid"]], True)
            elif line["key"] == "deletedFile":
                files.pop(value["path"], None)
            elif line["key"] == "deletedFolder":
                files = {path: file for path, file in files.items() if not path.startswith(value["path"])}
        commit = repo.commit(files, title, branch)
        url = f"{self.hub.url}/datasets/{name}/commit/{commit.sha}"
        self.json({"success": True, "commitOid": commit.sha, "commitUrl": url, "hookOutput": ""})

    def commits(self, name: str, revision: str) -> None:
        if (found := self.commit_of(name, revision)) is not None:
            shas = reversed(found[0].branches.get(revision, [found[1].sha]))
            self.json(
                [
                    {"id": s, "title": found[0].commits[s].title, "message": "", "date": _DATE, "authors": []}
                    for s in shas
                ]
            )

    def tree(self, name: str, revision: str, path: str = "") -> None:
        if (found := self.commit_of(name, revision)) is None:
            return
        prefix = f"{path.strip('/')}/" if path.strip("/") else ""
        inside = [one for one in found[1].files if one.startswith(prefix)]
        if prefix and not inside:
            self.error(404, f"{path} does not exist", "EntryNotFound")
            return
        folders = sorted(
            {
                prefix + "/".join(rest[:depth])
                for rest in (one.removeprefix(prefix).split("/") for one in inside)
                for depth in range(1, len(rest))
            }
        )
        recursive = self.query.get("recursive", "").lower() in ("true", "1")
        rows = [_folder_row(one) for one in folders if recursive or "/" not in one.removeprefix(prefix)]
        rows += [
            _file_row(one, found[1].files[one])
            for one in sorted(inside)
            if recursive or "/" not in one.removeprefix(prefix)
        ]
        self.json(rows)

    def paths_info(self, name: str, revision: str) -> None:
        if (found := self.commit_of(name, revision)) is None:
            return
        if self.headers.get("Content-Type", "").startswith("application/json"):
            asked = json.loads(self.body)["paths"]
        else:
            asked = urllib.parse.parse_qs(self.body.decode())["paths"]
        rows = []
        for path in [asked] if isinstance(asked, str) else asked:
            if path in found[1].files:
                rows.append(_file_row(path, found[1].files[path]))
            elif any(one.startswith(f"{path}/") for one in found[1].files):
                rows.append(_folder_row(path))
        self.json(rows)

    def resolve(self, name: str, revision: str, path: str) -> None:
        if (found := self.commit_of(name, revision)) is None:
            return
        file = found[1].files.get(path)
        if file is None:
            self.error(404, "Entry not found", "EntryNotFound")
            return
        etag = f'"{file.sha256}"'
        headers = {"ETag": etag, "X-Repo-Commit": found[1].sha, "Accept-Ranges": "bytes"}
        headers |= {"X-Linked-Size": str(file.size), "X-Linked-Etag": etag} if file.is_lfs else {}
        content = self.hub.objects[file.sha256]
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if asked is None or self.command == "HEAD":
            self.reply(200, content, headers, length=file.size)
            return
        if asked[1]:
            first, last = int(asked[1]), min(int(asked[2] or file.size - 1), file.size - 1)
        else:
            first, last = max(0, file.size - int(asked[2])), file.size - 1
        if first >= file.size:
            self.reply(416, b"", {"Content-Range": f"bytes */{file.size}"})
            return
        headers["Content-Range"] = f"bytes {first}-{last}/{file.size}"
        self.reply(206, content[first : last + 1], headers)


_DATE = "2026-01-01T00:00:00.000Z"
_REPO = r"(?P<name>[^/]+/[^/]+)"


def _folder_row(path: str) -> dict[str, Any]:
    return {"type": "directory", "oid": hashlib.sha1(path.encode()).hexdigest(), "size": 0, "path": path}


def _file_row(path: str, file: File) -> dict[str, Any]:
    row = {"type": "file", "oid": file.oid, "size": file.size, "path": path}
    return row | ({"lfs": {"oid": file.sha256, "size": file.size, "pointerSize": 134}} if file.is_lfs else {})


ROUTES: list[tuple[tuple[str, ...], str, Any]] = [
    (("GET",), "/api/whoami-v2", Handler.whoami),
    (("GET",), "/mark/.+", Handler.mark),
    (("POST",), "/api/validate-yaml", Handler.validate_yaml),
    (("POST",), "/api/repos/create", Handler.create),
    (("GET",), rf"/api/datasets/{_REPO}", Handler.info),
    (("GET",), rf"/api/datasets/{_REPO}/revision/(?P<revision>[^/]+)", Handler.info),
    (("PUT",), rf"/api/datasets/{_REPO}/settings", Handler.settings),
    (("GET",), rf"/api/datasets/{_REPO}/refs", Handler.refs),
    (("POST",), rf"/api/datasets/{_REPO}/tag/(?P<revision>[^/]+)", Handler.new_tag),
    (("POST",), rf"/api/datasets/{_REPO}/branch/(?P<branch>.+)", Handler.new_branch),
    (("POST",), rf"/api/datasets/{_REPO}/preupload/(?P<revision>[^/]+)", Handler.preupload),
    (("POST",), rf"/datasets/{_REPO}\.git/info/lfs/objects/batch", Handler.lfs_batch),
    (("PUT",), r"/lfs-upload/(?P<oid>\w+)", Handler.lfs_upload),
    (("POST",), rf"/api/datasets/{_REPO}/commit/(?P<branch>[^/]+)", Handler.new_commit),
    (("GET",), rf"/api/datasets/{_REPO}/commits/(?P<revision>[^/]+)", Handler.commits),
    (("GET",), rf"/api/datasets/{_REPO}/tree/(?P<revision>[^/]+)/?(?P<path>.*)", Handler.tree),
    (("POST",), rf"/api/datasets/{_REPO}/paths-info/(?P<revision>[^/]+)", Handler.paths_info),
    (("GET", "HEAD"), rf"/datasets/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", Handler.resolve),
]


@contextlib.contextmanager
def serve_hub() -> Iterator[Hub]:
    """Run a Hub on a free port of loopback."""
    hub = Hub()
    handler = type("BoundHandler", (Handler,), {"hub": hub})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def fail_times(times: int, what: int | str, method: str, pattern: str) -> Callable[[str, str], int | str | None]:
    """A fault that answers the first ``times`` matching requests by a status, or cuts them (``"cut"``)."""
    counter = itertools.count(1)

    def fault(command: str, route: str) -> int | str | None:
        matches = command == method and re.search(pattern, route) is not None
        return what if matches and next(counter) <= times else None

    return fault
