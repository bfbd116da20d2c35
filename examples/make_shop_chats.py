"""Makes shop_chats.xlsx: a shop's chats as such workbooks are kept, with a cover, titles, merged cells, notes and totals."""

# ruff: noqa: E501

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.styles import Font

PLACE = Path(__file__).with_name("shop_chats.xlsx")

# Of each conversation: the agent, and who says what.
CHINESE = [
    ("客服小林", "ck 您好，青禾服饰为您服务|b 在吗|b 这件大衣有 M 码吗|k 有的，M 码现货|b 我一米六五，一百一十斤能穿吗|k 可以，您穿 M 码正合适，肩宽 38 厘米|b 好的谢谢"),
    ("客服小美", "b 昨天下的单什么时候发货|k 您好，今天下午四点前会发出|k 发出后短信会把单号发给您|b 能改地址吗|k 还没有出库，可以改，请把新地址发过来|b 改到杭州市西湖区文三路 100 号，邮箱 lin.qing@qinghe-shop.cn|k 已经为您改好了"),
    ("客服小林", "b [图片]|b 这个扣子掉了怎么办|k 您好，麻烦您看一下包装里的备用扣|b 可以开发票吗|k 可以，订单完成后在订单页点申请开票就行"),
    ("客服小美", "s 会话已转接给客服小美|b 羊毛衫能机洗吗|k 不建议机洗，请用冷水手洗，平铺晾干|b 会起球吗|k 穿着摩擦多的地方会有少量起球，用修剪器修一下就好"),
    ("客服小林", "b 退货运费谁出|k 质量问题我们承担，其他原因需要您承担|b 那怎么申请退货|k 在订单页选择退货退款，填写原因后提交，我们当天审核"),
    ("客服小美", "b 还有货吗"),
    ("客服小林", "ck 您看中的大衣补货了，要不要看看"),
    ("客服小美", "b 满减活动到哪天|k 到 5 月 20 日晚上 12 点结束|b 可以和优惠券一起用吗|k 可以，满 300 减 40 之后还能用店铺券|b [动画表情]"),
]  # fmt: skip
ENGLISH = [
    ("Agent Anna", "ck Welcome to Greenleaf!|b Hi|b Do you have this jacket in medium?|k Yes, medium is in stock.|b I'm 170 cm tall, will it fit?|k It will: the sleeves are 62 cm long.|b Thanks!"),
    ("Agent Ben", "b When will my order ship?|k It leaves the warehouse today.|k You will get the tracking number by email.|b Can I still change the address?|k Yes, it has not been packed yet. What is the new one?|b 12 Mill Lane, Leeds; my email is sam@mill-lane.co.uk|k Done, it will go to the new address."),
    ("Agent Anna", "b [Image]|b This button came off|k There is a spare one in the small bag.|b Can I get an invoice?|k Yes, you can download it from the order page."),
    ("Agent Ben", "s Agent Ben joined the chat|b Can I machine wash the wool sweater?|k Please wash it by hand in cold water and dry it flat.|b Does it pill?|k A little under the arms; a fabric shaver helps."),
    ("Agent Anna", "b Who pays for returns?|k We do if the item is faulty; otherwise you do.|b How do I return something?|k Choose 'Return' on the order page and print the label."),
    ("Agent Ben", "b Is it still available?"),
    ("Agent Anna", "ck The coat you liked is back in stock."),
    ("Agent Ben", "b How long does the sale last?|k Until midnight on 20 May.|b Can I use a voucher on top?|k Yes, one voucher for each order.|b [Sticker]"),
]  # fmt: skip
NAMES = {
    True: ("聊天记录", "2024 年 5 月客服聊天记录", "说明：时间为北京时间，买家昵称已隐去", ("会话编号", "发送方", "时间", "消息内容", "评分"), "买家", "系统消息", "合计"),
    False: ("Chats", "Support chats, May 2024", "Note: times are local; customers' names are masked", ("Chat ID", "Sender", "Time", "Message", "Rating"), "Customer", "System", "Total"),
}  # fmt: skip


def make(path: Path) -> None:
    """Write the workbook."""
    book = openpyxl.Workbook()
    cover: Any = book.active
    cover.title = "封面 Cover"
    for row in ((1, "青禾服饰 Greenleaf"), (3, "导出部门 Exported by"), (4, "导出日期 Exported on")):
        cover.cell(*(row[0], 1), row[1])
    cover["B3"], cover["B4"] = "运营部 Operations", datetime(2024, 6, 3)
    for chinese, conversations in ((True, CHINESE), (False, ENGLISH)):
        _sheet(book, chinese, conversations)
    hidden = book.create_sheet("codes")
    hidden.append(["code", "meaning"])
    hidden.append(["1", "重要 important"])
    hidden.sheet_state = "hidden"
    book.save(path)


def _sheet(book: openpyxl.Workbook, chinese: bool, conversations: list[tuple[str, str]]) -> None:
    title, heading, note, columns, customer, system, total = NAMES[chinese]
    sheet: Any = book.create_sheet(title)
    sheet.append([heading])
    sheet.append([note])
    sheet.merge_cells("A1:E1")
    sheet.merge_cells("A2:E2")
    sheet["A1"].font = Font(bold=True)
    sheet.append(columns)
    for number, (agent, said) in enumerate(conversations, 1):
        first = sheet.max_row + 1
        for minute, message in enumerate(said.split("|")):
            who, _, text = message.partition(" ")
            speaker = {"b": customer, "s": system}.get(who, agent)
            time = datetime(2024, 5, 6 + number, 9, 3) + timedelta(minutes=minute)
            sheet.append([f"{title[0]}{number:03}" if minute == 0 else None, speaker, time, text])
        sheet.cell(first, 5, 0.9 + number / 100).number_format = "0%"
        for column in (1, 5):
            sheet.merge_cells(start_row=first, end_row=sheet.max_row, start_column=column, end_column=column)
    sheet.append([total, None, None, None, f"{len(conversations)}"])


if __name__ == "__main__":
    make(PLACE)
