broker_SOURCES := apis.c auto_topics.c controller_channel.c lifecycle.c metadata_view.c handlers/api_versions.c \
                  handlers/describe_cluster.c handlers/describe_configs.c \
                  handlers/describe_topic_partitions.c handlers/forward.c handlers/metadata.c
broker_DEPENDS := controller replica group quorum
