"""The auth server: users log in, and get access tokens that the Products API checks with the keys published here."""
