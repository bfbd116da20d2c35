"""The words of the page and the card, written in both languages, and how numbers are shown in them."""

from collections.abc import Mapping
from typing import Any

from builder.language import Language

_Pair = tuple[str, str]

CATEGORY_LABELS: Mapping[str, _Pair] = {
    "writing": ("Writing", "写作"),
    "rewriting": ("Rewriting", "改写"),
    "summarising": ("Summarising", "摘要"),
    "extraction": ("Extraction", "信息抽取"),
    "classification": ("Classification", "分类"),
    "open_qa": ("Open questions", "开放问答"),
    "closed_qa": ("Questions on a text", "阅读问答"),
    "brainstorming": ("Brainstorming", "头脑风暴"),
    "translation": ("Translation", "翻译"),
    "code": ("Code", "代码"),
    "mathematics": ("Mathematics", "数学"),
    "reasoning": ("Reasoning", "推理"),
    "planning": ("Planning", "规划"),
    "dialogue": ("Dialogue", "对话"),
    "format_following": ("Format following", "格式遵循"),
    "safety": ("Safety", "安全"),
    "explanation": ("Explanation", "讲解"),
    "data_analysis": ("Data analysis", "数据分析"),
}
LANGUAGE_LABELS: Mapping[str, _Pair] = {
    "zh": ("Chinese", "中文"),
    "en": ("English", "英文"),
    "ja": ("Japanese", "日文"),
    "ko": ("Korean", "韩文"),
    "other": ("Other script", "其他文字"),
    "und": ("No letters", "无文字"),
}
ORIGIN_LABELS: Mapping[str, _Pair] = {
    "seed": ("seeds", "种子"),
    "generated": ("grown", "生成"),
    "imported": ("imported", "导入"),
}
SPLIT_LABELS: Mapping[str, _Pair] = {
    "train": ("to train on", "用于训练"),
    "validation": ("to validate on", "用于验证"),
    "unassigned": ("in no split", "未划分"),
}
CHECK_LABELS: Mapping[str, _Pair] = {
    "key": ("Answer key", "答案要点"),
    "agreement": ("Agreement of blind answers", "重新作答的一致性"),
    "judge": ("Judge", "评审打分"),
    "repair": ("Rewriting", "重写"),
    "generation": ("Growing", "生成任务"),
}
COMPONENT_LABELS: Mapping[str, _Pair] = {
    "answer_length": ("Length of the answer", "回答的长度"),
    "information": ("Says much for its form", "同类回答中信息量大"),
    "density": ("Few empty words for its form", "同类回答中虚词少"),
    "fit": ("As brief or long as asked for", "详略符合要求"),
    "originality": ("Does not repeat the request", "没有照搬题目"),
    "repetition": ("No repetition", "没有重复"),
    "refusal": ("No refusal", "没有拒答"),
    "language": ("Right language", "语言相符"),
    "answer_check": ("Answer check", "答案核对"),
    "defects": ("No defects", "没有缺陷"),
    "format": ("Format asked for", "符合要求的格式"),
    "arithmetic": ("Right sums", "算式正确"),
    "concreteness": ("Concreteness", "具体程度"),
    "judge": ("Judge", "评审打分"),
    "ifd": ("Hard to foresee from the request", "由题目难以预见回答"),
    "agreement": ("Agreement of blind answers", "重新作答的一致性"),
}
VALUE_LABELS: Mapping[str, _Pair] = {
    "key": ("answer key", "答案要点"),
    "agreement": ("agreement", "重新作答"),
    "judge": ("judge", "评审"),
    "agreement+judge": ("agreement and judge", "重新作答加评审"),
    "true": ("yes", "是"),
    "false": ("no", "否"),
    "easy": ("easy", "简单"),
    "medium": ("medium", "中等"),
    "hard": ("hard", "困难"),
    "number": ("number", "数字"),
    "short": ("label, name or phrase", "标签、名称或短语"),
    "sentence": ("sentence", "一两句话"),
    "list": ("list", "列表"),
    "code": ("code", "代码"),
    "text": ("text", "长文"),
    "passed": ("passed", "正确"),
    "failed": ("failed", "错误"),
    "none": ("not checkable", "无法核对"),
    "unseen_reference": ("refers to what is not there", "指向不在场的内容"),
    "merged_instructions": ("two tasks in one", "两个任务混在一起"),
    "empty_answer": ("empty answer", "回答为空"),
    "missing_code": ("code asked for and missing", "要求的代码缺失"),
    "picture_request": ("asks for a picture", "要求作图"),
    "cut_off_answer": ("answer cut off", "回答中断"),
    "na_answer": ("“N/A” answer", "回答为“N/A”"),
    "no_input_marker": ("marker in place of no input", "用标记代替空输入"),
    "unclear_instruction": ("unclear instruction", "指令不明"),
    "stray_characters": ("stray characters", "残留字符"),
    "mendable_characters": ("invisible characters or entities", "不可见字符或 HTML 实体"),
    "copied_input": ("input repeated as answer", "照抄输入作答"),
    "email": ("e-mail", "邮箱"),
    "phone": ("phone number", "电话号码"),
    "identity_number": ("identity number", "身份证号"),
    "social_security": ("US social security number", "美国社会安全号"),
    "passport": ("passport number", "护照号"),
    "bank_card": ("bank card", "银行卡号"),
    "iban": ("IBAN", "IBAN 账号"),
    "ip_address": ("IP address", "IP 地址"),
    "secret": ("key or token", "密钥或令牌"),
    "violence": ("violence", "暴力"),
    "self_harm": ("self-harm", "自残"),
    "sexual": ("sexual content", "色情"),
    "illegal": ("illegal how-to", "违法教程"),
    "hate": ("hate", "仇恨"),
    "marked": ("marked", "已打分"),
    "at_admission": ("marked at admission", "收录时已打分"),
    "abstained": ("the judge cannot tell", "评审无从判断"),
    "unreadable": ("the reply holds no mark", "回复中没有分数"),
    "refused": ("refused by the endpoint", "被接口拒绝"),
    "too_long": ("too long to judge", "过长，未评"),
    "no_answer": ("no answer to judge", "没有可评的答案"),
    "pictures": ("pictures, which a teacher is not shown", "含图片，不给教师看"),
}
MEND_LABELS: Mapping[str, _Pair] = {
    "no_input_marker": ("Marker in place of no input", "用标记代替空输入"),
    "entities": ("HTML entities", "HTML 实体"),
    "escapes": ("Stray escapes", "残留的转义符"),
    "invisible_characters": ("Invisible characters", "不可见字符"),
    "null_members": ("Null members of tool calls", "工具调用中的空成员"),
    "greeting": ("Greeting before the first question", "提问之前的问候"),
    "trailing_question": ("Question after the last answer", "末尾没有回答的提问"),
    "joined_turns": ("Turns of one speaker in a row", "同一方连续发言"),
}
COLUMN_LABELS: Mapping[str, _Pair] = {
    "instruction_words": ("Instruction length, words", "指令长度（字）"),
    "answer_words": ("Answer length, words", "回答长度（字）"),
    "prompt_words": ("Prompt length, words", "提示长度（字）"),
    "answer_form": ("Form of the answer", "回答的形式"),
    "information": ("Information beside answers of its form", "信息量（与同形式的回答相比）"),
    "density": ("Density beside answers of its form", "信息密度（与同形式的回答相比）"),
    "copied": ("Share of the answer that stands in the request", "回答中照搬题目的比例"),
    "fit": ("As brief or long as asked for", "详略符合要求的程度"),
    "score": ("Score", "得分"),
    "repetition": ("Repeated share of the answer", "回答中的重复比例"),
    "refusal": ("Refusal", "拒绝回答"),
    "refusal_phrase": ("Words of the refusal", "拒绝时的措辞"),
    "language_mismatch": ("Language mismatch", "语言不一致"),
    "prompt_language": ("Language of the prompt", "提示的语言"),
    "answer_language": ("Language of the answer", "回答的语言"),
    "answer_check": ("Answer check", "答案核对"),
    "readability": ("Reading difficulty of the instruction", "指令的阅读难度"),
    "concreteness": ("Concreteness of the answer", "回答的具体程度"),
    "self_mention": ("Speaks of itself as an AI", "以 AI 自称"),
    "defects": ("Defects", "缺陷"),
    "privacy": ("Private data", "个人信息与密钥"),
    "unsafe": ("Unsafe content", "不安全内容"),
    "json_valid": ("JSON asked for is valid", "要求的 JSON 有效"),
    "code_parses": ("Python parses", "Python 代码可解析"),
    "list_length_kept": ("List length kept", "列表条数符合要求"),
    "arithmetic_checked": ("Sums that were checked", "验算的算式数"),
    "arithmetic_wrong": ("Wrong sums", "算错的算式"),
    "checked_by": ("Checked before admission by", "收录前的核对方式"),
    "agreement": ("Blind answers that agree", "重新作答的一致比例"),
    "judge_score": ("Judge's score", "评审得分"),
    "judge_state": ("How the judging ended", "评审结果"),
    "judge_problem": ("What the judge found wrong", "评审指出的问题"),
    "answer_loss": ("Loss of the answer, nats a token", "答案损失（纳特/token）"),
    "answer_loss_alone": ("Loss without the instruction", "去掉指令后的损失"),
    "ifd": ("Instruction-following difficulty", "指令遵循难度（IFD）"),
    "perplexity": ("Perplexity of the answer", "答案困惑度"),
    "tokens": ("Tokens of the answer", "答案 token 数"),
    "quality": ("Quality", "质量"),
    "difficulty": ("Difficulty", "难度"),
    "difficulty_level": ("Level of difficulty", "难度等级"),
    "category_guess": ("Guessed category", "推断的类别"),
    "category_probability": ("Probability of the guess", "推断的概率"),
    "repaired": ("Rewritten after a failed check", "核对未过而重写"),
}
SPENDING_LABELS: Mapping[str, _Pair] = {
    "candidates": ("Candidates read", "读取的候选"),
    "requests": ("Requests", "请求"),
    "attempts": ("Attempts", "尝试次数"),
    "retries": ("Retries", "重试"),
    "sent": ("Sent", "已发送"),
    "served": ("Served", "已应答"),
    "received": ("Received", "已收到"),
    "failed": ("Failed", "失败"),
    "unknown": ("Unknown outcome", "结果未知"),
    "unstated": ("Replies without usage", "未说明用量的回复"),
    "tokens": ("Tokens", "token 总数"),
    "total_tokens": ("Tokens", "token 总数"),
    "prompt_tokens": ("Prompt tokens", "提示 token"),
    "completion_tokens": ("Reply tokens", "回复 token"),
    "reserved_tokens": ("Reserved tokens", "预留 token"),
    "max_requests": ("Cap on requests", "请求上限"),
    "max_tokens": ("Cap on tokens", "token 上限"),
}

