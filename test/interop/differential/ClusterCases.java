import static org.apache.kafka.common.protocol.ApiKeys.*;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.ApiMessage;

/** The cluster: what it is, its log directories, elections, reassignments, features; and odd requests. */
final class ClusterCases {
    private final Differential d;

    ClusterCases(Differential d) {
        this.d = d;
    }

    void run() throws IOException {
        describe();
        change();
        features();
        odd();
        leftOver();
    }

    private void describe() throws IOException {
        d.ask("cluster", DESCRIBE_CLUSTER, (s, v) -> new DescribeClusterRequestData());
        d.ask("cluster with operations", DESCRIBE_CLUSTER, (s, v) -> new DescribeClusterRequestData()
            .setIncludeClusterAuthorizedOperations(true));
        d.ask("cluster with fenced brokers", DESCRIBE_CLUSTER, 2, 99, (s, v) -> new DescribeClusterRequestData()
            .setIncludeFencedBrokers(true), (s, m, v) -> { });
        d.ask("cluster of controllers, asked of a broker", DESCRIBE_CLUSTER, 1, 99, (s, v) -> new DescribeClusterRequestData()
            .setEndpointType((byte) 2), (s, m, v) -> { });
        d.ask("cluster of an unknown kind", DESCRIBE_CLUSTER, 1, 99, (s, v) -> new DescribeClusterRequestData()
            .setEndpointType((byte) 7), (s, m, v) -> { });
        d.ask("log directories of a topic", DESCRIBE_LOG_DIRS, (s, v) -> {
            DescribeLogDirsRequestData r = new DescribeLogDirsRequestData();
            r.setTopics(new DescribeLogDirsRequestData.DescribableLogDirTopicCollection());
            r.topics().add(new DescribeLogDirsRequestData.DescribableLogDirTopic().setTopic("records").setPartitions(List.of(0, 1)));
            return r;
        });
        d.ask("quorum", DESCRIBE_QUORUM, (s, v) -> quorum("__cluster_metadata", 0));
        d.ask("quorum of another topic", DESCRIBE_QUORUM, (s, v) -> quorum("records", 0));
        d.ask("quorum of another partition", DESCRIBE_QUORUM, (s, v) -> quorum("__cluster_metadata", 1));
    }

    private static DescribeQuorumRequestData quorum(String topic, int partition) {
        return new DescribeQuorumRequestData().setTopics(List.of(new DescribeQuorumRequestData.TopicData().setTopicName(topic)
            .setPartitions(List.of(new DescribeQuorumRequestData.PartitionData().setPartitionIndex(partition)))));
    }

    private static ElectLeadersRequestData elect(String topic, Integer... partitions) {
        ElectLeadersRequestData r = new ElectLeadersRequestData().setTimeoutMs(10000).setTopicPartitions(
            new ElectLeadersRequestData.TopicPartitionsCollection());
        r.topicPartitions().add(new ElectLeadersRequestData.TopicPartitions().setTopic(topic).setPartitions(List.of(partitions)));
        return r;
    }

    private static AlterPartitionReassignmentsRequestData move(String topic, int partition, List<Integer> brokers) {
        return new AlterPartitionReassignmentsRequestData().setTimeoutMs(10000).setTopics(List.of(
            new AlterPartitionReassignmentsRequestData.ReassignableTopic().setName(topic).setPartitions(List.of(
                new AlterPartitionReassignmentsRequestData.ReassignablePartition().setPartitionIndex(partition)
                    .setReplicas(brokers)))));
    }

