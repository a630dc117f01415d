"""What people see in a browser: the operators' pages and the public one, made here and from nowhere else."""
