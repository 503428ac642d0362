/* Configuration that decisions depend on: set for the topic, for this node or for all brokers at
 * run time, or in this node's file, in that order. */
#include <stdio.h>

#include "controller/internal.h"

/* The text of a topic setting, and null when only the file says. */
static struct str setting(const struct controller *c, struct str topic, struct str key)
{
    const struct image *image = image_of(c);
    struct str value = image_config_value(image, RESOURCE_TOPIC, topic, key);
    if (value.len >= 0) return value;
    char node[16];
    int len = snprintf(node, sizeof node, "%d", c->options.node_id);
    value = image_config_value(image, RESOURCE_BROKER, (struct str){node, len}, key);
    if (value.len >= 0) return value;
    return image_config_value(image, RESOURCE_BROKER, STR(""), key);
}

int32_t settings_min_isr(const struct controller *c, struct str topic)
{
    struct str text = setting(c, topic, STR("min.insync.replicas"));
    int64_t value = 0;
    for (int32_t i = 0; i < text.len && value < INT32_MAX; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            value = 0;
            break;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    if (value > INT32_MAX) value = INT32_MAX;
    return value > 0 ? (int32_t)value : config_int(c->options.config, CONFIG_MIN_INSYNC_REPLICAS);
}

bool settings_unclean(const struct controller *c, struct str topic)
{
    struct str text = setting(c, topic, STR("unclean.leader.election.enable"));
    if (str_equal_z(text, "true")) return true;
    if (text.len >= 0) return false;
    return config_bool(c->options.config, CONFIG_UNCLEAN_LEADER_ELECTION_ENABLE);
}

bool settings_elr(const struct controller *c)
{
    return image_feature_level(image_of(c), FEATURE_ELR_VERSION) >= 1;
}
