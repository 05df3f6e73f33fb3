"""A scheduler that cannot be used: what is wrong is called by its name, in one line and within seconds."""

import http.server
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

pytest.importorskip("distributed", reason="needs the extra 'dask'")

from tests.execution.test_dask_pool import Machines

from fashion_compare.commands.execution_options import ExecutionOptions
from fashion_compare.errors import UsageError, UserError
from fashion_compare.execution import dask_scheduler
from fashion_compare.execution.dask_scheduler import Scheduler


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities with a certificate each, and what is none."""
    place = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "other"):
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(place / f"{name}-ca.pem")
        certificate.cert_chain_pems[0].write_to_path(place / f"{name}-cert.pem")
        certificate.private_key_pem.write_to_path(place / f"{name}-key.pem")
    (place / "text.pem").write_text("text")
    key, encrypted = place / "ours-key.pem", place / "encrypted-key.pem"
    words = ["openssl", "pkey", "-in", str(key), "-aes128", "-passout", "pass:secret", "-out", str(encrypted)]
    subprocess.run(words, check=True, capture_output=True)
    return place


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    made = Machines(tmp_path_factory.mktemp("plain"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[Machines]:
    options = (("--tls-ca-file", "ca"), ("--tls-cert", "cert"), ("--tls-key", "key"))
    words = [word for option, name in options for word in (option, str(files / f"ours-{name}.pem"))]
    made = Machines(tmp_path_factory.mktemp("encrypted"), *words, "--protocol", "tls")
    yield made
    made.stop()


def scheduler_with(files: Path, address: str, ca: str, certificate: str, key: str) -> Scheduler:
    return Scheduler(address, files / f"{ca}.pem", files / f"{certificate}.pem", files / f"{key}.pem")


def test_what_fits_is_taken(plain: Machines, encrypted: Machines, files: Path) -> None:
    """A scheduler without TLS, and one with TLS and certificates of its authority."""
    Scheduler(plain.address).check()
    scheduler_with(files, encrypted.address, "ours-ca", "ours-cert", "ours-key").check()


@pytest.mark.parametrize(
    ("ca", "certificate", "key", "message"),
    [
        ("other-ca", "ours-cert", "ours-key", r"the certificate of {0} does not fit --tls-ca \S+other-ca\.pem: "),
        ("ours-ca", "other-cert", "other-key", r"{0} refuses --tls-cert \S+other-cert\.pem \(.*unknown ca\); "),
        (
            "ours-ca",
            "ours-cert",
            "other-key",
            r"--tls-key \S+other-key\.pem does not belong to --tls-cert \S+ours-cert",
        ),
        ("text", "ours-cert", "ours-key", r"--tls-ca \S+text\.pem: expected a certificate as PEM"),
        ("ours-ca", "text", "ours-key", r"--tls-cert \S+text\.pem: expected a certificate as PEM"),
        ("ours-ca", "ours-key", "ours-key", r"--tls-cert \S+ours-key\.pem: expected a certificate as PEM"),
        ("ours-ca", "ours-cert", "ours-cert", r"--tls-key \S+ours-cert\.pem: expected a private key as PEM"),
        ("ours-ca", "ours-cert", "missing", r"--tls-key \S+missing\.pem: expected a PEM file"),
        ("ours-ca", "ours-cert", "encrypted-key", r"--tls-key \S+ is encrypted; .* without a passphrase"),
    ],
)
def test_a_file_that_does_not_fit_is_named(
    encrypted: Machines, files: Path, ca: str, certificate: str, key: str, message: str
) -> None:
    """The authority, the certificate or the key, by its option and its file."""
    with pytest.raises(UserError, match=message.format(encrypted.address)):
        scheduler_with(files, encrypted.address, ca, certificate, key).check()


def test_a_wrong_protocol_is_named(plain: Machines, encrypted: Machines, files: Path) -> None:
    """With the address that is right."""
    address = encrypted.address.replace("tls://", "tcp://")
    with pytest.raises(UserError, match=f"{address} speaks TLS; use {encrypted.address}, with --tls-ca"):
        Scheduler(address).check()
    address = plain.address.replace("tcp://", "tls://")
    with pytest.raises(UserError, match=f"{address} does not speak TLS; use {plain.address}"):
        scheduler_with(files, address, "ours-ca", "ours-cert", "ours-key").check()


def test_what_is_no_scheduler_is_called_that(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A web server, such as a scheduler's own dashboard: dask would wait for its greeting without end."""
    monkeypatch.setattr(dask_scheduler, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(dask_scheduler, "_GREETING_SECONDS", 0.5)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.server_port}"
        with pytest.raises(UserError, match=f"what answers at {address} is no dask scheduler; start one"):
            Scheduler(address).check()
        server.shutdown()


@pytest.mark.parametrize(("host", "reason"), [("127.0.0.1", "Connection refused"), ("nowhere.invalid", ".+")])
def test_a_scheduler_that_is_not_there(host: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says where nobody answered, why, and how to start one."""
    monkeypatch.setattr(dask_scheduler, "CONNECT_SECONDS", 1)
    with pytest.raises(
        UserError, match=rf"^no dask scheduler answers at tcp://{host}:9 .*\({reason}\); .*dask scheduler"
    ):
        Scheduler(f"tcp://{host}:9").check()


@pytest.mark.parametrize(
    "address",
    ["tcp://", "tcp://host", "tcp://host:", "tcp://host:0", "tcp://host:65536", "tcp://host:port", "tcp://:8786",
     "tcp://host:8786/x", "http://host:8786", "host:8786", "tls://[::1:8786"],
)  # fmt: skip
def test_an_address_without_a_place_is_refused_before_any_work(address: str) -> None:
    """Host and port, and one of two protocols."""
    with pytest.raises(UsageError, match=r"--scheduler .*: expected tcp://HOST:PORT or tls://HOST:PORT"):
        ExecutionOptions("dask", None, address, (None, None, None), tensorboard=False, quiet=True)


@pytest.mark.parametrize("address", ["tcp://host:8786", "tls://10.0.0.1:1", "tcp://[::1]:65535", "tcp://a_b.c-d:80"])
def test_an_address_with_host_and_port_is_taken(address: str) -> None:
    """Names, numbers, and IPv6 in brackets."""
    assert (
        ExecutionOptions("dask", None, address, (None, None, None), tensorboard=False, quiet=True).scheduler == address
    )