    private void change() throws IOException {
        d.ask("elect the preferred", ELECT_LEADERS, (s, v) -> elect("records", 0, 1, 9));
        d.ask("elect uncleanly", ELECT_LEADERS, 1, 99, (s, v) -> elect("records", 0).setElectionType((byte) 1), (s, m, v) -> { });
        d.ask("elect by an unknown kind", ELECT_LEADERS, 1, 99, (s, v) -> elect("records", 0).setElectionType((byte) 4),
            (s, m, v) -> { });
        d.ask("elect of an unknown topic", ELECT_LEADERS, (s, v) -> elect("unknown", 0));
        d.ask("elect all", ELECT_LEADERS, (s, v) -> new ElectLeadersRequestData().setTimeoutMs(10000).setTopicPartitions(null));
        d.ask("move to where it is", ALTER_PARTITION_REASSIGNMENTS, (s, v) -> move("records", 0, List.of(1)));
        d.ask("move to an unknown broker", ALTER_PARTITION_REASSIGNMENTS, (s, v) -> move("records", 0, List.of(44)));
        d.ask("move to a broker twice", ALTER_PARTITION_REASSIGNMENTS, (s, v) -> move("records", 0, List.of(1, 1)));
        d.ask("move to nobody", ALTER_PARTITION_REASSIGNMENTS, (s, v) -> move("records", 0, List.of()));
        d.ask("move to a negative broker", ALTER_PARTITION_REASSIGNMENTS, (s, v) -> move("records", 0, List.of(-1)));
        d.ask("cancel what is not moving", ALTER_PARTITION_REASSIGNMENTS, (s, v) -> move("records", 0, null));
        d.ask("move an unknown topic", ALTER_PARTITION_REASSIGNMENTS, (s, v) -> move("unknown", 0, List.of(1)));
        d.ask("move an unknown partition", ALTER_PARTITION_REASSIGNMENTS, (s, v) -> move("records", 12, List.of(1)));
        d.ask("list what moves", LIST_PARTITION_REASSIGNMENTS, (s, v) -> new ListPartitionReassignmentsRequestData()
            .setTopics(null).setTimeoutMs(10000));
        d.ask("list what moves of a topic", LIST_PARTITION_REASSIGNMENTS, (s, v) -> new ListPartitionReassignmentsRequestData()
            .setTimeoutMs(10000).setTopics(List.of(new ListPartitionReassignmentsRequestData.ListPartitionReassignmentsTopics()
                .setName("records").setPartitionIndexes(List.of(0, 1)))));
        d.ask("unregister an unknown broker", UNREGISTER_BROKER, (s, v) -> new UnregisterBrokerRequestData().setBrokerId(99));
        d.ask("add a voter without an id", ADD_RAFT_VOTER, (s, v) -> new AddRaftVoterRequestData().setTimeoutMs(1000)
            .setVoterId(-1).setVoterDirectoryId(new Uuid(4, 4)));
        d.ask("add a voter without endpoints", ADD_RAFT_VOTER, (s, v) -> new AddRaftVoterRequestData().setTimeoutMs(1000)
            .setVoterId(7).setVoterDirectoryId(new Uuid(4, 4)));
        d.ask("remove an unknown voter", REMOVE_RAFT_VOTER, (s, v) -> new RemoveRaftVoterRequestData().setVoterId(7)
            .setVoterDirectoryId(new Uuid(4, 4)));
        d.ask("remove a voter of another cluster", REMOVE_RAFT_VOTER, (s, v) -> new RemoveRaftVoterRequestData().setVoterId(7)
            .setClusterId("another").setVoterDirectoryId(new Uuid(4, 4)));
    }

    private static UpdateFeaturesRequestData feature(short v, String name, int level, int kind, boolean judge) {
        UpdateFeaturesRequestData.FeatureUpdateKey k = new UpdateFeaturesRequestData.FeatureUpdateKey().setFeature(name)
            .setMaxVersionLevel((short) level);
        if (v == 0) k.setAllowDowngrade(kind != 1); else k.setUpgradeType((byte) kind);
        UpdateFeaturesRequestData r = new UpdateFeaturesRequestData().setTimeoutMs(10000);
        r.featureUpdates().add(k);
        return v == 0 ? r : r.setValidateOnly(judge);
    }

