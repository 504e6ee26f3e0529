"""The nouns: frozen values and their pure rules."""
