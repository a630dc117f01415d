"""The post-incident report: from what is kept of an incident to a document that a person would send. Pure."""
