"""Words that make no difference to what a request asks for, in both languages, and words that say the same."""

# With these a request may open or close: Could you please …, 麻烦您帮我…. In the middle they may be what it is about.
OPENINGS = """
please|kindly|hi|hello|hey|hi there|hello there|dear assistant|ok|okay|so|now|can you|could you|would you|will you
can you please|could you please
would you please|would you mind|i want you to|i need you to|i would like you to|i d like you to|i would like to know
i d like to know
i want to know|i was wondering|i was wondering if|i am curious|can you tell me|could you tell me|do you know|your task is to
your job is to|you should|you need to
help me|help me to|i need your help|tell me|let me know|come up with|think of|think up|i need help to|if you can
if possible|let us|go ahead and|be so kind as to|be so good as to
请问|请|告诉我|请告诉我|给我|您好|你好|麻烦你|麻烦您|麻烦|请你|请您|你能不能|你能|你可以|您能|您可以|能不能|能否|可否|可不可以|可以|帮忙|我想知道|我想请你|我想请您|我想让你
我希望你|你的任务是|劳驾|拜托|拜托你|有劳|烦请|想问一下|想请问|试着|尝试
"""
CLOSINGS = """
please|thanks|thank you|thank you very much|thanks a lot|many thanks|thanks in advance|thank you in advance
if possible|if you can|for me|for us|if you don t mind|if you do not mind
谢谢|谢谢你|谢谢您|多谢|感谢|非常感谢|吗|呢|吧|啊|呀|哦|拜托了|好吗|可以吗|行吗
"""
# Words that make no difference wherever they stand among what is asked. Prepositions of direction, and, or and the question words
# are not among them: they make one.
_WEAK = """
a an the please kindly me my us our you your of for in on at that which this these those some any there it its is are
was were be been do does did will would can could should has have had just also very own following given below above
here as with about what which s one using utilizing utilising 的 请 了 是 你 您 这 那 该 什 么
"""
WEAK = frozenset(_WEAK.split())
# Where they and one word more are all that is asked, these make a difference: "What is on the table?"
PLACES = frozenset(["on", "in", "at", "for", "with", "about"])
# Before these "a" is no article but names something.
NO_NOUNS = frozenset(["and", "or", "not", "from", "to", "in", "is", "than", "by", "plus", "minus", "times", "equals"])
# The same of words of several characters: what only points at what follows.
POINTING = "以下|下面|下列|如下|上述|上面|这个|那个|这些|那些|这段|该段|本段|一些|某些|一下|给定"
# 五个 and 五种, 一首 and 首: by a number a measure word, and 一 itself, make no difference.
MEASURES = frozenset("个份些条项种位首张篇段则件道款句点只部名本座幅家顿杯辆棵朵支间")
# Before them a measure word stands for one: 写首诗 is 写一首诗, 这项技术 is 该技术.
MEASURED = frozenset("一几这那该此写编列造想做讲来画唱")

# What is said of words and forms is meant to the letter: a synonym of "big" is none of "large".
_ABOUT_WORDS = """
synonym synonyms antonym antonyms spell spells spelled spelling spellings misspelled misspelt grammar grammatical
grammatically punctuate punctuation punctuated capitals capitalise capitalize capitalised capitalized capitalisation
capitalization uppercase lowercase plural plurals singular tense tenses verb verbs noun nouns adjective adjectives
adverb adverbs pronoun pronouns prefix prefixes suffix suffixes rhyme rhymes rhyming syllable syllables letters vowel
vowels consonant consonants anagram anagrams palindrome palindromes define defines definition definitions mean means
meaning meanings etymology pronounce pronounced pronunciation translate translates translated translating translation
translations paraphrase paraphrased paraphrasing rephrase rephrased rephrasing rewrite rewrites rewriting rewritten
reword reworded typo typos comma commas marks quote quotes quotation phrase phrases idiom idioms proverb proverbs
acronym acronyms abbreviate abbreviation abbreviations homophone homophones say called difference differences differ
differs compare compares comparing versus vs
"""
ABOUT_WORDS = frozenset(_ABOUT_WORDS.split())
# So are these, unless a number stands before them: "in 100 words", "in two sentences".
COUNTED_WORDS = frozenset(["word", "words", "sentence", "sentences"])
ABOUT_CHARACTERS = (
    "词|字|拼音|语法|语病|标点|翻译|译成|译为|改写|润色|成语|造句|读音|谚语|俗语|意思|含义|区别|差异|不同|比较|怎么说|缩写|简体|繁体|病句|同义|反义"
    "|句子|这句话|改错"
)

CONTRACTIONS = {
    "can't": "can not",
    "cannot": "can not",
    "won't": "will not",
    "shan't": "shall not",
    "n't": " not",
    "let's": "let us",
    "what's": "what is",
    "who's": "who is",
    "how's": "how is",
    "where's": "where is",
    "when's": "when is",
    "that's": "that is",
    "there's": "there is",
    "it's": "it is",
    "here's": "here is",
    "'re": " are",
    "'ve": " have",
    "'ll": " will",
    "'m": " am",
    "'d": " would",
}

