"""Match vignettes with what others measured or modelled."""
