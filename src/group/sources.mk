group_SOURCES := settings.c
group_DEPENDS := rsm metadata config
