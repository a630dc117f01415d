"""The probe of this machine: memory, disks, pressure and clock, read from the kernel."""
