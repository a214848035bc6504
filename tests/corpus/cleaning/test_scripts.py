"""Every word-based step on writing without spaces, on emoji, and on what is no text."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from stemma.config import build
from stemma.corpus.cleaning.quality import _MEASURES, Page, failed_limit
from stemma.corpus.cleaning.words import WHOLE, combine, ngrams, runs, shingles, words_of
from stemma.corpus.duplicates.minhash import signatures
from stemma.corpus.settings import QualitySettings

CONF = Path(__file__).parents[3] / "conf/prepare/default.yaml"
DEFAULT = build(QualitySettings, yaml.safe_load(CONF.read_text())["quality"], "test")

TEXTS = {
    "Chinese": "床前明月光，疑是地上霜。举头望明月，低头思故乡。",  # noqa: RUF001
    "Chinese, short": "今天天气很好，我们去公园玩吧。",  # noqa: RUF001
    "Chinese, spoken": "谢谢你，我很好，你呢？",  # noqa: RUF001
    "Chinese, laughing": "哈哈哈哈哈哈哈 太好笑了吧",
    "Chinese, with Latin letters": "我的 iPhone 15 坏了，A B C 三个选项都试过了。",  # noqa: RUF001
    "Chinese, rare ideographs": "𠀀𠀁𠀂𠀃𠀄𠀅𠮷野家",
    "Japanese": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "Japanese, half width": "ﾜｶﾞﾊｲﾊﾈｺﾃﾞｱﾙ",
    "Thai": "วันนี้อากาศดีมาก เราไปเที่ยวสวนสาธารณะกันเถอะ",
    "Lao": "ພາສາລາວເປັນພາສາທາງການຂອງປະເທດລາວ",
    "Khmer": "ភាសាខ្មែរជាភាសាផ្លូវការរបស់ប្រទេសកម្ពុជា",
    "Burmese": "မြန်မာနိုင်ငံသည် အရှေ့တောင်အာရှ၏ ကျွန်းဆွယ်တွင် တည်ရှိသည်။",
    "Javanese": "ꦲꦏ꧀ꦱꦫꦗꦮꦲꦏ꧀ꦱꦫ",
    "Tibetan": "བོད་ཡིག་ནི་བོད་མིའི་སྐད་ཡིག་ཡིན།",
    "Yi": "ꆈꌠꁱꂷꆈꌠꉙꅉꀕ",
    "Korean": "오늘 날씨가 정말 좋네요. 공원에 가요.",
    "Korean, short words": "나 이 책 참 좋다 너 꼭 봐",
    "Hindi": "आज मौसम बहुत अच्छा है",
    "Amharic": "አማርኛ የኢትዮጵያ ፌዴራላዊ ዲሞክራሲያዊ ሪፐብሊክ ቋንቋ ነው",
    "emoji": "😀😃😄😁😆😅🤣😂🙂🙃",
    "emoji of several characters": "❤️ ☀️ ⭐ ✨ 🎉 👍🏽 👩‍👩‍👧 🇩🇪",
    "English and emoji": "I love it so much 😍😍😍😍😍😍😍😍",
    "Chinese and emoji": "今天好开心😀去吃火锅🍲啦",
    "letters for mathematics": "𝕿𝖍𝖊 𝖖𝖚𝖎𝖈𝖐 𝖇𝖗𝖔𝖜𝖓 𝖋𝖔𝖝 𝖏𝖚𝖒𝖕𝖘",  # noqa: RUF001
    "Adlam": "𞤀𞤣𞤤𞤢𞤥 𞤆𞤵𞤤𞤢𞤪 𞤆𞤵𞤤𞤢𞤪 𞤣𞤫 𞤳𞤢",
}
NONE = {
    "punctuation": "。。。！！！，，，、、、",  # noqa: RUF001
    "boxes": "■■□□▲▼──────░░▒▒",
    "digits": "12 34 56 78 90 11",
    "digits of full width": "１２３ ４５６ ７８９ １ ２",  # noqa: RUF001
    "a word again and again": "测试测试测试测试测试测试测试测试",
    "a Thai word again and again": "ทดสอบ" * 20,
    "one ideograph": "你你你你你你你你",
    "one emoji": "😂" * 20,
    "two emoji": "😂😭" * 20,
    "what could not be decoded": "\ufffd" * 30,
    "private use": "\U000f0000\U000f0001\U000f0002" * 10,
    "letters apart": "a b c d e f g h",
    "letters apart and an ideograph": "a b c d e f g 中",
}
SPACED = ("Korean", "Hindi", "Amharic", "Adlam", "Tibetan", "letters for mathematics")


@pytest.mark.parametrize("name", list(TEXTS))
def test_text_is_kept_by_default_in_every_script(name):
    assert failed_limit(Page(TEXTS[name], words_of(TEXTS[name])), DEFAULT) is None


@pytest.mark.parametrize("name", list(NONE))
def test_what_is_no_text_is_dropped_by_default(name):
    assert failed_limit(Page(NONE[name], words_of(NONE[name])), DEFAULT) is not None


def test_a_character_with_its_marks_is_one_word_and_so_is_a_run_of_one_character():
    assert words_of("กี่มี").lengths.tolist() == [3, 2]
    assert words_of("မြ").lengths.tolist() == [2]
    assert words_of("👍🏽👍🏽").lengths.tolist() == [2, 2]
    assert len(words_of("谢谢你")) == 2 and words_of("谢谢").hashes != words_of("谢").hashes
    assert words_of("中文abc 12字").lengths.tolist() == [1, 1, 3, 2, 1]
    assert words_of("中文abc 12字").alphabetic.tolist() == [True] * 3 + [False, True]


@pytest.mark.parametrize("name", list(TEXTS))
def test_words_of_scripts_without_spaces_are_parts_of_words(name):
    shares = words_of(TEXTS[name]).shares
    if name.split(",")[0] in SPACED:
        assert (shares == WHOLE).all()
    elif "Latin" not in name and "English" not in name:
        assert (shares < WHOLE).all()


def test_an_ngram_takes_as_many_characters_as_make_its_words():
    chinese, thai = words_of("天地玄黄宇宙洪荒日月盈昃"), words_of("กขคงจฉชซญดตถ")
    assert runs(chinese, 3).tolist() == [6, 7, 8, 9, 10, 11, 12]
    assert runs(thai, 3).tolist() == [9, 10, 11, 12]
    assert runs(words_of("one 天地 two three"), 2).tolist() == [3, 4, 5, 5]
    assert len(runs(words_of("天地玄"), 2)) == 0 and len(shingles(words_of("天地玄"), 2, 0)) == 1


def test_ngrams_of_whole_words_have_the_hashes_that_older_manifests_have():
    hashes = words_of("to be or not to be that is the question").hashes
    expected = combine([hashes[place : place + 6] for place in range(5)])
    assert np.array_equal(ngrams(words_of("to be or not to be that is the question"), 5), expected)


@pytest.mark.parametrize("name", ["Chinese", "Thai", "Khmer", "Burmese", "Japanese"])
def test_similar_texts_are_found_and_others_are_not(name):
    text, other = TEXTS[name], TEXTS["Chinese" if name != "Chinese" else "Thai"]
    sets = [shingles(words_of(one), 5, 0) for one in (text, text[1:], other)]
    made = signatures(sets, 256)
    assert (made[0] == made[1]).mean() > 0.7 and (made[0] == made[2]).mean() < 0.05


def test_repetition_is_measured_over_words_and_not_over_characters():
    # Two-character words that come twice are a repeated bigram only if two of them do.
    measure = dict(_MEASURES)["max_top_2gram_characters"]
    assert measure(Page("", words_of("好的吗好的呢我们走了"))) == 0
    assert measure(Page("", words_of("好的我们吗好的我们呢"))) == pytest.approx(0.8)
    duplicates = dict(_MEASURES)["max_duplicate_5gram_characters"]
    assert duplicates(Page("", words_of("天地玄黄宇宙洪荒日月" * 2))) == pytest.approx(0.5)
