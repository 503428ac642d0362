broker_SOURCES := absence.c apis.c auto_topics.c broker.c controller_channel.c coordinator_log.c \
                  directory_assignments.c doubted_reads.c forwardable.c handover.c lifecycle.c metadata_publisher.c \
                  metadata_view.c no_room.c partition_changes.c peer_channels.c producer_ids.c pulses.c handlers/alter_configs.c \
                  handlers/api_versions.c \
                  handlers/describe_cluster.c handlers/describe_configs.c \
                  handlers/describe_topic_partitions.c handlers/forward.c handlers/list_config_resources.c \
                  handlers/metadata.c
broker_DEPENDS := controller replica group quorum history
# the data plane
broker_SOURCES += handlers/alter_replica_log_dirs.c handlers/delete_records.c handlers/describe_log_dirs.c handlers/describe_producers.c \
                  handlers/fetch.c handlers/init_producer_id.c handlers/list_offsets.c \
                  isr_proposals.c handlers/offset_for_leader_epoch.c handlers/partitions.c handlers/produce.c \
                  loggers.c near_replica.c refused_batches.c replication.c settling.c
# groups
broker_SOURCES += handlers/delete_groups.c handlers/describe_groups.c handlers/find_coordinator.c \
                  handlers/group_wait.c handlers/heartbeat.c handlers/join_group.c \
                  handlers/leave_group.c handlers/list_groups.c handlers/offset_commit.c \
                  handlers/offset_delete.c handlers/offset_fetch.c handlers/sync_group.c
broker_TEST_DEPENDS := sim os
broker_TEST_LIB := test/unit/broker/cluster.c test/unit/broker/data_plane.c test/lib/heap_count.c
