"""How HTTP is spoken here."""
