"""What models learn, beside what Stemma teaches: `-S task=smooth`."""
