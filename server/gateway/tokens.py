"""Bearer tokens: each is the secret key of one client on the server's list of allowed clients.

So the gateway stores no tokens. What a token may do, whose jobs it sees and that it was revoked, the server alone
decides, as for any client.
"""

from __future__ import annotations

import base64
import binascii

import zmq
from zmq.utils import z85

from blender_addon.core.errors import ServiceError
from blender_addon.core.protocol.keys import KeyPair
from blender_addon.core.protocol.messages import RefusalCode

PREFIX = "realcam_"
"""How a token begins, so that one that was published by mistake can be found."""
SECRET_BYTES = 32
REMEDY = "Send `Authorization: Bearer TOKEN`; on the server, `realcam keys token NAME` prints one."


def token_of(keys: KeyPair) -> str:
    """The token of a client. It is a secret."""
    return PREFIX + base64.urlsafe_b64encode(z85.decode(keys.secret)).decode().rstrip("=")


def keys_of(token: str) -> KeyPair:
    """The client's keys in a token.

    Raises:
        ServiceError: it is none; code "not-allowed".
    """
    body = token.removeprefix(PREFIX)
    try:
        secret = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _no_token(str(error)) from error
    if not token.startswith(PREFIX) or len(secret) != SECRET_BYTES:
        raise _no_token(f"it does not begin with {PREFIX} or is cut: {len(secret)} bytes instead of {SECRET_BYTES}")
    text = z85.encode(secret)
    return KeyPair(zmq.curve_public(text).decode(), text.decode())


def bearer_token(header: str) -> str:
    """The token in the value of a header `Authorization`.

    Raises:
        ServiceError: there is none; code "not-allowed".
    """
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        why = f"the header Authorization is of the scheme {scheme[:20]!r}" if scheme else "no header Authorization"
        raise ServiceError("This request has no token", why, REMEDY, code=RefusalCode.NOT_ALLOWED)
    return token.strip()


def _no_token(why: str) -> ServiceError:
    return ServiceError("This is not a token", why, REMEDY, code=RefusalCode.NOT_ALLOWED)
