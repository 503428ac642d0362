/* What this program calls itself, and the release of Kafka whose behaviour it has. */
#ifndef SAMSA_SERVER_VERSION_H
#define SAMSA_SERVER_VERSION_H

#define SAMSA_VERSION "0.1.0"
#define KAFKA_VERSION "4.3.1"

#endif
