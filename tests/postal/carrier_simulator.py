"""A carrier that is played: it takes pick-up orders as VNPost's desk does, and tells what becomes of items.

It knows an order by its number, so that one sent again is answered "had it before". It can be told to refuse some,
to lose its answer to some (the order was taken, and nobody says so), and to be slow.
"""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from gateway.clock import VIETNAM

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

PATH: Final = "/OrderLGSPWithItemCode"
TAKEN, HAD_BEFORE, CLIENT_ERROR = "100", "101", "500"
_BODY_BYTES_MAX: Final = 64 * 1024
# What a journey without trouble is told as, and how long after the first event each comes, in parts of the whole.
JOURNEY: Final = (("EMA", "Chấp nhận gửi", 0.0), ("EMG", "Đến bưu cục phát", 0.6), ("EMI", "Phát thành công", 1.0))


class CarrierSimulator:
    """A server on this machine, from when it is entered until it is left. `url` is where orders are sent."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        # By order number, as they were taken, and how often each was sent.
        self.orders: dict[str, dict[str, Any]] = {}
        self.sent: list[str] = []
        self.refuses: Callable[[dict[str, Any]], bool] = lambda order: not order.get("SenderTel")
        self.loses: Callable[[dict[str, Any], int], bool] = lambda _, __: False
        self.slow_s = 0.0
        self._arrived = threading.Condition()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where orders are sent."""
        return f"http://{self.host}{PATH}"

    @property
    def host(self) -> str:
        """The address and port, as hosts are listed in settings."""
        assert self._server is not None
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        carrier = self

        class Desk(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                carrier._answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing: an order names persons."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, orders: int, wait_s: float = 10.0) -> bool:
        """Wait until so many orders were sent."""
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self.sent) >= orders, wait_s)

    def events(self, item: str, first_at: datetime, lasts: timedelta) -> dict[str, Any]:
        """What it tells of an item's journey, in the shape in which carriers tell it."""
        told = [
            {
                "EventCd": code,
                "EventNm": word,
                "EventDT": f"{(first_at + lasts * part).astimezone(VIETNAM):%d/%m/%Y %H:%M:%S}",
            }
            for code, word, part in JOURNEY
        ]
        return {"ID": item, "Events": told}

    def _answer(self, desk: BaseHTTPRequestHandler) -> None:
        length = int(desk.headers.get("content-length") or 0)
        body = desk.rfile.read(min(length, _BODY_BYTES_MAX))
        if self.slow_s:
            time.sleep(self.slow_s)
        if desk.path != PATH or desk.headers.get("access_token", "") != self.token:
            desk.send_error(401)
            return
        try:
            order = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.MsgspecError:
            self._say(desk, CLIENT_ERROR, "không đọc được")
            return
        status, message, lost = self._taken(order)
        if lost:
            # Taken, and the line breaks before the answer is there.
            desk.close_connection = True
            return
        self._say(desk, status, message)

    def _taken(self, order: dict[str, Any]) -> tuple[str, str, bool]:
        number, item = str(order.get("OrderNumber", "")), str(order.get("ItemCode", ""))
        with self._arrived:
            self.sent.append(number)
            self._arrived.notify_all()
            if not number or not item or self.refuses(order):
                return CLIENT_ERROR, "thiếu hoặc sai dữ liệu", False
            held = self.orders.setdefault(number, order)
            lost = self.loses(order, self.sent.count(number))
            if held is order:
                return TAKEN, "OK", lost
            if held["ItemCode"] != item:
                return CLIENT_ERROR, "OrderNumber đã dùng cho mã khác", False
            return HAD_BEFORE, "đã nhận trước đó", lost

    def _say(self, desk: BaseHTTPRequestHandler, status: str, message: str) -> None:
        content = msgspec.json.encode({"Status": status, "Message": message})
        desk.send_response(200)
        desk.send_header("content-type", "application/json; charset=utf-8")
        desk.send_header("content-length", str(len(content)))
        desk.end_headers()
        desk.wfile.write(content)
