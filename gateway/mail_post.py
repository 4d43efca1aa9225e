"""How a mail leaves the house: by the operator's own mail server (RFC 5321), under TLS where it offers it."""

from __future__ import annotations

import smtplib
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from gateway.webhook_outcome import Outcome
from storage.secret import read_secret

if TYPE_CHECKING:
    from email.message import Message

    from gateway.config import Settings

SMTP_S_MAX: Final = 15.0
_PORTS: Final = {"smtp": 25, "smtps": 465}
_SUBMISSION_PORT: Final = 587
_PERMANENT: Final = range(500, 600)


class MailServer(Struct, frozen=True, kw_only=True):
    """The operator's mail server. `is_wrapped`: TLS from the first byte (RFC 8314 §3.3)."""

    host: str
    port: int
    is_wrapped: bool
    user: str = ""
    password: str = ""


def server_of(settings: Settings) -> MailServer | None:
    """The server that the settings name; None when there is none, and so no mail. Raises ValueError for an address
    that is none, and what reading its password raises.
    """
    if not settings.smtp_url:
        return None
    parts = urlsplit(settings.smtp_url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.password or parts.path.strip("/") or parts.query:
        raise ValueError("smtp_url is not like smtp://user@host:port or smtps://…; the password stands in a file")
    if "@" not in settings.mail_from or not settings.mail_from.isascii() or set(settings.mail_from) & set("\r\n"):
        raise ValueError("mail_from must be a mail address")
    user = unquote(parts.username or "")
    if bool(user) != bool(settings.smtp_password_file):
        raise ValueError("smtp_url has a user if, and only if, smtp_password_file names a file")
    password = read_secret(Path(settings.smtp_password_file)).decode().strip() if user else ""
    usual = _SUBMISSION_PORT if user and parts.scheme == "smtp" else _PORTS[parts.scheme]
    return MailServer(
        host=parts.hostname,
        port=parts.port or usual,
        is_wrapped=parts.scheme == "smtps",
        user=user,
        password=password,
    )


class MailPost:
    """One session with the server, opened when the first mail is sent. Used by one thread at a time."""

    def __init__(self, server: MailServer, tls: ssl.SSLContext) -> None:
        self._server, self._tls = server, tls
        self._session: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, mail: Message) -> Outcome:
        """Hand one mail to the server. That it was taken means that the server answers for it now."""
        try:
            self._open().send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code = next((int(refused[0]) for refused in error.recipients.values()), 550)
            return Outcome(ok=False, said=f"smtp {code}", is_final=code in _PERMANENT)
        except smtplib.SMTPResponseException as error:
            self.close()
            # Refused for now or for good: nothing is said of the address, so the server itself is to rest.
            return Outcome(ok=False, said=f"smtp {error.smtp_code}", is_away=True)
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            return Outcome(ok=False, said=f"smtp {type(error).__name__}", is_away=True)
        return Outcome(ok=True, said="smtp 250")

    def _open(self) -> smtplib.SMTP:
        if self._session is not None:
            return self._session
        server = self._server
        if server.is_wrapped:
            session: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=SMTP_S_MAX, context=self._tls)
        else:
            session = smtplib.SMTP(server.host, server.port, timeout=SMTP_S_MAX)
        self._session = session
        session.ehlo()
        is_safe = server.is_wrapped
        if not is_safe and session.has_extn("starttls"):
            session.starttls(context=self._tls)
            session.ehlo()
            is_safe = True
        if server.user:
            if not is_safe:
                raise smtplib.SMTPNotSupportedError("no TLS, so the password is not sent")
            session.login(server.user, server.password)
        return session

    def close(self) -> None:
        """End the session, if there is one."""
        session, self._session = self._session, None
        if session is not None:
            # Not QUIT: a server that hangs would be waited for.
            session.close()
