import static org.apache.kafka.common.protocol.ApiKeys.*;

import java.io.IOException;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.*;

/** Groups of the classic protocol and their offsets. */
final class GroupCases {
    static final int PATIENCE_MS = 600_000; /* no member may expire on one side only */

    private final Differential d;

    GroupCases(Differential d) {
        this.d = d;
    }

    void run() throws IOException {
        coordinator();
        offsetsWithoutMembers();
        members();
        refusals();
        administration();
    }

    private void coordinator() throws IOException {
        awaitCoordinator();
        d.ask("find by key", FIND_COORDINATOR, 0, 3, (s, v) -> new FindCoordinatorRequestData().setKey("group"), (s, m, v) -> { });
        d.ask("find by an unknown kind", FIND_COORDINATOR, 1, 3, (s, v) -> new FindCoordinatorRequestData().setKey("group")
            .setKeyType((byte) 9), (s, m, v) -> { });
        d.ask("find by keys", FIND_COORDINATOR, 4, 99, (s, v) -> new FindCoordinatorRequestData()
            .setCoordinatorKeys(List.of("group", "other", "")), (s, m, v) -> { });
    }

    /** The topic of offsets is made when a coordinator is first looked for; then its partitions are loaded. */
    private void awaitCoordinator() throws IOException {
        d.await(FIND_COORDINATOR, (s, v) -> new FindCoordinatorRequestData().setCoordinatorKeys(List.of("group", "other", "")),
            m -> ((FindCoordinatorResponseData) m).coordinators().stream().allMatch(c -> c.errorCode() == 0));
        for (String group : List.of("alone", "group", "nowhere", "g0", "g1", "g2"))
            d.await(OFFSET_FETCH, (s, v) -> fetch(group, v, null), m ->
                ((OffsetFetchResponseData) m).groups().get(0).errorCode() == 0);
    }

    private static OffsetCommitRequestData commit(Side s, String group, String member, int generation, short v, String topic,
                                                  long offset) {
        OffsetCommitRequestData.OffsetCommitRequestTopic t = new OffsetCommitRequestData.OffsetCommitRequestTopic()
            .setPartitions(List.of(new OffsetCommitRequestData.OffsetCommitRequestPartition().setPartitionIndex(0)
                    .setCommittedOffset(offset).setCommittedMetadata("m" + offset),
                new OffsetCommitRequestData.OffsetCommitRequestPartition().setPartitionIndex(9).setCommittedOffset(offset)));
        if (v >= 10) t.setTopicId(s.known.containsKey(topic) ? s.get(topic) : new Uuid(3, 3)); else t.setName(topic);
        return new OffsetCommitRequestData().setGroupId(group).setMemberId(member).setGenerationIdOrMemberEpoch(generation)
            .setTopics(List.of(t));
    }

    static OffsetFetchRequestData fetch(String group, short v, Uuid id, String... topics) {
        OffsetFetchRequestData r = new OffsetFetchRequestData();
        if (v < 8) {
            r.setGroupId(group).setTopics(null);
            if (topics.length > 0)
                r.setTopics(java.util.Arrays.stream(topics).map(t -> new OffsetFetchRequestData.OffsetFetchRequestTopic()
                    .setName(t).setPartitionIndexes(List.of(0, 1, 9))).toList());
            return r;
        }
        OffsetFetchRequestData.OffsetFetchRequestGroup g = new OffsetFetchRequestData.OffsetFetchRequestGroup()
            .setGroupId(group).setTopics(null);
        if (topics.length > 0)
            g.setTopics(java.util.Arrays.stream(topics).map(t -> {
                OffsetFetchRequestData.OffsetFetchRequestTopics q = new OffsetFetchRequestData.OffsetFetchRequestTopics()
                    .setPartitionIndexes(List.of(0, 1, 9));
                return v >= 10 ? q.setTopicId(id) : q.setName(t);
            }).toList());
        return r.setGroups(List.of(g));
    }

