"""Control flow as operations: their parameters are jaxprs, their rules transform those."""
