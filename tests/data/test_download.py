"""Downloads, against a real TLS server on the loopback: whole, resumed, wrong, redirected, unreachable."""

import errno
import gzip
import hashlib
import http.client
import os
import re
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from fashion_compare.data import download as module
from fashion_compare.data import https, sources
from fashion_compare.data.download import NoMirrorReachable, download
from fashion_compare.data.https import reason_of
from fashion_compare.data.sources import FILE_NAMES, resolve
from fashion_compare.errors import DataError

NAME = "file.gz"
CONTENT = gzip.compress(os.urandom(200_000), 1)
FILES = {NAME: hashlib.sha256(CONTENT).hexdigest()}
# Port 9 (discard) on loopback: refused at once.
CLOSED = "https://127.0.0.1:9/"


@dataclass
class Mirror:
    """A server and how it behaves; `seen` lists (method, path, Range)."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=lambda: {NAME: CONTENT})
    cuts: list[int] = field(default_factory=list)  # bytes after which to hang up, one for each next GET
    honours_range: bool = True
    range_shift: int = 0  # answers to Range begin so many bytes late
    says_range: bool = True
    status: int = 200
    redirect: str = ""
    head_delay: float = 0.0
    get_delay: float = 0.0
    silence: float = 0.0  # after the last byte, before hanging up
    says_length: bool = True
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)
    agents: set[str | None] = field(default_factory=set)

    def gets(self) -> list[str | None]:
        return [asked for method, _, asked in self.seen if method == "GET"]


class Handler(BaseHTTPRequestHandler):
    mirror: Mirror

    def do_HEAD(self) -> None:
        self.mirror.seen.append(("HEAD", self.path, None))
        self.mirror.agents.add(self.headers["User-Agent"])
        time.sleep(self.mirror.head_delay)
        self.send_response(self.mirror.status)
        self.end_headers()

    def do_GET(self) -> None:
        mirror = self.mirror
        asked = self.headers["Range"]
        mirror.seen.append(("GET", self.path, asked))
        mirror.agents.add(self.headers["User-Agent"])
        time.sleep(mirror.get_delay)
        content = mirror.files.get(self.path.removeprefix("/"))
        if mirror.redirect:
            self.send_response(302)
            self.send_header("Location", mirror.redirect)
            self.end_headers()
            return
        if mirror.status != 200 or content is None:
            self.send_error(mirror.status if mirror.status != 200 else 404)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and mirror.honours_range else 0
        start += mirror.range_shift if start else 0
        if start >= len(content) > 0:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start and mirror.says_range:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if mirror.says_length:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : start + mirror.cuts.pop(0)] if mirror.cuts else content[start:])
        time.sleep(mirror.silence)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """Keep quiet: clients that hang up or distrust the certificate belong to the tests."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def serve(authority, tmp_path, monkeypatch) -> Iterator[Callable[..., Mirror]]:
    """Start mirrors that present a certificate which SSL_CERT_FILE, and nothing else, makes trusted."""
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    servers = []

    def start(**behaviour: object) -> Mirror:
        mirror = Mirror(**behaviour)
        server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"mirror": mirror}))
        # The handshake happens in the connection's own thread: on first reading.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        mirror.url = f"https://127.0.0.1:{server.server_address[1]}/"
        return mirror

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache" / "fashion-mnist"


def delivered(directory: Path) -> None:
    """Assert that the file is there and right, and that nothing else is but the lock."""
    assert (directory / NAME).read_bytes() == CONTENT
    assert {path.name for path in directory.iterdir()} == {NAME, ".download.lock"}


def refused(directory: Path, *mirrors: Mirror, **settings: object) -> str:
    """Return the one-line message of a download that must fail with no file left under its name."""
    with pytest.raises(DataError) as caught:
        download(directory, FILES, mirrors=[mirror.url for mirror in mirrors], **settings)
    assert not isinstance(caught.value, NoMirrorReachable)
    assert not (directory / NAME).exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_whole_download_with_progress(serve, cache):
    """The file arrives, right, and progress ends at all its bytes; a second call asks no server."""
    mirror, steps = serve(), []
    download(cache, FILES, mirrors=[mirror.url], progress=lambda *step: steps.append(step))
    delivered(cache)
    assert steps[-1] == (len(CONTENT), len(CONTENT), NAME)
    assert [done for done, _, _ in steps] == sorted(done for done, _, _ in steps)
    asked = len(mirror.seen)
    download(cache, FILES, mirrors=[mirror.url])
    assert len(mirror.seen) == asked
    assert mirror.agents == {"fashion-compare"}


