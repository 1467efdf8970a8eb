"""The torch modules: the network, its losses and its weights files. It is trained here, and exported from here."""
