metadata_SOURCES := delta.c feature.c image.c image_topics.c loader.c replay.c replay_topics.c snapshot.c
metadata_DEPENDS := protocol config
metadata_LIBS :=
