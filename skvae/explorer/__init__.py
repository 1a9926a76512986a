"""The latent explorer: a page whose decoder follows the hand."""

from skvae.compute.devices import require_torch

require_torch("The latent explorer")