# The verbs with which requests begin, by the one that stands for them; elsewhere they differ.
_FIRST = """
write compose draft craft create generate produce formulate construct devise develop design make prepare
give provide supply offer list name suggest recommend propose state mention enumerate present share tell show find identify \
determine decide pinpoint calculate compute
explain describe discuss elaborate clarify illustrate outline
locate detect
summarise summarize condense
classify categorise categorize label
transform convert turn change
fix correct
sort arrange order
"""
_SAME = """
large big huge
find discover
bicycle bike
small little tiny
important key crucial essential vital significant major main
quick fast rapid speedy
quickly rapidly swiftly
simple easy
difficult hard challenging tough
begin start commence
finish complete
buy purchase
help assist aid
kid child children
teenager teen adolescent
comprehensive full
next coming upcoming
film movie
photo photograph
picture image
car automobile
doctor physician
method way approach technique
step stage
tip suggestion advice hint recommendation pointer
benefit advantage upside pro merit
drawback disadvantage downside con
error mistake
problem issue
reason cause
effect impact
idea thought
example instance
fact piece
brief short concise
detailed thorough
famous renowned
popular common
happy glad joyful
beautiful pretty
smart clever intelligent
job occupation
country nation
trip journey
shop store
meal dish
healthy nutritious
exercise workout
reduce decrease lower lessen cut
increase raise boost
improve enhance better
get obtain acquire
use utilise utilize employ
choose select pick
need require
keep maintain
allow permit
stop halt cease
protect safeguard
ensure guarantee
happen occur
various different diverse several
passage paragraph
type kind
characteristic feature trait attribute
consequence result outcome
purpose aim goal objective
individual person people
amount quantity
top best
company firm business organisation organization
employee worker staff
colleague coworker
delete remove
customer client
website site webpage
email mail
currently presently nowadays today
usually typically generally normally
often frequently
approximately about roughly around
whole entire
correct right
incorrect wrong
each every
also too additionally
because since
while whereas
regarding concerning
color colour
organise organize
analyse analyze
favourite favorite
behaviour behavior
centre center
behavioural behavioral
programme program
grey gray
"""


def _standing_for(lists: str) -> dict[str, str]:
    """Each word beside the first of its line, for which it is taken; a word keeps to its first line."""
    found: dict[str, str] = {}
    for first, *others in map(str.split, lists.strip().splitlines()):
        for word in others:
            if word not in found and word != first:
                found[word] = found.get(first, first)
    return found


FIRST_ALIKE = _standing_for(_FIRST)
# What only asks for what follows it: "List five tips", "Write a list of five tips" and "What are five tips?", "Explain how" and "How".
GIVE, EXPLAIN, WRITE = "give", "explain", "write"
QUESTIONS = frozenset(["how", "why", "what", "when", "where", "who", "which"])
SAME_ALIKE = _standing_for(_SAME)
# Also where each word is meant to the letter.
SAID_ALIKE = {
    **dict.fromkeys("与跟及同", "和"),
    "把": "将",
}

# Of a line the first stands for the others. Found anywhere in what is asked; the longest first.
_ASKING = """
写 撰写 编写 写出 创作 创建 生成 拟写 起草 写作 写下 制作 编制 做出 编 编造 构思 构建 构造 想出
给出 提供 列出 列举 举出 说出 提出 罗列
解释 说明 阐述 阐释 讲解 描述 介绍 讲述 叙述 论述 阐明 简述 简介 谈谈 讲讲 说说 谈一谈 讲一讲 说一说 叙说
找出 识别 指出 确定 辨别 辨认 查找 鉴定 鉴别 找到
计算 求出 算出
总结 概括 归纳 总括 概述
如何 怎样 怎么 怎么样 如何才能 怎样才能
为什么 为何 何以 为啥
什么 哪些 啥 何 有哪些 有什么 有何 有啥 是哪个 是哪些
你认为 你觉得 您认为 您觉得 在你看来 在您看来
转换为 转换成 转为 转成 转化为 转化成 转变为 变为 变成 换成 改为 改成
哪里 哪儿 何处 何地 什么地方
"""
_PHRASES = """
方法 办法 方式 途径 做法 手段
重要 关键 主要 重大 至关重要
好处 优点 益处 优势 长处
坏处 缺点 弊端 劣势 害处 不足
建议 提示 小贴士 技巧 窍门 忠告
问题 难题
错误 差错 谬误
原因 缘由 理由 缘故 起因
影响 作用
例子 实例 示例 案例 范例
简短 简要 简洁 扼要 简明
详细 详尽
故事 小故事
著名 有名 知名 闻名
快速 迅速 飞快
提高 提升 改善 增强 改进 增进
减少 降低 减轻 减低 削减
帮助 协助 辅助
使用 利用 运用 采用 应用
需要 需 须要
获得 得到 取得 获取
选择 挑选 选取 选
开始 着手
孩子 小孩 儿童 小朋友
电影 影片
图片 图像
汽车 轿车
医生 大夫 医师
城市 都市
国家 国度
分析 剖析
比如 例如 譬如
因此 所以
但是 不过 然而 可是
以及 和 与 跟 及 还有
关于 有关 围绕 针对 对于
特点 特征 特性 特色
步骤 流程
类型 种类 类别
目的 目标
公司 企业
员工 职员 雇员
顾客 客户
网站 网页
电子邮件 邮件 电邮
旅行 旅游 出游
周 星期 礼拜
食物 食品
餐厅 餐馆
菜谱 食谱
博客 博客文章 博文
数量 总数 个数 数目
当今 如今 今天 目前 当前 现今
根据 按照 依据 依照 基于
引人注目 吸引人
好 良好 不错
家里 家中
"""


def _phrases(lists: str) -> dict[str, str]:
    return {other: line.split()[0] for line in lists.strip().splitlines()[::-1] for other in line.split()}


# The verbs and question words stand for one another also where other words are meant to the letter.
ASKING_ALIKE = _phrases(_ASKING)
PHRASES_ALIKE = _phrases(_PHRASES) | ASKING_ALIKE
