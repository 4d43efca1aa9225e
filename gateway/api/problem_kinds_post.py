"""What can go wrong with paper and its items, as kinds of problems, in Vietnamese and English."""

from __future__ import annotations

from gateway.api.problem_kind import Kind

POST_KINDS: dict[str, Kind] = {
    "forms-changed": Kind(
        status=409, retry="never",
        title_vi="Mẫu tờ khai đã đổi từ khi báo trước", title_en="The forms were changed since they were announced",
        remedy_vi="Nếu chưa in: hủy báo trước rồi báo lại. Bản đã in vẫn dùng được.",
        remedy_en="If nothing is printed yet, cancel and announce again. What was printed before still serves.",
    ),
    "announcement-refused": Kind(
        status=422, retry="never",
        title_vi="Báo trước có lỗi", title_en="The announcement has errors",
        remedy_vi="Xem «findings»: mọi lỗi của mọi hồ sơ, mỗi lỗi một lần. Chưa lưu gì: sửa rồi gửi lại.",
        remedy_en="See `findings`: every error of every dossier. Nothing was kept: mend it, then send it again.",
    ),
    "announcement-unfit": Kind(
        status=422, retry="never",
        title_vi="Báo trước nêu nơi nhận hoặc bưu gửi không phù hợp",
        title_en="The announcement names an office or item that cannot be",
        remedy_vi="Xem «detail», sửa rồi gửi lại.", remedy_en="See `detail`, mend it, then send it again.",
    ),
    "announcement-moved": Kind(
        status=409, retry="never",
        title_vi="Giấy tờ đã được gửi đi hoặc đã đến", title_en="Its paper was posted, or has come",
        remedy_vi="Không hủy được nữa; nếu cần rút hồ sơ, dùng thủ tục rút khi hồ sơ đã vào.",
        remedy_en="It cannot be cancelled any more; once the dossier is in, it can be withdrawn.",
    ),
    "manifest-unfit": Kind(
        status=422, retry="never",
        title_vi="Bản kê không dùng được", title_en="The manifest cannot be taken",
        remedy_vi="Xem «detail», sửa rồi gửi lại.", remedy_en="See `detail`, mend it, then send it again.",
    ),
    "manifest-forged": Kind(
        status=422, retry="never",
        title_vi="Chữ ký trên bản kê không đúng", title_en="The signature of the manifest is not right",
        remedy_vi="Ký lại bằng khoá đã đăng ký của tài khoản này, trên đúng nội dung này.",
        remedy_en="Sign this very content with the registered key of this client.",
    ),
    "manifest-differs": Kind(
        status=409, retry="never",
        title_vi="Bản kê này đã được gửi với nội dung khác", title_en="Something else was told of this manifest before",
        remedy_vi="Bản trước («kept») giữ nguyên. Lập bản kê mới với mã mới, hoặc ghi kết luận của người đối chiếu.",
        remedy_en="The first (`kept`) stands. Write another under a new id, or have a person note the outcome.",
    ),
    "manifest-settled": Kind(
        status=409, retry="never",
        title_vi="Bản kê đã có kết luận", title_en="The manifest was settled with other words",
        remedy_vi="Xem kết luận đã ghi ở bản kê.", remedy_en="See the note at the manifest.",
    ),
    "opened-otherwise": Kind(
        status=409, retry="never",
        title_vi="Bưu gửi này đã được ghi là đã mở, với nội dung khác",
        title_en="The item was opened before, and something else was told of it",
        remedy_vi="Lần ghi trước giữ nguyên: xem lại lần mở ấy (GET /v1/mailroom/openings/…).",
        remedy_en="What was told first stands: look at that opening (GET /v1/mailroom/openings/…).",
    ),
    "opening-unfit": Kind(
        status=422, retry="never",
        title_vi="Việc mở bưu gửi khai không đúng", title_en="What was told of the opening cannot be",
        remedy_vi="Xem «detail», sửa rồi gửi lại.", remedy_en="See `detail`, mend it, then send it again.",
    ),
    "scan-unreadable": Kind(
        status=422, retry="never",
        title_vi="Không đọc được tệp quét", title_en="The scan cannot be read",
        remedy_vi="Các tệp và trang khác không thay đổi. Quét lại giấy, bỏ mật khẩu hoặc chia tệp, rồi gửi tệp mới.",
        remedy_en="Nothing else was changed. Scan the paper again, without a password or in smaller files; send that.",
    ),
    "scan-not-read-yet": Kind(
        status=503, retry="after",
        title_vi="Tệp quét đã giữ nhưng chưa đọc được", title_en="The scan is kept, but could not be read yet",
        remedy_vi="Đợi theo Retry-After rồi gửi lại đúng tệp này; nếu không, cổng sẽ tự đọc lại sau.",
        remedy_en="Wait as Retry-After says, then send the same file again; else it is read by itself later.",
    ),
    "scans-too-many": Kind(
        status=409, retry="never",
        title_vi="Bưu gửi này đã có quá nhiều tệp quét", title_en="The item has too many scans",
        remedy_vi="Gộp các trang vào ít tệp hơn (tối đa 300 trang một tệp).",
        remedy_en="Put the pages into fewer files (up to 300 pages in each).",
    ),
    "not-as-seen": Kind(
        status=409, retry="never",
        title_vi="Điều còn thiếu của hồ sơ khác với điều đã nêu", title_en="The dossier lacks something else",
        remedy_vi="«detail» nêu các khóa hiện nay. Xem lại hồ sơ rồi nêu đủ trong «missing».",
        remedy_en="`detail` names the keys as they are now. Look again, then name them all in `missing`.",
    ),
    "paper-filed": Kind(
        status=409, retry="never",
        title_vi="Hồ sơ giấy này đã được lập", title_en="This paper dossier was made already",
        remedy_vi="Muốn thêm hay bớt trang thì xếp lại trang (POST /v1/mailroom/pages) kèm lý do.",
        remedy_en="Pages are added or taken away by binding them (POST /v1/mailroom/pages), with a reason.",
    ),
    "return-unfit": Kind(
        status=422, retry="never",
        title_vi="Bưu gửi trả thiếu hoặc sai một mục",
        title_en="The outbound item lacks something, or says what cannot be",
        remedy_vi="«detail» nêu mục và lý do; chưa ghi gì cả. Sửa rồi gửi lại.",
        remedy_en="`detail` names the member and why; nothing was written. Mend it and send it again.",
    ),
    "return-settled": Kind(
        status=409, retry="never",
        title_vi="Không còn gì để quyết định", title_en="Nothing is left to decide",
        remedy_vi="Bưu gửi đang đi, đã phát, hoặc đã được quyết định: xem lại bưu gửi.",
        remedy_en="The item is on its way, was delivered, or was decided about: look at it again.",
    ),
    "original-elsewhere": Kind(
        status=409, retry="never",
        title_vi="Bản chính không còn ở đó", title_en="The original is not there",
        remedy_vi="Bản chính đã gửi, đã trả, báo mất, hoặc không đủ số: xem danh sách bản chính của hồ sơ.",
        remedy_en="It was sent, returned or told lost, or there are not so many: see the dossier's originals.",
    ),
    "item-number-refused": Kind(
        status=422, retry="never",
        title_vi="Số bưu gửi không đúng", title_en="The item number is not right",
        remedy_vi="Đọc lại nhãn; số gõ tay gửi với typed=true.",
        remedy_en="Read the label again; a number that was keyed in is sent with typed=true.",
    ),
    "item-bound": Kind(
        status=409, retry="never",
        title_vi="Số bưu gửi đã dùng cho việc khác", title_en="The item number stands for something else",
        remedy_vi="«detail» nêu việc đó. Nếu gõ nhầm: dùng số đúng; nếu gắn nhầm và chưa gửi: nêu «instead_of».",
        remedy_en="`detail` names it. Use the right number; bound wrongly and not posted yet: name `instead_of`.",
    ),
    "item-moved": Kind(
        status=409, retry="never",
        title_vi="Bưu gửi hoặc thông báo đã đi quá bước này", title_en="The item or announcement is beyond that",
        remedy_vi="Xem trạng thái trong «detail»; gửi thêm thì dùng số mới.",
        remedy_en="See `detail`; to send more, use another number.",
    ),
    "item-unfit": Kind(
        status=422, retry="never",
        title_vi="Không gắn được như vậy", title_en="That cannot be bound so",
        remedy_vi="Xem «detail», sửa rồi gửi lại.", remedy_en="See `detail`, mend it, then send it again.",
    ),
    "pool-empty": Kind(
        status=503, retry="after",
        title_vi="Kho số bưu gửi đã hết", title_en="The pool has no free number",
        remedy_vi="Báo bưu chính cấp thêm số, hoặc dùng số trên nhãn của bưu cục.",
        remedy_en="Ask the carrier for more numbers, or use the number on a post office's label.",
    ),
    "pickup-not-offered": Kind(
        status=409, retry="never",
        title_vi="Cổng này không gửi yêu cầu đến lấy", title_en="This gateway sends no pick-up orders",
        remedy_vi="Mang bưu gửi ra bưu cục, hoặc gọi bưu chính.",
        remedy_en="Hand the item in at a post office, or call the carrier.",
    ),
}  # fmt: skip
