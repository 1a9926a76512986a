from .conversion import from_parameters as from_parameters
from .conversion import from_sklearn as from_sklearn
from .conversion import to_sklearn as to_sklearn
