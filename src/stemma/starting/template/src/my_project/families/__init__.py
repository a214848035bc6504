"""How models are built, beside what Stemma builds: `-S model=olmo`."""
