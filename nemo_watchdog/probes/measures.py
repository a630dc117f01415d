"""What each probe may measure, by name, as its page in docs/probes lists it: a policy may ask for these.

Data only, so that `check` can tell a mistyped measurement without importing a probe's client library.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

MEASURES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "command": frozenset[str](),
        "dns": frozenset({"dns_answers"}),
        "docker": frozenset(
            {
                "container_cpu_used_ratio",
                "container_memory_bytes",
                "container_memory_used_ratio",
                "container_restarts",
                "docker_ping_seconds",
            }
        ),
        "gpu": frozenset(
            {
                "gpu_container_memory_bytes",
                "gpu_ecc_uncorrected_errors",
                "gpu_ecc_uncorrected_errors_lifetime",
                "gpu_memory_used_bytes",
                "gpu_memory_used_ratio",
                "gpu_pcie_replays",
                "gpu_power_limit_ratio",
                "gpu_power_watts",
                "gpu_remapped_rows",
                "gpu_temperature_celsius",
                "gpu_utilization_ratio",
            }
        ),
        "host": frozenset(
            {
                "host_clock_jump_seconds",
                "host_clock_synchronised",
                "host_cpu_pressure_ratio",
                "host_disk_free_ratio",
                "host_files_used_ratio",
                "host_inodes_free_ratio",
                "host_io_pressure_ratio",
                "host_load_per_core",
                "host_memory_available_ratio",
                "host_memory_pressure_ratio",
                "host_oom_kills",
            }
        ),
        "http": frozenset(
            {
                "http_certificate_expires_in_seconds",
                "http_connect_seconds",
                "http_first_byte_seconds",
                "http_resolve_seconds",
                "http_tls_seconds",
            }
        ),
        "llm": frozenset(
            {
                "llm_canary_first_token_seconds",
                "llm_canary_longest_gap_seconds",
                "llm_canary_tokens_per_second",
                "llm_loading_seconds",
                "llm_requests_running",
                "llm_requests_waiting",
            }
        ),
        "log": frozenset({"log_matching_lines"}),
        "postgres": frozenset(
            {
                "postgres_checksum_failures",
                "postgres_connections_used_ratio",
                "postgres_deadlocks",
                "postgres_oldest_transaction_seconds",
                "postgres_recovery_lsn_bytes",
                "postgres_recovery_seconds",
                "postgres_replication_lag_seconds",
                "postgres_transaction_id_age",
            }
        ),
        "process": frozenset(
            {"process_running", "process_uninterruptible", "process_unit_restarts", "process_zombies"}
        ),
        "prometheus": frozenset({"prometheus_query_series", "prometheus_query_value"}),
        "push": frozenset({"push_heartbeat_age_seconds"}),
        "redis": frozenset(
            {
                "redis_blocked_clients",
                "redis_changes_since_last_save",
                "redis_clients_used_ratio",
                "redis_connected_clients",
                "redis_connected_replicas",
                "redis_evicted_keys",
                "redis_loading_ratio",
                "redis_memory_used_bytes",
                "redis_memory_used_ratio",
                "redis_rejected_connections",
                "redis_replication_lag_seconds",
            }
        ),
        "tcp": frozenset({"tcp_certificate_expires_in_seconds"}),
    }
)
