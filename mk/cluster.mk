# make cluster: three nodes on this machine, to play with; Ctrl-C stops them. CLUSTER is their directory.

CLUSTER ?= build/cluster
cluster: build-packages
	@$(MAKE) --no-print-directory samsa
	@exec tools/cluster $(CLUSTER)

.PHONY: cluster
