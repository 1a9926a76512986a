from . import callbacks as callbacks
from . import comparison as comparison
from . import datasets as datasets
from . import displays as displays
from . import exceptions as exceptions
from . import fisher as fisher
from . import mixture as mixture
from . import parts as parts
from . import recipes as recipes
from .comparison.compare import compare_features as compare_features
from .explorer.page import save_explorer as save_explorer
from .fisher.descriptor_sets import DescriptorSets as DescriptorSets
from .fisher.encoder import FisherVectorEncoder as FisherVectorEncoder
from .fisher.vocabulary import BagOfVisualWordsEncoder as BagOfVisualWordsEncoder
from .fisher.vocabulary import VLADEncoder as VLADEncoder
from .images.keypoints import ImageKeypoints as ImageKeypoints
from .images.patches import ImagePatches as ImagePatches
from .images.read_image import read_image as read_image
from .mixture.estimator import DiagonalGaussianMixture as DiagonalGaussianMixture
from .persistence import load_estimator as load_estimator
from .series.series_windows import SeriesWindows as SeriesWindows
from .tables.sets_from_table import sets_from_table as sets_from_table
from .tables.table_sets import TableSets as TableSets
from .vae.fisher_scores import FisherScores as FisherScores
from .vae.training.ranks import data_parallel as data_parallel
from .vae.transformer import VAETransformer as VAETransformer

__version__: str
