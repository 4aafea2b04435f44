"""Any JSON API that the contract describes: its calls, its pages, its records."""
