"""The modules of a variational autoencoder, in torch."""

from skvae.compute.devices import require_torch

require_torch("VAETransformer")
