// Functions that touch what is outside: requests, the log, clock and chance, the key-value
// store, settings.

package main

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"time"

	"pawl.dev/pawl"
)

var _ = pawl.Function(fetcher(), func(ctx pawl.Context, step pawl.Step) (any, error) {
	data, err := pawl.Data[struct{ URL string }](ctx.Event)
	if err != nil {
		return nil, err
	}
	get := pawl.Request{URL: data.URL, Headers: map[string]string{"x-language": "go"}}
	inside, err := pawl.Run(step, "get", func(pawl.Attempt) (fields, error) {
		answer, err := get.Send()
		if err != nil {
			return nil, err
		}
		return fields{"status": answer.Status, "body": answer.Text()}, nil
	})
	if err != nil {
		return nil, err
	}
	durable, err := step.Fetch("durable", pawl.Request{URL: data.URL})
	if err != nil {
		return nil, err
	}
	_, denied := get.Send()
	return fields{"inside": inside, "durable": durable.Status, "outside": fmt.Sprint(denied)}, nil
})

func fetcher() pawl.Config {
	config := on("fetcher")
	config.Hosts = []string{"127.0.0.1:*"}
	return config
}

var _ = pawl.Function(on("logger"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	pawl.Log.Info("before")
	_, err := pawl.Run(step, "work", func(pawl.Attempt) (int, error) {
		pawl.Log.Warn("inside", "order", "o_1")
		fmt.Println("printed")
		return 1, nil
	})
	if err != nil {
		return nil, err
	}
	if err := step.Sleep("nap", 50*ms); err != nil {
		return nil, err
	}
	pawl.Log.Error("after")
	return nil, nil
})

var _ = pawl.Function(on("clock"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	outside, err := timeAndChance()
	if err != nil {
		return nil, err
	}
	if err := step.Sleep("nap", 50*ms); err != nil {
		return nil, err
	}
	again, err := timeAndChance()
	if err != nil {
		return nil, err
	}
	inside, err := pawl.Run(step, "inside", func(pawl.Attempt) (int64, error) { return time.Now().UnixMilli(), nil })
	return fields{"outside": outside, "again": again, "inside": inside}, err
})

// timeAndChance are the milliseconds and a random number, as Go itself has them.
func timeAndChance() ([]int64, error) {
	number, err := rand.Int(rand.Reader, big.NewInt(1<<53))
	if err != nil {
		return nil, err
	}
	return []int64{time.Now().UnixMilli(), number.Int64()}, nil
}

var _ = pawl.Function(on("keys"), func(ctx pawl.Context, step pawl.Step) (any, error) {
	data, err := pawl.Data[struct{ Key, Value string }](ctx.Event)
	if err != nil {
		return nil, err
	}
	read, err := pawl.Run(step, "set", func(pawl.Attempt) (string, error) {
		bucket, err := pawl.OpenBucket()
		if err != nil {
			return "", err
		}
		if err := bucket.Set(data.Key, []byte(data.Value)); err != nil {
			return "", err
		}
		value, err := bucket.Get(data.Key)
		return string(value), err
	})
	if err != nil {
		return nil, err
	}
	exists, err := pawl.Run(step, "delete", func(pawl.Attempt) (bool, error) {
		bucket, err := pawl.OpenBucket()
		if err != nil {
			return false, err
		}
		if err := bucket.Delete(data.Key); err != nil {
			return false, err
		}
		return bucket.Exists(data.Key)
	})
	return fields{"read": read, "exists": exists}, err
})

var _ = pawl.Function(configured(), func(ctx pawl.Context, step pawl.Step) (any, error) {
	return pawl.Run(step, "read", func(pawl.Attempt) (string, error) {
		greeting, _, err := pawl.Setting("GREETING")
		return greeting, err
	})
})

func configured() pawl.Config {
	config := on("configured")
	config.Settings = []string{"GREETING"}
	return config
}
