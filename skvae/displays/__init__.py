"""Pictures of models, features and comparisons, after scikit-learn's display objects.

A display is made by ``from_estimator`` or ``from_predictions``, which compute what it shows and
draw it; ``plot(ax=...)`` draws it again. What it shows are its attributes, ``ax_`` and ``figure_``
where. They need matplotlib: ``pip install "skvae[plot]"``.
"""

from skvae.displays.component_changes import ComponentChangesDisplay
from skvae.displays.contributions import ContributionsDisplay
from skvae.displays.feature_comparison import FeatureComparisonDisplay
from skvae.displays.fisher_energy import FisherEnergyDisplay
from skvae.displays.interpolation import InterpolationDisplay
from skvae.displays.latent_space import LatentSpaceDisplay
from skvae.displays.manifold import ManifoldDisplay
from skvae.displays.mixture_components import MixtureComponentsDisplay
from skvae.displays.reconstruction import ReconstructionDisplay
from skvae.displays.samples import SamplesDisplay
from skvae.displays.training_curve import TrainingCurveDisplay

__all__ = [
    "ComponentChangesDisplay",
    "ContributionsDisplay",
    "FeatureComparisonDisplay",
    "FisherEnergyDisplay",
    "InterpolationDisplay",
    "LatentSpaceDisplay",
    "ManifoldDisplay",
    "MixtureComponentsDisplay",
    "ReconstructionDisplay",
    "SamplesDisplay",
    "TrainingCurveDisplay",
]
