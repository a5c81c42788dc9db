"""Certificates for Ray's TLS, which is mutual: an authority of its own and one key pair for every process."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path


def tls_environment(folder: Path, *addresses: str) -> dict[str, str]:
    """The variables with which every process of a cluster uses TLS, made by OpenSSL's command.

    Args:
        folder: where the files go.
        addresses: by which the nodes are reached.
    """
    names = ",".join(["DNS:localhost", f"DNS:{socket.gethostname()}", *(f"IP:{address}" for address in addresses)])
    (folder / "names").write_text(f"subjectAltName={names}\n")
    ca, key, request, certificate = (folder / name for name in ("ca.pem", "key.pem", "request.pem", "certificate.pem"))
    new = ["req", "-newkey", "rsa:2048", "-nodes"]
    _openssl(*new, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", folder / "ca.key", "-out", ca)
    _openssl(*new, "-subj", "/CN=node", "-keyout", key, "-out", request)
    signed = ["-CA", ca, "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", folder / "names"]
    _openssl("x509", "-req", "-in", request, *signed, "-out", certificate)
    return {
        "RAY_USE_TLS": "1",
        "RAY_TLS_SERVER_CERT": str(certificate),
        "RAY_TLS_SERVER_KEY": str(key),
        "RAY_TLS_CA_CERT": str(ca),
    }


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
