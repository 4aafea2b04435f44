"""The safe horizon of a server: its own, or of a replica its primary's."""