def test_a_server_that_names_no_length(serve, cache):
    """Without Content-Length the checksum alone decides, and progress has no total."""
    mirror, steps = serve(says_length=False), []
    download(cache, FILES, mirrors=[mirror.url], progress=lambda *step: steps.append(step))
    delivered(cache)
    assert steps[-1] == (len(CONTENT), 0, NAME)


def test_a_cut_off_download_is_resumed_at_once(serve, cache):
    """After a hang-up the same call goes on with Range from the byte it had."""
    mirror = serve(cuts=[70_000, 50_000])
    download(cache, FILES, mirrors=[mirror.url])
    delivered(cache)
    assert mirror.gets() == [None, "bytes=70000-", "bytes=120000-"]


def test_a_partial_file_of_an_earlier_process_is_resumed(serve, cache):
    """A .part left behind is gone on with; only the rest is asked for."""
    cache.mkdir(parents=True)
    (cache / f"{NAME}.part").write_bytes(CONTENT[:150_000])
    mirror = serve()
    download(cache, FILES, mirrors=[mirror.url])
    delivered(cache)
    assert mirror.gets() == ["bytes=150000-"]


def test_a_partial_file_that_is_whole_is_only_named(serve, cache):
    """A process stopped just before the renaming costs no second transfer."""
    cache.mkdir(parents=True)
    (cache / f"{NAME}.part").write_bytes(CONTENT)
    mirror = serve()
    download(cache, FILES, mirrors=[mirror.url])
    delivered(cache)
    assert mirror.gets() == []


@pytest.mark.parametrize("honours_range", [True, False])
@pytest.mark.parametrize("junk", [b"\0" * 1000, b"\0" * (len(CONTENT) + 7)])
def test_a_wrong_partial_file_is_started_over(serve, cache, honours_range, junk):
    """A .part of other bytes, shorter or longer than the file, does not spoil the download."""
    cache.mkdir(parents=True)
    (cache / f"{NAME}.part").write_bytes(junk)
    download(cache, FILES, mirrors=[serve(honours_range=honours_range).url])
    delivered(cache)


def test_a_server_that_ignores_range_starts_over(serve, cache):
    """Answer 200 to a Range request is the whole file, and is not appended."""
    mirror = serve(honours_range=False, cuts=[70_000])
    download(cache, FILES, mirrors=[mirror.url])
    delivered(cache)
    assert mirror.gets() == [None, "bytes=70000-"]


@pytest.mark.parametrize("says_range", [True, False])
def test_a_server_that_sends_another_part_starts_over(serve, cache, says_range):
    """An answer to Range that begins elsewhere, or nobody knows where, is not appended: the whole file is asked for."""
    mirror = serve(range_shift=1, says_range=says_range)
    cache.mkdir(parents=True)
    (cache / f"{NAME}.part").write_bytes(CONTENT[:100])
    seen: list[tuple[int, int, str]] = []
    download(cache, FILES, mirrors=[mirror.url], progress=lambda *shown: seen.append(shown), maximum_bytes=len(CONTENT))
    delivered(cache)
    assert mirror.gets() == ["bytes=100-", None]
    assert seen[-1] == (len(CONTENT), len(CONTENT), NAME)


