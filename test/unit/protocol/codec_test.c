/* Single codecs against bytes that Kafka wrote or its protocol guide gives, and what must be
 * refused. */
#include "test.h"

#include "base/mem.h"
#include "protocol/api.h"
#include "protocol/api_versions.h"
#include "protocol/create_topics.h"
#include "protocol/error.h"
#include "protocol/fetch.h"
#include "protocol/group_record.h"
#include "protocol/metadata.h"
#include "protocol/metadata_record.h"
#include "protocol/request_header.h"

struct fixture {
    struct arena arena;
    struct out out;
    uint8_t bytes[4096];
};

static void begin(struct fixture *f)
{
    arena_init(&f->arena, 0);
    out_init(&f->out);
}

static void end(struct fixture *f)
{
    out_free(&f->out);
    arena_free(&f->arena);
}

/* What was put out so far. */
static struct bytes written(struct fixture *f)
{
    assert_true(f->out.len <= (int64_t)sizeof f->bytes);
    out_flatten(&f->out, f->bytes);
    return bytes_of(f->bytes, (size_t)f->out.len);
}

#define assert_bytes(b, expected)                                      \
    do {                                                               \
        assert_int_equal((b).len, (int64_t)sizeof(expected) - 1);      \
        assert_memory_equal((b).data, expected, sizeof(expected) - 1); \
    } while (0)

TEST(a_feature_level_record_is_framed_as_kafka_frames_it)
{
    struct fixture f;
    begin(&f);
    struct metadata_record r;
    metadata_record_init(&r, METADATA_RECORD_FEATURE_LEVEL, 0);
    r.u.feature_level.name = STR("metadata.version");
    r.u.feature_level.feature_level = 29;
    metadata_record_encode(&r, &f.out);
    assert_int_equal(metadata_record_size(&r), f.out.len);
    struct bytes b = written(&f);
    assert_bytes(b, "\x01\x0c\x00\x11metadata.version\x00\x1d\x00");

    struct metadata_record back;
    assert_ok(metadata_record_decode(&back, b, &f.arena));
    assert_int_equal(back.id, METADATA_RECORD_FEATURE_LEVEL);
    assert_int_equal(back.u.feature_level.feature_level, 29);
    assert_true(str_equal_z(back.u.feature_level.name, "metadata.version"));
    end(&f);
}

TEST(a_tagged_field_is_written_when_it_differs_from_its_default)
{
    struct fixture f;
    begin(&f);
    struct metadata_record r;
    metadata_record_init(&r, METADATA_RECORD_BEGIN_TRANSACTION, 0);
    r.u.begin_transaction.name = STR("Bootstrap records");
    metadata_record_encode(&r, &f.out);
    assert_bytes(written(&f), "\x01\x17\x00\x01\x00\x12\x12"
                              "Bootstrap records");
    out_reset(&f.out);
    metadata_record_init(&r, METADATA_RECORD_NO_OP, 0);
    metadata_record_encode(&r, &f.out);
    assert_bytes(written(&f), "\x01\x14\x00\x00");
    end(&f);
}

