"""The table ``processing_log``: a copy of the receipts by day, kept up by the end of every audit."""
