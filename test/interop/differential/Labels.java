import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What two brokers choose freely is shown by a name: members by the order in which they were first seen, ids that
 * the cases know, any others, times of today, ports. What is left must be equal. */
final class Labels {
    private static final long THIS_MILLENNIUM_MS = 1_600_000_000_000L;
    private static final String NO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";
    private static final Pattern UUID = Pattern.compile("[A-Za-z0-9_-]{21}[AQgw]");
    private static final Pattern LONG_UUID =
        Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");

    private final Map<String, String> names = new HashMap<>();
    private int unnamed;

    /** This text shall be shown as that. */
    void name(String text, String label) {
        names.put(text, label);
    }

    private String label(String kind, String text) {
        return names.computeIfAbsent(text, t -> "<" + kind + " " + ++unnamed + ">");
    }

    private String text(String field, String text) {
        if (names.containsKey(text)) return names.get(text);
        String seen = text;
        for (Map.Entry<String, String> e : names.entrySet())
            if (e.getKey().length() > 8) seen = seen.replace(e.getKey(), e.getValue());
        Matcher m = LONG_UUID.matcher(seen);
        if (m.find()) seen = m.replaceAll("<random>");
        if (field.equals("memberId") || field.equals("leader") || field.equals("clusterId")) {
            return text.isEmpty() ? text : label(field, text);
        }
        boolean id = field.endsWith("Id") || field.endsWith("topicId") || field.endsWith("DirectoryId");
        return id && !text.equals(NO_UUID) && UUID.matcher(text).matches() ? "<an id>" : seen;
    }

    JsonNode normal(String field, JsonNode node) {
        if (node.isObject()) {
            ObjectNode out = JsonNodeFactory.instance.objectNode();
            List<String> keys = new ArrayList<>();
            node.fieldNames().forEachRemaining(keys::add);
            keys.sort(Comparator.naturalOrder());
            for (String key : keys)
                if (!key.equals("throttleTimeMs")) out.set(key, normal(key, node.get(key)));
            return out;
        }
        if (node.isArray()) {
            List<JsonNode> items = new ArrayList<>();
            node.forEach(item -> items.add(normal(field, item)));
            /* The order of objects is that of a hash map, or of no meaning; that of numbers counts. */
            if (!items.isEmpty() && items.get(0).isObject()) items.sort(Comparator.comparing(JsonNode::toString));
            ArrayNode out = JsonNodeFactory.instance.arrayNode();
            items.forEach(out::add);
            return out;
        }
        if (field.equals("logDir")) return TextNode.valueOf("<a directory>");
        if (node.isTextual()) return TextNode.valueOf(text(field, node.textValue()));
        if (node.isNumber() && node.longValue() > THIS_MILLENNIUM_MS && node.longValue() < 2 * THIS_MILLENNIUM_MS)
            return TextNode.valueOf("<a time>");
        if (field.equals("usableBytes") || field.equals("totalBytes")) return TextNode.valueOf("<a disk's bytes>");
        if (field.equals("port")) return TextNode.valueOf("<a port>");
        if (field.equals("producerId") && node.longValue() >= 0)
            return TextNode.valueOf(label("producer", "producer " + node.longValue()));
        if (field.equals("sessionId") && node.longValue() > 0) return TextNode.valueOf("<a session>");
        return node;
    }
}
