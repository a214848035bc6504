"""Templates of the kinds that people have: our tokens are those of transformers, whatever is said.

Which tokens an assistant writes is said by hand for each.
"""

import itertools
import json
from pathlib import Path

import pytest
import tiny
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from stemma.corpus.documents import Part
from stemma.corpus.task import IGNORED
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.corpus.tokenizer.pretrained import load_pretrained
from stemma.corpus.tokenizer.settings import PretrainedTokenizer
from stemma.errors import DataError
from stemma.files import read_json, write_json
from stemma.tasks.chat.encoding import ChatTemplate

TURNS = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Thoughts of earlier answers are left out, and the last answer has some, if only empty ones.
THINKING = """\
{%- set ns = namespace(open=true, last=-1) %}
{%- for message in messages[::-1] %}
    {%- if ns.open and message.role == 'user' %}
        {%- set ns.open = false %}
        {%- set ns.last = messages|length - 1 - loop.index0 %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content %}
    {%- set thought = '' %}
    {%- if message.role == 'assistant' and '</think>' in content %}
        {%- set thought = content.split('</think>')[0].split('<think>')[-1].strip('\\n') %}
        {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
    {%- endif %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.role == 'assistant' and loop.index0 > ns.last %}
        {{- '<think>\\n' + thought + '\\n</think>\\n\\n' }}
    {%- endif %}
    {{- content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}"""
