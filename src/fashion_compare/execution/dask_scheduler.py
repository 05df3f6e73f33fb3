"""Where a dask scheduler is, and why it cannot be reached: the wrong protocol, certificate or key by its name."""

import contextlib
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from distributed.security import Security

from fashion_compare.errors import UsageError, UserError

CONNECT_SECONDS = 30
_AGAIN_SECONDS = 0.5
# A busy scheduler takes its time to greet; one that expects TLS waits for the other side.
_GREETING_SECONDS = 3
_START = "start one with 'dask scheduler', and workers with 'dask worker ADDRESS'"


@dataclass(frozen=True)
class Scheduler:
    """Where a scheduler is, ``tcp://host:port`` or ``tls://host:port``, and the PEM files to speak TLS with."""

    address: str
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def speaks_tls(self) -> bool:
        """Whether the address asks for TLS."""
        return self.address.startswith("tls://")

    def security(self) -> Security:
        """Return dask's settings; with ``tls://`` both sides have to show a certificate of this authority."""
        if not self.speaks_tls:
            return Security()  # type: ignore[no-untyped-call]
        return Security(  # type: ignore[no-untyped-call]
            tls_ca_file=str(self.ca_file),
            tls_client_cert=str(self.certificate),
            tls_client_key=str(self.key),
            require_encryption=True,
        )

    def check(self) -> None:
        """Wait until a dask scheduler answers, as it does by greeting whoever connects.

        dask itself waits without end for the greeting of anything else, and has one error for every other fault.

        Raises:
            UsageError: a file to speak TLS with is missing or holds something else.
            UserError: none does within `CONNECT_SECONDS`, or what answers speaks another protocol or wants other files.
        """
        context = self._context() if self.speaks_tls else None
        deadline = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                fault = self._tcp_fault() if context is None else self._tls_fault(context)
                break
            except OSError as error:
                # Perhaps it is being started.
                if time.monotonic() > deadline:
                    reason = error.strerror or error
                    raise UserError(
                        f"no dask scheduler answers at {self.address} within {CONNECT_SECONDS} s ({reason}); {_START}"
                    ) from error
                time.sleep(_AGAIN_SECONDS)
        if fault is not None:
            raise UserError(fault)

    def _tls_fault(self, context: ssl.SSLContext) -> str | None:
        """Return what is wrong with whatever listens there; None when it is a scheduler that takes our certificate."""
        connection = self._connected(CONNECT_SECONDS)
        try:
            with connection, context.wrap_socket(connection) as wrapped:
                # Under TLS 1.3 the other side looks at our certificate behind our handshake.
                return None if _is_greeting(wrapped) else self._something_else()
        except ssl.SSLCertVerificationError as error:
            return (
                f"the certificate of {self.address} does not fit --tls-ca {self.ca_file}: {error.verify_message}; "
                "expected the authority that issued it"
            )
        except (ssl.SSLError, ConnectionError) as error:
            if alert := _alert(error):
                return (
                    f"{self.address} refuses --tls-cert {self.certificate} ({alert}); expected a certificate "
                    "of the scheduler's own authority that is valid today"
                )
            return f"{self.address} does not speak TLS; use tcp://{self._place}, or start it with --protocol tls"
        except TimeoutError:
            return self._something_else()

    def _tcp_fault(self) -> str | None:
        """Return what is wrong with whatever listens there; None when it is a scheduler."""
        with self._connected(_GREETING_SECONDS) as connection, contextlib.suppress(ConnectionError):
            try:
                return None if _is_greeting(connection) else self._something_else()
            except TimeoutError:
                if self._speaks_tls():
                    return (
                        f"{self.address} speaks TLS; use tls://{self._place}, with --tls-ca, --tls-cert and --tls-key"
                    )
            connection.settimeout(CONNECT_SECONDS)
            with contextlib.suppress(TimeoutError):
                return None if _is_greeting(connection) else self._something_else()
        return self._something_else()

    def _speaks_tls(self) -> bool:
        # What is there is only to be recognised; nothing is sent to it.
        anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        try:
            with self._connected(_GREETING_SECONDS) as connection, anyone.wrap_socket(connection):
                return True
        except OSError as error:
            return _alert(error) is not None

    def _something_else(self) -> str:
        return f"what answers at {self.address} is no dask scheduler; {_START}"

    @property
    def _place(self) -> str:
        return urlsplit(self.address).netloc

    def _connected(self, seconds: float) -> socket.socket:
        parts = urlsplit(self.address)
        return socket.create_connection((parts.hostname, parts.port), timeout=seconds)

    def _context(self) -> ssl.SSLContext:
        """Return Python's settings of the same meaning, each file checked by itself.

        Raises:
            UsageError: a file is missing or holds something else.
        """
        files = {"--tls-ca": self.ca_file, "--tls-cert": self.certificate, "--tls-key": self.key}
        for option, path in files.items():
            if path is None or not path.is_file():
                raise UsageError(f"{option} {path}: expected a PEM file, for {self.address} speaks TLS")
        assert self.ca_file is not None
        assert self.certificate is not None
        assert self.key is not None
        _check_certificate("--tls-cert", self.certificate)
        _check_certificate("--tls-ca", self.ca_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # As dask: whoever has a certificate of the authority belongs to the cluster, on whichever machine.
        context.check_hostname = False
        context.load_verify_locations(self.ca_file)
        try:
            context.load_cert_chain(self.certificate, self.key, password=self._refuse_password)
        except OSError as error:
            if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
                raise UsageError(
                    f"--tls-key {self.key} does not belong to --tls-cert {self.certificate}; expected the key that the "
                    "certificate was made with"
                ) from error
            raise UsageError(f"--tls-key {self.key}: expected a private key as PEM") from error
        return context

    def _refuse_password(self) -> str:
        # Asked for on the terminal otherwise, by OpenSSL, and again by dask.
        raise UsageError(f"--tls-key {self.key} is encrypted; expected a private key without a passphrase")


def _check_certificate(option: str, path: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        raise UsageError(f"{option} {path}: expected a certificate as PEM") from error


def _is_greeting(connection: socket.socket) -> bool:
    """Return whether what comes first is dask's: a number of bytes to follow, in eight of which the last are zero."""
    return connection.recv(8)[4:] == bytes(4)


def _alert(error: OSError) -> str | None:
    """Return what the other side says in TLS that it does not like; None where it does not speak TLS."""
    reason = getattr(error, "reason", None) or ""
    return reason.lower().replace("_", " ") if "ALERT" in reason else None
