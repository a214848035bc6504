"""What a model is trained to do: one package each, chosen by ``task.name``.

A task has its settings in ``__init__.py``, and a module for each stage that it takes part in:

    encoding.py   what prepare asks of it (`stemma.corpus.task.Encoding`)
    training.py   what train asks of it (`stemma.modeling.task.Training`)
    measure.py    what evaluate asks of it (`stemma.modeling.task.Measure`)

A stage depends on the chosen task's module only. What several tasks share stands in
`stemma.modeling`, and no task imports another.
"""
