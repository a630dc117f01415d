"""The probe of a model server: its health, whether tokens flow while there is work, and completions of its own."""
