// kafkajs. See ../scenario.md. It has gzip by itself and snappy by a plug-in.
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require("kafkajs");
CompressionCodecs[CompressionTypes.Snappy] = require("kafkajs-snappy");

const RECORDS = 10000;
const [bootstrap, prefix] = process.argv.slice(2);
const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
const valueOf = (i) => `v${i}-` + "x".repeat(i % 200);
const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy };

async function create(topic) {
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({
        waitForLeaders: true,
        topics: [{ topic, numPartitions: 4, replicationFactor: 1, configEntries: [{ name: "retention.ms", value: "-1" }] }],
    });
    await admin.disconnect();
}

async function produce(topic, compression) {
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const where = new Map();
    for (let base = 0; base < RECORDS; base += 500) {
        for (let p = 0; p < 4; p++) {
            const messages = [];
            for (let i = base + p; i < base + 500; i += 4)
                messages.push({ key: `k${i % 100}`, value: valueOf(i), headers: { h: String(i) },
                                timestamp: String(1700000000000 + i), partition: p });
            const [answer] = await producer.send({ topic, compression, acks: -1, messages });
            messages.forEach((m, n) =>
                where.set(`${p}@${BigInt(answer.baseOffset) + BigInt(n)}`, base + p + n * 4));
        }
    }
    await producer.disconnect();
    return where;
}

// Reads until it is disconnected, noting what it saw.
async function reader(topic, where, seen, wrong) {
    const consumer = kafka.consumer({ groupId: `g-${topic}`, sessionTimeout: 10000, rebalanceTimeout: 10000,
                                      heartbeatInterval: 500, maxWaitTimeInMs: 100, maxBytesPerPartition: 20000 });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    let mine = 0;
    await consumer.run({
        autoCommit: true, autoCommitThreshold: 100,
        eachMessage: async ({ partition, message }) => {
            const at = `${partition}@${message.offset}`;
            const i = where.get(at);
            if (i === undefined || message.value.toString() !== valueOf(i) || message.key.toString() !== `k${i % 100}`
                || message.headers.h.toString() !== String(i) || message.timestamp !== String(1700000000000 + i))
                wrong.push(at);
            seen.add(at);
            mine++;
        },
    });
    return { consumer, count: () => mine };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function consume(topic, where) {
    const seen = new Set(), wrong = [];
    const one = await reader(topic, where, seen, wrong);
    for (let n = 0; one.count() < 100 && n < 300; n++) await sleep(100);
    const two = await reader(topic, where, seen, wrong);
    for (let n = 0; (two.count() === 0 || seen.size < RECORDS / 2) && n < 300; n++) {
        if (seen.size >= RECORDS) break;
        await sleep(20);
    }
    await one.consumer.disconnect();
    await two.consumer.disconnect();
    const rest = new Set();
    const three = await reader(topic, where, rest, wrong);
    for (let n = 0; n < 300 && new Set([...seen, ...rest]).size < RECORDS; n++) await sleep(100);
    await three.consumer.disconnect();
    if (wrong.length) throw new Error(`${wrong.length} records differ: ${wrong.slice(0, 3)}`);
    const all = new Set([...seen, ...rest]);
    if (all.size !== RECORDS) throw new Error(`${RECORDS - all.size} records were never seen`);
    if (rest.size === RECORDS) throw new Error("the restarted consumer did not resume");
}

async function main() {
    for (const [codec, type] of Object.entries(codecs)) {
        const topic = `${prefix}-${codec}`;
        try {
            await create(topic);
            await consume(topic, await produce(topic, type));
            console.log(`ok kafkajs ${codec}`);
        } catch (e) {
            console.log(`FAIL kafkajs ${codec} ${e.message}`);
        }
    }
    process.exit(0);
}
main();
