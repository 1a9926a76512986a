"""How a variational autoencoder is trained, in torch."""
