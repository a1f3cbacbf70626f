"""Names and conventions of the libraries that people replace, one module each."""