WORDS: Mapping[str, _Pair] = {
    "eyebrow": ("Seedbed · dataset report", "Seedbed · 数据集报告"),
    "nav": ("Sections", "目录"),
    "candidates": ("Candidates", "候选"),
    "rows": ("Rows", "行数"),
    "kept": ("Kept", "保留"),
    "dropped": ("Dropped", "剔除"),
    "rejected": ("Rejected", "未收录"),
    "attention_none": ("Nothing needs attention", "一切正常"),
    "attention_one": ("One thing needs attention", "有 1 件事需要留意"),
    "attention_many": ("{n} things need attention", "有 {n} 件事需要留意"),
    "warning": ("Warning", "注意"),
    "info": ("Note", "说明"),
    "target_reached": ("Target reached: {reached} grown rows kept.", "已达到目标：保留 {reached} 条生成的行。"),
    "target_missed": (
        "Target missed: {reached} of {wanted} grown rows kept.",
        "未达到目标：目标 {wanted} 条生成的行，实际保留 {reached} 条。",
    ),
    "nothing_kept": ("No row was kept.", "没有保留任何一行。"),
    "closes_candidates": (
        "{total} candidates = {admitted} admitted + {rejected} rejected",
        "候选 {total} = 收录 {admitted} + 未收录 {rejected}",
    ),
    "closes_rows": ("{total} rows = {kept} kept + {dropped} dropped", "共 {total} 行 = 保留 {kept} + 剔除 {dropped}"),
    "counts_close": ("The counts close", "计数吻合"),
    "procedural": (
        "The grown rows are procedural: computed by Seedbed’s task families, not written by a language model.",
        "生成的行属于程序化数据：由 Seedbed 的任务族计算得出，并非语言模型所写。",
    ),
    "where": ("What came of them", "总览"),
    "stage_candidates": ("candidates", "个候选"),
    "stage_rows": ("rows", "行"),
    "stage_kept": ("kept", "行保留"),
    "admitted_share": ("{share} admitted, {n} rejected", "收录 {share}，未收录 {n}"),
    "kept_share": ("{share} kept, {n} dropped", "保留 {share}，剔除 {n}"),
    "joins": (" · {n} {origin} join", "；另加{origin} {n}"),
    "unpublished": (" · {n} seeds not published", "；{n} 条种子不发布"),
    "with_pictures": (" · {n} with pictures, {kept} of them kept", "；{n} 行含图片，其中保留 {kept} 行"),
    "why": ("Why the others went", "其余为何未留"),
    "why_intro": (
        "Each counts once, under its decisive reason. Open a reason for its meaning and what to change.",
        "每条只按决定性的原因计一次。点开可查看含义与调整办法。",
    ),
    "why_rejected": ("Rejected candidates", "未收录的候选"),
    "why_dropped": ("Dropped rows", "剔除的行"),
    "also_failed": (
        "{n} rows failed this check, counting those that another reason decided.",
        "共有 {n} 行未通过此项检查（含由其他原因决定的行）。",
    ),
    "dominant": ("More than a fifth of the rows", "超过五分之一的行"),
    "dominant_reason": (
        "{rows} of {of} rows ({share}) went for one reason: {label}",
        "{of} 行中有 {rows} 行（{share}）因同一原因剔除：{label}",
    ),
    "dominant_frame": (
        "{rows} of {of} rows ({share}) share a run of words: “{text}”; {kept} of them are kept, {alike} went as too much alike",
        "{of} 行中有 {rows} 行（{share}）含有同一段文字：“{text}”；其中保留 {kept} 行，因过于相近剔除 {alike} 行",
    ),
    "dominant_frame_sampled": (
        "About {rows} of {of} rows ({share}) share a run of words: “{text}”; of {looked} such rows that were looked at {kept} are "
        "kept, {alike} went as too much alike",
        "{of} 行中约有 {rows} 行（{share}）含有同一段文字：“{text}”；抽看的 {looked} 行中保留 {kept} 行，因过于相近剔除 {alike} 行",
    ),
    "dominant_frame_remedy": (
        "If they ask for different things, raise novelty.threshold (novelty.threshold_characters for Chinese), or compare instructions "
        "alone with novelty.key: instruction.",
        "如果它们问的并不是一回事，请调高 novelty.threshold（中文为 novelty.threshold_characters），或设 novelty.key: instruction，只比较指令。",
    ),
    "dominant_frame_kept": (
        "Hardly a row was dropped for it. A model learns what stands in every row by heart; balance.caps limits such rows by category.",
        "几乎没有行因此被剔除。每一行都有的文字，模型会原样记住；可用 balance.caps 按类别限制这类数据。",
    ),
    "dominant_kept": ("This row is kept", "这一行保留"),
    "dominant_dropped": ("This row is dropped", "这一行剔除"),
    "change": ("To change it:", "调整办法："),
    "mended": ("Mended", "已修正"),
    "mended_intro": (
        "Faults of form in {rows} rows were put right when they were read; {kept} of these rows are kept. seedbed show DIR --mended "
        "lists them, and seedbed why DIR ROW shows each text as the file has it. The setting mend.kinds names what is mended.",
        "读入时修正了 {rows} 行的形式问题，其中保留 {kept} 行。seedbed show 目录 --mended 列出这些行，seedbed why 目录 行号 显示文件中的原文。"
        "修正哪些由设置 mend.kinds 决定。",
    ),
    "mended_kind": ("What was mended", "修正内容"),
    "mix": ("Category and language", "类别与语言"),
    "quotas": ("Quotas", "配额"),
    "quotas_intro": (
        "Shares of the kept rows, seeds aside; each is held within one point.",
        "占保留数据（不含种子）的比例，误差不超过一个百分点。",
    ),
    "cell": ("Cell", "范围"),
    "asked": ("Asked for", "要求"),
    "quota_kept": ("Kept", "实际"),
    "mix_intro": ("Kept of all rows in each cell.", "每格为“保留数/全部行数”。"),
    "category": ("Category", "类别"),
    "uncategorised": ("No category", "未分类"),
    "other_languages": ("Others", "其他"),
    "other_categories": ("{n} smaller categories", "另外 {n} 个较小类别"),
    "rest_cells": (
        "{n} smaller cells: {after} of {before} kept.",
        "另有 {n} 个较小的组合：{before} 行中保留 {after} 行。",
    ),
    "total": ("Total", "合计"),
    "origin": ("Origin", "来源"),
    "lengths": ("Lengths", "长度"),
    "lengths_intro": (
        "A word is one Chinese character or one word of another script.",
        "一个汉字计一字，其他文字的一个单词也计一字。",
    ),
    "signals": ("Signals", "信号"),
    "signals_intro": ("What was measured on every row.", "对每一行测得的数值。"),
    "quality": ("Quality", "质量"),
    "quality_intro": (
        "Of two rows that say the same the better is kept. The score is the weighted mean of these components, from 0 to 1; "
        "a row counts as moved by the component that moved it most from the mean of all rows. Quality is the place of its score "
        "among the rows of its language and form of answer: 0.9 is better than nine tenths of them.",
        "内容重复的行只保留更好的一条。得分是以下各项的加权平均，取值 0 到 1；每行计入使它偏离全体均值最多的那一项。"
        "质量是该得分在同语言、同回答形式的行中的位次：0.9 表示好于其中九成。",
    ),
    "component": ("Component", "项目"),
    "weight": ("Weight", "权重"),
    "rows_measured": ("Rows", "行数"),
    "mean_before": ("Mean", "均值"),
    "mean_after": ("Mean, kept", "保留行均值"),
    "raised": ("Moved up", "被拉高的行"),
    "lowered": ("Moved down", "被拉低的行"),
    "before": ("All rows", "全部行"),
    "after": ("Kept rows", "保留的行"),
    "median": ("median", "中位数"),
    "p95": ("95th percentile", "95 分位"),
    "from_to": ("{before} → {after}", "{before} → {after}"),
    "beyond": (
        "Not drawn: {n} beyond the axis; smallest {min}, largest {max}.",
        "另有 {n} 行超出坐标范围（最小 {min}，最大 {max}）。",
    ),
    "missing": ("{n} rows have no value.", "{n} 行没有数值。"),
    "limit": ("limit {n}", "界限 {n}"),
    "bin": ("{low} to {high}: {before} rows, {after} kept", "{low} 至 {high}：{before} 行，保留 {after} 行"),
    "value": ("Value", "取值"),
    "other_values": ("{n} other values", "另外 {n} 个取值"),
    "checks": ("Right answers", "答案是否正确"),
    "checks_rows": (
        "Checked before admission: {checked} of {all} grown rows. Candidates that were checked, and what it took:",
        "收录前经过核对的有 {checked} 行，共生成 {all} 行。核对过的候选与所用的请求如下：",
    ),
    "checks_repairs": (
        "{asked} answers that failed were given back to be rewritten; {written} were, and {passed} of them passed.",
        "{asked} 个未通过的答案交回重写，写出 {written} 个，其中 {passed} 个通过。",
    ),
    "checks_cost": (
        "Checking took {checks} tokens beside {generation} for growing.",
        "核对用去 {checks} 个 token，生成用去 {generation} 个。",
    ),
    "checks_free": ("Checking took no request.", "核对没有用到请求。"),
    "check": ("Check", "核对方式"),
    "check_passed": ("Passed", "通过"),
    "check_failed": ("Failed", "未通过"),
    "check_undecided": ("No verdict", "未作判断"),
    "check_requests": ("Requests", "请求"),
    "check_tokens": ("Tokens", "token"),
    "duplicates": ("Duplicates", "重复"),
    "duplicates_intro": (
        "{rows} rows went because they repeat {groups} others. The largest groups:",
        "{rows} 行因与另外 {groups} 行重复而剔除。较大的几组如下：",
    ),
    "duplicates_none": ("No row was dropped as a duplicate.", "没有因重复而剔除的行。"),
    "group_more": ("and {n} more", "另有 {n} 行"),
    "curve": ("Thresholds, measured", "各阈值的实测"),
    "curve_intro": (
        "Of two requests that look alike, how often the one that goes as too similar asks for the same, and how many such pairs are "
        "found: {word} labelled pairs in words, {cjk} in Chinese characters, look-alikes by design, so that a file of yours is "
        "mostly easier. Grown rows go by ROUGE-L above the threshold; imported rows by what they ask (last line).",
        "两条看上去相近的请求，被判为过于相似而剔除的确实是同一请求的比例，以及找到的比例：按单词切分的标注对 {word} 对，按汉字切分的 {cjk} 对。"
        "这些都是特意挑选的易混样本，实际数据通常更容易判断。生成的行按 ROUGE-L 是否高于阈值裁定；导入的行按所问的内容裁定（末行）。",
    ),
    "curve_heading": (
        "  above      right (words)   found            right (chars)   found",
        "  高于        判对（单词）     找到              判对（汉字）     找到",
    ),
    "curve_imported": ("imported", "导入的行"),
    "curve_above": ("Above", "高于"),
    "curve_right": ("{mode}: right (95% interval)", "{mode}：判对（95% 区间）"),
    "curve_found": ("{mode}: found", "{mode}：找到"),
    "curve_word": ("Words", "单词"),
    "curve_cjk": ("Characters", "汉字"),
    "examples": ("Examples", "示例"),
    "examples_dropped": ("Dropped rows", "剔除的行"),
    "examples_rejected": ("Rejected candidates", "未收录的候选"),
    "examples_kept": ("Kept rows", "保留的行"),
    "collides": ("Kept instead", "保留的是"),
    "collides_dropped": ("It collides with", "与之冲突的是"),
    "examples_none": ("None to show.", "没有可展示的内容。"),
    "row_number": ("Row {n}", "第 {n} 行"),
    "candidate": ("Candidate", "候选"),
    "prompt": ("Prompt", "提示"),
    "answer": ("Answer", "回答"),
    "empty": ("(empty)", "（空）"),
    "diversity": ("Diversity", "多样性"),
    "diversity_intro": (
        "{chosen} of the {pool} rows that passed every check were kept. Distances are of {sampled} rows drawn from each "
        "choice; a random choice of the same size stands beside.",
        "通过全部检查的 {pool} 行中保留了 {chosen} 行。距离按各自抽取的 {sampled} 行计算，并列出同样大小的随机选择作对照。",
    ),
    "diversity_figure": ("Figure", "指标"),
    "diversity_kept": ("Kept", "保留"),
    "diversity_random": ("At random", "随机"),
    "diversity_categories": ("Entropy over category and language, bits", "类别与语言的熵（比特）"),
    "diversity_words": ("Entropy over pairs of words, bits", "相邻词对的熵（比特）"),
    "diversity_distance": ("Mean distance to the nearest other row", "到最近一行的平均距离"),
    "diversity_quality": ("Mean quality", "平均质量"),
    "diversity_coverage": ("Mean cosine of all rows to the nearest kept one", "全部行与最近保留行的平均余弦"),
    "guessed": ("Guessed categories", "推断的类别"),
    "guessed_intro": (
        "{unlabelled} rows have no category of their own; {guessed} of them got one here. How often guesses are right on "
        "{held_out} labelled rows that were held out:",
        "有 {unlabelled} 行本身没有类别，其中 {guessed} 行在此得到了推断的类别。在留出的 {held_out} 行有类别的数据上的表现：",
    ),
    "guessed_accuracy": (
        "{accuracy} of the guesses are right; {abstained} of the rows get none.",
        "判断的正确率为 {accuracy}；{abstained} 的行不作判断。",
    ),
    "guessed_rows": ("Rows", "行数"),
    "guessed_given": ("Guessed", "判为此类"),
    "guessed_right": ("Right", "判断正确"),
    "provenance": ("Teacher and settings", "教师与设置"),
    "teacher": ("Teacher", "教师"),
    "provider": ("Provider", "提供方"),
    "provider_embedded": ("embedded, procedural", "内置，程序化"),
    "provider_openai": ("OpenAI-compatible endpoint", "OpenAI 兼容接口"),
    "no_teacher": ("None: nothing was grown in this folder.", "无：此文件夹中没有生成的数据。"),
    "random_seed": ("Random seed", "随机种子"),
    "spending": ("Spending", "用量"),
    "settings": ("All settings as run", "运行时的全部设置"),
    "footer": ("The same figures as data: report.json in this folder.", "同样的数字见本文件夹中的 report.json。"),
}


