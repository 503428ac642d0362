/* ApiVersions, versions 0 to 4: what this listener serves, and the features a client may rely on.
 *
 * A request in a version that we do not know is answered in version 0 with UNSUPPORTED_VERSION and
 * our range of this API alone, so that the client can ask again (KIP-511). Features are listed only
 * when this release honours them towards clients: a finalized group.version or transaction.version
 * would switch clients to protocols that are not served yet. */
#include "protocol/api_versions.h"

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

static void list_apis(const struct dispatch *apis, struct request *rq,
                      struct api_versions_response *r, bool only_this)
{
    r->api_keys = api_versions_response_api_version_new(&rq->arena, apis->count);
    r->api_keys_count = 0;
    for (int32_t key = 0; key < apis->count; key++) {
        const struct api_handler *h = &apis->table[key];
        if (!h->handle || (only_this && key != API_API_VERSIONS)) continue;
        r->api_keys[r->api_keys_count++] = (struct api_versions_response_api_version){
            .api_key = (int16_t)key,
            .min_version = h->advertise_from_zero ? 0 : h->min,
            .max_version = h->max,
        };
    }
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
        list_apis(facts->apis, rq, &r, true);
    } else if (rq->api_version >= VERSION_FEATURES &&
               !(software_text_is_fine(q->client_software_name) &&
                 software_text_is_fine(q->client_software_version))) {
        r.error_code = KAFKA_INVALID_REQUEST;
    } else {
        list_apis(facts->apis, rq, &r, false);
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
                                                         .to_clients = true});
}
