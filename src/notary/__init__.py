"""The notary: signs how far the chains of certificates have gone, where nobody who writes the lake can write."""