def pick(pair: _Pair, language: Language) -> str:
    """One language of a pair."""
    return pair[1] if language == "zh" else pair[0]


def label(table: Mapping[str, _Pair], key: str, language: Language) -> str:
    """A key's label, or the key with spaces for underscores where the table does not have it."""
    return pick(table[key], language) if key in table else key.replace("_", " ")


# Longer numbers overlap on an axis.
_POWERS_FROM = 1e10


def number(value: int | float) -> str:
    """A number with thousands separated and at most three decimals; very large ones as powers of ten."""
    if abs(value) >= _POWERS_FROM:
        return f"{value:.3g}"
    if isinstance(value, int) or value.is_integer():
        return f"{int(value):,}"
    return f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) >= 0.01 else f"{value:.2g}"


def share(part: int, whole: int) -> str:
    """A share in per cent that never rounds something to nothing or nearly all to all."""
    if not whole:
        return "0%"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "<0.1%"
    if 99.9 < percent < 100:
        return ">99.9%"
    return f"{percent:.1f}%" if percent not in (0, 100) else f"{percent:.0f}%"


def named_mends(rows: Mapping[str, int], language: Language) -> str:
    """Kinds of mends with their rows, the most frequent first: as `mend.kinds` names them, or in Chinese."""
    falling = sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    if language == "zh":
        return "，".join(f"{label(MEND_LABELS, kind, 'zh')} {number(count)}" for kind, count in falling)
    return ", ".join(f"{kind} {number(count)}" for kind, count in falling)


