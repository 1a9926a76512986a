"""``skvae train``: a variational autoencoder of images, its pictures and its logs."""
