"""The latent explorer: a page whose decoder follows the hand."""
