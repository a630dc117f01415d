"""Errors of the operating system, as findings. What the kernel says about a socket is the same for every protocol.

Details are fixed texts with the error's name: an error's own text may repeat an address, and with it a secret.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl

from nemo_watchdog.model import Finding, Reason, failed

_REASON_OF = {
    errno.ECONNREFUSED: (Reason.REFUSED, "nothing listens there"),
    errno.ENOENT: (Reason.REFUSED, "the unix socket does not exist"),
    errno.ECONNRESET: (Reason.CONNECTION_LOST, "the peer reset the connection"),
    errno.ECONNABORTED: (Reason.CONNECTION_LOST, "the connection was aborted"),
    errno.EPIPE: (Reason.CONNECTION_LOST, "the peer closed the connection"),
    errno.ENOTCONN: (Reason.CONNECTION_LOST, "the peer closed the connection"),
    errno.ETIMEDOUT: (Reason.TIMEOUT, "no answer to the connection attempt"),
    errno.EHOSTUNREACH: (Reason.NETWORK_UNREACHABLE, "no route to the host"),
    errno.ENETUNREACH: (Reason.NETWORK_UNREACHABLE, "the network is unreachable"),
    errno.ENETDOWN: (Reason.NETWORK_UNREACHABLE, "the network is down"),
    errno.EHOSTDOWN: (Reason.NETWORK_UNREACHABLE, "the host is down"),
    errno.EADDRNOTAVAIL: (Reason.NETWORK_UNREACHABLE, "no local address is free to connect from"),
    errno.EACCES: (Reason.PERMISSION_DENIED, "the watchdog may not connect there"),
    errno.EPERM: (Reason.PERMISSION_DENIED, "the watchdog may not connect there"),
    errno.EMFILE: (Reason.WATCHDOG_OVERLOADED, "the watchdog has no file descriptor left"),
    errno.ENFILE: (Reason.WATCHDOG_OVERLOADED, "the host has no file descriptor left"),
    errno.ENOMEM: (Reason.WATCHDOG_OVERLOADED, "the kernel has no memory for a socket"),
    errno.ENOBUFS: (Reason.WATCHDOG_OVERLOADED, "the kernel has no memory for a socket"),
}

_HAS_EXPIRED = 10
"""OpenSSL, x509_vfy.h: X509_V_ERR_CERT_HAS_EXPIRED."""

_ABOUT_OUR_CERTIFICATE = re.compile("CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED")
"""Alerts with which a server ends it for the certificate of its client (RFC 8446, 6.2), in OpenSSL's names."""

_ERRNO = re.compile(r"\[Errno (\d+)\]")


def os_failure(error: OSError) -> Finding:
    """The finding for an error of a socket. TLS, name resolution and plain errors alike."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code == _HAS_EXPIRED:
            return failed(Reason.CERTIFICATE_EXPIRED, "its TLS certificate, or one that signed it, has expired")
        # verify_message is OpenSSL's own wording, such as "certificate has expired".
        return failed(Reason.WRONG_TARGET, f"its TLS certificate is not accepted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        if is_alert(error) and _ABOUT_OUR_CERTIFICATE.search(str(error.reason)):
            return failed(Reason.AUTH_FAILED, "it does not accept the TLS client certificate, or the lack of one")
        if is_alert(error):
            return failed(Reason.WRONG_TARGET, f"it does not go on with us over TLS ({error.reason})")
        return failed(Reason.WRONG_TARGET, "the TLS handshake failed: the port may not speak TLS")
    if isinstance(error, socket.gaierror):
        return failed(Reason.NAME_UNRESOLVED, "the host's name cannot be resolved")
    number = _errno_of(error)
    if number in _REASON_OF:
        reason, text = _REASON_OF[number]
        return failed(reason, f"{text} ({errno.errorcode[number]})")
    if isinstance(error, TimeoutError):
        return failed(Reason.TIMEOUT, "no answer in time")
    if isinstance(error, ConnectionError):
        return failed(Reason.CONNECTION_LOST, "the connection was lost")
    # An error that the kernel has and we do not know tells about this side, not about the target.
    name = errno.errorcode.get(number, str(number)) if number is not None else "no errno"
    return failed(Reason.NETWORK_UNREACHABLE, f"the socket failed with an unexpected error ({name})")


def is_alert(error: ssl.SSLError) -> bool:
    """Whether the peer spoke TLS and ended it with an alert; OpenSSL names those so, in ssl3.h and tls1.h."""
    return "ALERT" in (getattr(error, "reason", None) or "")


def _errno_of(error: OSError) -> int | None:
    """The errno; of several addresses that failed in different words, the one that tells most.

    asyncio joins such errors into one text without an errno (CPython, asyncio/base_events.py, create_connection).
    A name with two addresses, such as localhost, counts as refused when any of them refused: the host answered.
    """
    if error.errno is not None:
        return error.errno
    found = [int(number) for number in _ERRNO.findall(str(error))]
    if errno.ECONNREFUSED in found:
        return errno.ECONNREFUSED
    return found[0] if found else None
