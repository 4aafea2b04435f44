"""Proof of certificates: the links of their chain, and the rows that they speak of or leave out."""
