"""The command `motcua`: finds the command that was asked for, runs it, and turns every failure into one clear line."""

from __future__ import annotations

import argparse
import os
import re
import sys
import traceback
from importlib import import_module
from typing import Protocol, cast

from gateway.cli_terms import COULD_NOT, Commands, Parser

# The SHA-256 of a key as base64url (RFC 7638), where it begins with a dash.
_THUMBPRINT = re.compile(r"-[A-Za-z0-9_-]{42}")
# Which module declares a command, and what it is for. Only the module of the command that is run is imported: most
# commands then start in a fraction of the time.
COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("gateway.cli_serve", "chạy cổng tiếp nhận · run the gateway"),
    "demo": ("gateway.cli_show", "diễn trọn một kỳ nộp hồ sơ · play a month-end"),
    "migrate": ("gateway.cli_operate", "cập nhật cơ sở dữ liệu · bring the database up to date"),
    "check-config": ("gateway.cli_operate", "kiểm tra cấu hình · check the configuration"),
    "audit": ("gateway.cli_operate", "đối chiếu mọi biên nhận · check that every receipt still holds"),
    "ledger": ("gateway.cli_ledger", "sổ đối chiếu mỗi giờ · the conservation ledger"),
    "figures": ("gateway.cli_figures", "số liệu điều hành · figures for those who direct"),
    "verify-absence": ("gateway.cli_ledger", "kiểm bằng chứng không tiếp nhận · check a proof of non-receipt"),
    "bench": ("gateway.cli_show", "đo hiệu năng · run the benchmarks"),
    "sample": ("gateway.cli_write", "tạo hồ sơ mẫu chưa ký · write a sample dossier"),
    "sign": ("gateway.cli_write", "ký hồ sơ · sign a dossier"),
    "submit": ("gateway.cli_submit", "nộp hồ sơ · submit dossiers"),
    "check": ("gateway.cli_check", "kiểm tra hồ sơ ngoại tuyến · judge dossiers offline"),
    "print": ("gateway.cli_print", "in hồ sơ, tờ khai như mẫu giấy · print dossiers and forms as on paper"),
    "form": ("gateway.cli_form", "lập tờ khai từ bảng tính · make a form from a worksheet"),
    "rehearse": ("gateway.cli_rehearse", "diễn tập mẫu sắp có hiệu lực · rehearse a form's next version"),
    "verify": ("gateway.cli_verify", "kiểm chứng ngoại tuyến biên nhận, gói bằng chứng · verify receipts, bundles"),
    "client": ("gateway.cli_clients", "tài khoản kết nối · clients of the gateway"),
    "webhook": ("gateway.cli_webhooks", "webhook và thư theo dõi hồ sơ · webhooks, and mails that follow"),
    "post": ("gateway.cli_post", "hồ sơ giấy qua bưu chính · paper by post"),
    "unit": ("gateway.cli_units", "sổ đăng ký đơn vị · the register of units"),
    "office": ("gateway.cli_offices", "bảng cơ quan BHXH · the table of offices"),
    "erase": ("gateway.cli_erase", "xóa hồ sơ hết thời hạn lưu giữ · erase dossiers whose time is over"),
    "hold": ("gateway.cli_erase", "lệnh giữ lại hồ sơ · legal holds"),
    "backup": ("gateway.cli_backup", "sao lưu khi đang chạy · back up while serving"),
    "restore": ("gateway.cli_backup", "khôi phục vào chỗ trống · restore into an empty place"),
    "fact": ("gateway.cli_facts", "điều chưa chắc trong danh mục · the catalogue's unconfirmed facts"),
    "seal": ("gateway.cli_seal", "khóa niêm phong biên nhận · the keys that seal receipts"),
    "log": ("gateway.cli_log", "nhật ký công khai · the transparency log"),
    "trust": ("gateway.cli_trust", "chứng thư số gốc được tin · trusted certificates"),
    "due": ("gateway.cli_due", "tính hạn trả kết quả · work out a due date"),
    "calendar": ("gateway.cli_calendar", "lịch làm việc, ngày nghỉ · working hours and days off"),
    "route": ("gateway.cli_route", "tìm cơ quan giải quyết · find the competent office"),
}
# The rooms' own exceptions carry a message that is one clear line; anybody else's is a fault of ours.
_OURS = frozenset({"gateway", "schemas", "signing", "storage"})


class _Declares(Protocol):
    def declare(self, commands: Commands[Parser]) -> None: ...


def _thumbprints_joined(told: list[str]) -> list[str]:
    """One thumbprint in 64 begins with a dash, as an option does: after `--key` it is the key all the same."""
    joined: list[str] = []
    for word in told:
        if joined and joined[-1] == "--key" and _THUMBPRINT.fullmatch(word):
            joined[-1] = f"--key={word}"
        else:
            joined.append(word)
    return joined


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns its exit status: 0 done, 1 judged bad, 2 called wrong or could not work."""
    told = _thumbprints_joined(sys.argv[1:] if arguments is None else arguments)
    try:
        asked = _parser(told).parse_args(told)
        return int(asked.run(asked))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else COULD_NOT
    except KeyboardInterrupt:
        return _failed("dừng theo yêu cầu · interrupted")
    except BrokenPipeError:
        # Whoever read our output went away; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return COULD_NOT
    except Exception as error:
        return fail(error)


def fail(error: Exception) -> int:
    """Tell a failure in one line; returns the exit status."""
    if isinstance(error, OSError):
        return _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    speaks = type(error).__module__.partition(".")[0] in _OURS
    return _failed(str(error) if speaks else _fault(error))


def _parser(told: list[str]) -> Parser:
    """The parser: whole for the command that was asked for, one line each for the others."""
    parser = Parser(
        prog="motcua",
        description="Một cửa tiếp nhận hồ sơ bảo hiểm xã hội điện tử.\n"
        "One window for signed social-insurance dossiers.",
        epilog="Mỗi lệnh có --help với ví dụ. Kết thúc: 0 xong, 1 không đạt, 2 gọi sai hoặc không làm được.\n"
        "Every command has --help with an example. Exit status: 0 done, 1 judged bad, 2 called wrong or not able to.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="lệnh · commands", metavar="COMMAND", required=True, parser_class=Parser)
    name = next((word for word in told if not word.startswith("-")), "")
    declaring = COMMANDS[name][0] if name in COMMANDS else ""
    if declaring:
        cast("_Declares", import_module(declaring)).declare(commands)
    for other, (module, says) in COMMANDS.items():
        if module != declaring:
            commands.add_parser(other, help=says)
    return parser


def _failed(line: str) -> int:
    print("motcua: " + " ".join(line.split()), file=sys.stderr)
    return COULD_NOT


def _fault(error: Exception) -> str:
    """A fault of ours, in one line, with the place where it happened."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(last.filename)}:{last.lineno}"  # noqa: PTH119 - a name, not a file to be opened
    return f"lỗi của chương trình · a fault of ours: {type(error).__name__}: {error} ({place})"


if __name__ == "__main__":
    sys.exit(main())
