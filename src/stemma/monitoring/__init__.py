"""What versions that run have seen: records of requests, feedback, and texts by consent."""
