"""Who issues: the access tokens, and the document that describes the issuer to others."""
