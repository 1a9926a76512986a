from .records import Row as Row
from .results import FeatureComparison as FeatureComparison
