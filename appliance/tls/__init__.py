"""TLS contexts of the listeners and the self-signed certificate of the first start."""
