"""One file per sensor family; a file here is a driver."""
