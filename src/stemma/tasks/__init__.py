"""What a model is trained to do: one package each, chosen by ``task.name``.

A task has in ``__init__.py``

    AUTO        the name of transformers' Auto class of its models
    Settings    the settings section ``task`` (`stemma.modeling.training.settings.TaskSection`)

and a module for each stage that asks something of it:

    encoding.py   what prepare asks (`stemma.corpus.task.Encoding`)
    training.py   what train asks (`stemma.modeling.task.Training`)
    measure.py    what evaluate and export ask (`stemma.modeling.task.Measure`)
    metrics.py    ``FORMULAS``: the metrics that it reports, in the order in which they are shown

A stage depends only on the modules of the chosen task. What several tasks share is in
`stemma.corpus` and `stemma.modeling`, in modules that only these tasks import; no task imports
another.
"""
