"""The reference of what a contract may say: as a page, and as a JSON schema for editors; made of its shapes alone."""
