cli_SOURCES := \
    args.c \
    broker_api_versions.c \
    client.c \
    cluster.c \
    configs.c \
    console_consumer.c \
    console_producer.c \
    consumer_groups.c \
    consumer_perf_test.c \
    coordinator_format.c \
    date_format.c \
    delete_records.c \
    dump_batches.c \
    dump_index.c \
    dump_log.c \
    e2e_latency.c \
    events.c \
    feature_text.c \
    features.c \
    file.c \
    format.c \
    get_offsets.c \
    groups.c \
    java_config.c \
    json.c \
    leader_election.c \
    log_dirs.c \
    main.c \
    metadata_quorum.c \
    new_controller.c \
    offsets.c \
    pace.c \
    perf_stats.c \
    producer_perf_test.c \
    quota_entities.c \
    rdkafka.c \
    record_format.c \
    reassign.c \
    reassign_cluster.c \
    reassign_partitions.c \
    reassign_plan.c \
    reset_offsets.c \
    scram.c \
    select.c \
    server_start.c \
    server_stop.c \
    storage.c \
    topics.c \
    uuid_argument.c \
    verifiable_consumer.c \
    verifiable_producer.c
cli_DEPENDS := server metadata config protocol os
cli_LIBS := -lm -ljansson -lcrypto -lrdkafka
cli_ALLOW := $(cli_SOURCES)
