"""The auth server: users log in and get access tokens. The Products API verifies them with the keys published here."""