    private void offsetsWithoutMembers() throws IOException {
        d.ask("commit alone", OFFSET_COMMIT, (s, v) -> commit(s, "alone", "", -1, v, "group-topic", 40 + v));
        d.ask("commit to an unknown topic", OFFSET_COMMIT, (s, v) -> commit(s, "alone", "", -1, v, "unknown", 4));
        d.ask("commit with a generation", OFFSET_COMMIT, (s, v) -> commit(s, "alone", "", 4, v, "group-topic", 4));
        d.ask("commit as a member that is none", OFFSET_COMMIT, (s, v) -> commit(s, "alone", "nobody", 1, v, "group-topic", 4));
        d.ask("commit without a group", OFFSET_COMMIT, (s, v) -> commit(s, "", "", -1, v, "group-topic", 4));
        d.ask("fetch offsets", OFFSET_FETCH, (s, v) -> fetch("alone", v, s.get("group-topic"), "group-topic"));
        d.ask("fetch all offsets", OFFSET_FETCH, 2, 99, (s, v) -> fetch("alone", v, null), (s, m, v) -> { });
        d.ask("fetch offsets of an unknown topic", OFFSET_FETCH, (s, v) -> fetch("alone", v, new Uuid(3, 3), "unknown"));
        d.ask("fetch offsets of an unknown group", OFFSET_FETCH, (s, v) -> fetch("nowhere", v, s.get("records"), "records"));
        d.ask("fetch stable offsets", OFFSET_FETCH, 7, 99, (s, v) ->
            fetch("alone", v, s.get("group-topic"), "group-topic").setRequireStable(true), (s, m, v) -> { });
    }

    static JoinGroupRequestData join(String group, String member, String instance, String... protocols) {
        JoinGroupRequestData r = new JoinGroupRequestData().setGroupId(group).setMemberId(member).setProtocolType("consumer")
            .setSessionTimeoutMs(PATIENCE_MS).setRebalanceTimeoutMs(PATIENCE_MS).setGroupInstanceId(instance);
        for (String p : protocols)
            r.protocols().add(new JoinGroupRequestData.JoinGroupRequestProtocol().setName(p).setMetadata(p.getBytes()));
        return r;
    }

    static SyncGroupRequestData sync(String group, String member, int generation, boolean leader) {
        SyncGroupRequestData r = new SyncGroupRequestData().setGroupId(group).setMemberId(member).setGenerationId(generation);
        if (leader)
            r.setAssignments(List.of(new SyncGroupRequestData.SyncGroupRequestAssignment().setMemberId(member)
                .setAssignment("mine".getBytes())));
        return r;
    }

    /** One member's life in a group of its own for every version of JoinGroup. */
    private void members() throws IOException {
        d.ask("join", JOIN_GROUP, 0, 3, (s, v) -> join("g" + v, "", null, "range", "roundrobin"), (s, m, v) ->
            s.known.put("member-" + v, ((JoinGroupResponseData) m).memberId()));
        d.ask("join for an id", JOIN_GROUP, 4, 99, (s, v) -> join("g" + v, "", null, "range", "roundrobin"), (s, m, v) ->
            s.known.put("member-" + v, ((JoinGroupResponseData) m).memberId()));
        d.ask("join with the id", JOIN_GROUP, 4, 99, (s, v) -> join("g" + v, s.get("member-" + v), null, "range", "roundrobin"),
            (s, m, v) -> { });
        d.ask("sync", SYNC_GROUP, (s, v) -> {
            SyncGroupRequestData r = sync("g" + v, s.get("member-" + v), 1, true);
            return v >= 5 ? r.setProtocolType("consumer").setProtocolName("range") : r;
        });
        d.ask("sync with another protocol", SYNC_GROUP, 5, 99, (s, v) -> sync("g" + v, s.get("member-" + v), 1, false)
            .setProtocolType("consumer").setProtocolName("roundrobin"), (s, m, v) -> { });
        d.ask("heartbeat", HEARTBEAT, (s, v) -> new HeartbeatRequestData().setGroupId("g" + v)
            .setMemberId(s.get("member-" + v)).setGenerationId(1));
        d.ask("heartbeat of a wrong generation", HEARTBEAT, (s, v) -> new HeartbeatRequestData().setGroupId("g" + v)
            .setMemberId(s.get("member-" + v)).setGenerationId(5));
        d.ask("commit as a member", OFFSET_COMMIT, 2, 9, (s, v) -> commit(s, "g" + v, s.get("member-" + v), 1, v,
            "group-topic", v), (s, m, v) -> { });
        d.ask("commit of a wrong generation", OFFSET_COMMIT, 2, 9, (s, v) -> commit(s, "g" + v, s.get("member-" + v), 3, v,
            "group-topic", v), (s, m, v) -> { });
        d.ask("join again", JOIN_GROUP, 0, 99, (s, v) -> join("g" + v, s.get("member-" + v), null, "range"), (s, m, v) -> { });
        d.ask("join as a static member", JOIN_GROUP, 5, 99, (s, v) -> join("static" + v, "", "instance-" + v, "range"),
            (s, m, v) -> s.known.put("static-" + v, ((JoinGroupResponseData) m).memberId()));
        d.ask("describe groups", DESCRIBE_GROUPS, (s, v) -> new DescribeGroupsRequestData().setGroups(List.of("g" + v, "alone",
            "nowhere", "")));
        d.ask("leave", LEAVE_GROUP, 0, 2, (s, v) -> new LeaveGroupRequestData().setGroupId("g" + v)
            .setMemberId(s.get("member-" + v)), (s, m, v) -> { });
        d.ask("leave together", LEAVE_GROUP, 3, 99, (s, v) -> new LeaveGroupRequestData().setGroupId("g" + v).setMembers(List.of(
            new LeaveGroupRequestData.MemberIdentity().setMemberId(s.get("member-" + v)),
            new LeaveGroupRequestData.MemberIdentity().setMemberId("nobody"))), (s, m, v) -> { });
        d.ask("a static member leaves", LEAVE_GROUP, 3, 5, (s, v) -> new LeaveGroupRequestData().setGroupId("static" + (v + 2))
            .setMembers(List.of(new LeaveGroupRequestData.MemberIdentity().setMemberId("").setGroupInstanceId(
                "instance-" + (v + 2)))), (s, m, v) -> { });
    }

