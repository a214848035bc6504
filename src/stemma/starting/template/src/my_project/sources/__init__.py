"""Where documents come from, beside what Stemma reads: `-S source=headings`."""
