cli_SOURCES := args.c broker_api_versions.c client.c cluster.c configs.c consumer_groups.c delete_records.c features.c \
               format.c get_offsets.c groups.c log_dirs.c main.c metadata_quorum.c offsets.c release.c reset_offsets.c scram.c \
               select.c server_stop.c storage.c topics.c
cli_DEPENDS := config protocol os
# The server joins the program as soon as every module below it is in the tree.
ifneq ($(wildcard src/log/sources.mk),)
cli_SOURCES += server_start.c
cli_DEPENDS := server $(cli_DEPENDS)
endif
cli_LIBS := -ljansson -lcrypto
cli_ALLOW := $(cli_SOURCES)
