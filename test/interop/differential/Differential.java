import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;

/** Asks Samsa and Apache Kafka the same in every version that both serve, and compares the answers field by field.
 *
 * <pre>java Differential SAMSA_PORT KAFKA_PORT ALLOWED [NAME]</pre>
 *
 * ALLOWED lists differences that are meant, one a line: a pattern of `case/version path`, ` # ` and the reason.
 * One that no run meets is a failure too, so the list stays true. Ends with `N passed, N failed`: fields compared. */
public final class Differential {
    interface Request {
        ApiMessage of(Side side, short version) throws IOException;
    }

    interface Seen {
        void look(Side side, ApiMessage answer, short version) throws IOException;
    }

    static final class Allowed {
        final Pattern pattern;
        final String line;
        boolean met;

        Allowed(String line) {
            this.line = line;
            pattern = Pattern.compile(line.split(" # ", 2)[0].trim());
        }
    }

    static final int AWAIT_TRIES = 2400;

    final Side samsa, kafka;
    private final List<Allowed> allowed = new ArrayList<>();
    private final Map<ApiKeys, short[]> common = new TreeMap<>();
    private final String only;
    private int passed, failed, settled;

    Differential(int samsaPort, int kafkaPort, String only) {
        samsa = new Side("Samsa", samsaPort);
        kafka = new Side("Apache Kafka", kafkaPort);
        this.only = only;
    }

    private Map<ApiKeys, short[]> served(Side side) throws IOException {
        Map<ApiKeys, short[]> ranges = new TreeMap<>();
        ApiVersionsRequestData request = new ApiVersionsRequestData().setClientSoftwareName("differential")
            .setClientSoftwareVersion("1");
        ApiMessage answer = side.call(ApiKeys.API_VERSIONS, (short) 4, request);
        for (ApiVersionsResponseData.ApiVersion v : ((ApiVersionsResponseData) answer).apiKeys())
            if (ApiKeys.hasId(v.apiKey()))
                ranges.put(ApiKeys.forId(v.apiKey()), new short[] {v.minVersion(), v.maxVersion()});
        return ranges;
    }

    /** Every API that Samsa advertises must be Kafka's, in the same versions. */
    private void negotiate() throws IOException {
        Map<ApiKeys, short[]> theirs = served(kafka);
        served(samsa).forEach((key, range) -> {
            short[] their = theirs.getOrDefault(key, new short[] {-1, -1});
            compare("ApiVersions/4", "." + key.name, range[0] + "-" + range[1], their[0] + "-" + their[1]);
            short least = (short) Math.max(Math.max(range[0], their[0]), key.oldestVersion());
            short most = (short) Math.min(Math.min(range[1], their[1]), key.latestVersion(true));
            common.put(key, new short[] {least, most});
        });
    }

    private void compare(String at, String path, String ours, String theirs) {
        if (ours.equals(theirs)) {
            passed++;
            return;
        }
        for (Allowed a : allowed) {
            if (a.pattern.matcher(at + " " + path).matches()) {
                a.met = true;
                passed++;
                return;
            }
        }
        failed++;
        System.out.println("FAIL " + at + " " + path + ": Samsa " + ours + ", Apache Kafka " + theirs);
    }

    private void compare(String at, String path, JsonNode ours, JsonNode theirs) {
        if (ours.isObject() && theirs.isObject()) {
            theirs.fieldNames().forEachRemaining(
                f -> compare(at, path + "." + f, ours.path(f), theirs.path(f)));
        } else if (ours.isArray() && theirs.isArray()) {
            compare(at, path + "[]", String.valueOf(ours.size()), String.valueOf(theirs.size()));
            for (int i = 0; i < Math.max(ours.size(), theirs.size()); i++) {
                if (ours.size() == theirs.size())
                    compare(at, path + "[" + i + "]", ours.get(i), theirs.get(i));
                else if (i >= ours.size() || i >= theirs.size())
                    System.out.println("     only one has: " + (i < ours.size() ? ours : theirs).get(i));
            }
        } else {
            compare(at, path, ours.toString(), theirs.toString());
        }
    }

