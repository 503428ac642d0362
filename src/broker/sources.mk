broker_SOURCES := apis.c controller_channel.c lifecycle.c
broker_DEPENDS := controller replica group quorum