TEST(a_metadata_record_with_another_frame_id_version_or_trailing_bytes_is_refused)
{
    struct fixture f;
    begin(&f);
    struct metadata_record r;
    static const struct {
        const char *bytes;
        size_t len;
        enum err err;
    } cases[] = {
        {"\x00\x14\x00\x00", 4, ERR_UNSUPPORTED}, {"\x02\x14\x00\x00", 4, ERR_UNSUPPORTED},
        {"\x01\x06\x00\x00", 4, ERR_UNSUPPORTED}, {"\x01\x7f\x00\x00", 4, ERR_UNSUPPORTED},
        {"\x01\x14\x01\x00", 4, ERR_UNSUPPORTED}, {"\x01\x14\x00\x00\x00", 5, ERR_INVALID},
        {"\x01\x14\x00", 3, ERR_TRUNCATED},       {"", 0, ERR_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(
            metadata_record_decode(&r, bytes_of(cases[i].bytes, cases[i].len), &f.arena),
            cases[i].err);
    end(&f);
}

TEST(a_metadata_record_dumps_as_kafkas_tool_prints_it)
{
    struct fixture f;
    begin(&f);
    struct metadata_record r;
    metadata_record_init(&r, METADATA_RECORD_PARTITION_CHANGE, 2);
    int32_t isr[] = {1, 2};
    r.u.partition_change.partition_id = 3;
    r.u.partition_change.isr = isr;
    r.u.partition_change.isr_count = 2;
    metadata_record_dump(&r, &f.out);
    assert_bytes(written(&f),
                 "{\"type\":\"PARTITION_CHANGE_RECORD\",\"version\":2,\"data\":{"
                 "\"partitionId\":3,\"topicId\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"isr\":[1,2]}}");
    end(&f);
}

TEST(doubles_dump_as_java_prints_them)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {1024, "1024.0"},
        {0.1, "0.1"},
        {1e7, "1.0E7"},
        {-2.5, "-2.5"},
        {1.25e-5, "1.25E-5"},
        {9999999, "9999999.0"},
        {0.001, "0.001"},
        {1234567.125, "1234567.125"},
        {1e21, "1.0E21"},
        {123456789, "1.23456789E8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        begin(&f);
        struct client_quota_record r;
        client_quota_record_init(&r);
        r.value = cases[i].value;
        client_quota_record_dump(&r, 0, &f.out);
        struct str text = arena_printf(
            &f.arena, "{\"entity\":[],\"key\":\"\",\"value\":%s,\"remove\":false}", cases[i].text);
        struct bytes b = written(&f);
        assert_true(str_equal((struct str){(const char *)b.data, (int32_t)b.len}, text));
        end(&f);
    }
}

TEST(strings_and_bytes_dump_as_json)
{
    struct fixture f;
    begin(&f);
    struct user_scram_credential_record r;
    user_scram_credential_record_init(&r);
    r.name = STR("a\"\\\n\x01\xc3\xa9");
    r.salt = bytes_of("\x00\xff", 2);
    user_scram_credential_record_dump(&r, 0, &f.out);
    assert_bytes(written(&f),
                 "{\"name\":\"a\\\"\\\\\\n\\u0001\xc3\xa9\",\"mechanism\":0,\"salt\":\"AP8=\","
                 "\"storedKey\":\"\",\"serverKey\":\"\",\"iterations\":0}");
    end(&f);
}

TEST(an_offset_commit_travels_as_typed_key_and_versioned_value)
{
    struct fixture f;
    begin(&f);
    struct group_record_key k;
    group_record_key_init(&k, GROUP_RECORD_OFFSET_COMMIT);
    k.u.offset_commit.group = STR("g");
    k.u.offset_commit.topic = STR("t");
    k.u.offset_commit.partition = 7;
    group_record_key_encode(&k, &f.out);
    assert_int_equal(group_record_key_size(&k), f.out.len);
    assert_bytes(written(&f), "\x00\x01\x00\x01g\x00\x01t\x00\x00\x00\x07");
    struct group_record_key back;
    assert_ok(group_record_key_decode(&back, written(&f), &f.arena));
    assert_int_equal(back.u.offset_commit.partition, 7);

    out_reset(&f.out);
    group_record_key_dump(&k, &f.out);
    assert_bytes(written(&f),
                 "{\"type\":\"1\",\"data\":{\"group\":\"g\",\"topic\":\"t\",\"partition\":7}}");

    out_reset(&f.out);
    struct group_record_value v;
    group_record_value_init(&v, GROUP_RECORD_OFFSET_COMMIT, 3);
    v.u.offset_commit.offset = 5;
    v.u.offset_commit.commit_timestamp = 1;
    group_record_value_encode(&v, &f.out);
    assert_bytes(written(&f), "\x00\x03\x00\x00\x00\x00\x00\x00\x00\x05\xff\xff\xff\xff\x00\x00"
                              "\x00\x00\x00\x00\x00\x00\x00\x01");
    struct group_record_value value;
    assert_int_equal(group_record_value_decode(&value, 99, written(&f), &f.arena), ERR_UNSUPPORTED);
    assert_ok(group_record_value_decode(&value, 1, written(&f), &f.arena));
    assert_int_equal(value.u.offset_commit.offset, 5);
    end(&f);
}

TEST(absent_fields_are_given_their_default)
{
    struct fixture f;
    begin(&f);
    struct fetch_request m;
    /* version 4: replica, wait, min and max bytes, isolation, no topics */
    static const uint8_t v4[] = "\xff\xff\xff\xff\0\0\1\xf4\0\0\0\1\0\x10\0\0\1\0\0\0\0";
    struct cursor c = cursor_of(v4, sizeof v4 - 1);
    memset(&m, 0x5a, sizeof m);
    assert_ok(fetch_request_decode(&m, 4, &c, &f.arena));
    assert_ok(cursor_finish(&c));
    assert_int_equal(m.max_wait_ms, 500);
    assert_int_equal(m.isolation_level, 1);
    assert_int_equal(m.session_id, 0);
    assert_int_equal(m.session_epoch, -1);
    assert_int_equal(m.cluster_id.len, -1);
    assert_int_equal(m.rack_id.len, 0);
    assert_int_equal(m.replica_state.replica_epoch, -1);
    assert_int_equal(m.forgotten_topics_data_count, 0);
    end(&f);
}

TEST(setting_what_a_version_lacks_is_found_before_encoding)
{
    struct metadata_request m;
    metadata_request_init(&m);
    m.topics_count = 0;
    assert_ok(metadata_request_validate(&m, 0));
    m.topics_count = -1;
    assert_int_equal(metadata_request_validate(&m, 0), ERR_INVALID);
    assert_ok(metadata_request_validate(&m, 1));
    m.allow_auto_topic_creation = false;
    assert_int_equal(metadata_request_validate(&m, 3), ERR_UNSUPPORTED);
    assert_ok(metadata_request_validate(&m, 4));
}

TEST(ignorable_fields_are_dropped_silently)
{
    struct create_topics_response m;
    create_topics_response_init(&m);
    struct fixture f;
    begin(&f);
    m.topics = create_topics_response_creatable_topic_result_new(&f.arena, 1);
    m.topics_count = 1;
    m.topics[0].name = STR("t");
    m.topics[0].num_partitions = 3;
    m.topics[0].topic_id = UUID_SMALL(9);
    assert_ok(create_topics_response_validate(&m, 2));
    create_topics_response_encode(&m, 2, &f.out);
    assert_int_equal(f.out.len, create_topics_response_size(&m, 2));
    end(&f);
}

/* ApiVersions request version 3: two compact strings and a tag section. */
static enum err decode_api_versions(const char *tags, size_t len)
{
    struct fixture f;
    begin(&f);
    uint8_t input[64] = "\x02"
                        "a\x02"
                        "b";
    memcpy(input + 4, tags, len);
    struct cursor c = cursor_of(input, 4 + len);
    struct api_versions_request m;
    enum err err = api_versions_request_decode(&m, 3, &c, &f.arena);
    end(&f);
    return err ? err : cursor_finish(&c);
}

TEST(unknown_tagged_fields_are_skipped)
{
    assert_ok(decode_api_versions("\x00", 1));
    assert_ok(decode_api_versions("\x02\x05\x01x\x06\x00", 6));
}

TEST(tagged_fields_out_of_order_twice_or_too_long_are_refused)
{
    assert_int_equal(decode_api_versions("\x02\x05\x00\x05\x00", 5), ERR_INVALID);
    assert_int_equal(decode_api_versions("\x02\x06\x00\x05\x00", 5), ERR_INVALID);
    assert_int_equal(decode_api_versions("\x01\x05\x09x", 4), ERR_TRUNCATED);
    assert_int_equal(decode_api_versions("\x01\x80\x80\x80\x80\x80\x00", 7), ERR_INVALID);
}

TEST(a_known_tagged_field_must_fill_its_size)
{
    struct fixture f;
    begin(&f);
    struct metadata_record r;
    /* BeginTransaction, tag 0 of 3 bytes, whose string takes 2 */
    struct bytes value = bytes_of("\x01\x17\x00\x01\x00\x03\x02x\x00", 9);
    assert_int_equal(metadata_record_decode(&r, value, &f.arena), ERR_INVALID);
    end(&f);
}

TEST(huge_counts_take_no_memory)
{
    struct fixture f;
    begin(&f);
    struct metadata_request m;
    struct cursor c = cursor_of("\x7f\xff\xff\xff\x00\x01t", 7);
    assert_int_equal(metadata_request_decode(&m, 1, &c, &f.arena), ERR_TRUNCATED);
    c = cursor_of("\xff\xff\xff\xff\x0f", 5);
    assert_int_equal(metadata_request_decode(&m, 9, &c, &f.arena), ERR_TRUNCATED);
    assert_int_equal(f.arena.used_bytes, 0);
    end(&f);
}

TEST(the_client_id_keeps_its_old_encoding_in_the_flexible_header)
{
    struct fixture f;
    begin(&f);
    struct request_header h;
    request_header_init(&h);
    h.request_api_key = API_METADATA;
    h.request_api_version = 12;
    h.correlation_id = 1;
    h.client_id = STR("c");
    request_header_encode(&h, 2, &f.out);
    assert_bytes(written(&f), "\x00\x03\x00\x0c\x00\x00\x00\x01\x00\x01"
                              "c\x00");
    end(&f);
}

TEST(header_versions_follow_the_api)
{
    assert_int_equal(message_request_header_version(API_METADATA, 8), 1);
    assert_int_equal(message_request_header_version(API_METADATA, 9), 2);
    assert_int_equal(message_response_header_version(API_METADATA, 8), 0);
    assert_int_equal(message_response_header_version(API_METADATA, 9), 1);
    assert_int_equal(message_request_header_version(API_API_VERSIONS, 3), 2);
    assert_int_equal(message_response_header_version(API_API_VERSIONS, 3), 0);
    assert_int_equal(message_request_header_version(API_SASL_HANDSHAKE, 1), 1);
}

TEST(the_api_table_knows_numbers_names_and_versions)
{
    const struct api_info *fetch = api_info(1);
    assert_string_equal(fetch->name, "Fetch");
    assert_int_equal(fetch->min_version, 4);
    assert_int_equal(fetch->max_version, 18);
    assert_true(fetch->on_broker && fetch->on_controller);
    assert_string_equal(api_enum_name(API_LIST_OFFSETS), "LIST_OFFSETS");
    assert_int_equal(api_info(API_INIT_PRODUCER_ID)->max_stable_version, 5);
    const struct api_info *removed = api_info(API_LEADER_AND_ISR);
    assert_true(removed->min_version > removed->max_version);
    assert_null(message_request(API_LEADER_AND_ISR));
    assert_null(api_info(-1));
    assert_null(api_info(API_COUNT));
    assert_ptr_equal(message_request(1)->root->name, fetch_request_message.root->name);
}

TEST(error_codes_have_kafkas_names)
{
    assert_string_equal(kafka_error_name(KAFKA_NOT_CONTROLLER), "NOT_CONTROLLER");
    assert_string_equal(kafka_error_exception(KAFKA_TOPIC_ALREADY_EXISTS), "TopicExistsException");
    assert_true(kafka_error_is_retriable(KAFKA_LEADER_NOT_AVAILABLE));
    assert_false(kafka_error_is_retriable(KAFKA_NONE));
    assert_string_equal(kafka_error_name(-1), "UNKNOWN_SERVER_ERROR");
    assert_false(kafka_error_is_known(-2));
    assert_string_equal(kafka_error_name(12345), "UNKNOWN_SERVER_ERROR");
}

TEST(varints_longer_than_their_type_are_refused)
{
    struct cursor c = cursor_of("\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x10", 10);
    assert_int_equal(cursor_uvarint(&c), UINT32_MAX);
    cursor_uvarint(&c);
    assert_int_equal(c.err, ERR_INVALID);
    c = cursor_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
    assert_int_equal(cursor_varlong(&c), INT64_MIN);
    assert_ok(cursor_finish(&c));
    c = cursor_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
    cursor_varlong(&c);
    assert_int_equal(c.err, ERR_INVALID);
}

TEST(records_are_handed_on_as_chunks)
{
    struct fixture f;
    begin(&f);
    struct chunk chunks[2] = {{.data = (const uint8_t *)"abc", .len = 3},
                              {.data = (const uint8_t *)"de", .len = 2}};
    struct fetch_response m;
    fetch_response_init(&m);
    m.responses = fetch_response_fetchable_topic_response_new(&f.arena, 1);
    m.responses_count = 1;
    m.responses[0].partitions = fetch_response_partition_data_new(&f.arena, 1);
    m.responses[0].partitions_count = 1;
    m.responses[0].partitions[0].records =
        (struct records){.len = 5, .chunks = chunks, .chunks_count = 2};
    fetch_response_encode(&m, 12, &f.out);
    assert_int_equal(f.out.len, fetch_response_size(&m, 12));
    struct bytes b = written(&f);
    struct cursor c = cursor_of_bytes(b);
    struct fetch_response back;
    assert_ok(fetch_response_decode(&back, 12, &c, &f.arena));
    const struct records *r = &back.responses[0].partitions[0].records;
    assert_int_equal(r->len, 5);
    assert_memory_equal(r->data, "abcde", 5);
    end(&f);
}

TEST(the_members_of_a_consumer_group_dump_with_their_subscription)
{
    struct fixture f;
    begin(&f);
    struct group_record_value v;
    group_record_value_init(&v, GROUP_RECORD_GROUP_METADATA, 3);
    struct group_metadata_value *g = &v.u.group_metadata;
    g->protocol_type = STR("consumer");
    g->protocol = g->leader = STR_NULL;
    g->members = group_metadata_value_member_metadata_new(&f.arena, 1);
    g->members_count = 1;
    g->members[0].member_id = STR("m");
    g->members[0].subscription = bytes_of("\0\0\0\0\0\1\0\1t\xff\xff\xff\xff", 13);
    g->members[0].assignment = bytes_of("?", 1);
    group_record_value_dump(&v, &f.out);
    assert_bytes(
        written(&f),
        "{\"version\":\"3\",\"data\":{\"protocolType\":\"consumer\",\"generation\":0,"
        "\"protocol\":null,\"leader\":null,\"currentStateTimestamp\":-1,\"members\":[{"
        "\"memberId\":\"m\",\"groupInstanceId\":null,\"clientId\":\"\",\"clientHost\":\"\","
        "\"rebalanceTimeout\":-1,\"sessionTimeout\":0,\"subscription\":{\"topics\":[\"t\"],"
        "\"userData\":null},\"assignment\":\"Pw==\"}]}}");
    end(&f);
}

TEST(an_input_takes_no_more_memory_than_it_may)
{
    struct fixture f;
    begin(&f);
    struct metadata_request m;
    /* version 1: three topics named "", two bytes each on the wire */
    struct cursor c = cursor_of("\0\0\0\3\0\0\0\0\0\0", 10);
    c.memory_left = 3 * sizeof(struct metadata_request_topic) - 1;
    assert_int_equal(metadata_request_decode(&m, 1, &c, &f.arena), ERR_TOO_LARGE);
    c = cursor_of("\0\0\0\3\0\0\0\0\0\0", 10);
    c.memory_left = 3 * sizeof(struct metadata_request_topic);
    assert_ok(metadata_request_decode(&m, 1, &c, &f.arena));
    assert_int_equal(c.memory_left, 0);
    end(&f);
}