def test_an_error_is_no_reason_to_start_over(serve, cache):
    """A mirror that fails while a part is there is left alone, and the part stays for the next."""
    mirror = serve(status=503)
    cache.mkdir(parents=True)
    (cache / f"{NAME}.part").write_bytes(CONTENT[:100])
    assert f"{NAME}: HTTP 503" in refused(cache, mirror)
    assert mirror.gets() == ["bytes=100-"]
    assert (cache / f"{NAME}.part").read_bytes() == CONTENT[:100]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError("the read operation timed out"), "timed out"),
        (urllib.error.URLError(TimeoutError()), "timed out"),
        (urllib.error.URLError(ConnectionRefusedError(111, "Connection refused")), "Connection refused"),
        (urllib.error.URLError("unknown url type"), "unknown url type"),
        (http.client.IncompleteRead(b"abc", 9), "IncompleteRead(3 bytes read, 9 more expected)"),
        (http.client.BadStatusLine("<html>\x1b[31m\n"), "<html>[31m"),
        (http.client.HTTPException(), "HTTPException"),
        (OSError("no number"), "no number"),
        (ValueError("x" * 300), "x" * 200),
    ],
    ids=["timeout", "its cause", "refused", "text", "cut off", "not printable", "no text", "no number", "long"],
)
def test_reasons_are_few_printable_words(error, words):
    """Of the cause where there is one, by its text, else by its kind; whatever a proxy says is cut short."""
    assert reason_of(error) == words


def test_a_mirror_that_keeps_hanging_up_leaves_the_part(serve, cache):
    """When every try is cut off the download fails, and what came is kept for the next call."""
    assert "cut off after 3000 of" in refused(cache, serve(cuts=[1000] * 9))
    assert (cache / f"{NAME}.part").stat().st_size == 3000
    second = serve()
    download(cache, FILES, mirrors=[second.url])
    assert second.gets() == ["bytes=3000-"]
    delivered(cache)


def test_a_mirror_that_sends_nothing_is_asked_once(serve, cache):
    """Trying again is for what went further than before."""
    mirror = serve(cuts=[0] * 9)
    assert f"cut off after 0 of {len(CONTENT)} bytes" in refused(cache, mirror)
    assert mirror.gets() == [None]


def test_a_mirror_that_falls_silent_is_left(serve, cache, monkeypatch):
    """Before its answer or in the middle of it: the line says so, and what came is kept."""
    monkeypatch.setattr(https, "_STALL_SECONDS", 0.3)
    assert re.search(r"127\.0\.0\.1:\d+: file\.gz: timed out\)$", refused(cache, serve(get_delay=3)))
    assert not (cache / f"{NAME}.part").exists()
    silent = serve(cuts=[1000, 0], silence=3)
    assert re.search(r": file\.gz was cut off \(timed out\)\)$", refused(cache, silent))
    assert (cache / f"{NAME}.part").read_bytes() == CONTENT[:1000]


def test_a_request_waits_as_long_as_it_may(serve):
    """The time given is that of the answer."""
    start = time.monotonic()
    with pytest.raises(OSError, match="timed out"):
        https.open_https(serve(get_delay=5).url + NAME, 0.3)
    assert time.monotonic() - start < 3


def test_a_wrong_checksum_goes_to_the_next_mirror(serve, cache):
    """Wrong bytes are deleted, and the next mirror is asked from the start."""
    wrong, right = serve(files={NAME: CONTENT[:-1] + b"\1"}), serve(head_delay=0.5)
    download(cache, FILES, mirrors=[right.url, wrong.url])
    delivered(cache)
    assert wrong.gets() == [None]
    assert right.gets() == [None]


def test_all_wrong_is_an_error_with_both_hashes(serve, cache):
    """Wrong everywhere: got and expected hash are named and no bytes are left."""
    other = gzip.compress(b"other")
    message = refused(cache, serve(files={NAME: other}))
    assert FILES[NAME] in message
    assert hashlib.sha256(other).hexdigest() in message
    assert {path.name for path in cache.iterdir()} == {".download.lock"}


def test_a_web_page_is_named(serve, cache):
    """A proxy's page in the file's place is called a web page."""
    page, text = b"<html>Please sign in</html>", b"Please sign in"
    said = "file.gz came as a web page: a proxy's or a sign-in page?)"
    assert refused(cache, serve(files={NAME: page})).endswith(f": {said}")
    said = "file.gz came as something that is not a gzip file)"
    assert refused(cache, serve(files={NAME: text})).endswith(f": {said}")


