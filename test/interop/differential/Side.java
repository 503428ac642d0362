import com.fasterxml.jackson.databind.JsonNode;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.requests.RequestHeader;
import org.apache.kafka.common.requests.ResponseHeader;

/** One of the two brokers: a connection on which requests are made by Kafka's own classes, and what the cases
 * have learned from its answers. */
final class Side {
    static final int ANSWER_MS_MAX = 120_000;

    /** The broker closed the connection instead of answering, or did neither. */
    static final class NoAnswer extends IOException {
        NoAnswer(String why) {
            super(why);
        }
    }

    final String name;
    final int port;
    final Map<String, Object> known = new HashMap<>();
    final Labels labels = new Labels();
    private Socket socket;
    private int correlation;

    Side(String name, int port) {
        this.name = name;
        this.port = port;
    }

    @SuppressWarnings("unchecked")
    <T> T get(String key) {
        return (T) known.get(key);
    }

    ApiMessage call(ApiKeys key, short version, ApiMessage request) throws IOException {
        RequestHeader header = new RequestHeader(key, version, "differential", ++correlation);
        ByteBuffer body;
        try {
            body = MessageUtil.toByteBufferAccessor(request, version).buffer();
        } catch (NullPointerException e) {
            throw new UnsupportedVersionException("a null that this version cannot say");
        }
        ByteBuffer head = MessageUtil.toByteBufferAccessor(header.data(), header.headerVersion()).buffer();
        ByteBuffer answer = exchange(head, body);
        ResponseHeader parsed = ResponseHeader.parse(answer, key.responseHeaderVersion(version));
        if (parsed.correlationId() != correlation) throw new IOException("another request's answer");
        ApiMessage response = ApiMessageType.fromApiKey(key.id).newResponse();
        response.read(new ByteBufferAccessor(answer), version);
        if (answer.hasRemaining()) throw new IOException(answer.remaining() + " bytes behind the answer");
        return response;
    }

    /** A frame as it is. */
    ByteBuffer exchange(ByteBuffer... parts) throws IOException {
        try {
            if (socket == null) {
                socket = new Socket();
                socket.connect(new InetSocketAddress("127.0.0.1", port), ANSWER_MS_MAX);
                socket.setSoTimeout(ANSWER_MS_MAX);
                socket.setTcpNoDelay(true);
            }
            int length = 0;
            for (ByteBuffer part : parts) length += part.remaining();
            ByteBuffer frame = ByteBuffer.allocate(4 + length).putInt(length);
            for (ByteBuffer part : parts) frame.put(part.duplicate());
            new DataOutputStream(socket.getOutputStream()).write(frame.array());
            DataInputStream in = new DataInputStream(socket.getInputStream());
            byte[] answer = new byte[in.readInt()];
            in.readFully(answer);
            return ByteBuffer.wrap(answer);
        } catch (EOFException | SocketException e) {
            throw drop("the connection was closed");
        } catch (SocketTimeoutException e) {
            throw drop("no answer");
        }
    }

    private NoAnswer drop(String why) throws IOException {
        socket.close();
        socket = null;
        return new NoAnswer(why);
    }

    /** A response as JSON, by Kafka's own converters. */
    static JsonNode json(ApiMessage message, short version) {
        String data = message.getClass().getName();
        try {
            return (JsonNode) Class.forName(data + "JsonConverter")
                .getMethod("write", message.getClass(), short.class, boolean.class).invoke(null, message, version, false);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
