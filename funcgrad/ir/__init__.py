"""The intermediate representation: avals, variables, equations, jaxprs, and their text."""
