rpc_SOURCES := buffer.c channel.c connection.c dispatch.c request.c server.c
rpc_DEPENDS := env protocol
rpc_TEST_DEPENDS := os
