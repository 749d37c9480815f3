"""From a user name and a password to an access token, at a pace that guessing cannot live on."""
