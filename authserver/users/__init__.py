"""The accounts that can log in, with hashed passwords. Commands manage them."""
