"""The envelope `Hoso` written from its columns and files, unsigned and laid out as real software lays it out."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence

from msgspec import Struct

from schemas.sample_forms import DECLARATION, ROOT_NAMESPACES, element

# The kind of a form's own file.
XML = ".xml"


class Inside(Struct, frozen=True):
    """One file of an envelope: its form's code and title, how it is called, and its bytes."""

    form: str
    title: str
    name: str
    content: bytes
    kind: str = XML


def write_envelope(
    sender: Mapping[str, str],
    unit: Mapping[str, str],
    dossier: Mapping[str, str],
    files: Sequence[Inside],
) -> bytes:
    """The envelope's bytes; the same arguments give the same. The places of its signatures are left empty.

    `sender`, `unit` and `dossier` are the columns of ThongTinIVAN, ThongTinDonVi and ThongTinHoSo in the schema's
    order; SoLuongFile is counted.
    """
    counted = {**dossier, "SoLuongFile": str(len(files))}
    inside = (
        f"    <ThongTinIVAN>\n{_lines(sender, 6)}    </ThongTinIVAN>\n"
        f"    <ThongTinDonVi>\n{_lines(unit, 6)}    </ThongTinDonVi>\n"
        f"    <ThongTinHoSo>\n{_lines(counted, 6)}      <ToKhais>\n"
        f"{''.join(map(_file, files))}      </ToKhais>\n    </ThongTinHoSo>\n"
    )
    return f"{DECLARATION}<Hoso {ROOT_NAMESPACES}>\n  <NoiDung>\n{inside}  </NoiDung>\n  <CKy_Dvi/>\n</Hoso>\n".encode()


def _lines(columns: Mapping[str, str], indent: int) -> str:
    return "".join(f"{' ' * indent}{element(name, text)}\n" for name, text in columns.items())


def _file(file: Inside) -> str:
    text = b64encode(file.content).decode("ascii")
    columns = {
        "MaToKhai": file.form,
        "MoTaToKhai": file.title,
        "TenFile": file.name,
        "LoaiFile": file.kind,
        # The characters of the base64 text, as real envelopes count them, not the bytes that it stands for.
        "DoDaiFile": str(len(text)),
        "NoiDungFile": text,
    }
    return f"        <FileToKhai>\n{_lines(columns, 10)}        </FileToKhai>\n"
