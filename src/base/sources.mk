base_SOURCES := arena.c assert.c bytes.c crc32c.c err.c map.c mark.c mem.c out.c prng.c uuid.c
base_LIBS := -lisal
base_ALLOW := mem.c assert.c
