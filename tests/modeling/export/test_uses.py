from importlib import import_module

import pytest
from project import ROOT

from stemma.modeling.export.uses import use_of

ARCHITECTURES = {
    "causal_lm": "GPT2LMHeadModel",
    "chat": "LlamaForCausalLM",
    "classify": "BertForSequenceClassification",
    "masked_lm": "BertForMaskedLM",
    "seq2seq": "T5ForConditionalGeneration",
    "tag": "BertForTokenClassification",
}


@pytest.mark.parametrize("task", sorted(path.stem for path in (ROOT / "conf/task").glob("*.yaml")))
def test_the_card_tells_of_the_task(task):
    use = use_of(task, ARCHITECTURES[task])
    assert use.auto == import_module(f"stemma.tasks.{task}").AUTO
    assert ("n-gram" in use.baselines) == (task in ("causal_lm", "chat"))
