/* Reads the lines of samples.c and holds each against Apache Kafka's own classes: a message must decode
 * whole, encode to the same bytes and print as the same JSON; errors, API versions and header versions
 * must be Kafka's. Ends with `N passed, N failed`. */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.HashSet;
import java.util.Set;

import org.apache.kafka.common.errors.InvalidMetadataException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

public class CodecOracle {
    private static final String[] PACKAGES = {
        "org.apache.kafka.common.message.",
        "org.apache.kafka.common.metadata.",
        "org.apache.kafka.coordinator.group.generated.",
        "org.apache.kafka.coordinator.share.generated.",
        "org.apache.kafka.coordinator.transaction.generated.",
        "org.apache.kafka.raft.generated.",
        "org.apache.kafka.server.log.remote.metadata.storage.generated.",
    };

    private static Class<?> find(String name) throws ClassNotFoundException {
        for (String pack : PACKAGES) {
            for (String suffix : new String[] {"Data", ""}) {
                try {
                    Class<?> found = Class.forName(pack + name + suffix);
                    if (Message.class.isAssignableFrom(found))
                        return found;
                } catch (ClassNotFoundException next) {
                    // in another package
                }
            }
        }
        throw new ClassNotFoundException(name);
    }

    private static String message(String[] words) throws Exception {
        Class<?> type = find(words[1]);
        short version = Short.parseShort(words[2]);
        byte[] bytes = words[3].equals("-") ? new byte[0] : HexFormat.of().parseHex(words[3]);
        Message message = (Message) type.getDeclaredConstructor().newInstance();
        ByteBufferAccessor in = new ByteBufferAccessor(ByteBuffer.wrap(bytes));
        message.read(in, version);
        if (in.remaining() != 0)
            return in.remaining() + " bytes are left";

        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer back = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(back), cache, version);
        if (!Arrays.equals(back.array(), bytes))
            return "Kafka encodes it as " + HexFormat.of().formatHex(back.array());

        Class<?> converter = Class.forName(type.getName() + "JsonConverter");
        String json = converter.getMethod("write", type, short.class).invoke(null, message, version).toString();
        return json.equals(words[4]) ? null : "Kafka prints it as " + json;
    }

    private static String error(String[] words) {
        Errors error = Errors.forCode(Short.parseShort(words[1]));
        Object exception = error.exception();
        String expected = String.join(" ", error.name(),
            exception == null ? "-" : exception.getClass().getSimpleName(),
            exception instanceof RetriableException ? "1" : "0",
            exception instanceof InvalidMetadataException ? "1" : "0");
        String actual = String.join(" ", Arrays.copyOfRange(words, 2, words.length));
        return actual.equals(expected) ? null : "in Kafka " + expected;
    }

    private static String api(String[] words) {
        ApiKeys key = ApiKeys.forId(Integer.parseInt(words[1]));
        String expected = key.name() + " " + key.name + " " + key.oldestVersion() + " "
            + key.latestVersion(true) + " " + key.latestVersion(false);
        String actual = String.join(" ", Arrays.copyOfRange(words, 2, words.length));
        return actual.equals(expected) ? null : "in Kafka " + expected;
    }

    private static String header(String[] words) {
        ApiKeys key = ApiKeys.forId(Integer.parseInt(words[1]));
        short version = Short.parseShort(words[2]);
        String expected = key.requestHeaderVersion(version) + " " + key.responseHeaderVersion(version);
        return (words[3] + " " + words[4]).equals(expected) ? null : "in Kafka " + expected;
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        int passed = 0, failed = 0;
        Set<String> errors = new HashSet<>(), apis = new HashSet<>();
        for (String line; (line = lines.readLine()) != null;) {
            String[] words = line.split(" ", line.startsWith("message ") ? 5 : -1);
            String complaint;
            try {
                complaint = switch (words[0]) {
                    case "message" -> message(words);
                    case "error" -> { errors.add(words[1]); yield error(words); }
                    case "api" -> { apis.add(words[1]); yield api(words); }
                    case "header" -> header(words);
                    default -> "unknown line";
                };
            } catch (Exception refused) {
                Throwable cause = refused.getCause() == null ? refused : refused.getCause();
                complaint = "Kafka refuses it: " + cause;
            }
            if (complaint == null) {
                passed++;
            } else {
                failed++;
                System.out.println(line + "\n    " + complaint);
            }
        }
        for (Errors error : Errors.values()) {
            if (!errors.contains(String.valueOf(error.code()))) {
                failed++;
                System.out.println("no " + error.name());
            }
        }
        for (ApiKeys key : ApiKeys.values()) {
            if (key.hasValidVersion() && !apis.contains(String.valueOf(key.id))) {
                failed++;
                System.out.println("no API " + key.name());
            }
        }
        System.out.println("codecs: " + passed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }
}
