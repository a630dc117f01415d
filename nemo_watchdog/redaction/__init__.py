"""No secret leaves a text that is shown or kept: what is known, what is called one, and what looks like one."""
