"""Words by which two requests that look alike ask for different things, in both languages.

Each set holds alternatives: a request that names one of them is not a request that names another. Spellings of one thing are
separated by "|". A Chinese entry is found anywhere, another one as a whole word, with an ending such as -s, -ed or -ing.
"""

CONTRASTS: tuple[tuple[str, ...], ...] = tuple(
    tuple(line.split())
    for line in """
    advantage|benefit|pro|strength|优点|好处|优势|长处 disadvantage|drawback|con|weakness|缺点|坏处|劣势|短处
    positive|正面|好评|积极|乐观 negative|负面|差评|消极|悲观
    largest|biggest|maximum|max|highest|最大|最高 smallest|minimum|min|lowest|最小|最低
    longest|最长 shortest|最短
    most|最多 least|fewest|最少
    best|最好|最佳 worst|最差|最糟
    first|最先 last|最后
    ascending|升序|递增|从小到大 descending|降序|递减|从大到小
    increase|raise|gain|提高|增加|增强|上升|增重|增大|放大 decrease|reduce|lower|lose|降低|减少|减弱|下降|减重|减小|缩小|减肥
    longer|lengthen|expand|变长|改长|加长|扩写 shorter|shorten|condense|变短|改短|缩短|缩写
    before|之前|以前 after|之后|以后
    for|support|支持|赞成 against|oppose|反对
    formal|正式 informal|casual|随意|口语
    active|主动 passive|被动
    synonym|近义|同义 antonym|opposite|反义|相反
    odd|奇数 even|偶数
    add|sum|plus|相加|之和 subtract|minus|相减|之差 multiply|product|times|相乘|之积 divide|quotient|相除|之商
    buy|purchase|购买|买入 sell|出售|卖出
    import|导入|进口 export|导出|出口
    open|打开 close|关闭
    start|begin|开头|introduction|开始 end|ending|conclusion|结尾|结束
    win|赢 lose|输
    north|northern|北 south|southern|南 east|eastern|东 west|western|西
    summer|夏天|夏季 winter|冬天|冬季 spring|春天|春季 autumn|fall|秋天|秋季
    morning|早上|早晨|上午 evening|night|晚上|夜里 noon|afternoon|中午|下午
    past|过去 present|现在 future|将来|未来
    man|men|male|男 woman|women|female|女
    child|children|kid|儿童|孩子 adult|成年人|成人 student|学生
    noun|名词 verb|动词 adjective|形容词 adverb|副词 pronoun|代词 preposition|介词
    vowel|元音 consonant|辅音
    area|面积 circumference|perimeter|周长 volume|体积 diameter|直径
    date|日期 name|人名|姓名 place|location|地名|地点 price|价格
    grammar|grammatical|语法|语病 spelling|错别字|拼写
    poem|haiku|诗 story|tale|故事|小说 essay|article|散文|作文|文章 letter|信 speech|演讲 review|评论 song|歌
    second|秒 minute|分钟 hour|小时 day|天 week|周|星期 month|个月 year|年
    celsius|摄氏 fahrenheit|华氏 kelvin|开尔文
    kilometre|kilometer|km|公里|千米 mile|英里 metre|meter|米 centimetre|centimeter|cm|厘米 inch|英寸 foot|feet|英尺
    kilogram|kg|公斤|千克 pound|磅 gram|克 ounce|盎司
    dollar|美元 euro|欧元 yuan|rmb|人民币 pound|英镑 yen|日元
    english|英文|英语 chinese|mandarin|中文|汉语 french|法文|法语 german|德文|德语 spanish|西班牙文|西班牙语 italian|意大利文|意大利语 \
    japanese|日文|日语 korean|韩文|韩语 russian|俄文|俄语 portuguese|葡萄牙语 arabic|阿拉伯语 latin|拉丁语
    json csv|逗号分隔 xml yaml html markdown table|表格 list|列表|清单
    string|字符串 integer|整数 float|浮点 array|数组 dictionary|字典
    all|every|each|所有|全部|每 one|single|一个|一颗|一种
    remove|delete|去掉|删除|去除 keep|保留 show|display|显示 add|添加|加上
    true|正确 false|错误
    """.strip().splitlines()
)

NEGATIONS = r"\b(?:not|no|never|without|non|cannot|neither|nor|none|unsafe|un(?:able|likely|healthy))\b|n't\b"
# Not negations: 不同 different, 不仅 not only, 非常 very, 特别 especially, 区别 difference, 无论 whatever, 不超过 at most, 是不是 is it.
CHINESE_NEGATIONS = (
    r"(?<!特)(?<!区)(?<!分)(?<!类)(?<!性)(?<!级)(?<!个)别(?=再|让|用|把|说|写)"
    r"|(.)不\1|不(?!同|仅|但|过|超|断|少于|多|管|论|妨)|没|未(?!来)|无(?!论|线)|非(?!常)|勿"
)
