"""Products API: a product catalogue as a REST service on the pico stack."""
