"""Words that carry grammar or politeness more than meaning, in both languages."""

_WORDS = """
a an the this that these those of in on at to for from by with as into about it its is are was were be been being do does did
has have had can could may might will would shall should must and or but if then than so such there here i you we me my your
our us he she they them their his her which what who whom whose how when where why s please kindly just also very some any
each every following below above given provide give make
"""
FUNCTION_WORDS = frozenset(_WORDS.split())
FUNCTION_CHARACTERS = frozenset(
    "的了是在和与及或也都就把将被对给为以于从到这那个些一下上请您你我他她它吗呢吧啊着过得地之其并而且"
)
