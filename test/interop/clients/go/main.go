// franz-go. See ../scenario.md.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const records = 10000

var bootstrap string

type at struct {
	partition int32
	offset    int64
}

func value(i int) string { return fmt.Sprintf("v%d-%s", i, strings.Repeat("x", i%200)) }

func create(ctx context.Context, topic string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return err
	}
	defer client.Close()
	forever := "-1"
	answers, err := kadm.NewClient(client).CreateTopics(ctx, 4, 1, map[string]*string{"retention.ms": &forever}, topic)
	if err != nil {
		return err
	}
	return answers[topic].Err
}

func produce(ctx context.Context, topic string, codec kgo.CompressionCodec) (map[at]int, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ProducerBatchCompression(codec),
		kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	where := map[at]int{}
	var lock sync.Mutex
	var failed error
	for i := 0; i < records; i++ {
		i := i
		client.Produce(ctx, &kgo.Record{
			Topic: topic, Key: []byte(fmt.Sprintf("k%d", i%100)), Value: []byte(value(i)),
			Headers:   []kgo.RecordHeader{{Key: "h", Value: []byte(fmt.Sprint(i))}},
			Timestamp: time.UnixMilli(1700000000000 + int64(i)),
		}, func(r *kgo.Record, err error) {
			lock.Lock()
			defer lock.Unlock()
			if err != nil {
				failed = err
				return
			}
			where[at{r.Partition, r.Offset}] = i
		})
	}
	if err := client.Flush(ctx); err != nil {
		return nil, err
	}
	if failed == nil && len(where) != records {
		failed = fmt.Errorf("%d records have an offset", len(where))
	}
	return where, failed
}

type reader struct {
	client *kgo.Client
	where  map[at]int
	seen   map[at]bool
	last   map[int32]int64
}

func open(topic string, where map[at]int) (*reader, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumerGroup("g-"+topic), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.FetchMaxPartitionBytes(20000),
		kgo.SessionTimeout(10*time.Second), kgo.HeartbeatInterval(500*time.Millisecond))
	return &reader{client, where, map[at]bool{}, map[int32]int64{}}, err
}

func (r *reader) take(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	var wrong error
	r.client.PollRecords(ctx, 200).EachRecord(func(m *kgo.Record) {
		i, known := r.where[at{m.Partition, m.Offset}]
		if !known || string(m.Value) != value(i) || string(m.Key) != fmt.Sprintf("k%d", i%100) ||
			m.Timestamp.UnixMilli() != 1700000000000+int64(i) || len(m.Headers) != 1 ||
			string(m.Headers[0].Value) != fmt.Sprint(i) {
			wrong = fmt.Errorf("record at %d@%d differs", m.Partition, m.Offset)
		}
		r.seen[at{m.Partition, m.Offset}] = true
		r.last[m.Partition] = m.Offset
	})
	return wrong
}

func union(a, b map[at]bool) map[at]bool {
	u := map[at]bool{}
	for k := range a {
		u[k] = true
	}
	for k := range b {
		u[k] = true
	}
	return u
}

func consume(ctx context.Context, topic string, where map[at]int) error {
	one, err := open(topic, where)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(60 * time.Second)
	for len(one.seen) < 100 && time.Now().Before(deadline) {
		if err := one.take(ctx); err != nil {
			return err
		}
	}
	two, err := open(topic, where)
	if err != nil {
		return err
	}
	for (len(union(one.seen, two.seen)) < records/2 || len(two.seen) == 0) && time.Now().Before(deadline) {
		if len(one.seen) < records/2 {
			if err := one.take(ctx); err != nil {
				return err
			}
		}
		if err := two.take(ctx); err != nil {
			return err
		}
	}
	if len(two.seen) == 0 {
		return fmt.Errorf("the second member was given nothing")
	}
	for _, r := range []*reader{one, two} {
		if err := r.client.CommitUncommittedOffsets(ctx); err != nil {
			return err
		}
		r.client.Close()
	}
	before := union(one.seen, two.seen)
	three, err := open(topic, where)
	if err != nil {
		return err
	}
	defer three.client.Close()
	for len(union(before, three.seen)) < records && time.Now().Before(deadline) {
		if err := three.take(ctx); err != nil {
			return err
		}
	}
	if n := len(union(before, three.seen)); n != records {
		return fmt.Errorf("%d records were never seen", records-n)
	}
	if len(three.seen) == records {
		return fmt.Errorf("the restarted consumer did not resume")
	}
	return nil
}

func main() {
	bootstrap = os.Args[1]
	ctx := context.Background()
	codecs := []struct {
		name  string
		codec kgo.CompressionCodec
	}{{"none", kgo.NoCompression()}, {"gzip", kgo.GzipCompression()}, {"snappy", kgo.SnappyCompression()},
		{"lz4", kgo.Lz4Compression()}, {"zstd", kgo.ZstdCompression()}}
	for _, c := range codecs {
		topic := os.Args[2] + "-" + c.name
		err := create(ctx, topic)
		var where map[at]int
		if err == nil {
			where, err = produce(ctx, topic, c.codec)
		}
		if err == nil {
			err = consume(ctx, topic, where)
		}
		if err == nil {
			fmt.Println("ok franz-go", c.name)
		} else {
			fmt.Println("FAIL franz-go", c.name, err)
		}
	}
}
