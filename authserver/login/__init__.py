"""The login with user name and password, with a limit on failed attempts."""
