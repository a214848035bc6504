"""How far a rebuild may be from its version and still be the same model."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Within which a rebuild on another processor is equivalent.

    Attributes:
        metric: largest relative difference of a number in reports/metrics.json; and largest
            ‖a - b‖ / ‖a‖ of the losses in reports/examples.parquet.
        weight: largest ‖a - b‖ / ‖a‖ of a tensor.
    """

    metric: float = 0.01
    weight: float = 0.05


DEFAULT = Bounds()
