"""How a variational autoencoder is trained, in torch."""

from skvae.compute.devices import require_torch

require_torch("VAETransformer")
