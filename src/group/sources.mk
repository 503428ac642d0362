group_SOURCES := group.c members.c offsets.c rebalance.c settings.c
group_DEPENDS := rsm metadata config
