import static org.apache.kafka.common.protocol.ApiKeys.*;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableReplicaAssignment;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopic;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopicConfig;
import org.apache.kafka.common.message.MetadataRequestData.MetadataRequestTopic;

/** Topics, partitions and configurations: created, changed, described, deleted. */
final class TopicCases {
    private final Differential d;

    TopicCases(Differential d) {
        this.d = d;
    }

    void run() throws IOException {
        create();
        metadata();
        partitions();
        configs();
        loggers();
        subscriptions();
        resources();
        delete();
    }

    static CreateTopicsRequestData create(boolean validateOnly, CreatableTopic... topics) {
        CreateTopicsRequestData request = new CreateTopicsRequestData().setTimeoutMs(30000).setValidateOnly(validateOnly);
        for (CreatableTopic t : topics) request.topics().add(t);
        return request;
    }

    static CreatableTopic topic(String name, int partitions, int replicas, String... configs) {
        CreatableTopic t = new CreatableTopic().setName(name).setNumPartitions(partitions)
            .setReplicationFactor((short) replicas);
        for (int i = 0; i < configs.length; i += 2)
            t.configs().add(new CreatableTopicConfig().setName(configs[i]).setValue(configs[i + 1]));
        return t;
    }

    static CreatableTopic assigned(String name, int... brokers) {
        CreatableTopic t = topic(name, -1, -1);
        for (int i = 0; i < brokers.length; i++)
            t.assignments().add(new CreatableReplicaAssignment().setPartitionIndex(i).setBrokerIds(List.of(brokers[i])));
        return t;
    }

    private void create() throws IOException {
        for (String name : List.of("records", "cut", "idempotent", "group-topic"))
            d.once("set up topic " + name, CREATE_TOPICS, (s, v) -> create(false, topic(name, 3, 1)), (s, m, v) -> {
                CreateTopicsResponseData.CreatableTopicResult r = ((CreateTopicsResponseData) m).topics().find(name);
                s.known.put(name, r.topicId());
                s.labels.name(r.topicId().toString(), "<id of " + name + ">");
            });
        d.ask("create", CREATE_TOPICS, (s, v) -> create(false, topic("create-" + v, 2, 1, "retention.ms", "1000")));
        d.ask("create with defaults", CREATE_TOPICS, (s, v) -> create(false, topic("defaults-" + v, -1, -1)));
        d.ask("create again", CREATE_TOPICS, (s, v) -> create(false, topic("records", 1, 1)));
        d.ask("create, judge only", CREATE_TOPICS, (s, v) -> create(true, topic("judged", 4, 1, "cleanup.policy", "compact")));
        d.ask("create by assignment", CREATE_TOPICS, (s, v) -> create(false, assigned("assigned-" + v, 1, 1)));
        d.ask("create on an unknown broker", CREATE_TOPICS, (s, v) -> create(false, assigned("nowhere", 1, 77)));
        CreatableTopic gap = topic("gap", -1, -1);
        gap.assignments().add(new CreatableReplicaAssignment().setPartitionIndex(1).setBrokerIds(List.of(1)));
        d.ask("create with a gap in the assignment", CREATE_TOPICS, (s, v) -> create(false, gap.duplicate()));
        CreatableTopic both = assigned("both", 1).setNumPartitions(1);
        d.ask("create with assignment and count", CREATE_TOPICS, (s, v) -> create(false, both.duplicate()));
        String longest = "n".repeat(250);
        String[][] bad = {{"", "1", "1"}, {".", "1", "1"}, {"a b", "1", "1"}, {longest, "1", "1"}, {"zero", "0", "1"},
            {"minus", "-2", "1"}, {"replicas", "1", "4"}, {"none", "1", "0"}, {"under", "1", "-3"}, {"a.b", "1", "1"},
            {"a_b", "1", "1"}};
        for (String[] b : bad)
            d.ask("create " + (b[0].length() > 20 ? "a long name" : "'" + b[0] + "'"), CREATE_TOPICS,
                (s, v) -> create(false, topic(b[0], Integer.parseInt(b[1]), Integer.parseInt(b[2]))));
        d.ask("create with unknown configuration", CREATE_TOPICS, (s, v) -> create(false, topic("odd", 1, 1, "no.such", "1")));
        d.ask("create with bad value", CREATE_TOPICS, (s, v) -> create(false, topic("odd", 1, 1, "retention.ms", "soon")));
        d.ask("create with value out of range", CREATE_TOPICS, (s, v) -> create(false, topic("odd", 1, 1, "segment.bytes", "1")));
        d.ask("create with null value", CREATE_TOPICS, (s, v) -> create(false, topic("odd", 1, 1, "retention.ms", null)));
        d.ask("create two of a name", CREATE_TOPICS, (s, v) -> {
            CreateTopicsRequestData r = create(false);
            r.topics().mustAdd(topic("twice", 1, 1));
            r.topics().mustAdd(topic("twice", 2, 1));
            return r;
        });
        d.ask("create the metadata topic", CREATE_TOPICS, (s, v) -> create(false, topic("__cluster_metadata", 1, 1)));
        d.ask("create nothing", CREATE_TOPICS, (s, v) -> create(false));
    }