    private JsonNode answer(Side side, ApiKeys key, short version, Request request, Seen seen) throws IOException {
        try {
            ApiMessage message = side.call(key, version, request.of(side, version));
            seen.look(side, message, version);
            return side.labels.normal("", Records.json(message, version));
        } catch (Side.NoAnswer e) {
            return TextNode.valueOf(e.getMessage());
        }
    }

    /** The same request in every version that both serve and that can say it. `seen` may learn from an answer. */
    void ask(String name, ApiKeys key, int least, int most, Request request, Seen seen) throws IOException {
        if (only != null && !name.contains(only) && !name.startsWith("set up")) return;
        short[] range = common.get(key);
        if (range == null) throw new IOException("Samsa does not serve " + key);
        boolean said = false;
        for (short v = (short) Math.max(least, range[0]); v <= Math.min(most, range[1]); v++) {
            JsonNode ours, theirs;
            try {
                theirs = answer(kafka, key, v, request, seen);
            } catch (UnsupportedVersionException e) {
                continue; // this version has no words for it
            }
            ours = answer(samsa, key, v, request, seen);
            said = true;
            compare(name + "/" + v, "", ours, theirs);
        }
        if (!said) compare(name, "", "asked in no version", "asked in some");
    }

    void ask(String name, ApiKeys key, Request request) throws IOException {
        ask(name, key, 0, Short.MAX_VALUE, request, (side, answer, version) -> { });
    }

    /** Once, in the newest version. */
    void once(String name, ApiKeys key, Request request, Seen seen) throws IOException {
        int newest = common.get(key)[1];
        ask(name, key, newest, newest, request, seen);
    }

    void once(String name, ApiKeys key, Request request) throws IOException {
        once(name, key, request, (side, answer, version) -> { });
    }

    interface Ready {
        boolean is(ApiMessage answer);
    }

    /** Asks each until it is ready. */
    void await(ApiKeys key, Request request, Ready ready) throws IOException {
        short version = newest(key);
        for (Side side : List.of(kafka, samsa))
            for (int i = 0; !ready.is(side.call(key, version, request.of(side, version))); i++)
                try {
                    if (i == AWAIT_TRIES) throw new IOException(side.name + " does not become ready: " + key);
                    Thread.sleep(50);
                } catch (InterruptedException e) {
                    throw new IOException(e);
                }
    }

    /** What the controllers have done, the brokers know. The first new topic shows that an update has begun, the
     * second that it has ended. */
    void settle() throws IOException {
        for (int i = 0; i < 2; i++) {
            String name = "settled-" + settled++;
            for (Side side : List.of(kafka, samsa))
                side.call(ApiKeys.CREATE_TOPICS, newest(ApiKeys.CREATE_TOPICS), TopicCases.create(false, TopicCases.topic(name, 1, 1)));
            await(ApiKeys.METADATA, (s, v) -> TopicCases.names(false, name), m ->
                ((MetadataResponseData) m).topics().iterator().next().errorCode() == 0);
        }
    }

    void compareText(String name, String ours, String theirs) {
        if (only == null || name.contains(only)) compare(name, "", ours, theirs);
    }

    short newest(ApiKeys key) {
        return common.get(key)[1];
    }

    public static void main(String[] arguments) throws Exception {
        Differential d = new Differential(Integer.parseInt(arguments[0]), Integer.parseInt(arguments[1]),
            arguments.length > 3 ? arguments[3] : null);
        for (String line : Files.readAllLines(Path.of(arguments[2])))
            if (!line.isBlank() && !line.startsWith("#")) d.allowed.add(new Allowed(line));
        d.negotiate();
        new TopicCases(d).run();
        new RecordCases(d).run();
        new GroupCases(d).run();
        new ClusterCases(d).run();
        new EdgeCases(d).run();
        new OddCases(d).run();
        for (Allowed a : d.allowed) {
            if (a.met || d.only != null) continue;
            d.failed++;
            System.out.println("FAIL nothing differs by: " + a.line);
        }
        System.out.println(d.passed + " passed, " + d.failed + " failed");
        System.exit(d.failed == 0 ? 0 : 1);
    }
}