    private void refusals() throws IOException {
        d.ask("join without a group", JOIN_GROUP, (s, v) -> join("", "", null, "range"));
        d.ask("join as a member that is none", JOIN_GROUP, (s, v) -> join("g9", "nobody", null, "range"));
        d.ask("join for too short a session", JOIN_GROUP, (s, v) -> join("g9", "", null, "range").setSessionTimeoutMs(1));
        d.ask("join by another kind of protocol", JOIN_GROUP, (s, v) -> join("g9", "", null, "range").setProtocolType("connect"));
        d.ask("join by another protocol", JOIN_GROUP, (s, v) -> join("g9", "", null, "sticky"));
        d.ask("sync of an unknown group", SYNC_GROUP, (s, v) -> sync("nowhere", "nobody", 1, false));
        d.ask("sync without a group", SYNC_GROUP, (s, v) -> sync("", "nobody", 1, false));
        d.ask("heartbeat of an unknown group", HEARTBEAT, (s, v) -> new HeartbeatRequestData().setGroupId("nowhere")
            .setMemberId("nobody").setGenerationId(1));
        d.ask("leave an unknown group", LEAVE_GROUP, 0, 2, (s, v) -> new LeaveGroupRequestData().setGroupId("nowhere")
            .setMemberId("nobody"), (s, m, v) -> { });
        d.ask("leave together an unknown group", LEAVE_GROUP, 3, 99, (s, v) -> new LeaveGroupRequestData().setGroupId("nowhere")
            .setMembers(List.of(new LeaveGroupRequestData.MemberIdentity().setMemberId("nobody"))), (s, m, v) -> { });
    }

    private void administration() throws IOException {
        d.ask("list groups", LIST_GROUPS, (s, v) -> new ListGroupsRequestData());
        d.ask("list empty groups", LIST_GROUPS, 4, 99, (s, v) -> new ListGroupsRequestData().setStatesFilter(List.of("Empty")),
            (s, m, v) -> { });
        d.ask("list groups of an unknown state", LIST_GROUPS, 4, 99, (s, v) -> new ListGroupsRequestData()
            .setStatesFilter(List.of("Asleep")), (s, m, v) -> { });
        d.ask("list classic groups", LIST_GROUPS, 5, 99, (s, v) -> new ListGroupsRequestData()
            .setTypesFilter(List.of("classic")), (s, m, v) -> { });
        d.ask("delete offsets", OFFSET_DELETE, (s, v) -> {
            OffsetDeleteRequestData r = new OffsetDeleteRequestData().setGroupId("alone");
            r.topics().add(new OffsetDeleteRequestData.OffsetDeleteRequestTopic().setName("group-topic").setPartitions(List.of(
                new OffsetDeleteRequestData.OffsetDeleteRequestPartition().setPartitionIndex(0),
                new OffsetDeleteRequestData.OffsetDeleteRequestPartition().setPartitionIndex(7))));
            return r;
        });
        d.ask("delete offsets of an unknown group", OFFSET_DELETE, (s, v) -> new OffsetDeleteRequestData().setGroupId("nowhere"));
        /* Last, for Apache Kafka keeps the group that was asked for. */
        d.ask("join without a protocol", JOIN_GROUP, (s, v) -> join("empty" + v, "", null));
        d.ask("delete groups", DELETE_GROUPS, (s, v) -> new DeleteGroupsRequestData().setGroupsNames(List.of("g" + v, "g9",
            "nowhere", "")));
    }
}