    static MetadataRequestData names(boolean create, String... names) {
        MetadataRequestData r = new MetadataRequestData().setAllowAutoTopicCreation(create).setTopics(new ArrayList<>());
        for (String n : names) r.topics().add(new MetadataRequestTopic().setName(n));
        return r;
    }

    private void metadata() throws IOException {
        d.settle();
        d.ask("metadata of a topic", METADATA, (s, v) -> names(true, "records"));
        d.ask("metadata of an unknown topic", METADATA, (s, v) -> names(false, "unknown"));
        d.ask("metadata of a bad name", METADATA, (s, v) -> names(false, "bad name", ""));
        d.ask("metadata of no topic", METADATA, (s, v) -> names(false));
        d.ask("metadata of all", METADATA, (s, v) -> new MetadataRequestData().setTopics(null));
        d.ask("metadata by id", METADATA, (s, v) -> new MetadataRequestData().setAllowAutoTopicCreation(false).setTopics(
            List.of(new MetadataRequestTopic().setTopicId(s.get("records")).setName(null))));
        d.ask("metadata by unknown id", METADATA, (s, v) -> new MetadataRequestData().setAllowAutoTopicCreation(false)
            .setTopics(List.of(new MetadataRequestTopic().setTopicId(new Uuid(5, 6)).setName(null))));
        d.ask("metadata by ids and an empty name", METADATA, 10, 99, (s, v) -> new MetadataRequestData().setAllowAutoTopicCreation(false)
            .setTopics(List.of(new MetadataRequestTopic().setTopicId(new Uuid(5, 6)), new MetadataRequestTopic().setTopicId(s.get("records")))), (s, m, v) -> { });
        d.ask("metadata by an id, and by a name", METADATA, 10, 99, (s, v) -> new MetadataRequestData().setAllowAutoTopicCreation(false)
            .setTopics(List.of(new MetadataRequestTopic().setTopicId(s.get("records")), new MetadataRequestTopic().setName("unknown"))), (s, m, v) -> { });
        d.ask("metadata with operations", METADATA, (s, v) -> names(false, "records")
            .setIncludeTopicAuthorizedOperations(true).setIncludeClusterAuthorizedOperations(v >= 8 && v <= 10));
        d.ask("metadata of unknown topics with operations", METADATA, (s, v) -> names(false, "unknown", "records", "bad name")
            .setIncludeTopicAuthorizedOperations(true));
        d.ask("metadata by unknown id with operations", METADATA, (s, v) -> new MetadataRequestData().setTopics(
            List.of(new MetadataRequestTopic().setTopicId(new Uuid(5, 6)).setName(null)))
            .setIncludeTopicAuthorizedOperations(true).setAllowAutoTopicCreation(false));
        d.ask("describe topic partitions", DESCRIBE_TOPIC_PARTITIONS, (s, v) -> new DescribeTopicPartitionsRequestData()
            .setTopics(List.of(new DescribeTopicPartitionsRequestData.TopicRequest().setName("records"),
                new DescribeTopicPartitionsRequestData.TopicRequest().setName("unknown"))));
        d.ask("describe two partitions", DESCRIBE_TOPIC_PARTITIONS, (s, v) -> new DescribeTopicPartitionsRequestData()
            .setResponsePartitionLimit(2)
            .setTopics(List.of(new DescribeTopicPartitionsRequestData.TopicRequest().setName("records"))));
        d.ask("describe from a cursor", DESCRIBE_TOPIC_PARTITIONS, (s, v) -> new DescribeTopicPartitionsRequestData()
            .setCursor(new DescribeTopicPartitionsRequestData.Cursor().setTopicName("records").setPartitionIndex(1))
            .setTopics(List.of(new DescribeTopicPartitionsRequestData.TopicRequest().setName("records"))));
    }

