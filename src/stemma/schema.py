"""Every setting of a project: the sections that the stages declare, in one place to check them."""

from stemma.config import settings
from stemma.corpus.sources.settings import SourceSettings
from stemma.environment import RuntimeSettings
from stemma.modeling.evaluation.settings import EvaluateSection
from stemma.modeling.family import ModelSettings
from stemma.modeling.training.settings import TrainSection
from stemma.stages.export import ExportSection
from stemma.stages.prepare import PrepareSection, TokenizerSettings
from stemma.tasks import TaskSettings


@settings
class Project:
    """What params.yaml holds, less the record of its composition."""

    source: SourceSettings
    prepare: PrepareSection
    tokenizer: TokenizerSettings
    model: ModelSettings
    task: TaskSettings
    train: TrainSection
    evaluate: EvaluateSection
    export: ExportSection
    runtime: RuntimeSettings
    experiment: str | None
