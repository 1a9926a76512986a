"""The modules of a variational autoencoder, in torch."""
