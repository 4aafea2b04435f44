"""History of providers: the calls that missing points need, and which of them a plan asks for."""
