/* ApiVersions, versions 0 to 4: what this listener serves, and the features a client may rely on.
 *
 * A request in a version that we do not know is answered in version 0 with UNSUPPORTED_VERSION and
 * our range of this API alone, so that the client can ask again (KIP-511). Requests of our own are
 * listed to a client that calls itself "samsa", and to nobody else. Features are listed only
 * when this release honours them towards clients: a finalized group.version or transaction.version
 * would switch clients to protocols that are not served yet. */
#include "protocol/api_versions.h"

#include "broker/controller_channel.h"
#include "broker/forwardable.h"
#include "broker/handlers/handlers.h"
#include "metadata/feature.h"
#include "metadata/image.h"
#include "protocol/api.h"
#include "protocol/error.h"

enum { VERSION_FEATURES = 3, VERSION_MIN_ZERO_FEATURES = 4 };

static bool feature_is_honoured(struct str name, bool to_clients)
{
    return !to_clients || str_equal(name, FEATURE_METADATA_VERSION) ||
           str_equal(name, FEATURE_KRAFT_VERSION) || str_equal(name, FEATURE_ELR_VERSION);
}

/* Letters, digits, dots and dashes, beginning and ending with a letter or digit. */
static bool software_text_is_fine(struct str s)
{
    if (s.len <= 0) return false;
    for (int32_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool inner = i > 0 && i < s.len - 1 && (c == '.' || c == '-');
        if (!alphanumeric && !inner) return false;
    }
    return true;
}

/* What both we and the active controller serve; false: nothing. */
static bool range_of(const struct api_versions_facts *facts, int16_t key,
                     struct api_versions_response_api_version *to)
{
    const struct api_handler *h = &facts->apis->table[key];
    if (!h->handle) return false;
    *to = (struct api_versions_response_api_version){
        .api_key = key,
        .min_version = h->advertise_from_zero ? 0 : h->min,
        .max_version = h->max,
    };
    int16_t min, max;
    if (!facts->controller || !api_is_forwardable(key) || key == API_ALLOCATE_PRODUCER_IDS ||
        !controller_channel_range(facts->controller, key, &min, &max))
        return true;
    if (min > to->min_version) to->min_version = min;
    if (max < to->max_version) to->max_version = max;
    return to->min_version <= to->max_version;
}

static void list_apis(const struct api_versions_facts *facts, struct request *rq,
                      struct api_versions_response *r, bool only_this)
{
    const struct dispatch *own = facts->apis->own;
    int32_t max = facts->apis->count + (own ? own->count : 0);
    r->api_keys = api_versions_response_api_version_new(&rq->arena, max);
    r->api_keys_count = 0;
    for (int16_t key = 0; key < facts->apis->count; key++)
        if ((!only_this || key == API_API_VERSIONS) &&
            range_of(facts, key, &r->api_keys[r->api_keys_count]))
            r->api_keys_count++;
}

static bool is_ours(const struct request *rq)
{
    const struct api_versions_request *q = rq->body;
    return q && rq->api_version >= VERSION_FEATURES &&
           str_equal_z(q->client_software_name, "samsa");
}

static void list_own_apis(const struct dispatch *own, struct api_versions_response *r)
{
    for (int32_t i = 0; i < own->count; i++)
        if (own->table[i].handle)
            r->api_keys[r->api_keys_count++] = (struct api_versions_response_api_version){
                .api_key = (int16_t)(OWN_API_FIRST + i),
                .min_version = own->table[i].min,
                .max_version = own->table[i].max,
            };
}

static void list_features(const struct api_versions_facts *facts, struct request *rq,
                          struct api_versions_response *r)
{
    int32_t count;
    const struct feature *features = feature_table(&count);
    r->supported_features = api_versions_response_supported_feature_key_new(&rq->arena, count);
    r->finalized_features = api_versions_response_finalized_feature_key_new(&rq->arena, count);
    r->supported_features_count = r->finalized_features_count = 0;
    for (int32_t i = 0; i < count; i++) {
        const struct feature *f = &features[i];
        struct str name = str_of(f->name);
        if (!feature_is_honoured(name, facts->to_clients)) continue;
        if (f->min > 0 || rq->api_version >= VERSION_MIN_ZERO_FEATURES)
            r->supported_features[r->supported_features_count++] =
                (struct api_versions_response_supported_feature_key){
                    .name = name, .min_version = f->min, .max_version = f->max};
        int16_t level = str_equal(name, FEATURE_KRAFT_VERSION)
                            ? facts->kraft_version
                            : image_feature_level(facts->image, name);
        if (level > 0)
            r->finalized_features[r->finalized_features_count++] =
                (struct api_versions_response_finalized_feature_key){
                    .name = name, .max_version_level = level, .min_version_level = level};
    }
    r->finalized_features_epoch = facts->image->end_offset - 1;
}

void answer_api_versions(struct request *rq, const struct api_versions_facts *facts)
{
    const struct api_versions_request *q = rq->body;
    struct api_versions_response r;
    api_versions_response_init(&r);
    if (!q) {
        r.error_code = KAFKA_UNSUPPORTED_VERSION;
        list_apis(facts, rq, &r, true);
    } else if (rq->api_version >= VERSION_FEATURES &&
               !(software_text_is_fine(q->client_software_name) &&
                 software_text_is_fine(q->client_software_version))) {
        r.error_code = KAFKA_INVALID_REQUEST;
    } else {
        list_apis(facts, rq, &r, false);
        if (facts->apis->own && is_ours(rq)) list_own_apis(facts->apis->own, &r);
        if (rq->api_version >= VERSION_FEATURES) list_features(facts, rq, &r);
    }
    request_reply(rq, &r);
}

void handle_api_versions(struct request *rq, void *context)
{
    const struct broker *b = context;
    answer_api_versions(rq, &(struct api_versions_facts){.apis = b->apis,
                                                         .image = b->image,
                                                         .kraft_version = b->kraft_version,
                                                         .to_clients = true,
                                                         .controller = b->controller});
}