    static CreatePartitionsRequestData grow(String topic, int count, boolean judge, Integer... brokers) {
        CreatePartitionsRequestData.CreatePartitionsTopic t =
            new CreatePartitionsRequestData.CreatePartitionsTopic().setName(topic).setCount(count).setAssignments(null);
        if (brokers.length > 0) {
            t.setAssignments(new ArrayList<>());
            for (int b : brokers)
                t.assignments().add(
                    new CreatePartitionsRequestData.CreatePartitionsAssignment().setBrokerIds(List.of(b)));
        }
        CreatePartitionsRequestData r = new CreatePartitionsRequestData().setTimeoutMs(30000).setValidateOnly(judge);
        r.topics().add(t);
        return r;
    }

    private void partitions() throws IOException {
        d.once("set up topic grow", CREATE_TOPICS, (s, v) -> create(false, topic("grow", 1, 1)));
        d.ask("grow", CREATE_PARTITIONS, (s, v) -> grow("grow", 2 + v, false));
        d.ask("grow, judge only", CREATE_PARTITIONS, (s, v) -> grow("grow", 20, true));
        d.ask("grow to fewer", CREATE_PARTITIONS, (s, v) -> grow("grow", 1, false));
        d.ask("grow to as many", CREATE_PARTITIONS, (s, v) -> grow("grow", 5, false));
        d.ask("grow by assignment", CREATE_PARTITIONS, (s, v) -> grow("grow", 6 + v, false, 1));
        d.ask("grow by too long an assignment", CREATE_PARTITIONS, (s, v) -> grow("grow", 11, false, 1, 1, 1));
        d.ask("grow to an unknown broker", CREATE_PARTITIONS, (s, v) -> grow("grow", 10, false, 9));
        d.ask("grow an unknown topic", CREATE_PARTITIONS, (s, v) -> grow("unknown", 2, false));
    }

    static DescribeConfigsRequestData describe(int type, String name, String... keys) {
        DescribeConfigsRequestData.DescribeConfigsResource r = new DescribeConfigsRequestData.DescribeConfigsResource()
            .setResourceType((byte) type).setResourceName(name).setConfigurationKeys(keys.length == 0 ? null : List.of(keys));
        return new DescribeConfigsRequestData().setResources(List.of(r)).setIncludeSynonyms(true)
            .setIncludeDocumentation(false);
    }

    static IncrementalAlterConfigsRequestData incremental(int type, String name, boolean judge, Object... changes) {
        IncrementalAlterConfigsRequestData.AlterConfigsResource r =
            new IncrementalAlterConfigsRequestData.AlterConfigsResource().setResourceType((byte) type).setResourceName(name);
        for (int i = 0; i < changes.length; i += 3)
            r.configs().add(new IncrementalAlterConfigsRequestData.AlterableConfig().setConfigOperation(
                ((Integer) changes[i]).byteValue()).setName((String) changes[i + 1]).setValue((String) changes[i + 2]));
        IncrementalAlterConfigsRequestData q = new IncrementalAlterConfigsRequestData().setValidateOnly(judge);
        q.resources().add(r);
        return q;
    }