_GIVEN_ROWS: Mapping[str, _Pair] = {
    "seed": ("{n} seeds", "{n} 条种子"),
    "imported": ("{n} imported rows", "{n} 条导入的行"),
}


def lead_sentence(report: Mapping[str, Any], language: Language) -> str:
    """What went in and what came out, as one sentence (the report is that of report.json)."""
    candidates, rows = report["candidates"], report["rows"]
    given = [
        label(_GIVEN_ROWS, o["origin"], language).format(n=number(o["before"]))
        for o in report["origins"]
        if o["origin"] != "generated"
    ]
    of_split = "{n:,} 行{label}" if language == "zh" else "{n:,} {label}"
    parts = [
        of_split.format(n=n, label=pick(SPLIT_LABELS[split], language)) for split, n in report["splits"].items() if n
    ]
    total, kept = number(rows["total"]), number(rows["kept"])
    read, admitted = number(candidates["total"]), number(candidates["admitted"])
    if language == "zh":
        start = f"共 {total} 行"
        if candidates["total"]:
            start = f"{read} 个候选中收录 {admitted} 个"
            start += f"，加上 {'、'.join(given)}，共 {total} 行" if given else ""
        return f"{start}，最终保留 {kept} 行" + (f"：{'，'.join(parts)}。" if parts else "。")
    start = f"Of {total} rows, "
    if candidates["total"]:
        start = f"Of {read} candidates, {admitted} {_were(candidates['admitted'])} admitted; "
        start += f"with {' and '.join(given)} that makes {total} rows, and " if given else ""
    return f"{start}{kept} {_were(rows['kept'])} kept" + (f": {', '.join(parts)}." if parts else ".")


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
