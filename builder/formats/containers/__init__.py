"""Files as numbered rows and back: JSON, CSV, XLSX, Parquet, Arrow; each is safe against what it was not meant to hold."""
