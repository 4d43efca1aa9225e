"""The shapes in which a door is described: whom it is for, what goes in and comes out past the framework."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from gateway.callers import Role

Words = tuple[str, str]
Json = dict[str, Any]


class Said(Struct, frozen=True, kw_only=True):
    """One answer that is no problem: its words (Vietnamese, English), the schema's name or the schema ("": no body),
    the headers. `or_as` are media types in which the same can be had by `Accept`.
    """

    words: Words
    schema: str | Json
    media_type: str = "application/json"
    headers: tuple[str, ...] = ()
    or_as: tuple[str, ...] = ()


class Door(Struct, frozen=True, kw_only=True):
    """One door. Without roles it is open to anyone. `answers` stand for those that the framework cannot see; `en` and
    `told_en` are needed where no handler of its own tells them.
    """

    audience: str
    vi: str = ""
    told_vi: str = ""
    en: str = ""
    told_en: str = ""
    roles: tuple[Role, ...] = ()
    body: Literal["", "dossier", "dossier-or-upload", "part", "token", "scan", "announcement"] = ""
    parameters: tuple[str, ...] = ()
    answers: dict[int, Said] = {}
    problems: tuple[str, ...] = ()


def bytes_of(media_type: str) -> Json:
    """Bytes that are no JSON."""
    return {"type": "string", "format": "binary", "contentMediaType": media_type}


def kept_a_while(words: Words, schema: str | Json, media_type: str = "application/json") -> dict[int, Said]:
    """The answers of a door whose body may be kept: the body, or 304 for who holds it still (RFC 9110 §15.4.5)."""
    headers = ("ETag", "Cache-Control")
    held = ("Bản đã lưu vẫn đúng", "what you hold is still right")
    return {
        200: Said(words=words, schema=schema, media_type=media_type, headers=headers),
        304: Said(words=held, schema="", headers=headers),
    }
