"""Every reason a candidate is rejected or a row is dropped for, in words a reader understands.

`REASONS` is the catalogue; `explain` turns one failed check into a sentence such as
"Too similar to row 12: ROUGE-L 0.83 is above 0.70".
"""

from collections.abc import Mapping
from dataclasses import dataclass

from builder.language import Language
from builder.language.labels import VALUE_LABELS
from builder.schema import Check


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason in both languages.

    Attributes:
        label_en: a short label; `label_zh` is its twin.
        meaning_en: one sentence on what was found; `meaning_zh` is its twin.
        remedy_en: one sentence on what to change where too many go for it; `remedy_zh` is its twin.
    """

    label_en: str
    label_zh: str
    meaning_en: str
    meaning_zh: str
    remedy_en: str
    remedy_zh: str

    def label(self, language: Language) -> str:
        """The label in one language."""
        return self.label_zh if language == "zh" else self.label_en

    def meaning(self, language: Language) -> str:
        """The meaning in one language."""
        return self.meaning_zh if language == "zh" else self.meaning_en

    def remedy(self, language: Language) -> str:
        """The remedy in one language."""
        return self.remedy_zh if language == "zh" else self.remedy_en


_REPLY_REASONS: Mapping[str, Reason] = {
    "bad_reply": Reason(
        "Unusable reply",
        "回复无法使用",
        "The endpoint answered, but not with a chat completion: an error page, an empty list or no text.",
        "接口有返回，但不是一条正常的对话回复，而是错误页、空列表或没有文字。",
        "Look at how such replies begin, in the report's examples, and at the endpoint's own log.",
        "请看报告示例中这类回复的开头，并查看服务端日志。",
    ),
    "refused_prompt": Reason(
        "Prompt refused",
        "提示词被拒",
        "The endpoint did not take the prompt: its filter refused the text, or it is too long. It is not sent again.",
        "接口没有接受这条提示词：内容被审核拦下，或者超出长度。不会再次发送。",
        "Look for seed tasks that a filter refuses; lower growth.demonstrations or growth.chunk_words where prompts are too long.",
        "检查是否有种子任务会触发内容审核；若提示词太长，可调低 growth.demonstrations 或 growth.chunk_words。",
    ),
    "cut_by_length": Reason(
        "Cut off by length",
        "超出长度被截断",
        "The reply hit the token limit, so its last task is incomplete and was not guessed at.",
        "回复达到 token 上限，最后一个任务不完整，不作猜测补全。",
        "Raise teacher.max_tokens or ask for fewer tasks with growth.tasks_per_request.",
        "调高 teacher.max_tokens，或用 growth.tasks_per_request 减少每次索取的任务数。",
    ),
    "not_json": Reason(
        "Not readable as JSON",
        "不是可读的 JSON",
        "The reply was meant to be JSON and could not be read as such.",
        "约定返回 JSON，但内容无法按 JSON 解析。",
        "Set teacher.response_format to json_object where the endpoint supports it, or lower the temperature.",
        "若接口支持，请把 teacher.response_format 设为 json_object，或调低温度。",
    ),
    "empty_reply": Reason(
        "No task in it",
        "回复里没有任务",
        "The reply holds no task: an empty list, or no text at all.",
        "回复中没有任务：列表为空，或没有任何文字。",
        "A stronger teacher or a higher temperature helps; so do wider categories, where it has no more ideas for one.",
        "换用更强的教师模型或调高温度会有改善；若某个类别已想不出新任务，可放宽类别。",
    ),
    "not_a_task": Reason(
        "Not a task",
        "不是一个任务",
        "The entry lacks the fields of a task, or they hold something other than text.",
        "该条目缺少任务应有的字段，或字段内容不是文本。",
        "A stronger teacher or fewer tasks in one request usually helps.",
        "换用能力更强的教师模型，或减少每次请求的任务数，通常就能改善。",
    ),
    "evolution_failed": Reason(
        "Evolution failed",
        "演化失败",
        "The task that should have grown deeper or broader is its parent again, has no answer, or repeats the prompt.",
        "本应更深或更广的任务与原任务雷同、没有答案，或照抄了提示语。",
        "A stronger teacher or a higher temperature helps; long parents leave little room to evolve.",
        "换用更强的教师模型或调高温度会有改善；原任务太长时，可演化的余地不大。",
    ),
    "phrasing_changed": Reason(
        "Says something else",
        "换说法变了意思",
        "Another way to ask for a task lost or changed one of its numbers, quotations or labels.",
        "换一种说法时，丢失或改动了原任务中的数字、引文或标签。",
        "Fewer growth.phrasings_per_task give more faithful ones.",
        "调低 growth.phrasings_per_task，说法会更忠实。",
    ),
    "not_a_dialogue": Reason(
        "Not a dialogue",
        "不是一段对话",
        "The turns do not alternate between user and assistant, are too few or too many, or hold no text.",
        "各轮没有在用户与助手之间交替，轮数过少或过多，或者内容为空。",
        "A stronger teacher usually helps; raise teacher.max_tokens where dialogues are cut.",
        "换用更强的教师模型通常就能改善；若对话被截断，请调高 teacher.max_tokens。",
    ),
    "refused_reply": Reason(
        "Teacher refused",
        "教师模型拒绝",
        "The teacher declined the whole request instead of writing tasks.",
        "教师模型拒绝了整个请求，没有写出任务。",
        "Look for seed tasks that provoke refusals, or drop the category from growth.categories.",
        "检查是否有种子任务引发拒绝，或从 growth.categories 中去掉相应类别。",
    ),
    "empty_instruction": Reason(
        "Empty instruction",
        "指令为空",
        "The task came without an instruction.",
        "该任务没有指令。",
        "Nothing to change unless it happens often; then ask for fewer tasks in one request.",
        "偶尔出现不必处理；若频繁出现，请减少每次请求的任务数。",
    ),
    "empty_answer": Reason(
        "Empty answer",
        "回答为空",
        "The task came without an answer.",
        "该任务没有回答。",
        "Raise teacher.max_tokens, or ask for fewer tasks in one request.",
        "调高 teacher.max_tokens，或减少每次请求的任务数。",
    ),
    "answer_equals_input": Reason(
        "Repeats the input",
        "回答照抄输入",
        "The answer is the input again, word for word.",
        "回答与输入一字不差。",
        "Common for rewriting tasks with weak teachers; a stronger one helps.",
        "教师模型较弱时，改写类任务常见此问题，换用更强的模型即可改善。",
    ),
    "answer_ends_with_colon": Reason(
        "Stops at a colon",
        "回答停在冒号处",
        "The answer announces something with a colon and ends there.",
        "回答以冒号引出下文，却就此结束。",
        "Raise teacher.max_tokens; the list or code after the colon was left out.",
        "调高 teacher.max_tokens；冒号后面的列表或代码没有写出来。",
    ),
    "conflicting_answers": Reason(
        "Conflicting answers",
        "回答互相矛盾",
        "The task gives different answers to the same input, so at least one is wrong.",
        "同一任务对同一输入给出不同回答，至少有一个不对。",
        "Lower teacher.temperature or growth.instances_per_task.",
        "调低 teacher.temperature 或 growth.instances_per_task。",
    ),
    "not_grounded": Reason(
        "Not in the document",
        "原文没有依据",
        "The quote is not in the document's text, or the answer holds numbers, names or content that the text does not carry.",
        "引文不在文档原文里，或者回答中有原文没有的数字、名称或内容。",
        "A stronger teacher helps; so do fewer tasks in one request where growth.chunk_words is small.",
        "换用能力更强的教师模型；若 growth.chunk_words 较小，可减少每次请求的任务数。",
    ),
    "not_self_contained": Reason(
        "Needs a text not given",
        "指向不在场的文本",
        "The instruction speaks of a text that the row does not hold.",
        "指令提到了某段文本，但这一行里并没有它。",
        "Set growth.include_document to true, so that the passage becomes the input.",
        "把 growth.include_document 设为 true，让该段文字作为输入。",
    ),
    "wrong_language": Reason(
        "Wrong language",
        "语言与要求不符",
        "The task is not in the language that the request asked for.",
        "任务所用语言与请求要求的不一致。",
        "Check that the seeds hold enough tasks in each language of growth.languages.",
        "请确认种子中 growth.languages 的每种语言都有足够的任务。",
    ),
}

_ROW_REASONS: Mapping[str, Reason] = {
    "instruction_too_short": Reason(
        "Instruction too short",
        "指令过短",
        "The instruction has too few words to say what is wanted.",
        "指令字数太少，说不清要做什么。",
        "Lower filters.min_instruction_words if short instructions are fine here.",
        "若短指令可以接受，请调低 filters.min_instruction_words。",
    ),
    "instruction_too_long": Reason(
        "Instruction too long",
        "指令过长",
        "The instruction has more words than a task needs; often data slipped into it.",
        "指令字数超过一般任务所需，往往是把数据写进了指令。",
        "Raise filters.max_instruction_words if long instructions are fine here.",
        "若长指令可以接受，请调高 filters.max_instruction_words。",
    ),
    "prompt_too_long": Reason(
        "Prompt too long",
        "提示过长",
        "Everything before the last answer together has too many words.",
        "最后一个回答之前的全部内容合计字数过多。",
        "Raise filters.max_prompt_words if your model's context allows it.",
        "若模型的上下文长度允许，请调高 filters.max_prompt_words。",
    ),
    "labelled_bad": Reason(
        "Labelled as bad",
        "标记为差回答",
        "The source labels the answer as bad (`label: false`), so it is never published as a good one.",
        "源文件把这条回答标记为差（`label: false`），因此绝不会当作好回答发布。",
        "A good answer to the same prompt in the file takes it as its `rejected`; if the column says something else, give it "
        "another name with --map, such as category=label.",
        "同一文件里若有对同一提示的好回答，它会成为其 `rejected`；若该列另有含义，请用 --map 另行指定，例如 category=label。",
    ),
    "no_question": Reason(
        "No question",
        "没有提问",
        "An answer stands there without a question: no user turn before it says anything.",
        "只有回答而没有提问：前面的用户轮次没有任何内容。",
        "Check how the source file marks its questions; in a sheet with merged cells, fill them down.",
        "请检查源文件如何标记提问；表格中若有合并单元格，请先取消合并并向下填充。",
    ),
    "missing_picture": Reason(
        "Picture missing",
        "图片缺失",
        "A picture of the row is a path to no file on this machine.",
        "该行有一张图片的路径在本机上没有对应的文件。",
        "Put the pictures where the source file says, relative to its own folder, and import it again; where they are elsewhere on "
        "purpose, set filters.drop_missing_pictures to false.",
        "请把图片放到源文件所写的位置（相对路径从源文件所在的文件夹算起）后重新导入；若图片本来就在别处，"
        "请把 filters.drop_missing_pictures 设为 false。",
    ),
    "nothing_to_train_on": Reason(
        "Nothing to train on",
        "没有可训练的轮次",
        "Every assistant turn has weight 0 (or `train: false`).",
        "每一轮助手回复的权重都是 0（或 `train: false`）。",
        "Give at least one assistant turn a weight of 1 in the source file.",
        "请在源文件中至少把一轮助手回复的权重设为 1。",
    ),
    "no_answer": Reason(
        "No answer",
        "没有回答",
        "The conversation holds no assistant turn to learn from.",
        "对话中没有可供学习的助手回复。",
        "Check how the source file marks its answers.",
        "请检查源文件如何标记回答。",
    ),
    "answer_too_short": Reason(
        "Answer too short",
        "回答过短",
        "The answer has fewer words than the setting asks for.",
        "回答字数低于设定的下限。",
        "Lower filters.min_answer_words if one-word answers are wanted.",
        "若需要单字或单词回答，请调低 filters.min_answer_words。",
    ),
    "answer_too_long": Reason(
        "Answer too long",
        "回答过长",
        "The answer has more words than the setting allows.",
        "回答字数超过设定的上限。",
        "Raise filters.max_answer_words if your model can learn from such answers.",
        "若模型能够学习这样长的回答，请调高 filters.max_answer_words。",
    ),
    "repetitive": Reason(
        "Repeats itself",
        "内容重复",
        "Most of the answer repeats what it already said, as a model caught in a loop does.",
        "回答大部分在重复前文，像是模型陷入了循环。",
        "Raise filters.max_repetition for tables and lists; otherwise lower the teacher's temperature.",
        "若多为表格或列表，请调高 filters.max_repetition；否则请调低教师模型的温度。",
    ),
    "refusal": Reason(
        "Refuses to answer",
        "拒绝回答",
        "The answer declines the task or says that a language model cannot do it.",
        "回答推辞任务，或声称语言模型做不到。",
        "Set filters.drop_refusals to false to teach refusals on purpose.",
        "若有意让模型学会拒绝，请把 filters.drop_refusals 设为 false。",
    ),
    "language_mismatch": Reason(
        "Language mismatch",
        "回答语言不一致",
        "The answer is in another language than the prompt, and the task does not ask for that.",
        "回答与提示的语言不同，而任务并未要求如此。",
        "Set filters.drop_language_mismatch to false to keep such rows.",
        "若要保留，请把 filters.drop_language_mismatch 设为 false。",
    ),
    "language_not_wanted": Reason(
        "Language not wanted",
        "不需要的语言",
        "The row is in a language that filters.languages does not list.",
        "该行的语言不在 filters.languages 之列。",
        "Add the language to filters.languages.",
        "把该语言加入 filters.languages。",
    ),
    "wrong_answer": Reason(
        "Wrong answer",
        "答案错误",
        "The answer was checked against its key and is not right.",
        "已按答案要点核对，回答不正确。",
        "Set filters.drop_wrong_answers to false to keep them, for instance to study them.",
        "若要保留（例如用于研究），请把 filters.drop_wrong_answers 设为 false。",
    ),
    "defect": Reason(
        "Known defect",
        "常见缺陷",
        "The row has a defect of a known class, such as a text that is not there or an answer that says nothing.",
        "该行有一种常见缺陷，例如指向不在场的文本，或回答没有内容。",
        "Take the class out of filters.drop_defects to keep such rows; `seedbed signals` explains the classes.",
        "若要保留，请从 filters.drop_defects 中去掉相应类别；`seedbed signals` 说明各类别。",
    ),
    "private_data": Reason(
        "Private data",
        "含个人信息或密钥",
        "A turn holds personal data or a secret, such as an identity number, a card number or a key.",
        "对话中含有个人信息或密钥，例如身份证号、银行卡号或访问密钥。",
        "`seedbed redact` puts a row without them in its place; or take the kind out of filters.drop_privacy.",
        "`seedbed redact` 会换上一行脱敏后的数据；也可从 filters.drop_privacy 中去掉相应类型。",
    ),
    "redacted": Reason(
        "Replaced by its redaction",
        "已换成脱敏后的行",
        "The row held personal data or secrets; a new row, in which placeholders stand for them, takes its place.",
        "该行含有个人信息或密钥，已由一行用占位符代替这些内容的新数据取代。",
        "To publish the row as it is, keep it in a review and drop its redaction in another.",
        "若要原样发布，请在审核中保留该行，并剔除它的脱敏行。",
    ),
    "unsafe": Reason(
        "Unsafe content",
        "不安全内容",
        "The answer goes along with violence, self-harm, sexual content, an illegal act or hate.",
        "回答顺从了暴力、自残、色情、违法行为或仇恨内容。",
        "Set filters.drop_unsafe to false to keep such rows, for instance to study them.",
        "若要保留（例如用于研究），请把 filters.drop_unsafe 设为 false。",
    ),
    "wrong_sum": Reason(
        "Wrong sum",
        "算式有误",
        "A sum in the answer was computed again and is wrong.",
        "重新计算后，回答中的算式不成立。",
        "Set filters.drop_wrong_sums to false to keep such rows.",
        "若要保留，请把 filters.drop_wrong_sums 设为 false。",
    ),
    "answers_disagree": Reason(
        "Blind answers disagree",
        "重新作答结果不一致",
        "The teacher answered the task again without seeing this answer, and too few of the answers say the same.",
        "让教师模型在看不到该答案的情况下重新作答，与之一致的次数太少。",
        "Lower checks.agreement.threshold, or turn on checks.repair to have such answers written anew.",
        "调低 checks.agreement.threshold，或开启 checks.repair，让这类答案重写一次。",
    ),
    "judged_poor": Reason(
        "Marked too low",
        "评分过低",
        "The judge marked the answer below the score that is asked for, from 1 (wrong) to 5 (right and complete).",
        "评审打出的分数低于要求（1 分为答错，5 分为正确完整）。",
        "Lower checks.judge.min_score, or turn on checks.repair to have such answers written anew. A row that was judged later, "
        "by `seedbed judge`: lower filters.min_judge_score.",
        "调低 checks.judge.min_score，或开启 checks.repair，让这类答案重写一次。若是事后用 `seedbed judge` 评的分，"
        "请调低 filters.min_judge_score。",
    ),
    "blocked_word": Reason(
        "Blocked word",
        "含屏蔽词",
        "The instruction holds a blocked word, such as one that asks to see or draw a picture.",
        "指令含有屏蔽词，例如要求看图或画图。",
        "Change filters.blocked_words.",
        "请修改 filters.blocked_words。",
    ),
    "starts_with_write_a_program": Reason(
        "Starts “Write a program”",
        "以“Write a program”开头",
        "Self-Instruct drops instructions that begin so, since models overuse it.",
        "Self-Instruct 会去掉这样开头的指令，因为模型过于爱用它。",
        "A rule of growth.preset; leave the preset out to keep such tasks.",
        "这是 growth.preset 的规则；不用预设即可保留。",
    ),
    "starts_with_punctuation": Reason(
        "Starts with punctuation",
        "以标点开头",
        "Self-Instruct drops instructions whose first character is an ASCII punctuation mark.",
        "Self-Instruct 会去掉第一个字符是 ASCII 标点的指令。",
        "A rule of growth.preset; leave the preset out to keep such tasks.",
        "这是 growth.preset 的规则；不用预设即可保留。",
    ),
    "starts_with_non_ascii": Reason(
        "Starts with non-ASCII",
        "以非 ASCII 字符开头",
        "Self-Instruct drops instructions whose first character is outside ASCII.",
        "Self-Instruct 会去掉第一个字符不是 ASCII 的指令。",
        "A rule of growth.preset; leave the preset out for other scripts than Latin.",
        "这是 growth.preset 的规则；非拉丁文字请不要使用预设。",
    ),
    "input_ends_with_colon": Reason(
        "Input stops at a colon",
        "输入停在冒号处",
        "Self-Instruct drops instances whose input ends with a colon, as unfinished.",
        "Self-Instruct 会去掉输入以冒号结尾的实例，视为未写完。",
        "A rule of growth.preset; leave the preset out to keep such instances.",
        "这是 growth.preset 的规则；不用预设即可保留。",
    ),
    "exact_duplicate": Reason(
        "Exact duplicate",
        "完全重复",
        "The row says the same as a kept one, apart from case, width and spacing at most.",
        "与某个已保留的行相同，至多有大小写、全半角或空白的差别。",
        "Nothing to change; the kept twin is in the data.",
        "无需处理，相同的那一行已经保留。",
    ),
    "too_similar": Reason(
        "Too similar",
        "过于相似",
        "A kept row asks for the same, or is so close by ROUGE-L, that this one teaches little new.",
        "某个已保留的行问的是同一件事，或按 ROUGE-L 过于接近，本行几乎没有新内容。",
        "Raise novelty.threshold (novelty.threshold_characters for Chinese) to keep more, or widen the seeds to grow wider.",
        "想多保留，请调高 novelty.threshold（中文为 novelty.threshold_characters）；想更多样，请丰富种子和类别。",
    ),
    "same_meaning": Reason(
        "Says the same",
        "意思相同",
        "A kept row asks for the same in other words, as the encoder's vectors say.",
        "按编码器的向量判断，某个已保留的行用别的话提出了同样的要求。",
        "Raise meaning.threshold to keep more, or set meaning.encoder: none to compare words alone.",
        "想多保留，请调高 meaning.threshold；只比较字面，请设 meaning.encoder: none。",
    ),
    "other_phrasing": Reason(
        "Published in other words",
        "已发布其他说法",
        "The row asks for a task that a kept row asks for in other words, with the same input.",
        "已保留的某一行用另一种说法问了同一任务，输入也相同。",
        "Raise balance.phrasings to publish more ways to ask for one task.",
        "想多发布几种说法，请调高 balance.phrasings。",
    ),
    "contaminated": Reason(
        "Overlaps a benchmark",
        "与评测集重叠",
        "Part of the row is in a held-out file, so a score on that file would mean little.",
        "该行部分内容出现在评测文件中，会使评测分数失去意义。",
        "Keep these out; contamination.ngram sets how long an overlap must be.",
        "不应保留；contamination.ngram 决定多长的重叠才算。",
    ),
    "over_cap": Reason(
        "Its cell is full",
        "所属类别已满",
        "Its category and language already hold as many rows as the balance allows.",
        "所属的类别与语言已达到配比上限。",
        "Raise balance.max_share or the cell's entry in balance.caps.",
        "调高 balance.max_share，或 balance.caps 中对应的上限。",
    ),
    "over_quota": Reason(
        "Its quota is full",
        "所属配额已满",
        "One more row like it would take the mix further from balance.quotas than one point.",
        "再留一行这样的数据，配比就会偏离 balance.quotas 一个百分点以上。",
        "Raise its share in balance.quotas, or let the growth go on until the other cells have caught up.",
        "调高 balance.quotas 中对应的比例，或继续生长，等其他部分补齐。",
    ),
    "over_target": Reason(
        "Beyond the target",
        "超出目标数量",
        "The row is fine, but the target was already met.",
        "该行本身合格，但目标数量已经达到。",
        "Raise target to keep more.",
        "想多保留，请调高 target。",
    ),
    "seed": Reason(
        "Seed, not published",
        "种子，不发布",
        "A human-written seed task: it starts the growth and stays out of the published data.",
        "人工编写的种子任务，只用作生长的起点，不进入发布数据。",
        "Set seeds.publish to true to publish the seeds too.",
        "若要一并发布种子，请把 seeds.publish 设为 true。",
    ),
    "reviewed_drop": Reason(
        "Dropped by a reviewer",
        "人工审核剔除",
        "A person looked at the row and decided against it.",
        "有人看过这一行并决定不用。",
        "A later review of the same row overrides this one.",
        "对同一行再次审核即可改变决定。",
    ),
    "edited": Reason(
        "Edited by a reviewer",
        "已由人工修改",
        "A person changed the row's text; a new row with the new text takes its place.",
        "有人修改了该行的内容，由修改后的新数据取代。",
        "Undo the edit in `seedbed review`, or review the row again.",
        "在 `seedbed review` 中撤销修改，或再次审核该行。",
    ),
    "edit_withdrawn": Reason(
        "Edit taken back",
        "修改已撤回",
        "The row is a person's edit of another row, and that edit no longer holds.",
        "该行是对另一行的人工修改，而这次修改已不再有效。",
        "Make the edit again in `seedbed review` to have the row back.",
        "若要恢复该行，请在 `seedbed review` 中重新修改。",
    ),
}

REASONS: Mapping[str, Reason] = {**_REPLY_REASONS, **_ROW_REASONS}

# What was measured against what: {v} the value, {t} the threshold.
_MEASURES: Mapping[str, tuple[str, str]] = {
    "instruction_too_short": ("{v} of at least {t} words", "{v} 字，至少应有 {t} 字"),
    "instruction_too_long": ("{v} of at most {t} words", "{v} 字，最多允许 {t} 字"),
    "prompt_too_long": ("{v} of at most {t} words", "{v} 字，最多允许 {t} 字"),
    "answer_too_short": ("{v} of at least {t} words", "{v} 字，至少应有 {t} 字"),
    "answer_too_long": ("{v} of at most {t} words", "{v} 字，最多允许 {t} 字"),
    "repetitive": ("a share of {v} is repeated, above {t}", "重复比例 {v}，高于 {t}"),
    "too_similar": ("ROUGE-L {v} is above {t}", "ROUGE-L {v}，高于 {t}"),
    "same_meaning": ("cosine {v}, the limit is {t}", "余弦 {v}，界限 {t}"),
    "contaminated": ("{v} tokens in a row match, the limit is {t}", "连续 {v} 个词元相同，界限为 {t}"),
    "answers_disagree": ("a share of {v} agrees, below {t}", "一致的比例为 {v}，低于 {t}"),
    "judged_poor": ("marked {v}, below {t}", "得 {v} 分，低于 {t} 分"),
    "over_cap": ("number {v} where {t} fit", "第 {v} 行，上限 {t}"),
    "over_quota": ("number {v} where {t} fit", "第 {v} 行，上限 {t}"),
    "over_target": ("number {v} where the target is {t}", "第 {v} 行，目标 {t}"),
    "other_phrasing": ("number {v} where {t} may be published", "第 {v} 种说法，最多发布 {t} 种"),
}
# Of requests of which one is imported: not how alike the texts are, but what they ask (`builder.curation.asking`).
_ASKED = "asked: "
_ASKED_MEASURE = ("{v} of what is asked is the same, above {t}", "所问内容有 {v} 相同，高于 {t}")
_OTHER_MEASURE = ("{v} against {t}", "{v}，界限 {t}")
_COLLISIONS: Mapping[str, tuple[str, str]] = {
    "too_similar": ("Too similar to row {of}", "与第 {of} 行过于相似"),
    "exact_duplicate": ("The same as row {of}", "与第 {of} 行完全重复"),
    "edited": ("Edited as row {of}", "修改后为第 {of} 行"),
    "redacted": ("Redacted as row {of}", "脱敏后为第 {of} 行"),
    "same_meaning": ("Says the same as row {of}", "与第 {of} 行意思相同"),
    "other_phrasing": ("Asks for the task of row {of} in other words", "与第 {of} 行是同一任务的不同说法"),
}
_OTHER_COLLISION = ("{label} (row {of})", "{label}（第 {of} 行）")
_EVIDENCE_CHARACTERS = 160


def reason_for(key: str) -> Reason:
    """The reason of that key; a key that this version does not know is its own label, so that its rows stay counted."""
    unknown = Reason(
        key.replace("_", " "), key, "Added by another version of Seedbed.", "来自其他版本的 Seedbed。", "", ""
    )
    return REASONS.get(key, unknown)


def explain(check: Check, language: Language) -> str:
    """One failed check as one sentence: what is wrong, the row it collides with, value, threshold and evidence."""
    native = 1 if language == "zh" else 0
    label = reason_for(check.reason).label(language)
    if check.of is not None:
        label = _COLLISIONS.get(check.reason, _OTHER_COLLISION)[native].format(label=label, of=check.of)
    parts = [label]
    if check.value is not None and check.threshold is not None:
        value, threshold = _legible(float(check.value), float(check.threshold))
        measured = _ASKED_MEASURE if check.evidence.startswith(_ASKED) else _MEASURES.get(check.reason, _OTHER_MEASURE)
        parts.append(measured[native].format(v=value, t=threshold))
    evidence = " ".join(check.evidence.split())
    kinds, arrow, found = evidence.partition(" → ")
    if native and arrow and all(kind in VALUE_LABELS for kind in kinds.split(", ")):
        evidence = "、".join(VALUE_LABELS[kind][native] for kind in kinds.split(", ")) + arrow + found
    if len(evidence) > _EVIDENCE_CHARACTERS:
        evidence = evidence[: _EVIDENCE_CHARACTERS - 1] + "…"
    sentence = ("：" if native else ": ").join(parts)
    if evidence:
        sentence += f"（“{evidence}”）" if native else f" (“{evidence}”)"
    return sentence


def _legible(value: float, threshold: float) -> tuple[str, str]:
    """Both numbers with as many decimals as it takes to tell them apart: 0.7004 against 0.7 is not 0.70 against 0.70."""
    if value.is_integer() and threshold.is_integer() and max(abs(value), abs(threshold)) > 1:
        return f"{int(value):,}", f"{int(threshold):,}"
    for decimals in range(2, 7):
        pair = f"{value:.{decimals}f}", f"{threshold:.{decimals}f}"
        if pair[0] != pair[1] or value == threshold:
            return pair
    return repr(value), repr(threshold)