def test_a_mirror_that_answers_but_fails_is_no_unreachable_one(serve, cache):
    """HTTP errors make a DataError that names the mirror and the code, never NoMirrorReachable."""
    for mirror in (serve(status=503), serve(files={})):
        message = refused(cache, mirror)
        assert re.search(r"127\.0\.0\.1:\d+: file\.gz: HTTP (503|404)", message)


def test_redirects_stay_on_https(serve, cache):
    """A redirect to https is followed, one to http is refused without a request to it."""
    behind = serve()
    download(cache, FILES, mirrors=[serve(redirect=behind.url + NAME).url])
    delivered(cache)
    (cache / NAME).unlink()
    before = len(behind.seen)
    plain = behind.url.replace("https:", "http:") + NAME
    assert refused(cache, serve(redirect=plain)).endswith(": redirects to an address without https)")
    assert len(behind.seen) == before


def test_a_mirror_without_https_is_refused(cache):
    """An http mirror is never asked."""
    with pytest.raises(DataError, match=r"127\.0\.0\.1:9: is not an https address\)$"):
        download(cache, FILES, mirrors=["http://127.0.0.1:9/"])


@pytest.mark.parametrize("says_length", [True, False])
def test_too_large(serve, cache, says_length):
    """More bytes than allowed are neither stored nor waited for."""
    assert "larger than 1000 bytes" in refused(cache, serve(says_length=says_length), maximum_bytes=1000)
    assert not (cache / f"{NAME}.part").exists()


def test_unreachable_is_quick_and_makes_no_directory(cache):
    """Refused connections are known at once, not after the deadline."""
    start = time.monotonic()
    said = r"\(127\.0\.0\.1:9: Connection refused; 127\.0\.0\.1:1: Connection refused\)$"
    with pytest.raises(NoMirrorReachable, match=said):
        download(cache, FILES, mirrors=[CLOSED, CLOSED.replace(":9/", ":1/")])
    assert time.monotonic() - start < 5
    assert not cache.exists()


def test_silence_ends_at_the_deadline(serve, cache):
    """A mirror that accepts and says nothing is given up at the deadline."""
    start = time.monotonic()
    with pytest.raises(NoMirrorReachable, match=r"within 0\.3 s"):
        download(cache, FILES, mirrors=[serve(head_delay=3).url], reach_seconds=0.3)
    assert time.monotonic() - start < 2


def test_a_hanging_name_server_does_not_hold_the_deadline_up(cache, monkeypatch):
    """A resolver that blocks, which no socket timeout interrupts, is left behind."""
    over = threading.Event()

    def hang(*args: object, **settings: object) -> None:
        over.wait(10)
        raise OSError("no such host")

    monkeypatch.setattr("socket.getaddrinfo", hang)
    start = time.monotonic()
    with pytest.raises(NoMirrorReachable, match=r"\(mirror\.invalid: no answer\)$"):
        download(cache, FILES, mirrors=["https://mirror.invalid/"], reach_seconds=0.3)
    assert time.monotonic() - start < 2
    over.set()


def test_one_reachable_mirror_is_enough(serve, cache):
    """A dead mirror beside a living one is no obstacle."""
    download(cache, FILES, mirrors=[CLOSED, serve().url])
    delivered(cache)


def test_an_untrusted_certificate(serve, cache, monkeypatch):
    """A server that cannot prove who it is was not reached, and the message says how to trust it."""
    mirror = serve()
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(NoMirrorReachable, match=r"certificate not trusted.*SSL_CERT_FILE"):
        download(cache, FILES, mirrors=[mirror.url])
    assert mirror.gets() == []


def test_a_directory_that_cannot_be_made(serve, tmp_path):
    """A file in the directory's way is one clear line."""
    (tmp_path / "taken").write_text("")
    reason = os.strerror(errno.ENOTDIR)
    place = tmp_path / "taken" / "cache"
    assert refused(place, serve()) == f"cannot write into {place}: {reason}; check space and rights"


