cli_SOURCES := args.c broker_api_versions.c client.c cluster.c configs.c delete_records.c features.c \
               format.c get_offsets.c log_dirs.c main.c metadata_quorum.c offsets.c release.c scram.c \
               select.c server_start.c server_stop.c storage.c topics.c
cli_DEPENDS := server config protocol os
cli_LIBS := -ljansson -lcrypto
cli_ALLOW := $(cli_SOURCES)
