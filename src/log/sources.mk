log_SOURCES := batch_scan.c checkpoint.c epoch_cache.c epoch_mend.c held_pages.c log.c log_ahead.c log_append.c log_config.c \
    log_dir.c log_dir_sweep.c log_flush.c log_future.c log_read.c log_truncate.c log_write.c meta_properties.c \
    offset_index.c partition_metadata.c producer_state.c recovery.c retention_clock.c segment.c txn_index.c
log_DEPENDS := env protocol
log_TEST_DEPENDS := sim
log_TEST_LIB := test/unit/log/log_world.c
