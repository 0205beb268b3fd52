"""Other libraries' public names over funcgrad: ``funcgrad.compat.autograd``."""
