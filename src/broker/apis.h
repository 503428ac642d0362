/* The APIs of the broker listener: one visible table, advertised by ApiVersions as it stands. */
#ifndef SAMSA_BROKER_APIS_H
#define SAMSA_BROKER_APIS_H

#include "rpc/dispatch.h"

struct broker;

/* The table with this broker as context. */
struct dispatch broker_apis(struct broker *b);

#endif
