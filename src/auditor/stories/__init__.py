"""Stories: how a point or a row came to be as it is, and what an ingest object brought, told from what is stored."""
