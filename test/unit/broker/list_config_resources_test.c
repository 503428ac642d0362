/* ListConfigResources: what is there, of which kind, and what no version knows. */
#include <stdio.h>

#include "data_plane.h"
#include "protocol/list_config_resources.h"

static char listed[400]; /* "type:name type:name …", or the error */

static void resources_delivered(struct request *rq, const void *response)
{
    (void)rq;
    const struct list_config_resources_response *r = response;
    size_t len = 0;
    listed[0] = '\0';
    if (r->error_code) {
        assert_int_equal(r->config_resources_count, 0);
        snprintf(listed, sizeof listed, "error %d", r->error_code);
    }
    for (int32_t i = 0; i < r->config_resources_count; i++)
        len += (size_t)snprintf(listed + len, sizeof listed - len, "%s%d:%.*s", i ? " " : "",
                                r->config_resources[i].resource_type,
                                STR_ARG(r->config_resources[i].resource_name));
}

static const char *list(struct plane *p, int16_t version, const int8_t *types, int32_t count)
{
    struct list_config_resources_request q;
    list_config_resources_request_init(&q);
    q.resource_types = (int8_t *)(uintptr_t)types;
    q.resource_types_count = count;
    plane_call(p, API_LIST_CONFIG_RESOURCES, version, &q, resources_delivered);
    return listed;
}

static const char *list_type(struct plane *p, int8_t type)
{
    return list(p, 1, &type, 1);
}

static void set(struct plane *p, enum resource_type type, const char *name, const char *value)
{
    struct metadata_record r = plane_record(METADATA_RECORD_CONFIG);
    r.u.config.resource_type = (int8_t)type;
    r.u.config.resource_name = str_of(name);
    r.u.config.name = STR("some.key");
    r.u.config.value = value ? str_of(value) : STR_NULL;
    plane_replay(p, r);
}

static struct plane *open_configured(void)
{
    struct plane *p = plane_open();
    plane_topic(p, "b", 8);
    plane_topic(p, "a", 7);
    plane_config(p, "a", "retention.ms", "5");
    set(p, RESOURCE_BROKER, "1", "x");
    set(p, RESOURCE_BROKER, "", "x");
    set(p, RESOURCE_GROUP, "g", "x");
    set(p, RESOURCE_CLIENT_METRICS, "m", "x");
    return p;
}

TEST(list_config_resources_names_topics_brokers_and_what_is_set_of_others)
{
    struct plane *p = open_configured();
    assert_string_equal(list(p, 1, NULL, 0), "32:g 16:m 8:1 8:2 4:1 4:2 2:a 2:b");
    assert_string_equal(list_type(p, RESOURCE_TOPIC), "2:a 2:b");
    assert_string_equal(list_type(p, RESOURCE_BROKER), "4:1 4:2");
    assert_string_equal(list_type(p, RESOURCE_BROKER_LOGGER), "8:1 8:2");
    assert_string_equal(list_type(p, RESOURCE_CLIENT_METRICS), "16:m");
    assert_string_equal(list_type(p, RESOURCE_GROUP), "32:g");
    static const int8_t some[] = {RESOURCE_TOPIC, RESOURCE_GROUP, RESOURCE_TOPIC};
    assert_string_equal(list(p, 1, some, 3), "32:g 2:a 2:b");
    set(p, RESOURCE_GROUP, "g", NULL);
    assert_string_equal(list_type(p, RESOURCE_GROUP), "");
    plane_close(p);
}

TEST(list_config_resources_before_types_were_told_knows_client_metrics)
{
    struct plane *p = open_configured();
    assert_string_equal(list(p, 0, NULL, 0), "16:m");
    plane_close(p);
}

TEST(list_config_resources_refuses_every_other_type)
{
    struct plane *p = open_configured();
    for (int type = INT8_MIN; type <= INT8_MAX; type++) {
        if (type == 2 || type == 4 || type == 8 || type == 16 || type == 32) continue;
        assert_string_equal(list_type(p, (int8_t)type), "error 35");
    }
    static const int8_t some[] = {RESOURCE_TOPIC, 6};
    assert_string_equal(list(p, 1, some, 2), "error 35");
    plane_close(p);
}
