"""MONAI Label's sample app for bundles, with the strategy that goes by the score of epistemic uncertainty.

The launcher puts this file into a copy of the sample app, whose own ``main.py`` it renames to ``sample_app.py``.
"""

from __future__ import annotations

import sample_app
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.tasks.strategy import Strategy
from monailabel.tasks.activelearning.epistemic import Epistemic

__all__ = ["SwinxApp"]


class SwinxApp(sample_app.MyApp, MONAILabelApp):
    """The sample app; it has the score, but no strategy that uses it.

    MONAI Label takes the class of this file that has ``MONAILabelApp`` among its direct bases.
    """

    def init_strategies(self) -> dict[str, Strategy]:
        """Return the sample app's strategies, and ``epistemic``: the scan with the highest score first."""
        return {**super().init_strategies(), "epistemic": Epistemic()}