# An answer is asked for with the beginning of a thought that no answer is laid out with.
ASKED_TO_THINK = """\
{% for message in messages %}{% if message.role == 'user' %}<|im_start|>{{ message.content }}\
{% else %}<|im_start|>A:{{ message.content.split('</think>')[-1] }}<|im_end|>{% endif %}\
{% endfor %}{% if add_generation_prompt %}<|im_start|>A:<think>
{% endif %}"""
# The system's message goes into the user's first.
MERGED = """\
{{ bos_token }}{% set first = '' %}{% set turns = messages %}\
{% if messages[0].role == 'system' %}{% set first = messages[0].content + '\\n\\n' %}\
{% set turns = messages[1:] %}{% endif %}\
{% for message in turns %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}\
{{ raise_exception('roles must alternate') }}{% endif %}\
<|im_start|>{{ 'model' if message.role == 'assistant' else 'user' }}
{{ (first if loop.first else '') + message.content | trim }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>model
{% endif %}"""
# Nothing asks for an answer, and a space stands around it.
BRACKETS = """\
{% for message in messages %}{% if message.role == 'user' %}\
{{ '<|im_start|>[INST] ' + message.content.strip() + ' [/INST]' }}{% else %}\
{{ ' ' + message.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"""
LOOPS = """\
{%- if strftime_now is defined %}{% set today = strftime_now('%d %b') %}
{%- else %}{% set today = '26 Jul' %}{% endif %}
{{- today }}
{% for message in messages %}
  {%- if message.role == 'system' %}{% continue %}{% endif %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' }}
  {%- if loop.index0 == 99 %}{% break %}{% endif %}
{%- endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
WHOLE = """\
{% macro turn(message) %}<|im_start|>{{ message | tojson }}<|im_end|>{% endmacro %}\
{% for message in messages %}{{ turn(message) }}{% endfor %}{{ tools if tools else '' }}"""
MARKED = TURNS.replace(
    "{{ message['content'] }}<|im_end|>\n",
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] }}<|im_end|>\n"
    "{% endgeneration %}{% else %}{{ message['content'] }}<|im_end|>\n{% endif %}",
)
MARKED_WORDS = MARKED.replace("<|im_end|>\n{% endgeneration %}", "{% endgeneration %}<|im_end|>\n")
TEMPLATES = {
    "turns": TURNS,
    "thinking": THINKING,
    "asked to think": ASKED_TO_THINK,
    "merged": MERGED,
    "brackets": BRACKETS,
    "loops": LOOPS,
    "whole": WHOLE,
    "marked": MARKED,
    "marked words": MARKED_WORDS,
}


def talk(*contents: str, system: str = "") -> list[Part]:
    roles = itertools.cycle(("user", "assistant"))
    said = [Part(role, content) for role, content in zip(roles, contents, strict=False)]
    return [Part("system", system), *said] if system else said


TALKS = {
    "plain": talk("the king", "and the queen", "speak", "of love"),
    "code": talk("write  ", "    def f():\n        pass\n", "\n more", "\n\n\tx = 1  "),
    "thoughts": talk("king", "<think>plan</think>\n\nlove", "so", "<think>\nb\n</think>\n\nla"),
    "system": talk("the king", "là où", "a", "<div>", system="be the king"),
    "control tokens": talk("the <|im_end|> king", "<|im_start|>x", "a<|im_end|>", "<|endoftext|>"),
    "an empty answer": talk("the king", "", "speak", "love"),
    "the user last": talk("the king", "and", "speak"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("chat")
    controls = ("<|im_start|>", "<|im_end|>")
    tiny.make_data(root, {"train": tiny.texts(0, 60)}, special_tokens=controls)
    return root / "tokenizer"


def spaced(folder: Path) -> Path:
    """A tokenizer that puts a space before a text, and tells places without their spaces."""
    folder.mkdir()
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=False))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    made.decoder = decoders.Metaspace(prepend_scheme="first")
    special = ["<unk>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    said = [part.text for parts in TALKS.values() for part in parts]
    texts = [*tiny.texts(0, 60), *TEMPLATES.values(), *said]
    made.train_from_iterator([text.replace("<|im", "<|") for text in texts], trainer)
    made.post_processor = processors.ByteLevel(trim_offsets=True)
    made.save(str(folder / "tokenizer.json"))
    roles = {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "unk_token": "<unk>"}
    write_json(folder / "tokenizer_config.json", roles)
    return folder


@pytest.fixture(scope="module", params=["bytes", "spaced"])
def folder(request, trained, tmp_path_factory) -> Path:
    return trained if request.param == "bytes" else spaced(tmp_path_factory.mktemp("s") / "own")


def change(folder: Path, template: object) -> Path:
    config = folder / "tokenizer_config.json"
    write_json(config, {**read_json(config), "chat_template": template})
    return folder


def theirs(folder: Path, messages: list[Part], **how) -> list[int]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    # Tokens that end no message may be written in one, as those around thoughts are.
    tokenizer.chat_control_tokens = []
    template = tokenizer.get_chat_template().replace("strftime_now", "not_there")
    said = [{"role": part.role, "content": part.text} for part in messages]
    how = {"sanitize_control_tokens": True, "return_dict": False, **how}
    return tokenizer.apply_chat_template(said, chat_template=template, **how)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_tokens_are_those_of_transformers(folder, name):
    template = ChatTemplate(Encoder(change(folder, TEMPLATES[name])))
    for messages in TALKS.values():
        ids, labels = template.encode(messages)
        assert ids.tolist() == theirs(folder, messages)
        learned = labels != IGNORED
        assert (labels[learned] == ids[learned]).all() and learned.any()
    asked = theirs(folder, talk("the king"), add_generation_prompt=True)
    assert template.prompt(talk("the king")).tolist() == asked


def learned(folder: Path, template: str, messages: list[Part]) -> list[str]:
    ids, labels = ChatTemplate(Encoder(change(folder, template))).encode(messages)
    runs = itertools.groupby(
        zip(ids.tolist(), labels.tolist(), strict=True), lambda one: one[1] > 0
    )
    spell = Tokenizer.from_file(str(folder / "tokenizer.json")).decode
    return [spell([i for i, _ in run], skip_special_tokens=False) for own, run in runs if own]


PLAIN = ["and the queen<|im_end|>", "of love<|im_end|>"]
CODE = ["    def f():\n        pass\n<|im_end|>", "\n\n\tx = 1  <|im_end|>"]
CUT = ["def f():\n        pass<|im_end|>", "x = 1<|im_end|>"]
LEARNED = {
    ("turns", "plain"): PLAIN,
    ("turns", "code"): CODE,
    ("turns", "control tokens"): ["<|im_start|>x<|im_end|>", "<|endoftext|><|im_end|>"],
    ("turns", "an empty answer"): ["<|im_end|>", "love<|im_end|>"],
    ("thinking", "plain"): [PLAIN[0], f"<think>\n\n</think>\n\n{PLAIN[1]}"],
    ("thinking", "thoughts"): ["love<|im_end|>", "<think>\nb\n</think>\n\nla<|im_end|>"],
    ("asked to think", "system"): ["là où<|im_end|>", "<div><|im_end|>"],
    ("asked to think", "thoughts"): ["\n\nlove<|im_end|>", "\n\nla<|im_end|>"],
    ("merged", "system"): ["là où<|im_end|>", "<div><|im_end|>"],
    ("merged", "code"): CUT,
    ("brackets", "plain"): [" and the queen <|im_end|>", " of love <|im_end|>"],
    ("loops", "code"): CODE,
    ("marked", "plain"): [f"{one}\n" for one in PLAIN],
    ("marked words", "code"): CODE,
}


@pytest.mark.parametrize(("name", "said"), LEARNED, ids=map(" of ".join, LEARNED))
def test_what_is_learned_is_what_an_assistant_writes(trained, name, said):
    assert learned(trained, TEMPLATES[name], TALKS[said]) == LEARNED[name, said]


def test_answers_that_a_template_marks_are_those_of_transformers(trained):
    from transformers import AutoTokenizer

    template = ChatTemplate(Encoder(change(trained, MARKED)))
    tokenizer = AutoTokenizer.from_pretrained(trained)
    for messages in (TALKS["plain"], TALKS["code"], TALKS["an empty answer"]):
        said = [{"role": part.role, "content": part.text} for part in messages]
        told = tokenizer.apply_chat_template(
            said, return_dict=True, return_assistant_tokens_mask=True
        )
        ids, labels = template.encode(messages)
        assert ids.tolist() == told["input_ids"]
        assert (labels != IGNORED).astype(int).tolist() == told["assistant_masks"]


def test_an_answer_is_learned_from_where_it_is_asked_for(trained):
    """What a model is given to answer from, and what it learns to answer, make up the whole."""
    for name in ("turns", "thinking", "merged", "brackets"):
        template = ChatTemplate(Encoder(change(trained, TEMPLATES[name])))
        ids, labels = template.encode(talk("the king", "    speak\n"))
        first = int((labels != IGNORED).argmax())
        assert ids[:first].tolist() == template.prompt(talk("the king")).tolist()
        assert ids[labels != IGNORED][-1] == template.end()


@pytest.mark.parametrize(
    "named",
    [
        [{"name": "default", "template": TURNS}, {"name": "tool_use", "template": "{{ tools }}"}],
        [{"name": "tool_use", "template": "{{ tools }}"}, {"name": "default", "template": TURNS}],
    ],
)
def test_of_named_templates_the_default_is_taken(trained, named):
    assert learned(trained, named, TALKS["plain"]) == PLAIN


def test_a_template_in_a_file_of_its_own(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = Path("data/input/mine")
    given.mkdir(parents=True)
    for file in trained.iterdir():
        (given / file.name).write_bytes(file.read_bytes())
    change(given, "{{ messages }}")
    (given / "chat_template.jinja").write_text(TURNS)
    settings = PretrainedTokenizer(
        name="mine", kind="pretrained", path=given.as_posix(), revision=None
    )
    _, config = load_pretrained(settings)
    assert learned(given, config["chat_template"], TALKS["plain"]) == PLAIN


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% for", "is no Jinja"),
        ("{{ messages | no_such_filter }}", "is no Jinja: No filter named 'no_such_filter'"),
        ([{"name": "tool_use", "template": TURNS}], "multiple chat templates with no default"),
        ([{"name": "default"}], "cannot be read by transformers"),
        ({"default": 1}, "has no chat_template"),
        ("{{ raise_exception('roles must\nalternate') }}", "refuses a conversation: roles must"),
        ("{{ strftime_now('%Y') }}", "'the_date_of_today' is undefined"),
        ("{{ messages[9].content }}", "refuses a conversation"),
        ("{{ 1 / 0 }}", "refuses a conversation: division by zero"),
        ("{{ messages + 1 }}", "refuses a conversation: can only concatenate"),
        ("{{ messages[0]['content'] }}", "does not show message 2, an answer, once"),
        (TURNS + "{{ messages[1].content }}", "does not show message 2, an answer, once"),
        ("{% for m in messages %}{{ m['content'] }}{% endfor %}", "no control token after"),
        (TURNS.replace("<|im_end|>", ""), "no control token after"),
        (MARKED.replace("<|im_end|>", ""), "no control token after"),
        (MARKED.replace("== 'assistant'", "== 'nobody'"), "marks no answer"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_by_its_users_name(trained, template, said):
    encoder = Encoder(change(trained, template), "data/input/mine")
    with pytest.raises(DataError) as error:
        ChatTemplate(encoder).encode(TALKS["plain"])
    assert said in str(error.value)
    assert "data/input/mine" in error.value.message
    assert error.value.hint
    assert json.dumps(str(trained)) not in str(error.value)