def test_two_processes_do_not_disturb_each_other(serve, cache):
    """Four processes at once end with the right file, and it was transferred once."""
    mirror = serve(get_delay=1.0)
    program = (
        "import sys; from pathlib import Path; from fashion_compare.data.download import download; "
        "download(Path(sys.argv[1]), {sys.argv[2]: sys.argv[3]}, mirrors=[sys.argv[4]])"
    )
    command = [sys.executable, "-c", program, str(cache), NAME, FILES[NAME], mirror.url]
    environment = os.environ | {"PYTHONPATH": str(Path(sources.__file__).parents[2])}
    processes = [subprocess.Popen(command, env=environment) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    delivered(cache)
    assert len(mirror.gets()) == 1


def test_waiting_for_another_process_is_announced_and_bounded(serve, cache, monkeypatch):
    """Who finds the directory locked says so, and gives up in the end."""
    monkeypatch.setattr(module, "_LOCK_SECONDS", 0.2)
    lines: list[str] = []
    cache.mkdir(parents=True)
    with module._alone_in(cache, lines.append):
        assert lines == []
        assert "stop it" in refused(cache, serve(), announce=lines.append)
    assert len(lines) == 1


PUBLISHED = dict.fromkeys(FILE_NAMES, FILES[NAME])
SERVED = {f"{name}.gz": CONTENT for name in FILE_NAMES}


class TestResolve:
    """`resolve` from an empty machine: the download, and the one case for the synthetic data."""

    @pytest.fixture(autouse=True)
    def empty_machine(self, tmp_path, monkeypatch):
        monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sources, "_source_checkout", lambda: None)

    def resolve(self, mirror: Mirror, **settings: object) -> sources.Source:
        return resolve(announce=lambda _line: None, mirrors=[mirror.url], published=PUBLISHED, **settings)

    def test_it_downloads_what_the_cache_lacks(self, serve):
        """Only missing files are fetched, and the next call finds all four without a server."""
        mirror, cache = serve(files=SERVED), sources.cache_directory()
        cache.mkdir(parents=True)
        (cache / FILE_NAMES[1]).write_bytes(b"unpacked by the user")
        seen: list[tuple[int, int, str]] = []
        found = self.resolve(mirror, progress=lambda *shown: seen.append(shown))
        assert (found.kind, found.directory) == ("files", cache)
        wanted = {f"{name}.gz": len(SERVED[f"{name}.gz"]) for name in FILE_NAMES if name != FILE_NAMES[1]}
        assert {name: (done, total) for done, total, name in seen} == {n: (s, s) for n, s in wanted.items()}
        assert found.description == "the download in the user cache"
        assert len(mirror.gets()) == 3
        asked = len(mirror.seen)
        assert self.resolve(mirror) == found
        assert len(mirror.seen) == asked

    def test_a_failing_mirror_is_no_reason_for_the_stand_in(self, serve):
        """A mirror that answers with errors or wrong bytes is an error even where the synthetic data is allowed."""
        for mirror in (serve(status=500), serve(files={f"{name}.gz": b"<html>" for name in FILE_NAMES})):
            with pytest.raises(DataError, match="--data DIR") as caught:
                self.resolve(mirror, synthetic_allowed=True)
            assert not isinstance(caught.value, NoMirrorReachable)

    def test_waiting_for_another_process_is_said(self, serve, monkeypatch):
        """Nobody has to guess why nothing happens."""
        monkeypatch.setattr(module, "_LOCK_SECONDS", 0.2)
        lines: list[str] = []
        cache = sources.cache_directory()
        cache.mkdir(parents=True)
        with module._alone_in(cache, lines.append), pytest.raises(DataError, match="stop it"):
            resolve(announce=lines.append, mirrors=[serve(files=SERVED).url], published=PUBLISHED)
        assert lines[-1] == f"waiting for another process that downloads into {cache}"

    def test_silence_is_the_reason_for_the_stand_in(self, serve):
        """No answer by the deadline, and permission: the synthetic data."""
        mirror = serve(head_delay=3)
        assert self.resolve(mirror, synthetic_allowed=True, reach_seconds=0.3).kind == "synthetic"
