"""Settings of prepare, one class per step, kept apart from the steps so that reading them is light.

The composer imports this at every `dvc exp run`; numpy, pyarrow and the models stay out of it.
"""

from typing import Annotated, Literal

from pydantic import Field

from stemma.config import settings

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Treatment = Literal["keep", "mask", "drop"]
Unit = Literal["document", "group"]
Engine = Literal["pool", "ray"]


@settings
class QualitySettings:
    """Limits that a document must keep within; null switches a limit off.

    After Gopher (Rae et al. 2021, appendix A.1.1) and C4 (Raffel et al. 2020, section 2.2).
    """

    min_words: Count | None
    max_words: Count | None
    min_mean_word_length: float | None
    max_mean_word_length: float | None
    max_symbols_per_word: float | None
    max_bullet_lines: Fraction | None
    max_ellipsis_lines: Fraction | None
    min_alphabetic_words: Fraction | None
    min_stop_words: Count | None
    max_duplicate_lines: Fraction | None
    max_duplicate_line_characters: Fraction | None
    max_duplicate_paragraphs: Fraction | None
    max_duplicate_paragraph_characters: Fraction | None
    max_top_2gram_characters: Fraction | None
    max_top_3gram_characters: Fraction | None
    max_top_4gram_characters: Fraction | None
    max_duplicate_5gram_characters: Fraction | None
    max_duplicate_6gram_characters: Fraction | None
    max_duplicate_7gram_characters: Fraction | None
    max_duplicate_8gram_characters: Fraction | None
    max_duplicate_9gram_characters: Fraction | None
    max_duplicate_10gram_characters: Fraction | None
    max_curly_braces: Count | None
    max_lorem_ipsum: Count | None
    max_javascript_lines: Fraction | None
    min_terminal_punctuation_lines: Fraction | None


@settings
class LanguageSettings:
    """Which languages may stay.

    Attributes:
        allowed: ISO 639-1 codes; null lets every language stay.
        min_probability: of the language found, below which the document is dropped.
        sample: characters from the middle of a document that are looked at; null identifies none.
    """

    allowed: tuple[str, ...] | None
    min_probability: Fraction
    sample: Positive | None


@settings
class PersonalSettings:
    """What happens to each kind of personal data: keep it, mask it, or drop the document."""

    email: Treatment
    phone: Treatment
    ip: Treatment
    card: Treatment
    secret: Treatment


@settings
class DuplicateSettings:
    """How duplicates are found and what happens to them.

    Attributes:
        exact: ``drop`` all but one of equal texts, or ``keep`` them, on one side of the split.
        near: the same for similar texts; null does not look for them.
        threshold: Jaccard similarity of the sets of shingles from which two texts are similar.
        shingle: words per shingle.
        bands: of the locality-sensitive hashing; more of them find more pairs, at more cost.
        rows: values of the signature per band; more of them find fewer pairs.
    """

    exact: Literal["drop", "keep"]
    near: Literal["drop", "keep"] | None
    threshold: Fraction
    shingle: Positive
    bands: Positive
    rows: Positive


@settings
class SplitSettings:
    """How much is held out, and in which units.

    Attributes:
        validation: fraction of the units held out for validation.
        test: fraction of the units held out for test.
        unit: ``document``, or ``group`` to hold out whole plays, books, files.
        salt: another salt draws another split.
    """

    validation: Annotated[float, Field(gt=0, lt=0.5)]
    test: Annotated[float, Field(gt=0, lt=0.5)]
    unit: Unit
    salt: str


@settings
class ContaminationSettings:
    """When a held-out document counts as seen in training.

    Attributes:
        ngram: words per n-gram that are compared.
        max_overlap: fraction of a held-out document's n-grams that may also stand in train.
    """

    ngram: Positive
    max_overlap: Fraction


@settings
class UpsampleSettings:
    """Training documents that count several times, as if they stood there so often.

    Attributes:
        ids: patterns such as ``production/*``, held against the ids of documents.
        times: how often each is written into the training split.
    """

    ids: tuple[str, ...]
    times: Positive


@settings
class PrepareSection:
    """The section ``prepare`` of params.yaml.

    Attributes:
        name: of the file in conf/prepare/.
        engine: what runs the maps over shards. The outputs do not depend on it.
        workers: processes; 0 takes every core. The outputs do not depend on it.
        boilerplate: fraction of the documents; text that more of them share counts neither as
            duplication nor as contamination. Null counts everything.
    """

    name: str
    engine: Engine
    workers: Count
    quality: QualitySettings
    language: LanguageSettings
    personal: PersonalSettings
    boilerplate: Fraction | None
    duplicates: DuplicateSettings
    split: SplitSettings
    contamination: ContaminationSettings
    upsample: UpsampleSettings
