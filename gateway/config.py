"""Settings: one frozen struct, read once from a TOML file and `MOTCUA_*` variables, which win."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "MOTCUA_"
# The variable that names the TOML file is not a setting itself.
CONFIG_VARIABLE = "MOTCUA_CONFIG"
AT_LEAST_ONE = (
    "workers",
    "port",
    "body_bytes_max",
    "scan_bytes_max",
    "body_bytes_per_s_min",
    "round_dossiers_max",
    "token_life_s",
    "requests_per_minute_max",
    "lookups_per_minute_max",
    "lease_s_max",
    "wait_s_max",
    "revocation_refresh_s",
    "revocation_watch_days",
    "tsa_every_s",
    "upload_bytes_max",
    "upload_life_s",
    "due_soon_h",
    "uncollected_h",
)
ABOVE_ZERO = ("body_idle_s", "round_window_s")
REVOCATION_WAIT_S_MAX = 30.0
_GATEWAY_UNIT = re.compile(r"[0-9A-Z]{1,3}(\.[0-9A-Z]{2,3}){1,3}")


class Misconfigured(Exception):
    """A setting is unknown or unusable; the message is one clear line. The gateway does not start."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that an operator can choose. Secrets are named by the path of the file that holds them."""

    # The folder of everything that has no place of its own: database, vault, keys, spool.
    home: str = "./var"
    # `sqlite:///path` or `postgresql://…`; empty: `motcua.sqlite` in `home`.
    database_url: str = ""
    # A file that holds the database password, so that it need not stand in the URL.
    database_password_file: str = ""
    # `file:folder` or `s3://bucket?endpoint=…`; empty: `vault` in `home`.
    vault_url: str = ""
    # The folder of PEM trust anchors and intermediates; empty: `trust` in `home`.
    trust: str = ""
    # The signature policy: the name of one that comes with motcua, or the path of a TOML file.
    signature_policy: str = "national-1"
    # Hosts (host or host:port, with commas between) that may be asked for CRLs and OCSP responses over plain HTTP. None
    # else is ever asked, whatever a certificate says. Empty: only CRLs in the trust folder are known.
    revocation_hosts: str = ""
    # How long the first sight of a certificate waits for its revocation data before the dossier is received, pending.
    revocation_wait_s: float = 2.0
    # Revocation data of certificates seen in the last days is fetched again when it is older than this.
    revocation_refresh_s: int = 3600
    revocation_watch_days: int = 30
    # Where an I-VAN's co-signature may stand in the envelope, such as /Hoso/CKy_IVAN (unconfirmed); empty: nowhere.
    cosignature_path: str = ""
    # The malware scanner (clamd): unix:/path or tcp:host:port; empty: supporting papers are not scanned, and told so.
    scanner: str = ""
    # Whether a supporting paper whose own signature fails (PAdES) refuses the dossier; else it is a warning.
    refuse_broken_papers: bool = False
    # The key that seals receipts (a PEM file, or a PKCS#11 URI); empty: `seal.pem` in `home`. Once there is a history,
    # it says which key seals when; this one must be in it.
    seal_key: str = ""
    # The history of the seal's keys; all gateways on one database share it. Empty: `seal-keys.json` in `home`.
    seal_keys: str = ""
    # The certificate of the seal's key (PEM, its chain after it): evidence bundles are sealed under it, so that others'
    # software can check them; empty: `seal-certificate.pem` in `home`.
    seal_certificate: str = ""
    # The key that signs the log's checkpoints (Ed25519, a PEM file); empty: `log.pem` in `home`.
    log_key: str = ""
    # What the log is called; empty: by the public address, the gateway's unit and its key.
    log_origin: str = ""
    # The file that holds the last checkpoint ever published, kept apart from the database; empty: `log-published` in
    # `home`. A database that falls behind it was rolled back, and is not served.
    log_published: str = ""
    # A file of witnesses that cosign checkpoints, one a line: its key (vkey) and its address; empty: none.
    log_witnesses: str = ""
    # The time-stamp authority (RFC 3161) for checkpoints and evidence bundles, and how often it is asked; empty: none.
    tsa_url: str = ""
    tsa_every_s: int = 60
    # The key of the keyed hashes that prove what was not received (RSA, a PEM file); empty: `absence.pem` in `home`.
    absence_key: str = ""
    # The file of erasures, which outlives a restore of the database; empty: `erasures.jsonl` in `home`.
    erasures: str = ""
    # How long dossiers are kept, by procedure (a TOML file); empty: nothing is ever due for erasure.
    retention: str = ""
    # The key that wraps each dossier's own key (32 bytes); empty: `master.key` in `home`.
    master_key: str = ""
    # A folder of the operator's own procedures, forms and codes, laid over those that come with motcua; empty: none.
    catalogue: str = ""
    # The table of offices; empty: the one that comes with motcua, which is unconfirmed.
    offices: str = ""
    # Whether files of results that bear no signature of the agency are taken; else they are refused.
    unsigned_results: bool = False
    # The folder of the operator's own hours.toml and overrides.toml; empty: the calendar that comes with motcua.
    calendar: str = ""
    # So many working hours before the due date an office and its employer are warned; and so many working hours work
    # may lie uncollected before an alarm is raised (unconfirmed: 8 are usual to accept an online dossier).
    due_soon_h: int = 8
    uncollected_h: int = 8
    # The rules of paper (time of receipt, halves, waits); empty: those that come with motcua, which are unconfirmed.
    post: str = ""
    # A folder of the operator's own carriers' files (numbers, words, where they are asked), laid over those that come
    # with motcua; empty: none, and no carrier is asked.
    carriers: str = ""
    # Where pick-up orders are sent to; empty: none are. Their shape: the name of one that comes with motcua, or a TOML
    # file. What the carrier calls its customer, and the file that holds its token.
    pickup_url: str = ""
    pickup_order: str = "vnpost-hcc"
    pickup_customer: str = ""
    pickup_token_file: str = ""
    # Hosts (host or host:port, with commas between) to which they may be sent by plain http, or in the operator's own
    # network. Empty: https to public addresses only.
    pickup_hosts: str = ""
    # Hosts (host or host:port, with commas between) to which webhooks may be sent by plain http. Empty: https only.
    webhook_hosts_http: str = ""
    # Hosts of the operator's own network to which webhooks may be sent: a name may lead to its private addresses; an
    # address of this machine or its link must be listed itself. Empty: public addresses only.
    webhook_hosts_private: str = ""
    # Further authorities (a PEM file) that the certificates of webhooks' hosts and of the mail server may come from;
    # empty: public ones only.
    outgoing_authorities: str = ""
    # The mail server for those who follow their dossiers by mail: smtp://[user@]host:port, smtps://…; empty: no mails.
    smtp_url: str = ""
    # The file that holds the password of the mail server's user.
    smtp_password_file: str = ""
    # The address that mails are from.
    mail_from: str = ""
    # The address at which clients reach the gateway (https://…); empty: http:// with `host` and `port`.
    public_url: str = ""
    workers: int = 1
    host: str = "127.0.0.1"
    port: int = 8080
    # The identifier that receipt numbers begin with (unconfirmed: to be assigned to the operator).
    gateway_unit: str = "G00.01"
    # The office at whose window the gateway stands (unconfirmed default: the central one).
    receiving_office: str = "00100"
    # Largest body of one submission.
    body_bytes_max: int = 64 * 1024 * 1024
    # Largest dossier in a container, sent whole or uploaded in parts; how long an upload that is not submitted is kept.
    upload_bytes_max: int = 2 * 1024 * 1024 * 1024
    upload_life_s: int = 86_400
    # Largest file of scanned pages (up to 300 pages in one).
    scan_bytes_max: int = 64 * 1024 * 1024
    # A sender that is silent for so long, or slower than this after the first seconds, is told to come back.
    body_idle_s: float = 15.0
    body_bytes_per_s_min: int = 16 * 1024
    # How long a round waits for dossiers that are on the way, since the last one joined (ten times as long in all, at
    # most), before it is kept, sealed and committed; and how many there can be.
    round_window_s: float = 0.002
    round_dossiers_max: int = 32
    token_life_s: int = 600
    # Requests a minute for clients that were given no number of their own: business, and status look-ups beside it.
    requests_per_minute_max: int = 6000
    lookups_per_minute_max: int = 12000
    # A lease that is not extended ends after at most so long.
    lease_s_max: int = 3600
    # Long polls wait at most so long.
    wait_s_max: int = 60

    @property
    def home_path(self) -> Path:
        """`home` as a path."""
        return Path(self.home)

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.home_path / 'motcua.sqlite'}"

    @property
    def token_url(self) -> str:
        """The address of the token endpoint, which clients' assertions must be made for."""
        return self.url + "/oauth/token"

    @property
    def url(self) -> str:
        """The address at which clients reach the gateway, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def vault(self) -> str:
        """The vault URL in force."""
        return self.vault_url or f"file:{self.home_path / 'vault'}"

    def path(self, name: str, default: str) -> Path:
        """The path that setting `name` holds, else `default` in `home`."""
        value: str = getattr(self, name)
        return Path(value) if value else self.home_path / default


def load(environment: Mapping[str, str]) -> Settings:
    """Read the file that `MOTCUA_CONFIG` names, if any, then the variables. Raises `Misconfigured`."""
    values: dict[str, object] = {}
    if named := environment.get(CONFIG_VARIABLE):
        try:
            values.update(tomllib.loads(Path(named).read_text("utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise Misconfigured(f"{CONFIG_VARIABLE}={named}: {error}") from error
    for variable, value in environment.items():
        if variable.startswith(PREFIX) and variable != CONFIG_VARIABLE:
            values[variable.removeprefix(PREFIX).lower()] = value
    known = set(Settings.__struct_fields__)
    if unknown := sorted(set(values) - known):
        listed = ", ".join(f"{PREFIX}{name.upper()}" for name in unknown)
        raise Misconfigured(f"unknown setting: {listed}; known are {', '.join(sorted(known))}")
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise Misconfigured(str(error)) from error
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    if not _GATEWAY_UNIT.fullmatch(settings.gateway_unit):
        raise Misconfigured(f"gateway_unit {settings.gateway_unit!r} is not shaped like G09.20 or 000.00.16.H26")
    for name in AT_LEAST_ONE:
        if getattr(settings, name) < 1:
            raise Misconfigured(f"{name} must be at least 1")
    if not 0 <= settings.revocation_wait_s <= REVOCATION_WAIT_S_MAX:
        raise Misconfigured(f"revocation_wait_s must be 0 to {REVOCATION_WAIT_S_MAX}")
    for name in ABOVE_ZERO:
        if not 0 < getattr(settings, name) < float("inf"):
            raise Misconfigured(f"{name} must be above 0")