    private static AlterConfigsRequestData replace(int type, String name, String... values) {
        AlterConfigsRequestData.AlterConfigsResource r =
            new AlterConfigsRequestData.AlterConfigsResource().setResourceType((byte) type).setResourceName(name);
        for (int i = 0; i < values.length; i += 2)
            r.configs().add(new AlterConfigsRequestData.AlterableConfig().setName(values[i]).setValue(values[i + 1]));
        AlterConfigsRequestData q = new AlterConfigsRequestData();
        q.resources().add(r);
        return q;
    }

    private void configs() throws IOException {
        final int topic = 2, broker = 4;
        d.settle();
        d.ask("set", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(topic, "grow", false, 0, "retention.ms", "77", 0,
            "cleanup.policy", "compact"));
        d.ask("append", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(topic, "grow", false, 2, "cleanup.policy", "delete"));
        d.ask("subtract", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(topic, "grow", false, 3, "cleanup.policy", "compact"));
        d.ask("unset", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(topic, "grow", false, 1, "retention.ms", null));
        d.ask("set, judge only", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(topic, "grow", true, 0, "retention.ms", "5"));
        d.ask("set a bad value", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(topic, "grow", false, 0, "retention.ms", "x"));
        d.ask("set an unknown key", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(topic, "grow", false, 0, "no.such", "x"));
        d.ask("set twice", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(topic, "grow", false, 0, "retention.ms", "1", 1,
            "retention.ms", null));
        d.ask("append to a number", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(topic, "grow", false, 2, "retention.ms", "1"));
        d.ask("set on an unknown topic", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(topic, "unknown", false, 0,
            "retention.ms", "1"));
        d.ask("set on an unknown broker", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "77", false, 0,
            "log.retention.ms", "1"));
        d.ask("set on a broker that is no number", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "one", false, 0,
            "log.retention.ms", "1"));
        d.ask("set on a broker", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "1", false, 0,
            "log.cleaner.threads", "2"));
        d.ask("unset on a broker", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "1", false, 1,
            "log.cleaner.threads", null));
        d.ask("set a bad value on a broker", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "1", false, 0,
            "log.cleaner.threads", "many"));
        d.ask("set a fixed key on a broker", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "1", false, 0,
            "node.id", "4"));
        d.ask("set cordoned directories to others", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "1", false, 0,
            "cordoned.log.dirs", "/no/such"));
        d.ask("set cordoned directories to some and all", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "1", true, 0,
            "cordoned.log.dirs", "*,/no/such"));
        d.ask("set cordoned directories to all", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "1", true, 0,
            "cordoned.log.dirs", "*"));
        d.ask("set cordoned directories to none", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "1", true, 0,
            "cordoned.log.dirs", ""));
        d.ask("append to cordoned directories", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "1", true, 2,
            "cordoned.log.dirs", "/no/such"));
        d.ask("set cordoned directories for all brokers", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "", true, 0,
            "cordoned.log.dirs", "*"));
        d.ask("set a null", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(topic, "grow", false, 0, "retention.ms", null,
            0, "segment.ms", null));
        d.ask("set on a good and a bad resource", INCREMENTAL_ALTER_CONFIGS, (s, v) -> {
            IncrementalAlterConfigsRequestData r = incremental(broker, "77", false, 0, "log.retention.ms", "1");
            r.resources().add(incremental(topic, "grow", true, 0, "segment.ms", "700000").resources().find((byte) topic,
                "grow").duplicate());
            r.resources().add(incremental(broker, "78", false, 0, "log.retention.ms", "1").resources().find((byte) broker,
                "78").duplicate());
            return r;
        });
        d.ask("replace on an unknown broker", ALTER_CONFIGS, (s, v) -> replace(broker, "77", "log.retention.ms", "1"));
        d.ask("replace a null", ALTER_CONFIGS, (s, v) -> replace(topic, "grow", "retention.ms", null));
        d.ask("an unknown operation", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(topic, "grow", false, 9, "retention.ms", "1"));
        for (int kind : new int[] {0, 1, 99})
            d.ask("set for an unknown kind " + kind, INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(kind, "x", false, 0, "a", "1"));
        d.ask("replace for an unknown kind", ALTER_CONFIGS, (s, v) -> replace(99, "x", "a", "1"));
        d.ask("replace a null of an unknown kind", ALTER_CONFIGS, (s, v) -> replace(99, "x", "a", null));
        d.ask("replace", ALTER_CONFIGS, (s, v) -> replace(topic, "grow", "retention.ms", "88", "max.message.bytes", "2000"));
        d.ask("replace with an unknown key", ALTER_CONFIGS, (s, v) -> replace(topic, "grow", "no.such", "88"));
        d.ask("replace on an unknown topic", ALTER_CONFIGS, (s, v) -> replace(topic, "unknown", "retention.ms", "88"));
        d.settle();
        d.ask("describe a topic's keys", DESCRIBE_CONFIGS, (s, v) -> describe(topic, "grow", "retention.ms", "cleanup.policy",
            "max.message.bytes", "segment.bytes", "no.such"));
        d.ask("describe a topic", DESCRIBE_CONFIGS, (s, v) -> describe(topic, "grow"));
        d.ask("describe an unknown topic", DESCRIBE_CONFIGS, (s, v) -> describe(topic, "unknown"));
        d.ask("describe a bad topic", DESCRIBE_CONFIGS, (s, v) -> describe(topic, "a b"));
        d.ask("describe a broker's keys", DESCRIBE_CONFIGS, (s, v) -> describe(broker, "1", "log.retention.ms",
            "num.partitions", "node.id", "process.roles", "log.segment.bytes", "auto.create.topics.enable"));
        d.ask("describe another broker", DESCRIBE_CONFIGS, (s, v) -> describe(broker, "2"));
        d.ask("describe a broker that is no number", DESCRIBE_CONFIGS, (s, v) -> describe(broker, "one"));
        d.ask("describe all brokers", DESCRIBE_CONFIGS, (s, v) -> describe(broker, ""));
        d.ask("describe an unknown kind", DESCRIBE_CONFIGS, (s, v) -> describe(99, "x"));
        d.ask("set for all brokers", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "", false, 0,
            "log.retention.ms", "123456789"));
        d.settle();
        d.ask("describe all brokers, set", DESCRIBE_CONFIGS, (s, v) -> describe(broker, ""));
        d.ask("describe the topic under it", DESCRIBE_CONFIGS, (s, v) -> describe(topic, "records", "retention.ms"));
        d.ask("unset for all brokers", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(broker, "", false, 1,
            "log.retention.ms", null));
    }

    /** Levels of loggers: they live in a broker and are asked of it alone. */
    private void loggers() throws IOException {
        final int logger = 8;
        d.ask("describe a logger", DESCRIBE_CONFIGS, (s, v) -> describe(logger, "1", "root", "no.such"));
        d.ask("describe loggers of another broker", DESCRIBE_CONFIGS, (s, v) -> describe(logger, "2"));
        d.ask("describe loggers of no number", DESCRIBE_CONFIGS, (s, v) -> describe(logger, "one"));
        d.ask("describe loggers of nobody", DESCRIBE_CONFIGS, (s, v) -> describe(logger, ""));
        d.ask("set a logger, judge only", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", true, 0, "root", "ERROR"));
        d.ask("describe a logger that was judged", DESCRIBE_CONFIGS, (s, v) -> describe(logger, "1", "root"));
        d.ask("set a logger", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", false, 0, "root", "ERROR"));
        d.ask("describe a logger that was set", DESCRIBE_CONFIGS, (s, v) -> describe(logger, "1", "root"));
        d.ask("set a logger to what Java has", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", false, 0, "root", "TRACE"));
        d.ask("describe a logger set so", DESCRIBE_CONFIGS, (s, v) -> describe(logger, "1", "root"));
        d.ask("set a logger back", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", false, 0, "root", "INFO"));
        d.ask("set a logger in small letters", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", true, 0, "root", "info"));
        d.ask("set a logger to no level", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", false, 0, "root", "LOUD"));
        d.ask("set a logger to OFF", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", false, 0, "root", "OFF"));
        d.ask("set a logger to null", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", false, 0, "root", null));
        d.ask("unset the root logger", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", false, 1, "root", null));
        d.ask("set an unknown logger", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", false, 0, "no.such", "INFO"));
        d.ask("unset an unknown logger", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", false, 1, "no.such", null));
        d.ask("append to a logger", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", false, 2, "root", "INFO"));
        d.ask("subtract from a logger", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", false, 3, "root", "INFO"));
        d.ask("set a logger twice", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "1", false, 0, "root", "INFO", 0,
            "root", "WARN"));
        d.ask("set a logger of another broker", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "2", false, 0, "root", "INFO"));
        d.ask("set a logger of no number", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "one", false, 0, "root", "INFO"));
        d.ask("set a logger of nobody", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(logger, "", false, 0, "root", "INFO"));
        d.ask("set a logger and a topic", INCREMENTAL_ALTER_CONFIGS, (s, v) -> {
            IncrementalAlterConfigsRequestData r = incremental(logger, "1", true, 0, "root", "WARN");
            r.resources().add(incremental(2, "grow", true, 0, "retention.ms", "7").resources().find((byte) 2, "grow").duplicate());
            return r;
        });
        d.ask("replace a logger", ALTER_CONFIGS, (s, v) -> replace(logger, "1", "root", "WARN"));
        d.ask("replace a logger of another broker", ALTER_CONFIGS, (s, v) -> replace(logger, "2", "root", "WARN"));
    }

    /** What clients shall tell of themselves (KIP-714), and groups. */
    private void subscriptions() throws IOException {
        final int metrics = 16, group = 32;
        for (String name : new String[] {"one", "", "a b"}) {
            d.ask("describe client metrics of '" + name + "'", DESCRIBE_CONFIGS, (s, v) -> describe(metrics, name));
            d.ask("describe a group's configuration, '" + name + "'", DESCRIBE_CONFIGS, (s, v) -> describe(group, name));
        }
        Object[][] changes = {{"metrics", "org.apache"}, {"metrics", ""}, {"interval.ms", "5000"}, {"interval.ms", "7"},
            {"interval.ms", "x"}, {"match", "client_id=a.*"}, {"match", "nobody=1"}, {"match", "client_id=["}, {"no.such", "1"}};
        for (Object[] c : changes)
            d.ask("set client metrics " + c[0] + " to " + c[1], INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(metrics, "one", true,
                0, c[0], c[1]));
        d.ask("set client metrics of nobody", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(metrics, "", true, 0, "interval.ms", "5000"));
        d.ask("set client metrics", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(metrics, "two", false, 0, "interval.ms", "5000",
            0, "metrics", "org.apache,com"));
        d.settle();
        d.ask("describe client metrics that are set", DESCRIBE_CONFIGS, (s, v) -> describe(metrics, "two"));
        d.ask("describe client metrics, one key", DESCRIBE_CONFIGS, (s, v) -> describe(metrics, "two", "interval.ms"));
        d.ask("replace client metrics", ALTER_CONFIGS, (s, v) -> replace(metrics, "two", "interval.ms", "6000"));
        d.ask("unset client metrics", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(metrics, "two", false, 1, "interval.ms", null,
            1, "metrics", null));
        for (Object[] c : new Object[][] {{"consumer.session.timeout.ms", "50000"}, {"consumer.session.timeout.ms", "1"},
            {"consumer.session.timeout.ms", "90000000"}, {"consumer.heartbeat.interval.ms", "x"}, {"no.such", "1"},
            {"consumer.heartbeat.interval.ms", "1"}, {"consumer.heartbeat.interval.ms", "900000"},
            {"consumer.assignment.interval.ms", "900000"}, {"share.session.timeout.ms", "1"},
            {"share.delivery.count.limit", "999"}, {"share.partition.max.record.locks", "999999"},
            {"share.record.lock.duration.ms", "9999999"}, {"streams.session.timeout.ms", "1"},
            {"streams.num.standby.replicas", "9"}})
            d.ask("set a group's " + c[0] + " to " + c[1], INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(group, "g", true, 0, c[0],
                c[1]));
        d.ask("set a group without a name", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(group, "", true, 0,
            "consumer.session.timeout.ms", "50000"));
    }

    private void resources() throws IOException {
        final int metrics = 16, group = 32;
        ask("of no type", new Byte[0]);
        for (int type : new int[] {2, 4, 8, metrics, group}) ask("of type " + type + ", nothing set", (byte) type);
        d.once("set up client metrics", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(metrics, "three", false, 0, "interval.ms", "5000"));
        d.once("set up more client metrics", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(metrics, "four", false, 0, "metrics", ""));
        d.once("set up a group's configuration", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(group, "configured", false, 0,
            "consumer.session.timeout.ms", "50000"));
        d.settle();
        ask("of all types", new Byte[0]);
        for (int type : new int[] {2, 4, 8, metrics, group}) ask("of type " + type, (byte) type);
        ask("of two types", (byte) metrics, (byte) group);
        ask("of a type twice", (byte) metrics, (byte) metrics);
        for (int type : new int[] {0, 1, 3, 24, 64, -128, -1, 127}) ask("of type " + type, (byte) type);
        ask("of a type and an unknown one", (byte) metrics, (byte) 5);
        d.once("set up no client metrics", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(metrics, "three", false, 1, "interval.ms", null));
        d.once("set up no group's configuration", INCREMENTAL_ALTER_CONFIGS, (s, v) -> incremental(group, "configured", false, 1,
            "consumer.session.timeout.ms", null));
        d.settle();
        ask("of what is no longer set", (byte) metrics, (byte) group);
    }

    /** A version without types is asked for none. */
    private void ask(String name, Byte... types) throws IOException {
        d.ask("configured resources " + name, LIST_CONFIG_RESOURCES, (s, v) -> new ListConfigResourcesRequestData().setResourceTypes(
            v == 0 ? List.of() : List.of(types)));
    }

    private void delete() throws IOException {
        d.settle();
        d.ask("delete", DELETE_TOPICS, 0, 5, (s, v) -> new DeleteTopicsRequestData().setTimeoutMs(30000)
            .setTopicNames(List.of("create-" + (v + 1), "unknown")), (s, m, v) -> { });
        d.ask("delete by name", DELETE_TOPICS, 6, 6, (s, v) -> new DeleteTopicsRequestData().setTimeoutMs(30000).setTopics(
            List.of(new DeleteTopicsRequestData.DeleteTopicState().setName("create-7"),
                new DeleteTopicsRequestData.DeleteTopicState().setName("unknown"))), (s, m, v) -> { });
        d.ask("delete by unknown id", DELETE_TOPICS, 6, 6, (s, v) -> new DeleteTopicsRequestData().setTimeoutMs(30000).setTopics(
            List.of(new DeleteTopicsRequestData.DeleteTopicState().setName(null).setTopicId(new Uuid(7, 7)))),
            (s, m, v) -> { });
        d.ask("delete with name and id", DELETE_TOPICS, 6, 6, (s, v) -> new DeleteTopicsRequestData().setTimeoutMs(30000)
            .setTopics(List.of(new DeleteTopicsRequestData.DeleteTopicState().setName("records").setTopicId(s.get("records")))),
            (s, m, v) -> { });
        d.ask("delete twice", DELETE_TOPICS, 6, 6, (s, v) -> new DeleteTopicsRequestData().setTimeoutMs(30000).setTopics(
            List.of(new DeleteTopicsRequestData.DeleteTopicState().setName("defaults-7"),
                new DeleteTopicsRequestData.DeleteTopicState().setName("defaults-7"))), (s, m, v) -> { });
    }
}
