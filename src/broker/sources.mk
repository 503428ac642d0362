broker_SOURCES := apis.c auto_topics.c broker.c controller_channel.c coordinator_log.c \
                  lifecycle.c metadata_publisher.c metadata_view.c producer_ids.c handlers/api_versions.c \
                  handlers/describe_cluster.c handlers/describe_configs.c \
                  handlers/describe_topic_partitions.c handlers/forward.c handlers/metadata.c
broker_DEPENDS := controller replica group quorum
