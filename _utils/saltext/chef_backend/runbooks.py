"""The runbooks that a master's file server has to serve, below ``orch``: a unit test holds this against the tree."""

WAYS = tuple(
    f"orch/{name}.sls"
    for name in (
        "chef_backend_downtime",
        "chef_backend_fleet",
        "chef_backend_reindex",
        "chef_backend_replace_node",
        "chef_backend_rolling",
        "chef_backend_upgrade",
        "chef_server_upgrade",
    )
)
ON_NODES = tuple(
    f"orch/node/{name}.sls"
    for name in (
        "backed_up",
        "config_backed_up",
        "down",
        "elasticsearch_started",
        "elasticsearch_stopped",
        "emptied",
        "handed_over",
        "in_service",
        "index_deleted",
        "index_readable",
        "installed",
        "joined",
        "kept_out",
        "out_of_service",
        "reconfigured",
        "reindexed_all",
        "reindexed_one",
        "rejoined",
        "server_cleaned",
        "server_level",
        "server_staged",
        "server_upgraded",
        "staged",
        "upgraded",
        "upgraded_from_down",
    )
)
