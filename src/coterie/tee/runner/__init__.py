"""The attested process: keys are released to it, data is opened in it, sealed results leave it."""