    private void features() throws IOException {
        Object[][] updates = {{"group.version", 1, 1, "as it is"}, {"group.version", 9, 1, "too high"}, {"no.such", 1, 1, "unknown"},
            {"metadata.version", 1, 1, "too old"}, {"metadata.version", 99, 1, "too new"}, {"metadata.version", 30, 1, "as it is"},
            {"transaction.version", 1, 1, "down by an upgrade"}, {"kraft.version", 0, 2, "down"},
            {"kraft.version", 1, 1, "as it is"}, {"kraft.version", 5, 1, "too high"}, {"group.version", -1, 1, "negative"},
            {"metadata.version", 0, 2, "removed"}, {"metadata.version", 20, 3, "down unsafely"}};
        for (Object[] u : updates)
            d.ask("judge " + u[0] + " " + u[3], UPDATE_FEATURES, 1, 99, (s, v) -> feature(v, (String) u[0], (int) u[1],
                (int) u[2], true), (s, m, v) -> { });
        d.ask("set " + "transaction.version to 1", UPDATE_FEATURES, (s, v) -> feature(v, "transaction.version", 1, 2, false));
        d.ask("set " + "transaction.version to 2", UPDATE_FEATURES, (s, v) -> feature(v, "transaction.version", 2, 1, false));
        d.ask("set no feature", UPDATE_FEATURES, (s, v) -> new UpdateFeaturesRequestData().setTimeoutMs(10000));
    }

    /** ApiVersions of a version that does not exist, of a bad name; a request that nobody knows. */
    private void odd() throws IOException {
        d.ask("a client without a name", API_VERSIONS, 3, 99, (s, v) -> new ApiVersionsRequestData()
            .setClientSoftwareName("bad name!").setClientSoftwareVersion("1"), (s, m, v) ->
                ((ApiVersionsResponseData) m).apiKeys().clear());
        for (short version : new short[] {99, -1}) {
            ByteBuffer head = ByteBuffer.allocate(10).putShort((short) 18).putShort(version).putInt(7).putShort((short) -1);
            head.flip();
            for (Side s : List.of(d.samsa, d.kafka)) s.known.put("odd", frame(s, head));
            d.compareText("ApiVersions of version " + version, d.samsa.get("odd"), d.kafka.get("odd"));
        }
        for (int[] request : new int[][] {{999, 0}, {3, 99}, {0, 2}, {52, 0}, {63, 0}}) {
            ByteBuffer head = ByteBuffer.allocate(12).putShort((short) request[0]).putShort((short) request[1]).putInt(7)
                .putShort((short) -1).putShort((short) 0);
            head.flip();
            for (Side s : List.of(d.samsa, d.kafka)) s.known.put("odd", frame(s, head));
            d.compareText("a request " + request[0] + " of version " + request[1], d.samsa.get("odd"), d.kafka.get("odd"));
        }
    }

    /** What is left over behind a body is not looked at. */
    private void leftOver() throws IOException {
        int[][] requests = {{API_VERSIONS.id, 0}, {LIST_GROUPS.id, 0}, {METADATA.id, 1}, {DESCRIBE_CLUSTER.id, 0}};
        for (int[] request : requests) {
            ByteBuffer head = ByteBuffer.allocate(40).putShort((short) request[0]).putShort((short) request[1]).putInt(7)
                .putShort((short) -1);
            for (int i = 0; head.hasRemaining(); i++) head.put((byte) (i < 6 ? 0 : 0x55)); // no topics, no tags, not asked
            head.flip();
            for (Side s : List.of(d.samsa, d.kafka)) s.known.put("odd", frame(s, head));
            d.compareText("bytes left over behind a request " + request[0], d.samsa.get("odd"), d.kafka.get("odd"));
        }
    }

    private static String frame(Side s, ByteBuffer head) throws IOException {
        try {
            ByteBuffer answer = s.exchange(head.duplicate());
            return "correlation " + answer.getInt() + " error " + answer.getShort();
        } catch (Side.NoAnswer e) {
            return e.getMessage();
        }
    }
}
