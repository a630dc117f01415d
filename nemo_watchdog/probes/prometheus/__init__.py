"""The Prometheus probe: one PromQL query. The server that answers it is the witness, never the target."""
