"""Fine-tunes a causal language model with the Trainer. StemmaCallback is all that is added."""

import json
from pathlib import Path

import yaml
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainingArguments,
)

from stemma.report import StemmaCallback

settings = yaml.safe_load(Path("params.yaml").read_text())
tokenizer = AutoTokenizer.from_pretrained(settings["base"])
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token


def read(split: str) -> list[dict]:
    return [json.loads(line) for line in Path(f"data/{split}.jsonl").read_text().splitlines()]


documents = {"train": read("train"), "test": read("test")}
tokens = {
    split: [tokenizer(row["text"], truncation=True, max_length=256) for row in rows]
    for split, rows in documents.items()
}
trainer = Trainer(
    model=AutoModelForCausalLM.from_pretrained(settings["base"]),
    args=TrainingArguments("runs", report_to="none", save_strategy="no", eval_strategy="epoch",
                           full_determinism=True, **settings["train"]),
    train_dataset=tokens["train"],
    eval_dataset=tokens["test"],
    processing_class=tokenizer,
    data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
    callbacks=[StemmaCallback(documents=documents)],
)  # fmt: skip
trainer.train()
trainer.model.save_pretrained("models/tuned")
tokenizer.save_pretrained("models/tuned")
